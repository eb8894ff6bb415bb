"""Connection URLs as people write them, and where passwords come from.

`parse` gives an `Endpoint`. Its password comes from the URL, else from the environment
(`PGPASSWORD`, `MYSQL_PWD`), else from the user's files (`~/.pgpass`, `~/.my.cnf`), and is never
part of a `repr` or of `Endpoint.safe`.
"""

from __future__ import annotations

import configparser
import difflib
import getpass
import os
import re
import stat
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

from dbferry.engines.adbc.place import PREFIX, Place
from dbferry.engines.adbc.place import parse as parse_place
from dbferry.errors import RequestError

SCHEMES: Mapping[str, str] = {
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "mysql": "mysql",
    "mariadb": "mariadb",
    "sqlite": "sqlite",
    "duckdb": "duckdb",
}
PORTS: Mapping[str, int] = {"postgresql": 5432, "mysql": 3306, "mariadb": 3306}
POSTGRES_MODES: Mapping[str, str] = {
    "disable": "disable",
    "allow": "prefer",
    "prefer": "prefer",
    "require": "require",
    "verify-ca": "verify_ca",
    "verify-full": "verify_full",
}
MYSQL_MODES: Mapping[str, str] = {
    "disabled": "disable",
    "preferred": "prefer",
    "required": "require",
    "verify_ca": "verify_ca",
    "verify_identity": "verify_full",
}


@dataclass(frozen=True)
class Host:
    name: str
    port: int


@dataclass(frozen=True)
class Tls:
    mode: str = "prefer"
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One database that can be reached."""

    engine: str
    hosts: tuple[Host, ...] = ()
    socket: str | None = None
    user: str = ""
    password: str | None = field(default=None, repr=False)
    database: str = ""
    tls: Tls = Tls()
    path: str | None = None
    driver: Place | None = None
    """The ADBC driver, and what it is given."""
    connect_timeout_seconds: int = 15
    label: str | None = None
    """What its sessions are called in the server."""

    def native(self) -> dict[str, Any]:
        """What the engine's `Endpoint` is read from; holds the password."""
        return {
            "engine": self.engine,
            "hosts": [{"name": host.name, "port": host.port} for host in self.hosts],
            "socket": self.socket,
            "user": self.user,
            "password": self.password,
            "database": self.database,
            "tls": {
                "mode": self.tls.mode,
                "ca": self.tls.ca,
                "certificate": self.tls.certificate,
                "key": self.tls.key,
            },
            "path": self.path,
            "connect_timeout_seconds": self.connect_timeout_seconds,
            "label": self.label,
        }

    @property
    def safe(self) -> str:
        """The URL without its password: for messages and reports."""
        if self.driver is not None:
            return self.driver.shown
        if self.path is not None:
            return f"{self.engine}:///{self.path}"
        user = f"{quote(self.user, safe='')}@" if self.user else ""
        database = quote(self.database, safe="")
        if self.socket:
            name = "host" if self.engine == "postgresql" else "socket"
            return f"{self.engine}://{user}/{database}?{name}={quote(self.socket)}"
        hosts = ",".join(
            f"[{host.name}]:{host.port}" if ":" in host.name else f"{host.name}:{host.port}"
            for host in self.hosts
        )
        return f"{self.engine}://{user}{hosts}/{database}"

    def __str__(self) -> str:
        return self.safe


def parse(url: str) -> Endpoint:
    """Reads a URL; a fault is a RequestError that never repeats the URL's password."""
    scheme, separator, rest = url.partition("://")
    if separator and scheme.lower().startswith(PREFIX):
        place, path = parse_place(scheme, rest)
        return Endpoint(engine="adbc", driver=place, path=path)
    engine = SCHEMES.get(scheme.lower())
    if not separator or engine is None:
        if not separator and "/" not in scheme and ":" not in scheme:
            shown = f"`{scheme}` is not a URL"
        else:
            shown = f"unknown kind of database `{scheme}`" if separator else "not a URL"
        near = difflib.get_close_matches(scheme.lower(), SCHEMES, 1) if separator else []
        hint = (
            f"did you mean {near[0]}://?"
            if near
            else "write postgresql://, mysql://, mariadb://, sqlite:///file, duckdb:///file"
            " or adbc+NAME:// for an ADBC driver"
        )
        raise RequestError(shown, hint=hint)
    if engine in ("sqlite", "duckdb"):
        return _file(engine, rest)
    return _server(engine, rest)


def _file(engine: str, rest: str) -> Endpoint:
    place, _, query = rest.partition("?")
    _parameters(engine, query, {})
    if not place.startswith("/"):
        raise RequestError(
            f"a {engine} URL has three slashes before a relative path, four before an absolute one",
            hint=f"write {engine}:///{unquote(place) or 'file'}",
            engine=engine,
        )
    path = unquote(place[1:])
    if not path:
        raise RequestError(
            f"the {engine} URL names no file", engine=engine, hint=f"write {engine}:///file"
        )
    return Endpoint(engine=engine, path=path)


