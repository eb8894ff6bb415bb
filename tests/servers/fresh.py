"""A fresh database of any engine."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from servers.database import Database, DuckdbDatabase, ServerDatabase, SqliteDatabase

FIXTURES = {"postgresql": "postgres", "mariadb": "mariadb", "mysql": "mysql"}


def make_database(engine: str, request: pytest.FixtureRequest, folder: Path) -> Database:
    """An empty database: a file in `folder`, or one on the session's server."""
    if engine == "sqlite":
        return SqliteDatabase(folder)
    if engine == "duckdb":
        return DuckdbDatabase(folder)
    return ServerDatabase(request.getfixturevalue(FIXTURES[engine]))


@contextmanager
def filled(
    fill: Callable[[Database], None],
    request: pytest.FixtureRequest,
    folders: pytest.TempPathFactory,
) -> Iterator[Callable[[str], Database]]:
    """A function: engine to a database that was filled, once for all who ask."""
    made: dict[str, Database] = {}
    with ExitStack() as stack:

        def holding(engine: str) -> Database:
            if engine not in made:
                made[engine] = make_database(engine, request, folders.mktemp("filled"))
                stack.callback(made[engine].drop)
                fill(made[engine])
            return made[engine]

        yield holding
