"""Random tables go from an engine to another and back; the engine's own text says whether anything changed."""

import json
import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DataObject, SearchStrategy

import dbferry
import fill
import judge
from servers.database import Database
from servers.fresh import make_database

ENGINES = ["postgresql", "mysql", "mariadb", "sqlite"]
MY = {"mysql", "mariadb"}
NAMES = ["a", "Select", 'b"q', "c`t", "with space", "größe", "order", "[x]", "per%cent", "日本語", "new\nline", "semi;colon", "x'y"]  # fmt: skip
Fresh = Callable[[str], AbstractContextManager[Database]]


@dataclass(frozen=True)
class Kind:
    """A type, its values, and the engines on the way that would change it in a known way."""

    native: str
    values: SearchStrategy[Any]
    not_via: frozenset[str] = frozenset()


def _integers(bits: int, *, unsigned: bool = False) -> SearchStrategy[int]:
    low, high = (0, 2**bits - 1) if unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return st.sampled_from([low, high, 0]) | st.integers(low, high)


def _decimals(precision: int, scale: int) -> SearchStrategy[Decimal]:
    most = 10**precision - 1
    return st.integers(-most, most).map(lambda n: Decimal(f"{n}E-{scale}"))


def _text(size: int) -> SearchStrategy[str]:
    plain = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
    return st.text(st.sampled_from("a '\"\\\t\n\r,;é€😀N") | plain, max_size=size)


def _json(text: SearchStrategy[str]) -> SearchStrategy[str]:
    leaves = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | text
    values = st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3)
    )
    return values.map(lambda value: json.dumps(value, ensure_ascii=False))


# Minus zero is lost on some ways, and counted there.
DOUBLES = st.floats(allow_nan=False, allow_infinity=False).filter(
    lambda x: x or math.copysign(1, x) > 0
)
SINGLES = st.floats(allow_nan=False, allow_infinity=False, width=32).filter(
    lambda x: x or math.copysign(1, x) > 0
)
DATES = st.dates(date(1000, 1, 1))
EPOCH, DAY = datetime.fromisoformat("1970-01-01"), timedelta(days=1)
MOMENTS = st.datetimes(
    datetime.fromisoformat("1000-01-01"), datetime.fromisoformat("9999-12-31 23:59:59.999999")
)
INSTANTS = st.datetimes(EPOCH + DAY, EPOCH + 24_854 * DAY).map(lambda m: f"{m}+00:00")
BITS = st.text("01", min_size=9, max_size=9)
SQLITE_MOMENTS = MOMENTS.map(lambda m: m.isoformat(sep=" "))

