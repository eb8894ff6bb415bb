"""What an assessment asks of MySQL and MariaDB: sizes, rights and settings on either side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

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
from dbferry.engines.mysql import ddl, probe
from dbferry.engines.mysql.grants import Grants
from dbferry.errors import AuthError, PermissionError_

OLDEST = {"mysql": (8, 0), "mariadb": (10, 6)}
NEWEST = {"mysql": "9.4", "mariadb": "11.8"}
LONG_SECONDS = 600
"""A statement that runs as long lets the lock wait that a snapshot begins with, and others behind it."""
RETENTION_SECONDS = 86_400
PACKET_MB = 64
POOL_MB = 1024
"""A load sorts and flushes indexes through this; the default of 128 MB is for small machines."""
MAKES = ("CREATE", "INSERT", "ALTER", "INDEX", "DROP", "REFERENCES", "SELECT")
WRITES_ANYHOW = ("SUPER", "CONNECTION_ADMIN", "READ_ONLY ADMIN")
"""Rights that read_only doesn't bind."""

LARGE = frozenset({"longtext", "longblob", "mediumtext", "mediumblob", "json"})
BOTH = {
    f"{charset}_{rest}"
    for charset in ("utf8mb4", "utf8mb3")
    for rest in ("general_ci", "unicode_ci", "unicode_520_ci", "bin")
} | {"latin1_swedish_ci", "latin1_general_ci", "latin1_bin", "ascii_general_ci", "ascii_bin"}
OWN = {
    "mysql": {f"utf8mb4_0900_{rest}" for rest in ("ai_ci", "as_ci", "as_cs", "bin")},
    "mariadb": {
        *(f"utf8mb4_uca1400_nopad_{rest}" for rest in ("ai_ci", "as_ci", "as_cs")),
        "utf8mb4_nopad_bin", "utf8mb4_unicode_520_nopad_ci",
    },
}  # fmt: skip
"""Those that every server of this kind has, and columns mostly use."""


def pace() -> Pace:
    return Pace(bytes=15_000_000, table=0.16, log=1.0)


def oldest(engine: str) -> tuple[int, ...]:
    return OLDEST[engine]


def empty(engine: str, version: str | None, database: str) -> Catalog:
    return Catalog(
        engine=engine,
        version=version or NEWEST[engine],
        schemas=(database,),
        default_schema=database,
        tables=(),
        collations=frozenset(BOTH | OWN[engine]),
    )


def sizes(session: Session, tables: Sequence[Table]) -> Mapping[str, Room]:
    schemas = ", ".join(ddl.literal(name) for name in dict.fromkeys(t.schema for t in tables))
    if not schemas:
        return {}
    rows = session.query(
        "SELECT table_schema, table_name, data_length, index_length FROM information_schema.tables "
        f"WHERE table_schema IN ({schemas})"
    )
    return {f"{s}.{t}": Room(data=int(d or 0), indexes=int(i or 0)) for s, t, d, i in rows}


