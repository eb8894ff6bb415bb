"""What an older server of the same engine can't be given, told before anything moves."""

from __future__ import annotations

from collections.abc import Mapping

from dbferry.catalog import Ability, ForeignKey, Index
from dbferry.pair import Pair


def index_fault(pair: Pair, index: Index, *, whole: bool) -> str | None:
    """Why there can't be such an index; `whole` is that of a partitioned table."""
    needs: Mapping[Ability, bool] = {
        "NULLS NOT DISTINCT": not index.nulls_distinct,
        "WITHOUT OVERLAPS": index.period,
        "exclusion constraints of partitioned tables": index.exclusion and whole,
    }
    why = _first(pair, needs)
    return f"{why}: {index.own or ', '.join(index.columns)}" if why else None


def reference_fault(pair: Pair, key: ForeignKey, *, whole: bool) -> str | None:
    """Why there can't be such a foreign key, in another engine neither; `whole` is that of a partitioned table."""
    needs: Mapping[Ability, bool] = {
        "NOT ENFORCED": not key.enforced,
        "PERIOD": key.period,
        "NOT VALID for foreign keys of partitioned tables": whole
        and key.enforced
        and not key.valid,
    }
    one, other = pair.ends
    if one.name == other.name:
        return _first(pair, needs)
    return next((f"{other.name} has no {what}" for what, met in needs.items() if met), None)


def _first(pair: Pair, needs: Mapping[Ability, bool]) -> str | None:
    one, other = pair.ends
    if one.name != other.name:
        return None
    return next((why for what, met in needs.items() if met and (why := pair.lacks(what))), None)
