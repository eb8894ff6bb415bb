"""Which tables move, what they are called in the target, and which losses the user accepts."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache, partial
from typing import Any, Literal

from dbferry import parts
from dbferry.catalog import Catalog, NumberSequence, Table, View
from dbferry.engines import Engine
from dbferry.errors import DbferryError, RequestError
from dbferry.mapping.rules import Rule


class Prepare(StrEnum):
    """What is done to target tables before the load."""

    CREATE = "create"
    """Create what is missing; refuse a table that has rows."""
    TRUNCATE = "truncate"
    DROP = "drop"
    APPEND = "append"


class Only(StrEnum):
    """The half of a migration that is asked for."""

    SCHEMA = "schema"
    DATA = "data"


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the user asks of a plan."""

    tables: Sequence[str] = ()
    exclude: Sequence[str] = ()
    schemas: Mapping[str, str] = field(default_factory=dict)
    """Source schema → target schema."""
    prepare: Prepare = Prepare.CREATE
    only: Only | None = None
    on_loss: Sequence[str] = ()
    """`[table.]column:CODE=policy`, with wildcards; later rules win."""
    partitions: Literal["keep", "flatten"] | None = None
    """What becomes of partitioned tables; nothing said: they are kept where the target is of the same engine."""
    rules: Sequence[Rule] = ()
    first_wins: bool = False
    """True when of two rules for one thing the first is followed, and one that finds nothing is a note."""
    include: Sequence[str] = ()
    """What comes along besides tables and views, such as `triggers`; `all` is whatever the engine can."""
    notes: Sequence[str] = ()
    """What is said about the request itself."""
    complete: bool = False
    """True when everything has to come along that isn't excluded."""
    puts_aside: bool = False
    """True when rows that don't fit are put aside, and don't block the plan."""
    range_bytes: int = 64 << 20
    sample: bool = False
    """True when a part of a large table's rows may stand for all in the plan."""
    begins_anew: bool = False
    """True when a row that a sample hasn't shown makes the run begin anew, with a look at all of them."""
    alone: Collection[str] | None = None
    """The labels of the only tables to plan, of those that are selected; all of them where nothing is said."""


# Those of one role, which are told as one.
RIGHTS = re.compile(r"(grants|ownership) o[nf] (?:\d+ objects|one object) to ([^(]+?)(?: \(|$)")
# A set of characters, such as [abc], [a-d] or [*]; a bracket that none closes is itself.
WILDCARD = re.compile(r"(\*|\?|\[[^\]]+\])", re.DOTALL)


@cache
def pattern(text: str) -> re.Pattern[str]:
    """`*` is any run of characters, `?` any one and `[abc]` one of these; nothing else is special.

    What a `*` stands for is a group.
    """
    parts = WILDCARD.split(text)
    return re.compile("".join(map(_part, parts)), re.DOTALL)


def _part(part: str) -> str:
    if part in ("*", "?"):
        return "(.*)" if part == "*" else "."
    if len(part) > 2 and part[0] == "[" and part[-1] == "]":
        ends = part[1:-1].split("-") if len(part) == 5 and part[2] == "-" else []
        if len(ends) == 2 and ends[0] <= ends[1]:
            return f"[{re.escape(ends[0])}-{re.escape(ends[1])}]"
        return f"[{re.escape(part[1:-1])}]"
    return re.escape(part)


def _matches(wanted: re.Pattern[str], table: Table) -> bool:
    return bool(wanted.fullmatch(table.name) or wanted.fullmatch(table.label))


def stands_asked(options: Options, told: View | NumberSequence) -> bool:
    """Of a view or a sequence: tables that are named come alone, and it may be excluded."""
    return not options.tables and not any(names(text, told) for text in options.exclude)


def names(text: str, told: View | NumberSequence) -> bool:
    """True when a pattern is about a view or a sequence: by its name as a table's, or by what it is called."""
    plain = (told.name, f"{told.schema}.{told.name}")
    return any(map(pattern(text).fullmatch, plain)) or calls(text, told.label)


def calls(text: str, label: str) -> bool:
    """True when a pattern is about what a plan calls so, such as `trigger audit of public.t`.

    It begins with the same word: one for tables is about nothing that has its name by chance.
    """
    first, blank, _ = text.partition(" ")
    return bool(blank and label.startswith(f"{first} ") and pattern(text).fullmatch(label))


def is_excluded(label: str, options: Options) -> bool:
    """True for what stands beside tables and isn't wanted, by what a plan calls it."""
    return any(calls(text, label) for text in options.exclude)


def without(source: Catalog, options: Options) -> Catalog:
    """The source as it is without what is excluded of what its tables have and what stands beside them.

    Its types stay, for columns are of them.
    """
    asked = [text for text in options.exclude if " " in text]
    if not asked:
        return source
    excludes = partial(is_excluded, options=options)
    return replace(
        source,
        tables=tuple(parts.without(table, excludes) for table in source.tables),
        extras=tuple(e for e in source.extras if not excludes(e.label)),
        skipped=tuple(s for s in source.skipped if not excludes(_called(s))),
    )


