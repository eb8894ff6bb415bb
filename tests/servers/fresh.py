"""A fresh database of any engine."""

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
