"""What a user of MySQL or MariaDB may do, its roles' rights among it: read from SHOW GRANTS."""

from __future__ import annotations

import re
from collections.abc import Iterable

from dbferry.catalog import Session
from dbferry.engines.mysql import ddl

GRANT = re.compile(r"GRANT (?P<rights>.+?) ON (?P<place>\*\.\*|`(?:[^`]|``)*`\.\*) TO ", re.DOTALL)


class Grants:
    """The rights on the whole server and on whole databases; those on single tables aren't looked at."""

    def __init__(self, session: Session) -> None:
        ((user, roles),) = session.query("SELECT current_user(), current_role()")
        name, _, host = (user or "").rpartition("@")
        self.user = f"{ddl.literal(name)}@{ddl.literal(host)}"
        """As GRANT takes it."""
        # MySQL tells the rights of roles only when it is asked by their names; MariaDB always does.
        using = f" FOR CURRENT_USER() USING {roles}" if "@" in (roles or "") else ""
        self._found: list[tuple[frozenset[str], re.Pattern[str] | None]] = []
        for (text,) in session.query(f"SHOW GRANTS{using}"):
            match = GRANT.match(text or "")
            if match:
                rights = frozenset(right.strip() for right in match["rights"].split(","))
                self._found.append((rights, _pattern(match["place"])))

    def has(self, right: str, schema: str | None) -> bool:
        """True when it is granted on the server or, if one is given, on the whole database."""
        return any(
            {right, "ALL PRIVILEGES"} & rights
            and (place is None or (schema is not None and place.fullmatch(schema)))
            for rights, place in self._found
        )

    def has_any(self, rights: Iterable[str]) -> bool:
        return any(self.has(right, None) for right in rights)


def _pattern(place: str) -> re.Pattern[str] | None:
    """The databases that a grant is for: `_` and `%` stand for others unless they are escaped."""
    if place == "*.*":
        return None
    name = ddl.unquoted(place.removesuffix(".*")[1:-1])
    parts = re.findall(r"\\.|.", name, re.DOTALL)
    wild = {"%": ".*", "_": "."}
    return re.compile("".join(wild.get(p) or re.escape(p[-1]) for p in parts), re.DOTALL)
