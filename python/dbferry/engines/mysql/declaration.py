"""What only SHOW CREATE TABLE tells of a table of MySQL and MariaDB: its own words for keys, partitions and options."""

from __future__ import annotations

import re
from dataclasses import replace

from dbferry.catalog import Check, Column, ForeignKey, Index, Session, Table
from dbferry.engines.mysql import ddl
from dbferry.errors import DataError

# Lines of SHOW CREATE TABLE: text in it is escaped, and never holds a line's end.
INDEX_LINE = re.compile(
    r"  (?:PRIMARY KEY|(?:\w+ )?KEY `(?P<name>(?:[^`]|``)+)`) (?P<own>.*?) ?,?", re.DOTALL
)
KEY_LINE = re.compile(
    r"  CONSTRAINT `(?P<name>(?:[^`]|``)+)` FOREIGN KEY .*?"
    r"(?: ON DELETE (?P<delete>[A-Z ]+?))?(?: ON UPDATE (?P<update>[A-Z ]+?))?,?",
    re.DOTALL,
)
LITERAL = re.compile(rf"{ddl.LITERAL}|`(?:[^`]|``)*`")
ATTRIBUTE = re.compile(
    r"NOT SECONDARY|(?:STORAGE|COLUMN_FORMAT) \w+|SECONDARY_ENGINE_ATTRIBUTE|WITHOUT SYSTEM VERSIONING"
)
"""Words of columns that aren't taken over."""
PERIOD_LINE = re.compile(r"  (PERIOD FOR `(?:[^`]|``)+` \(.*\)),?")
PERIOD_CHECK = re.compile(r"`(?:[^`]|``)+` < `(?:[^`]|``)+`")
"""What a period brings along."""
PARSER = re.compile(r"WITH PARSER `((?:[^`]|``)+)`")
OPTION = re.compile(
    r"(?:/\*!\d+ )?`?([A-Z][A-Z_ ]*)`?=('(?:[^'\\]|''|\\.)*'|\([^)]*\)|\S+)(?: \*/)?"
)

LOST = "????"
Place = tuple[str, str]
PLAIN = frozenset({"ENGINE", "AUTO_INCREMENT", "DEFAULT CHARSET", "COLLATE", "COMMENT"})
"""What the catalog tells as well."""
KEPT = frozenset(
    {"ROW_FORMAT", "KEY_BLOCK_SIZE", "STATS_PERSISTENT", "STATS_AUTO_RECALC", "STATS_SAMPLE_PAGES",
     "COMPRESSION", "AUTOEXTEND_SIZE", "MIN_ROWS", "MAX_ROWS", "AVG_ROW_LENGTH", "PACK_KEYS", "CHECKSUM",
     "DELAY_KEY_WRITE", "PAGE_COMPRESSED", "PAGE_COMPRESSION_LEVEL", "SECONDARY_ENGINE_ATTRIBUTE"}
)  # fmt: skip
"""What every server takes, and what isn't about places or keys of its own."""


def complete(session: Session, table: Table) -> Table:
    """Indexes with their own definitions and in their order; foreign keys with their actions as declared."""
    lines = _lines(session, table.schema, table.name)
    end = next((place for place, line in enumerate(lines) if line.startswith(")")), len(lines))
    own = _keys(lines)
    indexes = [_with_own(index, own.get(index.name or "")) for index in table.indexes]
    places = {name: place for place, name in enumerate(own)}
    rules = {
        ddl.unquoted(match["name"]): (
            match["update"] or "NO ACTION",
            match["delete"] or "NO ACTION",
        )
        for line in lines
        if (match := KEY_LINE.fullmatch(line))
    }
    completed = replace(
        table,
        partitioning=_partitioning(lines[end + 1 :]) if table.kind == "partitioned" else None,
        primary_index=_with_own(table.primary_index, own.get("PRIMARY"))
        if table.primary_index
        else None,
        indexes=tuple(sorted(indexes, key=lambda index: places.get(index.name or "", 0))),
        foreign_keys=tuple(
            _with_rules(key, rules.get(key.name or "")) for key in table.foreign_keys
        ),
    )
    completed = _with_options(_with_periods(completed, lines), lines[end] if lines[end:] else "")
    away = [text for line in lines[:end] for text in ATTRIBUTE.findall(LITERAL.sub("''", line))]
    named = tuple(f"{text} of {table.label}" for text in away)
    return replace(completed, left_out=(*completed.left_out, *named))