class _Server:
    """What the checks of both sides read."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.grants = Grants(session)

    @cached_property
    def settings(self) -> Mapping[str, str]:
        """The global settings: the session's own are dbferry's."""
        rows = self.session.query("SHOW GLOBAL VARIABLES")
        return {(name or "").lower(): value or "" for name, value in rows}

    def megabytes(self, name: str) -> int:
        return int(self.settings[name]) >> 20

    def on(self, name: str) -> bool:
        return self.settings.get(name, "OFF").upper() not in ("OFF", "0", "")

    def places(self, workers: int) -> Finding:
        ((_, taken),) = self.session.query("SHOW GLOBAL STATUS LIKE 'Threads_connected'")
        free = int(self.settings["max_connections"]) - int(taken or 0)
        ((limit, own),) = self.session.query(
            "SELECT @@max_user_connections, count(*) FROM information_schema.processlist "
            "WHERE user = substring_index(user(), '@', 1)"
        )
        if int(limit or 0):
            free = min(free, int(limit or 0) - int(own or 0))
        return judged(
            "connections", free >= workers,
            good=f"there is room for {workers} sessions",
            bad=f"there is room for {max(free, 0)} more sessions, and a run takes {workers}",
            fix="give --workers a smaller number, or raise the limit",
            sql=f"SET GLOBAL max_connections = 200; ALTER USER {self.grants.user} "
            "WITH MAX_USER_CONNECTIONS 0;",
        )  # fmt: skip


def check_source(end: SourceEnd) -> Iterable[Finding]:
    server = _Server(end.session)
    yield from _readable(end, server)
    yield from _seen(end, server)
    method = probe.snapshot_method(end.session)
    yield judged(
        "snapshot", method != "single session",
        good=f"read by many sessions at one moment: {method}",
        bad="read by a single session: nothing else gives this user one moment in time",
        sql=f"GRANT RELOAD, PROCESS ON *.* TO {server.grants.user};",
    )  # fmt: skip
    yield from _engines(end)
    yield _long(end.session)
    yield server.places(end.workers)
    zone = server.settings["time_zone"]
    zone = server.settings["system_time_zone"] if zone == "SYSTEM" else zone
    yield judged(
        "time-zone", zone in ("UTC", "+00:00"), level=Level.INFO,
        good=f"the time zone of the server is {zone}", bad=f"the time zone of the server is {zone}",
        why="DATETIME is moved as it is, and stays a wall clock of whoever wrote it; TIMESTAMP is an instant",
    )  # fmt: skip
    yield from _changes(end, server)


def _readable(end: SourceEnd, server: _Server) -> list[Finding]:
    wrong = []
    for table in end.tables:
        try:
            end.session.query(f"SELECT * FROM {ddl.relation(table.schema, table.name)} LIMIT 0")
        except (PermissionError_, AuthError):
            wrong.append(table)
    user = server.grants.user
    return each(
        "read-tables", [t.label for t in wrong], level=Level.BLOCKED,
        good=f"{user} may read every table that it sees",
        bad=f"{user} may not read it: it is left out of this report and a run would fail",
        sql={
            t.label: f"GRANT SELECT ON {ddl.relation(t.schema, t.name)} TO {user};" for t in wrong
        },
    )  # fmt: skip


def _seen(end: SourceEnd, server: _Server) -> Iterable[Finding]:
    schemas = dict.fromkeys(t.schema for t in end.tables)
    for schema in schemas:
        yield judged(
            "see-tables", server.grants.has("SELECT", schema),
            good=f"all tables of {ddl.quote(schema)} are seen",
            bad=f"of {ddl.quote(schema)} only what was granted one by one is seen: "
            "tables and columns beside it aren't in this report, and aren't moved",
            sql=f"GRANT SELECT ON {ddl.quote(schema)}.* TO {server.grants.user};",
        )  # fmt: skip


def _engines(end: SourceEnd) -> list[Finding]:
    names = ", ".join(ddl.literal(name) for name in dict.fromkeys(t.schema for t in end.tables))
    rows = end.session.query(
        "SELECT table_schema, table_name FROM information_schema.tables "
        f"WHERE table_schema IN ({names or 'NULL'}) AND engine NOT IN ('InnoDB', 'SEQUENCE')"
    )
    found = {f"{schema}.{name}" for schema, name in rows}
    return each(
        "storage-engine", [t.label for t in end.tables if t.label in found], level=Level.WARN,
        good="every table is in InnoDB: all are read at one moment",
        bad="its storage engine has no transactions: writes during a run may arrive in part",
        sql={
            t.label: f"ALTER TABLE {ddl.relation(t.schema, t.name)} ENGINE = InnoDB;"
            for t in end.tables
        },
    )  # fmt: skip


def _long(session: Session) -> Finding:
    ((count, seconds),) = session.query(
        "SELECT count(*), coalesce(max(time), 0) FROM information_schema.processlist "
        f"WHERE command = 'Query' AND id <> connection_id() AND time >= {LONG_SECONDS}"
    )
    return judged(
        "long-statements", count == "0",
        good=f"no statement runs for more than {LONG_SECONDS} s",
        bad=f"{count} statements run for more than {LONG_SECONDS} s, the longest for {seconds} s",
        why="the lock that a snapshot begins with waits for them, and everyone else behind it",
        sql="SHOW PROCESSLIST; -- and KILL the one that may end",
    )  # fmt: skip


def _changes(end: SourceEnd, server: _Server) -> Iterable[Finding]:
    """What the capture of changes will ask for; a copy needs none of it."""
    later = "only the capture of changes needs it, which dbferry doesn't do yet"
    settings = server.settings
    yield judged(
        "binlog", server.on("log_bin"), level=Level.INFO, why=later,
        good="the binary log is on", bad="the binary log is off",
        fix="log_bin in the server's configuration, and a restart",
    )  # fmt: skip
    for name, wanted in (("binlog_format", "ROW"), ("binlog_row_image", "FULL")):
        yield judged(
            name.replace("_", "-"), settings.get(name, "").upper() == wanted,
            level=Level.INFO, why=later,
            good=f"{name} is {wanted}", bad=f"{name} is {settings.get(name)}",
            sql=f"SET GLOBAL {name} = '{wanted}';",
        )  # fmt: skip
    kept = int(settings.get("binlog_expire_logs_seconds") or 0)
    yield judged(
        "binlog-retention", kept == 0 or kept >= RETENTION_SECONDS, level=Level.INFO, why=later,
        good="the binary log is kept until it is removed"
        if kept == 0
        else f"the binary log is kept for {kept // 3600} hours",
        bad=f"the binary log is kept for {kept} s",
        sql=f"SET GLOBAL binlog_expire_logs_seconds = {RETENTION_SECONDS * 3};",
    )  # fmt: skip
    may = all(server.grants.has(f"REPLICATION {what}", None) for what in ("SLAVE", "CLIENT"))
    may = may or server.grants.has("BINLOG MONITOR", None)
    yield judged(
        "replication-grants", may, level=Level.INFO, why=later,
        good="the user may replicate", bad="the user may not replicate",
        sql=f"GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO {server.grants.user};",
    )  # fmt: skip


def check_target(end: TargetEnd) -> Iterable[Finding]:
    server = _Server(end.session)
    user = server.grants.user
    closed = server.on("super_read_only") or (
        server.on("read_only") and not server.grants.has_any(WRITES_ANYHOW)
    )
    yield judged(
        "writable", not closed, level=Level.BLOCKED,
        good="the target takes writes", bad="the target is read only",
        fix="use the primary, if this is a replica", sql="SET GLOBAL read_only = 0;",
    )  # fmt: skip
    for schema in dict.fromkeys(item.destination.schema or "" for item in end.items):
        lacking = [right for right in MAKES if not server.grants.has(right, schema)]
        yield judged(
            "create", not lacking, level=Level.BLOCKED,
            good=f"{user} may make tables in {ddl.quote(schema)}",
            bad=f"{user} lacks {', '.join(lacking)} on {ddl.quote(schema)}",
            sql=f"GRANT {', '.join(lacking)} ON {ddl.quote(schema)}.* TO {user};",
        )  # fmt: skip
    yield from _triggers(end)
    yield server.places(end.workers)
    yield from _settings(end, server)


def _triggers(end: TargetEnd) -> list[Finding]:
    kept = [t for item, t in end.standing() if item.action != "drop"]
    if not kept:
        return []
    rows = end.session.query(
        "SELECT event_object_schema, event_object_table, trigger_name "
        "FROM information_schema.triggers WHERE event_manipulation = 'INSERT'"
    )
    drops = {
        f"{schema}.{table}": f"DROP TRIGGER {ddl.relation(schema, name or '')};"
        for schema, table, name in rows
    }
    return each(
        "triggers", [t.label for t in kept if t.label in drops], level=Level.WARN, sql=drops,
        good="no table that is there has triggers",
        bad="its triggers fire for every row that is loaded",
    )  # fmt: skip


def _settings(end: TargetEnd, server: _Server) -> Iterable[Finding]:
    settings = server.settings
    yield judged(
        "local-infile", server.on("local_infile"),
        good="rows are loaded as files are", sql="SET GLOBAL local_infile = 1;",
        bad="local_infile is off: rows are inserted, which is slower than to load them",
    )  # fmt: skip
    packet = server.megabytes("max_allowed_packet")
    large = any(c.target_type.name in LARGE for item in end.items for c in item.columns)
    yield judged(
        "max-allowed-packet", packet >= PACKET_MB or not large,
        good=f"max_allowed_packet is {packet} MB",
        bad=f"max_allowed_packet is {packet} MB, and there are columns for larger values",
        sql=f"SET GLOBAL max_allowed_packet = {PACKET_MB << 20};",
    )  # fmt: skip
    mode = settings["sql_mode"]
    yield judged(
        "sql-mode", "STRICT_" in mode, level=Level.INFO,
        good="sql_mode is strict", bad="sql_mode isn't strict",
        why="a run sets its own; what programs write afterwards is cut to fit in silence",
        sql="SET GLOBAL sql_mode = concat(@@GLOBAL.sql_mode, ',STRICT_TRANS_TABLES');",
    )  # fmt: skip
    pool = server.megabytes("innodb_buffer_pool_size")
    yield judged(
        "buffer-pool", pool >= POOL_MB, level=Level.INFO,
        good=f"innodb_buffer_pool_size is {pool} MB",
        bad=f"innodb_buffer_pool_size is {pool} MB: large indexes are built slower",
        sql=f"SET GLOBAL innodb_buffer_pool_size = {POOL_MB << 20};",
    )  # fmt: skip
    demanded = server.on("sql_require_primary_key") or server.on("innodb_force_primary_key")
    keyless = [item.name for item in end.items if not item.source.primary_key]
    yield from each(
        "require-primary-key", keyless if demanded else [], level=Level.BLOCKED,
        good="tables without a primary key may be made",
        bad="the server makes no table without a primary key",
        sql=dict.fromkeys(
            keyless,
            "SET GLOBAL sql_require_primary_key = 0;"
            if "sql_require_primary_key" in settings
            else "SET GLOBAL innodb_force_primary_key = 0;",
        ),
    )  # fmt: skip
    yield judged(
        "table-names", not end.catalog.folds_tables, level=Level.INFO,
        good="names of tables keep their case",
        bad="names of tables are kept in lower case, or compared without it",
    )  # fmt: skip
