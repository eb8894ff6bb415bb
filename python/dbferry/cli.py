"""The command line: the same verbs as the Python API.

Results go to stdout, talk goes to stderr. Exit codes: 0 done, 1 failed, 2 the request is wrong (nothing
was touched), 3 moved but not equal, 4 assessed and something is in the way, 130 interrupted.
"""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from typer.exceptions import Abort, TyperException

import dbferry
from dbferry import flags
from dbferry.assessment.finding import Level
from dbferry.errors import DbferryError, Interrupted, RequestError, format_error
from dbferry.script import check_folder
from dbferry.task import DEFAULT_ENGINE, Task

if TYPE_CHECKING:
    from rich.console import Console

IN_THE_WAY = 4

app = typer.Typer(
    name="dbferry",
    help="Move whole databases: two URLs in, a verified copy out.",
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

CODES = """Passwords: in the URL, PGPASSWORD, ~/.pgpass, MYSQL_PWD or ~/.my.cnf.

Exit codes: 0 done, 1 failed, 2 the request is wrong (nothing was touched), 3 moved but not equal,
4 assessed, and something is in the way, 130 interrupted."""

MIGRATE_EPILOG = f"""Examples:

  dbferry migrate mysql://app@old/shop postgresql://app@new/shop

  dbferry migrate sqlite:///shop.db duckdb:///shop.duckdb --tables 'order*'

  dbferry migrate task.yaml --prepare truncate --json

{CODES}"""

PLAN_EPILOG = f"""Examples:

  dbferry plan mysql://app@old/shop postgresql://app@new/shop

  dbferry plan task.yaml --json

{CODES}"""

ASSESS_EPILOG = f"""Examples:

  dbferry assess mysql://app@old/shop

  dbferry assess mysql://app@old/shop postgresql:16 --html report.html

  dbferry assess mysql://app@old/shop postgresql://app@new/shop --fail-on decide --json

{CODES}"""


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit", is_eager=True)
    ] = False,
) -> None:
    if version:
        sys.stdout.write(f"dbferry {dbferry.__version__}\n")
        raise typer.Exit
    if context.invoked_subcommand is None:
        sys.stdout.write(context.get_help() + "\n")
        raise typer.Exit(2)


@app.command(epilog=MIGRATE_EPILOG)
def migrate(
    source: flags.Source,
    target: flags.Target = None,
    tables: flags.Tables = None,
    exclude: flags.Exclude = None,
    schema: flags.Schemas = None,
    prepare: flags.Prepare = None,
    schema_only: flags.SchemaOnly = False,
    data_only: flags.DataOnly = False,
    on_loss: flags.OnLoss = None,
    partitions: flags.Partitions = None,
    include: flags.Include = None,
    workers: flags.Workers = None,
    batch_rows: flags.BatchRows = None,
    range_mb: flags.RangeMb = None,
    range_rows: flags.RangeRows = None,
    large_values_mb: flags.LargeValuesMb = None,
    name: flags.Name = None,
    resume: flags.Resume = False,
    restart_tables: flags.RestartTables = False,
    max_rate: flags.MaxRate = None,
    max_connections: flags.MaxConnections = None,
    max_load: flags.MaxLoad = None,
    max_lag: flags.MaxLag = None,
    replica: flags.Replica = None,
    snapshot_minutes: flags.SnapshotMinutes = None,
    on_table_error: flags.OnTableError = None,
    on_left_out: flags.OnLeftOut = None,
    on_bad_row: flags.OnBadRow = None,
    max_bad_rows: flags.MaxBadRows = None,
    retries: flags.Retries = None,
    retry_seconds: flags.RetrySeconds = None,
    dms_mappings: flags.DmsMappings = None,
    dms_settings: flags.DmsSettings = None,
    as_json: flags.Json = False,
    quiet: flags.Quiet = False,
) -> None:
    """Move the tables of SOURCE to TARGET and compare the counts."""
    task = _task(
        source, target, tables=tables, exclude=exclude, schemas=schema, prepare=prepare,
        only=_only(schema_only=schema_only, data_only=data_only),
        on_loss=on_loss, partitions=partitions, include=include, workers=workers, batch_rows=batch_rows, range_mb=range_mb,
        range_rows=range_rows, large_values_mb=large_values_mb, dms_mappings=dms_mappings,
        dms_settings=dms_settings, name=name, on_table_error=on_table_error, on_left_out=on_left_out, on_bad_row=on_bad_row,
        max_bad_rows=max_bad_rows, retries=retries,
        retry_seconds=retry_seconds, unfinished=_unfinished(resume=resume, restart=restart_tables),
        max_rate=max_rate, max_connections=max_connections, max_load=max_load, max_lag=max_lag,
        replicas=replica, snapshot_minutes=snapshot_minutes,
    )  # fmt: skip
    move(task, as_json=as_json, quiet=quiet)


