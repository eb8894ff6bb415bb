"""The plan says by which way a source is read at one moment, as far as this user's privileges allow."""

from collections.abc import Callable

import pytest

import dbferry
from servers.database import Database, ServerDatabase, SqliteDatabase

Make = Callable[[str], Database]


def told(source: str, target: Database) -> list[str]:
    notes = dbferry.plan(source, target.url).notes
    return [note for note in notes if note.startswith("source read under: ")]


@pytest.mark.parametrize(
    ("engine", "way"),
    [
        ("postgresql", "exported snapshot"),
        ("mysql", "flush tables with read lock"),
        ("mariadb", "equal binlog positions"),
        ("sqlite", "one version of the file"),
    ],
)
def test_the_way_of_an_administrator(
    database: Make, sqlite_db: SqliteDatabase, engine: str, way: str
) -> None:
    source = database(engine)
    source.sql("CREATE TABLE t (id integer PRIMARY KEY)")
    assert told(source.url, sqlite_db) == [f"source read under: {way}"]


def test_the_way_of_a_mysql_user_who_may_only_read(
    mysql_db: ServerDatabase, sqlite_db: SqliteDatabase
) -> None:
    mysql_db.sql("CREATE TABLE t (id integer PRIMARY KEY)")
    mysql_db.sql("CREATE USER onlyreads@'%' IDENTIFIED BY 'x'")
    mysql_db.sql(f"GRANT SELECT ON {mysql_db.name}.* TO onlyreads@'%'")
    try:
        url = mysql_db.server.url(mysql_db.name, user="onlyreads", password="x")
        assert told(url, sqlite_db) == ["source read under: single session"]
    finally:
        mysql_db.sql("DROP USER onlyreads@'%'")
