"""A plan as text and back. Keys of masks are left out of the text and put in again from the task's own rules.

A plan is written without a model of it: building one takes longer than the writing, and only the run that goes on
needs it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from pydantic import TypeAdapter
from pydantic_core import to_json

from dbferry import items
from dbferry.differences import Difference
from dbferry.engines import Step
from dbferry.items import Plan, TableItem
from dbferry.mapping.masks import secrets
from dbferry.mapping.rules import Rule


@dataclass(frozen=True, kw_only=True)
class Rest:
    """What a plan holds besides its tables."""

    source_engine: str
    target_engine: str
    notes: tuple[str, ...]
    objects: tuple[str, ...]
    views: tuple[Step, ...]


@dataclass(frozen=True)
class Veil:
    """Stands before what nobody may read in the target."""

    rules: Sequence[Rule]
    _marks: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known = dict.fromkeys(secrets(self.rules))
        # The longest first: one may be a part of another.
        for number, secret in enumerate(sorted(known, key=len, reverse=True)):
            self._marks[secret] = f"\ue000mask key {number}\ue001"

    def hide(self, text: str) -> str:
        return self._walked(text, list(self._marks.items()))

    def show(self, text: str) -> str:
        return self._walked(text, [(mark, secret) for secret, mark in self._marks.items()])

    def _walked(self, text: str, pairs: list[tuple[str, str]]) -> str:
        if not pairs:
            return text

        def change(told: str) -> str:
            for old, new in pairs:
                told = told.replace(old, new)
            return told

        return json.dumps(_mapped(json.loads(text), change))


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    match value:
        case str():
            return change(value)
        case list():
            return [_mapped(each, change) for each in value]
        case dict():
            return {name: _mapped(each, change) for name, each in value.items()}
        case _:
            return value


@cache
def _tables() -> TypeAdapter[TableItem]:
    # The name is only known to type checkers there.
    items.__dict__.setdefault("Difference", Difference)
    return TypeAdapter(TableItem)


@cache
def _rests() -> TypeAdapter[Rest]:
    return TypeAdapter(Rest)


def table_text(item: TableItem, veil: Veil) -> str:
    return veil.hide(to_json(item).decode())


def rest_text(plan: Plan, veil: Veil) -> str:
    rest = Rest(
        source_engine=plan.source_engine, target_engine=plan.target_engine, notes=plan.notes,
        objects=plan.objects, views=plan.views,
    )  # fmt: skip
    return veil.hide(to_json(rest).decode())


def plan_of(rest: str, tables: Sequence[str], veil: Veil) -> Plan:
    """The plan that these texts were made of."""
    told = _rests().validate_json(veil.show(rest))
    return Plan(
        source_engine=told.source_engine,
        target_engine=told.target_engine,
        tables=tuple(_tables().validate_json(veil.show(text)) for text in tables),
        notes=told.notes,
        objects=told.objects,
        views=told.views,
    )