@dataclass
class _Draft:
    """What a URL and its parameters have said so far."""

    hosts: str = ""
    port: int | None = None
    socket: str | None = None
    user: str | None = None
    password: str | None = None
    database: str | None = None
    timeout: int = 15
    tls: Tls = Tls()


def _server(engine: str, rest: str) -> Endpoint:
    main, _, query = rest.partition("?")
    authority, _, database = main.partition("/")
    login, at, hosts = authority.rpartition("@")
    draft = _Draft(hosts=hosts, database=unquote(database) or None)
    if at:
        user, colon, password = login.partition(":")
        draft.user = unquote(user) or None
        draft.password = unquote(password) if colon else None
    settings = _postgres_settings(draft) if engine == "postgresql" else _mysql_settings(draft)
    _parameters(engine, query, settings)
    found = _hosts(engine, draft)
    endpoint = Endpoint(
        engine=engine,
        hosts=found,
        socket=draft.socket,
        user=draft.user or "",
        password=draft.password,
        database=draft.database or "",
        tls=draft.tls,
        connect_timeout_seconds=draft.timeout,
    )
    if engine == "postgresql":
        return _postgres_defaults(endpoint)
    return _mysql_defaults(endpoint, explicit_host=bool(draft.hosts or draft.socket))


Setter = Callable[[str], None]


def _parameters(engine: str, query: str, setters: Mapping[str, Setter]) -> None:
    for name, value in parse_qsl(query, keep_blank_values=True):
        setter = setters.get(name)
        if setter is None and ("@" in query or not re.fullmatch(r"[A-Za-z_-]{1,40}", name)):
            # It may be the rest of a password: it isn't repeated.
            raise RequestError(
                f"what follows `?` in the {engine} URL are no parameters",
                hint="write ? and @ in a password percent-encoded (%3F %40)",
                engine=engine,
            )
        if setter is None:
            near = difflib.get_close_matches(name, setters, 1, cutoff=0.5)
            known = ", ".join(sorted(setters))
            hint = (
                f"did you mean `{near[0]}`?"
                if near
                else (
                    f"known parameters: {known}" if known else f"a {engine} URL has no parameters"
                )
            )
            raise RequestError(
                f"unknown parameter `{name}` in the {engine} URL", hint=hint, engine=engine
            )
        setter(value)


def _number(draft: _Draft, attribute: str, what: str) -> Setter:
    def store(value: str) -> None:
        if not (value.isascii() and value.isdigit()) or int(value) > 65535:
            raise RequestError(
                f"{what} is not a number between 0 and 65535", hint=f"write for example {what}=15"
            )
        setattr(draft, attribute, int(value))

    return store


def _store(draft: _Draft, attribute: str) -> Setter:
    return lambda value: setattr(draft, attribute, value)


def _store_tls(draft: _Draft, attribute: str) -> Setter:
    def store(value: str) -> None:
        draft.tls = replace(draft.tls, **{attribute: value})

    return store


def _store_mode(draft: _Draft, modes: Mapping[str, str], what: str) -> Setter:
    def store(value: str) -> None:
        mode = modes.get(value.lower())
        if mode is None:
            near = difflib.get_close_matches(value.lower(), modes, 1, cutoff=0.5)
            known = ", ".join(modes)
            raise RequestError(
                f"unknown {what} `{value}`",
                hint=f"did you mean `{near[0]}`?" if near else f"one of: {known}",
            )
        draft.tls = replace(draft.tls, mode=mode)

    return store


def _postgres_settings(draft: _Draft) -> dict[str, Setter]:
    return {
        "host": lambda value: setattr(draft, "hosts", _escape_host(value)),
        "port": _number(draft, "port", "port"),
        "user": _store(draft, "user"),
        "password": _store(draft, "password"),
        "dbname": _store(draft, "database"),
        "connect_timeout": _number(draft, "timeout", "connect_timeout"),
        "sslmode": _store_mode(draft, POSTGRES_MODES, "sslmode"),
        "sslrootcert": _store_tls(draft, "ca"),
        "sslcert": _store_tls(draft, "certificate"),
        "sslkey": _store_tls(draft, "key"),
        "application_name": lambda _: None,
    }


def _mysql_settings(draft: _Draft) -> dict[str, Setter]:
    dashed: dict[str, Setter] = {
        "socket": _store(draft, "socket"),
        "connect-timeout": _number(draft, "timeout", "connect_timeout"),
        "ssl-mode": _store_mode(
            draft,
            {**MYSQL_MODES, "verify-ca": "verify_ca", "verify-identity": "verify_full"},
            "ssl-mode",
        ),
        "ssl-ca": _store_tls(draft, "ca"),
        "ssl-cert": _store_tls(draft, "certificate"),
        "ssl-key": _store_tls(draft, "key"),
    }
    return {**dashed, **{name.replace("-", "_"): setter for name, setter in dashed.items()}}


