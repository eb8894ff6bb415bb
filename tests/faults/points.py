"""The points of a run at which it may be killed, by what it says to the server of its target."""

from collections.abc import Callable
from concurrent.futures import Future
from subprocess import Popen

from faults.moments import Said, Stage

POINTS = {
    "a table": rb"CREATE TABLE [^I]",
    "the ledger's task": rb"INSERT INTO \S*dbferry_task",
    "the ledger's ranges": rb"INSERT INTO \S*dbferry_range",
    "the ledger's row of a range": rb"SET state = 'done'",
    "the commit of a range": rb"COMMIT",
    "an index": rb"CREATE (UNIQUE )?INDEX|ADD (UNIQUE )?KEY",
    "the ledger's row of a step": rb"INSERT INTO \S*dbferry_step",
    "a foreign key": rb"FOREIGN KEY \(",
    "the ledger's end": rb"DROP TABLE IF EXISTS \S*dbferry_task",
}

OFTEN = {"the ledger's row of a range", "the commit of a range", "an index", "a table"}
"""Points that every run of the seeded source comes to at least three times."""


def at(point: str, nth: int, stage: Stage, act: Callable[[], None]) -> Said:
    """The moment of a named point."""
    return Said(POINTS[point], nth, stage, act, name=point)


class Victim:
    """A process that is killed at a moment which is set before it starts."""

    def __init__(self) -> None:
        self._process: Future[Popen[str]] = Future()

    def is_(self, process: "Popen[str]") -> None:
        self._process.set_result(process)

    def kill(self) -> None:
        """SIGKILL; returns when it is dead."""
        process = self._process.result(10)
        process.kill()
        process.wait(10)
