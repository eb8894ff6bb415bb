"""What a busy source asks of its guest: no more than so much a second, so many sessions, and a rest when it is in trouble."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

import pytest

import fill
from command import Command, moved, refused
from servers.database import Database, ServerDatabase
from servers.mariadb import MariadbServer
from servers.mysql import MysqlServer
from servers.mysql_family import MysqlFamilyServer
from servers.postgres import PostgresServer
from servers.server import wait_until
from servers.standby import Standby, followed

Make = Callable[[str], Database]
ROWS = 20_000
OFTEN = (
    "from dbferry import guest; guest.EVERY_SECONDS, guest.GONE_SECONDS = 0.2, 1.0; "
    "from dbferry.__main__ import main; main()"
)
"""The command, which asks ten times as often, and waits a tenth for an answer."""


@pytest.fixture
def filled(database: Make) -> Make:
    def make(engine: str) -> Database:
        db = database(engine)
        fill_table(db)
        return db

    return make


def fill_table(db: Database) -> None:
    db.sql("CREATE TABLE t (id integer PRIMARY KEY, word varchar(60))")
    fill.insert(db, "t", ((n, f"word {n:050}") for n in range(ROWS)))


@pytest.mark.parametrize(
    ("pair", "rate"),
    [
        ("postgresql mariadb", "20000 rows"),
        ("sqlite duckdb", "1400 kB/s"),
        ("sqlite duckdb", "20000 rows"),
        ("mariadb mariadb", "1400 kB/s"),
    ],
)
def test_a_rate_is_kept(
    dbferry: Command, filled: Make, database: Make, pair: str, rate: str
) -> None:
    one, other = pair.split()
    small = ["--batch-rows", "500"]
    report = moved(
        dbferry.migrate(filled(one), database(other), "--max-rate", rate, *small, "--json")
    ).json
    # 20,000 rows of some 60 bytes: a second by either.
    assert 0.75 <= report["totals"]["seconds"] <= 7


def test_no_more_sessions_are_opened_than_allowed(
    dbferry: Command, filled: Make, database: Make, postgres: PostgresServer
) -> None:
    source, target = filled("postgresql"), database("postgresql")
    assert isinstance(source, ServerDatabase)
    assert isinstance(target, ServerDatabase)
    source.sql("CREATE INDEX by_word ON t (word)")
    source.sql("CREATE TABLE u AS SELECT * FROM t; CREATE INDEX also ON u (word); ANALYZE")
    seen: dict[str, int] = {source.name: 0, target.name: 0}
    over = threading.Event()

    def watch() -> None:
        count = "SELECT datname, count(*) FROM pg_stat_activity WHERE application_name ~ '^dbferry' GROUP BY 1"
        while not over.wait(0.02):
            for name, sessions in postgres.sql("postgres", count):
                if name in seen:
                    seen[name] = max(seen[name], int(sessions))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        options = ["--max-connections", "5", "--workers", "8", "--range-rows", "20"]
        rest = ["--max-load", "90", "--max-rate", "30000 rows", "--batch-rows", "500"]
        moved(dbferry.migrate(source, target, *options, *rest))
    finally:
        over.set()
        watcher.join()
    assert 4 <= seen[source.name] <= 5
    assert 4 <= seen[target.name] <= 5


@pytest.mark.parametrize("engine", ["postgresql", "mariadb", "mysql"])
def test_the_copy_rests_while_others_are_at_work(
    dbferry: Command, filled: Make, database: Make, engine: str
) -> None:
    source = filled(engine)
    sleep = "SELECT pg_sleep(2)" if engine == "postgresql" else "SELECT SLEEP(2)"
    busy = [threading.Thread(target=source.rows, args=(sleep,)) for _ in range(3)]
    for thread in busy:
        thread.start()
    time.sleep(0.3)
    try:
        args = (source, database("sqlite"), "--batch-rows", "500", "--max-load", "2", "--json")
        report = moved(dbferry.migrate(*args, code=OFTEN)).json
    finally:
        for thread in busy:
            thread.join()
    [note] = [note for note in report["notes"] if note.startswith("rested")]
    assert "3 sessions at work in the source, above 2" in note
    # Alone, a tenth of a second.
    assert report["totals"]["seconds"] > 1


@pytest.fixture(scope="module")
def started() -> Iterator[tuple[PostgresServer, Standby]]:
    with followed() as both:
        yield both


TIMEOUTS = (
    "wait_timeout", "max_statement_time", "idle_transaction_timeout", "idle_readonly_transaction_timeout",
    "idle_write_transaction_timeout",
)  # fmt: skip


def test_timeouts_of_mariadb_are_off(dbferry: Command, filled: Make, database: Make) -> None:
    source = filled("mariadb")
    before = [source.rows(f"SELECT @@GLOBAL.{name}")[0][0] for name in TIMEOUTS]
    try:
        for name in TIMEOUTS:
            source.sql(f"SET GLOBAL {name} = 1")
        # A batch takes more than the second after which an idle transaction would be ended.
        slow = ["--max-rate", "6000 rows", "--batch-rows", "7000", "--retries", "0"]
        report = moved(dbferry.migrate(source, database("sqlite"), *slow, "--json")).json
    finally:
        for name, value in zip(TIMEOUTS, before, strict=True):
            source.sql(f"SET GLOBAL {name} = {value}")
    assert not any("tried again" in note for note in report["notes"])


@pytest.fixture
def standby(started: tuple[PostgresServer, Standby]) -> tuple[PostgresServer, Standby]:
    """A server and its replica, which may have been killed by another test."""
    _, replica = started
    replica.start()
    replica.sql("postgres", "SELECT pg_wal_replay_resume()")
    return started


@pytest.mark.parametrize("asked", ["the source", "the replica"])
def test_the_copy_rests_while_a_postgresql_replica_is_behind(
    dbferry: Command, database: Make, standby: tuple[PostgresServer, Standby], asked: str
) -> None:
    primary, replica = standby
    source = ServerDatabase(primary)
    fill_table(source)
    replica.sql("postgres", "SELECT pg_wal_replay_pause()")
    named = ["--replica", replica.url("postgres")] if asked == "the replica" else []
    slow = ["--max-rate", "8000 rows", "--batch-rows", "500", "--max-lag", "0.5", *named, "--json"]
    process = dbferry.start("migrate", source.url, database("sqlite").url, *slow, code=OFTEN)
    over = threading.Event()

    def write() -> None:
        while not over.wait(0.2):
            source.sql("CREATE TABLE IF NOT EXISTS written (n int); INSERT INTO written VALUES (1)")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        # Without a rest it would be through in 2.5.
        time.sleep(4)
        assert process.poll() is None
    finally:
        over.set()
        writer.join()
        replica.sql("postgres", "SELECT pg_wal_replay_resume()")
    report = moved(dbferry.finish(process)).json
    [note] = [note for note in report["notes"] if note.startswith("rested")]
    assert "a replica of the source is" in note
    assert "above 0.5" in note


@pytest.mark.parametrize("how", ["dies", "hangs"])
def test_the_copy_goes_on_when_the_replica_that_it_rests_for(
    dbferry: Command, database: Make, standby: tuple[PostgresServer, Standby], how: str
) -> None:
    primary, replica = standby
    source = ServerDatabase(primary)
    fill_table(source)
    replica.sql("postgres", "SELECT pg_wal_replay_pause()")
    source.sql("CREATE TABLE written (n int)")
    url = replica.url("postgres")
    slow = ["--max-rate", "20000 rows", "--batch-rows", "500", "--max-lag", "0.1", "--replica", url]
    args = ("migrate", source.url, database("sqlite").url, *slow, "--json")
    process = dbferry.start(*args, code=OFTEN)
    try:
        # Without a rest it would be through in 1.
        time.sleep(2.5)
        assert process.poll() is None
        if how == "dies":
            replica.kill()
        with replica.frozen():
            result = dbferry.finish(process)
    finally:
        process.kill()
    # It rested while the replica was silent, and its end waited for nobody.
    assert 2 <= (seconds := moved(result).json["totals"]["seconds"]) < 20, seconds
    notes = moved(result).json["notes"]
    [gone] = [note for note in notes if "could not be asked for 1 s" in note]
    assert "the replica postgresql://" in gone
    [note] = [note for note in notes if note.startswith("rested once")]
    assert "a replica of the source is" in note


REPLICATES = {
    MariadbServer: (
        "SELECT @@gtid_binlog_pos",
        "SET GLOBAL gtid_slave_pos = '{known}'; CHANGE MASTER TO MASTER_HOST='{host}', MASTER_PORT={port}, MASTER_USER='{user}', "
        "MASTER_PASSWORD='{password}', MASTER_USE_GTID=slave_pos; START SLAVE",
        "STOP SLAVE SQL_THREAD", "START SLAVE",
    ),
    MysqlServer: (
        "SELECT @@gtid_executed",
        "RESET BINARY LOGS AND GTIDS; SET GLOBAL gtid_purged = '{known}'; CHANGE REPLICATION SOURCE TO SOURCE_HOST='{host}', SOURCE_PORT={port}, SOURCE_USER='{user}', "
        "SOURCE_PASSWORD='{password}', SOURCE_AUTO_POSITION=1, GET_SOURCE_PUBLIC_KEY=1; START REPLICA",
        "STOP REPLICA SQL_THREAD", "START REPLICA",
    ),
}  # fmt: skip


@pytest.mark.parametrize("server", REPLICATES)
def test_the_copy_rests_while_a_replica_of_the_mysql_family_stands_still(
    dbferry: Command, database: Make, server: type[MysqlFamilyServer]
) -> None:
    position, begin, stop, go_on = REPLICATES[server]
    with contextlib.ExitStack() as stack:
        primary, replica = server(), server("--server-id=2")
        for one in (primary, replica):
            stack.callback(one.close)
            one.start()
        # The users are in both; what follows is replicated.
        [(known,)] = primary.sql("", position)
        source = ServerDatabase(primary)
        fill_table(source)
        place = {"host": primary.host, "port": primary.port, "user": primary.user, "password": primary.password}  # fmt: skip
        replica.sql("", begin.format(known=known, **place))
        url = replica.url("mysql")
        wait_until(lambda: _arrived(replica, source.name), "the first rows in the replica")
        replica.sql("", stop)
        slow = ["--max-rate", "20000 rows", "--batch-rows", "500", "--max-lag", "5"]
        process = dbferry.start(
            "migrate", source.url, database("sqlite").url, *slow, "--replica", url, "--json",
            code=OFTEN,
        )  # fmt: skip
        # Without a rest it would be through in 1.
        time.sleep(2.5)
        assert process.poll() is None
        replica.sql("", go_on)
        report = moved(dbferry.finish(process)).json
    [note] = [note for note in report["notes"] if note.startswith("rested")]
    assert "a replica of the source stands still" in note


def _arrived(replica: MysqlFamilyServer, name: str) -> bool:
    with contextlib.suppress(Exception):
        return int(replica.sql(name, "SELECT count(*) FROM t")[0][0]) == ROWS
    return False


@pytest.mark.parametrize(
    ("engine", "options", "fact"),
    [
        ("mariadb", ["--max-lag", "5"], "mariadb doesn't tell how far its replicas are behind"),
        ("sqlite", ["--max-load", "5"], "sqlite has no load that could be watched"),
        ("sqlite", ["--max-lag", "5"], "sqlite has no lag that could be watched"),
        ("postgresql", ["--replica", "postgresql://u@h/d"], "are nothing without `max_lag`"),
        ("postgresql", ["--max-rate", "fast"], "is no rate"),
        ("postgresql", ["--max-rate", "0"], "a rate is above 0"),
        ("postgresql", ["--max-connections", "3"], "max_connections"),
    ],
)  # fmt: skip
def test_what_can_not_be_asked_is_refused(
    dbferry: Command, filled: Make, database: Make, engine: str, options: list[str], fact: str
) -> None:
    target = database("postgresql")
    refused(dbferry.migrate(filled(engine), target, *options), 2, fact)
    assert target.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == []


def test_a_server_that_is_no_replica_is_refused(
    dbferry: Command, filled: Make, database: Make
) -> None:
    source = filled("postgresql")
    options = ["--max-lag", "1", "--replica", source.url]
    refused(dbferry.migrate(source, database("sqlite"), *options), 2, "is no replica")


def test_an_old_snapshot_is_warned_of(dbferry: Command, filled: Make, database: Make) -> None:
    slow = ["--max-rate", "20000 rows", "--batch-rows", "500", "--snapshot-minutes", "0.01"]
    report = moved(dbferry.migrate(filled("postgresql"), database("sqlite"), *slow, "--json")).json
    assert any("snapshot was open for more than 0.01 minutes" in note for note in report["notes"])
