"""MariaDB's sequences: reads them, and writes their DDL."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from dbferry.catalog import Column, NumberSequence, Session
from dbferry.engines.mysql import ddl
from dbferry.errors import DbferryError

Place = tuple[str, str]
STATE = """
SELECT start_value, minimum_value, maximum_value, increment, cache_size, cycle_option, next_not_cached_value
FROM {place}"""
LOWEST, HIGHEST = -(2**63 - 1), 2**63 - 2
"""The numbers beside them are the server's own."""
CACHE = 1000
"""Of a sequence that says nothing of it."""
DRAWS = re.compile(r"(?i)\(?nextval\(`((?:[^`]|``)+)`\.`((?:[^`]|``)+)`\)\)?")


def read(session: Session, schema: str, name: str, comment: str | None) -> NumberSequence:
    """What it would give after all numbers that the server has set aside: it tells no other."""
    made = NumberSequence(
        schema=schema, name=name, type="bigint", start=1, increment=1, minimum=1, maximum=HIGHEST,
        readable=False, described=False, comment=comment or None,
    )  # fmt: skip
    try:
        [row] = session.query(STATE.format(place=ddl.relation(schema, name)))
    except DbferryError as error:
        if error.fatal:
            raise
        return made
    start, low, high, step, cache, cycle, following = (int(value or 0) for value in row)
    # Nothing is increased by the server's own offset here.
    step = step or 1
    within = low <= following <= high
    return replace(
        made,
        start=start,
        increment=step,
        minimum=low,
        maximum=high,
        cache=cache if cache != CACHE else None,
        cycle=cycle == 1,
        last=None if within else high if step > 0 else low,
        restart=following if within and following != start else None,
        readable=True,
        described=True,
    )


def drawing(column: Column, sequences: Mapping[Place, NumberSequence]) -> Column:
    """The column with the sequence that its default draws from, and nothing else."""
    match = DRAWS.fullmatch(column.default or "")
    names = [ddl.unquoted(part) for part in match.groups()] if match else []
    found = sequences.get((names[0], names[1])) if names else None
    return replace(column, default=draw(found), draws=found) if found else column


def create(sequence: NumberSequence) -> str:
    upwards = sequence.increment > 0
    low, high = max(sequence.minimum, LOWEST), min(sequence.maximum, HIGHEST)
    first, whole = (low, (1, HIGHEST)) if upwards else (high, (LOWEST, -1))
    parts = [f"INCREMENT BY {sequence.increment}"] if sequence.increment != 1 else []
    parts += [f"MINVALUE {low}"] if low != whole[0] else []
    parts += [f"MAXVALUE {high}"] if high != whole[1] else []
    parts += [f"START WITH {sequence.start}"] if sequence.start != first else []
    parts += [f"CACHE {sequence.cache}"] if sequence.cache is not None else []
    parts += ["CYCLE"] if sequence.cycle else []
    parts += [f"COMMENT = {ddl.literal(sequence.comment)}"] if sequence.comment else []
    place = ddl.relation(sequence.schema, sequence.name)
    return " ".join([f"CREATE SEQUENCE IF NOT EXISTS {place}", *parts])


def draw(sequence: NumberSequence) -> str:
    return f"nextval({ddl.relation(sequence.schema, sequence.name)})"


def set_next(
    sequence: NumberSequence, columns: Sequence[tuple[str | None, str, str]]
) -> Sequence[str]:
    """Past its own last number, and past those of the columns (schema, table, name) that draw from it."""
    step, upwards = sequence.increment, sequence.increment > 0
    first = sequence.first if sequence.last is None else sequence.last + step
    name = ddl.relation(sequence.schema, sequence.name)
    if not columns:
        unused = f"ALTER SEQUENCE {name} RESTART WITH {first}"
        return () if first == sequence.start else (unused,)
    edge, furthest = ("max", "greatest") if upwards else ("min", "least")
    # Numbers outside of its bounds are none that it has given.
    low, high = max(sequence.minimum, LOWEST), min(sequence.maximum, HIGHEST)
    known = [
        f"(SELECT coalesce({edge}({ddl.quote(c)}) + {step}, {first}) FROM {ddl.relation(s, t)} "
        f"WHERE {ddl.quote(c)} BETWEEN {low} AND {high})"
        for s, t, c in columns
    ]
    # One that stands may be further than the source's; a new one is where it starts.
    known.append(
        f"(SELECT coalesce(nullif(next_not_cached_value, start_value), {first}) FROM {name})"
    )
    # It takes nothing but a number as it is written.
    return (
        f"SET @dbferry_next = {furthest}({', '.join([str(first), *known])})",
        f"EXECUTE IMMEDIATE concat({ddl.literal(f'ALTER SEQUENCE {name} RESTART WITH ')}, @dbferry_next)",
    )
