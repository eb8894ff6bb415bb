"""Between two of this dialect: a column keeps its own type, and its values their own text or bytes.

What only one of MySQL and MariaDB knows is said in the other's nearest words.
"""

from __future__ import annotations

import re
from dataclasses import replace

from dbferry.catalog import Catalog, NativeType, Table
from dbferry.engines.mysql import collations
from dbferry.engines.mysql.types import BITS, BLOBS, GEOMETRIES, simple, words
from dbferry.types import Declared, Verbatim, Verdict

# The text protocol prints six digits of a FLOAT, and all of a DOUBLE.
FLOAT = "({c} + 0e0)"
ONE_SIDED = re.compile(r"\b(DEFAULT|ALGORITHM|DIRECTORY)\b")
"""Words of partitions that one of the two reads otherwise, or that name places of its own server."""
VECTORS = {"mariadb": (11, 7), "mysql": (9,)}
VECTOR_TEXT = {"mariadb": "VECTOR_TO_STRING({c})", "mysql": "VEC_ToText({c})"}
"""By the target: the source is the other one."""


def same(native: NativeType) -> Verbatim:
    """Between two of one flavour."""
    return _loaded(Declared(native=native))


def other(native: NativeType, target: Catalog) -> Verbatim:
    """From one flavour to the other."""
    match native.name:
        case "json":
            return Verbatim(declared=_json(target))
        case "uuid":
            text = words("char", "char(36)", charset="ascii", collation="ascii_bin", length=36)
            return _as_text(text, "X-UUID", "a uuid is its text")
        case "inet4" | "inet6":
            text = words("varchar", "varchar(43)", collation="utf8mb4_bin", length=43)
            return _as_text(text, "X-ADDRESS", "an address is its text")
        case "vector" if target.numbers < VECTORS[target.engine]:
            told = "its numbers come with six digits, as the source prints them"
            json = Declared(
                native=simple("json"), verdict=Verdict.WARNING, code="X-VECTOR", note=told
            )
            return Verbatim(declared=json, expression=VECTOR_TEXT[target.engine])
        case _:
            return _loaded(_declared(native, target))


def parts_alike(table: Table) -> bool:
    """True when the words of its partitions are both servers' own; text is in another order in each."""
    told = table.partitioning or ""
    texts = any(c.native.charset is not None and c.name in told for c in table.columns)
    return not texts and ONE_SIDED.search(told) is None


def _loaded(declared: Declared) -> Verbatim:
    name = declared.native.name
    if name in BLOBS or name in GEOMETRIES or name in ("bit", "vector"):
        return Verbatim(declared=declared, expression="HEX({c})", write="hex")
    if name == "enum":
        # A label that is a number would be taken for the place of another one.
        return Verbatim(declared=declared, expression="{c} + 0", write="index")
    return Verbatim(declared=declared, expression=FLOAT if name == "float" else "{c}")


def _as_text(native: NativeType, code: str, note: str) -> Verbatim:
    return Verbatim(declared=Declared(native=native, verdict=Verdict.NOTE, code=code, note=note))


def _json(target: Catalog) -> Declared:
    if target.engine == "mariadb":
        return Declared(native=simple("json"))
    return Declared(
        native=simple("json"),
        verdict=Verdict.WARNING,
        code="J-NORM",
        note="the server normalises JSON: order, duplicate keys, numbers beyond a double",
    )


def _declared(native: NativeType, target: Catalog) -> Declared:
    """The type without the words of its own server; a collation that both know, or its nearest."""
    text = re.sub(r"\s*/\*.*?\*/| SRID \d+$", "", native.text)
    if native.name in BITS and text != "tinyint(1)" and "zerofill" not in text:
        text = re.sub(r"^(\w+)\(\d+\)", r"\1", text)
    if native.name == "year":
        text = "year"
    native = replace(native, text=text.replace("geomcollection", "geometrycollection"))
    if native.collation is None or native.collation in target.collations:
        return Declared(native=native)
    chosen, note = collations.standing_for(native.collation, target.engine, target.collations)
    charset = (chosen or "").partition("_")[0]
    native = replace(native, charset=charset, collation=chosen)
    if native.labels:
        # Labels are ordered by their place, and a collation that holds them apart does.
        return Declared(native=native)
    return Declared(
        native=native,
        verdict=Verdict.NOTE,
        code="C-NAME",
        note=note,
    )
