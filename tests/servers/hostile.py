"""A TCP server that follows a script, for tests of what a bad server may do to us."""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from typing import Self

from servers.server import HOST


class Connection:
    """One client, with exact reads."""

    def __init__(self, client: socket.socket) -> None:
        self.socket = client

    def read(self, count: int) -> bytes:
        """Exactly `count` bytes; `EOFError` when the client goes earlier."""
        received = bytearray()
        while len(received) < count:
            piece = self.socket.recv(count - len(received))
            if not piece:
                raise EOFError(f"client left after {len(received)} of {count} bytes")
            received += piece
        return bytes(received)

    def write(self, data: bytes) -> None:
        """Send all of `data`."""
        self.socket.sendall(data)

    def reset(self) -> None:
        """Cut the connection with RST instead of FIN."""
        linger = struct.pack("ii", 1, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.socket.close()


class HostileServer:
    """Runs `script` once per client, each in a thread; use it with `with`.

    What a script raises is kept in `errors`; a client that leaves early is no error.
    """

    def __init__(self, script: Callable[[Connection], None], *, timeout: float = 30.0) -> None:
        self.script = script
        self.timeout = timeout
        self.errors: list[BaseException] = []
        self.host = HOST
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        self._clients: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._closed = False
        self._lock = threading.Lock()

    def url(self, scheme: str, database: str = "test", user: str = "ferry") -> str:
        """The address to give to the client under test."""
        return f"{scheme}://{user}:secret@{self.host}:{self.port}/{database}"

    def __enter__(self) -> Self:
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening and cut every client."""
        with self._lock:
            self._closed = True
            clients = list(self._clients)
        for end in (self._listener, *clients):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._acceptor.join(self.timeout)
        for thread in self._threads:
            thread.join(self.timeout)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                if self._closed:
                    client.close()
                    return
                self._clients.append(client)
                self.connections += 1
            thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        client.settimeout(self.timeout)
        with client:
            try:
                self.script(Connection(client))
            except (EOFError, ConnectionError):
                return
            except BaseException as error:
                if not self._closed:
                    self.errors.append(error)
