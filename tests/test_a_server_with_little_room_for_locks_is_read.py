"""A source keeps locks on every table that a snapshot has read; a run holds few of them at a time."""

import dbferry
from servers.database import ServerDatabase
from servers.postgres import PostgresServer

TABLES = 1_200
MAKE = f"""DO $$ BEGIN
  FOR n IN 1..{TABLES} LOOP
    EXECUTE format('CREATE TABLE t%s (id int PRIMARY KEY, a int); CREATE INDEX ON t%s (a)', n, n);
    EXECUTE format('INSERT INTO t%s VALUES (1, %s)', n, n);
    IF n % 30 = 0 THEN COMMIT; END IF;
  END LOOP;
END $$"""


def test_many_tables_fit_where_their_locks_would_not() -> None:
    # Room for 400 locks; the tables and their indexes have 3,600.
    server = PostgresServer("--max_locks_per_transaction=10", "--max_connections=40")
    server.start()
    try:
        source, target = ServerDatabase(server), ServerDatabase(server)
        source.sql(MAKE)
        result = dbferry.migrate(source.url, target.url, workers=2)
        assert result.rows == TABLES
        assert {table.source_rows for table in result.tables} == {1}
    finally:
        server.close()
