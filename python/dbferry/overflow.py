"""What the source holds, where a standing column takes less than the one that would have been made.

Every value is checked on its way as well; this finds what wouldn't fit before anything moves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from dbferry.catalog import Table
from dbferry.items import ColumnItem
from dbferry.pair import Pair
from dbferry.types import BOUNDS

POLICIES: Mapping[str, tuple[str, ...]] = {
    "S-LEN": ("clamp", "null"),
    "N-RANGE": ("clamp", "null"),
    "B-SIZE": ("null",),
}
"""What else may become of values that don't fit."""


@dataclass(frozen=True)
class Demand:
    """A bound of a standing column, as one question to the source's rows."""

    item: ColumnItem
    code: str
    sql: str
    fault: Callable[[str], str | None]
    """What is wrong, by the answer; nothing when all values fit."""


def check_values(
    pair: Pair,
    table: Table,
    standing: Table,
    items: Sequence[ColumnItem],
    free: Sequence[ColumnItem],
    *,
    nulls_alone: bool = False,
) -> None:
    """Faults for the values that don't fit; `free` are the same columns as they would have been made."""
    asked = [demand for item, other in zip(items, free, strict=True)
             for demand in _demands(pair, table, standing, item, other)
             if demand.code == "K-NULL" or not nulls_alone]  # fmt: skip
    if not asked:
        return
    columns = ", ".join(demand.sql for demand in asked)
    relation = pair.ends[0].source_relation(table)
    [answers] = pair.source_session.query(f"SELECT {columns} FROM {relation}")
    for demand, answer in zip(asked, answers, strict=True):
        wrong = demand.fault(answer) if answer is not None else None
        if wrong is None:
            continue
        if pair.options.puts_aside:
            pair.notes.append(f"{table.label}: {wrong}; such rows are put aside")
        else:
            pair.fault(
                f"{wrong}, of the source's column `{demand.item.name}`",
                code=demand.code,
                table=table.label,
                column=demand.item.target,
                hint=_hint(table, demand),
            )


def _hint(table: Table, demand: Demand) -> str:
    ways = POLICIES.get(demand.code)
    if ways is None:
        return "change the column in the target, or choose --prepare drop"
    rule = f"{table.name}.{demand.item.name}:{demand.code}={ways[0]}"
    others = "".join(f" or ={way}" for way in ways[1:])
    return f"widen the column in the target, or choose --on-loss '{rule}'{others}"


def _demands(
    pair: Pair, table: Table, standing: Table, item: ColumnItem, free: ColumnItem
) -> Iterator[Demand]:
    one, other = pair.ends
    fold = other.fold_column
    there = next((c for c in standing.columns if fold(c.name) == fold(item.target)), None)
    measures = one.measures
    if there is None or measures is None or table.column(item.name) is None:
        return
    name = one.quote(item.name)
    if not standing.takes_null(there) and free.nullable:
        asked = f"sum(CASE WHEN {name} IS NULL THEN 1 ELSE 0 END)"
        yield Demand(item, "K-NULL", asked, _nulls)
    for check in item.checks:
        if check in free.checks:
            continue
        match check["rule"]:
            case "characters" if not _settled(item, "S-LEN"):
                asked = measures.characters.replace("{c}", name)
                fault = _longer(there.native.text, check["max"], "characters")
                yield Demand(item, "S-LEN", f"max({asked})", fault)
            case "bytes" if item.flight.type == "binary" and not _settled(item, "B-SIZE"):
                asked = measures.octets.replace("{c}", name)
                fault = _longer(there.native.text, check["max"], "bytes")
                yield Demand(item, "B-SIZE", f"max({asked})", fault)
            case "integer" if item.flight.type in BOUNDS and not _settled(item, "N-RANGE"):
                bound = _beyond(there.native.text, Decimal(check["min"]), Decimal(check["max"]))
                for edge in ("min", "max"):
                    yield Demand(item, "N-RANGE", f"{edge}({name})", bound)
            case "digits" if item.flight.type == "decimal" and not _settled(item, "N-RANGE"):
                most = Decimal(10) ** (check["precision"] - check["scale"]) - 1
                bound = _beyond(there.native.text, Decimal(0), most)
                yield Demand(item, "N-RANGE", f"max(abs({name}))", bound)
            case _:
                # Asked of each value on its way.
                continue


def _settled(item: ColumnItem, code: str) -> bool:
    """True when a policy says what becomes of such values."""
    return bool(item.policies.get(code, "error") != "error")


def _nulls(answer: str) -> str | None:
    count = int(Decimal(answer))
    return f"the target's column takes no NULL, and there are {count}" if count else None


def _longer(native: str, most: int, unit: str) -> Callable[[str], str | None]:
    told = f"the target's {native} is too short for a value of"
    return lambda answer: f"{told} {answer} {unit}" if int(answer) > most else None


def _beyond(native: str, low: Decimal, high: Decimal) -> Callable[[str], str | None]:
    def fault(answer: str) -> str | None:
        number = Decimal(answer)
        wide = number.is_finite() and not low <= int(number) <= high
        return f"the target's {native} is too small for some values" if wide else None

    return fault
