"""A range whose commit wasn't answered is not moved again before it is known what came of the commit."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import fill
from command import Command, moved
from faults.ends import served
from faults.moments import Stage
from faults.points import at
from servers.database import Database

ROWS = 100


def test_every_row_arrives_once(database: Callable[[str], Database], tmp_path: Path) -> None:
    source, target = database("sqlite"), database("postgresql")
    source.sql("CREATE TABLE rows_ (id integer PRIMARY KEY)")
    fill.insert(source, "rows_", ((n,) for n in range(ROWS)))
    target.sql(
        "CREATE TABLE rows_ (id bigint PRIMARY KEY); CREATE SEQUENCE turns; "
        "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN IF nextval('public.turns') = 1 THEN PERFORM pg_sleep(3); END IF; RETURN NULL; END $$; "
        "CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON rows_ DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION dawdle()"
    )
    with ExitStack() as stack:
        end = served(target, stack)
        moment = at("the commit of a range", 1, Stage.DURING, lambda: None)
        end.proxy.arm(moment=moment)
        moved(Command(tmp_path)("migrate", source.url, end.url, "--range-rows", "10"))
        assert end.proxy.struck == [str(moment)], f"never came: {moment}"
    assert target.rows("SELECT id FROM rows_ ORDER BY id") == [(n,) for n in range(ROWS)]
