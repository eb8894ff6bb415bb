"""A server that refuses for a while, or is lost while a run opens and plans, is waited for; what would fail again is not."""

import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from threading import Timer

import pytest

import dbferry
from command import Command, moved, refused
from faults.ends import PLAIN, served
from faults.moments import Said, Stage
from faults.points import START
from faults.proxy import Proxy
from servers.database import Database, ServerDatabase
from servers.postgres import PostgresServer
from servers.server import HOST

Make = Callable[[str], Database]
SERVERS = ("postgresql", "mariadb", "mysql")
CATALOG = {
    "postgresql": START + rb"\s*SELECT x\.indexrelid",
    "mariadb": rb"FROM information_schema\.statistics",
    "mysql": rb"FROM information_schema\.statistics",
}
SECOND = ["--retry-seconds", "30", "--json"]


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path)


def filled(db: Database) -> Database:
    db.sql("CREATE TABLE t (id int NOT NULL PRIMARY KEY); INSERT INTO t VALUES (1), (2)")
    return db


def notes(command: Command, source: str, target: str) -> list[str]:
    """What a run has got over, that ends well."""
    result = moved(command("migrate", source, target, *SECOND))
    assert result.tables()["t"]["target_rows"] == 2
    return [note for note in result.json["notes"] if note.startswith("tried again")]


@pytest.mark.parametrize("stage", [Stage.BEFORE, Stage.UNANSWERED])
@pytest.mark.parametrize("side", ["source", "target"])
@pytest.mark.parametrize("engine", SERVERS)
def test_a_catalog_whose_reading_is_cut_off_is_read_again(
    command: Command, database: Make, engine: str, side: str, stage: Stage
) -> None:
    db = database(engine)
    other = database("sqlite")
    source, target = (db, other) if side == "source" else (other, db)
    filled(source)
    with ExitStack() as stack:
        end = served(db, stack)
        moment = Said(CATALOG[engine], 1, stage, lambda: None)
        end.proxy.arm(moment=moment)
        urls = [end.url if each is db else each.url for each in (source, target)]
        told = notes(command, *urls)
        assert end.proxy.struck == [str(moment)]
    assert len(told) == 1, told
    assert f"tried again 1 times: {side}: " in told[0]


def healed_by(source: str, target: str, mend: Callable[[], object]) -> list[str]:
    """What a run has got over that ends well, whose trouble is mended when it has met it."""
    waiting: list[str] = []

    def watch(progress: dbferry.Progress) -> None:
        if progress.warning and not waiting:
            waiting.append(progress.warning)
            mend()

    report = dbferry.migrate(source, target, retry_seconds=30, progress=watch)
    assert report.rows == 2
    assert waiting
    return [note for note in report.notes if note.startswith("tried again")]


def test_a_server_that_has_no_connection_left_is_waited_for(
    postgres: PostgresServer, pg_db: Database, sqlite_db: Database
) -> None:
    filled(pg_db)
    assert isinstance(pg_db, ServerDatabase)
    pg_db.sql(
        f"CREATE ROLE narrow LOGIN PASSWORD 'pw' CONNECTION LIMIT 0; GRANT CONNECT ON DATABASE {pg_db.name} TO narrow;"
        "GRANT SELECT ON t TO narrow"
    )
    try:
        url = postgres.url(pg_db.name, user="narrow", password="pw")
        more = partial(pg_db.sql, "ALTER ROLE narrow CONNECTION LIMIT 20")
        told = healed_by(url, sqlite_db.url, more)
        assert "source: too many connections for role" in told[0]
    finally:
        pg_db.sql("DROP OWNED BY narrow; DROP ROLE narrow")


@pytest.mark.parametrize("engine", SERVERS)
def test_a_server_that_refuses_for_a_moment_is_waited_for(
    database: Make, sqlite_db: Database, engine: str
) -> None:
    db = filled(database(engine))
    assert isinstance(db, ServerDatabase)
    with ExitStack() as stack:
        taken = socket.socket()
        taken.bind((HOST, 0))
        port = taken.getsockname()[1]

        def listen() -> None:
            taken.close()
            stack.enter_context(Proxy(db.server.port, port))

        url = f"{db.url.replace(f':{db.server.port}/', f':{port}/')}?{PLAIN[engine]}"
        told = healed_by(url, sqlite_db.url, listen)
    assert "source: can't connect to" in told[0]


def test_who_goes_on_refusing_is_given_up_soon(command: Command, sqlite_db: Database) -> None:
    """The address may be wrong."""
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        url = f"postgresql://me:pw@{HOST}:{taken.getsockname()[1]}/shop"
        started = time.monotonic()
        refused(command("migrate", url, sqlite_db.url), 1, "can't connect to")
    assert time.monotonic() - started < 60


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("me:pw@nowhere.invalid/shop", "nowhere.invalid"),
        ("{user}:wrong@{host}/{name}", "password"),
        ("{user}:{password}@{host}/nosuchdatabase", "nosuchdatabase"),
    ],
)
def test_what_would_fail_again_fails_at_once(
    command: Command, pg_db: Database, sqlite_db: Database, end: str, said: str
) -> None:
    """No back-off is as short as this."""
    assert isinstance(pg_db, ServerDatabase)
    user, _, rest = pg_db.url.removeprefix("postgresql://").partition(":")
    password, _, place = rest.partition("@")
    host, _, name = place.partition("/")
    url = "postgresql://" + end.format(user=user, password=password, host=host, name=name)
    started = time.monotonic()
    result = refused(command("migrate", url, sqlite_db.url, "--json"), 1, said)
    assert time.monotonic() - started < 30
    assert "tried again" not in result.err + result.out


@pytest.mark.parametrize("verb", [["plan"], ["assess"], ["quarantine", "retry"]])
def test_whoever_only_looks_waits_for_a_server_as_a_run_does(
    command: Command,
    postgres: PostgresServer,
    pg_db: Database,
    sqlite_db: Database,
    verb: list[str],
) -> None:
    filled(pg_db)
    pg_db.sql(
        f"CREATE ROLE narrow LOGIN PASSWORD 'pw' CONNECTION LIMIT 0; GRANT CONNECT ON DATABASE {pg_db.name} TO narrow;"
        "GRANT SELECT ON t TO narrow"
    )
    sqlite_db.sql("CREATE TABLE other (id integer PRIMARY KEY)")
    more = Timer(1, partial(pg_db.sql, "ALTER ROLE narrow CONNECTION LIMIT 20"))
    try:
        url = postgres.url(pg_db.name, user="narrow", password="pw")
        more.start()
        result = command(*verb, url, sqlite_db.url)
        assert more.finished.is_set()
        assert result.code in (0, 4), result.err
    finally:
        more.join()
        pg_db.sql("DROP OWNED BY narrow; DROP ROLE narrow")
