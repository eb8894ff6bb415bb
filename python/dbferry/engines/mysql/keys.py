"""Reads the indexes and foreign keys of MySQL and MariaDB, each view of information_schema once."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import groupby

from dbferry.catalog import ForeignKey, Index, Part, Session
from dbferry.engines.mysql import clauses

INDEXES = """
SELECT table_schema, table_name, index_name, non_unique, column_name, collation, sub_part, index_type,
       {expression}, {hidden}, index_comment
FROM information_schema.statistics
WHERE {where}
ORDER BY table_schema, table_name, index_name, seq_in_index"""

USAGE = """
SELECT table_schema, table_name, constraint_name, column_name, referenced_table_schema,
       referenced_table_name, referenced_column_name
FROM information_schema.key_column_usage
WHERE referenced_table_name IS NOT NULL AND {where}
ORDER BY table_schema, table_name, constraint_name, ordinal_position"""

RULES = """
SELECT constraint_schema, table_name, constraint_name, update_rule, delete_rule
FROM information_schema.referential_constraints WHERE {where}"""

Place = tuple[str, str]


@dataclass
class Keys:
    indexes: dict[Place, list[Index]] = field(default_factory=lambda: defaultdict(list))
    primary: dict[Place, Index] = field(default_factory=dict)
    foreign_keys: dict[Place, list[ForeignKey]] = field(default_factory=lambda: defaultdict(list))


def read(session: Session, where: str, *, mariadb: bool) -> Keys:
    """By schema and name of their table."""
    keys = Keys()
    query = INDEXES.format(
        where=where,
        expression="NULL" if mariadb else "expression",
        hidden="ignored = 'YES'" if mariadb else "is_visible = 'NO'",
    )
    for (schema, table, name), parts in groupby(session.query(query), lambda row: row[:3]):
        place, index = (schema or "", table or ""), _index(list(parts))
        if name == "PRIMARY":
            keys.primary[place] = index
        else:
            keys.indexes[place].append(index)
    _foreign_keys(session, where, keys, mariadb=mariadb)
    return keys


def _index(rows: list[tuple[str | None, ...]]) -> Index:
    _, _, name, non_unique, *_, hidden, comment = rows[0]
    method, unique = (rows[0][7] or "").lower(), non_unique == "0"
    return Index(
        name=name,
        parts=tuple(_part(row, method) for row in rows),
        unique=unique,
        constraint=unique,
        # MariaDB keeps long values apart by a hash of its own.
        method="btree" if unique else method,
        hidden=hidden == "1",
        comment=comment or None,
    )


def _part(row: tuple[str | None, ...], method: str) -> Part:
    _, _, _, _, column, order, size, _, expression = row[:9]
    return Part(
        column=column,
        expression=clauses.plain(expression) if expression else None,
        descending=order == "D",
        prefix=int(size) if size and method != "spatial" else None,
    )


def _foreign_keys(session: Session, where: str, keys: Keys, *, mariadb: bool) -> None:
    rules = {
        row[:3]: (_action(row[3], mariadb=mariadb), _action(row[4], mariadb=mariadb))
        for row in session.query(
            RULES.format(where=where.replace("table_schema", "constraint_schema"))
        )
    }
    usage = session.query(USAGE.format(where=where))
    for (schema, table, name), pairs in groupby(usage, lambda row: row[:3]):
        rows = list(pairs)
        on_update, on_delete = rules.get((schema, table, name), ("NO ACTION", "NO ACTION"))
        keys.foreign_keys[schema or "", table or ""].append(
            ForeignKey(
                name=name,
                columns=tuple(row[3] or "" for row in rows),
                schema=rows[0][4] or "",
                table=rows[0][5] or "",
                references=tuple(row[6] or "" for row in rows),
                on_update=on_update,
                on_delete=on_delete,
            )
        )


def _action(rule: str | None, *, mariadb: bool) -> str:
    """MariaDB says RESTRICT where nothing was said; the two are one here."""
    return "NO ACTION" if rule is None or (mariadb and rule == "RESTRICT") else rule
