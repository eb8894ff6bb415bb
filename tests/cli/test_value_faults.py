"""Values that the target can't hold: refused with table, column and code, and movable as the hint says."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from command import Command, Result, moved, refused
from dbferry.selection import read_rules
from servers.database import Database

Make = Callable[[str], Database]


@dataclass(frozen=True)
class Fault:
    """A table `t (id, v)` in `source` with one value that `target` can't hold.

    `asked` is a policy and what the value becomes by it, as SQL of the target.
    """

    source: str
    target: str
    setup: str
    code: str
    asked: tuple[str, str]
    exit: int = 2
    target_setup: str = ""


LAX = "SET SESSION sql_mode = ''; "
FAULTS = {
    "a zero date into postgresql": Fault(
        "mariadb", "postgresql",
        LAX + "CREATE TABLE t (id int PRIMARY KEY, v date NOT NULL);"
        "INSERT INTO t VALUES (1, '2024-02-29'), (2, '0000-00-00')",
        "T-ZERO", ("null", "v IS NULL"),
    ),
    "a zero date of mysql into sqlite": Fault(
        "mysql", "sqlite",
        LAX + "CREATE TABLE t (id int PRIMARY KEY, v datetime);"
        "INSERT INTO t VALUES (1, '2024-02-29 10:00:00'), (2, '0000-00-00 00:00:00')",
        "T-ZERO", ("null", "v IS NULL"),
    ),
    "a date with a zero day into postgresql": Fault(
        "mariadb", "postgresql",
        LAX + "CREATE TABLE t (id int PRIMARY KEY, v date);"
        "INSERT INTO t VALUES (1, '2024-02-29'), (2, '2024-02-00')",
        "T-ZERO", ("text", "v = '2024-02-00'"),
    ),
    "an infinite date into mariadb": Fault(
        "postgresql", "mariadb",
        "CREATE TABLE t (id int PRIMARY KEY, v date); "
        "INSERT INTO t VALUES (1, '2024-02-29'), (2, 'infinity')",
        "T-INF", ("null", "v IS NULL"), exit=1,
    ),
    "an infinite timestamp into sqlite": Fault(
        "postgresql", "sqlite",
        "CREATE TABLE t (id int PRIMARY KEY, v timestamptz NOT NULL); "
        "INSERT INTO t VALUES (1, '2024-02-29'), (2, '-infinity')",
        "T-INF", ("null", "v IS NULL"), exit=1,
    ),
    "an infinite timestamp into duckdb": Fault(
        "postgresql", "duckdb",
        "CREATE TABLE t (id int PRIMARY KEY, v timestamp); "
        "INSERT INTO t VALUES (1, '2024-02-29'), (2, 'infinity')",
        "T-INF", ("null", "v IS NULL"), exit=1,
    ),
    "a date before Christ into mariadb": Fault(
        "postgresql", "mariadb",
        "CREATE TABLE t (id int PRIMARY KEY, v date); "
        "INSERT INTO t VALUES (1, '2024-02-29'), (2, '0044-03-15 BC')",
        "T-RANGE", ("null", "v IS NULL"), exit=1,
    ),
    "a large number into a smallint that stands": Fault(
        "mariadb", "postgresql",
        "CREATE TABLE t (id int PRIMARY KEY, v bigint); INSERT INTO t VALUES (1, 7), (2, 40000)",
        "N-RANGE", ("clamp", "v = 32767"),
        target_setup="CREATE TABLE t (id int PRIMARY KEY, v smallint)",
    ),
    "a negative number into an unsigned column that stands": Fault(
        "postgresql", "mysql",
        "CREATE TABLE t (id int PRIMARY KEY, v bigint); INSERT INTO t VALUES (1, 7), (2, -1)",
        "N-RANGE", ("null", "v IS NULL"),
        target_setup="CREATE TABLE t (id int PRIMARY KEY, v int unsigned)",
    ),
    "a number of too many digits into a decimal that stands": Fault(
        "sqlite", "mariadb",
        "CREATE TABLE t (id integer PRIMARY KEY, v decimal(10,2)); "
        "INSERT INTO t VALUES (1, 7.25), (2, 123456.5)",
        "N-RANGE", ("null", "v IS NULL"),
        target_setup="CREATE TABLE t (id int PRIMARY KEY, v decimal(6,2))",
    ),
    "a NaN of a numeric into a decimal": Fault(
        "postgresql", "mariadb",
        "CREATE TABLE t (id int PRIMARY KEY, v numeric(10,2)); INSERT INTO t VALUES (1, 7.25), (2, 'NaN')",
        "N-NAN", ("null", "v IS NULL"),
    ),
    "a NaN of a bare numeric into a decimal": Fault(
        "postgresql", "mysql",
        "CREATE TABLE t (id int PRIMARY KEY, v numeric); INSERT INTO t VALUES (1, 7.25), (2, 'NaN')",
        "N-NAN", ("null", "v IS NULL"),
    ),
    "a NaN of a double into mysql": Fault(
        "postgresql", "mysql",
        "CREATE TABLE t (id int PRIMARY KEY, v float8); INSERT INTO t VALUES (1, 7.25), (2, 'NaN')",
        "N-NAN", ("null", "v IS NULL"), exit=1,
    ),
    "a NaN of a double into sqlite": Fault(
        "postgresql", "sqlite",
        "CREATE TABLE t (id int PRIMARY KEY, v float8); INSERT INTO t VALUES (1, 7.25), (2, 'NaN')",
        "N-NAN", ("null", "v IS NULL"), exit=1,
    ),
    "U+0000 of mariadb into postgresql": Fault(
        "mariadb", "postgresql",
        "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'ok'), (2, 'a\\0b')",
        "S-NUL", ("replace:?", "v = 'a?b'"), exit=1,
    ),
    "U+0000 of sqlite into postgresql": Fault(
        "sqlite", "postgresql",
        "CREATE TABLE t (id integer PRIMARY KEY, v text); "
        "INSERT INTO t VALUES (1, 'ok'), (2, 'a' || char(0) || 'b')",
        "S-NUL", ("null", "v IS NULL"), exit=1,
    ),
    "invalid UTF-8 of sqlite into postgresql": Fault(
        "sqlite", "postgresql",
        "CREATE TABLE t (id integer PRIMARY KEY, v text); "
        "INSERT INTO t VALUES (1, 'ok'), (2, CAST(x'61FF62' AS text))",
        "S-UTF8", ("replace:?", "v = 'a?b'"), exit=1,
    ),
    "invalid UTF-8 of sqlite into mysql": Fault(
        "sqlite", "mysql",
        "CREATE TABLE t (id integer PRIMARY KEY, v text); "
        "INSERT INTO t VALUES (1, 'ok'), (2, CAST(x'EDA080' AS text))",
        "S-UTF8", ("null", "v IS NULL"), exit=1,
    ),
    "mixed classes of sqlite into postgresql": Fault(
        "sqlite", "postgresql",
        "CREATE TABLE t (id integer PRIMARY KEY, v); INSERT INTO t VALUES (1, 'ok'), (2, 7)",
        "V-MIXED", ("text", "v = '7'"),
    ),
    "a word in an integer column of sqlite into mariadb": Fault(
        "sqlite", "mariadb",
        "CREATE TABLE t (id integer PRIMARY KEY, v integer); INSERT INTO t VALUES (1, 5), (2, 'five')",
        "V-MIXED", ("text", "v = 'five'"),
    ),
    "a text too long for a column that stands in postgresql": Fault(
        "sqlite", "postgresql",
        "CREATE TABLE t (id integer PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'ok'), (2, 'déjà vu')",
        "S-LEN", ("clamp", "v = 'déjà'"),
        target_setup="CREATE TABLE t (id int PRIMARY KEY, v varchar(4))",
    ),
    "a text too long for a column that stands in mysql": Fault(
        "postgresql", "mysql",
        "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'ok'), (2, 'déjà vu')",
        "S-LEN", ("null", "v IS NULL"),
        target_setup="CREATE TABLE t (id int PRIMARY KEY, v varchar(4))",
    ),
    "bytes too long for a column that stands in mariadb": Fault(
        "postgresql", "mariadb",
        "CREATE TABLE t (id int PRIMARY KEY, v bytea); "
        "INSERT INTO t VALUES (1, '\\x01'), (2, '\\x0102030405')",
        "B-SIZE", ("null", "v IS NULL"),
        target_setup="CREATE TABLE t (id int PRIMARY KEY, v varbinary(4))",
    ),
    "an invalid value of an enum into postgresql": Fault(
        "mariadb", "postgresql",
        LAX + "CREATE TABLE t (id int PRIMARY KEY, v enum('a','b')); "
        "INSERT INTO t VALUES (1, 'a'), (2, 'nosuch')",
        "E-BADENUM", ("null", "v IS NULL"),
    ),
    "a label that the enum of mariadb doesn't have": Fault(
        "postgresql", "mariadb",
        "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'a'), (2, 'z')",
        "E-BADENUM", ("null", "v IS NULL"), exit=1,
        target_setup="CREATE TABLE t (id int PRIMARY KEY, v enum('a','b'))",
    ),
    "an unsigned number beyond a bigint that stands": Fault(
        "mysql", "postgresql",
        "CREATE TABLE t (id int PRIMARY KEY, v bigint unsigned); "
        "INSERT INTO t VALUES (1, 1), (2, 18446744073709551615)",
        "N-RANGE", ("clamp", "v = 9223372036854775807"),
        target_setup="CREATE TABLE t (id int PRIMARY KEY, v bigint)",
    ),
}  # fmt: skip


@pytest.fixture(params=FAULTS)
def fault(request: pytest.FixtureRequest) -> Fault:
    return FAULTS[request.param]


@pytest.fixture
def ends(fault: Fault, database: Make) -> tuple[Database, Database]:
    source, target = database(fault.source), database(fault.target)
    source.sql(fault.setup)
    if fault.target_setup:
        target.sql(fault.target_setup)
    return source, target


def test_the_value_is_refused_and_moves_only_as_a_policy_says(
    dbferry: Command, fault: Fault, ends: tuple[Database, Database]
) -> None:
    check_refusal(fault, dbferry.migrate(*ends, "--json"), ends[1])
    policy, becomes = fault.asked
    result = moved(dbferry.migrate(*ends, "--on-loss", f"t.v:{fault.code}={policy}", "--json"))
    target = ends[1]
    assert target.rows("SELECT count(*) FROM t") == [(2,)]
    assert target.rows(f"SELECT id FROM t WHERE {becomes}") == [(2,)]
    if policy != "text":
        warnings = result.tables()["t"]["warnings"]
        counted = [w["rows"] for w in warnings if (w["column"], w["code"]) == ("v", fault.code)]
        assert counted == [1]


def check_refusal(fault: Fault, result: Result, target: Database) -> None:
    """By name and code; nothing is called done, and the hint is a rule that the next run takes."""
    refused(result, fault.exit, f"[{fault.code}]", "t`", "`v`", f"t.v:{fault.code}=")
    error = cause(result)
    assert (error["code"], error["column"]) == (fault.code, "v")
    assert all(table["state"] != "done" for table in result.json.get("tables", ()))
    assert standing_rows(target) in (None, 0)
    for rule in re.findall(r"--on-loss '([^']*)'", result.err):
        assert read_rules([rule])[1] == []


def cause(result: Result) -> dict[str, str]:
    error = result.json["error"]
    found: dict[str, str] = error.get("faults", [error])[0]
    return found


def standing_rows(db: Database) -> int | None:
    """Rows of the target table; None when there is none."""
    try:
        return int(db.rows("SELECT count(*) FROM t")[0][0])
    except Exception:
        return None


def test_the_row_is_numbered_within_its_range(
    dbferry: Command, database: Make, pg_db: Database
) -> None:
    source = database("sqlite")
    source.sql("CREATE TABLE t (id integer PRIMARY KEY, v text)")
    source.sql(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) "
        "INSERT INTO t SELECT i, CASE i WHEN 4321 THEN char(0) ELSE 'x' END FROM n"
    )
    result = refused(dbferry.migrate(source, pg_db, "--json", "--batch-rows", "1000"), 1)
    assert result.json["error"]["row"] == 4321


def test_a_value_itself_is_never_shown(dbferry: Command, database: Make, pg_db: Database) -> None:
    source = database("sqlite")
    source.sql("CREATE TABLE t (id integer PRIMARY KEY, v text)")
    source.sql("INSERT INTO t VALUES (1, 'confidential' || char(0))")
    result = refused(dbferry.migrate(source, pg_db), 1, "S-NUL")
    assert "confidential" not in result.err
