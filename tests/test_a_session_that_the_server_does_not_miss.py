"""A writing session whose server hasn't noticed that it is lost doesn't hold up the run that has lost it."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from command import Command, moved
from faults.compare import differences
from faults.ends import served
from faults.moments import Stage
from faults.points import at
from faults.sources import make_source
from servers.database import Database


@pytest.mark.parametrize("point", ["the ledger's row of a range", "the commit of a range"])
@pytest.mark.parametrize("other", ["postgresql", "mariadb", "mysql"])
def test_every_row_arrives_once(
    other: str, point: str, database: Callable[[str], Database], tmp_path: Path
) -> None:
    source, target = database("sqlite"), database(other)
    make_source(source, seed=1, people=100)
    with ExitStack() as stack:
        end = served(target, stack)
        moment = at(point, 2, Stage.ORPHANED, lambda: None)
        end.proxy.arm(moment=moment)
        moved(Command(tmp_path)("migrate", source.url, end.url, "--range-rows", "30"))
        assert end.proxy.struck == [str(moment)], f"never came: {moment}"
    assert differences(source, target) == []
