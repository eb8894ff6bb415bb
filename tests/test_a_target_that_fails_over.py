"""A target with several hosts: a standby is passed over, and waited for until it is the primary."""

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from time import sleep

import pytest

from command import Command, moved
from faults.compare import differences
from faults.moments import Stage
from faults.points import at
from faults.proxy import Proxy
from faults.sources import make_source
from fill import insert
from servers.database import Database, ServerDatabase
from servers.postgres import PostgresServer
from servers.server import wait_until
from servers.standby import Standby, followed

Make = Callable[[str], Database]
Pair = tuple[PostgresServer, Standby]


@pytest.fixture
def pair() -> Iterator[Pair]:
    with followed() as both_of_them:
        yield both_of_them


def both(first: int, second: int, db: ServerDatabase) -> str:
    """The URL of a database at two ports."""
    url = db.url.replace(f":{db.server.port}/", f":{first},{db.server.host}:{second}/")
    return f"{url}?sslmode=disable"


def follow(db: ServerDatabase, standby: Standby) -> None:
    """Until the standby has the database."""
    made = f"SELECT 1 FROM pg_database WHERE datname = '{db.name}'"
    wait_until(lambda: bool(standby.sql("postgres", made)), "the standby follows")


def test_a_standby_that_is_named_first_is_passed_over(
    pair: Pair, database: Make, tmp_path: Path
) -> None:
    primary, standby = pair
    source, target = database("sqlite"), ServerDatabase(primary)
    make_source(source, seed=1, people=100)
    follow(target, standby)
    moved(Command(tmp_path)("migrate", source.url, both(standby.port, primary.port, target)))
    assert differences(source, target) == []


class Inherited(ServerDatabase):
    """A database as the standby has it."""

    def __init__(self, server: Standby, name: str) -> None:
        self.server, self.engine, self.name = server, server.scheme, name


@pytest.mark.parametrize("behind", [False, True])
def test_a_run_goes_on_in_the_new_primary(
    behind: bool, pair: Pair, database: Make, tmp_path: Path
) -> None:
    """`behind`: what the old one has committed last has not come to the new one."""
    primary, standby = pair
    source, target = database("sqlite"), ServerDatabase(primary)
    make_source(source, seed=1, people=400)
    # Some of its ranges are among those that the new one knows nothing of.
    source.sql("CREATE TABLE amiss (id integer PRIMARY KEY, word text)")
    insert(source, "amiss", ((n, "a\0b") for n in range(600)))
    follow(target, standby)

    def stop_to_follow() -> None:
        standby.sql("postgres", "ALTER SYSTEM SET primary_conninfo = ''")
        standby.sql("postgres", "SELECT pg_reload_conf()")
        wait_until(
            lambda: not standby.sql("postgres", "SELECT 1 FROM pg_stat_wal_receiver"), "it stops"
        )
        proxy.arm(moment=at("the commit of a range", 70, Stage.AFTER, fail_over))

    def fail_over() -> None:
        primary.kill()
        Thread(target=inherit).start()

    def inherit() -> None:
        sleep(1)
        standby.sql("postgres", "SELECT pg_promote()")

    first = at("the commit of a range", 4, Stage.AFTER, stop_to_follow if behind else fail_over)
    with Proxy(primary.port) as proxy:
        proxy.arm(moment=first)
        options = ["--range-rows", "30", "--retry-seconds", "60", "--json"]
        # One writer, which waits in the proxy while the standby stops to follow.
        options += ["--on-loss", "amiss.word:S-NUL=null", "--workers", "1"]
        url = both(proxy.port, standby.port, target)
        report = moved(Command(tmp_path)("migrate", source.url, url, *options)).json
    assert any(" target: " in note for note in report["notes"])
    [amiss] = [table for table in report["tables"] if table["source"] == "main.amiss"]
    assert [warning["rows"] for warning in amiss["warnings"]] == [600]
    assert differences(source, Inherited(standby, target.name)) == []
