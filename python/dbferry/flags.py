"""The arguments and options of the command line, each once for all the verbs that take it."""

from pathlib import Path
from typing import Annotated

import typer

Source = Annotated[
    str, typer.Argument(help="URL of the source, or a task file", show_default=False)
]
Target = Annotated[str | None, typer.Argument(help="URL of the target", show_default=False)]
Tables = Annotated[
    list[str] | None,
    typer.Option("--tables", "-t", help="Tables to move: `table` or `schema.table`, with * and ?"),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option("--exclude", "-x", help="Tables to leave out, views, and what else a plan names"),
]
Schemas = Annotated[
    list[str] | None, typer.Option("--schema", help="Source schema to target schema, as FROM=TO")
]
Prepare = Annotated[
    str | None,
    typer.Option(
        "--prepare",
        help="create: make what is missing, refuse tables with rows (default); truncate; drop; append",
    ),
]
SchemaOnly = Annotated[
    bool, typer.Option("--schema-only", help="Make tables, keys and all else; move no row")
]
DataOnly = Annotated[
    bool, typer.Option("--data-only", help="Move rows into tables that are there; make nothing")
]
OnLoss = Annotated[
    list[str] | None,
    typer.Option(
        "--on-loss",
        help="What becomes of values that can't be carried: TABLE.COLUMN:CODE=POLICY, "
        "POLICY is error, null, clamp, replace:VALUE or text",
    ),
]
Partitions = Annotated[
    str | None,
    typer.Option(
        "--partitions",
        help="keep partitioned tables so (default between two of one engine) or flatten them",
    ),
]
Include = Annotated[
    list[str] | None,
    typer.Option(
        "--include",
        help="What comes besides tables and views between two of one engine: extensions, functions, triggers, policies, grants, all; "
        "from MySQL and MariaDB on-update",
    ),
]
Workers = Annotated[int | None, typer.Option(help="Sessions on each side at most")]
BatchRows = Annotated[int | None, typer.Option(help="Rows in a batch at most")]
RangeMb = Annotated[int | None, typer.Option(help="Megabytes of source data per transaction")]
RangeRows = Annotated[
    int | None, typer.Option(help="Key values (or pages) per transaction instead")
]
LargeValuesMb = Annotated[
    int | None, typer.Option(help="Megabytes of large values that may be in flight at once")
]
MaxRate = Annotated[
    str | None,
    typer.Option("--max-rate", help="Read no more in a second than `50000 rows`, or `20 MB`"),
]
MaxConnections = Annotated[
    int | None, typer.Option("--max-connections", help="Sessions on each side at most, all counted")
]
MaxLoad = Annotated[
    int | None,
    typer.Option(
        "--max-load", help="Rest while more of others' sessions are at work in the source"
    ),
]
MaxLag = Annotated[
    float | None,
    typer.Option("--max-lag", help="Rest while a replica of the source is more seconds behind"),
]
Replica = Annotated[
    list[str] | None,
    typer.Option("--replica", help="URL of a replica that --max-lag is about; repeatable"),
]
SnapshotMinutes = Annotated[
    float | None,
    typer.Option("--snapshot-minutes", help="Warn of a snapshot that is open for longer"),
]
Name = Annotated[
    str | None,
    typer.Option("--name", help="Tells this task from others between the same databases"),
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume", help="Go on inside tables though the source may have been written to since"
    ),
]
RestartTables = Annotated[
    bool, typer.Option("--restart-tables", help="Begin tables again that were left half done")
]
OnTableError = Annotated[
    str | None,
    typer.Option("--on-table-error", help="continue with the other tables (default), or stop"),
]
OnLeftOut = Annotated[
    str | None,
    typer.Option(
        "--on-left-out",
        help="continue without what can't come along (default), or stop before a run",
    ),
]
OnBadRow = Annotated[
    str | None,
    typer.Option(
        "--on-bad-row", help="stop (default), or quarantine: put rows aside that don't fit"
    ),
]
MaxBadRows = Annotated[
    int | None, typer.Option("--max-bad-rows", help="Rows of a table that may be put aside")
]
Retries = Annotated[
    int | None,
    typer.Option("--retries", help="Times that a range is tried again before its table fails"),
]
RetrySeconds = Annotated[
    int | None,
    typer.Option("--retry-seconds", help="Seconds that a server which has gone is waited for"),
]
DmsMappings = Annotated[
    Path | None, typer.Option(help="AWS DMS's table mappings (JSON), taken as they are")
]
DmsSettings = Annotated[Path | None, typer.Option(help="AWS DMS's task settings (JSON)")]
Sql = Annotated[
    Path | None,
    typer.Option("--sql", help="Also write the statements as files of SQL into this folder"),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON result on stdout")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no summary")]
