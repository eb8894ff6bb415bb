"""What declarations of MySQL and MariaDB leave open: one pass per table."""

from __future__ import annotations

from collections.abc import Mapping

from dbferry.catalog import Column, NativeType, Session, Table
from dbferry.engines.mysql import ddl
from dbferry.errors import AuthError, MissingError, PermissionError_, RequestError
from dbferry.types import LARGE, SAMPLE, Facts

FAMILY = ("mysql", "mariadb")
LONG_CHARACTERS = 600
"""As many may pass 2400 bytes."""


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
        case "json" if native.charset is None and target == "postgresql":
            # An odd number of backslashes before it.
            wanted["escaped_nuls"] = rf"sum({name} REGEXP '(^|[^\\\\])(\\\\\\\\)*\\\\u0000')"
        case "enum":
            wanted["error_labels"] = f"sum({name} + 0 = 0)"
        case "bigint" if (
            native.unsigned
            and target not in FAMILY
            and (column.identity or column.name in table.keyed or target == "sqlite")
        ):
            wanted["maximum"] = f"max({name})"
        case _ if target == "postgresql" and column.name in table.indexed and _long(native):
            whole = name if native.charset is None else f"convert({name} USING utf8mb4)"
            wanted["octets"] = f"max(octet_length({whole}))"
        case _:
            pass
    return wanted


def _long(native: NativeType) -> bool:
    """True when a value may be longer than a small index entry."""
    return native.length is not None and native.length >= LONG_CHARACTERS


def has_error_labels(session: Session, table: Table, relation: str) -> bool:
    """True when an ENUM of the table holds index 0, which is shown as '' and is no label."""
    names = [ddl.quote(column.name) for column in table.columns if column.native.name == "enum"]
    if not names:
        return False
    found = " OR ".join(f"{name} + 0 = 0" for name in names)
    return bool(session.query(f"SELECT 1 FROM {relation} WHERE {found} LIMIT 1"))


def snapshot_method(session: Session) -> str:
    """How this user may read many tables at one moment; in the order in which the engine tries."""
    position = session.query("SHOW STATUS LIKE 'Binlog_snapshot_file'")
    if any(row[1] for row in position):
        return "equal binlog positions"
    try:
        # It needs the privilege of the global lock, and does nothing: there is no such table.
        session.query("FLUSH NO_WRITE_TO_BINLOG TABLES `dbferry`.` no such table`")
    except (PermissionError_, AuthError):
        return "single session"
    except (MissingError, RequestError):
        pass
    return "flush tables with read lock"


def run(
    session: Session, table: Table, target: str, relation: str, *, sample: bool
) -> Mapping[str, Facts]:
    asked = [
        (column.name, fact, expression)
        for column in table.columns
        for fact, expression in questions(column, table, target).items()
    ]
    sampled = sample and bool(table.primary_key) and table.estimated_rows > LARGE
    # The longest value is not found in a part of the rows, and no type hangs on it.
    asked = [one for one in asked if not (sampled and one[1] == "octets")]
    if not asked:
        return {}
    text = ", ".join(expression for _, _, expression in asked)
    looked_at = _ends(table, [name for name, _, _ in asked], relation) if sampled else relation
    (row,) = session.query(f"SELECT count(*), {text} FROM {looked_at}")
    rows = {"rows": int(row[0] or 0)}
    if sampled:
        rows["sampled"] = rows["rows"]
    found: dict[str, dict[str, int]] = {name: dict(rows) for name, _, _ in asked}
    for (name, fact, _), value in zip(asked, row[1:], strict=True):
        if value is not None:
            found[name][fact] = int(value)
    return found


def _ends(table: Table, asked: list[str], relation: str) -> str:
    """The first and the last rows by key: the oldest and the newest, as a rule."""
    columns = ", ".join(ddl.quote(name) for name in dict.fromkeys(asked))
    parts = (
        f"(SELECT {columns} FROM {relation} ORDER BY "
        + ", ".join(f"{ddl.quote(name)} {order}" for name in table.primary_key)
        + f" LIMIT {SAMPLE // 2})"
        for order in ("ASC", "DESC")
    )
    return f"({' UNION ALL '.join(parts)}) AS sample"
