"""A stream knows its schema before any row, reads only what is asked for, and leaves no connection behind."""

import gc
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable

import pyarrow as pa
import pytest

import dbferry
import judge
from servers.database import Database
from servers.server import wait_until

SERVERS = ["postgresql", "mariadb", "mysql"]
ROWS = 400_000
FILL = {
    "postgresql": f"INSERT INTO big SELECT g, repeat('x', 100) FROM generate_series(1, {ROWS}) g",
    "mariadb": f"INSERT INTO big SELECT seq, repeat('x', 100) FROM seq_1_to_{ROWS}",
    "mysql": "SET SESSION cte_max_recursion_depth = 1000000;"
    f"INSERT INTO big WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {ROWS})"
    " SELECT n, repeat('x', 100) FROM s",
    "sqlite": f"WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {ROWS})"
    " INSERT INTO big SELECT n, printf('%0100d', n) FROM s",
}
# Other sessions on the test's own database than the one that asks.
SESSIONS = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND application_name = 'dbferry'",
    "mariadb": "SELECT count(*) FROM information_schema.processlist"
    " WHERE db = database() AND id <> connection_id()",
    "mysql": "SELECT count(*) FROM performance_schema.processlist"
    " WHERE db = database() AND id <> connection_id()",
}
SLOW = {
    "postgresql": "SELECT pg_sleep(60)::text AS s",
    "mariadb": "SELECT sleep(60) AS s",
    "mysql": "SELECT sleep(60) AS s",
}


@pytest.fixture
def big(database: Callable[[str], Database]) -> Callable[[str], Database]:
    def make(engine: str) -> Database:
        held = database(engine)
        held.sql("CREATE TABLE big (id integer PRIMARY KEY, t varchar(100));" + FILL[engine])
        return held

    return make


def sessions(held: Database) -> int:
    return int(held.rows(SESSIONS[held.engine])[0][0])


def all_gone(held: Database) -> None:
    """Servers notice a closed socket a moment later."""
    wait_until(lambda: sessions(held) == 0, "the end of all sessions")


def one_open(held: Database) -> None:
    wait_until(lambda: sessions(held) > 0, "a session")


@pytest.mark.parametrize("engine", SERVERS)
def test_nothing_is_open_before_the_first_batch_and_after_the_last(
    big: Callable[[str], Database], engine: str
) -> None:
    # One session that asks: those before it would be seen for a moment after their end.
    with judge.keeping(big(engine)) as held:
        stream = dbferry.read(held.url, "big")
        assert str(stream.schema) == "id: int32\nt: utf8"
        all_gone(held)
        with pa.RecordBatchReader.from_stream(stream) as reader:
            assert reader.schema.names == ["id", "t"]
            assert sessions(held) == 0
            assert sum(batch.num_rows for batch in reader) == ROWS
        assert stream.rows == ROWS
        all_gone(held)


@pytest.mark.parametrize("engine", SERVERS)
def test_a_consumer_that_lets_go_closes_the_sessions(
    big: Callable[[str], Database], engine: str
) -> None:
    held = big(engine)
    stream = dbferry.read(held.url, "big", parallel=2, batch_rows=1000)
    reader = pa.RecordBatchReader.from_stream(stream)
    assert reader.read_next_batch().num_rows <= 1000
    assert sessions(held) > 0
    assert stream.rows < ROWS / 10
    del reader
    all_gone(held)


def cancelled(stream: dbferry.Stream, begun: Callable[[], None]) -> str:
    """What a reading says that is cancelled as soon as `begun` returns."""
    reader = pa.RecordBatchReader.from_stream(stream)
    raised: list[BaseException] = []

    def pull() -> None:
        try:
            reader.read_all()
        except pa.ArrowException as error:
            raised.append(error)

    thread = threading.Thread(target=pull)
    thread.start()
    begun()
    stream.cancel()
    thread.join(20)
    assert not thread.is_alive()
    return str(raised[0])


@pytest.mark.parametrize("engine", SERVERS)
def test_cancel_ends_a_reading_that_still_connects(
    database: Callable[[str], Database], engine: str
) -> None:
    held = database(engine)
    stream = dbferry.read(held.url, SLOW[engine])
    with held.server.frozen():
        assert "interrupted" in cancelled(stream, lambda: time.sleep(0.3))


@pytest.mark.parametrize("engine", SERVERS)
def test_cancel_ends_a_reading_that_waits(database: Callable[[str], Database], engine: str) -> None:
    held = database(engine)
    stream = dbferry.read(held.url, SLOW[engine])
    assert "interrupted" in cancelled(stream, lambda: one_open(held))
    all_gone(held)
    with pytest.raises(ValueError, match="closed"):
        pa.table(stream)


def test_every_consumer_reads_anew(big: Callable[[str], Database]) -> None:
    held = big("sqlite")
    stream = dbferry.read(held.url, "big")
    assert pa.table(stream).num_rows == pa.table(stream).num_rows == ROWS


