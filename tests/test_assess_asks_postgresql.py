"""Every check of PostgreSQL is asked of a real server, and told apart when it holds and when it doesn't."""

import contextlib
from collections.abc import Iterator

import pytest

import dbferry
from assessed import guest, source_check, target_check
from dbferry.assessment.finding import Level
from dbferry.engines.postgresql import assessment
from servers.database import ServerDatabase, SqliteDatabase
from servers.postgres import PostgresServer
from servers.server import PASSWORD, wait_until

SOURCE_CHECKS = (
    "version",
    "read-tables",
    "row-security",
    "read-sequences",
    "connections",
    "encoding",
    "time-zone",
    "long-transactions",
    "wal-level",
    "replication-role",
    "replication-slots",
    "slot-retention",
    "replica-identity",
)
TARGET_CHECKS = (
    "version",
    "writable",
    "create-in-schema",
    "connections",
    "encoding",
)


@pytest.fixture
def shop(pg_db: ServerDatabase) -> ServerDatabase:
    """A table with a key, an identity and one row."""
    pg_db.sql(
        "CREATE TABLE orders (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamp);"
        "INSERT INTO orders (at) VALUES (now())"
    )
    return pg_db


@pytest.fixture
def held(sqlite_db: SqliteDatabase) -> SqliteDatabase:
    """A source for what is asked of the target."""
    sqlite_db.sql("CREATE TABLE orders (id integer PRIMARY KEY, at text)")
    return sqlite_db


def test_a_plain_source_passes_every_check(shop: ServerDatabase) -> None:
    checks = dbferry.assess(shop.url).source_checks
    assert [(c.codes, c.level) for c in checks] == [((n,), Level.OK) for n in SOURCE_CHECKS]


def test_a_plain_target_passes_every_check_but_for_the_size_of_its_log(
    pg_db: ServerDatabase, held: SqliteDatabase
) -> None:
    checks = dbferry.assess(held.url, pg_db.url).target_checks
    assert [c.codes[0] for c in checks] == [*TARGET_CHECKS, "max-wal-size"]
    assert {c.level for c in checks if c.codes[0] in TARGET_CHECKS} == {Level.OK}


def test_a_table_that_may_not_be_read_blocks_and_its_sql_helps(shop: ServerDatabase) -> None:
    shop.sql("CREATE TABLE open (id int PRIMARY KEY)")
    with guest(shop) as (user, url):
        shop.sql(f"GRANT SELECT ON open TO {user}")
        made = dbferry.assess(url, "sqlite")
        (closed,) = [c for c in made.source_checks if "read-tables" in c.codes]
        assert (closed.level, closed.object) == (Level.BLOCKED, "public.orders")
        assert [t.name for t in made.estimate.tables] == ["public.open"]
        shop.sql(closed.sql)
        assert source_check(url, "read-tables", "sqlite").level is Level.OK


def test_a_schema_that_may_not_be_used_is_granted_with_the_table(shop: ServerDatabase) -> None:
    shop.sql("CREATE SCHEMA s; CREATE TABLE s.t (id int PRIMARY KEY); DROP TABLE orders")
    with guest(shop) as (_, url):
        closed = source_check(url, "read-tables")
        assert closed.object == "s.t"
        shop.sql(closed.sql)
        assert source_check(url, "read-tables").level is Level.OK


def test_a_policy_that_hides_rows_is_to_be_decided(shop: ServerDatabase) -> None:
    shop.sql("ALTER TABLE orders ENABLE ROW LEVEL SECURITY")
    assert source_check(shop.url, "row-security").level is Level.OK
    with guest(shop) as (user, url):
        shop.sql(f"GRANT SELECT ON orders TO {user}")
        hidden = source_check(url, "row-security")
        assert (hidden.level, hidden.object) == (Level.DECIDE, "public.orders")
        shop.sql(hidden.sql)
        assert source_check(url, "row-security").level is Level.OK


def test_a_sequence_that_may_not_be_read_is_named(shop: ServerDatabase) -> None:
    with guest(shop) as (user, url):
        shop.sql(f"GRANT SELECT ON orders TO {user}")
        closed = source_check(url, "read-sequences")
        assert closed.level is Level.WARN
        shop.sql(closed.sql)
        assert source_check(url, "read-sequences").level is Level.OK


