"""The same database, reached through its ADBC driver."""

from servers.database import Database


def adbc(db: Database) -> str:
    """Its URL with the driver's name."""
    return f"adbc+{db.url}"
