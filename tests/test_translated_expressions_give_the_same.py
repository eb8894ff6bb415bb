"""The servers are the judges: an expression and its translation give the same for the same rows."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

import dbferry
from dbferry.engines import engine
from dbferry.run import plan_task
from dbferry.schema.expressions import Operand, Translator, Untranslatable
from judge import keeping
from servers.database import Database

Make = Callable[[str], Database]
COLUMNS = {
    "postgresql": "id int PRIMARY KEY, n int, m int, big bigint, price numeric(10,2), x double precision, "
    "name varchar(30), word text, flag boolean, day date, raw bytea",
    "mysql": "id int PRIMARY KEY, n int, m int, big bigint, price decimal(10,2), x double, "
    "name varchar(30) COLLATE {exact}, word text COLLATE {exact}, flag tinyint(1), day date, raw varbinary(30)",
    "sqlite": "id INTEGER PRIMARY KEY, n INT, m INT, big BIGINT, price NUMERIC(10,2), x REAL, "
    "name VARCHAR(30), word TEXT, flag BOOLEAN, day DATE, raw BLOB",
}
COLUMNS["mariadb"] = COLUMNS["mysql"]
EXACT = {"mysql": "utf8mb4_0900_bin", "mariadb": "utf8mb4_nopad_bin"}
ROWS = [
    (1, 5, 2, 10**12, "1.50", 0.5, "ada", "Ada", True, "2024-02-29", b"ab"),
    (2, -5, 2, -7, "-2.55", -0.5, " Ada ", "a%b", False, "1999-12-31", b""),
    (3, 0, 3, 0, "0.00", 0.0, "", "a_b", None, "2000-01-01", b"\xff\x00"),
    (4, None, None, None, None, None, None, None, True, None, None),
    (5, 7, -2, 2**31, "99999.99", 1e10, "Äpfel", "100%", False, "2024-01-31", b"x" * 20),
    (6, -7, -3, -(2**31), "2.45", 2.5, "it's", "back\\slash", None, "1970-01-01", b"%"),
    (7, 10**9, 1, 2**40, "7.00", 1.0, "a*b?c", "[x]", True, "2038-01-19", b"\\"),
]
NUMBERS = (
    "n > 0", "n >= m", "n + m > 3", "n * 2 - m", "big + n", "n % 3", "n % -2", "-n", "abs(n)", "n BETWEEN m AND 5",
    "n IN (5, -7, 0)", "n NOT IN (5, NULL)", "price > 1.5", "price = 2.45", "x > 0", "x * 2", "x / 2",
    "coalesce(n, m, 0)", "nullif(n, 5)", "NOT (n > 0 OR m > 0)", "n IS NULL", "n IS NOT NULL AND m < 0",
    "CASE WHEN n > 0 THEN 1 WHEN n < 0 THEN -1 ELSE 0 END", "CASE n WHEN 5 THEN 'five' ELSE 'more' END",
    "n + n",
)  # fmt: skip
TEXTS = (
    "name = 'ada'", "name <> word", "name IN ('ada', '')", "word LIKE '%!%%' ESCAPE '!'", "word LIKE 'a__'",
    "word LIKE '%b'", "name NOT LIKE 'A%'", "trim(name)", "ltrim(name)", "rtrim(name)", "replace(name, 'a', 'bb')",
    "substr(name, 2)", "substr(name, 2, 3)", "lower(name)", "upper(word)", "name = trim(name)", "length(name)",
    "CASE WHEN name = '' THEN 'none' ELSE name END", "coalesce(name, 'x')", "word = 'back\\slash'", "name = 'it''s'",
)  # fmt: skip
OTHERS = (
    "day >= '2000-01-01'",
    "day = '2024-02-29'",
    "length(raw)",
    "day BETWEEN '2000-01-01' AND '2024-12-31'",
)
OWN = {
    "postgresql": (
        "n / 2", "n IS DISTINCT FROM m", "n IS NOT DISTINCT FROM NULL", "name || '-' || n", "concat(name, '-', word)",
        "flag", "NOT flag", "flag IS TRUE", "price * 2", "round(price)", "round(price, 1)", "floor(price)",
        "ceil(price)", "char_length(name)", "extract(year FROM day) = 2024", "name ~~ 'a%'", "octet_length(raw)",
        "(n)::numeric > 1.5", "name = ANY (ARRAY['ada', 'x'])", "n <> ALL (ARRAY[5, 7])", "(n)::text", "raw = '\\x6162'",
        "mod(n, 3) = 1", "floor(x)", "round(x)", "ceil(x)", "(x)::numeric > 1", "word LIKE 'back\\\\%'",
    ),
    "mysql": (
        "n * 4", "n DIV 2", "n <=> m", "NOT (n <=> NULL)", "concat(name, '-', n)", "flag = 1", "flag", "NOT flag", "if(n > 0, 1, 2)",
        "ifnull(n, 0)", "char_length(name)", "price * 2", "round(price)", "round(price, 1)", "floor(price)",
        "ceiling(price)", "year(day)", "month(day) = 2", "dayofmonth(day)", "mod(n, 3)", "n", "n AND m", "x + n",
        "word LIKE 'back\\\\\\\\%'",
    ),
    "sqlite": (
        "n * 4", "n / 2", "n IS m", "n IS NOT NULL", "name || '-' || n", "flag = 1", "flag", "iif(n > 0, 1, 2)", "ifnull(n, 0)",
        "name GLOB 'a*'", "name GLOB '*[*]*'", "n", "n AND m", 'name = "ada"', "raw = x'6162'", "n == 5", "n != 5",
        "x + n", "word GLOB '*%*'",
    ),
}  # fmt: skip
OWN["mariadb"] = OWN["mysql"]
TRANSLATED_AT_LEAST = 60


def fill(db: Database) -> None:
    db.sql(f"CREATE TABLE t ({COLUMNS[db.engine].format(exact=EXACT.get(db.engine))})")
    for row in ROWS:
        values = ", ".join(literal(value, db.engine) for value in row)
        db.sql(f"INSERT INTO t VALUES ({values})")


def literal(value: object, engine_name: str) -> str:
    match value:
        case None:
            return "NULL"
        case bool():
            return str(value).lower() if engine_name == "postgresql" else str(int(value))
        case bytes():
            return f"'\\x{value.hex()}'" if engine_name == "postgresql" else f"x'{value.hex()}'"
        case str() if engine_name in EXACT:
            return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
        case str():
            return "'" + value.replace("'", "''") + "'"
        case _:
            return str(value)


def between(held: Database, made: Database) -> Translator:
    """As a plan makes it."""
    [item] = plan_task(dbferry.Task(source=held.url, target=made.url, prepare="append")).tables
    ends = engine(held.engine), engine(made.engine)
    operands = {}
    for column in item.columns:
        known = item.source.column(column.name)
        assert known is not None
        operands[column.name] = Operand.of(
            ends, known, column.canonical, column.target, column.target_type
        )
    return Translator(*ends, operands)


def plain(value: Any) -> Any:
    """Numbers as numbers, truth as 1 and 0."""
    match value:
        case bool():
            return int(value)
        case Decimal():
            return float(value)
        case bytes():
            return value.decode()
        case _:
            return value


@pytest.mark.parametrize("source", COLUMNS)
def test_they_give_the_same(database: Make, source: str) -> None:
    held = database(source)
    fill(held)
    wrong = []
    for target in (*COLUMNS, "duckdb"):
        if target == source:
            continue
        made = database(target)
        dbferry.migrate(held.url, made.url)
        translation = between(held, made)
        done = 0
        with keeping(held) as one, keeping(made) as other:
            for text in (*NUMBERS, *TEXTS, *OTHERS, *OWN[source]):
                try:
                    said = translation.value(text)
                except Untranslatable:
                    continue
                done += 1
                answers = [
                    [plain(row[0]) for row in db.rows(f"SELECT {what} FROM t ORDER BY id")]
                    for db, what in ((one, text), (other, said))
                ]
                if answers[0] != answers[1]:
                    wrong.append((source, target, text, said, *answers))
        assert done >= TRANSLATED_AT_LEAST, (target, done)
    assert not wrong