def with_periods(session: Session, table: Table) -> Table:
    """Keys of MariaDB whose periods may not overlap: the catalog tells of them as of plain ones."""
    if not any(PERIOD_CHECK.fullmatch(check.expression) for check in table.checks):
        return table
    keys = _keys(_lines(session, table.schema, table.name))
    apart = {name for name, own in keys.items() if "WITHOUT OVERLAPS" in own}
    primary = table.primary_index
    return replace(
        table,
        primary_index=primary and replace(primary, period="PRIMARY" in apart),
        indexes=tuple(replace(index, period=index.name in apart) for index in table.indexes),
    )


def restore(
    session: Session,
    columns: dict[Place, list[Column]],
    checks: dict[Place, list[Check]],
) -> None:
    """The catalog of MariaDB tells four `?` for a character above U+FFFF; the table's own text has it."""
    for place, found in columns.items():
        texts = [text for c in found for text in (c.default, c.generated) if text]
        texts += [check.expression for check in checks[place]]
        if not any(LOST in text for text in texts):
            continue
        told = "\n".join(_lines(session, *place))
        columns[place] = [
            replace(c, default=_true(c.default, told), generated=_true(c.generated, told))
            for c in found
        ]
        checks[place] = [
            replace(c, expression=_true(c.expression, told) or "") for c in checks[place]
        ]


def _keys(lines: list[str]) -> dict[str, str]:
    """What follows the names of its indexes."""
    told = [match for line in lines if (match := INDEX_LINE.fullmatch(line))]
    return {ddl.unquoted(match["name"] or "PRIMARY"): match["own"] for match in told}


def _true(text: str | None, told: str) -> str | None:
    if not text or LOST not in text:
        return text
    pattern = r"(?:\?{4}|[\U00010000-\U0010FFFF])".join(map(re.escape, text.split(LOST)))
    found = re.search(pattern, told)
    return found[0] if found else text


def _lines(session: Session, schema: str, name: str) -> list[str]:
    ask = f"SHOW CREATE TABLE {ddl.relation(schema, name)}"
    try:
        [(_, text)] = session.query(ask)
    except DataError:
        # MariaDB prints bytes that are a default as they are. Names beyond ASCII are `?` then, and stay unknown.
        session.query("SET SESSION character_set_results = ascii")
        [(_, text)] = session.query(ask)
        session.query("SET SESSION character_set_results = utf8mb4")
    return (text or "").split("\n")


def _partitioning(lines: list[str]) -> str | None:
    """All that follows the line of the table's options."""
    text = "\n".join(lines)
    # The rows of the past in such a table are written by nobody but the server.
    return text if text and "SYSTEM_TIME" not in text else None


def _with_own(index: Index, own: str | None) -> Index:
    if own and "?" in own and not all((part.expression or "").isascii() for part in index.parts):
        # The line tells `?` for some characters, and the catalog all of them.
        own = None
    parser = PARSER.search(own or "") if index.method == "fulltext" else None
    return replace(index, own=own, parser=ddl.unquoted(parser[1]) if parser else None)


def _with_rules(key: ForeignKey, rules: tuple[str, str] | None) -> ForeignKey:
    return replace(key, on_update=rules[0], on_delete=rules[1]) if rules else key


def _with_periods(table: Table, lines: list[str]) -> Table:
    """Those of MariaDB, besides the checks that they bring along."""
    told = tuple((None, match[1]) for line in lines if (match := PERIOD_LINE.fullmatch(line)))
    return replace(table, settings=(*table.settings, *told))


def _with_options(table: Table, line: str) -> Table:
    """How a table of InnoDB is kept; what isn't taken over is named."""
    told = {match[1]: match[0] for match in OPTION.finditer(line)}
    engine = told.get("ENGINE", "ENGINE=InnoDB").partition("=")[2]
    options = [(name, text) for name, text in told.items() if name not in PLAIN]
    kept = [text for name, text in options if name in KEPT and engine == "InnoDB"]
    away = [f"{text} of {table.label}" for _, text in options if text not in kept]
    if engine != "InnoDB":
        away = [
            f"engine {engine} of {table.label} (what is made is InnoDB, which has transactions)"
        ]
    return replace(
        table,
        settings=(*table.settings, *((None, text) for text in kept)),
        left_out=(*table.left_out, *away),
    )
