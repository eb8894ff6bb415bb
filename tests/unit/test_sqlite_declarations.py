"""What only the text of CREATE TABLE tells is found by SQLite's own rules of quoting."""

import pytest

from dbferry.engines.sqlite.declaration import collations, is_autoincrement


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("CREATE TABLE t (a text COLLATE nocase)", {"a": "NOCASE"}),
        ('CREATE TABLE t (a text collate "RTRIM" not null, b)', {"a": "RTRIM"}),
        ('CREATE TABLE "t(x" ("a,b" varchar(10) COLLATE NOCASE)', {"a,b": "NOCASE"}),
        ("CREATE TABLE t ([d(e] text, `f``g` text COLLATE RTRIM)", {"f`g": "RTRIM"}),
        ("CREATE TABLE t (a text DEFAULT 'x, y COLLATE NOCASE', b text)", {}),
        ("CREATE TABLE t (a text, CHECK (a > 'b' COLLATE NOCASE))", {}),
        ("CREATE TABLE t (a text, UNIQUE (a COLLATE NOCASE))", {}),
        ("CREATE TABLE t (a text -- COLLATE NOCASE\n, b /* , c COLLATE NOCASE */ int)", {}),
        ('CREATE TABLE t ("check" text COLLATE NOCASE)', {"check": "NOCASE"}),
    ],
)
def test_collations_of_columns(sql: str, expected: dict[str, str]) -> None:
    assert collations(sql) == expected


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("CREATE TABLE t (id integer PRIMARY KEY autoincrement)", True),
        ("CREATE TABLE t (id integer PRIMARY KEY /* AUTOINCREMENT */)", False),
        ("CREATE TABLE t (id integer PRIMARY KEY, v text DEFAULT 'AUTOINCREMENT')", False),
        ('CREATE TABLE t (id integer PRIMARY KEY, "AUTOINCREMENT" int)', False),
    ],
)
def test_autoincrement_is_a_word_of_its_own(sql: str, expected: bool) -> None:
    assert is_autoincrement(sql) is expected
