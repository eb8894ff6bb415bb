"""A process that has imported dbferry once, and forks one for each command: most of a short run is imports.

What it forks is a process like any other, and a child of whoever asked: with its own environment,
folder and streams, it can be sent signals and be waited for.
"""

import array
import atexit
import ctypes
import json
import os
import socket
import sys
import threading
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen
from typing import Any

PROGRAM = Path(__file__).with_name("warm_process.py")
ALONE = {"OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}
"""Libraries that start threads when they are imported: a process with threads can't be forked."""
SUBREAPER = 36
"""PR_SET_CHILD_SUBREAPER: whose parent ends becomes the child of the nearest process that asked for it."""
COMMAND = "from dbferry.__main__ import main; main()"


class Warm:
    """The process that forks the others."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = Popen(
                [sys.executable, "-P", str(PROGRAM), str(theirs.fileno())],
                stdin=DEVNULL,
                stdout=DEVNULL,
                pass_fds=[theirs.fileno()],
                env={**os.environ, **ALONE},
            )
        atexit.register(self._close)

    def fork(self, request: bytes, streams: list[int]) -> int:
        """The process of a command that has these standard streams."""
        files = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", streams))]
        libc = ctypes.CDLL(None)
        with self._turn:
            libc.prctl(SUBREAPER, 1, 0, 0, 0)
            try:
                self._ours.sendmsg([request], files)
                answer = self._ours.recv(64)
            finally:
                libc.prctl(SUBREAPER, 0, 0, 0, 0)
        assert answer, "the process that forks the commands has ended"
        return int(answer)

    def _close(self) -> None:
        self._ours.close()
        self._process.wait(10)


@cache
def warm() -> Warm:
    """The one of this session."""
    return Warm()


class Forked(Popen[str]):
    """A command that was forked. All that differs from its parent class is how the process comes to be."""

    def __init__(self, args: list[str], env: Mapping[str, str], folder: Path, code: str) -> None:
        told = {"code": code, "args": args, "env": dict(env), "folder": str(folder)}
        self._request = json.dumps(told).encode()
        super().__init__(args, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, text=True, encoding="utf-8")

    def _get_handles(self, *args: Any) -> tuple[int, ...]:
        self._handles: tuple[int, ...] = super()._get_handles(*args)
        return self._handles

    def _execute_child(self, *_: object) -> None:
        ours = self._handles
        try:
            streams = [ours[0], ours[3], ours[5]]
            self.pid = warm().fork(self._request, streams)
            self._child_created = True
        finally:
            self._close_pipe_fds(*ours)
