"""The sample shop: a SQLite database made from a seed, with a little of everything that migrations meet."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

TABLES = """
CREATE TABLE country (code CHAR(2) NOT NULL PRIMARY KEY, name TEXT NOT NULL, vat DECIMAL(4,2));
CREATE TABLE customer (id INTEGER PRIMARY KEY, email VARCHAR(120) NOT NULL, name TEXT NOT NULL,
  country CHAR(2) NOT NULL, born DATE, joined TIMESTAMP NOT NULL, vip BOOLEAN NOT NULL,
  balance DECIMAL(12,2) NOT NULL, preferences JSON);
CREATE TABLE address (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL, line TEXT NOT NULL,
  city TEXT NOT NULL, postcode VARCHAR(12));
CREATE TABLE category (id INTEGER PRIMARY KEY, parent_id INTEGER, name TEXT NOT NULL);
CREATE TABLE product (id INTEGER PRIMARY KEY AUTOINCREMENT, sku TEXT NOT NULL, name TEXT NOT NULL,
  category_id INTEGER NOT NULL, price DECIMAL(10,2) NOT NULL, weight REAL, thumbnail BLOB, details JSON);
CREATE TABLE product_tag (product_id INTEGER NOT NULL, tag VARCHAR(30) NOT NULL,
  PRIMARY KEY (product_id, tag)) WITHOUT ROWID;
CREATE TABLE "order" (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL, placed TIMESTAMP NOT NULL,
  status VARCHAR(10) NOT NULL, total DECIMAL(12,2) NOT NULL, note TEXT);
CREATE TABLE order_line (order_id INTEGER NOT NULL, line INTEGER NOT NULL, product_id INTEGER NOT NULL,
  quantity INTEGER NOT NULL, price DECIMAL(10,2) NOT NULL, discount REAL, PRIMARY KEY (order_id, line));
CREATE TABLE payment (id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL, paid TIMESTAMP, method TEXT NOT NULL,
  amount DECIMAL(12,2) NOT NULL);
CREATE TABLE "StockLevel" ("productId" INTEGER NOT NULL, "Warehouse" TEXT NOT NULL, "onHand" INTEGER NOT NULL,
  PRIMARY KEY ("productId", "Warehouse"));
CREATE TABLE review (id INTEGER PRIMARY KEY, product_id INTEGER NOT NULL, customer_id INTEGER NOT NULL,
  stars INTEGER NOT NULL, text TEXT);
