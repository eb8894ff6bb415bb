"""While somebody's statement runs for long, MySQL isn't asked for its global lock, which everybody would wait for."""

import threading
import time
from contextlib import closing

import pyarrow as pa

import dbferry
import fill
from servers.database import ServerDatabase


def test_others_go_on(mysql_db: ServerDatabase) -> None:
    mysql_db.sql("CREATE TABLE t (id integer PRIMARY KEY, filler varchar(50))")
    fill.insert(mysql_db, "t", [(n, "x" * 40) for n in range(1000)])
    connect, name = mysql_db.server.connect, mysql_db.name
    with closing(connect(name)) as slow, closing(connect(name)) as other:
        long = threading.Thread(
            target=lambda: slow.cursor().execute("SELECT id, sleep(0.1) FROM t WHERE id < 40")
        )
        long.start()
        time.sleep(0.3)
        started = time.monotonic()
        assert pa.table(dbferry.read(mysql_db.url, "t", parallel=2)).num_rows == 1000
        other.cursor().execute("SELECT count(*) FROM t")
        took = time.monotonic() - started
        assert long.is_alive(), "it ended too early to hold anybody up"
        long.join()
    assert took < 3
