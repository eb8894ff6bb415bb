"""Chinook, a small music shop of eleven tables, in any engine."""

import gzip
import json
from pathlib import Path

import fill
import judge
from servers.database import Database

CHINOOK = json.loads(
    gzip.decompress((Path(__file__).parent / "data" / "chinook.json.gz").read_bytes())
)
TYPES = {
    "postgresql": {"NVARCHAR": "varchar", "DATETIME": "timestamp(0)"},
    "mysql": {"NVARCHAR": "varchar", "DATETIME": "datetime"},
    "mariadb": {"NVARCHAR": "varchar", "DATETIME": "datetime"},
    "sqlite": {},
}


def fill_chinook(db: Database) -> None:
    """Makes its tables and puts its rows into them."""
    for name, table in CHINOOK.items():
        columns = [
            f"{judge.quote(db, column)} {_native(db.engine, native)}{' NOT NULL' * required}"
            for column, native, required in table["columns"]
        ]
        key = ", ".join(judge.quote(db, column) for column in table["key"])
        body = ", ".join([*columns, f"PRIMARY KEY ({key})"])
        db.sql(f"CREATE TABLE {judge.quote(db, name)} ({body})")
        fill.insert(db, name, table["rows"])


def _native(engine: str, native: str) -> str:
    name, bracket, size = native.partition("(")
    return TYPES[engine].get(name, name) + bracket + size
