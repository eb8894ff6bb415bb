"""Pieces of the PostgreSQL and MySQL protocols for servers that follow a script."""

import struct

from servers.hostile import Connection

LONG_PASSWORD, CONNECT_WITH_DB, PROTOCOL_41, SSL = 0x1, 0x8, 0x200, 0x800
TRANSACTIONS, SECURE_CONNECTION, PLUGIN_AUTH, DEPRECATE_EOF = 0x2000, 0x8000, 0x80000, 0x1000000
LOCAL_FILES, MULTI_STATEMENTS, MULTI_RESULTS = 0x80, 0x10000, 0x20000
UTF8MB4 = 45
AUTOCOMMIT = 2


def mysql_packet(sequence: int, payload: bytes) -> bytes:
    """One packet with its header."""
    return struct.pack("<I", len(payload))[:3] + bytes([sequence]) + payload


def mysql_greeting(*, tls: bool = False, version: bytes = b"8.4.0") -> bytes:
    """The first packet of a server."""
    able = LONG_PASSWORD | CONNECT_WITH_DB | PROTOCOL_41 | TRANSACTIONS | SECURE_CONNECTION
    able |= PLUGIN_AUTH | LOCAL_FILES | MULTI_STATEMENTS | MULTI_RESULTS | (SSL if tls else 0)
    scramble = b"abcdefghijklmnopqrst"
    return (
        b"\x0a" + version + b"\0" + struct.pack("<I", 7) + scramble[:8] + b"\0"
        + struct.pack("<H", able & 0xFFFF) + bytes([UTF8MB4]) + struct.pack("<H", AUTOCOMMIT)
        + struct.pack("<H", able >> 16) + bytes([len(scramble) + 1]) + bytes(10)
        + scramble[8:] + b"\0" + b"mysql_native_password\0"
    )  # fmt: skip


MYSQL_OK = b"\0\0\0" + struct.pack("<HH", AUTOCOMMIT, 0)


def mysql_read(client: Connection) -> tuple[int, bytes]:
    """The number and the payload of the client's next packet."""
    header = client.read(4)
    return header[3], client.read(int.from_bytes(header[:3], "little"))


def mysql_log_in(client: Connection) -> None:
    """Greets the client and lets it in whatever it says."""
    client.write(mysql_packet(0, mysql_greeting()))
    number, _ = mysql_read(client)
    client.write(mysql_packet(number + 1, MYSQL_OK))


def postgres_message(kind: bytes, payload: bytes = b"") -> bytes:
    """One message with its length."""
    return kind + struct.pack(">i", len(payload) + 4) + payload


def postgres_read(client: Connection) -> tuple[bytes, bytes]:
    """The kind and the payload of the client's next message."""
    kind = client.read(1)
    return kind, client.read(struct.unpack(">i", client.read(4))[0] - 4)


def postgres_log_in(client: Connection) -> None:
    """Refuses TLS and lets the client in whatever it says."""
    length, code = struct.unpack(">ii", client.read(8))
    if code == 80877103:
        client.write(b"N")
        length, code = struct.unpack(">ii", client.read(8))
    client.read(length - 8)
    settings = {"server_version": "15.4", "client_encoding": "UTF8", "server_encoding": "UTF8"}
    settings |= {"standard_conforming_strings": "on", "integer_datetimes": "on"}
    client.write(postgres_message(b"R", struct.pack(">i", 0)))
    for name, value in settings.items():
        client.write(postgres_message(b"S", f"{name}\0{value}\0".encode()))
    client.write(postgres_message(b"K", struct.pack(">ii", 1, 1)))
    client.write(postgres_message(b"Z", b"I"))
