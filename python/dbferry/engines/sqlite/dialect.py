"""What SQLite's expressions mean, and how others' meanings are written here."""

from __future__ import annotations

from dbferry.catalog import NativeType
from dbferry.engines.sqlite import ddl
from dbferry.engines.sqlite.catalog import affinity
from dbferry.schema.dialect import NUMBERS, Dialect
from dbferry.types import Kind

ASCII = "only letters of ASCII have a case in SQLite"
UUID4 = (
    "(lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-' || "
    "substr('89AB', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))))"
)


def stored(native: NativeType, kind: Kind) -> Kind:
    """Numbers with text affinity are compared as text; so are moments, which have several forms."""
    if kind in NUMBERS and affinity(native.name) == "text":
        return Kind.TEXT
    return Kind.OPAQUE if kind in (Kind.TIMESTAMP, Kind.INSTANT, Kind.TIME) else kind


def exact(native: NativeType) -> bool:
    return (native.collation or "BINARY").upper() == "BINARY"


DIALECT = Dialect(
    parser="sqlite",
    quote=ddl.quote,
    literal=ddl.literal,
    hexadecimal="x'{0}'",
    booleans=("0", "1"),
    matching="ascii",
    escape="",
    exact_decimals=False,
    words_are_text=True,
    exact=exact,
    stored=stored,
    functions={
        "lower/1": "lower_ascii", "upper/1": "upper_ascii", "length/1": "length",
        "ltrim/1": "trim_left", "rtrim/1": "trim_right", "replace/3": "replace",
        "abs/1": "absolute", "coalesce": "coalesce", "ifnull/2": "coalesce", "nullif/2": "nullif", "iif/3": "if",
        "substr/2": "substring", "substr/3": "substring", "json_valid/1": "json_valid",
        "date/2": "modified_day",
    },
    words={
        "lower_ascii": "lower({0})", "upper_ascii": "upper({0})", "characters": "length({0})", "bytes": "length({0})",
        "trim": "trim({0})", "trim_left": "ltrim({0})", "trim_right": "rtrim({0})",
        "replace": "replace({0}, {1}, {2})", "join": "({0} || {1})", "text_of_integer": "CAST({0} AS TEXT)",
        "absolute": "abs({0})", "double": "CAST({0} AS REAL)", "quotient": "({0} / {1})", "remainder": "({0} % {1})",
        "year": "CAST(strftime('%Y', {0}) AS INTEGER)", "month": "CAST(strftime('%m', {0}) AS INTEGER)",
        "day": "CAST(strftime('%d', {0}) AS INTEGER)", "json_valid": "json_valid({0})",
        "sum_whole": "{0}", "share": "{0}", "turn_whole": "{0}", "turn_text": "{0}", "later_day": "date({0}, '{1} {2}')",
        "same": "({0} IS {1})", "differ": "({0} IS NOT {1})",
        "now": "(strftime('%Y-%m-%d %H:%M:%f+00:00', 'now'))",
        "now_local": "(strftime('%Y-%m-%d %H:%M:%f', 'now', 'localtime'))",
        "now_utc": "(strftime('%Y-%m-%d %H:%M:%f', 'now'))", "now_text": "CURRENT_TIMESTAMP",
        "today": "(date('now', 'localtime'))", "today_utc": "CURRENT_DATE", "today_text": "CURRENT_DATE",
        "clock": "(strftime('%H:%M:%f', 'now', 'localtime'))", "clock_utc": "(strftime('%H:%M:%f', 'now'))",
        "uuid_text": UUID4, "random": "((random() & 9007199254740991) / 9007199254740992.0)",
    },
    why_not={
        "lower": ASCII, "upper": ASCII,
        "later_month": "a month that is too short is carried over to the next here",
        "list": "lists have no order before SQLite 3.44, which couldn't read the file then",
        "round": "decimals are floating point here", "floor": "decimals are floating point here",
        "ceiling": "decimals are floating point here",
    },
    moments={
        "current_timestamp": "now_text", "datetime('now')": "now_text", "datetime()": "now_text",
        "datetime('now','localtime')": "now_local", "strftime('%Y-%m-%d %H:%M:%f','now')": "now_utc",
        "current_date": "today_text", "date('now')": "today_text", "current_time": "clock_text",
    },
)  # fmt: skip
