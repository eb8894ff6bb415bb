"""A user who is no superuser gives what it makes to the roles that it may become; others are named."""

import uuid
from collections.abc import Callable

import pytest

import dbferry
from servers.database import Database

Make = Callable[[str], Database]
SETUP = """
CREATE SCHEMA first AUTHORIZATION {owner};
CREATE TABLE first.t (id int PRIMARY KEY); ALTER TABLE first.t OWNER TO {owner};
CREATE FUNCTION first.f() RETURNS int LANGUAGE sql AS 'SELECT 1'; ALTER FUNCTION first.f() OWNER TO {owner};
CREATE SCHEMA later AUTHORIZATION {user}; GRANT CREATE, USAGE ON SCHEMA later TO {owner};
CREATE TABLE later.t (id int PRIMARY KEY); ALTER TABLE later.t OWNER TO {owner};
CREATE SEQUENCE later.s; ALTER SEQUENCE later.s OWNER TO {owner};
"""
OWNERS = """
SELECT n.nspname, c.relname, c.relowner::regrole::text, n.nspowner::regrole::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname IN ('first', 'later') ORDER BY 1, 2"""


def moved_as(held: Database, made: Database, membership: str, *, owned: bool) -> list[str]:
    """What stays behind of a run by a member of the owner; `owned` if all is owned as it was."""
    user, owner = (f"{what}_{uuid.uuid4().hex[:12]}" for what in ("user", "owner"))
    held.sql(
        f"CREATE ROLE {owner}; CREATE ROLE {user} LOGIN PASSWORD 'pw'; GRANT {owner} TO {user} {membership}"
    )
    try:
        held.sql(SETUP.format(user=user, owner=owner))
        made.sql(f'GRANT CREATE ON DATABASE "{made.name}" TO {user}')
        login = held.url.split("//")[1].split("@")[0]
        urls = [db.url.replace(login, f"{user}:pw") for db in (held, made)]
        report = dbferry.migrate(*urls, include=["functions", "grants"])
        assert (made.rows(OWNERS) == held.rows(OWNERS)) is owned
        return [
            note.replace(user, "USER").replace(owner, "OWNER")
            for note in report.notes
            if note.startswith("not moved")
        ]
    finally:
        for db in (held, made):
            db.sql(
                f"ALTER SCHEMA later OWNER TO {owner}; REASSIGN OWNED BY {owner}, {user} TO CURRENT_USER"
            )
            db.sql(f"DROP OWNED BY {owner}, {user}")
        held.sql(f"DROP ROLE {user}; DROP ROLE {owner}")


def test_of_schemas_it_is_said_first(database: Make) -> None:
    held, made = database("postgresql"), database("postgresql")
    assert moved_as(held, made, "", owned=True) == []


@pytest.mark.parametrize("membership", ["WITH SET FALSE", "WITH INHERIT TRUE, SET FALSE"])
def test_a_member_that_can_not_become_the_owner_gives_nothing(
    postgres_of: Make, membership: str
) -> None:
    held, made = postgres_of("18"), postgres_of("18")
    assert moved_as(held, made, membership, owned=False) == [
        "not moved: ownership of 5 objects to OWNER (USER can't become that role)"
    ]
