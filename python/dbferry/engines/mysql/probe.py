"""What declarations of MySQL and MariaDB leave open: one pass per table."""

from __future__ import annotations

from collections.abc import Mapping

from dbferry.catalog import Column, Session, Table
from dbferry.engines.mysql import ddl
from dbferry.types import Facts

FAMILY = ("mysql", "mariadb")


def questions(column: Column, table: Table, target: str) -> dict[str, str]:
    """Fact → aggregate expression."""
    name, native = ddl.quote(column.name), column.native
    wanted: dict[str, str] = {}
    match native.name:
        case "tinyint" if native.length == 1 and not native.unsigned and target not in FAMILY:
            if column.identity is None:
                wanted["not_bool"] = f"sum({name} NOT IN (0, 1))"
        case "time" if target not in FAMILY:
            wanted["outside_day"] = f"sum({name} < '00:00:00' OR {name} >= '24:00:00')"
        case "date" | "datetime" | "timestamp":
            wanted["zero_dates"] = (
                f"sum({name} = '0000-00-00' OR month({name}) = 0 OR dayofmonth({name}) = 0)"
            )
        case "enum":
            wanted["error_labels"] = f"sum({name} + 0 = 0)"
        case "bigint" if (
            native.unsigned
            and target not in FAMILY
            and (column.identity or column.name in table.primary_key or target == "sqlite")
        ):
            wanted["maximum"] = f"max({name})"
        case _:
            pass
    return wanted


def run(session: Session, table: Table, target: str, relation: str) -> Mapping[str, Facts]:
    asked = [
        (column.name, fact, expression)
        for column in table.columns
        for fact, expression in questions(column, table, target).items()
    ]
    if not asked:
        return {}
    text = ", ".join(expression for _, _, expression in asked)
    (row,) = session.query(f"SELECT count(*), {text} FROM {relation}")
    found: dict[str, dict[str, int]] = {name: {"rows": int(row[0] or 0)} for name, _, _ in asked}
    for (name, fact, _), value in zip(asked, row[1:], strict=True):
        if value is not None:
            found[name][fact] = int(value)
    return found
