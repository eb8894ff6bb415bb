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
# Integers up to here are exact as doubles.
EXACT = 1 << 53


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
    wanted = {
        "nulls": f"sum({c} IS NULL)",
        "integers": f"sum(typeof({c}) = 'integer')",
        "reals": f"sum(typeof({c}) = 'real')",
        "texts": f"sum(typeof({c}) = 'text')",
        "blobs": f"sum(typeof({c}) = 'blob')",
        "wide_integers": f"sum(typeof({c}) = 'integer' AND {c} NOT BETWEEN -{EXACT} AND {EXACT})",
    }
    if affinity(native.name) == "text" or column.name in table.primary_key:
        wanted["characters"] = f"max(CASE WHEN typeof({c}) = 'text' THEN length({c}) END)"
        wanted["octets"] = f"max(CASE WHEN typeof({c}) = 'blob' THEN length({c}) END)"
    text = f"typeof({c}) = 'text'"
    match form(native.name):
        case "bool":
            words = "'t','f','true','false','yes','no'"
            wanted["misfits"] = (
                f"sum(CASE typeof({c}) WHEN 'null' THEN 0 WHEN 'integer' THEN {c} NOT IN (0, 1)"
                f" WHEN 'text' THEN lower({c}) NOT IN ({words}) ELSE 1 END)"
            )
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
        case "exact":
            wanted.update(_exact(c, native.precision, native.scale))
        case _:
            pass
    return wanted


def _exact(c: str, precision: int | None, scale: int | None) -> dict[str, str]:
    """Values that DECIMAL(p,s) can't hold; text that is no plain number."""
    plain = (
        f"{c} GLOB '*[0-9]*' AND ltrim({c}, '+-') NOT GLOB '*[^0-9.]*' "
        f"AND {c} NOT GLOB '*.*.*' AND length({c}) - length(ltrim({c}, '+-')) <= 1"
    )
    wanted = {"not_numbers": f"sum(typeof({c}) = 'text' AND NOT ({plain}))"}
    if precision is None:
        return wanted
    scale = scale or 0
    whole = precision - scale
    bound = f"1e{whole}"
    after = f"CASE WHEN instr({c}, '.') THEN length(rtrim({c}, '0')) - instr({c}, '.') ELSE 0 END"
    whole_part = f"CASE WHEN instr({c}, '.') THEN substr({c}, 1, instr({c}, '.') - 1) ELSE {c} END"
    before = f"length(ltrim({whole_part}, '+-0'))"
    wanted["misfits"] = (
        f"sum(CASE typeof({c}) WHEN 'null' THEN 0 WHEN 'integer' THEN abs({c} * 1.0) >= {bound}"
        f" WHEN 'real' THEN abs({c}) >= {bound} OR {c} <> round({c}, {min(scale, 15)})"
        f" WHEN 'text' THEN {after} > {scale} OR {before} > {whole} ELSE 1 END)"
    )
    return wanted


def run(session: Session, table: Table) -> Mapping[str, Facts]:
    asked = [
        (column.name, fact, expression)
        for column in table.columns
        for fact, expression in questions(column, table).items()
    ]
    found: dict[str, dict[str, int]] = {column.name: {} for column in table.columns}
    for part in _parts(asked):
        text = ", ".join(expression for _, _, expression in part)
        (row,) = session.query(f"SELECT count(*), {text} FROM {ddl.quote(table.name)}")
        for (name, fact, _), value in zip(part, row[1:], strict=True):
            found[name]["rows"] = int(row[0] or 0)
            if value is not None:
                found[name][fact] = int(value)
    return found


def _parts(asked: list[tuple[str, str, str]]) -> Iterator[list[tuple[str, str, str]]]:
    for start in range(0, len(asked), RESULT_COLUMNS):
        yield asked[start : start + RESULT_COLUMNS]
