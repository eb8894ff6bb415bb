"""What the user asks for: one model for the task file, the command line and Python."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, model_validator

from dbferry.errors import RequestError
from dbferry.invalid import Place, explain
from dbferry.mapping.rules import VERBS, Rule
from dbferry.rate import Rate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dbferry.assessment.report import Assessment
    from dbferry.items import Plan
    from dbferry.progress import ProgressCallback
    from dbferry.report import Report
    from dbferry.retry import Retried

Only = Literal["schema", "data"]
Prepare = Literal["create", "truncate", "drop", "append"]
Style = Literal["strict", "dms"]
Partitions = Literal["keep", "flatten"]
Include = Literal["extensions", "functions", "triggers", "policies", "grants", "on-update", "all"]
Unfinished = Literal["resume", "restart"]
OnTableError = Literal["continue", "stop"]
OnLeftOut = Literal["continue", "stop"]
OnBadRow = Literal["stop", "quarantine"]

BESIDES = 2
"""Sessions on either side besides those of workers and indexes: of plain SQL, and what holds the snapshot or the task."""

DEFAULT_ENGINE = "postgresql"
"""What a source is assessed against when nothing is said."""


class Task(BaseModel):
    """A migration: two URLs and how to go from one to the other.

    Every field can stand in a task file (YAML or JSON) and has an option on the command line, mostly of its name.
    In a file `${NAME}` stands for an environment variable and `$$` for a dollar sign.
    """

    model_config = ConfigDict(extra="forbid")

    source: Annotated[str, Field(description="URL of the database to read", repr=False)]
    target: Annotated[str, Field(description="URL of the database to write", repr=False)]
    tables: Annotated[
        list[str],
        Field(
            description="Tables to move, as `table` or `schema.table` with * and ?; all by default"
        ),
    ] = []
    exclude: Annotated[
        list[str],
        Field(
            description="Tables, views and sequences to leave out, same patterns; and what stands beside tables or is a part of one, "
            "as a plan calls it, such as `trigger audit of public.t` or `index by_name of public.t`"
        ),
    ] = []
    schemas: Annotated[
        dict[str, str], Field(description="Source schema to target schema, where they differ")
    ] = {}
    prepare: Annotated[
        Prepare,
        Field(
            description="create: make what is missing, refuse tables with rows; truncate: empty them first; "
            "drop: drop and make them anew; append: add to what is there"
        ),
    ] = "create"
    only: Annotated[
        Only | None,
        Field(
            description="schema: make everything and move no row; data: move rows into tables that are there"
        ),
    ] = None
    on_loss: Annotated[
        list[str],
        Field(
            description="What becomes of values that can't be carried: rules `table.column:CODE=POLICY` with "
            "* and ?; POLICY is error, null, clamp, replace:VALUE or text"
        ),
    ] = []
    rules: Annotated[
        list[Rule],
        Field(description="Which rows, under what names, in what types, and what is masked"),
    ] = []
    style: Annotated[
        Style,
        Field(
            description="strict: a rule that matches nothing and two rules for one thing are errors; "
            "dms: the first rule wins, and what matches nothing is noted, as AWS DMS has it"
        ),
    ] = "strict"
    partitions: Annotated[
        Partitions | None,
        Field(
            description="Partitioned tables: keep them so, or flatten each into one plain table; by default they "
            "are kept between two of one engine and flattened elsewhere"
        ),
    ] = None
    include: Annotated[
        list[Include],
        Field(
            description="What comes along besides tables and views: between two PostgreSQLs extensions, functions, triggers "
            "(rules among them), policies and grants, between two SQLite files triggers, from MySQL and MariaDB on-update: "
            "triggers for ON UPDATE CURRENT_TIMESTAMP, or all of these; what isn't asked for is named"
        ),
    ] = []
    name: Annotated[
        str | None,
        Field(
            pattern=r"^[A-Za-z0-9_.-]{1,64}$",
            description="Tells this task from others between the same two databases",
        ),
    ] = None
    unfinished: Annotated[
        Unfinished | None,
        Field(
            description="What becomes of tables that a run has left half done when the source may have been written "
            "to since. resume: they are gone on with, under several snapshots; restart: they are begun again, as by default "
            "where nothing proves that their rows are as they were"
        ),
    ] = None
    on_table_error: Annotated[
        OnTableError,
        Field(description="continue: the other tables go on when one fails; stop: nothing does"),
    ] = "continue"
    on_left_out: Annotated[
        OnLeftOut,
        Field(
            description="Objects that don't come along, such as a view without a certain counterpart. continue: they are named; "
            "stop: the run doesn't start, and fails at the end for what only the target refuses"
        ),
    ] = "continue"
    on_bad_row: Annotated[
        OnBadRow,
        Field(
            description="Rows that don't fit the target. stop: their table fails; quarantine: they are put aside in "
            "`dbferry_quarantine` in the target, each with its key, why, and its values as text"
        ),
    ] = "stop"
    max_bad_rows: Annotated[
        int, Field(ge=1, description="Rows of one table that may be put aside before it fails")
    ] = 1000
    retries: Annotated[
        int,
        Field(
            ge=0, le=1000, description="Times that a range is tried again before its table fails"
        ),
    ] = 8
    retry_seconds: Annotated[
        int, Field(ge=0, description="Seconds that a server which has gone is waited for")
    ] = 300
    max_rate: Annotated[
        Rate | None,
        Field(
            description="What is read of the source in a second at most: `50000 rows`, or `20 MB`"
        ),
    ] = None
    max_connections: Annotated[
        int | None, Field(ge=4, description="Sessions on each side at most, all of them counted")
    ] = None
    max_load: Annotated[
        int | None,
        Field(
            ge=0, description="Others' sessions at work in the source, above which the copy rests"
        ),
    ] = None
    max_lag: Annotated[
        float | None,
        Field(
            ge=0,
            description="Seconds that a replica of the source may be behind; above, the copy rests",
        ),
    ] = None
    replicas: Annotated[
        list[str],
        Field(
            description="URLs of the replicas that `max_lag` is about; PostgreSQL knows its own",
            repr=False,
        ),
    ] = []
    snapshot_minutes: Annotated[
        float,
        Field(
            gt=0, description="How long a snapshot may be open before a warning says what it costs"
        ),
    ] = 60
    workers: Annotated[int, Field(ge=1, le=256, description="Sessions on each side at most")] = (
        Field(default_factory=lambda: min(8, max(2, os.cpu_count() or 2)))
    )
    batch_rows: Annotated[int, Field(ge=1, description="Rows in a batch at most")] = 16_384
    range_mb: Annotated[
        int, Field(ge=1, description="Megabytes of source data in a range, the unit of commit")
    ] = 64
    range_rows: Annotated[
        int | None, Field(ge=1, description="Key values (or pages) in a range instead of megabytes")
    ] = None
    large_values_mb: Annotated[
        int, Field(ge=1, description="Megabytes of large values that may be in flight at once")
    ] = 192

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.only == "schema" and self.prepare in ("truncate", "append"):
            raise ValueError(
                f"`only: schema` moves no row, and `prepare: {self.prepare}` is about rows"
            )
        if self.only == "data" and self.prepare == "drop":
            raise ValueError("`only: data` makes no table, and `prepare: drop` asks for new ones")
        if self.only == "data" and self.include:
            raise ValueError("`only: data` makes nothing, and `include` asks for something")
        if self.replicas and self.max_lag is None:
            raise ValueError(
                "`replicas` are nothing without `max_lag`, which says how far behind they may be"
            )
        return self

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], **changes: Any) -> Self:
        """Reads a task file; `changes` replace what it says. Raises RequestError naming file and field."""
        from dbferry.taskfile import load

        return cls.of(**{**load(Path(path)), **changes})

    @classmethod
    def from_dms(
        cls,
        source: str,
        target: str,
        mappings: Mapping[str, Any] | str | Path,
        settings: Mapping[str, Any] | str | Path | None = None,
        **changes: Any,
    ) -> Self:
        """A task from table mappings and task settings of AWS DMS, each as a document or as the path of one.

        `changes` replace what they say. What is not used of them is in `notes`, in the plan and in the report.
        """
        from dbferry.mapping.dms.task import convert, keyed

        made = convert(mappings, settings)
        task = cls.of(source=source, target=target, **{**keyed(made.fields), **changes})
        task._notes = made.warnings  # noqa: SLF001  (its own)
        return task

    @property
    def notes(self) -> tuple[str, ...]:
        """What is said about the task itself."""
        return self._notes

    @classmethod
    def of(cls, **fields: Any) -> Self:
        """Builds a task; raises RequestError naming every field that is wrong."""
        try:
            return cls(**fields)
        except ValidationError as error:
            raise RequestError(explain(error, "the task", _known)) from None

    _notes: tuple[str, ...] = PrivateAttr(())

    def plan(self) -> Plan:
        """What would happen, table by table and column by column; moves nothing."""
        from dbferry.run import plan_task

        return plan_task(self)

    def assess(self, *, sample: bool = False) -> Assessment:
        """What a run would meet, and what both servers allow; the target may be an engine's name alone."""
        from dbferry.assessment.assess import assess_task

        return assess_task(self, sample=sample)

    def run(self, *, progress: ProgressCallback | None = None) -> Report:
        """Moves everything and compares the counts. Raises a DbferryError when it can't."""
        from dbferry.run import run_task

        return run_task(self, progress=progress)

    def retry_quarantine(self) -> list[Retried]:
        """Tries the rows again that runs of this task have put aside, as the task now says."""
        from dbferry.retry import retry_task

        return retry_task(self)

    @property
    def source_sessions(self) -> int:
        """Workers, as far as the sessions allow that both sides need besides."""
        if self.max_connections is None:
            return self.workers
        return max(1, min(self.workers, self.max_connections - BESIDES - 1))

    @property
    def finish_sessions(self) -> int:
        """Sessions that make indexes beside the copy."""
        if self.max_connections is None:
            return self.workers
        return min(self.workers, self.max_connections - BESIDES - self.source_sessions)

    def sizes(self) -> dict[str, Any]:
        """The sizes that the engine takes."""
        return {
            "workers": self.source_sessions,
            "batch_rows": self.batch_rows,
            "range_bytes": self.range_mb << 20,
            "range_rows": self.range_rows,
            "budget_bytes": self.large_values_mb << 20,
            "rate": self.max_rate.native() if self.max_rate else {},
        }


def _known(place: Place) -> list[str]:
    verb = next((step for step in place if step in VERBS), None)
    return list((VERBS[verb] if isinstance(verb, str) else Task).model_fields)
