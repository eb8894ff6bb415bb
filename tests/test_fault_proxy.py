"""The proxy of the fault suite does what its plan says, at the byte that it says."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from faults.moments import Passed, Said, Stage
from faults.proxy import Proxy
from faults.wire import Fault, Faults, Kind, Way
from servers.hostile import Connection, HostileServer
from servers.server import HOST, wait_until

SENT = bytes(range(250)) * 40


class One(Faults):
    """The same fault for every connection."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(seed=0)
        object.__setattr__(self, "fault", fault)

    def of(self, number: int) -> Fault | None:
        return self.fault  # type: ignore[attr-defined]


def echo(client: Connection) -> None:
    while piece := client.socket.recv(100_000):
        heard.append(piece)
        client.write(piece)


heard: list[bytes] = []


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    heard.clear()
    with HostileServer(echo) as server, Proxy(server.port) as proxy:
        yield proxy


def answer(proxy: Proxy, sent: bytes = SENT) -> tuple[bytes, bool]:
    """What comes back of `sent` until it is all or the end, and whether the end was a reset."""
    received = b""
    with socket.create_connection((HOST, proxy.port), timeout=10) as client:
        client.sendall(sent)
        try:
            while len(received) < len(sent) and (piece := client.recv(100_000)):
                received += piece
        except ConnectionResetError:
            return received, True
    return received, False


def spoiled(proxy: Proxy, fault: Fault) -> tuple[bytes, bool, float]:
    proxy.arm(One(fault))
    start = time.monotonic()
    received, reset = answer(proxy)
    return received, reset, time.monotonic() - start


def test_without_a_plan_all_bytes_pass(proxy: Proxy) -> None:
    assert answer(proxy) == (SENT, False)


@pytest.mark.parametrize("way", Way)
def test_a_cut_lets_exactly_its_bytes_pass(proxy: Proxy, way: Way) -> None:
    received, reset, _ = spoiled(proxy, Fault(Kind.CUT, way, after=1234))
    assert not reset
    assert received == SENT[: len(received)]
    if way is Way.UP:
        wait_until(lambda: len(b"".join(heard)) >= 1234, "the bytes before the cut", 5)
    assert (b"".join(heard) if way is Way.UP else received) == SENT[:1234]
    assert proxy.struck == [f"cut {way} after 1234"]


def test_a_reset_is_seen_by_the_client(proxy: Proxy) -> None:
    _, reset, _ = spoiled(proxy, Fault(Kind.RESET, Way.DOWN, after=100))
    assert reset


@pytest.mark.parametrize("kind", [Kind.STALL, Kind.SLOW])
def test_a_stall_and_a_slow_line_lose_nothing(proxy: Proxy, kind: Kind) -> None:
    received, _, took = spoiled(proxy, Fault(kind, Way.DOWN, after=10, seconds=0.3, rate=20_000))
    assert received == SENT
    assert took >= 0.25


@pytest.mark.parametrize("way", Way)
def test_a_half_open_connection_ends_at_last(proxy: Proxy, way: Way) -> None:
    received, _, took = spoiled(proxy, Fault(Kind.HALF, way, after=100, seconds=0.3))
    assert received == SENT[:100]
    assert took >= 0.25


def test_a_truncated_piece_loses_its_tail(proxy: Proxy) -> None:
    received, _, _ = spoiled(proxy, Fault(Kind.TRUNCATE, Way.UP, after=1))
    assert received == SENT[: len(received)]
    assert len(b"".join(heard)) < len(SENT)


def test_duplicated_bytes_come_twice(proxy: Proxy) -> None:
    spoiled(proxy, Fault(Kind.DUPLICATE, Way.UP, after=len(SENT), seconds=0.2, count=5))
    wait_until(lambda: len(b"".join(heard)) >= len(SENT) + 5, "the bytes that come twice", 5)
    assert b"".join(heard) == SENT + SENT[-5:]


def test_mending_ends_connections_and_faults(proxy: Proxy) -> None:
    proxy.arm(One(Fault(Kind.STALL, Way.UP, after=0, seconds=60)))
    with socket.create_connection((HOST, proxy.port), timeout=10) as client:
        client.sendall(b"lost")
        wait_until(lambda: bool(proxy.struck), "the stall", 5)
        proxy.mend()
        assert client.recv(10) == b""
    assert answer(proxy) == (SENT, False)


@pytest.mark.parametrize("stage", Stage)
def test_a_moment_comes_before_or_after_the_server_has_the_statement(
    proxy: Proxy, stage: Stage
) -> None:
    come = threading.Event()
    proxy.arm(moment=Said(rb"COMMIT", 2, stage, come.set))
    with socket.create_connection((HOST, proxy.port), timeout=10) as client:
        client.sendall(b"COMMIT 1;")
        assert client.recv(100) == b"COMMIT 1;"
        assert not come.is_set()
        # The second comes in two pieces.
        client.sendall(b"INSERT;COM")
        assert client.recv(100) == b"INSERT;COM"
        client.sendall(b"MIT 2;")
        answered = client.recv(100)
    assert come.wait(5)
    if stage is not Stage.DURING:
        assert answered == (b"MIT 2;" if stage is Stage.AFTER else b"")
    end = b"INSERT;COM" if stage in (Stage.BEFORE, Stage.ORPHANED) else b"MIT 2;"
    wait_until(lambda: b"".join(heard).endswith(end), "what the server hears", 5)


def test_a_moment_may_be_a_number_of_bytes(proxy: Proxy) -> None:
    come = threading.Event()
    proxy.arm(moment=Passed(5000, come.set))
    assert answer(proxy, b"x" * 1000)[0]
    assert not come.is_set()
    assert answer(proxy)[0] == SENT
    assert come.is_set()


def test_a_seed_gives_the_same_faults_again() -> None:
    first, again = Faults(7), Faults(7)
    assert [first.of(n) for n in range(50)] == [again.of(n) for n in range(50)]
    kinds = {fault.kind for n in range(200) if (fault := first.of(n)) is not None}
    assert kinds == set(Kind)
