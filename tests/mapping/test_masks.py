"""Masked columns: what reaches the target, for each source, and what is refused before anything moves."""

import hashlib
import hmac
from collections.abc import Callable

import pytest

import dbferry
from dbferry.errors import DbferryError
from dbferry.mapping import fakes
from servers.database import Database
from through import adbc

Make = Callable[[str], Database]
SOURCES = ["postgresql", "mariadb", "mysql", "sqlite"]
KEY = "a key that nobody knows"

USERS = """
CREATE TABLE users (id int PRIMARY KEY, email varchar(60), phone varchar(30), card varchar(19), born date,
    visits int NOT NULL, ref int);
INSERT INTO users VALUES
    (1, 'ada@example.org', '+49 (151) 123', '4111111111111111', '1815-12-10', 5, 77),
    (2, 'ada@example.org', 'none', '12', NULL, 6, 78),
    (3, NULL, NULL, NULL, NULL, 7, NULL),
    (4, 'Zoë Ångström', '', '1234', NULL, 8, 77)
"""


def masked(database: Make, source: str, target: str, *rules: dict[str, object]) -> Database:
    held, made = database(source), database(target)
    held.sql(USERS)
    dbferry.migrate(held.url, made.url, rules=rules)
    return made


def values(db: Database, column: str) -> list[object]:
    return [row[0] for row in db.rows(f"SELECT {column} FROM users ORDER BY id")]


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("postgresql", "postgresql"),
        ("mariadb", "postgresql"),
        ("mysql", "mariadb"),
        ("postgresql", "sqlite"),
        ("sqlite", "mysql"),
        ("sqlite", "sqlite"),
    ],
)
def test_a_hash_is_the_hmac_of_the_text(database: Make, source: str, target: str) -> None:
    made = masked(
        database, source, target,
        {"mask": "users.email", "how": "hash", "key": KEY},
        {"mask": "users.ref", "how": "hash", "key": KEY},
        {"mask": "users.phone", "how": "sha256"},
    )  # fmt: skip
    emails, refs, phones = (values(made, name) for name in ("email", "ref", "phone"))
    assert emails[0] == emails[1] == _hmac("ada@example.org")
    assert emails[2:] == [None, _hmac("Zoë Ångström")]
    assert refs == [_hmac("77"), _hmac("78"), None, _hmac("77")]
    assert phones[3] == hashlib.sha256(b"").hexdigest().upper()


def _hmac(text: str) -> str:
    return hmac.new(KEY.encode(), text.encode(), "sha256").hexdigest()


@pytest.mark.parametrize(
    ("source", "target"),
    [("postgresql", "postgresql"), ("mariadb", "mariadb"), ("mysql", "postgresql"), ("sqlite", "mysql"),
     ("postgresql", "duckdb"), ("sqlite", "sqlite")],
)  # fmt: skip
def test_parts_digits_constants_and_nothing(database: Make, source: str, target: str) -> None:
    made = masked(
        database, source, target,
        {"mask": "users.card", "how": "partial", "first": 2, "last": 2},
        {"mask": "users.phone", "how": "digits", "mark": "#"},
        {"mask": "users.email", "how": "fixed", "value": "it's \\ hidden"},
        {"mask": "users.born", "how": "null"},
        {"mask": "users.visits", "how": "fixed", "value": 0},
    )  # fmt: skip
    assert values(made, "card") == ["41************11", "**", None, "****"]
    assert values(made, "phone") == ["+## (###) ###", "none", None, ""]
    assert values(made, "email") == ["it's \\ hidden"] * 4
    assert values(made, "born") == [None] * 4
    assert values(made, "visits") == [0] * 4


@pytest.mark.parametrize("source", SOURCES)
def test_scrambled_text_keeps_its_form_and_is_stable(database: Make, source: str) -> None:
    made = masked(
        database, source, "postgresql", {"mask": "users.[ep]*", "how": "scramble", "key": KEY}
    )
    emails, phones = values(made, "email"), values(made, "phone")
    assert emails == [_scrambled("ada@example.org")] * 2 + [None, _scrambled("Zoë Ångström")]
    assert phones == [_scrambled("+49 (151) 123"), _scrambled("none"), None, ""]
    assert phones[0] != "+49 (151) 123"


def _scrambled(text: str) -> str:
    """What the manual says, in other words."""
    digest = bytes.fromhex(_hmac(text))
    return "".join(_other(one, digest[place % 32]) for place, one in enumerate(text))


def _other(one: str, byte: int) -> str:
    if ord(one) > 127:
        return "x"
    for first, size in (("0", 10), ("a", 26), ("A", 26)):
        if ord(first) <= ord(one) < ord(first) + size:
            return chr(ord(first) + byte % size)
    return one


