"""Every check of MySQL and MariaDB is asked of real servers, and told apart when it holds and when it doesn't."""

import contextlib
from collections.abc import Callable, Iterator

import pytest

import dbferry
from assessed import guest, source_check, target_check
from dbferry.assessment.finding import Level
from dbferry.engines.mysql import assessment
from servers.database import Database, ServerDatabase, SqliteDatabase
from servers.mariadb import MariadbServer
from servers.server import PASSWORD

Make = Callable[[str], Database]

SOURCE_CHECKS = (
    "version",
    "read-tables",
    "see-tables",
    "snapshot",
    "storage-engine",
    "long-statements",
    "connections",
    "time-zone",
    "binlog",
    "binlog-format",
    "binlog-row-image",
    "binlog-retention",
    "replication-grants",
)
TARGET_CHECKS = (
    "version",
    "writable",
    "create",
    "connections",
    "local-infile",
    "max-allowed-packet",
    "sql-mode",
    "require-primary-key",
    "table-names",
)


@pytest.fixture(params=["mysql", "mariadb"])
def db(request: pytest.FixtureRequest, database: Make) -> ServerDatabase:
    """An empty database of either."""
    made = database(request.param)
    assert isinstance(made, ServerDatabase)
    return made


@pytest.fixture
def shop(db: ServerDatabase) -> ServerDatabase:
    """A table with a key and one row."""
    db.sql("CREATE TABLE orders (id int PRIMARY KEY AUTO_INCREMENT, at datetime)")
    db.sql("INSERT INTO orders (at) VALUES (now())")
    return db


@pytest.fixture
def held(sqlite_db: SqliteDatabase) -> SqliteDatabase:
    """A source for what is asked of the target: one table has no key."""
    sqlite_db.sql("CREATE TABLE orders (id integer PRIMARY KEY, at text); CREATE TABLE log (a int)")
    return sqlite_db


@contextlib.contextmanager
def setting(db: ServerDatabase, name: str, value: str) -> Iterator[None]:
    """A global setting of the server, put back afterwards."""
    ((old,),) = db.rows(f"SELECT @@GLOBAL.{name}")
    db.sql(f"SET GLOBAL {name} = {value}")
    try:
        yield
    finally:
        db.sql(f"SET GLOBAL {name} = {old!r}")


def test_a_plain_source_passes_every_check(shop: ServerDatabase) -> None:
    checks = dbferry.assess(shop.url).source_checks
    assert [(c.codes, c.level) for c in checks] == [((n,), Level.OK) for n in SOURCE_CHECKS]


def test_a_plain_target_passes_every_check_but_for_the_size_of_its_pool(
    db: ServerDatabase, held: SqliteDatabase
) -> None:
    checks = dbferry.assess(held.url, db.url).target_checks
    assert {c.codes[0] for c in checks} == {*TARGET_CHECKS, "buffer-pool"}
    assert {c.level for c in checks if c.codes[0] in TARGET_CHECKS} == {Level.OK}


def test_a_table_that_may_not_be_read_blocks_and_its_sql_helps(shop: ServerDatabase) -> None:
    with guest(shop) as (user, url):
        # Any right on a table makes it seen.
        shop.sql(f"GRANT INSERT ON orders TO {user}")
        closed = source_check(url, "read-tables")
        assert (closed.level, closed.object) == (Level.BLOCKED, f"{shop.name}.orders")
        shop.sql(closed.sql)
        assert source_check(url, "read-tables").level is Level.OK


def test_tables_that_nobody_can_see_are_said_to_be_missing(shop: ServerDatabase) -> None:
    with guest(shop) as (user, url):
        shop.sql(f"GRANT SELECT ON orders TO {user}")
        seen = source_check(url, "see-tables")
        assert seen.level is Level.WARN
        shop.sql(seen.sql)
        assert source_check(url, "see-tables").level is Level.OK


def test_a_right_that_a_role_gives_counts(shop: ServerDatabase) -> None:
    role = f"r{shop.name}"
    with guest(shop) as (user, url):
        shop.sql(
            f"CREATE ROLE {role}; GRANT SELECT ON `{shop.name}`.* TO {role}; GRANT {role} TO {user}"
        )
        shop.sql(f"SET DEFAULT ROLE {role} {'TO' if shop.engine == 'mysql' else 'FOR'} {user}")
        try:
            assert source_check(url, "see-tables").level is Level.OK
        finally:
            shop.sql(f"DROP ROLE {role}")


