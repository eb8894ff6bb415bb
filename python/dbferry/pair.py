"""The two ends of a plan, what the user asks for, and the faults found so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from dbferry.catalog import Catalog, Session
from dbferry.engines import Engine, engine
from dbferry.errors import DbferryError, RequestError
from dbferry.selection import Options, Rules


@dataclass
class Pair:
    source: Catalog
    target: Catalog
    options: Options
    source_session: Session
    """Answers the probes."""
    target_session: Session | None
    """Is asked whether tables that stand in the way have rows."""
    rules: Rules = field(default_factory=Rules)
    faults: list[DbferryError] = field(default_factory=list)

    @cached_property
    def ends(self) -> tuple[Engine, Engine]:
        return engine(self.source.engine), engine(self.target.engine)

    def fault(self, message: str, **place: Any) -> None:
        """A fault of the target's side unless `place` says otherwise."""
        place.setdefault("side", "target")
        place.setdefault("engine", self.target.engine)
        self.faults.append(RequestError(message, **place))

    def source_fault(self, message: str, **place: Any) -> None:
        self.fault(message, side="source", engine=self.source.engine, **place)