def _escape_host(value: str) -> str:
    """A host given as a parameter, written as it would stand in the URL."""
    return ",".join(
        f"[{host}]" if host.count(":") > 1 else quote(host, safe=":[]") for host in value.split(",")
    )


def _hosts(engine: str, draft: _Draft) -> tuple[Host, ...]:
    default = draft.port or PORTS[engine]
    if draft.socket:
        return ()
    found: list[Host] = []
    for entry in draft.hosts.split(","):
        match = re.fullmatch(r"(\[[^\]]*\]|[^:\[\]]*)(?::(\d*))?", entry)
        if match is None:
            raise RequestError(
                "the host in the URL is not `name`, `name:port` or `[address]:port`",
                hint="write characters such as @ : / in a password percent-encoded (%40 %3A %2F)",
                engine=engine,
            )
        name = unquote(match[1].strip("[]"))
        port = int(match[2]) if match[2] else default
        if not 0 < port < 65536:
            raise RequestError(f"port {port} is not between 1 and 65535", engine=engine)
        if name.startswith("/"):
            draft.socket = (
                name
                if engine != "postgresql" or "/.s.PGSQL." in name
                else (f"{name.rstrip('/')}/.s.PGSQL.{port}")
            )
            return ()
        found.append(Host(name or "localhost", port))
    if len(found) > 1 and engine != "postgresql":
        raise RequestError(f"a {engine} URL names one host", engine=engine)
    return tuple(found)


def _system_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def _postgres_defaults(endpoint: Endpoint) -> Endpoint:
    user = endpoint.user or os.environ.get("PGUSER") or _system_user()
    endpoint = replace(endpoint, user=user, database=endpoint.database or user)
    if endpoint.password is None:
        password = os.environ.get("PGPASSWORD") or _pgpass(endpoint)
        endpoint = replace(endpoint, password=password)
    return endpoint


def _pgpass(endpoint: Endpoint) -> str | None:
    """The first line of ~/.pgpass that fits; a file that others can read is ignored."""
    path = Path(os.environ.get("PGPASSFILE") or Path.home() / ".pgpass")
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return None
        if stat.S_IMODE(status.st_mode) & 0o077:
            warnings.warn(
                f"password file {path} is ignored: others can read it (chmod 0600 it)", stacklevel=4
            )
            return None
        lines = path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    places = [(host.name, str(host.port)) for host in endpoint.hosts]
    if endpoint.socket:
        places = [
            ("localhost", endpoint.socket.rpartition(".")[2]),
            (str(Path(endpoint.socket).parent), endpoint.socket.rpartition(".")[2]),
        ]
    for line in lines:
        fields = [
            re.sub(r"\\(.)", r"\1", part)
            for part in re.findall(r"(?:^|(?<=:))((?:\\.|[^:\\])*)", line)
        ]
        if line.startswith("#") or len(fields) < 5:
            continue
        for host, port in places:
            wanted = (host, port, endpoint.database, endpoint.user)
            if all(have in ("*", want) for have, want in zip(fields, wanted, strict=False)):
                return fields[4]
    return None


def _mysql_defaults(endpoint: Endpoint, *, explicit_host: bool) -> Endpoint:
    client = _my_cnf()
    # The file's place counts only where the URL names none; its user and password always fill gaps.
    if not explicit_host and (client.get("socket") or client.get("host")):
        if client.get("host"):
            port = int(client["port"]) if client.get("port", "").isdigit() else 3306
            endpoint = replace(endpoint, hosts=(Host(client["host"], port),))
        else:
            endpoint = replace(endpoint, hosts=(), socket=client["socket"])
    user = endpoint.user or client.get("user") or _system_user()
    password = endpoint.password
    if password is None and user == client.get("user", user):
        password = client.get("password")
    if password is None:
        password = os.environ.get("MYSQL_PWD")
    return replace(endpoint, user=user, password=password)


def _my_cnf() -> dict[str, str]:
    path = Path.home() / ".my.cnf"
    try:
        if path.stat().st_mode & stat.S_IWOTH:
            warnings.warn(f"option file {path} is ignored: others can write it", stacklevel=5)
            return {}
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return {}
    parser = configparser.RawConfigParser(allow_no_value=True, strict=False, delimiters=("=",))
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("!")]
    try:
        parser.read_string("\n".join(lines))
    except configparser.Error:
        return {}
    if not parser.has_section("client"):
        return {}
    return {name: (value or "").strip("\"'") for name, value in parser.items("client")}