def _called(skipped: str) -> str:
    return skipped.partition(" (")[0].partition(": ")[0].partition("; hint: ")[0]


def told_of(text: str, said: str) -> bool:
    """True when a pattern is about what a plan names as not moved."""
    return any(calls(text, name) for name in _beginnings(said))


def _beginnings(said: str) -> list[str]:
    """Each of which may be its name."""
    return [said[: end.start()] for end in re.finditer(r" \(|: |; hint: |$", said)]


def excluding(known: Collection[str], said: str) -> str:
    """The option that leaves out what a plan names as not moved; `known` are the names of all that there is."""
    rights = RIGHTS.match(said)
    wanted = f"{rights[1]} * to {rights[2]}" if rights else None
    if wanted is None:
        met = [name for name in _beginnings(said) if name in known]
        # What isn't a wildcard here.
        wanted = re.sub(r"[*?[](?!\])", r"[\g<0>]", max(met or [_called(said)], key=len))
    return f"--exclude {shlex.quote(wanted)}"


def known_names(source: Catalog) -> frozenset[str]:
    """What a plan calls whatever may be excluded besides tables."""
    beside = [*(v.label for v in source.views), *(s.label for s in source.sequences)]
    return frozenset([*_labels(source), *parts.labels(source), *beside])


def _labels(source: Catalog) -> list[str]:
    types = [t.label for t in source.types if t.extension is None and t.kind != "multirange"]
    return [
        *(e.label for e in source.extras),
        *(_called(what) for what in source.skipped),
        *types,
    ]


def unmatched(source: Catalog, options: Options) -> dict[str, DbferryError]:
    """A fault for every pattern that matches nothing."""
    faults: dict[str, DbferryError] = {}
    tables = [name for table in source.tables for name in (table.name, table.label)]
    beside: list[View | NumberSequence] = [*source.views, *source.sequences]
    labels = _labels(source)
    if any(" " in text for text in options.exclude):
        labels += parts.labels(source)
    known = [*tables, *(each.label for each in beside), *labels]
    for text in (*options.tables, *options.exclude):
        if any(pattern(text).fullmatch(name) for name in tables):
            continue
        if text in options.exclude and (
            any(names(text, each) for each in beside) or any(calls(text, label) for label in labels)
        ):
            continue
        near = difflib.get_close_matches(text, known if " " in text else tables, 1)
        faults[text] = RequestError(
            f"{'nothing' if ' ' in text else 'no table'} of the source matches `{text}`",
            side="source",
            engine=source.engine,
            hint=f"did you mean `{near[0]}`?"
            if near
            else (
                "write it as table or schema.table; * and ? stand for any characters, "
                "[ab] for one of these"
            ),
        )
    return faults


def select(source: Catalog, options: Options) -> tuple[list[Table], list[DbferryError]]:
    """The tables to move, and a fault for every schema that isn't there."""
    present = {*source.schemas, source.default_schema}
    faults: list[DbferryError] = [
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
    table: Table,
    source: Catalog,
    target: Catalog,
    ends: tuple[Engine, Engine],
    options: Options,
    wanted: tuple[str | None, str | None] = (None, None),
) -> Destination:
    """Where a table goes: names are kept but where rules want others, and cut only where the target can't hold them."""
    notes: list[str] = []
    schema = wanted[0] or map_schema(table.schema, source, target, ends, options)
    name = wanted[1] or table.name
    if schema is None:
        schema, name = target.default_schema, f"{table.schema}__{name}"
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
class LossRule:
    table: re.Pattern[str]
    column: re.Pattern[str]
    code: str
    policy: Any
    where: str
    """Table and column as they were written."""


@dataclass(frozen=True)
class Rules:
    """The policies of a run; a code without a rule is an error."""

    rules: tuple[LossRule, ...] = ()

    def policy(self, table: Table, column: str, code: str) -> Any:
        for rule in reversed(self.rules):
            if (
                rule.code in (code, "*")
                and _matches(rule.table, table)
                and rule.column.fullmatch(column)
            ):
                return rule.policy
        return None


def unknown_columns(rules: Rules, tables: Sequence[Table]) -> list[DbferryError]:
    """A fault for every rule that is for a column which no table has."""
    faults: list[DbferryError] = []
    for rule in rules.rules:
        names = [column.name for table in tables for column in table.columns
                 if _matches(rule.table, table)]  # fmt: skip
        if any(rule.column.fullmatch(name) for name in names):
            continue
        near = difflib.get_close_matches(rule.where.rpartition(".")[2], names, 1)
        faults.append(
            RequestError(
                f"a rule for losses is for `{rule.where}`, and no column is called so",
                hint=f"did you mean `{near[0]}`?"
                if near
                else "write it as column or table.column, by their names in the source",
            )
        )
    return faults


def read_rules(texts: Sequence[str]) -> tuple[Rules, list[DbferryError]]:
    rules: list[LossRule] = []
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
        rules.append(
            LossRule(
                pattern(table if dot else "*"),
                pattern(column),
                match["code"],
                policy,
                match["where"],
            )
        )
    return Rules(tuple(rules)), faults