@app.command(epilog=PLAN_EPILOG)
def plan(
    source: flags.Source,
    target: flags.Target = None,
    tables: flags.Tables = None,
    exclude: flags.Exclude = None,
    schema: flags.Schemas = None,
    prepare: flags.Prepare = None,
    schema_only: flags.SchemaOnly = False,
    data_only: flags.DataOnly = False,
    on_loss: flags.OnLoss = None,
    partitions: flags.Partitions = None,
    include: flags.Include = None,
    workers: flags.Workers = None,
    batch_rows: flags.BatchRows = None,
    range_mb: flags.RangeMb = None,
    range_rows: flags.RangeRows = None,
    large_values_mb: flags.LargeValuesMb = None,
    on_left_out: flags.OnLeftOut = None,
    dms_mappings: flags.DmsMappings = None,
    dms_settings: flags.DmsSettings = None,
    sql: flags.Sql = None,
    as_json: flags.Json = False,
) -> None:
    """Print what a migration would do, table by table and column by column; move nothing."""
    task = _task(
        source, target, tables=tables, exclude=exclude, schemas=schema, prepare=prepare,
        only=_only(schema_only=schema_only, data_only=data_only),
        on_loss=on_loss, partitions=partitions, include=include, workers=workers, batch_rows=batch_rows, range_mb=range_mb,
        range_rows=range_rows, large_values_mb=large_values_mb, on_left_out=on_left_out, dms_mappings=dms_mappings,
        dms_settings=dms_settings,
    )  # fmt: skip
    if sql is not None:
        check_folder(sql)
    made = task.plan()
    if as_json:
        _print_json(made.to_dict())
    else:
        from dbferry import show

        show.plan(made, console())
    if made.faults:
        raise typer.Exit(2)
    for path in made.write_sql(sql) if sql is not None else ():
        sys.stderr.write(f"written: {path}\n")


@app.command(epilog=ASSESS_EPILOG)
def assess(
    source: flags.Source,
    target: Annotated[
        str | None,
        typer.Argument(
            help="URL of the target, or an engine as in `mysql` or `postgresql:16`; postgresql by default",
            show_default=False,
        ),
    ] = None,
    tables: flags.Tables = None,
    exclude: flags.Exclude = None,
    schema: flags.Schemas = None,
    prepare: flags.Prepare = None,
    on_loss: flags.OnLoss = None,
    partitions: flags.Partitions = None,
    include: flags.Include = None,
    workers: flags.Workers = None,
    sample: Annotated[
        bool, typer.Option("--sample", help="Judge large tables by a part of their rows")
    ] = False,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write the report as one page to this file")
    ] = None,
    fail_on: Annotated[
        Level, typer.Option("--fail-on", help="The least that makes the exit code 4")
    ] = Level.BLOCKED,
    as_json: flags.Json = False,
    quiet: flags.Quiet = False,
) -> None:
    """Report what a migration would meet: every object, both servers, how much there is; move nothing."""
    if target is None and "://" in source:
        target = DEFAULT_ENGINE
    task = _task(
        source, target, tables=tables, exclude=exclude, schemas=schema, prepare=prepare,
        on_loss=on_loss, partitions=partitions, include=include, workers=workers,
    )  # fmt: skip
    made = task.assess(sample=sample)
    if html is not None:
        _write(html, made.to_html())
    if as_json:
        _print_json(made.to_dict())
    elif not quiet:
        from dbferry.assessment import text

        text.show(made, console())
    if made.level.weight >= fail_on.weight:
        raise typer.Exit(IN_THE_WAY)


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="Where the databases are made")] = Path("demo"),
    rows: Annotated[int, typer.Option(min=1_000, help="Rows in all, roughly")] = 1_000_000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same database")] = 1,
    quiet: flags.Quiet = False,
) -> None:
    """Make a sample shop in SQLite and move it to DuckDB and to a second SQLite file."""
    from dbferry import demo as shop

    say = console(stderr=True, quiet=quiet)
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / "shop.db"
    say.print(f"making {source} (about {rows:,} rows) …")
    shop.make(source, rows=rows, seed=seed)
    for name in ("duckdb:///{}/copy.duckdb", "sqlite:///{}/copy.db"):
        target = name.format(folder)
        Path(target.split("///", 1)[1]).unlink(missing_ok=True)
        say.print(f"\n[bold]dbferry migrate sqlite:///{source} {target}[/bold]")
        move(Task.of(source=f"sqlite:///{source}", target=target), as_json=False, quiet=quiet)


