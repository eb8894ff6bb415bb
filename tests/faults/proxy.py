"""A TCP proxy in front of a server, which spoils connections as a seeded plan says.

It stays at its port while the server goes and comes. `arm` starts a plan, `mend` ends it and every connection.
"""

import contextlib
import socket
import struct
import threading
import time
from typing import Self

from faults.moments import Moment, Passed, Said, Stage
from faults.wire import Fault, Faults, Kind, Way
from servers.hostile import Connection
from servers.server import HOST

PIECE = 65536
TAIL = 128
"""Bytes kept to find a statement that two pieces share; longer than any pattern's match."""


class Proxy:
    """Passes what comes to `port` on to the server at `upstream`; use it with `with`."""

    def __init__(self, upstream: int, port: int = 0) -> None:
        self.upstream = upstream
        self._listener = socket.create_server((HOST, port))
        self.port: int = self._listener.getsockname()[1]
        self.struck: list[str] = []
        """The faults that came to pass since the proxy was armed."""
        self._lock = threading.Lock()
        self._links: set[_Link] = set()
        self._faults: Faults | None = None
        self._moment: Moment | None = None
        self._connections = self._passed = self._heard = 0

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.mend()

    def arm(self, faults: Faults | None = None, moment: Moment | None = None) -> None:
        """From now on connections meet `faults`, counted from 0, and `moment` comes once."""
        with self._lock:
            self._faults, self._moment, self.struck = faults, moment, []
            self._connections = self._passed = self._heard = 0

    def mend(self) -> None:
        """No more faults; every connection ends, as if the network had found out at last."""
        self.arm()
        with self._lock:
            links = list(self._links)
        for link in links:
            link.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection((HOST, self.upstream))
        except OSError:
            Connection(client).reset()
            return
        with self._lock:
            fault = self._faults.of(self._connections) if self._faults else None
            self._connections += 1
            link = _Link(self, client, server, fault)
            self._links.add(link)
        link.start()

    def forget(self, link: "_Link") -> None:
        """A connection has ended."""
        with self._lock:
            self._links.discard(link)

    def note(self, fault: Fault) -> None:
        """A fault strikes."""
        with self._lock:
            self.struck.append(str(fault))

    def due(self, tail: bytes, piece: bytes, way: Way) -> Moment | None:
        """The moment, once, if it comes with this piece."""
        with self._lock:
            moment = self._moment
            self._passed += len(piece)
            if isinstance(moment, Said) and way is Way.UP:
                self._heard += moment.count(tail, piece)
            reached = (
                self._heard >= moment.nth if isinstance(moment, Said)
                else moment is not None and self._passed >= moment.count
            )  # fmt: skip
            if not reached:
                return None
            self._moment = None
            self.struck.append(str(moment))
            return moment


class _Link:
    """One connection: two sockets and a thread for each direction."""

    def __init__(
        self, proxy: Proxy, client: socket.socket, server: socket.socket, fault: Fault | None
    ) -> None:
        self.proxy, self.fault = proxy, fault
        self.ends = {Way.UP: (client, server), Way.DOWN: (server, client)}
        self.awaited: Said | None = None
        """A statement that the server has, and whose answer decides what happens."""
        self._orphaned = False
        self._open = threading.Event()
        self._open.set()
        self._lock = threading.Lock()
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def start(self) -> None:
        for way in Way:
            threading.Thread(target=self._pump, args=(way,), daemon=True).start()

    def close(self, *, reset: bool = False) -> None:
        with self._lock:
            if not self._open.is_set():
                return
            self._open.clear()
        for end, _ in self.ends.values():
            with contextlib.suppress(OSError):
                if reset:
                    # The other thread's `recv` keeps the socket open until it is woken, here without FIN.
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                end.shutdown(socket.SHUT_RD if reset else socket.SHUT_RDWR)
            end.close()
        self.proxy.forget(self)

    def _pump(self, way: Way) -> None:
        source, _ = self.ends[way]
        tail, passed = b"", 0
        with contextlib.suppress(OSError):
            while piece := source.recv(PIECE):
                passed += len(piece)
                self._take(way, tail, piece, passed)
                tail = (tail + piece)[-TAIL:]
        if not self._orphaned:
            self.close()

    def _orphan(self) -> None:
        """The client's end alone is closed."""
        self._orphaned = True
        client, _ = self.ends[Way.UP]
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)
        client.close()

    def _take(self, way: Way, tail: bytes, piece: bytes, passed: int) -> None:
        match self.proxy.due(tail, piece, way):
            case Said(stage=Stage.BEFORE) as said:
                said.act()
                self.close()
                return
            case Said(stage=Stage.ORPHANED) as said:
                said.act()
                self._orphan()
                return
            case Said(stage=Stage.DURING) as said:
                self._send(way, piece)
                said.act()
                self.close()
                return
            case Said() as said:
                self.awaited = said
            case Passed() as reached:
                reached.act()
            case None:
                pass
        said = self.awaited
        if way is Way.DOWN and said is not None:
            self._answer(said, piece)
            return
        fault = self.fault
        if fault is None or fault.way is not way or passed < fault.after:
            self._send(way, piece)
            return
        self._strike(fault, piece, keep=max(0, len(piece) - (passed - fault.after)))

    def _answer(self, said: Said, piece: bytes) -> None:
        self.awaited = None
        if said.stage is Stage.AFTER:
            self._send(Way.DOWN, piece)
        said.act()
        if said.stage is Stage.UNANSWERED:
            self.close()

    def _strike(self, fault: Fault, piece: bytes, keep: int) -> None:
        """What the fault does to the piece that holds its byte, and to all that comes later."""
        self.fault = None
        self.proxy.note(fault)
        match fault.kind:
            case Kind.CUT | Kind.RESET:
                self._send(fault.way, piece[:keep])
                self.close(reset=fault.kind is Kind.RESET)
            case Kind.TRUNCATE:
                self._send(fault.way, piece[: len(piece) // 2])
                self.close()
            case Kind.STALL:
                self._send(fault.way, piece[:keep])
                self._wait(fault.seconds)
                self._send(fault.way, piece[keep:])
            case Kind.HALF:
                self._send(fault.way, piece[:keep])
                self._swallow(fault)
            case Kind.DUPLICATE:
                self._send(fault.way, piece + piece[-fault.count :])
                threading.Timer(fault.seconds, self.close).start()
            case Kind.SLOW:
                self._trickle(fault, piece)

    def _swallow(self, fault: Fault) -> None:
        source, _ = self.ends[fault.way]
        end = time.monotonic() + fault.seconds
        with contextlib.suppress(OSError):
            while (left := end - time.monotonic()) > 0:
                source.settimeout(left)
                if not source.recv(PIECE):
                    break
        self.close()

    def _trickle(self, fault: Fault, piece: bytes) -> None:
        source, _ = self.ends[fault.way]
        end = time.monotonic() + fault.seconds
        step = fault.rate // 50
        while piece:
            while piece and time.monotonic() < end:
                self._send(fault.way, piece[:step])
                piece = piece[step:]
                self._wait(1 / 50)
            if time.monotonic() >= end:
                self._send(fault.way, piece)
                return
            piece = source.recv(PIECE)

    def _send(self, way: Way, piece: bytes) -> None:
        _, drain = self.ends[way]
        drain.sendall(piece)

    def _wait(self, seconds: float) -> None:
        """Sleeps; `OSError` if the connection was closed meanwhile."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not self._open.is_set():
                raise ConnectionAbortedError
            time.sleep(min(left, 0.05))