def test_one_session_alone_is_told(shop: ServerDatabase) -> None:
    if shop.engine == "mariadb":
        # There every user can tell whether snapshots are equal.
        assert source_check(shop.url, "snapshot").level is Level.OK
        return
    with guest(shop) as (user, url):
        shop.sql(f"GRANT SELECT ON `{shop.name}`.* TO {user}")
        single = source_check(url, "snapshot")
        assert single.level is Level.WARN
        shop.sql(single.sql)
        assert source_check(url, "snapshot").level is Level.OK


def test_a_table_without_transactions_is_told_and_its_sql_helps(shop: ServerDatabase) -> None:
    shop.sql("ALTER TABLE orders ENGINE = MyISAM")
    loose = source_check(shop.url, "storage-engine")
    assert (loose.level, loose.object) == (Level.WARN, f"{shop.name}.orders")
    shop.sql(loose.sql)
    assert source_check(shop.url, "storage-engine").level is Level.OK


def test_a_long_statement_is_told(shop: ServerDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assessment, "LONG_SECONDS", 0)
    with contextlib.closing(shop.server.connect(shop.name)) as other:
        number = other.thread_id()
        other._execute_command(3, "SELECT sleep(60)")
        assert source_check(shop.url, "long-statements").level is Level.WARN
        shop.sql(f"KILL {number}")


def test_too_few_connections_are_told(shop: ServerDatabase) -> None:
    with guest(shop) as (user, url):
        shop.sql(f"GRANT SELECT ON `{shop.name}`.* TO {user}")
        shop.sql(f"ALTER USER {user} WITH MAX_USER_CONNECTIONS 3")
        assert source_check(url, "connections", workers=2).level is Level.OK
        assert source_check(url, "connections", workers=4).level is Level.WARN


def test_the_zone_of_wall_clocks_is_told(shop: ServerDatabase) -> None:
    with setting(shop, "time_zone", "'+09:00'"):
        zone = source_check(shop.url, "time-zone")
    assert zone.level is Level.INFO
    assert "+09:00" in zone.what


@pytest.mark.parametrize(
    ("name", "value"),
    [("binlog_format", "'STATEMENT'"), ("binlog_row_image", "'MINIMAL'"),
     ("binlog_expire_logs_seconds", "3600")],
)  # fmt: skip
def test_a_log_that_changes_cannot_be_read_from_is_told_and_its_sql_helps(
    shop: ServerDatabase, name: str, value: str
) -> None:
    check = {"binlog_expire_logs_seconds": "binlog-retention"}.get(name, name.replace("_", "-"))
    with setting(shop, name, value):
        told = source_check(shop.url, check)
        assert told.level is Level.INFO
        shop.sql(told.sql)
        assert source_check(shop.url, check).level is Level.OK


@pytest.fixture(scope="module")
def plain() -> Iterator[MariadbServer]:
    """A MariaDB without a binary log, as by default, that keeps the names of tables in lower case."""
    with MariadbServer("--skip-log-bin", "--lower-case-table-names=1") as server:
        server.create_database("shop")
        server.sql("shop", "CREATE TABLE t (id int PRIMARY KEY)")
        yield server


def test_a_binary_log_that_is_off_is_told(plain: MariadbServer) -> None:
    assert source_check(plain.url("shop"), "binlog").level is Level.INFO


def test_who_may_not_replicate_is_told_and_its_sql_helps(shop: ServerDatabase) -> None:
    with guest(shop) as (user, url):
        shop.sql(f"GRANT SELECT ON `{shop.name}`.* TO {user}")
        role = source_check(url, "replication-grants")
        assert role.level is Level.INFO
        shop.sql(role.sql)
        assert source_check(url, "replication-grants").level is Level.OK


