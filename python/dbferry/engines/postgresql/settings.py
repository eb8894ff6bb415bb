"""Reads how PostgreSQL keeps tables and columns, where that isn't as by itself."""

from __future__ import annotations

from collections import defaultdict

from dbferry.catalog import Session

# Those of its TOAST table are told with the table's own.
TABLES = """
SELECT c.oid, concat_ws(', ', pg_catalog.array_to_string(c.reloptions, ', '),
    (SELECT string_agg('toast.' || option, ', ') FROM unnest(t.reloptions) AS u (option)))
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_class t ON t.oid = c.reltoastrelid
WHERE c.relkind IN ('r', 'p') AND (c.reloptions IS NOT NULL OR t.reloptions IS NOT NULL) AND {where}"""

COLUMNS = """
SELECT a.attrelid, a.attname, CASE WHEN a.attstorage <> t.typstorage THEN a.attstorage END,
       nullif({compression}, ''), nullif(a.attstattarget, -1),
       pg_catalog.array_to_string(a.attoptions, ', ')
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm') AND a.attnum > 0 AND NOT a.attisdropped AND {where}
  AND (a.attstorage <> t.typstorage OR {compression} <> '' OR a.attstattarget >= 0 OR a.attoptions IS NOT NULL)
ORDER BY a.attrelid, a.attnum"""

STORAGES = {"p": "PLAIN", "e": "EXTERNAL", "m": "MAIN", "x": "EXTENDED"}
COMPRESSIONS = {"p": "pglz", "l": "lz4"}
Settings = dict[str, list[tuple[str | None, str]]]


def read(session: Session, where: str) -> Settings:
    """By the oid of their table: a column or none, and what is altered about it."""
    found: Settings = defaultdict(list)
    for oid, options in session.query(TABLES.format(where=where)):
        found[oid or ""].append((None, f"SET ({options})"))
    ((version,),) = session.query("SHOW server_version_num")
    compression = "a.attcompression" if int(version or 0) >= 140000 else "''"
    asked = COLUMNS.format(where=where, compression=compression)
    for oid, column, storage, method, target, options in session.query(asked):
        said = [f"SET STORAGE {STORAGES[storage]}"] if storage else []
        said += [f"SET COMPRESSION {COMPRESSIONS[method]}"] if method else []
        said += [f"SET STATISTICS {target}"] if target else []
        said += [f"SET ({options})"] if options else []
        found[oid or ""] += [(column, text) for text in said]
    return found
