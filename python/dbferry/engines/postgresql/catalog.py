"""Reads PostgreSQL's catalogs: everything from pg_catalog, names made without the search path."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from dbferry.catalog import (
    Catalog,
    Column,
    Identity,
    IdentityKind,
    NativeType,
    NumberSequence,
    Session,
    Table,
    UserType,
)
from dbferry.engines.postgresql import checks, ddl, extras, objects, partitions, settings
from dbferry.engines.postgresql import keys as keys_of_tables
from dbferry.engines.postgresql.keys import Keys
from dbferry.engines.postgresql.tables import MARK, NAMED

USER_SCHEMAS = (
    "n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp_)'"
)
OF_EXTENSION = (
    "EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = '{catalog}'::pg_catalog.regclass"
    " AND d.objid = {oid} AND d.deptype = 'e')"
)
MEANWHILE = (
    f"(c.relname ~ {ddl.literal(NAMED)} "
    f"AND pg_catalog.obj_description(c.oid, 'pg_class') IS NOT DISTINCT FROM {ddl.literal(MARK)})"
)
"""What dbferry makes a table of that is to inherit, and what a run that was killed has left of it."""

TABLES = """
SELECT c.oid, n.nspname, c.relname, c.relkind,
       EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE i.inhparent = c.oid),
       greatest(c.reltuples, 0)::bigint, pg_catalog.pg_total_relation_size(c.oid),
       pg_catalog.obj_description(c.oid, 'pg_class'), c.relpersistence = 'u'
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't' AND {where}
  AND NOT {of_extension} AND NOT {meanwhile}
ORDER BY n.nspname, c.relname"""

LEAVES = """
SELECT c.oid, n.nspname, l.relname, l.relkind, greatest(l.reltuples, 0)::bigint,
       pg_catalog.pg_total_relation_size(l.oid)
