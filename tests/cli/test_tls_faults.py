"""TLS that is required, refused, untrusted, or given to another name."""

import socket
import ssl
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from command import Command, refused
from servers.certificates import _issue, _make_authority
from servers.database import Database, SqliteDatabase
from servers.hostile import Connection, HostileServer
from wire import mysql_greeting, mysql_packet

Make = Callable[[str], Database]

MODES = {
    "postgresql": {"name": "sslmode", "off": "disable", "on": "require", "full": "verify-full"},
    "mysql": {"name": "ssl-mode", "off": "DISABLED", "on": "REQUIRED", "full": "VERIFY_IDENTITY"},
}
MODES["mariadb"] = MODES["mysql"]
CA = {"postgresql": "sslrootcert", "mysql": "ssl-ca", "mariadb": "ssl-ca"}


def address(db: Database, mode: str, **more: str) -> str:
    names = MODES[db.engine]
    return db.server.url(db.name, **{names["name"]: names[mode]}, **more)  # type: ignore[attr-defined]


@pytest.mark.parametrize("engine", ["postgresql", "mysql", "mariadb"])
def test_a_server_that_requires_tls_refuses_a_user_without(
    dbferry: Command, database: Make, sqlite_db: SqliteDatabase, engine: str
) -> None:
    db = database(engine)
    result = dbferry.migrate(address(db, "off", user="tlsonly"), sqlite_db)
    refused(result, 1, "tlsonly", f"{engine} source")


@pytest.mark.parametrize("engine", ["postgresql", "mysql", "mariadb"])
def test_a_certificate_of_an_unknown_authority_is_not_trusted(
    dbferry: Command, database: Make, sqlite_db: SqliteDatabase, engine: str
) -> None:
    result = dbferry.migrate(address(database(engine), "full"), sqlite_db)
    refused(result, 1, "certificate", f"{engine} source", "hint: ")


@pytest.mark.parametrize("engine", ["postgresql", "mysql", "mariadb"])
def test_a_missing_file_of_authorities_is_named(
    dbferry: Command, database: Make, sqlite_db: SqliteDatabase, engine: str
) -> None:
    url = address(database(engine), "full", **{CA[engine]: "/nowhere/ca.pem"})
    refused(dbferry.migrate(url, sqlite_db), 1, "/nowhere/ca.pem")


@pytest.mark.parametrize("engine", ["postgresql", "mysql"])
def test_a_server_without_tls_is_refused_where_it_is_required(
    dbferry: Command, sqlite_db: SqliteDatabase, engine: str
) -> None:
    names = MODES[engine]
    with HostileServer(WITHOUT_TLS[engine]) as server:
        result = dbferry.migrate(f"{server.url(engine)}?{names['name']}={names['on']}", sqlite_db)
    refused(result, 1, "TLS", f"{engine} source")
    assert server.errors == []


@pytest.mark.parametrize("engine", ["postgresql", "mysql"])
def test_a_certificate_for_another_name_is_refused(
    dbferry: Command, sqlite_db: SqliteDatabase, tmp_path: Path, engine: str
) -> None:
    ca, context = certificate_for("elsewhere.example", tmp_path)
    names = MODES[engine]
    query = f"{names['name']}={names['full']}&{CA[engine]}={ca}"
    with HostileServer(lambda c: WITH_TLS[engine](c, context)) as server:
        result = dbferry.migrate(f"{server.url(engine)}?{query}", sqlite_db)
    refused(result, 1, "name", "127.0.0.1", f"{engine} source")


def certificate_for(name: str, folder: Path) -> tuple[Path, ssl.SSLContext]:
    """An authority, and a server's context with a certificate of it for this name."""
    authority = _make_authority()
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    names = x509.SubjectAlternativeName([x509.DNSName(name)])
    certificate, key = _issue(authority, name, [names, usage], folder / "elsewhere")
    from cryptography.hazmat.primitives.serialization import Encoding

    ca = folder / "authority.pem"
    ca.write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return ca, context


def postgres_without_tls(client: Connection) -> None:
    assert client.read(8) == struct.pack(">ii", 8, 80877103)
    client.write(b"N")
    client.read(1)


def mysql_without_tls(client: Connection) -> None:
    client.write(mysql_packet(0, mysql_greeting(tls=False)))
    client.read(1)


def postgres_with_tls(client: Connection, context: ssl.SSLContext) -> None:
    client.read(8)
    client.write(b"S")
    hand_over(client.socket, context)


def mysql_with_tls(client: Connection, context: ssl.SSLContext) -> None:
    client.write(mysql_packet(0, mysql_greeting(tls=True)))
    client.read(36)
    hand_over(client.socket, context)


def hand_over(plain: socket.socket, context: ssl.SSLContext) -> None:
    try:
        with context.wrap_socket(plain, server_side=True) as secure:
            secure.recv(1)
    except ssl.SSLError:
        # The client leaves the handshake, as it should.
        return


WITHOUT_TLS = {"postgresql": postgres_without_tls, "mysql": mysql_without_tls}
WITH_TLS = {"postgresql": postgres_with_tls, "mysql": mysql_with_tls}
