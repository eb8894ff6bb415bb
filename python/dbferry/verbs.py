"""The verbs with all their options, as Python calls them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbferry.errors import RequestError
from dbferry.task import (
    DEFAULT_ENGINE,
    Include,
    OnBadRow,
    OnLeftOut,
    Only,
    OnTableError,
    Partitions,
    Prepare,
    Style,
    Task,
    Unfinished,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from dbferry.assessment.report import Assessment
    from dbferry.items import Plan
    from dbferry.mapping.rules import Rule
    from dbferry.progress import ProgressCallback
    from dbferry.report import Report


def migrate(
    source: str,
    target: str,
    *,
    tables: Sequence[str] | None = None,
    exclude: Sequence[str] | None = None,
    schemas: Mapping[str, str] | None = None,
    prepare: Prepare | None = None,
    only: Only | None = None,
    on_loss: Sequence[str] | None = None,
    partitions: Partitions | None = None,
    include: Sequence[Include] | None = None,
    rules: Sequence[Mapping[str, object] | Rule] | None = None,
    style: Style | None = None,
    name: str | None = None,
    unfinished: Unfinished | None = None,
    on_table_error: OnTableError | None = None,
    on_left_out: OnLeftOut | None = None,
    on_bad_row: OnBadRow | None = None,
    max_bad_rows: int | None = None,
    retries: int | None = None,
    retry_seconds: int | None = None,
    max_rate: str | int | None = None,
    max_connections: int | None = None,
    max_load: int | None = None,
    max_lag: float | None = None,
    replicas: Sequence[str] | None = None,
    snapshot_minutes: float | None = None,
    workers: int | None = None,
    batch_rows: int | None = None,
    range_mb: int | None = None,
    range_rows: int | None = None,
    large_values_mb: int | None = None,
    dms_mappings: Mapping[str, object] | str | Path | None = None,
    dms_settings: Mapping[str, object] | str | Path | None = None,
    progress: ProgressCallback | None = None,
) -> Report:
    """Moves tables from one database to another and compares the counts.

    The options are those of `Task`; `dms_mappings` and `dms_settings` are AWS DMS's JSON, for which `Task.from_dms`
    stands, and which the options replace where they say otherwise. `progress` is called about ten times a second with a `Progress`; what it
    raises stops the run. Raises a `DbferryError`; one that came after the copy had begun has the `Report` so
    far as its `report`.
    """
    task = _task(
        source, target, tables=tables, exclude=exclude, schemas=schemas, prepare=prepare,
        only=only, on_loss=on_loss, partitions=partitions, include=include, rules=rules, style=style, workers=workers, batch_rows=batch_rows, range_mb=range_mb,
        range_rows=range_rows, large_values_mb=large_values_mb, dms_mappings=dms_mappings,
        dms_settings=dms_settings, name=name, unfinished=unfinished, on_table_error=on_table_error, on_left_out=on_left_out, on_bad_row=on_bad_row,
        max_bad_rows=max_bad_rows, retries=retries,
        retry_seconds=retry_seconds, max_rate=max_rate, max_connections=max_connections, max_load=max_load,
        max_lag=max_lag, replicas=replicas, snapshot_minutes=snapshot_minutes,
    )  # fmt: skip
    return task.run(progress=progress)


def plan(
    source: str,
    target: str,
    *,
    tables: Sequence[str] | None = None,
    exclude: Sequence[str] | None = None,
    schemas: Mapping[str, str] | None = None,
    prepare: Prepare | None = None,
    only: Only | None = None,
    on_loss: Sequence[str] | None = None,
    partitions: Partitions | None = None,
    include: Sequence[Include] | None = None,
    rules: Sequence[Mapping[str, object] | Rule] | None = None,
    style: Style | None = None,
    on_left_out: OnLeftOut | None = None,
    dms_mappings: Mapping[str, object] | str | Path | None = None,
    dms_settings: Mapping[str, object] | str | Path | None = None,
) -> Plan:
    """What `migrate` would do with the same arguments; moves nothing."""
    return _task(
        source, target, tables=tables, exclude=exclude, schemas=schemas, prepare=prepare,
        only=only, on_loss=on_loss, partitions=partitions, include=include, rules=rules, style=style, dms_mappings=dms_mappings,
        dms_settings=dms_settings, on_left_out=on_left_out,
    ).plan()  # fmt: skip


def assess(
    source: str,
    target: str = DEFAULT_ENGINE,
    *,
    tables: Sequence[str] | None = None,
    exclude: Sequence[str] | None = None,
    schemas: Mapping[str, str] | None = None,
    prepare: Prepare | None = None,
    on_loss: Sequence[str] | None = None,
    partitions: Partitions | None = None,
    include: Sequence[Include] | None = None,
    rules: Sequence[Mapping[str, object] | Rule] | None = None,
    style: Style | None = None,
    dms_mappings: Mapping[str, object] | str | Path | None = None,
    dms_settings: Mapping[str, object] | str | Path | None = None,
    workers: int | None = None,
    sample: bool = False,
) -> Assessment:
    """What `migrate` would meet with the same arguments, and what both servers allow; moves nothing.

    `target` may be the name of an engine, as in `mysql` or `postgresql:16`: then a new database is supposed.
    With `sample` large tables are judged by a part of their rows.
    """
    return _task(
        source, target, tables=tables, exclude=exclude, schemas=schemas, prepare=prepare,
        on_loss=on_loss, partitions=partitions, include=include, workers=workers, rules=rules, style=style,
        dms_mappings=dms_mappings, dms_settings=dms_settings,
    ).assess(sample=sample)  # fmt: skip


def _task(
    source: str,
    target: str,
    *,
    dms_mappings: Mapping[str, object] | str | Path | None,
    dms_settings: Mapping[str, object] | str | Path | None,
    **options: object,
) -> Task:
    given = {name: value for name, value in options.items() if value is not None}
    if dms_mappings is not None:
        return Task.from_dms(source, target, dms_mappings, dms_settings, **given)
    if dms_settings is not None:
        raise RequestError("`dms_settings` are nothing without `dms_mappings`")
    return Task.of(source=source, target=target, **given)
