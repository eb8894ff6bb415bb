"""ADBC URLs: `adbc+NAME://…`, what the driver manager loads, and what the driver is given.

Everything but our own parameters goes to the driver as its `uri`, letter by letter. None of it is shown
besides user, host and path: a parameter may hold a secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, unquote_plus

from dbferry.errors import RequestError

PREFIX = "adbc+"
OPTION = "option."
PARAMETERS = ("driver", "entrypoint", "uri")


@dataclass(frozen=True, kw_only=True)
class Place:
    """A database behind a driver."""

    name: str
    library: str | None = None
    """A path or a name that the driver manager knows; by `name` without one."""
    entrypoint: str | None = None
    uri: str | None = field(default=None, repr=False)
    options: Mapping[str, str] = field(default_factory=dict, repr=False)
    shown: str

    def given(self, side: str, path: str | None) -> dict[str, str]:
        """What the driver is opened with. A source's file is not written to, nor made."""
        uri = self.uri
        if path is not None:
            write = side == "target" or path == ":memory:"
            uri = path if write else f"file:{quote(path)}?mode=ro"
        return {**({"uri": uri} if uri is not None else {}), **self.options}

    def secrets(self) -> list[str]:
        """Pieces that no message may repeat, the longest first."""
        login = (self.uri or "").partition("://")[2].rpartition("@")[0]
        password = login.partition(":")[2]
        hidden = re.findall(
            r"(?:password|pwd|token|secret)=([^&;\s]+)", self.uri or "", re.IGNORECASE
        )
        pieces = [password, *hidden, *self.options.values()]
        return sorted(
            {text for p in pieces if p for text in (p, unquote(p))}, key=len, reverse=True
        )


def parse(scheme: str, rest: str) -> tuple[Place, str | None]:
    """The place that `adbc+NAME://rest` names, and its file if it is SQLite's."""
    name = scheme[len(PREFIX) :].lower()
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise RequestError(
            "the URL names no ADBC driver",
            hint="write the driver's name after adbc+, as in adbc+postgresql://host/db",
            engine="adbc",
        )
    main, _, query = rest.partition("?")
    ours, options, theirs = _parted(query)
    path = _file(main, theirs) if name == "sqlite" else None
    uri = ours.get("uri")
    if uri is None and path is None and (main or theirs):
        uri = f"{name}://{main}" + (f"?{'&'.join(theirs)}" if theirs else "")
    place = Place(
        name="postgresql" if name == "postgres" else name,
        library=ours.get("driver") or None,
        entrypoint=ours.get("entrypoint") or None,
        uri=uri,
        options=options,
        shown=_shown(scheme, main),
    )
    return place, path


def _parted(query: str) -> tuple[dict[str, str], dict[str, str], list[str]]:
    """Parameters that are ours, options of the database, and the driver's own as they stand."""
    ours: dict[str, str] = {}
    options: dict[str, str] = {}
    theirs: list[str] = []
    for part in filter(None, query.split("&")):
        name, _, value = part.partition("=")
        name = unquote(name)
        if name in PARAMETERS:
            ours[name] = unquote_plus(value)
        elif name.startswith(OPTION):
            options[name.removeprefix(OPTION)] = unquote_plus(value)
        elif name.startswith("adbc."):
            options[name] = unquote_plus(value)
        else:
            theirs.append(part)
    return ours, options, theirs


def _file(main: str, theirs: list[str]) -> str:
    path = unquote(main[1:]) if main.startswith("/") else ""
    if not path:
        raise RequestError(
            "an adbc+sqlite URL has three slashes before a relative path, four before an absolute one",
            hint=f"write adbc+sqlite:///{unquote(main).lstrip('/') or 'file'}",
            engine="adbc",
        )
    if theirs:
        raise RequestError(
            "unknown parameter in the adbc+sqlite URL",
            hint="known parameters: driver, entrypoint, adbc.NAME, option.NAME",
            engine="adbc",
        )
    return path


def _shown(scheme: str, main: str) -> str:
    """The URL without password and parameters."""
    login, at, place = main.rpartition("@")
    user = login.partition(":")[0]
    return f"{scheme.lower()}://{user}{at}{place}"
