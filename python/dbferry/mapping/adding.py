"""Columns that rules add: constants, names, moments and expressions as SQL of the source."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from dbferry.catalog import NativeType
from dbferry.mapping.kinds import canonical
from dbferry.mapping.masks import native_of
from dbferry.mapping.rules import Add
from dbferry.mapping.work import Work
from dbferry.pair import Pair
from dbferry.selection import map_schema
from dbferry.types import Canonical, Kind

if TYPE_CHECKING:
    from dbferry.mapping.dms.expressions import Place

NAME_LENGTH = 64
"""Room for the names of other tables, should they be merged."""


@dataclass(frozen=True)
class Added:
    sql: str
    native: NativeType | None
    """Its type in the source; nothing where the source has to be asked."""
    expression: str | None = None
    """What the source has to compile."""


def added(pair: Pair, rule: Add, work: Work, now: datetime) -> Added | str:
    """What a rule adds, or why it can't."""
    one = pair.ends[0]
    phrases, wanted = one.phrases, canonical(rule.type) if rule.type else None
    if rule.type and wanted is None:
        return f"there is no type `{rule.type}`"
    wall = wanted is not None and wanted.kind is Kind.TIMESTAMP
    if rule.expression is not None:
        return Added(f"(\n{rule.expression}\n)", None, rule.expression)
    if rule.dms_expression is not None:
        moment, _ = phrases.moment(now, wall=True)
        return _translated(rule.dms_expression, pair, work, moment)
    if rule.source == "load_time":
        return Added(*phrases.moment(now, wall=wall))
    names = {"schema": work.table.schema, "table": work.table.name}
    value = names[rule.source] if rule.source else rule.value
    if value is None and wanted is not None:
        return Added("NULL", native_of(one, wanted))
    if not isinstance(value, str):
        return Added(phrases.constant(value if value is not None else ""), None)
    text = Canonical(kind=Kind.TEXT, length=NAME_LENGTH if rule.source else None)
    return Added(phrases.as_text(phrases.constant(value)), native_of(one, text))


def _translated(text: str, pair: Pair, work: Work, moment: str) -> Added | str:
    # With it comes a parser, which takes its time to load.
    from dbferry.mapping.dms.expressions import Refused, translate

    try:
        made = translate(text, pair.ends[0], _place(pair, work, moment))
    except Refused as why:
        return f"{why}; a rule `add` with the source's own `expression` may do"
    return Added(f"(\n{made}\n)", None, made)


def _place(pair: Pair, work: Work, moment: str) -> Place:
    from dbferry.mapping.dms.expressions import Place

    table = work.table
    schema = work.schema or map_schema(
        table.schema, pair.source, pair.target, pair.ends, pair.options
    )
    return Place(
        columns={c.column.name: c.column for c in work.cells.values() if not c.added},
        metadata={
            "AR_M_SOURCE_SCHEMA": table.schema,
            "AR_M_SOURCE_TABLE_NAME": table.name,
            "AR_M_MODIFIED_SCHEMA": schema or table.schema,
            "AR_M_MODIFIED_TABLE_NAME": work.name or table.name,
        },
        moment=moment,
    )
