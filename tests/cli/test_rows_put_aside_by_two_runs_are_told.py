"""A row that two runs which appended have put aside is told as that, and not as one without a key."""

from command import Command, moved
from servers.database import Database


def test_rows_that_two_runs_have_put_aside_stay_and_are_told(
    dbferry: Command, sqlite_db: Database, pg_db: Database
) -> None:
    sqlite_db.sql("CREATE TABLE t (id integer PRIMARY KEY)")
    sqlite_db.sql("INSERT INTO t VALUES (1), (2), (3)")
    pg_db.sql("CREATE TABLE t (id bigint NOT NULL, CONSTRAINT no_two CHECK (id <> 2))")
    args = [sqlite_db.url, pg_db.url]
    for _ in range(2):
        moved(dbferry("migrate", *args, "--prepare", "append", "--on-bad-row", "quarantine"))
    pg_db.sql("ALTER TABLE t DROP CONSTRAINT no_two")
    [told] = moved(dbferry("quarantine", "retry", *args, "--json")).json
    assert (told["moved"], told["repeated"], told["keyless"]) == (0, 2, 0)
    said = moved(dbferry("quarantine", "retry", *args)).out
    assert "2 were put aside by more than one run and stay" in said
    assert "no key" not in said
    assert len(moved(dbferry("quarantine", "list", pg_db.url, "--json")).json) == 2