def test_a_target_that_is_read_only_blocks_who_is_bound_by_it(
    db: ServerDatabase, held: SqliteDatabase
) -> None:
    with guest(db) as (user, url):
        db.sql(f"GRANT ALL ON `{db.name}`.* TO {user}")
        assert target_check(held.url, url, "writable").level is Level.OK
        with setting(db, "read_only", "1"):
            assert target_check(held.url, url, "writable").level is Level.BLOCKED
            assert target_check(held.url, db.url, "writable").level is Level.OK


def test_rights_that_lack_block_and_their_sql_helps(
    db: ServerDatabase, held: SqliteDatabase
) -> None:
    with guest(db) as (user, url):
        db.sql(f"GRANT SELECT, INSERT ON `{db.name}`.* TO {user}")
        closed = target_check(held.url, url, "create")
        assert closed.level is Level.BLOCKED
        assert "lacks CREATE, ALTER, INDEX, DROP, REFERENCES" in closed.what
        db.sql(closed.sql)
        assert target_check(held.url, url, "create").level is Level.OK


def test_triggers_that_a_load_would_fire_are_told_and_their_sql_helps(
    db: ServerDatabase, held: SqliteDatabase
) -> None:
    db.sql("CREATE TABLE orders (id bigint PRIMARY KEY, at longtext)")
    db.sql("CREATE TRIGGER watch BEFORE INSERT ON orders FOR EACH ROW SET NEW.at = NEW.at")
    fires = target_check(held.url, db.url, "triggers")
    assert (fires.level, fires.object) == (Level.WARN, f"{db.name}.orders")
    db.sql(fires.sql)
    assert target_check(held.url, db.url, "triggers").level is Level.OK


@pytest.mark.parametrize(
    ("check", "name", "value", "level"),
    [
        ("local-infile", "local_infile", "0", Level.WARN),
        ("max-allowed-packet", "max_allowed_packet", "1048576", Level.WARN),
        ("sql-mode", "sql_mode", "'NO_ENGINE_SUBSTITUTION'", Level.INFO),
    ],
)
def test_a_setting_that_hinders_is_told_and_its_sql_helps(
    db: ServerDatabase, held: SqliteDatabase, check: str, name: str, value: str, level: Level
) -> None:
    with setting(db, name, value):
        told = target_check(held.url, db.url, check)
        assert told.level is level
        db.sql(told.sql)
        assert target_check(held.url, db.url, check).level is Level.OK


def test_a_small_buffer_pool_is_told_and_more_of_it_is_enough(
    db: ServerDatabase, held: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = target_check(held.url, db.url, "buffer-pool")
    assert (small.level, small.what[:35]) == (Level.INFO, "innodb_buffer_pool_size is 128 MB: ")
    monkeypatch.setattr(assessment, "POOL_MB", 128)
    assert target_check(held.url, db.url, "buffer-pool").level is Level.OK


def test_a_server_that_asks_for_keys_blocks_the_tables_without(
    db: ServerDatabase, held: SqliteDatabase
) -> None:
    name = "sql_require_primary_key" if db.engine == "mysql" else "innodb_force_primary_key"
    with setting(db, name, "1"):
        closed = target_check(held.url, db.url, "require-primary-key")
        assert (closed.level, closed.object) == (Level.BLOCKED, "main.log")
        db.sql(closed.sql)
        assert target_check(held.url, db.url, "require-primary-key").level is Level.OK


def test_names_that_lose_their_case_are_told(plain: MariadbServer, held: SqliteDatabase) -> None:
    assert target_check(held.url, plain.url("shop"), "table-names").level is Level.INFO


def test_the_collations_of_a_server_that_is_only_named_are_there(db: ServerDatabase) -> None:
    supposed = assessment.empty(db.engine, None, "shop").collations
    ((version,),) = db.rows("SELECT version()")
    known = {row[0] for row in db.rows("SELECT collation_name FROM information_schema.collations")}
    known |= {f"utf8mb4_{name}" for name in known if name.startswith("uca1400")}
    assert known
    older = {name for name in supposed if "uca1400" in name and version < "10.10"}
    assert supposed - older <= known


def test_no_password_is_in_a_report(shop: ServerDatabase) -> None:
    made = dbferry.assess(shop.url)
    assert PASSWORD not in repr(made) + made.to_html()
