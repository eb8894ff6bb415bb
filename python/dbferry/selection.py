"""Which tables move, what they are called in the target, and which losses the user accepts."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from dbferry.catalog import Catalog, Table
from dbferry.engines import Engine
from dbferry.errors import DbferryError, RequestError


class Prepare(StrEnum):
    """What is done to target tables before the load."""

    CREATE = "create"
    """Create what is missing; refuse a table that has rows."""
    TRUNCATE = "truncate"
    DROP = "drop"
    APPEND = "append"


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the user asks of a plan."""

    tables: Sequence[str] = ()
    exclude: Sequence[str] = ()
    schemas: Mapping[str, str] = field(default_factory=dict)
    """Source schema → target schema."""
    prepare: Prepare = Prepare.CREATE
    on_loss: Sequence[str] = ()
    """`[table.]column:CODE=policy`, with wildcards; later rules win."""
    partitions: Literal["keep", "flatten"] | None = None
    """What becomes of partitioned tables; nothing said: they are kept where the target is of the same engine."""
    sample: bool = False
    """True when a part of a large table's rows may stand for all in the plan."""


def pattern(text: str) -> re.Pattern[str]:
    """`*` is any run of characters and `?` any one; nothing else is special."""
    parts = (".*" if c == "*" else "." if c == "?" else re.escape(c) for c in text)
    return re.compile("".join(parts), re.DOTALL)


def _matches(wanted: re.Pattern[str], table: Table) -> bool:
    return bool(wanted.fullmatch(table.name) or wanted.fullmatch(table.label))


def select(source: Catalog, options: Options) -> tuple[list[Table], list[DbferryError]]:
    """The tables to move, and a fault for every pattern that matches nothing."""
    faults: list[DbferryError] = []
    for text in (*options.tables, *options.exclude):
        if not any(_matches(pattern(text), table) for table in source.tables):
            known = [name for table in source.tables for name in (table.name, table.label)]
            near = difflib.get_close_matches(text, known, 1)
            faults.append(
                RequestError(
                    f"no table of the source matches `{text}`",
                    side="source",
                    engine=source.engine,
                    hint=f"did you mean `{near[0]}`?"
                    if near
                    else ("write it as table or schema.table; * and ? stand for any characters"),
                )
            )
    present = {*source.schemas, source.default_schema}
    faults += [
        RequestError(f"the source has no schema `{schema}`", side="source", engine=source.engine)
        for schema in options.schemas
        if schema not in present
    ]
    included = [pattern(text) for text in options.tables or ["*"]]
    excluded = [pattern(text) for text in options.exclude]
    return [
        table
        for table in source.tables
        if any(_matches(p, table) for p in included)
        and not any(_matches(p, table) for p in excluded)
    ], faults


@dataclass(frozen=True)
class Destination:
    schema: str | None
    name: str
    notes: tuple[str, ...] = ()


def map_schema(
    schema: str, source: Catalog, target: Catalog, ends: tuple[Engine, Engine], options: Options
) -> str | None:
    """The target's schema for a source's; nothing when its name must go into the table's name."""
    given = options.schemas.get(schema)
    if given is not None:
        return given
    if schema == source.default_schema and target.default_schema is not None:
        return target.default_schema
    one, other = ends
    # A database of MySQL is a schema of PostgreSQL; the other way a database is not ours to make.
    if one.family == other.family or (other.name == "postgresql" and one.has_schemas):
        return schema
    return None


def destination(
    table: Table, source: Catalog, target: Catalog, ends: tuple[Engine, Engine], options: Options
) -> Destination:
    """Where a table goes: names are kept, and cut only where the target can't hold them."""
    notes: list[str] = []
    schema, name = map_schema(table.schema, source, target, ends, options), table.name
    if schema is None:
        schema, name = target.default_schema, f"{table.schema}__{table.name}"
        notes.append(f"schema `{table.schema}` is not in the target: the table is called `{name}`")
    if not ends[1].has_schemas:
        schema = target.default_schema
    fitted = ends[1].fit_name(name)
    if fitted != name:
        notes.append(f"the name is cut to `{fitted}`")
    return Destination(schema, fitted, tuple(notes))


def collisions(names: Iterable[tuple[str, str]]) -> list[tuple[str, list[str]]]:
    """Target names that several source names meet in, of (source name, folded target name)."""
    met: dict[str, list[str]] = {}
    for original, folded in names:
        met.setdefault(folded, []).append(original)
    return [(folded, originals) for folded, originals in met.items() if len(originals) > 1]


POLICIES = ("error", "null", "clamp", "text", "binary")
RULE = re.compile(
    r"(?P<where>.+):(?P<code>[A-Z]-[A-Z0-9-]+|\*)=(?P<policy>[a-z]+)(?::(?P<with>.*))?", re.DOTALL
)


@dataclass(frozen=True)
class Rule:
    table: re.Pattern[str]
    column: re.Pattern[str]
    code: str
    policy: Any


@dataclass(frozen=True)
class Rules:
    """The policies of a run; a code without a rule is an error."""

    rules: tuple[Rule, ...] = ()

    def policy(self, table: Table, column: str, code: str) -> Any:
        for rule in reversed(self.rules):
            if (
                rule.code in (code, "*")
                and _matches(rule.table, table)
                and rule.column.fullmatch(column)
            ):
                return rule.policy
        return None


def read_rules(texts: Sequence[str]) -> tuple[Rules, list[DbferryError]]:
    rules: list[Rule] = []
    faults: list[DbferryError] = []
    for text in texts:
        match = RULE.fullmatch(text)
        policy: Any = match["policy"] if match else None
        if match and policy == "replace" and match["with"] is not None:
            policy = {"replace": match["with"]}
        elif match is None or policy not in POLICIES or match["with"] is not None:
            faults.append(
                RequestError(
                    f"`{text}` is not a rule for losses",
                    hint="write [table.]column:CODE=policy, such as '*.*:T-ZERO=null'; "
                    f"policies: {', '.join(POLICIES)}, replace:text",
                )
            )
            continue
        table, dot, column = match["where"].rpartition(".")
        rules.append(Rule(pattern(table if dot else "*"), pattern(column), match["code"], policy))
    return Rules(tuple(rules)), faults
