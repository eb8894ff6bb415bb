"""A source that loses its snapshot half-way is read under a new one, and no row of the first comes twice."""

import contextlib
from collections.abc import Callable

from test_a_killed_run_goes_on import done

from command import Command, moved
from servers.database import Database

ROWS = 60_000


def test_every_row_is_there_once(dbferry: Command, database: Callable[[str], Database]) -> None:
    source, target = database("mariadb"), database("postgresql")
    source.sql("CREATE TABLE rows_ (id integer PRIMARY KEY, v varchar(20))")
    source.sql(f"INSERT INTO rows_ SELECT seq, concat('row ', seq) FROM seq_1_to_{ROWS}")
    args = ["migrate", source.url, target.url, "--range-rows", "60", "--workers", "1", "--json"]
    process = dbferry.start(*args)
    while process.poll() is None and done(target) < 5:
        pass
    source.sql("UPDATE rows_ SET v = 'other' WHERE id = 1")
    reading = f"SELECT id FROM information_schema.processlist WHERE db = '{source.name}' AND id <> connection_id()"
    for (session,) in source.rows(reading):
        with contextlib.suppress(Exception):
            source.sql(f"KILL {session}")
    result = moved(dbferry.finish(process))
    notes = result.json["notes"]
    assert any("rows_: begun again" in note for note in notes), notes
    assert target.rows("SELECT count(*), count(DISTINCT id) FROM rows_") == [(ROWS, ROWS)]
