"""Run as a process of its own by `warm`: imports what a command may need, and forks when it is told to."""

import array
import gc
import json
import os
import pkgutil
import socket
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

OTHERS = (
    "adbc_driver_manager",
    "adbc_driver_postgresql",
    "adbc_driver_sqlite",
    "duckdb",
    "pandas",
    "pyarrow",
)
DIALECTS = ("postgres", "mysql", "sqlite", "duckdb")


def import_all() -> None:
    import dbferry

    for module in pkgutil.walk_packages(dbferry.__path__, "dbferry."):
        if module.name != "dbferry.__main__":
            import_module(module.name)
    for name in OTHERS:
        import_module(name)
    for name in DIALECTS:
        import_module(f"sqlglot.dialects.{name}")
    assert len(list(Path("/proc/self/task").iterdir())) == 1, (
        "a process with threads can't be forked"
    )
    gc.collect()
    gc.freeze()


def next_code(asked: socket.socket) -> str:
    """What to run. Returns in the process of a command; the one that forks stays in here until nobody asks any more."""
    while True:
        files = array.array("i")
        request, told, _, _ = asked.recvmsg(1 << 20, socket.CMSG_SPACE(3 * files.itemsize))
        if not request:
            os._exit(0)
        for _, _, data in told:
            files.frombytes(data)
        child = fork_twice()
        if child == 0:
            asked.close()
            return become(json.loads(request), list(files))
        for file in files:
            os.close(file)
        asked.send(str(child).encode())


def fork_twice() -> int:
    """The process between ends before anybody hears of the new one, which is then the child of who asked."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        between = os.getpid()
        child = os.fork()
        if child == 0:
            os.close(reader)
            os.close(writer)
            while os.getppid() == between:
                os.sched_yield()
            return 0
        os.write(writer, str(child).encode())
        os._exit(0)
    os.close(writer)
    os.wait()
    said = os.read(reader, 64)
    os.close(reader)
    return int(said)


def become(command: dict[str, Any], streams: list[int]) -> str:
    for number, file in enumerate(streams):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(command["env"])
    time.tzset()
    os.chdir(command["folder"])
    sys.argv[:] = command["args"]
    return str(command["code"])


if __name__ == "__main__":
    import_all()
    exec(next_code(socket.socket(fileno=int(sys.argv[1]))), {"__name__": "__main__"})
