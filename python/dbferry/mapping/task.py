"""What a run asks of a task's rules besides their effect on tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dbferry.errors import DbferryError
from dbferry.mapping.masks import withheld
from dbferry.mapping.renaming import renamed
from dbferry.mapping.rules import Loss, Merge, RenameSchema, Rule
from dbferry.selection import pattern

if TYPE_CHECKING:
    from dbferry.task import Task

FIELDS = ("message", "detail", "hint", "range")
WILD = frozenset("*?[")


def losses(rules: Iterable[Rule]) -> list[str]:
    """The rules for losses as `on_loss` has them."""
    return [f"{rule.loss}:{rule.code}={rule.policy}" for rule in rules if isinstance(rule, Loss)]


def named_schemas(task: Task) -> list[str]:
    """The schemas of the source that are named in full: some servers are asked for no others."""
    named = [*task.schemas, *(table.rpartition(".")[0] for table in task.tables)]
    for rule in task.rules:
        match rule:
            case RenameSchema():
                named.append(rule.rename_schema)
            case Merge():
                named.append(rule.merge.rpartition(".")[0])
            case _:
                pass
    return [name for name in dict.fromkeys(named) if name and not WILD & set(name)]


def reached_schemas(task: Task, theirs: Sequence[str]) -> list[str]:
    """The schemas of the target that those of the source, or a merge, may go to."""
    found = list(task.schemas.values())
    for rule in task.rules:
        match rule:
            case RenameSchema():
                wanted = pattern(rule.rename_schema)
                met = [(name, match) for name in theirs if (match := wanted.fullmatch(name))]
                found += [renamed(rule, name, match) for name, match in met]
            case Merge():
                found.append(rule.into.rpartition(".")[0])
            case _:
                pass
    return [name for name in dict.fromkeys(found) if name]


def met_schemas(task: Task, present: Sequence[str]) -> list[str]:
    """Schemas that AWS DMS would look into, for a pattern of the selection meets them."""
    if task.style != "dms":
        return []
    wanted = [table.rpartition(".")[0] for table in task.tables]
    patterns = [pattern(name) for name in wanted if name and WILD & set(name)]
    return [name for name in present if any(each.fullmatch(name) for each in patterns)]


@contextmanager
def withholding(rules: Sequence[Rule]) -> Iterator[None]:
    """No error that leaves has a mask's key in it: a server may quote the statement that it refuses."""
    try:
        yield
    except DbferryError as error:
        for each in (error, *getattr(error, "faults", ())):
            for name in FIELDS:
                told = getattr(each, name)
                setattr(each, name, told and withheld(told, rules))
            each.args = (each.message,)
        raise
