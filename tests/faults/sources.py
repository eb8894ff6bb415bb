"""A source database from a seed, the same rows in every engine: all that may be lost or come twice.

Values are such that every engine holds them exactly; names are such that no engine changes them.
"""

import datetime as dt
import random
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from fill import insert
from servers.database import Database

TYPES = {
    "postgresql": {"moment": "timestamp", "bytes": "bytea", "whole": "bigint"},
    "mysql": {"moment": "datetime(6)", "bytes": "longblob", "whole": "bigint"},
    "mariadb": {"moment": "datetime(6)", "bytes": "longblob", "whole": "bigint"},
    "sqlite": {"moment": "datetime", "bytes": "blob", "whole": "integer"},
}

LARGE = 1_000_000

EPOCH = dt.datetime.fromisoformat("1970-01-02")

WORDS = ["", "plain", "d\u00e9j\u00e0 vu", "\u6f22\u5b57", "it's \\ \t \n %s \\N \U0001f600"]


@dataclass(frozen=True)
class Index:
    """What the catalog of any engine tells of an index that is no primary key."""

    table: str
    columns: tuple[str, ...]
    unique: bool


@dataclass(frozen=True)
class ForeignKey:
    """What the catalog of any engine tells of a foreign key of one column."""

    table: str
    column: str
    referenced: str


TABLES = {
    "team": "id {whole} PRIMARY KEY, name varchar(40) NOT NULL",
    "person": (
        "id {whole} PRIMARY KEY, team_id {whole} NOT NULL, name varchar(60), born {moment}, "
        "pay decimal(12,3), FOREIGN KEY (team_id) REFERENCES team (id)"
    ),
    "visit": (
        "person_id {whole} NOT NULL, n {whole} NOT NULL, happened {moment} NOT NULL, note varchar(200), "
        "PRIMARY KEY (person_id, n), FOREIGN KEY (person_id) REFERENCES person (id)"
    ),
    "code": "code varchar(40) NOT NULL PRIMARY KEY, label varchar(80), weight decimal(12,3)",
    "event": "kind varchar(20), happened {moment}, amount decimal(12,3)",
    "vacant": "id {whole} PRIMARY KEY, name varchar(20)",
    "paper": "id {whole} PRIMARY KEY, content {bytes}",
}

INDEXES = [
    Index("team", ("name",), unique=True),
    Index("person", ("team_id",), unique=False),
    Index("person", ("name",), unique=False),
    Index("visit", ("happened",), unique=False),
    Index("code", ("label", "weight"), unique=False),
    Index("event", ("happened",), unique=False),
]

FOREIGN_KEYS = [ForeignKey("person", "team_id", "team"), ForeignKey("visit", "person_id", "person")]


def make_source(db: Database, seed: int, people: int) -> None:
    """Tables, keys, indexes and rows: some five rows for each of `people`."""
    types = TYPES[db.engine]
    for name, body in TABLES.items():
        db.sql(f"CREATE TABLE {name} ({body.format(**types)})")
    for number, index in enumerate(INDEXES):
        unique = "UNIQUE " if index.unique else ""
        db.sql(f"CREATE {unique}INDEX i{number} ON {index.table} ({', '.join(index.columns)})")
    for name, rows in rows_of(seed, people).items():
        insert(db, name, (tuple(_held(db, value) for value in row) for row in rows))


def _held(db: Database, value: Any) -> Any:
    """The value as its client takes it: Python's SQLite knows no decimal and no moment."""
    if db.engine == "sqlite" and isinstance(value, dt.datetime):
        return str(value)
    if db.engine == "sqlite" and isinstance(value, Decimal):
        return float(value)
    return value


def rows_of(seed: int, people: int) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of each table."""
    chance = random.Random(f"rows {seed}")
    teams = max(2, people // 50)
    events = [("tick", _moment(chance), _decimal(chance)) for _ in range(people // 2)]
    visits = list(_visits(chance, people))
    return {
        "team": [(n, f"team {n:05d}") for n in range(1, teams + 1)],
        "person": [
            (n, chance.randint(1, teams), _word(chance), _moment(chance), _decimal(chance))
            for n in range(1, people + 1)
        ],
        "visit": visits,
        "code": [
            (f"c{chance.getrandbits(64):016x}-{n}", _word(chance), _decimal(chance))
            for n in range(people)
        ],
        "event": [chance.choice(events) for _ in range(people)],
        "vacant": [],
        "paper": [(n, chance.randbytes(chance.choice([0, 10, LARGE]))) for n in range(6)],
    }


def _visits(chance: random.Random, people: int) -> Iterator[tuple[Any, ...]]:
    for person in range(1, people + 1):
        for n in range(chance.randint(0, 4)):
            yield person, n, _moment(chance), _word(chance) * chance.randint(0, 4)


def _word(chance: random.Random) -> str:
    return f"{chance.choice(WORDS)} {chance.random():.6f}"


def _moment(chance: random.Random) -> dt.datetime:
    """Never at a full second: then every client writes all six digits."""
    seconds, micros = chance.randint(0, 2_000_000_000), chance.randint(1, 999_999)
    return EPOCH + dt.timedelta(seconds=seconds, microseconds=micros)


def _decimal(chance: random.Random) -> Decimal | None:
    """In eighths, so that a double holds it too."""
    return None if chance.random() < 0.1 else Decimal(chance.randint(-(10**6), 10**6)) / 8