Where = Annotated[str, typer.Argument(help="URL of the target, or a task file", show_default=False)]


@app.command()
def status(target: Where, as_json: flags.Json = False) -> None:
    """Tell how far the runs are that are not finished in TARGET."""
    from dbferry.ledger.status import status as look

    tasks = look(_target(target))
    if as_json:
        _print_json([task.to_dict() for task in tasks])
    else:
        from dbferry import show

        show.tasks(tasks, console())


@app.command()
def cleanup(target: Where, quiet: flags.Quiet = False) -> None:
    """Remove all that dbferry keeps in TARGET; a run that was broken off can't be gone on with then."""
    from dbferry.ledger.status import cleanup as forget

    forgotten = forget(_target(target))
    if forgotten.rows and not quiet:
        sys.stderr.write(f"forgotten: {len(forgotten.rows)} rows that had been put aside\n")
    for task in forgotten.tasks:
        left = [table.table for table in task.tables if table.state != "moved"]
        if not quiet:
            sys.stderr.write(f"forgotten: the task from {task.source}\n")
            if left:
                sys.stderr.write(f"left incomplete in the target: {', '.join(left)}\n")
    for leftover in forgotten.leftovers if not quiet else ():
        told = "dropped" if leftover.drop else "left, for it is not certain to be dbferry's own"
        sys.stderr.write(f"{told}: {leftover.name}\n")


aside = typer.Typer(help="Rows that were put aside because they didn't fit.", rich_markup_mode=None)
app.add_typer(aside, name="quarantine", no_args_is_help=True)


@aside.command("list")
def list_rows(target: Where, as_json: flags.Json = False) -> None:
    """Tell which rows were put aside in TARGET, and why."""
    from dbferry.ledger.status import bad_rows

    rows = bad_rows(_target(target))
    if as_json:
        _print_json([row.to_dict() for row in rows])
    else:
        from dbferry import show

        show.bad_rows(rows, console())


@aside.command("retry")
def retry_rows(
    source: flags.Source,
    target: flags.Target = None,
    tables: flags.Tables = None,
    exclude: flags.Exclude = None,
    schema: flags.Schemas = None,
    on_loss: flags.OnLoss = None,
    name: flags.Name = None,
    dms_mappings: flags.DmsMappings = None,
    dms_settings: flags.DmsSettings = None,
    as_json: flags.Json = False,
) -> None:
    """Read rows from SOURCE again that were put aside, and move them as the options now say."""
    task = _task(
        source, target, tables=tables, exclude=exclude, schemas=schema, on_loss=on_loss, name=name,
        dms_mappings=dms_mappings, dms_settings=dms_settings,
    )  # fmt: skip
    retried = task.retry_quarantine()
    if as_json:
        _print_json([table.to_dict() for table in retried])
    else:
        from dbferry import show

        show.retried(retried, console())


def _target(text: str) -> str:
    return text if "://" in text else Task.from_file(text).target


@app.command("convert-dms")
def convert_dms(
    mappings: Annotated[Path, typer.Argument(help="AWS DMS's table mappings (JSON)")],
    settings: Annotated[
        Path | None, typer.Argument(help="AWS DMS's task settings (JSON)", show_default=False)
    ] = None,
) -> None:
    """Print the task file that says what AWS DMS's JSON says; what has no counterpart is named in it."""
    from dbferry.mapping.dms.task import convert, task_file

    made = convert(mappings, settings)
    sys.stdout.write(task_file(made))
    for warning in made.warnings:
        sys.stderr.write(f"warning: {warning}\n")


