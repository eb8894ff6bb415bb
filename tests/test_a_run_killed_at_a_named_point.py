"""A run that is killed before, during or after any of its steps goes on when the same command is run again."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from command import Command
from faults.compare import differences
from faults.ends import served
from faults.moments import Stage
from faults.points import OFTEN, POINTS, Victim, at, with_engines
from faults.sources import make_source
from servers.database import Database


@pytest.mark.parametrize(("other", "point", "stage"), with_engines(POINTS, Stage))
def test_every_row_arrives_once(
    other: str, point: str, stage: Stage, database: Callable[[str], Database], tmp_path: Path
) -> None:
    nth = 3 if point in OFTEN and stage in (Stage.BEFORE, Stage.UNANSWERED) else 1
    source, target = database("sqlite"), database(other)
    make_source(source, seed=1, people=100)
    dbferry, victim = Command(tmp_path), Victim()
    with ExitStack() as stack:
        end = served(target, stack)
        args = ["migrate", source.url, end.url, "--range-rows", "30", "--workers", "2"]
        victim.runs(dbferry, args, end, at(point, nth, stage, victim.kill))
        result = dbferry(*args)
    # Without its ledger nothing tells a run that is through from rows of another's, but their number.
    finished = point == "the ledger's end" and stage not in (Stage.BEFORE, Stage.ORPHANED)
    full = result.code == 2 and "every table as many as the source" in result.err
    assert result.code == 0 or (finished and full), result.err
    assert differences(source, target) == []
