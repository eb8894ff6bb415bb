"""The comparison of the fault suite finds nothing in a good copy, and whatever is lost, doubled or left behind."""

from collections.abc import Callable
from pathlib import Path

import pytest

from command import Command, moved
from faults.compare import differences
from faults.sources import make_source
from servers.database import Database

ENGINES = ["postgresql", "mariadb", "mysql", "sqlite"]


@pytest.mark.parametrize("target", ENGINES)
@pytest.mark.parametrize("source", ENGINES)
def test_an_undisturbed_copy_has_no_difference(
    source: str, target: str, database: Callable[[str], Database], tmp_path: Path
) -> None:
    theirs, ours = database(source), database(target)
    make_source(theirs, seed=1, people=600)
    moved(Command(tmp_path).migrate(theirs, ours, "--range-rows", "100"))
    assert differences(theirs, ours) == []


@pytest.mark.parametrize("engine", ENGINES)
def test_what_was_spoiled_by_hand_is_found(
    engine: str, database: Callable[[str], Database]
) -> None:
    theirs, ours = database(engine), database(engine)
    for db in (theirs, ours):
        make_source(db, seed=2, people=100)
    assert differences(theirs, ours) == []
    ours.sql("DELETE FROM code WHERE code = (SELECT * FROM (SELECT min(code) FROM code) c)")
    ours.sql("INSERT INTO event SELECT * FROM (SELECT * FROM event LIMIT 1) e")
    ours.sql("UPDATE paper SET content = NULL WHERE id = 3")
    ours.sql("CREATE INDEX again ON visit (happened)")
    ours.sql("CREATE TABLE dbferry_range (n integer)")
    said = "\n".join(differences(theirs, ours))
    assert "table code: 1 of 100 rows lost" in said
    assert "table event: 1 of 100 rows too many" in said
    assert "table paper: 1 of 6 rows lost" in said
    assert "index too many: Index(table='visit'" in said
    assert "table dbferry_range was left behind" in said
