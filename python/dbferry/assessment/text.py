"""An assessment as text for people: the sum, what needs somebody, the checks, and what is fine in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from dbferry.assessment.files import shown_size
from dbferry.assessment.finding import Finding, Level
from dbferry.errors import printable

if TYPE_CHECKING:
    from rich.console import Console

    from dbferry.assessment.report import Assessment

MANY = 4
"""So many lines that say the same become one."""
COLOURS = {
    Level.OK: "green",
    Level.INFO: "cyan",
    Level.WARN: "yellow",
    Level.DECIDE: "yellow",
    Level.MANUAL: "magenta",
    Level.BLOCKED: "red",
}


def show(made: Assessment, console: Console) -> None:
    """Everything that isn't simply fine, the worst first, then how much there is."""
    for side, party in (("source", made.source), ("target", made.target)):
        console.print(f"[bold]{side}[/bold]  {_safe(str(party))}", highlight=False)
    for title, findings in (
        ("source server", made.source_checks),
        ("target server", made.target_checks),
        ("objects", made.objects),
    ):
        told = [f for f in findings if f.level is not Level.OK]
        fine = len(findings) - len(told)
        console.print(f"\n[bold]{title}[/bold]  {fine} of {len(findings)} ok", highlight=False)
        if told:
            console.print(_table(sorted(told, key=lambda f: -f.level.weight)))
    _estimate(made, console)
    sums = ", ".join(f"{count} {level}" for level, count in made.counts().items() if count)
    worst = made.counts()[Level.BLOCKED]
    verdict = f"{worst} in the way" if worst else "nothing is in the way"
    console.print(
        f"\n[bold]{verdict}[/bold]: {sums}; about {spent(made.minutes)} of work by hand",
        highlight=False,
    )


def _table(findings: Sequence[Finding]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for heading in ("level", "code", "object", "what"):
        table.add_column(heading, overflow="fold")
    for finding in _joined(findings):
        colour = COLOURS[finding.level]
        named = f"{finding.kind} {finding.object}".strip()
        table.add_row(
            f"[{colour}]{finding.level}[/{colour}]", _safe(" ".join(finding.codes)),
            _safe(named) if finding.object else "", "\n".join(map(_safe, _lines(finding))),
        )  # fmt: skip
    return table


def _joined(findings: Sequence[Finding]) -> Iterator[Finding]:
    """One line for many objects that the same is worth knowing about."""
    alike = Counter(map(_same, findings))
    told: set[object] = set()
    for finding in findings:
        same = _same(finding)
        if same is None or alike[same] < MANY:
            yield finding
        elif same not in told:
            told.add(same)
            others = f"{finding.object} and {alike[same] - 1} more"
            what = finding.why or finding.what
            yield replace(finding, object=others, what=what, why="", sql="")


def _same(finding: Finding) -> object:
    """What is said, where it may be said of many at once."""
    if finding.level is not Level.INFO or not finding.codes:
        return None
    return finding.codes, finding.kind, finding.why or finding.what


def _lines(finding: Finding) -> list[str]:
    """What it is and why, the rows that it is about, and what helps."""
    lines = [finding.what + (f": {finding.why}" if finding.why else ""), counted(finding)]
    if finding.original:
        lines.append(finding.original)
    return [*filter(None, lines), *(f"hint: {fix}" for fix in (finding.fix, finding.sql) if fix)]


def _estimate(made: Assessment, console: Console) -> None:
    about = made.estimate
    least, most = about.disk
    console.print(
        f"\n[bold]estimate[/bold]  {len(about.tables):,} tables, {about.rows:,} rows, "
        f"{shown_size(about.data)} of rows and {shown_size(about.indexes)} of indexes; "
        f"{span(about.seconds)}; {shown_size(least)} to {shown_size(most)} on the target's disk",
        highlight=False,
    )
    for line in about.how:
        console.print(f"  [dim]{_safe(line)}[/dim]", highlight=False)


def lasting(seconds: float) -> str:
    """A span for people."""
    for size, unit in ((86_400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 1 else "less than 1 s"


def span(seconds: tuple[float, float]) -> str:
    low, high = seconds
    return f"up to {lasting(high)}" if low < 1 else f"{lasting(low)} to {lasting(high)}"


def counted(finding: Finding) -> str:
    """The rows that it is about, where they were counted."""
    rows = finding.rows_affected
    return f"{rows:,} row{'' if rows == 1 else 's'}" if rows else ""


def spent(minutes: float) -> str:
    return "no time" if not minutes else lasting(minutes * 60)


def _safe(text: str) -> str:
    return escape(printable(text))
