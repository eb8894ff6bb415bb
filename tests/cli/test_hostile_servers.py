"""Servers that ask for what they must not have, or announce what they don't send."""

import json
import os
import struct
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from command import BINARY, Command, refused
from servers.database import SqliteDatabase
from servers.hostile import Connection, HostileServer
from wire import (
    MYSQL_OK,
    mysql_greeting,
    mysql_log_in,
    mysql_packet,
    mysql_read,
    postgres_log_in,
    postgres_message,
    postgres_read,
)

Script = Callable[[Connection], None]
# Well above what the command needs to start, well below what the lies below ask for.
MEMORY_MB = 250


def mysql_answers(answer: Callable[[int], bytes]) -> Script:
    """A MySQL that answers every command after the login with these bytes."""

    def script(client: Connection) -> None:
        mysql_log_in(client)
        while True:
            number, _ = mysql_read(client)
            client.write(answer(number + 1))

    return script


def postgres_answers(answer: bytes) -> Script:
    """A PostgreSQL that answers every query after the login with these bytes, and leaves."""

    def script(client: Connection) -> None:
        postgres_log_in(client)
        while postgres_read(client)[0] not in (b"Q", b"S"):
            pass
        client.write(answer)

    return script


@dataclass
class Outcome:
    code: int
    err: str
    peak_mb: float


def run(dbferry: Command, *urls: str) -> Outcome:
    """`dbferry migrate` with its peak memory, by a launcher that is small itself."""
    launcher = Path(__file__).parents[2] / "benches" / "measure.py"
    figures = dbferry.home / "figures.json"
    done = subprocess.run(
        ["python3", "-IS", str(launcher), str(figures), "--", str(BINARY), "migrate", *urls],
        capture_output=True, text=True, timeout=60, env=dbferry.environment({}), check=True,
    )  # fmt: skip
    cost = json.loads(figures.read_text())
    assert "Traceback" not in done.stderr, done.stderr
    assert "panicked" not in done.stderr, done.stderr
    return Outcome(cost["exit"], done.stderr, cost["peak_mb"])


# --- a server that asks for files --------------------------------------------------------------