def test_a_query_begins_at_once_and_is_not_read_ahead(big: Callable[[str], Database]) -> None:
    held = big("sqlite")
    stream = dbferry.read(held.url, "SELECT * FROM big ORDER BY id DESC", batch_rows=10)
    reader = pa.RecordBatchReader.from_stream(stream)
    assert reader.read_next_batch()["id"].to_pylist() == list(range(ROWS, ROWS - 10, -1))
    assert stream.rows <= 100


@pytest.mark.parametrize("engine", [*SERVERS, "sqlite"])
def test_ranges_of_a_table_hold_every_row_once(big: Callable[[str], Database], engine: str) -> None:
    held = big(engine)
    table = pa.table(dbferry.read(held.url, "big", parallel=3, columns=["t", "id"]))
    assert table.column_names == ["t", "id"]
    assert sorted(table["id"].to_pylist()) == list(range(1, ROWS + 1))
    only = pa.table(dbferry.read(held.url, "big", parallel=2, columns=["t"]))
    assert only.num_rows == ROWS


@pytest.mark.parametrize("engine", [*SERVERS, "sqlite"])
def test_the_order_of_a_query_is_kept(database: Callable[[str], Database], engine: str) -> None:
    held = database(engine)
    held.sql("CREATE TABLE t (n integer); INSERT INTO t VALUES (2), (3), (1)")
    table = pa.table(dbferry.read(held.url, "SELECT n FROM t ORDER BY n -- last"))
    assert table["n"].to_pylist() == [1, 2, 3]


CHILD = textwrap.dedent(
    """
    import os, sys
    import pyarrow as pa
    import dbferry

    stream = dbferry.read(sys.argv[1], "big", parallel=1, batch_rows=10)
    reader = pa.RecordBatchReader.from_stream(stream)
    reader.read_next_batch()
    child = os.fork()
    if child == 0:
        try:
            reader.read_next_batch()
        except pa.ArrowException as error:
            os._exit(7 if "parent process" in str(error) else 8)
        os._exit(9)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 7, status
    assert sum(batch.num_rows for batch in reader) == int(sys.argv[2]) - 10
    """
)


def test_a_forked_child_is_refused_and_the_parent_goes_on(big: Callable[[str], Database]) -> None:
    held = big("postgresql")
    ran = subprocess.run(
        [sys.executable, "-c", CHILD, held.url, str(ROWS)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")


INTERRUPTED = textwrap.dedent(
    """
    import sys
    import pyarrow as pa
    import dbferry

    reader = pa.RecordBatchReader.from_stream(dbferry.read(sys.argv[1], sys.argv[2]))
    print("reading", flush=True)
    try:
        reader.read_all()
        print("through")
    except pa.ArrowException:
        pass
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    """
)


@pytest.mark.parametrize("engine", SERVERS)
def test_ctrl_c_ends_a_reading_that_waits(database: Callable[[str], Database], engine: str) -> None:
    held = database(engine)
    child = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, held.url, SLOW[engine]],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert child.stdout is not None
    assert child.stdout.readline() == "reading\n"
    one_open(held)
    child.send_signal(2)
    out, error = child.communicate(timeout=20)
    assert "interrupted" in out + error or "KeyboardInterrupt" in error
    assert "through" not in out
    all_gone(held)


MEASURED = textwrap.dedent(
    """
    import sys
    import pyarrow as pa
    import dbferry

    reader = pa.RecordBatchReader.from_stream(dbferry.read(sys.argv[1], "wide"))
    rows = sum(batch.num_rows for batch in reader)
    peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    print(rows, peak.split()[1])
    """
)


def test_wide_rows_take_little_memory(pg_db: Database) -> None:
    pg_db.sql(
        "CREATE TABLE wide (id integer, t text);"
        "INSERT INTO wide SELECT g, repeat(md5(g::text), 8000) FROM generate_series(1, 2000) g"
    )
    ran = subprocess.run(
        [sys.executable, "-c", MEASURED, pg_db.url], capture_output=True, text=True, check=True
    )
    rows, kilobytes = map(int, ran.stdout.split())
    assert rows == 2000
    assert kilobytes < 150_000, f"{kilobytes} kB for 512 MB of text"


@pytest.mark.parametrize("engine", SERVERS)
def test_nothing_is_open_after_a_write_of_it_has_failed(
    big: Callable[[str], Database], sqlite_db: Database, engine: str
) -> None:
    held = big(engine)
    sqlite_db.sql("CREATE TABLE big (id integer CHECK (id < 200000), t text)")
    failed, was_on = False, gc.isenabled()
    gc.disable()
    try:
        try:
            dbferry.write(dbferry.read(held.url, "big"), sqlite_db.url, "big")
        except dbferry.DbferryError:
            failed = True
        assert failed
        all_gone(held)
    finally:
        if was_on:
            gc.enable()
