"""The points of a run at which it may be killed, by what it says to the server of its target."""

import signal
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from subprocess import Popen

from command import Command
from faults.ends import Served
from faults.moments import Said, Stage

ENGINES = ("postgresql", "mariadb", "mysql")
START = rb"(?s:Q.{4}|\x03)"
"""Where a statement starts, in PostgreSQL's protocol or MySQL's: the ledger's entries hold statements too."""

POINTS = {
    "a table": START + rb"CREATE TABLE [^I]",
    "the ledger's task": rb"INSERT INTO \S*dbferry_task",
    "the ledger's ranges": START + rb"INSERT INTO \S*dbferry_range",
    "the ledger's row of a range": rb"SET state = 'done'",
    "the commit of a range": START + rb"COMMIT",
    "an index": START + rb"(CREATE (UNIQUE )?INDEX|ALTER TABLE \S+ ADD (UNIQUE )?KEY)",
    "the ledger's row of a step": rb"INSERT INTO \S*dbferry_step",
    "a foreign key": START
    + rb"(ALTER TABLE \S+ ADD CONSTRAINT \S+ FOREIGN|SET SESSION foreign_key_checks = 0; ALTER)",
    "the ledger's end": START + rb"DROP TABLE IF EXISTS \S*dbferry_task",
}

OFTEN = {"the ledger's row of a range", "the commit of a range", "an index", "a table"}
"""Points that every run of the seeded source comes to at least three times."""


def with_engines(
    points: Iterable[str], stages: Iterable[Stage], engines: Sequence[str] = ENGINES
) -> list[tuple[str, str, Stage]]:
    """Each point at each stage, with engines that take turns: each meets every point and every stage."""
    return [
        (engines[(i + j) % len(engines)], point, stage)
        for i, point in enumerate(points)
        for j, stage in enumerate(stages)
    ]


def at(point: str, nth: int, stage: Stage, act: Callable[[], None]) -> Said:
    """The moment of a named point."""
    return Said(POINTS[point], nth, stage, act, name=point)


class Victim:
    """A process that is killed at a moment which is set before it starts."""

    def __init__(self) -> None:
        self._process: Future[Popen[str]] = Future()

    def is_(self, process: Popen[str]) -> None:
        self._process.set_result(process)

    def send(self, number: int) -> None:
        """A signal, if it is still there."""
        self._process.result(10).send_signal(number)

    def kill(self) -> None:
        """SIGKILL; returns when it is dead."""
        process = self._process.result(10)
        process.kill()
        process.wait(10)

    def runs(self, dbferry: Command, args: Sequence[str], end: Served, moment: Said) -> None:
        """The command, which comes to its moment and dies of it."""
        end.proxy.arm(moment=moment)
        process = dbferry.start(*args)
        self.is_(process)
        out, err = process.communicate(timeout=60)
        assert end.proxy.struck == [str(moment)], f"never came: {moment}\n{out}{err}"
        assert process.returncode == -signal.SIGKILL
