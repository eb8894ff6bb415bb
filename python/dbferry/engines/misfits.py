"""The rows that an object over a whole table refuses once all are in: what is there twice, and what refers to nothing.

Each is told as a condition on a row that is called `c`, in the plain SQL that the engines have in common.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dbferry.catalog import ForeignKey

Quote = Callable[[str], str]


@dataclass(frozen=True, kw_only=True)
class Misfits:
    """Rows that are in the way of an object, and may be put aside for it."""

    where: str
    columns: tuple[str, ...]
    code: str
    """What the server says when one such row comes."""
    why: str
    refers: str | None = None
    """The table, quoted, that a foreign key refers to."""


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where rows lie in a table."""

    relation: str
    row: Sequence[str]
    """Expressions that tell one row from all others."""
    order: Sequence[str] = ()
    """What the rows are told in the order of, before their place."""


def duplicates(places: Places, parts: Sequence[str], rows: Sequence[str]) -> str:
    """All rows but the first of those that are the same in some expressions; `rows` are conditions of those that count."""
    row, inner = ", ".join(f"c.{name}" for name in places.row), list(places.row)
    named = ", ".join(f"{name} AS dbferry_{n}" for n, name in enumerate(inner))
    asked = ", ".join(f"k.dbferry_{n}" for n in range(len(inner)))
    order = ", ".join([*places.order, *inner])
    given = f" WHERE {' AND '.join(rows)}" if rows else ""
    return (
        f"({row}) IN (SELECT {asked} FROM (SELECT {named}, row_number() OVER "
        f"(PARTITION BY {', '.join(parts)} ORDER BY {order}) AS dbferry_n FROM {places.relation}{given}) AS k "
        "WHERE k.dbferry_n > 1)"
    )


def orphans(key: ForeignKey, relation: str, other: str, quote: Quote) -> str:
    """Rows whose partner isn't there."""
    ours, theirs = ([quote(name) for name in names] for names in (key.columns, key.references))
    equal = " AND ".join(f"p.{b} = c.{a}" for a, b in zip(ours, theirs, strict=True))
    # A table that refers to itself is read as a whole first: MySQL deletes from none that it reads beside.
    read = f"(SELECT DISTINCT {', '.join(theirs)} FROM {other})" if relation == other else other
    missing = f"NOT EXISTS (SELECT 1 FROM {read} AS p WHERE {equal})"
    nulls = [f"c.{name} IS NULL" for name in ours]
    if key.full:
        return f"({' OR '.join([*nulls, missing])}) AND NOT ({' AND '.join(nulls)})"
    return " AND ".join([*(f"c.{name} IS NOT NULL" for name in ours), missing])


def of_index(name: str | None, where: str, columns: Sequence[str], code: str) -> Misfits:
    what = f"index `{name}`" if name else "the primary key"
    return Misfits(
        where=where, columns=tuple(columns), code=code, why=f"another row is the same in {what}"
    )


def of_reference(key: ForeignKey, where: str, other: str, code: str) -> Misfits:
    return Misfits(
        where=where,
        columns=key.columns,
        code=code,
        why=f"the row of `{key.table}` that it refers to isn't there",
        refers=other,
    )
