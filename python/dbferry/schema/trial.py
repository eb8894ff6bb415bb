"""Defaults, generated columns and checks are made on the target once, before they are promised, and taken away.

A table is tried with all of them; if it can't be made so, with one after another, and those that the target
refuses are left out with its words. A table that can't be made without them either tells nothing about them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dbferry.catalog import Check, Session
from dbferry.engines import NewTable, Step
from dbferry.errors import DbferryError
from dbferry.keys import Draft
from dbferry.pair import Pair
from dbferry.prepare import new_table
from dbferry.schema.clauses import Clause, Clauses, said
from dbferry.schema.sequences import draws
from dbferry.schema.terms import Untranslatable

POINT = "dbferry_statement"


def statement_refusal(session: Session, sql: str) -> str | None:
    """The target's words, when it can't take a statement; the trial goes on after either."""
    session.query(f"SAVEPOINT {POINT}")
    try:
        session.query(sql)
    except DbferryError as error:
        if error.fatal:
            raise
        session.query(f"ROLLBACK TO SAVEPOINT {POINT}")
        return error.message
    return None


def try_steps(
    pair: Pair, needed: Sequence[str], beside: Sequence[str], steps: Sequence[Step]
) -> dict[Step, str]:
    """What the target refuses of the steps, and why; `beside` are statements that may be refused themselves.

    Nothing is told where the needed ones can't be made.
    """
    refused: dict[Step, str] = {}
    gone: set[str] = set()
    with pair.trying(()) as session:
        if session is None or any(statement_refusal(session, sql) for sql in needed):
            return {}
        for sql in beside:
            statement_refusal(session, sql)
        for place, step in enumerate(steps):
            first = place == 0 or steps[place - 1].what != step.what
            why = None if step.what in gone else statement_refusal(session, step.sql)
            if why is not None:
                refused[step] = why
                gone |= {step.what} if first else set()
    return refused


@dataclass(frozen=True)
class Part:
    """A clause that is tried: of a column, a check of the table, or how one of them is kept."""

    column: str | None = None
    clause: Clause | None = None
    check: Check | None = None
    setting: tuple[str | None, str] | None = None


def try_clauses(
    pair: Pair, drafts: Sequence[tuple[Draft, Clauses]], objects: Sequence[str]
) -> None:
    """Takes away what the target refuses; `objects` make schemas and types that tables need."""
    session = pair.target_session
    risky = [(draft, made, _parts(pair, draft, made)) for draft, made in drafts]
    risky = [(draft, made, parts) for draft, made, parts in risky if parts]
    if session is None or pair.faults or not (risky or objects):
        return
    beside = [statement for _, made, _ in risky for statement in made.before]
    with pair.trying([*objects, *beside]) as ready:
        for draft, made, parts in risky if ready else ():
            _try(pair, session, draft, made, parts)


def _parts(pair: Pair, draft: Draft, made: Clauses) -> list[Part]:
    """What may be refused: all but what every server of the engine knows, between two of one engine."""
    one, other = pair.ends

    def is_sure(text: str | None) -> bool:
        if text is None or one.name != other.name:
            return text is None
        # With it comes a parser, which takes its time to load.
        from dbferry.schema.defaults import is_known

        return is_known(one, text)

    columns = [
        Part(column=name, clause=clause)
        for name, clause in made.columns.items()
        if not (_draws(pair, draft, name) or is_sure(clause.default))
        or not is_sure(clause.generated)
    ]
    columns += [Part(check=c) for c in made.checks if not is_sure(c.expression)]
    return columns + [Part(setting=setting) for setting in made.settings]


def _draws(pair: Pair, draft: Draft, name: str) -> bool:
    """True for a default that does nothing but draw from a sequence, which is made with it."""
    column = draft.table.column(name)
    return column is not None and draws(pair, column) is not None


def _try(pair: Pair, session: Session, draft: Draft, made: Clauses, parts: Sequence[Part]) -> None:
    drawn = {draws(pair, column) for column in draft.table.columns}
    # Where nothing else can be made for a trial there are no sequences.
    away = drawn if not pair.ends[1].trial_frame[0] else set()

    def refusal(wanted: Sequence[Part]) -> str | None:
        table = new_table(pair, draft, _with(made, parts, wanted))
        columns = [replace(c, default=None) if c.default in away else c for c in table.columns]
        return _refusal(pair, session, replace(table, columns=tuple(columns)))

    if refusal(parts) is None or refusal([]) is not None:
        return
    kept: list[Part] = []
    for part in parts:
        why = refusal([*kept, part])
        if why is None:
            kept.append(part)
        else:
            made.left_out.append(_named(draft, made, part, why))
    fewer = _with(made, parts, kept)
    made.columns, made.checks, made.settings = fewer.columns, fewer.checks, fewer.settings


def _with(made: Clauses, parts: Sequence[Part], wanted: Sequence[Part]) -> Clauses:
    """The clauses with those of the tried parts that are wanted."""
    gone = {part.column for part in parts if part not in wanted and part.column}
    columns = {
        name: replace(clause, default=None, generated=None) if name in gone else clause
        for name, clause in made.columns.items()
    }
    tried = [part.check for part in parts if part.check]
    checks = [c for c in made.checks if c not in tried or Part(check=c) in wanted]
    settings = [setting for setting in made.settings if Part(setting=setting) in wanted]
    return replace(made, columns=columns, checks=checks, settings=settings)


def _refusal(pair: Pair, session: Session, table: NewTable) -> str | None:
    """The target's words, when it can't make a table of those columns that anything is said of."""
    texts = [text for c in table.columns for text in (c.default, c.generated) if text]
    said = " ".join([*texts, *(check.expression for check in table.checks)]).lower()
    set_up = {name for name, _ in table.settings}

    def is_named(name: str) -> bool:
        forms = (name.lower(), pair.ends[1].quote(name)[1:-1].lower())
        return name in set_up or any(form in said for form in forms)

    columns = [c for c in table.columns if c.default or c.generated or is_named(c.name)]
    bare = replace(
        table,
        kind="table",
        primary_key=(),
        primary_index=None,
        columns=tuple(replace(column, identity=None) for column in columns or table.columns),
    )
    return pair.refusal(session, bare)


def _named(draft: Draft, made: Clauses, part: Part, why: str) -> str:
    """In the source's words, with the target's reason."""
    refused = Untranslatable(f"the target refuses it: {why}")
    if part.setting is not None:
        name, text = part.setting
        return said(
            f"setting of {'.'.join(filter(None, (draft.table.label, name)))}", text, refused
        )
    if part.check is not None:
        check = made.told[part.check]
        name = f"check {check.name} of" if check.name else "check of"
        return said(f"{name} {draft.table.label}", check.expression, refused)
    column = draft.table.column(part.column or "")
    called = f"{draft.table.label}.{part.column}"
    computed = part.clause.generated if part.clause else None
    if computed is not None:
        own = column.generated if column else None
        return said(f"generated column {called}", own or computed, refused)
    return said(f"default of {called}", (column.default if column else None) or "", refused)