@pytest.mark.parametrize("limit", ["role", "database"])
def test_too_few_connections_are_told(shop: ServerDatabase, limit: str) -> None:
    with guest(shop) as (user, url):
        shop.sql(f"GRANT SELECT ON orders TO {user}")
        what = f"ROLE {user}" if limit == "role" else f"DATABASE {shop.name}"
        shop.sql(f"ALTER {what} CONNECTION LIMIT 3")
        assert source_check(url, "connections", workers=2).level is Level.OK
        assert source_check(url, "connections", workers=4).level is Level.WARN


def test_another_encoding_is_told_on_both_sides(shop: ServerDatabase, held: SqliteDatabase) -> None:
    server, name = shop.server, f"l{shop.name}"
    server.sql("postgres", f"CREATE DATABASE {name} ENCODING LATIN1 LOCALE 'C' TEMPLATE template0")
    try:
        server.sql(name, "CREATE TABLE t (id int)")
        assert source_check(server.url(name), "encoding").level is Level.WARN
        assert target_check(held.url, server.url(name), "encoding").level is Level.WARN
    finally:
        server.drop_database(name)


def test_the_zone_of_wall_clocks_is_told(shop: ServerDatabase) -> None:
    shop.sql(f"ALTER DATABASE {shop.name} SET timezone = 'Asia/Tokyo'")
    zone = source_check(shop.url, "time-zone")
    assert zone.level is Level.INFO
    assert "Asia/Tokyo" in zone.what


def test_an_old_transaction_is_told(shop: ServerDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assessment, "LONG_SECONDS", 0)
    with contextlib.closing(shop.server.connect(shop.name, autocommit=False)) as other:
        other.execute("SELECT 1")
        assert source_check(shop.url, "long-transactions").level is Level.WARN
    # Its backend ends a moment later, and a vacuum may be about.
    wait_until(
        lambda: source_check(shop.url, "long-transactions").level is Level.OK, "no transaction"
    )


def test_who_may_not_replicate_is_told_and_nothing_blocks(shop: ServerDatabase) -> None:
    with guest(shop) as (user, url):
        shop.sql(f"GRANT SELECT ON orders TO {user}")
        role = source_check(url, "replication-role")
        assert role.level is Level.INFO
        shop.sql(role.sql)
        assert source_check(url, "replication-role").level is Level.OK


def test_slots_that_are_all_taken_are_told(shop: ServerDatabase) -> None:
    free = int(source_check(shop.url, "replication-slots").what.split()[0])
    names = [f"s{n}_{shop.name}" for n in range(free)]
    try:
        for name in names:
            shop.sql(f"SELECT pg_create_physical_replication_slot('{name}')")
        assert source_check(shop.url, "replication-slots").level is Level.INFO
    finally:
        shop.sql(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots "
            f"WHERE slot_name LIKE '%{shop.name}'"
        )


def test_a_slot_that_may_lose_its_log_is_told_and_its_sql_helps(shop: ServerDatabase) -> None:
    shop.server.sql("postgres", "ALTER SYSTEM SET max_slot_wal_keep_size = '64MB'")
    try:
        _reloaded(shop, "max_slot_wal_keep_size", "64MB")
        short = source_check(shop.url, "slot-retention")
        assert short.level is Level.INFO
        _alter(shop, short.sql)
        _reloaded(shop, "max_slot_wal_keep_size", "-1")
        assert source_check(shop.url, "slot-retention").level is Level.OK
    finally:
        _alter(shop, "ALTER SYSTEM RESET max_slot_wal_keep_size; SELECT pg_reload_conf()")


def test_a_table_without_a_key_has_no_replica_identity(shop: ServerDatabase) -> None:
    shop.sql("CREATE TABLE log (line text)")
    nameless = source_check(shop.url, "replica-identity")
    assert (nameless.level, nameless.object) == (Level.INFO, "public.log")
    shop.sql(nameless.sql)
    assert source_check(shop.url, "replica-identity").level is Level.OK


@pytest.fixture(scope="module")
def plain_log() -> Iterator[PostgresServer]:
    """A server whose log is for crashes and standbys only, as it is by default."""
    with PostgresServer("--wal_level=replica") as server:
        yield server


def test_a_log_that_holds_no_changes_is_told(plain_log: PostgresServer) -> None:
    plain_log.sql("postgres", "CREATE TABLE t (id int PRIMARY KEY)")
    wal = source_check(plain_log.url("postgres"), "wal-level")
    assert (wal.level, wal.what) == (Level.INFO, "wal_level is replica")


