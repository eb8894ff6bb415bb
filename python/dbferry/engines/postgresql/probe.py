"""What PostgreSQL's declarations leave open: one pass per table over the columns that need it."""

from __future__ import annotations

from collections.abc import Mapping

from dbferry.catalog import Column, Session, Table
from dbferry.engines.postgresql import ddl
from dbferry.types import LARGE, SAMPLE, Facts


def questions(column: Column, table: Table, target: str) -> dict[str, str]:
    """Fact → aggregate expression."""
    name, native = ddl.quote(column.name), column.native
    wanted: dict[str, str] = {}
    if native.name == "numeric" and native.kind == "base":
        finite = (
            f"{name} NOT IN ('NaN', 'Infinity', '-Infinity')"
            if native.precision is None
            else (f"{name} <> 'NaN'")
        )
        wanted["not_a_number"] = f"count(*) FILTER (WHERE NOT ({finite}))"
        if native.precision is None or native.precision > 38:
            wanted["digits"] = f"max(length(trunc(abs({name}))::text)) FILTER (WHERE {finite})"
            wanted["scale"] = f"max(scale(trim_scale({name}))) FILTER (WHERE {finite})"
    if target == "mariadb" and native.name == "uuid" and native.kind == "base":
        wanted["odd_uuids"] = (
            # MariaDB takes no version above 7 outside of the standard's variant.
            f"count(*) FILTER (WHERE substr({name}::text, 15, 1) > '7' "
            f"AND substr({name}::text, 20, 1) < '8')"
        )
    if target in ("mysql", "mariadb") and column.name in table.keyed:
        if native.name in ("text", "varchar", "citext", "varbit") and (native.length or 1000) > 190:
            wanted["characters"] = f"max(length({name}::text))"
        elif native.name == "bytea":
            wanted["octets"] = f"max(octet_length({name}))"
    return wanted


def run(
    session: Session, table: Table, target: str, relation: str, *, sample: bool
) -> Mapping[str, Facts]:
    asked = [
        (column.name, fact, expression)
        for column in table.columns
        for fact, expression in questions(column, table, target).items()
    ]
    if not asked:
        return {}
    # 'Infinity' is a numeric only since 14; before that the text says it without failing.
    if "Infinity" in (text := ", ".join(item[2] for item in asked)) and _before_14(session):
        text = text.replace(", 'Infinity', '-Infinity'", "")
    # A partition that is a foreign table can't be sampled; then the table has no leaves to be read.
    local = table.kind != "partitioned" or bool(table.leaves)
    sampled = sample and local and table.query is None and table.estimated_rows > LARGE
    share = f" TABLESAMPLE SYSTEM ({100 * SAMPLE / table.estimated_rows:.6f})" if sampled else ""
    (row,) = session.query(f"SELECT count(*), {text} FROM {relation}{share}")
    rows = {"rows": int(row[0] or 0)}
    if sampled:
        rows["sampled"] = rows["rows"]
    found: dict[str, dict[str, int]] = {name: dict(rows) for name, _, _ in asked}
    for (name, fact, _), value in zip(asked, row[1:], strict=True):
        if value is not None:
            found[name][fact] = int(value)
    return found


def _before_14(session: Session) -> bool:
    major = session.version.split(".")[0].split(" ")[0]
    return major.isdigit() and int(major) < 14
