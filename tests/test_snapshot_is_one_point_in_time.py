"""While writers move money between two tables, the copy shows one moment: the sum is what it always is."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest

import dbferry
import fill
from servers.database import Database, ServerDatabase

ACCOUNTS = 20_000
START = 1_000
WRITERS = 3
# One short transaction: from an account of one table to an account of the other, and a line in the journal.
TRANSFER = (
    "UPDATE giro SET balance = balance - {0} WHERE id = {1}",
    "UPDATE savings SET balance = balance + {0} WHERE id = {2}",
    "INSERT INTO journal (amount) VALUES ({0})",
)


class Writers:
    """Threads that transfer as fast as they can, and count what they committed."""

    def __init__(self, db: ServerDatabase) -> None:
        self.db = db
        self.stop = threading.Event()
        self.started = threading.Barrier(WRITERS + 1, timeout=30)
        self.committed = [0] * WRITERS
        self.errors: list[BaseException] = []
        self.threads = [threading.Thread(target=self._run, args=(n,)) for n in range(WRITERS)]

    def _run(self, number: int) -> None:
        try:
            with closing(self.db.server.connect(self.db.name, autocommit=False)) as connection:
                cursor = connection.cursor()
                turn = number
                while not self.stop.is_set():
                    turn += WRITERS
                    # Each writer has accounts of its own: no deadlocks.
                    account = turn * 7919 * WRITERS % ACCOUNTS // WRITERS * WRITERS + number + 1
                    for statement in TRANSFER:
                        cursor.execute(statement.format(turn % 50, account, account))
                    connection.commit()
                    self.committed[number] += 1
                    if self.committed[number] == 1:
                        self.started.wait()
        except BaseException as error:
            self.started.abort()
            self.errors.append(error)


@contextmanager
def writing(db: Database) -> Iterator[Writers]:
    """Writers at work, from before the block to after it."""
    assert isinstance(db, ServerDatabase)
    writers = Writers(db)
    for thread in writers.threads:
        thread.start()
    try:
        writers.started.wait()
        yield writers
    finally:
        writers.stop.set()
        for thread in writers.threads:
            thread.join()
    assert writers.errors == []


def _bank(db: Database) -> None:
    key = "integer PRIMARY KEY"
    serial = "GENERATED ALWAYS AS IDENTITY" if db.engine == "postgresql" else "AUTO_INCREMENT"
    for name in ("giro", "savings"):
        db.sql(f"CREATE TABLE {name} (id {key}, balance integer NOT NULL, filler varchar(200))")
        fill.insert(db, name, [(n, START, "x" * 150) for n in range(1, ACCOUNTS + 10)])
    db.sql(
        f"CREATE TABLE journal (id {key.replace(' ', f' {serial} ', 1)}, amount integer NOT NULL)"
    )


@pytest.mark.parametrize("target", ["same", "sqlite"])
@pytest.mark.parametrize("source", ["postgresql", "mysql", "mariadb"])
def test_the_copy_is_one_consistent_state(
    database: Callable[[str], Database], source: str, target: str
) -> None:
    held, made = database(source), database(source if target == "same" else target)
    _bank(held)
    with writing(held) as writers:
        before = sum(writers.committed)
        report = dbferry.migrate(held.url, made.url, range_rows=500, workers=2)
        after = sum(writers.committed)
    assert after > before, "the writers stood still during the copy"
    giro, savings = (
        int(made.rows(f"SELECT sum(balance) FROM {name}")[0][0]) for name in ("giro", "savings")
    )
    moved, transfers = made.rows("SELECT sum(amount), count(*) FROM journal")[0]
    start = START * (ACCOUNTS + 9)
    assert giro + savings == 2 * start
    assert savings - start == moved
    assert before <= transfers <= after + WRITERS
    assert all(table.source_rows == table.target_rows for table in report.tables)
