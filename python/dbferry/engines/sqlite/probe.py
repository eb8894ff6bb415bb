"""A census of one SQLite table, all columns in one pass: classes, ranges and the forms of text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dbferry.catalog import Column, Session, Table
from dbferry.engines.sqlite import ddl
from dbferry.engines.sqlite.catalog import affinity
from dbferry.types import Facts

DAY = "[0-9][0-9][0-9][0-9]-[0-1][0-9]-[0-3][0-9]"
CLOCK = "[0-2][0-9]:[0-5][0-9]"
# SQLite refuses a result of more columns than this.
RESULT_COLUMNS = 1800
# The engine's own aggregate, and what its text tells in order (rust/engine/src/sqlite/census.rs).
CENSUS = "census"
COUNTED = (
    "nulls", "integers", "reals", "texts", "blobs", "wide_integers", "characters", "octets",
    "misfits", "not_numbers",
)  # fmt: skip


def form(name: str) -> str:
    """Which words of a declaration ask for a look at the form of its text."""
    for word, found in (
        ("json", "json"), ("bool", "bool"), ("interval", ""), ("timestamp", "date"),
        ("date", "date"), ("time", "time"), ("uuid", "uuid"), ("guid", "uuid"),
        ("uniqueidentifier", "uuid"), ("dec", "exact"), ("num", "exact"), ("money", "exact"),
    ):  # fmt: skip
        if word in name:
            return found
    return ""


def questions(column: Column, table: Table) -> dict[str, str]:
    """Fact → aggregate expression."""
    c, native = ddl.quote(column.name), column.native
    if column.identity is not None:
        return {"integers": "count(*)"}
    asked = form(native.name)
    census = f"'{asked}'" if asked in ("bool", "exact") else "NULL"
    digits = ("NULL", "NULL")
    if asked == "exact" and native.precision is not None:
        digits = (str(native.precision), str(native.scale or 0))
    wanted = {CENSUS: f"dbferry_census({c}, {census}, {', '.join(digits)})"}
    text = f"typeof({c}) = 'text'"
    match asked:
        case "date":
            zone = f"({c} GLOB '*Z' OR {c} GLOB '*[+-]{CLOCK}')"
            moment = f"{c} GLOB '{DAY}[ T]{CLOCK}*'"
            wanted["days"] = f"sum({text} AND {c} GLOB '{DAY}')"
            wanted["moments"] = f"sum({text} AND {moment} AND NOT {zone})"
            wanted["instants"] = f"sum({text} AND {moment} AND {zone})"
            wanted["least"] = f"min(CASE WHEN typeof({c}) = 'integer' THEN {c} END)"
            wanted["most"] = f"max(CASE WHEN typeof({c}) = 'integer' THEN {c} END)"
        case "time":
            wanted["clocks"] = (
                f"sum({text} AND ({c} GLOB '{CLOCK}' OR {c} GLOB '{CLOCK}:[0-6][0-9]*')"
                f" AND substr({c}, 1, 2) < '24')"
            )
            wanted["spans"] = f"sum({text} AND trim({c}, '-') GLOB '[0-9]*:[0-5][0-9]:[0-6][0-9]*')"
        case "uuid":
            part = "[0-9a-fA-F]"
            shape = "-".join(part * n for n in (8, 4, 4, 4, 12))
            wanted["uuids"] = f"sum({text} AND {c} GLOB '{shape}')"
            wanted["odd_uuids"] = (
                f"sum({text} AND substr({c}, 15, 1) > '7' AND substr({c}, 20, 1) < '8')"
            )
        case "json":
            wanted["misfits"] = f"sum({text} AND NOT json_valid({c}))"
        case _:
            pass
    return wanted


def _counted(told: str, column: Column, table: Table) -> dict[str, int]:
    """The engine's census of a column, as far as it says something about it."""
    facts = dict(zip(COUNTED, map(int, told.split(" ")), strict=True))
    if affinity(column.native.name) != "text" and column.name not in table.primary_key:
        del facts["characters"], facts["octets"]
    asked = form(column.native.name)
    if asked != "exact":
        del facts["not_numbers"]
    if asked != "bool" and (asked != "exact" or column.native.precision is None):
        del facts["misfits"]
    return facts


def run(session: Session, table: Table) -> Mapping[str, Facts]:
    asked = [
        (column.name, fact, expression)
        for column in table.columns
        for fact, expression in questions(column, table).items()
    ]
    columns = {column.name: column for column in table.columns}
    found: dict[str, dict[str, int]] = {column.name: {} for column in table.columns}
    for part in _parts(asked):
        text = ", ".join(expression for _, _, expression in part)
        (row,) = session.query(f"SELECT count(*), {text} FROM {ddl.quote(table.name)}")
        for (name, fact, _), value in zip(part, row[1:], strict=True):
            found[name]["rows"] = int(row[0] or 0)
            if fact == CENSUS:
                found[name] |= _counted(value or "", columns[name], table)
            elif value is not None:
                found[name][fact] = int(value)
    return found


def _parts(asked: list[tuple[str, str, str]]) -> Iterator[list[tuple[str, str, str]]]:
    for start in range(0, len(asked), RESULT_COLUMNS):
        yield asked[start : start + RESULT_COLUMNS]
