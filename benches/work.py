"""What is measured: a work, the cases that do it, and the goals for dbferry's."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ends import End
from tools import MissingToolError

import data

ALL = tuple(data.TABLES)
LINEITEM = ("lineitem",)


@dataclass(frozen=True)
class Case:
    """One tool at one work.

    `role` is `floor`, `rival` or `own`. `prepare` names the keys of the tables that the target has before the run,
    empty where the tool makes tables. `floor` names the floor that an own case is compared with, the first one
    when empty.
    """

    tool: str
    command: str
    role: str = "rival"
    prepare: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    schema: str = ""
    floor: str = ""
    memory_mb: int = 300


@dataclass(frozen=True)
class Goal:
    """dbferry's `measure` is at most `factor` times that of the floor, of the best rival, or of a named one.

    `of` is a part of the names of the cases that it is for.
    """

    against: str
    factor: float
    measure: str = "seconds"
    of: str = ""


@dataclass
class Work:
    """A row of the table. `keys`: indexes and foreign keys that the target must have afterwards."""

    name: str
    tables: tuple[str, ...]
    goals: tuple[Goal, ...]
    target: End | None = None
    keys: tuple[int, int] = (0, 0)
    cases: list[Case] = field(default_factory=list)
    missing: list[tuple[str, str]] = field(default_factory=list)
    makers: list[tuple[str, str, Callable[[], str], dict[str, Any]]] = field(default_factory=list)

    def own(self, tool: str, command: str, **more: Any) -> None:
        self.makers.append((tool, "own", lambda: command, more))

    def floor(self, tool: str, command: Callable[[], str], **more: Any) -> None:
        self.makers.append((tool, "floor", command, more))

    def rival(self, tool: str, command: Callable[[], str], **more: Any) -> None:
        self.makers.append((tool, "rival", command, more))

    def make(self, wanted: Sequence[str]) -> None:
        """Makes the commands; a tool that isn't there is named with the reason."""
        for tool, role, command, more in self.makers:
            if role == "rival" and wanted and not any(part in tool for part in wanted):
                continue
            try:
                self.cases.append(Case(tool, command(), role, **more))
            except MissingToolError as why:
                self.missing.append((tool, str(why)))

    def facts(self) -> dict[str, Any]:
        """What the report needs besides the runs."""
        cases = {
            c.tool: {"role": c.role, "floor": c.floor, "memory_mb": c.memory_mb} for c in self.cases
        }
        goals = [asdict(goal) for goal in self.goals]
        return {"name": self.name, "goals": goals, "cases": cases, "missing": self.missing}
