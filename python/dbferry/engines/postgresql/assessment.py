"""What an assessment asks of PostgreSQL: sizes, rights and settings on either side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from dbferry.assessment.finding import (
    Finding,
    Level,
    Pace,
    Room,
    SourceEnd,
    TargetEnd,
    each,
    judged,
)
from dbferry.catalog import Catalog, Session, Table
from dbferry.engines.postgresql import ddl
from dbferry.engines.postgresql.catalog import USER_SCHEMAS

OLDEST = (12,)
NEWEST = "18"
LONG_SECONDS = 600
"""A transaction that is older holds back the cleaning of all tables, and locks that a load may need."""
WAL_MB = 4096
"""Below this a load forces checkpoints one after the other."""

SIZES = f"""
SELECT n.nspname, c.relname, sum(pg_catalog.pg_table_size(t.oid))::bigint,
       sum(pg_catalog.pg_indexes_size(t.oid))::bigint
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (SELECT c.oid UNION SELECT relid FROM pg_catalog.pg_partition_tree(c.oid)) t
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND {USER_SCHEMAS} GROUP BY 1, 2"""

UNREADABLE = f"""
SELECT n.nspname, c.relname, pg_catalog.has_schema_privilege(n.oid, 'USAGE')
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND {USER_SCHEMAS} AND NOT (
  pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND (
    pg_catalog.has_table_privilege(c.oid, 'SELECT') OR NOT EXISTS (
      SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0
      AND NOT a.attisdropped AND NOT pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT'))))"""

SEQUENCES = f"""
SELECT n.nspname, c.relname FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE {USER_SCHEMAS} AND
  CASE WHEN c.relkind = 'S' THEN NOT pg_catalog.has_sequence_privilege(c.oid, 'SELECT,USAGE') END
ORDER BY 1, 2"""

NAMELESS = f"""
SELECT n.nspname, c.relname FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND {USER_SCHEMAS} AND (c.relreplident = 'n' OR c.relreplident = 'd'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisprimary))"""

# Places are what the server, the database and the role leave each.
PLACES = """
SELECT least(
  current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
    - (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE backend_type = 'client backend'),
  (SELECT CASE WHEN datconnlimit < 0 THEN 100000 ELSE datconnlimit
     - (SELECT count(*) FROM pg_catalog.pg_stat_activity a WHERE a.datid = d.oid) END
   FROM pg_catalog.pg_database d WHERE datname = current_database()),
  (SELECT CASE WHEN rolconnlimit < 0 OR rolsuper THEN 100000 ELSE rolconnlimit
     - (SELECT count(*) FROM pg_catalog.pg_stat_activity a WHERE a.usesysid = r.oid) END
   FROM pg_catalog.pg_roles r WHERE rolname = current_user))"""

OLD = """
SELECT count(*), coalesce(max(extract(epoch FROM now() - xact_start)), 0)::bigint
FROM pg_catalog.pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
  AND xact_start < now() - interval '1 second' * {seconds}"""

TRIGGERS = """
SELECT DISTINCT n.nspname, c.relname FROM pg_catalog.pg_trigger t
JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE NOT t.tgisinternal AND t.tgenabled IN ('O', 'A')"""

RIGHTS = """
SELECT n.nspname, c.relname,
       pg_catalog.has_table_privilege(c.oid, 'SELECT') AND pg_catalog.has_table_privilege(c.oid, 'INSERT'),
       pg_catalog.has_table_privilege(c.oid, 'TRUNCATE'), pg_catalog.pg_has_role(c.relowner, 'USAGE')
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p')"""


def pace() -> Pace:
    return Pace(bytes=40_000_000, table=0.015, log=1.0)


def oldest(engine: str) -> tuple[int, ...]:
    return OLDEST


def empty(engine: str, version: str | None, database: str) -> Catalog:
    """A fresh database: nothing in it but its first schema."""
    return Catalog(
        engine=engine,
        version=version or NEWEST,
        schemas=("public",),
        default_schema="public",
        tables=(),
        extensions=frozenset({"plpgsql"}),
    )


def sizes(session: Session, tables: Sequence[Table]) -> Mapping[str, Room]:
    rows = session.query(SIZES)
    return {f"{s}.{t}": Room(data=int(d or 0), indexes=int(i or 0)) for s, t, d, i in rows}


def check_source(end: SourceEnd) -> Iterable[Finding]:
    session = end.session
    yield from _readable(end)
    yield from _unfiltered(end)
    yield from _sequences(session)
    yield _places(session, end.workers)
    yield _encoding(session, "the source")
    yield _zone(session)
    ((count, seconds),) = session.query(OLD.format(seconds=LONG_SECONDS))
    yield judged(
        "long-transactions", count == "0",
        good=f"no transaction is older than {LONG_SECONDS} s",
        bad=f"{count} transactions are older than {LONG_SECONDS} s, the oldest {seconds} s",
        why="they hold locks, and a snapshot beside them keeps dead rows on the disk",
        sql="SELECT pid, usename, xact_start, query FROM pg_stat_activity ORDER BY xact_start LIMIT 5;",
    )  # fmt: skip
    yield from _changes(end)


def _user(session: Session) -> str:
    return ddl.quote(session.query("SELECT current_user")[0][0] or "")


def _labels(rows: Sequence[tuple[str | None, ...]], tables: Sequence[Table]) -> list[str]:
    """Those of the tables that the rows begin with schema and name of."""
    found = {(row[0], row[1]) for row in rows}
    return [t.label for t in tables if {(t.schema, t.name), *t.leaves} & found]


def _readable(end: SourceEnd) -> list[Finding]:
    user = _user(end.session)
    rows = end.session.query(UNREADABLE)
    closed = {row[0] for row in rows if row[2] != "t"}
    grants = {
        t.label: (f"GRANT USAGE ON SCHEMA {ddl.quote(t.schema)} TO {user}; " * (t.schema in closed))
        + "; ".join(
            f"GRANT SELECT ON {ddl.relation(*place)} TO {user}"
            for place in ((t.schema, t.name), *t.leaves)
        )
        + ";"
        for t in end.tables
    }
    return each(
        "read-tables", _labels(rows, end.tables), level=Level.BLOCKED, sql=grants,
        good=f"{user} may read every table",
        bad=f"{user} may not read it: it is left out of this report and a run would fail",
    )  # fmt: skip


def _unfiltered(end: SourceEnd) -> list[Finding]:
    user = _user(end.session)
    hidden = [table.label for table in end.tables if table.filtered]
    return each(
        "row-security", hidden, level=Level.DECIDE,
        sql=dict.fromkeys(hidden, f"ALTER ROLE {user} BYPASSRLS;"),
        good="no policy hides rows from this user",
        bad="a row-level policy may hide rows from this user, and what it hides isn't moved",
    )  # fmt: skip


def _sequences(session: Session) -> list[Finding]:
    user, rows = _user(session), session.query(SEQUENCES)
    grants = " ".join(
        f"GRANT SELECT, USAGE ON SEQUENCE {ddl.relation(s, n or '')} TO {user};" for s, n in rows
    )
    return [
        judged(
            "read-sequences", not rows,
            good=f"{user} may read every sequence",
            bad=f"{user} may not read {len(rows)} sequences: their next values aren't known",
            sql=grants,
        )
    ]  # fmt: skip


def _places(session: Session, workers: int) -> Finding:
    free = int(session.query(PLACES)[0][0] or 0)
    return judged(
        "connections", free >= workers,
        good=f"there is room for {workers} sessions",
        bad=f"there is room for {max(free, 0)} more sessions, and a run takes {workers}",
        fix="give --workers a smaller number, or raise the limit",
        sql="ALTER SYSTEM SET max_connections = 200; -- and a restart; or ALTER ROLE … CONNECTION LIMIT -1",
    )  # fmt: skip


def _encoding(session: Session, side: str) -> Finding:
    encoding = session.query("SHOW server_encoding")[0][0] or ""
    return judged(
        "encoding", encoding == "UTF8",
        good=f"{side} keeps text as UTF8",
        bad=f"{side} keeps text as {encoding}",
        why="bytes that are no text in it end the run"
        if encoding == "SQL_ASCII"
        else "characters that it doesn't have can't be stored",
        sql="CREATE DATABASE … TEMPLATE template0 ENCODING 'UTF8';",
    )  # fmt: skip


def _zone(session: Session) -> Finding:
    # The session itself is in UTC.
    found = session.query("SELECT reset_val FROM pg_catalog.pg_settings WHERE name = 'TimeZone'")
    zone = found[0][0] or ""
    return judged(
        "time-zone", zone in ("UTC", "Etc/UTC", "GMT"),
        good=f"the time zone of its sessions is {zone}",
        bad=f"the time zone of its sessions is {zone}",
        level=Level.INFO,
        why="timestamps without a time zone are moved as they are: they stay wall clocks of that zone",
    )  # fmt: skip


def _changes(end: SourceEnd) -> Iterable[Finding]:
    """What the capture of changes will ask for; a copy needs none of it."""
    session = end.session
    later = "only the capture of changes needs it, which dbferry doesn't do yet"
    level = session.query("SHOW wal_level")[0][0]
    yield judged(
        "wal-level", level == "logical", level=Level.INFO, why=later,
        good="wal_level is logical", bad=f"wal_level is {level}",
        sql="ALTER SYSTEM SET wal_level = 'logical'; -- and a restart",
    )  # fmt: skip
    may = session.query(
        "SELECT rolreplication OR rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user"
    )
    yield judged(
        "replication-role", may == [("t",)], level=Level.INFO, why=later,
        good="the user may replicate", bad="the user may not replicate",
        sql=f"ALTER ROLE {_user(session)} REPLICATION;",
    )  # fmt: skip
    ((free,),) = session.query(
        "SELECT current_setting('max_replication_slots')::int - count(*) "
        "FROM pg_catalog.pg_replication_slots"
    )
    yield judged(
        "replication-slots", int(free or 0) > 0, level=Level.INFO, why=later,
        good=f"{free} replication slots are free", bad="no replication slot is free",
        sql="ALTER SYSTEM SET max_replication_slots = 20; -- and a restart",
    )  # fmt: skip
    kept = session.query(
        "SELECT setting FROM pg_catalog.pg_settings WHERE name = 'max_slot_wal_keep_size'"
    )
    yield judged(
        "slot-retention", kept in ([], [("-1",)]), level=Level.INFO, why=later,
        good="a slot keeps its log for as long as it needs",
        bad=f"a slot loses its log beyond {kept[0][0] if kept else ''} MB",
        sql="ALTER SYSTEM SET max_slot_wal_keep_size = -1; SELECT pg_reload_conf();",
    )  # fmt: skip
    wrong = _labels(session.query(NAMELESS), end.tables)
    yield from each(
        "replica-identity", wrong, level=Level.INFO,
        good="every table has a key or a replica identity",
        bad=f"nothing tells its rows apart in the log; {later}",
        sql={
            t.label: f"ALTER TABLE {ddl.relation(t.schema, t.name)} REPLICA IDENTITY FULL;"
            for t in end.tables
        },
    )  # fmt: skip


def check_target(end: TargetEnd) -> Iterable[Finding]:
    session = end.session
    ((standby, reading),) = session.query(
        "SELECT pg_catalog.pg_is_in_recovery(), current_setting('default_transaction_read_only')"
    )
    database = ddl.quote(session.query("SELECT current_database()")[0][0] or "")
    yield judged(
        "writable", standby != "t" and reading == "off", level=Level.BLOCKED,
        good="the target takes writes",
        bad="the target is a standby" if standby == "t" else "its transactions are read only",
        fix="use the primary" if standby == "t" else "",
        sql=""
        if standby == "t"
        else f"ALTER DATABASE {database} SET default_transaction_read_only = off;",
    )  # fmt: skip
    yield from _create(end, database)
    yield from _standing(end)
    yield _places(session, end.workers)
    yield _encoding(session, "the target")
    size = int(
        session.query("SELECT setting FROM pg_catalog.pg_settings WHERE name = 'max_wal_size'")[0][
            0
        ]
        or 0
    )
    yield judged(
        "max-wal-size", size >= WAL_MB, level=Level.INFO,
        good=f"max_wal_size is {size} MB",
        bad=f"max_wal_size is {size} MB: a long load stops for checkpoints",
        sql=f"ALTER SYSTEM SET max_wal_size = '{WAL_MB}MB'; SELECT pg_reload_conf();",
    )  # fmt: skip


def _create(end: TargetEnd, database: str) -> Iterable[Finding]:
    session, user = end.session, _user(end.session)
    wanted = dict.fromkeys(i.destination.schema or "" for i in end.items if i.action == "create")
    for schema in wanted:
        if schema in end.catalog.schemas:
            where, right = f"schema {ddl.quote(schema)}", "schema"
            (row,) = session.query(
                f"SELECT pg_catalog.has_schema_privilege({ddl.literal(schema)}, 'CREATE')"
            )
        else:
            where, right = f"database {database}", "database"
            (row,) = session.query(
                "SELECT pg_catalog.has_database_privilege(current_database(), 'CREATE')"
            )
        yield judged(
            f"create-in-{right}", row[0] == "t", level=Level.BLOCKED,
            good=f"{user} may create in {where}",
            bad=f"{user} may not create in {where}",
            sql=f"GRANT CREATE ON {where.replace(right, right.upper(), 1)} TO {user};",
        )  # fmt: skip


def _standing(end: TargetEnd) -> Iterable[Finding]:
    """Rights on the tables that are there, and triggers that a load would fire."""
    standing, user = end.standing(), _user(end.session)
    if not standing:
        return
    rights = {(row[0], row[1]): row[2:] for row in end.session.query(RIGHTS)}
    wrong, grants = [], {}
    for item, table in standing:
        insert, truncate, owner = rights.get((table.schema, table.name), ("f", "f", "f"))
        may = {"drop": owner, "truncate": truncate if insert == "t" else "f"}.get(
            item.action, insert
        )
        if may != "t":
            relation = ddl.relation(table.schema, table.name)
            wrong.append(table.label)
            grants[table.label] = (
                f"ALTER TABLE {relation} OWNER TO {user};"
                if item.action == "drop"
                else f"GRANT SELECT, INSERT, TRUNCATE ON {relation} TO {user};"
            )
    yield from each(
        "write-tables", wrong, level=Level.BLOCKED, sql=grants,
        good=f"{user} may write the tables that are there",
        bad=f"{user} may not do to it what this run would",
    )  # fmt: skip
    firing = {(row[0], row[1]) for row in end.session.query(TRIGGERS)}
    kept = [t for item, t in standing if item.action != "drop" and (t.schema, t.name) in firing]
    yield from each(
        "triggers", [t.label for t in kept], level=Level.WARN,
        good="no table that is there has triggers",
        bad="its triggers fire for every row that is loaded",
        sql={
            t.label: f"ALTER TABLE {ddl.relation(t.schema, t.name)} DISABLE TRIGGER USER;"
            for t in kept
        },
    )  # fmt: skip