@pytest.mark.parametrize("side", ["source", "target"])
def test_a_mysql_server_that_asks_for_a_local_file_gets_nothing(
    dbferry: Command, sqlite_db: SqliteDatabase, tmp_path: Path, side: str
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the secret of the client")
    received = bytearray()

    def script(client: Connection) -> None:
        mysql_log_in(client)
        while True:
            number, payload = mysql_read(client)
            received.extend(payload)
            client.write(mysql_packet(number + 1, b"\xfb" + str(secret).encode()))

    sqlite_db.sql("CREATE TABLE t (id integer PRIMARY KEY)")
    with HostileServer(script) as server:
        urls = (server.url("mysql"), sqlite_db.url)
        result = dbferry.migrate(*(urls if side == "source" else reversed(urls)))
    refused(result, 1, "local file", f"mysql {side}")
    assert b"the secret" not in received
    assert server.connections > 0


def test_a_mysql_server_that_asks_for_a_file_before_the_login_gets_nothing(
    dbferry: Command, sqlite_db: SqliteDatabase, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the secret of the client")
    received = bytearray()

    def script(client: Connection) -> None:
        client.write(mysql_packet(0, mysql_greeting()))
        number, _ = mysql_read(client)
        client.write(mysql_packet(number + 1, b"\xfb" + str(secret).encode()))
        while True:
            received.extend(client.read(1))

    with HostileServer(script) as server:
        refused(dbferry.migrate(server.url("mysql"), sqlite_db), 1, "mysql source")
    assert b"the secret" not in received


def test_a_mysql_server_that_wants_the_password_in_clear_gets_it_over_tls_only(
    dbferry: Command, sqlite_db: SqliteDatabase
) -> None:
    received = bytearray()

    def script(client: Connection) -> None:
        client.write(mysql_packet(0, mysql_greeting()))
        number, _ = mysql_read(client)
        client.write(mysql_packet(number + 1, b"\xfemysql_clear_password\0"))
        while True:
            received.extend(client.read(1))

    with HostileServer(script) as server:
        refused(dbferry.migrate(server.url("mysql"), sqlite_db), 1, "mysql source")
    assert b"secret" not in received


def test_a_postgresql_server_that_wants_the_password_in_clear_gets_it_over_tls_only(
    dbferry: Command, sqlite_db: SqliteDatabase
) -> None:
    received = bytearray()

    def script(client: Connection) -> None:
        client.read(8)
        client.write(b"N")
        client.read(struct.unpack(">i", client.read(4))[0] - 4)
        client.write(postgres_message(b"R", struct.pack(">i", 3)))
        while True:
            received.extend(client.read(1))

    with HostileServer(script) as server:
        refused(dbferry.migrate(server.url("postgresql"), sqlite_db), 1, "postgresql source")
    assert b"secret" not in received


# --- servers that lie about lengths ------------------------------------------------------------


def columns(count: bytes) -> Callable[[int], bytes]:
    return lambda number: mysql_packet(number, count)


def one_column_then(row: bytes) -> Callable[[int], bytes]:
    """A result of one text column, and then this row."""
    name = b"\x03def\0\0\0\x01c\0\x0c" + struct.pack("<HIBHB", 45, 255, 253, 0, 0) + b"\0\0"
    eof = b"\xfe\0\0\x02\0"

    def answer(number: int) -> bytes:
        packets = [b"\x01", name, eof, row, eof]
        return b"".join(mysql_packet(number + i, packet) for i, packet in enumerate(packets))

    return answer


HUGE = b"\xfe" + struct.pack("<Q", (1 << 64) - 1)
BIG = b"\xfe" + struct.pack("<Q", 1 << 62)
MYSQL_LIES: dict[str, Script] = {
    "2^64-1 columns": mysql_answers(columns(HUGE)),
    "2^62 columns": mysql_answers(columns(BIG)),
    "2^24 columns that don't come": mysql_answers(columns(b"\xfd\xff\xff\xff")),
    "a field of 2^64-1 bytes": mysql_answers(one_column_then(HUGE + b"abc")),
    "a field of 2^62 bytes": mysql_answers(one_column_then(BIG + b"abc")),
    "a field longer than its packet": mysql_answers(one_column_then(b"\x7fabc")),
    "a row that ends in a length": mysql_answers(one_column_then(b"\xfe\x01")),
    "an empty row": mysql_answers(one_column_then(b"")),
    "an empty answer": mysql_answers(lambda number: mysql_packet(number, b"")),
    "a wrong number of packet": mysql_answers(lambda number: mysql_packet(number + 7, MYSQL_OK)),
    "an error without a message": mysql_answers(lambda number: mysql_packet(number, b"\xff")),
    "a greeting that is cut": lambda client: client.write(mysql_packet(0, b"\x0a8.4.0\0\1")),
    "a greeting of another protocol": lambda client: client.write(mysql_packet(0, b"\x09x\0")),
    "an empty greeting": lambda client: client.write(mysql_packet(0, b"")),
    "a greeting that doesn't end": lambda client: client.write(
        b"\xff\xff\xff\0" + b"\x0a" * 100_000
    ),
    "nothing at all": lambda client: None,
    "another protocol": lambda client: client.write(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 10),
}


@pytest.mark.parametrize("lie", MYSQL_LIES)
def test_a_mysql_server_that_lies_ends_in_an_error(
    dbferry: Command, sqlite_db: SqliteDatabase, lie: str
) -> None:
    with HostileServer(MYSQL_LIES[lie]) as server:
        outcome = run(dbferry, server.url("mysql"), sqlite_db.url)
    assert outcome.code == 1, outcome.err
    assert "mysql source" in outcome.err
    assert outcome.peak_mb < MEMORY_MB
    assert server.errors == []


def described(row: bytes) -> bytes:
    """A result of one text column, and then this message."""
    field = b"c\0" + struct.pack(">ihihih", 0, 0, 25, -1, -1, 0)
    return postgres_message(b"T", struct.pack(">h", 1) + field) + row


def lengths(kind: bytes, length: int) -> bytes:
    return kind + struct.pack(">i", length)


POSTGRES_LIES: dict[str, Script] = {
    "a message of 2 GB": postgres_answers(lengths(b"T", 0x7FFFFFFF)),
    "a message of less than its own length": postgres_answers(lengths(b"T", 3)),
    "a message of a negative length": postgres_answers(lengths(b"T", -1)),
    "a row of 2 GB": postgres_answers(described(lengths(b"D", 0x7FFFFFFF))),
    "a row of 1 GB that doesn't come": postgres_answers(described(lengths(b"D", 1 << 30) + b"abc")),
    "a field of 2 GB": postgres_answers(
        described(postgres_message(b"D", struct.pack(">hi", 1, 0x7FFFFFFF) + b"abc"))
    ),
    "a field of a negative length": postgres_answers(
        described(postgres_message(b"D", struct.pack(">hi", 1, -5) + b"abc"))
    ),
    "more fields than there are": postgres_answers(
        described(postgres_message(b"D", struct.pack(">h", 32767)))
    ),
    "fewer fields than there are": postgres_answers(
        described(postgres_message(b"D", struct.pack(">h", 0)) + postgres_message(b"Z", b"I"))
    ),
    "more columns than are described": postgres_answers(
        postgres_message(b"T", struct.pack(">h", 32767))
    ),
    "an unknown message": postgres_answers(postgres_message(b"!", b"what")),
    "an error without fields": postgres_answers(postgres_message(b"E")),
    "an error whose text doesn't end": postgres_answers(postgres_message(b"E", b"Mabc")),
    "a login that is cut": lambda client: client.write(b"R\0\0"),
    "an unknown way to log in": lambda client: _demand(client, 99),
    "a salt that is cut": lambda client: _demand(client, 5),
    "nothing at all": lambda client: None,
    "another protocol": lambda client: client.write(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 10),
}


def _demand(client: Connection, code: int) -> None:
    client.read(8)
    client.write(b"N")
    client.read(struct.unpack(">i", client.read(4))[0] - 4)
    client.write(postgres_message(b"R", struct.pack(">i", code)))


@pytest.mark.parametrize("lie", POSTGRES_LIES)
def test_a_postgresql_server_that_lies_ends_in_an_error(
    dbferry: Command, sqlite_db: SqliteDatabase, lie: str
) -> None:
    with HostileServer(POSTGRES_LIES[lie]) as server:
        outcome = run(dbferry, server.url("postgresql"), sqlite_db.url)
    assert outcome.code == 1, outcome.err
    assert "postgresql source" in outcome.err
    assert outcome.peak_mb < MEMORY_MB
    assert server.errors == []


@pytest.mark.parametrize("engine", ["mysql", "postgresql"])
def test_a_server_that_sends_without_end_ends_in_an_error(
    dbferry: Command, sqlite_db: SqliteDatabase, engine: str
) -> None:
    def script(client: Connection) -> None:
        if engine == "postgresql":
            client.read(8)
        while True:
            client.write(os.urandom(1 << 16))

    with HostileServer(script) as server:
        outcome = run(dbferry, server.url(engine), sqlite_db.url)
    assert outcome.code == 1, outcome.err
    assert outcome.peak_mb < MEMORY_MB


def test_what_a_server_says_is_shown_without_its_control_characters(
    dbferry: Command, sqlite_db: SqliteDatabase
) -> None:
    said = b"SFATAL\0C42501\0Mno\x1b[31m\nerror: fine\xe2\x80\xae\0\0"
    with HostileServer(postgres_answers(postgres_message(b"E", said))) as server:
        result = dbferry.migrate(server.url("postgresql"), sqlite_db)
    refused(result, 1)
    assert "\x1b" not in result.err
    assert "\u202e" not in result.err
    assert "\nerror: fine" not in result.err
