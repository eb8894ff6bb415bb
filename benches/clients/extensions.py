"""DuckDB with its extensions as PyPI has them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb


def duckdb_with(*kinds: str) -> duckdb.DuckDBPyConnection:
    """A connection that can attach `postgres`, `mysql`, `sqlite`."""
    import duckdb

    packages = Path(duckdb.__file__).parent.parent
    connection = duckdb.connect()
    for kind in set(kinds):
        folder = packages / f"duckdb_extension_{kind}_scanner" / "extensions"
        connection.execute(f"LOAD '{next(folder.rglob('*.duckdb_extension'))}'")
    return connection
