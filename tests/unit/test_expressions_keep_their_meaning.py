"""An expression says in the target's words what it said in the source's, or is refused with a reason."""

import pytest

from dbferry.catalog import Column, NativeType
from dbferry.engines import engine
from dbferry.schema.defaults import default
from dbferry.schema.expressions import Operand, Translator, Untranslatable
from dbferry.schema.translation import Translation
from dbferry.types import Context

PG, MY, MARIA, LITE = "postgresql", "mysql", "mariadb", "sqlite"
# A column of each sort, by its type in each engine.
TYPES = {
    PG: {"n": "int4", "big": "int8", "price": "numeric", "x": "float8", "name": "text", "on": "bool", "day": "date",
         "at": "timestamptz", "seen": "timestamp", "key": "uuid", "raw": "bytea", "body": "jsonb"},
    MY: {"n": "int", "big": "bigint", "price": "decimal", "x": "double", "name": "varchar", "on": "bool",
         "day": "date", "at": "timestamp", "seen": "datetime", "key": "char", "raw": "blob", "body": "json"},
    LITE: {"n": "integer", "big": "integer", "price": "numeric", "x": "real", "name": "text", "on": "boolean",
           "day": "date", "at": "timestamptz", "seen": "timestamp", "key": "text", "raw": "blob", "body": "json_text"},
}  # fmt: skip


def column(engine_name: str, name: str, collation: str | None) -> Column:
    kind = TYPES[MY if engine_name == MARIA else engine_name][name]
    native = NativeType(
        name=kind,
        text=f"{kind}(10,2)" if name == "price" else kind,
        precision=10 if name == "price" else None,
        scale=2 if name == "price" else None,
        schema="pg_catalog" if engine_name == PG else None,
        collation=collation if name == "name" else None,
        charset="utf8mb4" if name == "name" and engine_name in (MY, MARIA) else None,
    )
    return Column(name=name, position=1, native=native)


def translation(one: str, other: str, collation: str | None = None) -> Translator:
    """Between two engines, over a table of one column of each sort, each as it would be created."""
    ends = engine(one), engine(other)
    operands = {}
    for name in TYPES[PG]:
        held = column(one, name, collation)
        reading = ends[0].read(held, {})
        context = Context(
            source=one, schema="s", table="t", column=name, facts={}, version=(10, 11)
        )
        declared = ends[1].declare(reading, context)
        operands[name] = Operand.of(ends, held, reading.canonical, name, declared.native)
    return Translator(*ends, operands)


@pytest.mark.parametrize(
    ("one", "other", "text", "said"),
    [
        (PG, MY, "((n > 0) AND (n < 10))", "((`n` > 0) AND (`n` < 10))"),
        (PG, LITE, "(price >= (0)::numeric)", '("price" >= 0)'),
        (PG, MY, "((name)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[]))",
         "(`name` IN ('a', 'b'))"),
        (PG, LITE, "(name <> ALL (ARRAY['a'::text]))", '("name" NOT IN (\'a\'))'),
        (MY, PG, "(`name` in (_utf8mb4'it''s','b'))", "(\"name\" IN ('it''s', 'b'))"),
        (PG, MY, "(length(name) > 3)", "(char_length(`name`) > 3)"),
        (MY, PG, "(length(`raw`) <= 16)", '(octet_length("raw") <= 16)'),
        (MY, PG, "`n`*2 > 4", '((CAST("n" AS bigint) * 2) > 4)'),
        (PG, MY, "((n / 2) = 1)", "((`n` DIV 2) = 1)"),
        (MY, LITE, "(`n` % 2 = 1)", '(("n" % 2) = 1)'),
        (PG, LITE, "(name ~~ 'Ab%'::text)", "(\"name\" GLOB 'Ab*')"),
        (PG, LITE, r"(name ~~ '%@\%%'::text)", "(\"name\" LIKE '%@\\%%' ESCAPE '\\')"),
        (LITE, PG, "name LIKE '%@%'", "(\"name\" LIKE '%@%')"),
        (LITE, MY, "name GLOB 'A?b*'", "(`name` LIKE 'A_b%')"),
        (MY, PG, "(not(`n` <=> 3))", '(NOT ("n" IS NOT DISTINCT FROM 3))'),
        (PG, MY, "(n IS DISTINCT FROM big)", "(NOT (`n` <=> `big`))"),
        (LITE, PG, '"name" = "zoo"', "(\"name\" = 'zoo')"),
        (LITE, PG, "n IS NOT 4", '("n" IS DISTINCT FROM 4)'),
        (MY, PG, "(`day` >= '2000-01-01')", "(\"day\" >= '2000-01-01')"),
        (PG, LITE, "('2000-01-01'::date < day)", "('2000-01-01' < \"day\")"),
        (LITE, PG, "lower(name) = name", '(lower("name" COLLATE "C") = "name")'),
        (MY, PG, "(case when (`n` > 1) then 'a' else 'b' end = 'a')",
         "((CASE WHEN (\"n\" > 1) THEN 'a' ELSE 'b' END) = 'a')"),
        (MY, LITE, "(concat(`name`,'-',`n`) <> '')", "(((\"name\" || '-') || CAST(\"n\" AS TEXT)) <> '')"),
        (PG, MY, '(NOT ("on" IS TRUE))', "(NOT (`on` IS TRUE))"),
        (MARIA, MY, "`n` between 1 and 5", "((`n` >= 1) AND (`n` <= 5))"),
        (PG, MY, "(COALESCE(n, 0) > 0)", "(COALESCE(`n`, 0) > 0)"),
        (PG, MY, "(x / (2)::double precision > 1)", "((`x` / 2) > 1)"),
    ],
)  # fmt: skip
def test_conditions_are_said_in_other_words(one: str, other: str, text: str, said: str) -> None:
    assert translation(one, other).condition(text) == said