POSTGRESQL = [
    Kind("smallint", _integers(16)),
    Kind("integer", _integers(32)),
    Kind("bigint", _integers(64)),
    Kind("numeric(12,3)", _decimals(12, 3)),
    Kind("numeric(30,10)", _decimals(30, 10)),
    Kind("real", SINGLES, frozenset({"sqlite"})),
    Kind("double precision", DOUBLES),
    Kind("boolean", st.booleans()),
    Kind("text", _text(40)),
    Kind("varchar(8)", _text(8)),
    Kind("bytea", st.binary(max_size=40)),
    Kind("date", DATES),
    Kind("time", st.times()),
    Kind("timestamp", MOMENTS),
    # Through a DATETIME an instant comes back as its wall clock in UTC.
    Kind("timestamptz", INSTANTS, frozenset(MY)),
    Kind("uuid", st.uuids(version=4).map(str)),
    Kind("jsonb", _json(_text(8)), frozenset({"mysql"})),
    Kind("bit(9)", BITS),
]
MYSQL = [
    Kind("tinyint", _integers(8)),
    Kind("smallint unsigned", _integers(16, unsigned=True)),
    Kind("mediumint", _integers(24)),
    Kind("int unsigned", _integers(32, unsigned=True)),
    Kind("bigint", _integers(64)),
    Kind("bigint unsigned", _integers(64, unsigned=True)),
    Kind("decimal(20,6)", _decimals(20, 6)),
    Kind("float", SINGLES, frozenset({"sqlite"})),
    Kind("double", DOUBLES),
    Kind("varchar(8)", _text(8)),
    Kind("text", _text(40)),
    Kind("varbinary(40)", st.binary(max_size=40)),
    Kind("blob", st.binary(max_size=40)),
    Kind("date", DATES),
    Kind("datetime(6)", MOMENTS),
    Kind("timestamp(6) NULL", INSTANTS.map(lambda text: text.removesuffix("+00:00"))),
    Kind("time(6)", st.times()),
    Kind("year", st.integers(1901, 2155)),
    Kind("bit(9)", BITS.map(lambda text: int(text, 2))),
    Kind("enum('a','','c d')", st.sampled_from(["a", "", "c d"])),
]
SQLITE = [
    Kind("INTEGER", _integers(64)),
    Kind("REAL", DOUBLES),
    Kind("TEXT", _text(40)),
    Kind("VARCHAR(8)", _text(8)),
    Kind("BLOB", st.binary(max_size=40)),
    Kind("DECIMAL(10,2)", _decimals(10, 2).map(float)),
    Kind("BOOLEAN", st.sampled_from([0, 1])),
    Kind("DATE", DATES.map(str)),
    Kind("DATETIME", SQLITE_MOMENTS),
    Kind("TIME", st.times().map(time.isoformat)),
]
KINDS = {"postgresql": POSTGRESQL, "mysql": MYSQL, "mariadb": MYSQL, "sqlite": SQLITE}


@dataclass(frozen=True)
class Table:
    """A table with rows; `key` is the number of columns of its primary key, `id` alone or none."""

    columns: list[tuple[str, Kind]]
    rows: list[tuple[Any, ...]]
    keyed: bool

    def create(self, db: Database) -> None:
        columns = [f"{judge.quote(db, name)} {kind.native}" for name, kind in self.columns]
        key = "id integer PRIMARY KEY" if self.keyed else "id integer"
        db.sql(f"CREATE TABLE {judge.quote(db, 't t')} ({', '.join([key, *columns])})")
        fill.insert(db, "t t", [(n, *row) for n, row in enumerate(self.rows)])


@st.composite
def tables(draw: st.DrawFn, source: str, via: str) -> Table:
    """One to five columns of types that survive the way, and up to twelve rows."""
    fit = [kind for kind in KINDS[source] if via not in kind.not_via]
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=5, unique=True))
    columns = [(name, draw(st.sampled_from(fit))) for name in names]
    row = st.tuples(*[st.none() | kind.values for _, kind in columns])
    return Table(columns, draw(st.lists(row, max_size=12)), draw(st.booleans()))


@pytest.fixture(scope="module")
def fresh(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Fresh:
    """A function: engine to a database that lives as long as a block."""
    folder = tmp_path_factory.mktemp("there_and_back")

    @contextmanager
    def make(engine: str) -> Iterator[Database]:
        made = make_database(engine, request, folder)
        try:
            yield made
        finally:
            made.drop()

    return make


@pytest.mark.parametrize("via", ENGINES)
@pytest.mark.parametrize("source", ENGINES)
@settings(
    max_examples=5, deadline=None, database=None, print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
@given(data=st.data())
def test_nothing_changes_there_and_back(
    fresh: Fresh, source: str, via: str, data: DataObject
) -> None:
    table = data.draw(tables(source, via))
    sizes = {"batch_rows": data.draw(st.sampled_from([1, 7])), "range_rows": 1, "workers": 2}
    with ExitStack() as stack:
        here, there, again = (stack.enter_context(fresh(e)) for e in (source, via, source))
        table.create(here)
        dbferry.migrate(here.url, there.url, **sizes)
        dbferry.migrate(there.url, again.url, **sizes)
        assert judge.texts(again, "t t", order="") == judge.texts(here, "t t", order="")
        assert [c.name for c in judge.columns(again, "t t")] == [
            c.name for c in judge.columns(here, "t t")
        ]
        assert judge.primary_key(again, "t t") == ["id"] * table.keyed
