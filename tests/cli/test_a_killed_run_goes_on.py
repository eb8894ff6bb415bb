"""A run that is killed inside a table goes on there when the same command is run again, and nothing is lost or doubled."""

import contextlib
import signal
import time
from collections.abc import Callable, Iterator

import pytest

import fill
from command import Command
from servers.database import Database

ROWS = 60_000
ENGINES = ("postgresql", "mariadb", "mysql", "sqlite")


@pytest.fixture
def filled(database: Callable[[str], Database]) -> Callable[[str], Database]:
    def make(engine: str) -> Database:
        db = database(engine)
        db.sql("CREATE TABLE parents (id integer PRIMARY KEY, name varchar(40) NOT NULL)")
        db.sql(
            "CREATE TABLE rows_ (id integer PRIMARY KEY, parent integer NOT NULL, word varchar(80), "
            "FOREIGN KEY (parent) REFERENCES parents (id))"
        )
        db.sql("CREATE INDEX by_word ON rows_ (word)")
        fill.insert(db, "parents", ((n, f"parent {n}") for n in range(100)))
        fill.insert(db, "rows_", ((n, n % 100, f"word {n * 7919 % 1009}") for n in range(ROWS)))
        if engine == "postgresql":
            db.sql("VACUUM ANALYZE")
        return db

    return make


def done(db: Database) -> int:
    """Ranges that the ledger knows as done; 0 while there is no ledger."""
    with contextlib.suppress(Exception):
        return int(db.rows("SELECT count(*) FROM dbferry_range WHERE state = 'done'")[0][0])
    return 0


def killed_after(
    dbferry: Command, args: list[str], target: Database, ranges: int, with_: int
) -> int:
    process = dbferry.start(*args)
    while process.poll() is None and done(target) < ranges:
        time.sleep(0.002)
    process.send_signal(with_)
    process.communicate()
    return process.returncode


def leftovers(db: Database) -> Iterator[str]:
    for name in ("dbferry_task", "dbferry_table", "dbferry_range", "dbferry_step"):
        with contextlib.suppress(Exception):
            db.rows(f"SELECT 1 FROM {name}")
            yield name


@pytest.mark.parametrize("other", ENGINES)
@pytest.mark.parametrize("one", ENGINES)
def test_every_row_arrives_once(
    dbferry: Command,
    filled: Callable[[str], Database],
    database: Callable[[str], Database],
    one: str,
    other: str,
) -> None:
    source, target = filled(one), database(other)
    cut = "3" if one == "postgresql" else "500"
    args = ["migrate", source.url, target.url, "--range-rows", cut, "--workers", "2", "--json"]
    for ranges in (2, 30):
        if killed_after(dbferry, args, target, ranges, signal.SIGKILL) == 0:
            # Quicker than the test could look.
            break
        assert done(target) >= ranges
    else:
        result = dbferry(*args)
        assert result.code == 0, result.err
        assert result.tables()["rows_"]["rows"] == ROWS
    for query in (
        "SELECT id, name FROM parents ORDER BY id",
        "SELECT id, parent, word FROM rows_ ORDER BY id",
    ):
        assert target.rows(query) == source.rows(query)
    assert not list(leftovers(target))


def test_what_is_included_follows_the_rows_of_the_run_that_goes_on(
    dbferry: Command, filled: Callable[[str], Database], database: Callable[[str], Database]
) -> None:
    source, target = filled("postgresql"), database("postgresql")
    source.sql(
        "CREATE FUNCTION small(n int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT n < 1000000'; "
        "CREATE FUNCTION first(rows_) RETURNS int LANGUAGE sql AS 'SELECT $1.id'; "
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''no''; END'; "
        "ALTER TABLE rows_ ADD CHECK (small(id)); "
        "CREATE TRIGGER refused BEFORE INSERT ON rows_ FOR EACH ROW EXECUTE FUNCTION refuse(); "
        "CREATE POLICY every ON rows_ USING (true); ALTER TABLE rows_ ENABLE ROW LEVEL SECURITY; "
        "GRANT SELECT ON rows_ TO PUBLIC"
    )
    args = [
        "migrate",
        source.url,
        target.url,
        "--range-rows",
        "3",
        "--workers",
        "2",
        "--include",
        "all",
    ]
    assert killed_after(dbferry, args, target, 2, signal.SIGKILL) != 0
    result = dbferry(*args, "--json")
    assert result.code == 0, result.err
    assert not [note for note in result.json["notes"] if note.startswith("not moved")]
    for query in (
        "SELECT id, parent, word FROM rows_ ORDER BY id",
        "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1",
        "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal",
        "SELECT relacl::text, relrowsecurity FROM pg_class WHERE relname = 'rows_'",
        "SELECT policyname FROM pg_policies",
        "SELECT conname FROM pg_constraint WHERE contype = 'c' AND conrelid <> 0",
    ):
        assert target.rows(query) == source.rows(query)


def test_values_that_were_lost_before_are_said_not_to_be_counted(
    dbferry: Command, filled: Callable[[str], Database], database: Callable[[str], Database]
) -> None:
    source, target = filled("postgresql"), database("mariadb")
    source.sql("ALTER TABLE rows_ ADD at date DEFAULT 'infinity'")
    args = ["migrate", source.url, target.url, "--range-rows", "3", "--workers", "2", "--json"]
    args += ["--on-loss", "rows_.at:T-INF=null"]
    assert killed_after(dbferry, args, target, 2, signal.SIGKILL) != 0
    result = dbferry(*args)
    assert result.code == 0, result.err
    [said] = [note for note in result.json["notes"] if "lost" in note]
    assert "not counted again" in said
    [lost] = [w for w in result.tables()["rows_"]["warnings"] if w["code"] == "T-INF"]
    assert 0 < lost["rows"] < ROWS
