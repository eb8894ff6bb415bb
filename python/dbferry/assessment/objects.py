"""What a plan says of every table, column, index and key, as findings."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from dbferry.assessment.finding import Finding, Level
from dbferry.columns import FOUND
from dbferry.errors import DbferryError
from dbferry.items import ColumnItem, Plan, TableItem
from dbferry.types import Verdict

LEVELS = {
    Verdict.LOSSLESS: Level.OK,
    Verdict.NOTE: Level.INFO,
    Verdict.PROBED: Level.DECIDE,
    Verdict.WARNING: Level.WARN,
    Verdict.ERROR: Level.BLOCKED,
}
COUNTED: Mapping[str, str] = {
    **{code: fact for fact, (code, _, _) in FOUND.items()},
    "N-NAN": "not_a_number",
    "T-SPAN": "outside_day",
    "K-NULL": "nulls",
}
"""The fact that tells how many rows a code is about."""

MEANINGS: Mapping[str, str] = {
    "T-RANGE": "every moment that was found is within what the target holds",
    "T-ZERO": "no zero date was found",
    "T-INF": "no infinity was found",
    "N-RANGE": "every number that was found is within what the target holds",
    "N-NAN": "no NaN and no infinity was found",
    "S-NUL": "no text with U+0000 was found",
    "S-LEN": "no text that is too long was found",
    "B-SIZE": "no value that is too large was found",
}
"""Of codes that a column is chosen by without a note of its own."""

# By the first words of what isn't moved: its code, and the minutes that a person needs for one.
LEFT: Mapping[str, tuple[str, float]] = {
    "materialized view": ("X-VIEW", 15),
    "view": ("X-VIEW", 5),
    "foreign table": ("X-TABLE", 15),
    "virtual table": ("X-TABLE", 15),
    "system view": ("X-VIEW", 5),
    "sequence": ("Q-NEXT", 2),
    "primary key": ("K-NO-PK", 5),
    "foreign key": ("F-NONE", 5),
    "index": ("I-KIND", 5),
    "unique constraint": ("I-KIND", 5),
    "exclusion constraint": ("I-KIND", 15),
    "check": ("X-CHECK", 5),
    "default": ("D-FUNC", 5),
    "generated column": ("X-GEN", 5),
    "comments": ("X-COMMENT", 1),
    "partitions": ("X-PART", 5),
    "partition": ("X-PART", 5),
    "trigger": ("X-CODE", 15),
    "function": ("X-CODE", 30),
    "procedure": ("X-CODE", 30),
    "policy": ("X-CODE", 15),
    "inheritance": ("X-INHERIT", 5),
    "UNLOGGED": ("X-OBJECT", 1),
    "row security": ("X-CODE", 5),
    "rule": ("X-CODE", 15),
    "event trigger": ("X-CODE", 15),
    "aggregate": ("X-CODE", 15),
    "operator": ("X-CODE", 5),
    "operator class": ("X-CODE", 15),
    "operator family": ("X-CODE", 5),
    "operator family members": ("X-CODE", 5),
    "cast": ("X-CODE", 5),
    "conversion": ("X-CODE", 15),
    "text search parser": ("X-CODE", 15),
    "text search template": ("X-CODE", 15),
    "text search dictionary": ("X-CODE", 5),
    "text search configuration": ("X-CODE", 5),
    "language": ("X-CODE", 15),
    "transform": ("X-CODE", 15),
    "access method": ("X-OBJECT", 15),
    "tablespace": ("X-OBJECT", 5),
    "foreign data wrapper": ("X-OBJECT", 5),
    "foreign server": ("X-OBJECT", 5),
    "user mapping": ("X-OBJECT", 5),
    "publication": ("X-OBJECT", 5),
    "subscription": ("X-OBJECT", 15),
    "security label": ("X-OBJECT", 2),
    "setting": ("X-OBJECT", 2),
    "WITHOUT OVERLAPS": ("K-PERIOD", 15),
    "constraint": ("X-CHECK", 2),
    "dependency": ("X-OBJECT", 2),
    "order of columns": ("X-PART", 2),
    "ownership": ("X-GRANT", 2),
    "extension": ("X-EXT", 5),
    "grants": ("X-GRANT", 2),
    "large objects": ("X-LO", 30),
    "type": ("X-TYPE", 5),
    "event": ("X-CODE", 15),
}
OTHER = ("X-OBJECT", 5.0)
MINUTES = {Level.DECIDE: 2, Level.WARN: 2, Level.BLOCKED: 10}
NOT_MOVED = "not moved: "
Faults = dict[tuple[str | None, str | None], list[DbferryError]]
"""Those that aren't told yet, by table and column."""


def of_plan(plan: Plan) -> list[Finding]:
    """Everything that a plan holds; what isn't moved and what stands in the way among it."""
    faults: Faults = {}
    for fault in plan.faults:
        faults.setdefault((fault.table, fault.column), []).append(fault)
    found = [f for item in plan.tables for f in _of_table(item, faults)]
    found += _of_views(plan)
    labels = {item.name for item in plan.tables}
    found += [_of_note(note, labels) for note in plan.notes]
    return found + [_of_fault(fault) for met in faults.values() for fault in met]


