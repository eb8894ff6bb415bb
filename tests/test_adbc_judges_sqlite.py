"""The native reader and SQLite's ADBC driver, written by others, give the same values.

SQLite has no types but those of its values, and adbc-driver-sqlite 1.13.0 knows no declarations: it is exact
for columns whose values are of one class, and no judge of
- integers beside reals: it makes doubles of all, and integers past 2⁵³ lose digits;
- declared dates, decimals and booleans: it gives the text or the number that is stored;
- columns of NULL only, which it gives as int64.
"""

import struct
from typing import Any

import adbc_driver_sqlite.dbapi
import pytest

from native import table_of
from servers.database import SqliteDatabase

TYPES: dict[str, list[str]] = {
    "INTEGER": ["-9223372036854775808", "9223372036854775807", "0", "9007199254740993"],
    "REAL": ["1e308", "5e-324", "-0.0", "0.1", "9e999", "-9e999"],
    "TEXT": ["''", "' '", "'Zoë 😀'", "'NULL'", "'it''s'", "'a' || char(10) || 'b'", "hex(zeroblob(50000))"],
    "BLOB": ["x''", "x'00'", "x'deadbeef00'", "zeroblob(70000)"],
}  # fmt: skip


def neutral(value: Any) -> Any:
    return struct.pack("<d", value).hex() if isinstance(value, float) else value


@pytest.mark.parametrize("kind", TYPES)
def test_native_and_driver_agree(sqlite_db: SqliteDatabase, kind: str) -> None:
    sqlite_db.sql(f"CREATE TABLE t (id INTEGER PRIMARY KEY, v {kind})")
    rows = ", ".join(f"({n}, {value})" for n, value in enumerate([*TYPES[kind], "NULL"]))
    sqlite_db.sql(f"INSERT INTO t VALUES {rows}")
    with (
        adbc_driver_sqlite.dbapi.connect(str(sqlite_db.path)) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT id, v FROM t ORDER BY id")
        judged = cursor.fetch_arrow_table()
    ours = table_of(sqlite_db, "t").sort_by("id")
    assert ours.column("id").to_pylist() == judged.column("id").to_pylist()
    told = [[neutral(v) for v in table.column("v").to_pylist()] for table in (ours, judged)]
    assert told[0] == told[1]
    assert judged.num_rows == len(TYPES[kind]) + 1
