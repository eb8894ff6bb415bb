"""A driver's error as ours: its status and SQLSTATE decide, its message is told without secrets or values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from dbferry.errors import DbferryError, from_fields

# ADBC's status codes (adbc.h) by number: they are the same for every driver.
STATUSES: Mapping[int, str] = {
    1: "unsupported", 2: "unsupported", 3: "missing", 4: "exists", 5: "unsupported", 6: "unsupported",
    7: "data", 8: "constraint", 9: "unsupported", 10: "lost", 11: "cancelled", 12: "timeout",
    13: "auth", 14: "permission",
}  # fmt: skip
# SQLSTATE says more than a status; its class alone where the whole isn't here.
STATES: Mapping[str, str] = {
    "28P01": "auth", "28000": "auth", "42501": "permission", "25006": "permission",
    "3D000": "missing", "3F000": "missing", "42P01": "missing", "42703": "missing",
    "42P07": "exists", "42710": "exists", "53300": "busy", "55P03": "busy", "40001": "busy",
    "40P01": "busy", "57014": "timeout", "0A000": "unsupported",
    "08": "lost", "22": "data", "23": "constraint", "42": "unsupported", "53": "space",
}  # fmt: skip
# SQLite's driver has one status for all that fails a statement: what its rows fail is told by the library's own words,
# and so is a lock.
OF_ROW = re.compile(
    r"INTERNAL: failed to execute: "
    r"((CHECK|UNIQUE|NOT NULL|FOREIGN KEY) constraint failed|datatype mismatch)"
)
LOCKED = re.compile(
    r"[A-Z_]+: (\[SQLite\] )?[Ff]ailed to [\w ]+: database( table| schema)? is locked"
)
PREFIXES = re.compile(r"^(?:[A-Z_]+: )?(?:\[[\w ]+\] )?")


def translate(error: Exception, secrets: Sequence[str] = (), *, side: str) -> DbferryError:
    """`error` is one of the driver manager's; `secrets` are pieces of the URL."""
    state = getattr(error, "sqlstate", None) or ""
    kind = STATES.get(state) or STATES.get(state[:2])
    if kind is None:
        kind = STATUSES.get(int(getattr(error, "status_code", 0) or 0), "unsupported")
    if OF_ROW.match(str(error)):
        kind = "constraint"
    elif LOCKED.match(str(error)):
        kind = "busy"
    details = dict(getattr(error, "details", None) or ())
    fields: dict[str, Any] = {"kind": kind, "engine": "adbc", "side": side, "code": state or None}
    message = _text(details.get("PG_DIAG_MESSAGE_PRIMARY", b"")) or _first_line(str(error))
    if kind in ("data", "constraint"):
        message = _without_values(message)
    for name, column in (("PG_DIAG_COLUMN_NAME", "column"), ("PG_DIAG_TABLE_NAME", "table")):
        if name in details:
            fields[column] = _text(details[name])
    return from_fields({**fields, "message": _without(secrets, message[:1].lower() + message[1:])})


def _text(value: bytes | str) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _first_line(text: str) -> str:
    """Drivers repeat the whole query after the first line."""
    line = PREFIXES.sub("", text, count=1).splitlines()[0] if text else ""
    return line or "the driver tells no reason"


def _without_values(message: str) -> str:
    return re.sub(r"""(:\s*|value )("[^"]*"?|'[^']*'?|-?\d[\d.]*).*$""", "", message).rstrip()


def _without(secrets: Sequence[str], message: str) -> str:
    """Without them, and without a quoted part of one: a URL may be taken apart as it wasn't meant."""
    for secret in secrets:
        message = message.replace(secret, "***")
    return re.sub(
        r'(?<!user )"([^"]+)"',
        lambda quoted: '"***"' if any(quoted[1] in s for s in secrets) else quoted[0],
        message,
    )