def _of_table(item: TableItem, faults: Faults) -> Iterable[Finding]:
    goes = f"{item.action} {item.target}" if item.action != "keep" else f"fill {item.target}"
    yield Finding(
        level=Level.INFO if item.notes else Level.OK,
        codes=() if item.source.primary_key else ("K-NO-PK",),
        kind="table",
        object=item.name,
        table=item.name,
        what=goes,
        why="; ".join(item.notes),
    )
    for column in item.columns:
        yield _of_column(item, column, faults)
    # Their shape in JSON is what a plan promises to others; what is left of them needs no other.
    content = item.to_dict()
    if content["primary_key"]:
        key = ", ".join(content["primary_key"])
        yield Finding(
            level=Level.OK,
            kind="primary key",
            object=item.name,
            table=item.name,
            what=f"on ({key})",
        )
    for index in content["indexes"]:
        name = index["name"] or f"on ({', '.join(map(str, index['columns']))})"
        what = f"{'unique ' * index['unique']}on ({', '.join(map(str, index['columns']))})"
        yield Finding(
            level=Level.OK, kind="index", object=f"{item.name}.{name}", table=item.name, what=what
        )
    for key in content["foreign_keys"]:
        columns, others = ", ".join(key["columns"]), ", ".join(key["references"])
        yield Finding(
            level=Level.OK,
            kind="foreign key",
            object=f"{item.name}.{key['name'] or f'on ({columns})'}",
            table=item.name,
            what=f"({columns}) refers to {key['table']} ({others})",
        )


def _of_views(plan: Plan) -> Iterable[Finding]:
    for what in dict.fromkeys(step.what for step in plan.views):
        kind, _, name = what.partition("view ")
        if name and kind in ("", "materialized "):
            yield Finding(
                level=Level.OK, kind=f"{kind}view", object=name, what="is made last of all"
            )


def _of_column(item: TableItem, column: ColumnItem, faults: Faults) -> Finding:
    blocking = faults.pop((item.name, column.name), [])
    level = Level.BLOCKED if blocking else LEVELS[column.verdict]
    # A fault says what the notes say, in one.
    said = [fault.message for fault in blocking]
    own = [note for note in column.notes if not any(note in message for message in said)]
    notes = list(dict.fromkeys([*own, *said]))
    if not notes and level is Level.DECIDE:
        notes = [MEANINGS[code] for code in column.codes if code in MEANINGS]
    counted = [column.facts.get(COUNTED.get(code, "")) for code in column.codes]
    rows = [count for count in counted if count is not None]
    return Finding(
        level=level,
        codes=column.codes,
        kind="column",
        object=f"{item.name}.{column.name}",
        table=item.name,
        what=f"{column.source_type or 'no type'} → "
        f"{column.target_type.domain or column.target_type.text or 'none'}",
        why="; ".join(notes),
        fix="; ".join(fault.hint for fault in blocking if fault.hint)
        or _choice(item, column, level),
        probed=column.facts,
        rows_affected=max(rows) if rows else None,
        minutes=MINUTES.get(level, 0),
    )


def _choice(item: TableItem, column: ColumnItem, level: Level) -> str:
    """What may be chosen instead of what the data has settled."""
    if level is not Level.DECIDE or not column.codes:
        return ""
    return f"if that may change, choose --on-loss '{item.source.name}.{column.name}:{column.codes[0]}=text'"


def _of_note(note: str, tables: Collection[str]) -> Finding:
    if note.startswith(NOT_MOVED):
        return _left_out(note.removeprefix(NOT_MOVED), tables)
    said, _, hint = note.partition("; hint: ")
    return Finding(level=Level.INFO, kind="note", what=said, fix=hint)


def _left_out(phrase: str, tables: Collection[str]) -> Finding:
    """Of `KIND NAME: TEXT (WHY); hint: HINT`, where all but the first two may be missing."""
    kind = next((k for k in sorted(LEFT, key=len, reverse=True) if phrase.startswith(f"{k} ")), "")
    code, minutes = LEFT.get(kind, OTHER)
    said, why, hint = _reason(phrase.removeprefix(kind).strip())
    name, _, original = said.removeprefix("of ").partition(": ")
    owners = (name, name.rpartition(" of ")[2], name.rpartition(".")[0])
    return Finding(
        level=Level.MANUAL,
        codes=(code,),
        kind=kind or "object",
        object=name,
        table=next((owner for owner in owners if owner in tables), ""),
        what="isn't moved",
        why=why or "dbferry doesn't carry it",
        original=original,
        fix=hint or "make it in the target by hand, or do without",
        minutes=minutes,
    )


def _reason(phrase: str) -> tuple[str, str, str]:
    """A phrase without the parentheses that it ends with, what stands in them, and the hint behind."""
    told, parted, hint = phrase.partition("); hint: ")
    told += ")" if parted else ""
    if not told.endswith(")"):
        return phrase, "", ""
    depth = 0
    for start in range(len(told) - 1, 0, -1):
        depth += {")": 1, "(": -1}.get(told[start], 0)
        if depth == 0 and told[start - 1] == " ":
            return told[: start - 1], told[start + 1 : -1], hint
    return phrase, "", ""


def _of_fault(fault: DbferryError) -> Finding:
    place = [fault.table or "", fault.column or ""]
    return Finding(
        level=Level.BLOCKED,
        codes=(fault.code,) if fault.code else (),
        kind="column" if fault.column else "table" if fault.table else "task",
        object=".".join(part for part in place if part),
        table=fault.table or "",
        what=fault.message,
        why=fault.detail or "",
        fix=fault.hint or "",
        minutes=MINUTES[Level.BLOCKED],
    )
