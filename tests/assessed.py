"""What tests ask of an assessment: the checks by their names, and users who may do little."""

import contextlib
from collections.abc import Iterator

import dbferry
from dbferry.assessment.finding import Finding
from servers.database import ServerDatabase
from servers.server import PASSWORD


def source_check(url: str, name: str, target: str = "postgresql", **options: object) -> Finding:
    """The outcome of one check of the source, the worst where it has several lines."""
    made = dbferry.assess(url, target, **options)  # type: ignore[arg-type]
    return _worst(made.source_checks, name)


def target_check(source: str, target: str, name: str, **options: object) -> Finding:
    """The outcome of one check of the target, the worst where it has several lines."""
    made = dbferry.assess(source, target, **options)  # type: ignore[arg-type]
    return _worst(made.target_checks, name)


def _worst(checks: tuple[Finding, ...], name: str) -> Finding:
    found = [check for check in checks if name in check.codes]
    assert found, f"no check is called {name}: {[c.codes for c in checks]}"
    return max(found, key=lambda check: check.level.weight)


@contextlib.contextmanager
def guest(db: ServerDatabase) -> Iterator[tuple[str, str]]:
    """A user who may log in and no more: its name as SQL has it, and the URL of the database for it."""
    bare = f"g{db.name}"
    server, postgres = db.server, db.engine == "postgresql"
    name = bare if postgres else f"'{bare}'@'%'"
    if postgres:
        server.sql(db.name, f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
    else:
        server.sql("", f"CREATE USER {name} IDENTIFIED BY '{PASSWORD}'")
        # Who has no right at all in a database can't enter it.
        server.sql("", f"GRANT CREATE TEMPORARY TABLES ON `{db.name}`.* TO {name}")
    try:
        yield name, server.url(db.name, user=bare, password=PASSWORD)
    finally:
        if postgres:
            server.sql(db.name, f"DROP OWNED BY {name}; DROP ROLE {name}")
        else:
            server.sql("", f"DROP USER {name}")