@pytest.mark.parametrize(
    ("source", "target"), [(one, other) for one in SOURCES for other in ("postgresql", "sqlite")]
)
def test_made_up_values_are_of_a_locale_and_stable(
    database: Make, source: str, target: str
) -> None:
    rule = {"mask": "users.email", "how": "fake", "sort": "name", "locale": "ja_JP", "key": KEY}
    city = {"mask": "users.phone", "how": "fake", "sort": "city", "key": KEY}
    made = masked(database, source, target, rule, city)
    names, cities = values(made, "email"), values(made, "phone")
    known = fakes.values("name", "ja_JP", KEY.encode(), 60)
    assert isinstance(known, tuple)
    assert len(known) > 500

    def chosen(text: str) -> str:
        return known[(int(_hmac(text)[:8], 16) & 0x7FFFFFFF) % len(known)]

    assert names == [chosen("ada@example.org")] * 2 + [None, chosen("Zoë Ångström")]
    assert cities[2] is None
    assert set(map(str, cities)).isdisjoint({"+49 (151) 123", "none", ""})


def test_made_up_values_differ_with_the_key_and_fit_their_column() -> None:
    one, other = (fakes.values("city", "de_DE", key, None) for key in (b"one", b"other"))
    assert one != other
    short = fakes.values("city", "de_DE", b"one", 8)
    assert isinstance(short, tuple)
    assert max(map(len, short)) <= 8
    assert fakes.values("city", "de_DE", b"one", 1) == (
        "Faker has no city of 1 characters or fewer in `de_DE`"
    )


@pytest.mark.parametrize(
    ("source", "rule", "why"),
    [
        ("mysql", {"mask": "users.email", "how": "fake", "sort": "name", "key": KEY, "locale": "de_DD"},
         "Faker has no locale `de_DD`; did you mean `de_DE`?"),
        ("mariadb", {"mask": "users.ref", "how": "fake", "sort": "name", "key": KEY}, "is no text"),
        ("sqlite", {"mask": "users.born", "how": "hash", "key": KEY}, "may differ as text"),
        ("sqlite", {"mask": "users.ref", "how": "scramble", "key": KEY}, "INT is no text"),
        ("postgresql", {"mask": "users.born", "how": "partial"}, "date is no text"),
        ("postgresql", {"mask": "users.born", "how": "hash", "key": KEY}, "may differ as text"),
        ("mariadb", {"mask": "users.visits", "how": "null"}, "the column is NOT NULL"),
        ("mysql", {"mask": "users.id", "how": "fixed", "value": 1}, "part of a key"),
        ("postgresql", {"mask": "users.card", "how": "fixed", "value": "x" * 20}, "is longer than"),
        ("mysql", {"mask": "users.ref", "how": "fixed", "value": "none"}, "the value is no int"),
        ("postgresql", {"mask": "users.mail", "how": "null"}, "did you mean `users.email`?"),
    ],
)  # fmt: skip
def test_what_cannot_be_masked_stops_the_run(
    database: Make, source: str, rule: dict[str, object], why: str
) -> None:
    held, made = database(source), database("sqlite")
    held.sql(USERS)
    with pytest.raises(DbferryError) as raised:
        dbferry.migrate(held.url, made.url, rules=[rule])
    told = f"{raised.value} {raised.value.hint}"
    assert "rule 1 (mask: users." in told
    assert why in told
    assert raised.value.exit_code == 2
    assert KEY not in told
    assert made.rows("SELECT count(*) FROM sqlite_schema") == [(0,)]


@pytest.mark.parametrize("how", ["hash", "scramble", "fake"])
def test_a_source_that_has_no_hash_refuses_what_needs_one(database: Make, how: str) -> None:
    held, made = database("sqlite"), database("sqlite")
    held.sql(USERS)
    rule = {"mask": "users.email", "how": how, "key": KEY} | (
        {"sort": "name"} if how == "fake" else {}
    )
    with pytest.raises(DbferryError, match=f"adbc can't compute `{how}`"):
        dbferry.migrate(adbc(held), made.url, rules=[rule])
    assert made.rows("SELECT count(*) FROM sqlite_schema") == [(0,)]


@pytest.mark.parametrize("engine", ["mysql", "mariadb"])
def test_a_number_is_masked_alike_however_its_column_shows_it(database: Make, engine: str) -> None:
    held, made = database(engine), database("sqlite")
    held.sql(
        "CREATE TABLE users (id bigint(20) zerofill PRIMARY KEY); INSERT INTO users VALUES (42), (18446744073709551615);"
        "CREATE TABLE orders (id int PRIMARY KEY, user bigint unsigned, whose int(9) zerofill); INSERT INTO orders VALUES (1, 42, 42)"
    )
    rules = [
        {"mask": name, "how": "hash", "key": KEY}
        for name in ("users.id", "orders.user", "orders.whose")
    ]
    dbferry.migrate(held.url, made.url, rules=rules)
    assert set(made.rows("SELECT id FROM users")) == {(_hmac("42"),), (_hmac(f"{2**64 - 1}"),)}
    assert made.rows("SELECT user, whose FROM orders") == [(_hmac("42"), _hmac("42"))]


