"""What PostgreSQL's expressions mean, and how others' meanings are written here."""

from __future__ import annotations

from dbferry.catalog import NativeType
from dbferry.engines.postgresql import ddl
from dbferry.schema.dialect import Dialect


def exact(native: NativeType) -> bool:
    """The database's own collation and the server's tell any two texts apart; a user's may not."""
    own = native.collation is None or native.collation.startswith("pg_catalog.")
    return own and native.name not in ("bpchar", "citext")


def padded(native: NativeType) -> bool:
    own = native.collation is None or native.collation.startswith("pg_catalog.")
    return own and native.name == "bpchar"


DIALECT = Dialect(
    parser="postgres",
    quote=ddl.quote,
    literal=ddl.literal,
    hexadecimal=r"'\x{0}'::bytea",
    numbers_are_truth=False,
    wide_integers=False,
    exact=exact,
    padded=padded,
    nulls_are_large=True,
    days_are_numbers=True,
    fits={"int2": "CAST({0} AS bigint)", "int4": "CAST({0} AS bigint)"},
    functions={
        "lower/1": "lower", "upper/1": "upper",
        "length/1": "length", "char_length/1": "characters", "character_length/1": "characters",
        "octet_length/1": "bytes",
        "btrim/1": "trim", "ltrim/1": "trim_left", "rtrim/1": "trim_right", "replace/3": "replace",
        "abs/1": "absolute",
        "round/1": "round", "round/2": "round", "mod/2": "remainder",
        "coalesce": "coalesce", "nullif/2": "nullif", "concat": "join_present",
        "substr/2": "substring", "substr/3": "substring",
    },
    words={
        "lower": "lower({0})", "upper": "upper({0})",
        "lower_ascii": 'lower({0} COLLATE "C")', "upper_ascii": 'upper({0} COLLATE "C")',
        "characters": "char_length({0})", "bytes": "octet_length({0})",
        "trim": "btrim({0})", "trim_left": "ltrim({0})", "trim_right": "rtrim({0})",
        "replace": "replace({0}, {1}, {2})", "join": "({0} || {1})", "text_of_integer": "CAST({0} AS text)",
        "absolute": "abs({0})", "floor": "floor({0})", "ceiling": "ceil({0})",
        "round/1": "round({0})", "round/2": "round({0}, {1})", "double": "CAST({0} AS double precision)",
        "quotient": "({0} / {1})", "remainder": "({0} % {1})",
        "year": "CAST(extract(year FROM {0}) AS integer)", "month": "CAST(extract(month FROM {0}) AS integer)",
        "day": "CAST(extract(day FROM {0}) AS integer)",
        "sum_whole": "CAST({0} AS bigint)", "share": "{0}", "turn_whole": "CAST({0} AS bigint)", "turn_text": "CAST({0} AS text)",
        "now_second": "date_trunc('second', LOCALTIMESTAMP)", "moment_of_day": "CAST({0} AS timestamp)",
        **dict.fromkeys(("later_day", "later_month"), "CAST({0} + INTERVAL '{1} {2}' AS date)"),
        "later_moment": "({0} + INTERVAL '{1} {2}')",
        "list": "string_agg({0}, {1} {2})",
        "same": "({0} IS NOT DISTINCT FROM {1})", "differ": "({0} IS DISTINCT FROM {1})",
        "now": "now()", "now_local": "LOCALTIMESTAMP", "now_utc": "timezone('utc', now())",
        "now_text": "to_char(timezone('utc', now()), 'YYYY-MM-DD HH24:MI:SS')",
        "today": "CURRENT_DATE", "today_utc": "CAST(timezone('utc', now()) AS date)",
        "today_text": "to_char(timezone('utc', now()), 'YYYY-MM-DD')",
        "clock": "LOCALTIME", "clock_utc": "CAST(timezone('utc', now()) AS time)",
        "uuid": "gen_random_uuid()", "uuid_text": "CAST(gen_random_uuid() AS text)", "random": "random()",
    },
    why_not={"json_valid": "json and jsonb hold nothing else"},
    moments={
        "now()": "now", "current_timestamp": "now", "transaction_timestamp()": "now",
        "statement_timestamp()": "now", "clock_timestamp()": "now",
        "localtimestamp": "now_local", "now()::timestampwithouttimezone": "now_local",
        **{
            text.format(zone): "now_utc"
            for zone in ("utc", "UTC")
            for text in ("timezone('{}',now())", "now()attimezone'{}'", "current_timestampattimezone'{}'",
                         "timezone('{}',current_timestamp)")
        },
        "current_date": "today", "now()::date": "today", "(now())::date": "today", "('now')::date": "today",
        "localtime": "clock",
        "gen_random_uuid()": "uuid", "(gen_random_uuid())": "uuid", "uuid_generate_v4()": "uuid",
        "public.uuid_generate_v4()": "uuid", "random()": "random",
    },
)  # fmt: skip
