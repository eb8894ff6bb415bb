"""What a driver really takes: one border value of every flight goes in and must come back the same.

Drivers refuse types, and some change values on the way (an unsigned number past 2⁶³ comes back negative
from PostgreSQL's), so a driver is asked before a plan is made. Each trial is a table of one column in a
transaction that is rolled back.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from dbferry.errors import DbferryError

if TYPE_CHECKING:
    from dbferry.engines.adbc.session import AdbcSession

UUID = uuid.UUID("00112233-4455-6677-8899-aabbccddeeff")
DIGITS = "12345678901234567890123456789.123456789"
# Taken on trust where nothing can be rolled back.
PLAIN = frozenset({"bool", "int16", "int32", "int64", "float64", "text", "binary"})


def _values() -> Mapping[str, tuple[Any, Any]]:
    """Arrow type and value, by the name of the flight or of the extension."""
    import pyarrow as pa

    integers = {
        f"{sign}int{bits}": (getattr(pa, f"{sign}int{bits}")(), (1 << (bits - (not sign))) - 1)
        for sign in ("", "u")
        for bits in (8, 16, 32, 64)
    }
    return {
        **integers,
        "bool": (pa.bool_(), True),
        "float32": (pa.float32(), -1.5),
        "float64": (pa.float64(), 1.7976931348623157e308),
        "nan": (pa.float64(), math.nan),
        "decimal": (pa.decimal128(38, 9), Decimal(DIGITS)),
        "wide decimal": (pa.decimal256(76, 9), Decimal(f"{'9' * 40}{DIGITS}"[-76:])),
        "text": (pa.utf8(), "a\u00e9\u20ac\U0001f600 '\"\\"),
        "binary": (pa.binary(), b"\0\xff'"),
        "uuid": (pa.binary(16), UUID.bytes),
        "date": (pa.date32(), date(1, 1, 1)),
        "time": (pa.time64("us"), time(23, 59, 59, 999999)),
        "timestamp": (pa.timestamp("us"), datetime(9999, 12, 31, 23, 59, 59, 999999)),  # noqa: DTZ001
        "instant": (pa.timestamp("us", "UTC"), datetime(1, 1, 2, 0, 0, 0, 1, tzinfo=UTC)),
        "span": (pa.duration("us"), timedelta(days=-34, microseconds=1)),
        "interval": (pa.month_day_nano_interval(), pa.MonthDayNano([-14, 3, 5_000])),
        "text_list": (pa.list_(pa.utf8()), ["a,b", None, ""]),
        "arrow.json": (pa.utf8(), '{"a": 1}'),
        "arrow.uuid": (pa.binary(16), UUID.bytes),
    }


def carried(session: AdbcSession) -> frozenset[str]:
    """The flights that come back as they went in; `… as text` for those that come back as their text."""
    taken: set[str] = set()
    for name, (kind, value) in _values().items():
        came = _tried(session, name, kind, value)
        if came is None:
            continue
        if _same(came, value):
            taken.add(name)
        elif isinstance(came, str) and came in _texts(value):
            taken.add(f"{name} as text")
    return frozenset(taken) or PLAIN


def _tried(session: AdbcSession, name: str, kind: Any, value: Any) -> Any:
    import pyarrow as pa

    metadata = {"ARROW:extension:name": name} if name.startswith("arrow.") else None
    schema = pa.schema([pa.field("v", kind, metadata=metadata)])
    stream = pa.table([pa.array([value], kind)], schema=schema)
    table = f"dbferry_trial_{uuid.uuid4().hex[:8]}"
    session.begin()
    if not session.transactional:
        return None
    try:
        session.ingest(stream, schema=None, table=table, mode="create")
        return session.value(f'SELECT v FROM "{table}"')
    except DbferryError:
        return None
    finally:
        session.rollback()


def _same(came: Any, value: Any) -> bool:
    if isinstance(value, float) and math.isnan(value):
        return isinstance(came, float) and math.isnan(came)
    if isinstance(came, uuid.UUID):
        return bool(came.bytes == value)
    if isinstance(value, timedelta) and hasattr(came, "nanoseconds"):
        whole = timedelta(days=came.days, microseconds=came.nanoseconds // 1000)
        return came.months == 0 and whole == value
    if isinstance(value, Decimal) and isinstance(came, str):
        # The driver has no better form of a number of any length.
        return came == str(value)
    return bool(came == value)


def _texts(value: Any) -> set[str]:
    """The forms in which a value may be its own text."""
    forms = {str(value)}
    if isinstance(value, datetime):
        forms |= {value.isoformat(), value.isoformat(sep=" ")}
    return forms