def test_both_sides_of_a_foreign_key_are_masked_alike(database: Make) -> None:
    held, made = database("postgresql"), database("mysql")
    held.sql(
        "CREATE TABLE people (name varchar(20) PRIMARY KEY); INSERT INTO people VALUES ('ada'), ('bob');"
        "CREATE TABLE pets (id int PRIMARY KEY, owner varchar(20) REFERENCES people);"
        "INSERT INTO pets VALUES (1, 'ada'), (2, NULL)"
    )
    one = {"mask": "people.name", "how": "hash", "key": KEY}
    with pytest.raises(DbferryError, match="their masks differ"):
        dbferry.migrate(held.url, made.url, rules=[one])
    dbferry.migrate(held.url, made.url, rules=[one, {**one, "mask": "pets.owner"}])
    assert made.rows("SELECT id FROM pets JOIN people ON owner = name") == [(1,)]
    with pytest.raises(Exception, match=r"(?i)foreign key"):
        made.sql("INSERT INTO pets VALUES (3, 'bob')")


@pytest.mark.parametrize("source", SOURCES)
def test_a_column_computed_from_a_masked_one_is_masked_too(database: Make, source: str) -> None:
    held, made = database(source), database("sqlite")
    held.sql("CREATE TABLE users (id int PRIMARY KEY, email varchar(20), "
             "same varchar(20) GENERATED ALWAYS AS (lower(email)) STORED);"
             "INSERT INTO users (id, email) VALUES (1, 'A@x')")  # fmt: skip
    one = {"mask": "users.email", "how": "fixed", "value": "x"}
    with pytest.raises(DbferryError, match="is computed from `email`, which is masked"):
        dbferry.migrate(held.url, made.url, rules=[one])
    dbferry.migrate(held.url, made.url, rules=[one, {**one, "mask": "users.same"}])
    assert made.rows("SELECT email, same FROM users") == [("x", "x")]


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le"])
def test_whatever_a_sqlite_file_holds_as_text_is_masked(database: Make, encoding: str) -> None:
    held, made = database("sqlite"), database("sqlite")
    held.sql(
        f"PRAGMA encoding = '{encoding}'; CREATE TABLE users (id int PRIMARY KEY, email text, phone text);"
        "INSERT INTO users SELECT 0, 'a' || char(0) || 'b', 'Zoë 😀 1'; INSERT INTO users VALUES (1, 12, 1.5)"
    )
    rules = [{"mask": "users.email", "how": "hash", "key": KEY},
             {"mask": "users.phone", "how": "scramble", "key": KEY}]  # fmt: skip
    dbferry.migrate(held.url, made.url, rules=rules)
    assert values(made, "email") == [_hmac("a\0b"), _hmac("12")]
    assert values(made, "phone") == [_scrambled("Zoë 😀 1"), _scrambled("1.5")]


def test_what_is_no_text_is_hashed_by_its_bytes_and_not_scrambled(database: Make) -> None:
    held, made = database("sqlite"), database("postgresql")
    held.sql("CREATE TABLE users (id int PRIMARY KEY, email text);"
             "INSERT INTO users VALUES (1, 'fine'), (2, CAST(X'736563726574FF' AS TEXT))")  # fmt: skip
    rule = {"mask": "users.email", "how": "scramble", "key": KEY}
    with pytest.raises(DbferryError, match="a text to be masked isn't UTF-8") as raised:
        dbferry.migrate(held.url, made.url, rules=[rule])
    assert raised.value.kind == "data"
    told = str(raised.value.fields())
    assert not any(secret in told for secret in ("secret", "736563", KEY, *pads()))
    held.sql("UPDATE users SET email = X'00FF' WHERE id = 2")
    dbferry.migrate(held.url, made.url, rules=[{**rule, "how": "hash"}], prepare="drop")
    blob = hmac.new(KEY.encode(), b"\x00\xff", "sha256").hexdigest()
    assert values(made, "email") == [_hmac("fine"), blob]


def pads() -> list[str]:
    """The forms of the key that stand in SQL."""
    return [bytes(b ^ mark for b in KEY.encode()).hex() for mark in (0x36, 0x5C)]


@pytest.mark.parametrize("source", ["postgresql", "sqlite"])
def test_the_key_is_told_nowhere(database: Make, source: str) -> None:
    held, made = database(source), database("postgresql")
    held.sql(USERS)
    task = dbferry.Task.of(
        source=held.url, target=made.url, rules=[{"mask": "*.email", "how": "hash", "key": KEY}]
    )
    told = [repr(task), str(task.plan().to_dict()), str(task.run().to_dict())]
    # The rows are refused: the range of the error is a query with the mask in it.
    made.sql("TRUNCATE users; ALTER TABLE users ADD CHECK (id < 3)")
    with pytest.raises(DbferryError) as raised:
        task.run()
    told += [str(raised.value.fields()), str(raised.value.report and raised.value.report.to_dict())]
    for text in told:
        assert not any(secret in text for secret in (KEY, *pads()))


@pytest.mark.parametrize("key", [None, "short", "${MASK_KEY_OF_THE_SHOP}"])
def test_a_mask_without_a_good_key_is_no_task(key: str | None) -> None:
    with pytest.raises(DbferryError, match="key") as raised:
        dbferry.Task.of(
            source="sqlite:///a", target="sqlite:///b",
            rules=[{"mask": "a.b", "how": "hash", "key": key}],
        )  # fmt: skip
    assert raised.value.exit_code == 2
