"""What AWS DMS's functions of bytes and days give in a source's words is what SQLite gives, to the last digit."""

import sqlite3
from collections.abc import Callable
from datetime import date, datetime
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import dbferry
from dbferry.errors import DbferryError
from mapping.test_dms_mappings import change, include, mapping
from servers.database import Database

Make = Callable[[str], Database]
Row = tuple[str | None, bytes | None, date | None, datetime | None]
SERVERS = ["postgresql", "mysql", "mariadb"]
TYPES = {
    "postgresql": ("text", "char(9)", "bytea", "date", "timestamp(0)"),
    "sqlite": ("text", "char(9)", "blob", "date", "datetime"),
    **dict.fromkeys(("mysql", "mariadb"), ("text", "char(9)", "blob", "date", "datetime")),
}
# Each over the columns of its table, and over the same values as SQLite has them.
TOLD = {
    "a": "hex($name)",
    "b": "hex($raw)",
    "c": "hex($name || 'é')",
    "d": "julianday($day)",
    "e": "julianday($at)",
    "f": "hex(zeroblob(3))",
    "g": "replace(hex(zeroblob(2)), '00', lower(hex($raw)))",
    "h": "zeroblob(2)",
    "i": "hex(CAST($id AS TEXT))",
    "l": "CAST(CASE WHEN $raw IS NULL THEN $id ELSE $id * 2 END AS TEXT)",
    "m": "hash_sha256($name)",
    "n": "hash_sha256(hex($raw))",
    "o": "hash_sha256($id)",
    "j": "lower('ÄB') || upper($name) || lower($name)",
    "k": "hex(replace(substr($name, 1, 2), 'a', 'b') || trim($name) || $id)",
}
UNKNOWN = "hex() of what isn't known to be a text or bytes"
YEARS = {"min_value": date(1000, 1, 1), "max_value": date(9999, 12, 31)}
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=9)
MOMENTS = st.builds(datetime.combine, st.dates(**YEARS), st.times())
ROWS = st.lists(
    st.tuples(
        st.none() | TEXT,
        st.none() | st.binary(max_size=9),
        st.none() | st.dates(**YEARS),
        st.none() | MOMENTS.map(lambda moment: moment.replace(microsecond=0)),
    ),
    min_size=20,
    max_size=60,
)


def filled(db: Database, rows: list[Row]) -> None:
    kinds = zip(("name", "padded", "raw", "day", "at"), TYPES[db.engine], strict=True)
    columns = ", ".join(f"{name} {kind}" for name, kind in kinds)
    db.sql(f"DROP TABLE IF EXISTS t; CREATE TABLE t (id int PRIMARY KEY, {columns})")
    listed = [
        f"({number}, {text(db.engine, name)}, 'a ', {octets(db.engine, raw)}, {quoted(day)}, {quoted(at)})"
        for number, (name, raw, day, at) in enumerate(rows)
    ]
    db.sql(f"INSERT INTO t VALUES {', '.join(listed)}")


def text(engine: str, value: str | None) -> str:
    if value is None:
        return "NULL"
    bare = octets(engine, value.encode())
    return {"postgresql": f"convert_from({bare}, 'UTF8')", "sqlite": f"CAST({bare} AS TEXT)"}.get(
        engine, f"CONVERT({bare} USING utf8mb4)"
    )


def hashed(value: str | int | None) -> str | None:
    return None if value is None else sha256(str(value).encode()).hexdigest().upper()


def octets(engine: str, value: bytes | None) -> str:
    if value is None:
        return "NULL"
    return f"'\\x{value.hex()}'::bytea" if engine == "postgresql" else f"X'{value.hex()}'"


def quoted(value: date | None) -> str:
    return (
        "NULL"
        if value is None
        else f"'{value.isoformat(sep=' ')}'"
        if isinstance(value, datetime)
        else f"'{value}'"
    )


def added(source: Database, told: dict[str, str]) -> dict[str, Any]:
    schema = {"postgresql": "public", "sqlite": "main"}.get(source.engine, source.name)
    everything = {"schema-name": schema, "table-name": "%"}
    return mapping(
        include(locator=everything),
        *(
            change("add-column", "column", number, locator=everything, value=name, expression=text)
            for number, (name, text) in enumerate(told.items(), start=2)
        ),
    )