FROM pg_catalog.pg_class c
CROSS JOIN LATERAL pg_catalog.pg_partition_tree(c.oid) t
JOIN pg_catalog.pg_class l ON l.oid = t.relid
JOIN pg_catalog.pg_namespace n ON n.oid = l.relnamespace
WHERE c.relkind = 'p' AND NOT c.relispartition AND t.isleaf AND l.relkind <> 'p'
ORDER BY 1, 2, 3"""

# A domain is walked to its base; the typmod is the domain's own once one is met.
COLUMNS = """
WITH RECURSIVE base (oid, typid, typmod) AS (
    SELECT t.oid, t.oid, -1 FROM pg_catalog.pg_type t
  UNION ALL
    SELECT b.oid, t.typbasetype, t.typtypmod
    FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.typid WHERE t.typtype = 'd'
)
SELECT a.attrelid, a.attname, a.attnum, NOT a.attnotnull AND NOT dt.typnotnull,
       pg_catalog.pg_get_expr(ad.adbin, ad.adrelid), a.attidentity, a.attgenerated,
       t.typname, tn.nspname, t.oid, t.typtype, t.typelem, e.typname, e.oid, e.typtype,
       CASE WHEN dt.typtype = 'd' THEN b.typmod ELSE a.atttypmod END,
       pg_catalog.format_type(t.oid, CASE WHEN dt.typtype = 'd' THEN b.typmod ELSE a.atttypmod END),
       CASE WHEN dt.typtype = 'd'
            THEN '"' || replace(dn.nspname, '"', '""') || '"."'
                 || replace(dt.typname, '"', '""') || '"' END,
       en.nspname, t.typcategory,
       CASE WHEN a.attcollation <> dt.typcollation
            THEN '"' || replace(cn.nspname, '"', '""') || '"."'
                 || replace(co.collname, '"', '""') || '"' END,
       pg_catalog.col_description(a.attrelid, a.attnum), a.attinhcount > 0, a.attislocal
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_type dt ON dt.oid = a.atttypid
JOIN pg_catalog.pg_namespace dn ON dn.oid = dt.typnamespace
JOIN base b ON b.oid = a.atttypid
JOIN pg_catalog.pg_type t ON t.oid = b.typid AND t.typtype <> 'd'
JOIN pg_catalog.pg_namespace tn ON tn.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND t.typcategory = 'A'
LEFT JOIN pg_catalog.pg_namespace en ON en.oid = e.typnamespace
LEFT JOIN pg_catalog.pg_collation co ON co.oid = a.attcollation
LEFT JOIN pg_catalog.pg_namespace cn ON cn.oid = co.collnamespace
LEFT JOIN pg_catalog.pg_attrdef ad ON ad.adrelid = a.attrelid AND ad.adnum = a.attnum
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND {where}
ORDER BY a.attrelid, a.attnum"""

FILTERED = """
SELECT n.nspname, c.relname FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND c.relrowsecurity AND {where} AND pg_catalog.row_security_active(c.oid)"""

ANCESTORS = """
SELECT i.inhrelid, n.nspname, p.relname
FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid AND c.relkind = 'r' AND NOT c.relispartition
JOIN pg_catalog.pg_class p ON p.oid = i.inhparent
JOIN pg_catalog.pg_namespace n ON n.oid = p.relnamespace ORDER BY i.inhrelid, i.inhseqno"""

KEYS = """
SELECT k.conrelid, k.conname, a.attname
FROM pg_catalog.pg_constraint k
CROSS JOIN LATERAL unnest(k.conkey) WITH ORDINALITY AS p (attnum, place)
JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = p.attnum
WHERE k.contype = 'p' ORDER BY k.conrelid, p.place"""

COLLATIONS = """
SELECT '"' || replace(n.nspname, '"', '""') || '"."' || replace(o.collname, '"', '""') || '"'
FROM pg_catalog.pg_collation o JOIN pg_catalog.pg_namespace n ON n.oid = o.collnamespace
WHERE o.collencoding IN (-1, (SELECT encoding FROM pg_catalog.pg_database
                              WHERE datname = pg_catalog.current_database()))"""

# Since 16 a member of a role may be one that can't become it, and give it nothing.
HEIRS = """
SELECT rolname FROM pg_catalog.pg_roles WHERE pg_catalog.pg_has_role(oid, CASE WHEN
    pg_catalog.current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END)"""
FIRST_USER_OID = 16384
WHOLE = ("int2", "int4", "int8")


def read(session: Session, schemas: Collection[str] = (), *, alike: bool = True) -> Catalog:
    """Every schema of the database: `schemas` has none to add."""
    ((path,),) = session.query("SHOW search_path")
    # What the server prints names every object with its schema.
    session.query("SELECT pg_catalog.set_config('search_path', '', false)")
    try:
        return _read(session, alike=alike)
    finally:
        session.query(
            f"SELECT pg_catalog.set_config('search_path', {ddl.literal(path or '')}, false)"
        )


def _read(session: Session, *, alike: bool) -> Catalog:
    where = USER_SCHEMAS
    types = objects.user_types(session)
    of_extension = OF_EXTENSION.format(catalog="pg_catalog.pg_class", oid="c.oid")
    listed = session.query(
        TABLES.format(where=where, of_extension=of_extension, meanwhile=MEANWHILE)
    )
    sequences = objects.sequences(
        session, {row[0] or "": (row[1] or "", row[2] or "") for row in listed}
    )
    checked = checks.read(session)
    columns = _columns(session, where, types, sequences, checked)
    others = keys_of_tables.read(session, where)
    kept = settings.read(session, where)
    behind = _behind_identities(columns)
    namespaces = session.query(
        f"SELECT n.nspname FROM pg_catalog.pg_namespace n WHERE {where} ORDER BY 1"
    )
    return Catalog(
        engine="postgresql",
        version=session.version,
        default_schema="public",
        schemas=tuple(row[0] or "" for row in namespaces),
        tables=tuple(_tables(session, listed, columns, others, kept, checked)),
        types=types,
        views=objects.views(session, where, of_extension, others, kept),
        sequences=tuple(sequence for sequence in sequences.all if sequence not in behind),
        skipped=tuple(extras.large_objects(session)),
        extras=(extras.read if alike else extras.common)(session, where),
        roles=frozenset(
            row[0] or "" for row in session.query("SELECT rolname FROM pg_catalog.pg_roles")
        ),
        user=session.query("SELECT current_user")[0][0],
        heirs=frozenset(row[0] or "" for row in session.query(HEIRS)),
        collations=frozenset(row[0] or "" for row in session.query(COLLATIONS)),
        settings={"lc_monetary": session.query("SHOW lc_monetary")[0][0] or ""},
        extensions=frozenset(
            row[0] or "" for row in session.query("SELECT extname FROM pg_catalog.pg_extension")
        ),
    )


def _tables(
    session: Session,
    listed: Sequence[tuple[str | None, ...]],
    columns: Mapping[str, Sequence[Column]],
    others: Keys,
    kept: settings.Settings,
    checked: checks.Checks,
) -> list[Table]:
    keys: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for relid, constraint, name in session.query(KEYS):
        keys[relid or ""].append((constraint or "", name or ""))
    leaves: dict[str, list[tuple[str, str, int, int]]] = defaultdict(list)
    foreign: set[str] = set()
    for oid, schema, name, relkind, rows, size in session.query(LEAVES):
        foreign |= {oid or ""} if relkind == "f" else set()
        leaves[oid or ""].append((schema or "", name or "", int(rows or 0), int(size or 0)))
    ancestors: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for oid, schema, name in session.query(ANCESTORS):
        ancestors[oid or ""].append((schema or "", name or ""))
    parted = partitions.read(session, others, kept, checked)
    hidden = session.query(FILTERED.format(where=USER_SCHEMAS))
    filtered = {(schema, name) for schema, name in hidden}
    tables: list[Table] = []
    for row in listed:
        oid, schema, name, relkind, has_children, rows, size, comment, unlogged = row
        key = keys[oid or ""]
        parts = leaves[oid or ""]
        kind = "partitioned" if relkind == "p" else "parent" if has_children == "t" else "table"
        tables.append(
            Table(
                schema=schema or "",
                name=name or "",
                columns=tuple(columns[oid or ""]),
                primary_key=tuple(column for _, column in key),
                primary_key_name=key[0][0] if key else None,
                kind=kind,
                # A foreign leaf has no places to cut by: such a table is read as one.
                leaves=() if oid in foreign else tuple((s, n) for s, n, _, _ in parts),
                filtered=bool({(schema, name), *((s, n) for s, n, _, _ in parts)} & filtered),
                estimated_rows=int(rows or 0) + sum(p[2] for p in parts),
                estimated_bytes=int(size or 0) + sum(p[3] for p in parts),
                comment=comment,
                unlogged=unlogged == "t",
                ancestors=tuple(ancestors[oid or ""]),
                indexes=tuple(others.indexes[oid or ""]),
                primary_index=others.primary.get(oid or ""),
                foreign_keys=tuple(others.foreign_keys[oid or ""]),
                statistics=tuple(others.statistics[oid or ""]),
                replica_identity=others.replica_identities.get(oid or ""),
                left_out=tuple(others.left_out[oid or ""]),
                settings=tuple(kept[oid or ""]),
                checks=tuple(checked.of[oid or ""]),
                # A foreign leaf would have to be made of another server.
                partitioning=parted.keys.get(oid or "") if oid not in foreign else None,
                partitions=tuple(parted.partitions[oid or ""]),
            )
        )
    return tables


def _behind_identities(columns: dict[str, list[Column]]) -> set[NumberSequence]:
    return {
        column.identity.sequence
        for found in columns.values()
        for column in found
        if column.identity and column.identity.sequence and column.draws is None
    }


def _identity(sequence: NumberSequence | None, *, declared: str, serial: bool) -> Identity | None:
    if sequence is None or not (declared or serial):
        return None
    kinds = {"a": IdentityKind.ALWAYS, "d": IdentityKind.BY_DEFAULT}
    return Identity(
        kind=kinds.get(declared, IdentityKind.SERIAL),
        sequence=sequence,
        increment=sequence.increment,
        next_value=sequence.following if sequence.readable else None,
    )


def _only_draws(default: str | None, drawn: NumberSequence | None) -> bool:
    return drawn is not None and default == ddl.draw(drawn)


def _default(text: str | None, drawn: NumberSequence | None) -> str | None:
    """A default that only draws from a sequence is told in one way."""
    if drawn is not None and re.fullmatch(r"nextval\('(?:[^']|'')*'::regclass\)", text or ""):
        return ddl.draw(drawn)
    return text


def _columns(
    session: Session,
    where: str,
    types: tuple[UserType, ...],
    sequences: objects.Sequences,
    checked: checks.Checks,
) -> dict[str, list[Column]]:
    labels = {(t.schema, t.name): t.labels for t in types}
    columns: dict[str, list[Column]] = defaultdict(list)
    for row in session.query(COLUMNS.format(where=where)):
        relid, name, position, nullable, text, declared, generated = row[:7]
        place = (relid or "", name or "")
        drawn = sequences.drawn.get(place)
        owned, own = sequences.owned.get(place), native(row, labels)
        default = None if generated else _default(text, drawn)
        # One that a column owns makes it serial only if the default of whole numbers is nothing but its next one.
        serial = own.name in WHOLE and owned == drawn and _only_draws(default, drawn)
        columns[relid or ""].append(
            Column(
                name=name or "",
                position=int(position or 0),
                nullable=nullable == "t" or checked.may_be_null(*place),
                not_null=checked.not_null.get(place),
                native=replace(own, collation=row[20]),
                identity=_identity(owned, declared=declared or "", serial=serial),
                default=default,
                draws=drawn,
                generated=text if generated else None,
                stored=generated == "s",
                comment=row[21],
                inherited=row[22] == "t",
                local=row[23] == "t",
            )
        )
    if any(
        "money" in (c.native.name, c.native.element) for found in columns.values() for c in found
    ):
        _money(session, columns)
    return columns


def _money(session: Session, columns: dict[str, list[Column]]) -> None:
    """The digits after the point of money are a setting of the database."""
    digits = money_digits(session)
    for found in columns.values():
        for place, column in enumerate(found):
            if "money" in (column.native.name, column.native.element):
                found[place] = replace(column, native=replace(column.native, scale=digits))


def money_digits(session: Session) -> int:
    return int(session.query("SELECT scale((0::money)::numeric)")[0][0] or 2)


def _kind(typtype: str | None) -> str:
    found = objects.KINDS.get(typtype or "", "base")
    # Several ranges travel as one does.
    return "range" if found == "multirange" else found


def native(
    row: tuple[str | None, ...], labels: dict[tuple[str, str], tuple[str, ...]]
) -> NativeType:
    name, schema, oid, typtype, _, element, element_oid, _ = row[7:15]
    typmod, text, domain, element_schema, category = row[15:20]
    is_array = category == "A" and element is not None
    precision = scale = length = None
    modifier = int(typmod or -1)
    sized = element if is_array else name
    if sized == "numeric" and modifier >= 0:
        precision = ((modifier - 4) >> 16) & 0xFFFF
        scale = (((modifier - 4) & 0x7FF) ^ 1024) - 1024
    elif sized in ("varchar", "bpchar") and modifier >= 0:
        length = modifier - 4
    elif sized in ("bit", "varbit") and modifier >= 0:
        length = modifier
    elif sized in ("time", "timetz", "timestamp", "timestamptz") and modifier >= 0:
        precision = modifier
    owner, bare = (element_schema, element) if is_array else (schema, name)
    if owner != "pg_catalog":
        # format_type's text depends on the search path: only its modifier is taken.
        found = text or ""
        start = found.find("(", 1) if found.endswith((")", ")[]")) else -1
        suffix = found[start:].removesuffix("[]") if start >= 0 else ""
        text = f"{ddl.quote(owner or '')}.{ddl.quote(bare or '')}{suffix}{'[]' if is_array else ''}"
    numbers = [int(number) for number in (oid, element_oid) if number]
    return NativeType(
        name=(name or "").lower(),
        text=text or "",
        precision=precision,
        scale=scale,
        length=length,
        labels=labels.get((schema or "", name or ""), ()),
        schema=owner,
        kind="array" if is_array else _kind(typtype),
        domain=domain,
        element=element if is_array else None,
        binary=all(number < FIRST_USER_OID for number in numbers)
        and not (name or "").startswith(("reg", "_reg", "_record", "_aclitem", "aclitem")),
    )
