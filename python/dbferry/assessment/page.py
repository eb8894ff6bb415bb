"""An assessment as one page: nothing is fetched, every value is escaped, and it reads without its script."""

from __future__ import annotations

from importlib.resources import files
from math import pi
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, StrictUndefined

from dbferry.assessment.files import shown_size
from dbferry.assessment.finding import Finding, Level
from dbferry.assessment.text import counted, span, spent
from dbferry.errors import printable

if TYPE_CHECKING:
    from dbferry.assessment.report import Assessment

RADIUS = 54
LARGEST = 12
"""Tables in the chart; the others are one bar."""


def page(made: Assessment) -> str:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        finalize=_shown,
    )  # fmt: skip
    environment.filters.update(size=shown_size, span=span, spent=spent, counted=counted)
    text = files("dbferry.assessment").joinpath("page.html.j2").read_text(encoding="utf-8")
    return environment.from_string(text).render(
        made=made,
        levels=[str(level) for level in Level],
        counts=made.counts(),
        arcs=_arcs(made.counts()),
        bars=_bars(made),
        work=made.at_least(Level.WARN),
        groups=_groups(made),
        servers=(
            ("The source server", made.source_checks),
            ("The target server", made.target_checks),
        ),
    )


def _shown(value: Any) -> Any:
    """Signs that turn the direction of text, or can't be seen, are shown as escapes."""
    return printable(value) if type(value) is str else value


def _groups(made: Assessment) -> list[dict[str, Any]]:
    """The objects of each table, and what belongs to none."""
    found: dict[str, list[Finding]] = {}
    for finding in made.objects:
        found.setdefault(finding.table, []).append(finding)
    beside = found.pop("", [])
    groups = [(name, inside[0].what, inside) for name, inside in found.items()]
    if beside:
        groups.append(("Beside the tables", "", beside))
    return [
        {"name": name, "what": what, "findings": inside, "counts": made.counts(inside)}
        for name, what, inside in groups
    ]


def _arcs(counts: dict[str, int]) -> list[dict[str, Any]]:
    """The ring: for each level the length of its arc and where it begins."""
    total, around, start = sum(counts.values()) or 1, 2 * pi * RADIUS, 0.0
    arcs = []
    for level, count in counts.items():
        length = around * count / total
        if count:
            arcs.append({"level": level, "length": length, "rest": around - length, "from": -start})
        start += length
    return arcs


def _bars(made: Assessment) -> list[dict[str, Any]]:
    """The largest tables by their bytes, and the sum of the others."""
    tables = sorted(made.estimate.tables, key=lambda t: -(t.data + t.indexes))
    shown = [(t.name, t.rows, t.data, t.indexes) for t in tables[:LARGEST]]
    rest = tables[LARGEST:]
    if rest:
        name = f"{len(rest)} others"
        shown.append(
            (name, *(sum(getattr(t, of) for t in rest) for of in ("rows", "data", "indexes")))
        )
    most = max((data + indexes for _, _, data, indexes in shown), default=0) or 1
    return [
        {
            "name": name, "rows": rows, "bytes": data + indexes,
            "data": 100 * data / most, "indexes": 100 * indexes / most,
        }
        for name, rows, data, indexes in shown
    ]  # fmt: skip
