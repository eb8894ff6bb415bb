"""What MySQL and MariaDB tell of one query.

The server prepares it and defines every column of the result. Where a column comes from a table as it is, the
catalog knows more (labels, JSON, UUID), and is asked for that table; else the definition has to do.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from dbferry.catalog import Catalog, Column, NativeType, Session, Table
from dbferry.engines.mysql import catalog, ddl
from dbferry.engines.mysql.types import BLOBS, GEOMETRIES, TEXTS, VARCHAR_CHARACTERS

# The protocol's byte of a type → its name.
NAMES: Mapping[int, str] = {
    0: "decimal", 1: "tinyint", 2: "smallint", 3: "int", 4: "float", 5: "double", 6: "longtext", 7: "timestamp",
    8: "bigint", 9: "mediumint", 10: "date", 11: "time", 12: "datetime", 13: "year", 14: "date",
    16: "bit", 245: "json", 246: "decimal", 255: "geometry",
}  # fmt: skip
STRINGS = (253, 254)
BYTES_PER_CHARACTER = 4
UNSIGNED = 0x20
BYTES = 63
# What the definition of a column shows as plain text or bytes.
HIDDEN = frozenset({"json", "enum", "set", "uuid", "inet4", "inet6", "vector", *TEXTS, *BLOBS})

Origin = tuple[str, str, str]


def query(session: Session, sql: str) -> Catalog:
    mariadb = "mariadb" in session.version.lower()
    described = json.loads(session.describe(sql))
    known = _known(session, {tuple(d["origin"]) for d in described if d["origin"]}, mariadb=mariadb)
    columns = []
    for place, told in enumerate(described, start=1):
        made = defined(told)
        exact = known.get(tuple(told["origin"])) if told["origin"] else None
        if exact is not None and _agree(made, exact):
            made = exact
        columns.append(Column(name=told["name"], position=place, native=made))
    ((default,),) = session.query("SELECT database()")
    return Catalog(
        engine="mariadb" if mariadb else "mysql",
        version=session.version,
        default_schema=default,
        schemas=("",),
        tables=(Table(schema="", name="query", columns=tuple(columns), kind="query", query=sql),),
    )


def _known(session: Session, origins: set[Origin], *, mariadb: bool) -> dict[Origin, NativeType]:
    found: dict[Origin, NativeType] = {}
    for schema, table in {origin[:2] for origin in origins}:
        where = f"table_schema = {ddl.literal(schema)} AND table_name = {ddl.literal(table)}"
        for columns in catalog.read_columns(session, where, mariadb=mariadb).values():
            for column in columns:
                found[schema, table, column.name] = column.native
    return found


def _agree(made: NativeType, exact: NativeType) -> bool:
    """A name that a query gives to a part of itself may be that of a table too."""
    if made.name in HIDDEN:
        return exact.name in HIDDEN
    if made.name == "geometry":
        return exact.name in GEOMETRIES
    return made.name == exact.name and made.unsigned == exact.unsigned


def defined(told: Mapping[str, Any]) -> NativeType:
    """The type that the definition of a column names."""
    number, decimals, binary = told["number"], told["decimals"], told["collation"] == BYTES
    unsigned = bool(told["flags"] & UNSIGNED)
    name = NAMES.get(number) or ("longblob" if binary else "longtext")
    precision = scale = length = None
    match name:
        case "decimal":
            scale = decimals
            precision = told["size"] - (1 if decimals else 0) - (0 if unsigned else 1)
        case "time" | "datetime" | "timestamp":
            precision = min(decimals, 6)
        case "bit":
            length = told["size"]
        case "longtext" if (
            number in STRINGS and told["size"] // BYTES_PER_CHARACTER <= VARCHAR_CHARACTERS
        ):
            # Counted in bytes of the session's character set; no value is longer.
            name, length = "varchar", told["size"] // BYTES_PER_CHARACTER
        case _:
            pass
    return NativeType(
        name=name,
        text=name if name != "varchar" else f"varchar({length})",
        precision=precision,
        scale=scale,
        length=length,
        unsigned=unsigned,
        charset=None if name == "json" else "utf8mb4" if name in ("longtext", "varchar") else None,
    )