@pytest.mark.parametrize(
    ("one", "other", "text", "why"),
    [
        (PG, MY, "(name ~ '^a'::text)", "counterpart"),
        (MY, PG, "regexp_like(`name`,'^a')", "counterpart"),
        (PG, MY, "my_function(n)", "my_function"),
        (PG, MY, "(name > 'b'::text)", "another order"),
        (PG, LITE, "(name = lower(name))", "ASCII"),
        (LITE, PG, "name LIKE 'a%'", "case"),
        (MY, PG, "(`n` / 2 > 1)", "digits"),
        (PG, MY, "((n / big) > 1)", "zero"),
        (PG, LITE, "((price * 2) > 1)", "floating point"),
        (PG, LITE, "(at > '2000-01-01 00:00:00+00'::timestamp with time zone)", "TIMESTAMPTZ"),
        (PG, MY, "(key = '00112233-4455-6677-8899-aabbccddeeff'::uuid)", "char"),
        (PG, MY, "(now() > at)", "now"),
        (MY, PG, "length(`name`) < 5", "text"),
        (PG, MY, "(missing > 1)", "no column"),
        (PG, MY, "((body ->> 'a'::text) = 'b'::text)", "counterpart"),
        (MY, PG, "(`n` = 'abc')", "not a number"),
        (LITE, PG, "typeof(n) = 'integer'", "typeof"),
        (PG, MY, "n", "neither true nor false"),
        (PG, MY, "(n >", "parsed"),
        (PG, MY, "((name COLLATE \"C\") = 'a'::text)", "counterpart"),
        (PG, MY, "EXISTS (SELECT 1)", "counterpart"),
    ],
)  # fmt: skip
def test_what_is_not_certain_is_refused(one: str, other: str, text: str, why: str) -> None:
    with pytest.raises(Untranslatable, match=why):
        translation(one, other).condition(text)


def test_a_pattern_without_case_in_the_source_is_refused() -> None:
    with pytest.raises(Untranslatable, match="case"):
        translation(MY, PG, "utf8mb4_0900_ai_ci").condition("(`name` like 'a%')")


@pytest.mark.parametrize("one", [PG, MY, MARIA, LITE])
def test_between_two_of_one_engine_the_text_stays(one: str) -> None:
    text = "any (thing) at ~ all"
    kept = Translation(engine(one), engine(one), dict)
    assert (kept.condition(text), kept.value(text), kept.default(text, "a")) == (text,) * 3


@pytest.mark.parametrize(
    ("one", "other", "name", "text", "said"),
    [
        (PG, MY, "at", "now()", "(utc_timestamp(6))"),
        (PG, MY, "seen", "CURRENT_TIMESTAMP", "CURRENT_TIMESTAMP(6)"),
        (PG, LITE, "seen", "timezone('utc'::text, now())", "(strftime('%Y-%m-%d %H:%M:%f', 'now'))"),
        (MY, PG, "at", "CURRENT_TIMESTAMP(6)", "now()"),
        (MY, PG, "seen", "current_timestamp()", "LOCALTIMESTAMP"),
        (LITE, PG, "seen", "CURRENT_TIMESTAMP", "timezone('utc', now())"),
        (LITE, PG, "name", "CURRENT_TIMESTAMP", "to_char(timezone('utc', now()), 'YYYY-MM-DD HH24:MI:SS')"),
        (PG, MY, "name", "'it''s'::text", "'it''s'"),
        (PG, LITE, "price", "0.50", "0.50"),
        (PG, LITE, "price", "'-1'::integer", "(-1)"),
        (MY, PG, "name", r"'a\\b'", r"E'a\\b'"),
        (PG, LITE, "on", "true", "1"),
        (LITE, PG, "on", "0", "false"),
        (PG, MY, "body", "'{}'::jsonb", "'{}'"),
        (PG, LITE, "raw", r"'\x00ff'::bytea", "x'00ff'"),
        (LITE, PG, "name", '"hello"', "'hello'"),
        (PG, MY, "n", "(1 + 2)", "((1 + 2))"),
        (PG, MY, "name", "NULL::character varying", "NULL"),
    ],
)  # fmt: skip
def test_defaults_are_said_for_their_column(
    one: str, other: str, name: str, text: str, said: str
) -> None:
    between = translation(one, other)
    assert default(between, text, between.operands[name]) == said


@pytest.mark.parametrize(
    ("one", "other", "name", "text"),
    [
        (PG, MY, "n", "nextval('s'::regclass)"),
        (PG, MY, "name", "now()"),
        (LITE, PG, "at", "CURRENT_TIMESTAMP"),
        (MY, PG, "day", "'0000-00-00'"),
        (LITE, PG, "on", "2"),
        (LITE, PG, "n", "'abc'"),
        (PG, MY, "name", "CURRENT_USER"),
        (PG, MY, "at", "(now() + '1 day'::interval)"),
    ],
)  # fmt: skip
def test_defaults_that_are_not_certain_are_refused(
    one: str, other: str, name: str, text: str
) -> None:
    between = translation(one, other)
    with pytest.raises(Untranslatable):
        default(between, text, between.operands[name])
