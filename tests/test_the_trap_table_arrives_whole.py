"""One ordinary MariaDB table in latin1 on which ten of fourteen ways by other tools refuse, hang or change data."""

import pytest

import dbferry
import fill
import judge
from servers.database import Database

SHOP = """
CREATE TABLE customer (id bigint unsigned PRIMARY KEY, name varchar(40) NOT NULL) CHARSET latin1;
CREATE TABLE trap (
  id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
  code char(36) NOT NULL,
  customer_id int NOT NULL,
  state enum('new','paid','sent') NOT NULL DEFAULT 'new',
  price decimal(12,2) NOT NULL,
  amount smallint unsigned NOT NULL,
  gift tinyint(1) NOT NULL DEFAULT 0,
  made datetime(6) NOT NULL,
  due date DEFAULT NULL,
  label varchar(60) NOT NULL,
  remark text,
  extra json,
  raw varbinary(32),
  UNIQUE KEY code (code), KEY customer_id (customer_id), KEY made (made)
) CHARSET latin1;
"""
ROWS = 3000
TYPES = {
    "id": "bigint",
    "code": "character(36)",
    "customer_id": "integer",
    "state": "trap_state",
    "price": "numeric(12,2)",
    "amount": "integer",
    "gift": "boolean",
    "made": "timestamp(6) without time zone",
    "due": "date",
    "label": "character varying(60)",
    "remark": "text",
    "extra": "json",
    "raw": "bytea",
}
NULLABLE = {"due", "remark", "extra", "raw"}


def _rows() -> list[tuple[object, ...]]:
    """Every value at its border somewhere; `—` is the byte 0x97 in this charset."""
    border = (
        2**63 - 2, "f" * 36, -(2**31), "sent", "9999999999.99", 65535, 1,
        "9999-12-31 23:59:59.999999", "9999-12-31", "— “€” ñ ß ÿ", "a\tb\nc\\d\r", '{"a": [1, null, "é"]}',
        bytes(range(0, 256, 8)),
    )  # fmt: skip
    return [_row(number) for number in range(1, ROWS)] + [border]


def _row(number: int) -> tuple[object, ...]:
    some = number % 3 != 0
    return (
        number,
        f"{number:08x}-0000-4000-8000-{number:012x}",
        number % 97,
        ("new", "paid", "sent")[number % 3],
        f"{number}.{number % 100:02d}",
        number * 21 % 65536,
        number % 2,
        f"2024-02-29 {number % 24:02d}:30:00.{number:06d}",
        f"2024-{number % 12 + 1:02d}-28" if some else None,
        f"No. {number} — Café Œuvre",
        f"naïve “quotes” and {number} €" if some else None,
        f'{{"number": {number}, "name": "Zoë"}}' if some else None,
        number.to_bytes(4, "big") + b"\xaa\x00\xff" if some else None,
    )


@pytest.fixture
def trap(maria_db: Database) -> Database:
    """The table, its customers, and a view, in a latin1 database."""
    maria_db.sql(SHOP)
    fill.insert(maria_db, "customer", [(number, f"Kund—e {number}") for number in range(97)])
    fill.insert(maria_db, "trap", _rows())
    maria_db.sql("CREATE VIEW paid AS SELECT * FROM trap WHERE state = 'paid'")
    return maria_db


def test_every_value_is_right(trap: Database, pg_db: Database) -> None:
    report = dbferry.migrate(trap.url, pg_db.url)
    assert [(t.source.rpartition(".")[2], t.rows) for t in report.tables if "trap" in t.source] == [
        ("trap", ROWS)
    ]
    assert judge.texts(pg_db, "trap") == [_as_text(row) for row in _rows()]
    assert judge.texts(pg_db, "customer") == [(str(n), f"Kund—e {n}") for n in range(97)]


def test_types_key_and_not_null_are_right(trap: Database, pg_db: Database) -> None:
    dbferry.migrate(trap.url, pg_db.url)
    assert judge.types(pg_db, "trap") == TYPES
    assert judge.primary_key(pg_db, "trap") == ["id"]
    assert {c.name for c in judge.columns(pg_db, "trap") if c.nullable} == NULLABLE
    labels = "SELECT array_agg(enumlabel ORDER BY enumsortorder)::text[] FROM pg_enum"
    assert pg_db.rows(labels) == [(["new", "paid", "sent"],)]


def test_the_next_key_follows_the_last(trap: Database, pg_db: Database) -> None:
    dbferry.migrate(trap.url, pg_db.url, tables=["trap"])
    columns = "customer_id, state, price, amount, gift, made, label"
    copy = f"INSERT INTO trap (code, {columns}) SELECT 'new', {columns} FROM trap WHERE id = 1"
    assert pg_db.rows(f"{copy} RETURNING id") == [(2**63 - 1,)]


def _as_text(row: tuple[object, ...]) -> tuple[str | None, ...]:
    """A row as PostgreSQL prints it."""
    told = [v.hex() if isinstance(v, bytes) else None if v is None else str(v) for v in row]
    told[6] = "true" if row[6] else "false"
    told[7] = str(row[7]).rstrip("0").rstrip(".")
    return tuple(told)