def test_a_target_that_is_read_only_blocks_and_its_sql_helps(
    pg_db: ServerDatabase, held: SqliteDatabase
) -> None:
    pg_db.sql(f"ALTER DATABASE {pg_db.name} SET default_transaction_read_only = on")
    closed = target_check(held.url, pg_db.url, "writable")
    assert closed.level is Level.BLOCKED
    pg_db.server.sql("postgres", closed.sql)
    assert target_check(held.url, pg_db.url, "writable").level is Level.OK


def test_a_schema_without_create_blocks_and_its_sql_helps(
    pg_db: ServerDatabase, held: SqliteDatabase
) -> None:
    pg_db.sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    with guest(pg_db) as (_, url):
        closed = target_check(held.url, url, "create-in-schema")
        assert closed.level is Level.BLOCKED
        pg_db.sql(closed.sql)
        assert target_check(held.url, url, "create-in-schema").level is Level.OK


def test_a_schema_that_may_not_be_made_blocks_and_its_sql_helps(
    pg_db: ServerDatabase, held: SqliteDatabase
) -> None:
    with guest(pg_db) as (_, url):
        schemas = {"main": "fresh"}
        closed = target_check(held.url, url, "create-in-database", schemas=schemas)
        assert closed.level is Level.BLOCKED
        pg_db.sql(closed.sql)
        found = target_check(held.url, url, "create-in-database", schemas=schemas)
        assert found.level is Level.OK


@pytest.mark.parametrize(
    ("prepare", "right"),
    [("create", "INSERT"), ("append", "SELECT"), ("truncate", "SELECT"), ("drop", "SELECT")],
)
def test_a_table_of_another_owner_blocks_and_its_sql_helps(
    pg_db: ServerDatabase, held: SqliteDatabase, prepare: str, right: str
) -> None:
    pg_db.sql("CREATE TABLE orders (id bigint PRIMARY KEY, at text)")
    with guest(pg_db) as (user, url):
        pg_db.sql(f"GRANT {right} ON orders TO {user}; GRANT CREATE ON SCHEMA public TO {user}")
        closed = target_check(held.url, url, "write-tables", prepare=prepare)
        assert (closed.level, closed.object) == (Level.BLOCKED, "public.orders")
        pg_db.sql(closed.sql)
        found = target_check(held.url, url, "write-tables", prepare=prepare)
        assert found.level is Level.OK


def test_triggers_that_a_load_would_fire_are_told_and_their_sql_helps(
    pg_db: ServerDatabase, held: SqliteDatabase
) -> None:
    pg_db.sql(
        "CREATE TABLE orders (id bigint PRIMARY KEY, at text);"
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
        "CREATE TRIGGER watch BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION f()"
    )
    fires = target_check(held.url, pg_db.url, "triggers")
    assert (fires.level, fires.object) == (Level.WARN, "public.orders")
    pg_db.sql(fires.sql)
    assert target_check(held.url, pg_db.url, "triggers").level is Level.OK


def test_little_room_for_the_log_is_told_and_its_sql_helps(
    pg_db: ServerDatabase, held: SqliteDatabase
) -> None:
    small = target_check(held.url, pg_db.url, "max-wal-size")
    assert small.level is Level.INFO
    try:
        _alter(pg_db, small.sql)
        _reloaded(pg_db, "max_wal_size", "4GB")
        assert target_check(held.url, pg_db.url, "max-wal-size").level is Level.OK
    finally:
        _alter(pg_db, "ALTER SYSTEM RESET max_wal_size; SELECT pg_reload_conf()")


def _alter(db: ServerDatabase, text: str) -> None:
    """ALTER SYSTEM stands in no transaction: each statement alone."""
    for statement in filter(str.strip, text.split(";")):
        db.server.sql("postgres", statement)


def _reloaded(db: ServerDatabase, name: str, value: str) -> None:
    """Until sessions see a setting that was reloaded."""
    db.server.sql("postgres", "SELECT pg_reload_conf()")
    wait_until(lambda: db.rows(f"SHOW {name}") == [(value,)], f"{name} = {value}")


def test_no_password_is_in_a_report(shop: ServerDatabase) -> None:
    made = dbferry.assess(shop.url)
    assert PASSWORD not in repr(made) + made.to_html()
