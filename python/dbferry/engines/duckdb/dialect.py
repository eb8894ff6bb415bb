"""What DuckDB's expressions mean, and how others' meanings are written here."""

from __future__ import annotations

from dbferry.engines.duckdb import ddl
from dbferry.schema.dialect import Dialect

NARROW = ("tinyint", "smallint", "integer", "utinyint", "usmallint", "uinteger")
DIALECT = Dialect(
    parser="duckdb",
    quote=ddl.quote,
    literal=ddl.literal,
    hexadecimal="unhex('{0}')",
    escape="",
    wide_integers=False,
    fits=dict.fromkeys(NARROW, "CAST({0} AS bigint)"),
    nulls_are_large=None,
    functions={
        "lower/1": "lower", "upper/1": "upper",
        "length/1": "length", "char_length/1": "characters", "octet_length/1": "bytes",
        "replace/3": "replace", "abs/1": "absolute", "coalesce": "coalesce", "nullif/2": "nullif",
        "substr/2": "substring", "substr/3": "substring",
    },
    words={
        "lower": "lower({0})", "upper": "upper({0})",
        "characters": "length({0})", "bytes": "octet_length({0})",
        # Without the blank it would take away other white space too.
        "trim": "trim({0}, ' ')", "trim_left": "ltrim({0}, ' ')", "trim_right": "rtrim({0}, ' ')",
        "replace": "replace({0}, {1}, {2})", "join": "({0} || {1})", "text_of_integer": "CAST({0} AS varchar)",
        "absolute": "abs({0})", "floor": "floor({0})", "ceiling": "ceil({0})",
        "round/1": "round({0})", "round/2": "round({0}, {1})", "double": "CAST({0} AS double)",
        "quotient": "({0} // {1})", "remainder": "({0} % {1})",
        "year": "year({0})", "month": "month({0})", "day": "day({0})", "json_valid": "json_valid({0})",
        "sum_whole": "{0}", "share": "{0}", "turn_whole": "CAST({0} AS bigint)", "turn_text": "CAST({0} AS varchar)",
        "now_second": "date_trunc('second', CAST(now() AS timestamp))", "moment_of_day": "CAST({0} AS timestamp)",
        **dict.fromkeys(("later_day", "later_month"), "CAST({0} + INTERVAL ({1}) {2} AS date)"),
        "later_moment": "({0} + INTERVAL ({1}) {2})",
        "list": "string_agg({0}, {1} {2})",
        "same": "({0} IS NOT DISTINCT FROM {1})", "differ": "({0} IS DISTINCT FROM {1})",
        "now": "now()", "now_local": "CAST(now() AS timestamp)", "now_utc": "timezone('UTC', now())",
        "now_text": "strftime(timezone('UTC', now()), '%Y-%m-%d %H:%M:%S')",
        "today": "CAST(CAST(now() AS timestamp) AS date)", "today_utc": "CAST(timezone('UTC', now()) AS date)",
        "today_text": "strftime(timezone('UTC', now()), '%Y-%m-%d')",
        "clock": "CAST(CAST(now() AS timestamp) AS time)", "clock_utc": "CAST(timezone('UTC', now()) AS time)",
        "uuid": "gen_random_uuid()", "uuid_text": "CAST(gen_random_uuid() AS varchar)", "random": "random()",
    },
    why_not={
        "lower_ascii": "lower() takes all letters here, and the source's only those of ASCII",
        "upper_ascii": "upper() takes all letters here, and the source's only those of ASCII",
    },
)  # fmt: skip
