"""Whatever breaks on the way, the same command run again brings every row once: seeded faults at both ends.

`FAULT_SEEDS=17` replays a seed and `FAULT_SEEDS=1-200` runs many.
"""

import os
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from command import Command
from faults.compare import differences
from faults.ends import through
from faults.sources import make_source
from faults.trouble import Trouble
from servers.database import Database, ServerDatabase, SqliteDatabase
from servers.mariadb import MariadbServer
from servers.mysql import MysqlServer
from servers.postgres import PostgresServer
from servers.server import Server

ENGINES = ["postgresql", "mariadb", "mysql", "sqlite"]
TRIES = 4
"""Runs under faults before one without."""
DOCUMENTED = {1, 130, -signal.SIGKILL, -signal.SIGTERM}
"""SIGTERM ends Python itself while it starts and once it is through; in between it is 130."""

Make = Callable[[str], Database]


def seeds() -> range:
    first, _, last = os.environ.get("FAULT_SEEDS", "1-20").partition("-")
    return range(int(first), int(last or first) + 1)


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Server]]:
    """Servers that may be killed: no page of theirs is ever half written."""
    safe = "--innodb-doublewrite=ON"
    kept: dict[str, Server] = {
        "postgresql": PostgresServer("--full_page_writes=on"),
        "mariadb": MariadbServer(safe),
        "mysql": MysqlServer(safe),
    }
    yield kept
    for server in kept.values():
        server.close()


@pytest.fixture
def make(servers: dict[str, Server], tmp_path: Path) -> Iterator[Make]:
    """A function: engine to a fresh empty database."""
    with ExitStack() as stack:

        def made(engine: str) -> Database:
            sqlite = engine == "sqlite"
            db = SqliteDatabase(tmp_path) if sqlite else ServerDatabase(servers[engine])
            stack.callback(db.drop)
            return db

        yield made


def through_with(code: int, err: str) -> bool:
    """True once all is done, by this run or by one that was killed before it could say so."""
    return code == 0 or (code == 2 and "every table as many as the source" in err)


@pytest.mark.parametrize("seed", seeds())
def test_every_row_arrives_once(seed: int, make: Make, tmp_path: Path) -> None:
    chance = random.Random(seed)
    one, other = ENGINES[seed % 4], ENGINES[seed // 4 % 4]
    source, target = make(one), make(other)
    make_source(source, seed=seed, people=1500)
    dbferry = Command(tmp_path)
    story: list[str] = []
    with ExitStack() as stack:
        ends = through(source, stack), through(target, stack)
        cut = "1" if one == "postgresql" else str(chance.choice([50, 200, 700]))
        args = ["migrate", *(end.url for end in ends), "--range-rows", cut, "--json"]
        args += ["--workers", str(chance.randint(1, 3))]
        args += ["--retry-seconds", chance.choice(["3", "15"])]
        for attempt in range(TRIES):
            trouble = Trouble(f"{seed}.{attempt}", *ends)
            process = dbferry.start(*args)
            trouble.start(process)
            _, err = process.communicate(timeout=120)
            trouble.over()
            story.append("; ".join([str(process.returncode), *trouble.told]))
            if through_with(process.returncode, err):
                break
            assert process.returncode in DOCUMENTED, story
        else:
            result = dbferry(*args)
            assert through_with(result.code, result.err), (story, result.err)
    assert differences(source, target) == [], story