CREATE TABLE page_view (seen TIMESTAMP NOT NULL, path TEXT NOT NULL, customer_id INTEGER, millis INTEGER);
"""

NAMES = (
    "Ana",
    "Böhm",
    "Çelik",
    "Dvořák",
    "Eze",
    "Føroyar",
    "Γιώργος",
    "Hà",
    "Иван",
    "José",
    "木村",
    "🦊 Lindqvist",
)
CITIES = (
    "København",
    "Łódź",
    "São Paulo",
    "München",
    "東京",
    "Αθήνα",
    "Reykjavík",
    "Zürich",
    "Bengaluru",
    "Oaxaca",
)
WORDS = (
    "amber",
    "bolt",
    "cedar",
    "dune",
    "ember",
    "fjord",
    "grove",
    "harbour",
    "iris",
    "juniper",
    "kelp",
    "lumen",
)
STATUS = ("new", "paid", "sent", "returned")
START = datetime(2019, 1, 1, tzinfo=UTC)


def make(path: Path, *, rows: int, seed: int) -> None:
    """Writes the shop to a new file at `path`; a file that is there is replaced."""
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path)
    try:
        connection.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;" + TABLES)
        for table, width, values in _contents(rows, Random(seed)):
            marks = ",".join("?" * width)
            connection.executemany(f'INSERT INTO "{table}" VALUES ({marks})', values)
        connection.commit()
    finally:
        connection.close()


def _contents(rows: int, random: Random) -> Iterator[tuple[str, int, Iterator[tuple[Any, ...]]]]:
    customers, products = rows // 25, max(50, rows // 200)
    orders, views = rows // 8, rows // 4
    yield "country", 3, _countries()
    yield "customer", 9, _customers(customers, random)
    yield "address", 5, _addresses(customers, random)
    yield "category", 3, ((i, i // 4 or None, f"{WORDS[i % 12]} {i}") for i in range(1, 61))
    yield "product", 8, _products(products, random)
    yield (
        "product_tag",
        2,
        ((p, WORDS[(p + k) % 12]) for p in range(1, products + 1) for k in range(3)),
    )
    yield "order", 6, _orders(orders, customers, random)
    yield "order_line", 6, _lines(orders, products, random)
    yield "payment", 5, _payments(orders, random)
    yield (
        "StockLevel",
        3,
        (
            (p, place, random.randrange(500))
            for p in range(1, products + 1)
            for place in ("Nord", "Süd")
        ),
    )
    yield "review", 5, _reviews(rows // 25, products, customers, random)
    yield "page_view", 4, _views(views, customers, random)


def _moment(random: Random) -> str:
    moment = START + timedelta(seconds=random.randrange(220_000_000))
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def _money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def _countries() -> Iterator[tuple[Any, ...]]:
    yield from (
        ("DK", "Danmark", "25.00"), ("DE", "Deutschland", "19.00"), ("GR", "Ελλάδα", "24.00"),
        ("JP", "日本", "10.00"), ("BR", "Brasil", None), ("CH", "Schweiz/Suisse/Svizzera", "8.10"),
    )  # fmt: skip


def _customers(count: int, random: Random) -> Iterator[tuple[Any, ...]]:
    codes = ("DK", "DE", "GR", "JP", "BR", "CH")
    for i in range(1, count + 1):
        born = (START - timedelta(days=random.randrange(7_000, 30_000))).date().isoformat()
        preferences = {"lang": codes[i % 6].lower(), "news": i % 3 == 0, "tags": [WORDS[i % 12]]}
        yield (
            i, f"user{i}@example.org", f"{NAMES[i % 12]} {WORDS[i % 7].title()}", codes[i % 6],
            born if i % 9 else None, _moment(random), i % 17 == 0,
            _money(random.randrange(10_000_000)),
            json.dumps(preferences, ensure_ascii=False) if i % 5 else None,
        )  # fmt: skip


def _addresses(customers: int, random: Random) -> Iterator[tuple[Any, ...]]:
    for i in range(1, customers + 1):
        line = f"{random.randrange(1, 400)} {WORDS[i % 12].title()} “Straße”"
        yield i, i, line, CITIES[i % 10], f"{random.randrange(99_999):05d}" if i % 11 else None


def _products(count: int, random: Random) -> Iterator[tuple[Any, ...]]:
    for i in range(1, count + 1):
        details = {"colour": WORDS[i % 12], "sizes": [i % 40, i % 44], "eco": i % 2 == 0}
        yield (
            i, f"{i:07d}", f"{WORDS[i % 12]} {WORDS[i * 5 % 12]}", i % 60 + 1,
            _money(random.randrange(100, 90_000)), round(random.random() * 30, 3) if i % 7 else None,
            random.randbytes(random.randrange(200)) if i % 4 else None, json.dumps(details),
        )  # fmt: skip


def _orders(count: int, customers: int, random: Random) -> Iterator[tuple[Any, ...]]:
    for i in range(1, count + 1):
        note = f"leave at № {i % 90}\nring twice" if i % 6 == 0 else None
        yield (
            i, random.randrange(1, customers + 1), _moment(random), STATUS[i % 4],
            _money(random.randrange(500, 500_000)), note,
        )  # fmt: skip


def _lines(orders: int, products: int, random: Random) -> Iterator[tuple[Any, ...]]:
    for order in range(1, orders + 1):
        for line in range(1, 2 + order % 4):
            yield (
                order, line, random.randrange(1, products + 1), random.randrange(1, 9),
                _money(random.randrange(100, 90_000)), 0.05 if line == 3 else None,
            )  # fmt: skip


def _payments(orders: int, random: Random) -> Iterator[tuple[Any, ...]]:
    for i in range(1, orders + 1):
        paid = _moment(random) if i % 8 else None
        yield (
            i,
            i,
            paid,
            ("card", "transfer", "cash")[i % 3],
            _money(random.randrange(500, 500_000)),
        )


def _reviews(
    count: int, products: int, customers: int, random: Random
) -> Iterator[tuple[Any, ...]]:
    for i in range(1, count + 1):
        text = " ".join(random.choices(WORDS, k=random.randrange(4, 30))) if i % 3 else None
        yield (
            i,
            random.randrange(1, products + 1),
            random.randrange(1, customers + 1),
            i % 5 + 1,
            text,
        )


def _views(count: int, customers: int, random: Random) -> Iterator[tuple[Any, ...]]:
    for i in range(count):
        who = random.randrange(1, customers + 1) if i % 3 else None
        yield _moment(random), f"/{WORDS[i % 12]}/{i % 977}", who, random.randrange(4_000)
