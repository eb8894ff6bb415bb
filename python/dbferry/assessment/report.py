"""An assessment as data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dbferry.assessment.estimate import Estimate
from dbferry.assessment.finding import Finding, Level


@dataclass(frozen=True, kw_only=True)
class Party:
    """One of the two databases."""

    engine: str
    version: str
    url: str | None
    """Without its password; nothing for an engine of which only the name was given."""

    def __str__(self) -> str:
        where = self.url or "by its name only: a new, empty database is supposed"
        return f"{self.engine} {self.version} ({where})"


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """What a move would meet: every object, every check, and about how much there is."""

    version: str
    made: str
    """When, in UTC."""
    source: Party
    target: Party
    objects: tuple[Finding, ...]
    source_checks: tuple[Finding, ...]
    target_checks: tuple[Finding, ...]
    estimate: Estimate

    @property
    def findings(self) -> tuple[Finding, ...]:
        return (*self.source_checks, *self.target_checks, *self.objects)

    @property
    def level(self) -> Level:
        """The worst that was found."""
        return max((f.level for f in self.findings), key=lambda f: f.weight, default=Level.OK)

    @property
    def minutes(self) -> float:
        return sum(finding.minutes for finding in self.findings)

    def at_least(self, level: Level) -> tuple[Finding, ...]:
        """The findings of this level and worse, the worst first."""
        found = [f for f in self.findings if f.level.weight >= level.weight]
        return tuple(sorted(found, key=lambda f: -f.level.weight))

    def counts(self, findings: Sequence[Finding] | None = None) -> dict[str, int]:
        """Findings by level; every level is named."""
        met = Counter(f.level for f in (self.findings if findings is None else findings))
        return {str(level): met[level] for level in Level}

    def to_dict(self) -> dict[str, Any]:
        return {
            "version": self.version,
            "made": self.made,
            "source": vars(self.source),
            "target": vars(self.target),
            "level": str(self.level),
            "counts": self.counts(),
            "effort_minutes": self.minutes,
            "estimate": self.estimate.to_dict(),
            "source_checks": [finding.to_dict() for finding in self.source_checks],
            "target_checks": [finding.to_dict() for finding in self.target_checks],
            "objects": [finding.to_dict() for finding in self.objects],
        }

    def to_html(self) -> str:
        """One page that needs nothing beside it."""
        from dbferry.assessment.page import page

        return page(self)
