"""A connection that is cut before, during or after any step is healed within the run."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from command import Command, Result, moved
from faults.compare import differences
from faults.ends import served
from faults.moments import Said, Stage
from faults.points import POINTS, START, at, with_engines
from faults.sources import make_source
from servers.database import Database

CUTS = [Stage.BEFORE, Stage.DURING, Stage.UNANSWERED]


@pytest.mark.parametrize(("other", "point", "stage"), with_engines(POINTS, CUTS))
def test_the_run_ends_well(
    other: str, point: str, stage: Stage, database: Callable[[str], Database], tmp_path: Path
) -> None:
    source, target = database("sqlite"), database(other)
    make_source(source, seed=1, people=100)
    notes = moved(cut(Command(tmp_path), source, target, at(point, 1, stage, nothing))).json[
        "notes"
    ]
    assert any(note.startswith("tried again") for note in notes), notes
    assert differences(source, target) == []


def nothing() -> None:
    """The cut is all that happens."""


def cut(
    dbferry: Command, source: Database, target: Database, moment: Said, side: str = "target"
) -> Result:
    """A run whose connection to one side is cut at a moment."""
    with ExitStack() as stack:
        end = served(source if side == "source" else target, stack)
        end.proxy.arm(moment=moment)
        urls = [end.url, target.url] if side == "source" else [source.url, end.url]
        options = ["--range-rows", "30", "--retry-seconds", "30", "--json"]
        result = dbferry("migrate", *urls, *options)
        assert end.proxy.struck == [str(moment)], f"never came: {moment}"
    return result


def test_a_table_whose_making_was_not_answered_is_referred_to_as_any(
    database: Callable[[str], Database], tmp_path: Path
) -> None:
    source, target = database("sqlite"), database("postgresql")
    make_source(source, seed=1, people=100)
    made = Said(START + rb'CREATE TABLE "public"."team"', 1, Stage.UNANSWERED, nothing)
    moved(cut(Command(tmp_path), source, target, made))
    assert differences(source, target) == []


def test_a_source_that_is_lost_while_its_ranges_are_cut_is_read_under_a_new_snapshot(
    database: Callable[[str], Database], tmp_path: Path
) -> None:
    source, target = database("mariadb"), database("sqlite")
    make_source(source, seed=1, people=100)
    asked = Said(START + rb"SELECT MIN", 2, Stage.BEFORE, nothing)
    notes = moved(cut(Command(tmp_path), source, target, asked, "source")).json["notes"]
    assert any(note.startswith("tried again 1 times: source") for note in notes), notes
    assert differences(source, target) == []


def test_an_index_that_the_server_is_still_at_is_made_once(
    database: Callable[[str], Database], tmp_path: Path
) -> None:
    source, target = database("sqlite"), database("postgresql")
    make_source(source, seed=1, people=100)
    target.sql(
        "CREATE SEQUENCE turns; CREATE FUNCTION dawdle() RETURNS event_trigger LANGUAGE plpgsql AS "
        # A wish to cancel comes too late.
        "$$ BEGIN IF nextval('public.turns') = 1 THEN PERFORM pg_sleep(2); END IF; "
        "EXCEPTION WHEN query_canceled THEN PERFORM pg_sleep(2); END $$; "
        "CREATE EVENT TRIGGER slow ON ddl_command_end WHEN TAG IN ('CREATE INDEX') "
        "EXECUTE FUNCTION dawdle()"
    )
    moved(cut(Command(tmp_path), source, target, at("an index", 1, Stage.DURING, nothing)))
    assert differences(source, target) == []


@pytest.mark.parametrize(
    "again", [rb"dbferry_range.* (FOR SHARE|LOCK IN SHARE MODE)", rb"sql_mode = 'STRICT"]
)
@pytest.mark.parametrize("other", ["postgresql", "mariadb", "mysql"])
def test_what_follows_a_cut_may_be_cut_as_well(
    other: str, again: bytes, database: Callable[[str], Database], tmp_path: Path
) -> None:
    """The question what came of a commit, and a new session's first words to its server."""
    if other == "postgresql" and b"sql_mode" in again:
        again = rb"INSERT INTO|COPY "
    source, target = database("sqlite"), database(other)
    make_source(source, seed=1, people=100)
    second = Said(again, 1, Stage.BEFORE, nothing)
    with ExitStack() as stack:
        end = served(target, stack)
        first = at(
            "the commit of a range", 2, Stage.UNANSWERED, lambda: end.proxy.arm(moment=second)
        )
        end.proxy.arm(moment=first)
        options = ["--range-rows", "30", "--retry-seconds", "10", "--workers", "1"]
        moved(Command(tmp_path)("migrate", source.url, end.url, *options))
        assert end.proxy.struck == [str(second)], "never came"
    assert differences(source, target) == []
