"""Reads the indexes and foreign keys of MySQL and MariaDB, each view of information_schema once."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import groupby

from dbferry.catalog import ForeignKey, Index, Part, Session

INDEXES = """
SELECT table_schema, table_name, index_name, non_unique, column_name, collation, sub_part, index_type,
       {expression}, {hidden}
FROM information_schema.statistics
WHERE index_name <> 'PRIMARY' AND {where}
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
    foreign_keys: dict[Place, list[ForeignKey]] = field(default_factory=lambda: defaultdict(list))
    left_out: dict[Place, list[str]] = field(default_factory=lambda: defaultdict(list))


def read(session: Session, where: str, *, mariadb: bool) -> Keys:
    """By schema and name of their table."""
    keys = Keys()
    query = INDEXES.format(
        where=where,
        expression="NULL" if mariadb else "expression",
        hidden="ignored = 'YES'" if mariadb else "is_visible = 'NO'",
    )
    for (schema, table, name), parts in groupby(session.query(query), lambda row: row[:3]):
        rows = list(parts)
        place = (schema or "", table or "")
        why = _not_plain(rows[0], [row[8] for row in rows])
        if why:
            keys.left_out[place].append(f"index {name} of {schema}.{table} ({why})")
            continue
        unique = rows[0][3] == "0"
        keys.indexes[place].append(
            Index(
                name=name,
                parts=tuple(
                    Part(
                        column=row[4] or "",
                        descending=row[5] == "D",
                        prefix=int(row[6]) if row[6] else None,
                    )
                    for row in rows
                ),
                unique=unique,
                constraint=unique,
            )
        )
    _foreign_keys(session, where, keys)
    return keys


def _not_plain(row: tuple[str | None, ...], expressions: list[str | None]) -> str | None:
    kind, hidden = (row[7] or "").lower(), row[9]
    if any(expressions):
        return "on an expression"
    if kind != "btree":
        return kind
    return "not used by the server" if hidden == "1" else None


def _foreign_keys(session: Session, where: str, keys: Keys) -> None:
    rules = {
        row[:3]: (_action(row[3]), _action(row[4]))
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


def _action(rule: str | None) -> str:
    """Both wait for nothing here, and MariaDB says RESTRICT where nothing was said."""
    return "NO ACTION" if rule in (None, "RESTRICT") else str(rule)
