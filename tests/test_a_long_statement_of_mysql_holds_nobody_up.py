"""While somebody's statement runs for long, MySQL isn't asked for its global lock, which everybody would wait for."""

import threading
from contextlib import closing, suppress

import pyarrow as pa
import pymysql

import dbferry
import fill
from servers.database import ServerDatabase
from servers.server import wait_until


def test_others_go_on(mysql_db: ServerDatabase) -> None:
    mysql_db.sql("CREATE TABLE t (id integer PRIMARY KEY, filler varchar(50))")
    fill.insert(mysql_db, "t", [(n, "x" * 40) for n in range(1000)])
    connect, name = mysql_db.server.connect, mysql_db.name
    with closing(connect(name)) as slow, closing(connect(name, read_timeout=30)) as other:

        def sleep() -> None:
            # It is ended by force.
            with suppress(pymysql.Error):
                slow.cursor().execute("SELECT sleep(60) FROM t WHERE id = 1")

        def stands() -> bool:
            listed = mysql_db.rows("SHOW PROCESSLIST")
            return any(
                row[0] == slow.thread_id() and row[4] == "Query" and int(row[5] or 0) >= 1
                for row in listed
            )

        def flushed() -> int:
            return int(mysql_db.rows("SHOW GLOBAL STATUS LIKE 'Com_flush'")[0][1] or 0)

        def read() -> int:
            """How often FLUSH was said for it: once to learn whether it may be, and once for the lock."""
            before = flushed()
            assert pa.table(dbferry.read(mysql_db.url, "t", parallel=2)).num_rows == 1000
            return flushed() - before

        long = threading.Thread(target=sleep)
        long.start()
        try:
            wait_until(stands, "a statement that runs for a second")
            without = read()
            with other.cursor() as cursor:
                cursor.execute("SELECT count(*) FROM t")
                assert cursor.fetchall() == ((1000,),)
            assert stands(), "it ended too early to hold anybody up"
        finally:
            mysql_db.sql(f"KILL {slow.thread_id()}")
            long.join()
        wait_until(lambda: not stands(), "its end")
        assert read() == without + 1
