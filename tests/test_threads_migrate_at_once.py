"""Several threads of one process may migrate at the same time, each between its own databases or from one source."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import dbferry
import fill
from dbferry.errors import BusyError, DbferryError
from servers.database import Database

Make = Callable[[str], Database]
ROWS = 5_000
TARGETS = ("postgresql", "mariadb", "mysql", "sqlite", "duckdb")


def test_each_thread_moves_its_own(database: Make) -> None:
    source = database("postgresql")
    source.sql("CREATE TABLE t (id integer PRIMARY KEY, word varchar(40))")
    fill.insert(source, "t", ((n, f"word {n}") for n in range(ROWS)))
    targets = [database(engine) for engine in TARGETS]
    with ThreadPoolExecutor(len(targets)) as pool:
        reports = list(pool.map(lambda to: dbferry.migrate(source.url, to.url), targets))
    assert [report.rows for report in reports] == [ROWS] * len(targets)
    for target in targets:
        assert sorted(target.rows("SELECT id, word FROM t")) == [
            (n, f"word {n}") for n in range(ROWS)
        ]


def test_of_two_threads_with_one_task_the_second_is_refused_or_finds_it_done(
    database: Make,
) -> None:
    source, target = database("mariadb"), database("postgresql")
    source.sql("CREATE TABLE t (id integer PRIMARY KEY, word varchar(40))")
    fill.insert(source, "t", ((n, f"word {n}") for n in range(ROWS)))

    def run(_: int) -> DbferryError | None:
        try:
            dbferry.migrate(source.url, target.url, max_rate="10000 rows", batch_rows=500)
        except DbferryError as error:
            return error
        return None

    with ThreadPoolExecutor(3) as pool:
        errors = [error for error in pool.map(run, range(3)) if error is not None]
    assert len(errors) == 2
    assert all(isinstance(error, BusyError) for error in errors), errors
    assert target.rows("SELECT count(*), count(DISTINCT id) FROM t") == [(ROWS, ROWS)]
