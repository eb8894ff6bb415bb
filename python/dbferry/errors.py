"""The exception tree: the engine's one error, with its fields as attributes.

Code decides by class or by `kind`, never by the text. A message tells the fact in lower case; the
place is told in fields. `format_error` is the only form in which a person sees any of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from dbferry.report import Report

PLACE = ("engine", "side", "table", "column", "row", "range")


class DbferryError(Exception):
    """What went wrong, where, and what helps."""

    exit_code: int = 1
    default_kind: ClassVar[str] = "internal"

    def __init__(
        self,
        message: str,
        *,
        kind: str | None = None,
        code: str | None = None,
        engine: str | None = None,
        side: str | None = None,
        table: str | None = None,
        column: str | None = None,
        row: int | None = None,
        range: str | None = None,
        detail: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.kind = kind or self.default_kind
        self.code = code
        self.engine = engine
        self.side = side
        self.table = table
        self.column = column
        self.row = row
        self.range = range
        self.detail = detail
        self.hint = hint
        self.report: Report | None = None
        """What had been done by then, once the copy had begun."""

    @property
    def retryable(self) -> bool:
        """True when the same work may succeed if it is tried again."""
        return self.kind in ("connect", "busy", "lost", "timeout")

    @property
    def fatal(self) -> bool:
        """True when the session that raised it is of no more use."""
        return self.kind in ("connect", "lost", "cancelled", "fenced")

    @property
    def of_row(self) -> bool:
        """True when rows are to blame, and not the world or the plan."""
        return self.kind in ("data", "constraint")

    def place(self) -> str:
        """The known parts of the place, as one phrase; empty when nothing is known."""
        parts = [
            f"{self.engine} {self.side}"
            if self.engine and self.side
            else self.engine or self.side or ""
        ]
        parts += [
            f"{name} `{value}`" for name in ("table", "column") if (value := getattr(self, name))
        ]
        if self.row is not None:
            parts.append(f"row {self.row}")
        if self.range:
            parts.append(f"range {self.range}")
        return ", ".join(part for part in parts if part)

    def fields(self) -> dict[str, Any]:
        """Every known field, for JSON."""
        names = ("kind", "code", *PLACE, "detail", "hint")
        known = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        return {"message": self.message, **known}

    def __str__(self) -> str:
        place = self.place()
        return f"{self.message} ({place})" if place else self.message


class RequestError(DbferryError):
    """The request itself is wrong; nothing was touched."""

    exit_code = 2
    default_kind = "request"


class RequestErrors(RequestError):
    """Several faults of one request, said at once."""

    def __init__(self, faults: Iterable[DbferryError]) -> None:
        self.faults = tuple(faults)
        count = len(self.faults)
        super().__init__(f"the request has {count} fault{'' if count == 1 else 's'}")

    def fields(self) -> dict[str, Any]:
        return {**super().fields(), "faults": [fault.fields() for fault in self.faults]}

    def __str__(self) -> str:
        return "; ".join([self.message, *map(str, self.faults)])


class ConnectError(DbferryError):
    """No connection could be made."""

    default_kind = "connect"


class AuthError(DbferryError):
    """The server refused the user or the password."""

    default_kind = "auth"


class TlsError(DbferryError):
    """TLS was required, refused or not trusted."""

    default_kind = "tls"


class PermissionError_(DbferryError):
    """The user may not do this."""

    default_kind = "permission"


class MissingError(DbferryError):
    """A database, table or column doesn't exist."""

    default_kind = "missing"


class ExistsError(DbferryError):
    """An object stands where a new one should be made."""

    exit_code = 2
    default_kind = "exists"


class TargetNotEmptyError(ExistsError):
    """A target table has rows, and the run was not told what to do with them."""


class DataError(DbferryError):
    """A value doesn't fit the type it should go to."""

    default_kind = "data"


class ConstraintError(DbferryError):
    """A key, check or NOT NULL of the target refused a row."""

    default_kind = "constraint"


class SpaceError(DbferryError):
    """A disk, a tablespace or memory is full."""

    default_kind = "space"


class BusyError(DbferryError):
    """Lock not available, deadlock, serialization failure, too many connections."""

    default_kind = "busy"


class AtWorkError(BusyError):
    """Another run holds the task."""


class LostError(DbferryError):
    """The connection broke, or the server went away."""

    default_kind = "lost"


class TimeoutError_(DbferryError):
    """Nothing came within the time allowed."""

    default_kind = "timeout"


class ProtocolError(DbferryError):
    """The other side broke its protocol, or a file is damaged."""

    default_kind = "protocol"


class UnsupportedError(DbferryError):
    """This engine can't do what was asked."""

    default_kind = "unsupported"


class InternalError(DbferryError):
    """A fault of dbferry itself."""


class SchemaError(DbferryError):
    """Every row was moved, and something around them could not be made."""

    default_kind = "schema"


class MismatchError(DbferryError):
    """Everything was moved, and the two sides are not equal."""

    exit_code = 3
    default_kind = "mismatch"


class FencedError(DbferryError):
    """Another run has taken the task over."""

    default_kind = "fenced"


class Interrupted(DbferryError):
    """The user interrupted the run."""

    exit_code = 130
    default_kind = "cancelled"


_BY_KIND: dict[str, type[DbferryError]] = {
    cls.default_kind: cls
    for cls in (
        RequestError, ConnectError, AuthError, TlsError, PermissionError_, MissingError,
        ExistsError, DataError, ConstraintError, SpaceError, BusyError, LostError, TimeoutError_,
        ProtocolError, UnsupportedError, InternalError, SchemaError, MismatchError,
        FencedError, Interrupted,
    )
}  # fmt: skip


@contextmanager
def at_table(name: str) -> Iterator[None]:
    """What goes wrong is of this table, unless it names another."""
    try:
        yield
    except DbferryError as error:
        error.table = error.table or name
        raise


def from_fields(fields: Mapping[str, Any]) -> DbferryError:
    """The exception for the fields of an engine's error; `place` may be nested or flat."""
    flat = {**(fields.get("place") or {}), **fields}
    names = ("code", *PLACE, "detail", "hint")
    kind = str(flat.get("kind") or "internal")
    cls = _BY_KIND.get(kind, InternalError)
    message = str(flat.get("message") or "no message")
    return cls(message, kind=kind, **{name: flat.get(name) for name in names})


def format_error(error: DbferryError) -> str:
    """The lines a person reads: the fact, the place, the detail, the hint."""
    if isinstance(error, RequestErrors):
        return "\n".join(format_error(fault) for fault in error.faults)
    code = f" [{error.code}]" if error.code else ""
    lines = [f"error: {error.message}{code}"]
    lines += [f"  at: {place}" for place in [error.place()] if place]
    lines += [f"  detail: {error.detail}"] if error.detail else []
    lines += [f"hint: {error.hint}"] if error.hint else []
    return "\n".join(map(printable, lines))


def printable(text: str) -> str:
    """One harmless line: what controls a terminal or turns its direction is shown as an escape."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
