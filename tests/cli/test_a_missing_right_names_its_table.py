"""Who may not read or make a table of the target is told which one it is."""

from command import Command, refused
from servers.database import Database
from servers.postgres import PostgresServer


def test_a_right_that_is_missing_in_the_target_names_the_table(
    dbferry: Command, postgres: PostgresServer, pg_db: Database, sqlite_db: Database
) -> None:
    sqlite_db.sql("CREATE TABLE first (id integer PRIMARY KEY)")
    sqlite_db.sql("CREATE TABLE z (id integer PRIMARY KEY)")
    pg_db.sql("CREATE ROLE nobody_ LOGIN PASSWORD 'pw'; REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    url = postgres.url(pg_db.name, user="nobody_", password="pw")
    try:
        refused(
            dbferry.migrate(sqlite_db, url), 1, "permission denied for schema", "table `main.first`"
        )
        pg_db.sql("CREATE TABLE first (id int PRIMARY KEY); CREATE TABLE z (id int PRIMARY KEY)")
        pg_db.sql("GRANT ALL ON first TO nobody_")
        refused(
            dbferry.migrate(sqlite_db, url), 2, "permission denied for table z", "table `public.z`"
        )
    finally:
        pg_db.sql("DROP OWNED BY nobody_; DROP ROLE nobody_")
