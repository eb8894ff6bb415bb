"""A server that is restarted or killed in the middle of a run is waited for, and the run ends well by itself."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from command import Command, moved
from faults.compare import differences
from faults.ends import served
from faults.moments import Moment, Passed, Stage
from faults.outages import Outage
from faults.points import at
from faults.sources import make_source
from servers.database import Database, ServerDatabase
from servers.mariadb import MariadbServer
from servers.postgres import PostgresServer
from servers.server import Server

SAFE = {PostgresServer: "--full_page_writes=on", MariadbServer: "--innodb-doublewrite=ON"}
"""No page is ever half written."""


@pytest.fixture(scope="module", params=list(SAFE))
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with request.param(SAFE[request.param]) as own:
        yield own


@pytest.fixture
def db(server: Server) -> Iterator[Database]:
    made = ServerDatabase(server)
    yield made
    made.drop()


@pytest.mark.parametrize("side", ["source", "target"])
@pytest.mark.parametrize("way", ["stop", "kill"])
def test_the_run_ends_well(
    side: str,
    way: str,
    server: Server,
    db: Database,
    database: Callable[[str], Database],
    tmp_path: Path,
) -> None:
    source, target = (db, database("sqlite")) if side == "source" else (database("sqlite"), db)
    make_source(source, seed=1, people=500)
    outage = Outage(server, getattr(server, way), seconds=0.5)
    moment: Moment = Passed(100_000, outage)
    if side == "target":
        moment = at("the commit of a range", 3, Stage.UNANSWERED, outage)
    with ExitStack() as stack:
        end = served(db, stack)
        urls = [end.url if each is db else each.url for each in (source, target)]
        end.proxy.arm(moment=moment)
        options = ["--range-rows", "30", "--retry-seconds", "60", "--json"]
        result = Command(tmp_path)("migrate", *urls, *options)
        assert end.proxy.struck == [str(moment)], f"never came: {moment}"
        outage.over()
    notes = [note for note in moved(result).json["notes"] if note.startswith("tried again")]
    assert any(f" {side}: " in note for note in notes), notes
    assert differences(source, target) == []


def test_what_a_crash_has_emptied_is_not_called_done(
    database: Callable[[str], Database], tmp_path: Path
) -> None:
    source = database("postgresql")
    source.sql(
        "CREATE UNLOGGED TABLE t (n int); INSERT INTO t SELECT * FROM generate_series(1, 100);"
        "CREATE INDEX by_n ON t (n); CREATE TABLE u (n int); INSERT INTO u VALUES (1)"
    )
    with PostgresServer(SAFE[PostgresServer]) as server, ExitStack() as stack:
        target = ServerDatabase(server)
        end = served(target, stack)
        outage = Outage(server, server.kill, seconds=0.5)
        end.proxy.arm(moment=at("an index", 1, Stage.BEFORE, outage))
        result = Command(tmp_path)("migrate", source.url, end.url, "--retry-seconds", "60")
        outage.over()
        assert result.code == 3
        assert "`public.t` (100 rows in the source, 0 in the target)" in result.err
        assert "a crash of the target's server has emptied what is UNLOGGED" in result.err
        again = Command(tmp_path)("migrate", source.url, end.url, "--prepare", "truncate")
        assert again.code == 0, again.err
        assert target.rows("SELECT (SELECT count(*) FROM t), (SELECT count(*) FROM u)") == [
            (100, 1)
        ]
