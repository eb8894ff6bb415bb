"""What the expressions of MySQL and MariaDB mean, and how others' meanings are written here."""

from __future__ import annotations

from dataclasses import replace

from dbferry.catalog import NativeType
from dbferry.engines.mysql import ddl
from dbferry.schema.dialect import Dialect

# UUID() is made of the time and the machine; these are the random digits that others promise.
UUID4 = (
    "(lower(concat(hex(random_bytes(4)), '-', hex(random_bytes(2)), '-4', substr(hex(random_bytes(2)), 2), '-', "
    "hex(8 + floor(rand() * 4)), substr(hex(random_bytes(2)), 2), '-', hex(random_bytes(6)))))"
)


def exact(native: NativeType) -> bool:
    """Without a collation of its own it is that of a new table, which is exact; `_bin` alone leaves blanks out."""
    collation = native.collation
    known = collation in (None, "binary", "utf8mb4_0900_bin")
    return known or (collation or "").endswith("_nopad_bin")


def padded(native: NativeType) -> bool:
    """CHAR gives its values without the blanks at their end."""
    return native.name == "char" and (exact(native) or (native.collation or "").endswith("_bin"))


DIALECT = Dialect(
    parser="mysql",
    quote=ddl.quote,
    literal=ddl.literal,
    hexadecimal="x'{0}'",
    booleans=("false", "true"),
    matching="collation",
    backslashes=True,
    whole_division=False,
    exact=exact,
    padded=padded,
    places_nulls=False,
    ends_recursion=True,
    clock_seconds=True,
    cuts_lists=True,
    functions={
        "lower/1": "lower", "lcase/1": "lower", "upper/1": "upper", "ucase/1": "upper",
        "char_length/1": "characters", "character_length/1": "characters",
        "length/1": "bytes", "octet_length/1": "bytes",
        "ltrim/1": "trim_left", "rtrim/1": "trim_right", "replace/3": "replace",
        "abs/1": "absolute",
        "round/1": "round", "round/2": "round", "mod/2": "remainder",
        "coalesce": "coalesce", "ifnull/2": "coalesce", "nullif/2": "nullif", "concat": "join",
        "substr/2": "substring", "substr/3": "substring", "mid/3": "substring",
        "year/1": "year", "month/1": "month", "day/1": "day", "dayofmonth/1": "day", "json_valid/1": "json_valid",
    },
    words={
        "lower": "lower({0})", "upper": "upper({0})", "characters": "char_length({0})", "bytes": "octet_length({0})",
        "trim": "trim({0})", "trim_left": "ltrim({0})", "trim_right": "rtrim({0})",
        "replace": "replace({0}, {1}, {2})", "join": "concat({0}, {1})", "text_of_integer": "cast({0} AS char)",
        "absolute": "abs({0})", "floor": "floor({0})", "ceiling": "ceiling({0})",
        "round/1": "round({0})", "round/2": "round({0}, {1})", "double": "cast({0} AS double)",
        "quotient": "({0} DIV {1})", "remainder": "({0} % {1})",
        "year": "year({0})", "month": "month({0})", "day": "dayofmonth({0})", "json_valid": "json_valid({0})",
        "sum_whole": "{0}", "share": "CAST({0} AS double)", "turn_whole": "CAST({0} AS signed)", "now_second": "CURRENT_TIMESTAMP", "moment_of_day": "CAST({0} AS datetime)",
        **dict.fromkeys(("later_day", "later_month", "later_moment"), "({0} + INTERVAL {1} {2})"),
        "list": "group_concat({0} {2} SEPARATOR {1})",
        "same": "({0} <=> {1})", "differ": "(NOT ({0} <=> {1}))",
        "now": "CURRENT_TIMESTAMP({p})", "now_local": "CURRENT_TIMESTAMP({p})", "now_utc": "(utc_timestamp({p}))",
        "now_text": "(date_format(utc_timestamp(), '%Y-%m-%d %H:%i:%s'))",
        "today": "(curdate())", "today_utc": "(utc_date())", "today_text": "(date_format(utc_date(), '%Y-%m-%d'))",
        "clock": "(curtime({p}))", "clock_utc": "(utc_time({p}))",
        "uuid": UUID4, "uuid_text": UUID4, "random": "(rand())",
    },
    why_not={
        "turn_text": "texts of a query that reads itself are cut to the length of its first",
        "lower_ascii": "lower() takes all letters here, and the source's only those of ASCII",
        "upper_ascii": "upper() takes all letters here, and the source's only those of ASCII",
    },
    moments={
        "current_timestamp": "now", "current_timestamp()": "now", "now()": "now", "localtimestamp": "now",
        "utc_timestamp()": "now_utc", "utc_timestamp": "now_utc",
        "curdate()": "today", "current_date()": "today", "current_date": "today",
        "curtime()": "clock", "current_time()": "clock", "uuid()": "uuid", "rand()": "random",
    },
)  # fmt: skip
MARIADB = replace(DIALECT, rounds_shares=True)