@pytest.mark.parametrize("source", [*SERVERS, "sqlite"])
def test_they_give_what_sqlite_gives(database: Make, source: str) -> None:
    held, made = database(source), database("sqlite")
    judge = sqlite3.connect(":memory:")
    judge.create_function("hash_sha256", 1, hashed)
    asked = ", ".join(text.replace("$", "") for text in TOLD.values())

    @settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
    @given(ROWS)
    def check(rows: list[Row]) -> None:
        filled(held, rows)
        dbferry.migrate(held.url, made.url, dms_mappings=added(held, TOLD), prepare="drop")
        values = [
            (n, *row[:2], *(None if v is None else str(v) for v in row[2:]))
            for n, row in enumerate(rows)
        ]
        marks = ", ".join(["(?, ?, ?, ?, ?)"] * len(rows))
        wanted = judge.execute(
            f"WITH t (id, name, raw, day, at) AS (VALUES {marks}) SELECT {asked} FROM t ORDER BY id",
            [value for row in values for value in row],
        ).fetchall()
        assert made.rows(f"SELECT {', '.join(TOLD)} FROM t ORDER BY id") == wanted

    check()
    judge.close()


@pytest.mark.parametrize(
    ("source", "padded"),
    [("postgresql", "61"), ("mysql", "61"), ("sqlite", "6120")],
)
def test_blanks_at_the_end_are_those_that_are_moved(
    database: Make, source: str, padded: str
) -> None:
    held, made = database(source), database("sqlite")
    filled(held, [(None, None, None, None)])
    dbferry.migrate(held.url, made.url, dms_mappings=added(held, {"x": "hex($padded)"}))
    assert made.rows("SELECT x, hex(padded) FROM t") == [(padded, padded)]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("hex($id)", f"{UNKNOWN}; CAST AS TEXT makes a number a text"),
        ("hex(abs($id))", UNKNOWN),
        ("hex($raw || 'x')", UNKNOWN),
        ("hex('x' || ($name || lower($raw)))", UNKNOWN),
        ("hex(CAST($raw AS TEXT))", UNKNOWN),
        ("CAST($raw AS TEXT)", "the text of binary is another one in"),
        ("hash_sha256($raw)", "the text of binary is another one in"),
        ("hash_sha256(coalesce($raw, zeroblob(1)))", "the text of binary is another one in"),
        ("CAST($part AS TEXT)", "the text of float is another one in"),
        ("hash_sha256($id + $part * 2)", "the text of float is another one in"),
        (
            "'x' || CASE WHEN $id = 1 THEN $name ELSE $part END",
            "the text of float is another one in",
        ),
        ("hex(substr($raw, 1, 2))", UNKNOWN),
        ("hex(trim($raw))", UNKNOWN),
        ("hex(replace($raw, 'a', 'b'))", UNKNOWN),
        ("$name) || ($name", "it is no plain expression"),
        ("replace($name, 'a', 'b')) || ($name", "it is no plain expression"),
        ("$name, $name", "it is no plain expression"),
        ("zeroblob($id)", "zeroblob() of what is no plain number up to 1,048,576"),
        ("zeroblob(1048577)", "zeroblob() of what is no plain number"),
        ("julianday($name)", "julianday() of text, which is no date and no wall clock"),
        ("julianday($fine)", "julianday() of fractions of a second"),
        ("julianday($zoned)", "julianday() of instant, which is no date and no wall clock"),
        ("julianday('now')", "julianday() of what is no column"),
        ("julianday($day, '+1 day')", "julianday() of what is no column"),
    ],
)
@pytest.mark.parametrize("source", ["postgresql", "mysql"])
def test_what_would_be_another_value_is_refused(
    database: Make, source: str, text: str, why: str
) -> None:
    held = database(source)
    fine = ("timestamp", "timestamptz") if source == "postgresql" else ("datetime(6)", "timestamp")
    held.sql(
        "CREATE TABLE t (id int PRIMARY KEY, name varchar(9), "
        f"raw {TYPES[source][2]}, part double precision, day date, fine {fine[0]}, zoned {fine[1]} NULL)"
    )
    with pytest.raises(DbferryError) as raised:
        dbferry.migrate(held.url, database("sqlite").url, dms_mappings=added(held, {"x": text}))
    assert why in str(raised.value)
    assert why != UNKNOWN or "CAST" not in str(raised.value).partition(UNKNOWN)[2]
    assert raised.value.exit_code == 2