@app.command()
def schema() -> None:
    """Print the JSON Schema of a task file."""
    _print_json(Task.model_json_schema())


def move(task: Task, *, as_json: bool, quiet: bool) -> None:
    """Runs a task with the display that fits, prints its report, and exits with its code."""
    if quiet:
        report = task.run()
    else:
        from dbferry.display import fitting

        with fitting(console(stderr=True)) as display:
            report = task.run(progress=display)
    if as_json:
        _print_json(report.to_dict())
    elif not quiet:
        from dbferry import show

        show.report(report, console())


def console(**options: Any) -> Console:
    """Where people read; nothing of it is loaded before there is something to say."""
    from rich import console as rich_console

    return rich_console.Console(**options)


def _task(source: str, target: str | None, **options: Any) -> Task:
    given = {name: value for name, value in options.items() if value is not None}
    if "schemas" in given:
        given["schemas"] = dict(_pair(text) for text in given["schemas"])
    if "include" in given:
        given["include"] = [name for text in given["include"] for name in text.split(",")]
    mappings, settings = given.pop("dms_mappings", None), given.pop("dms_settings", None)
    if settings is not None and mappings is None:
        raise RequestError("--dms-settings are nothing without --dms-mappings")
    if mappings is not None:
        if target is None:
            raise RequestError("--dms-mappings need SOURCE and TARGET, and no task file")
        return Task.from_dms(source, target, mappings, settings, **given)
    if target is None:
        if "://" in source:
            raise RequestError(
                "the target is missing", hint="give SOURCE and TARGET, or a task file"
            )
        return Task.from_file(source, **given)
    return Task.of(source=source, target=target, **given)


def _only(*, schema_only: bool, data_only: bool) -> str | None:
    if schema_only and data_only:
        raise RequestError(
            "--schema-only and --data-only exclude each other", hint="leave out both to move all"
        )
    return "schema" if schema_only else "data" if data_only else None


def _unfinished(*, resume: bool, restart: bool) -> str | None:
    if resume and restart:
        raise RequestError(
            "--resume and --restart-tables exclude each other",
            hint="leave out both to go on where it is sure that nothing has changed",
        )
    return "resume" if resume else "restart" if restart else None


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise RequestError(f"--schema takes FROM=TO, not `{text}`")
    return name, value


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RequestError(f"`{file}` can't be written: {error.strerror}") from None


def _print_json(value: object) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def main() -> NoReturn:
    """The entry point: every error becomes its message and its exit code."""
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, _interrupt)
        code = app(standalone_mode=False)
    except TyperException as error:
        sys.stderr.write(f"error: {_usage(error)}\nhint: dbferry --help tells how it is called\n")
        sys.exit(RequestError.exit_code)
    except Abort:
        sys.stderr.write("error: interrupted\n")
        sys.exit(Interrupted.exit_code)
    except DbferryError as error:
        report = error.report
        if report is not None and "--json" in sys.argv[1:]:
            _print_json({**report.to_dict(), "error": error.fields()})
        elif report is not None and not {"-q", "--quiet"} & set(sys.argv[1:]):
            from dbferry import show

            show.report(report, console(stderr=True))
        elif "--json" in sys.argv[1:]:
            _print_json({"state": "failed", "error": error.fields()})
        sys.stderr.write(format_error(error) + "\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("error: interrupted\n")
        sys.exit(Interrupted.exit_code)
    if code == Interrupted.exit_code:
        # Ctrl-C outside of a copy: typer has taken it already.
        sys.stderr.write("error: interrupted\n")
    sys.exit(code if isinstance(code, int) else 0)


def _interrupt(*_: object) -> None:
    """Ctrl-C and SIGTERM: what isn't committed is rolled back, and the rest can be gone on with."""
    raise KeyboardInterrupt


def _usage(error: TyperException) -> str:
    """What is wrong with the call. What was given is not repeated: a URL may hold a password."""
    option = getattr(error, "option_name", None)
    if isinstance(option, str):
        near = getattr(error, "possibilities", None)
        return f"there is no option {option}" + (
            f" (did you mean {', '.join(near)}?)" if near else ""
        )
    parameter = getattr(error, "param", None)
    if parameter is not None:
        return f"{parameter.opts[-1]} is missing or of the wrong kind"
    return "the command or its arguments are not known"
