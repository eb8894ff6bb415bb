"""Task settings of AWS DMS → fields of a task. Every key is either taken, or named with what happens instead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from dbferry.errors import RequestError

PREPARE = {"DO_NOTHING": "append", "DROP_AND_CREATE": "drop", "TRUNCATE_BEFORE_LOAD": "truncate"}
MOST_WORKERS = 256
MOST_RETRIES = 1000
BAD_ROW = {
    "LOG_ERROR": "quarantine", "IGNORE_RECORD": "quarantine", "SUSPEND_TABLE": "stop", "STOP_TASK": "stop",
}  # fmt: skip
BAD_TABLE = {"SUSPEND_TABLE": "continue", "STOP_TASK": "stop"}

LOADS = "is about changes after the load, which dbferry doesn't follow"
STREAMS = "is for targets that are streams or files"
WHOLE = "is not used: values of any size move whole, and none is cut"
MEMORY = "is not used: memory is bounded by batch_rows and large_values_mb"
STRICT = "is not used: a value that doesn't fit stops the run unless on_loss says otherwise, and no row is skipped"
COUNTS = "is not used: the rows of both sides are counted after every load, and counts that differ are an error"
AWS = "is AWS's own"
LOG = "is not used: progress and errors go to stderr, --json gives the report"
TABLES = "is not used: dbferry leaves no tables of its own in the target"

# Group → key → why it isn't taken; None for what is.
KNOWN: Mapping[str, Mapping[str, str | None]] = {
    "TargetMetadata": {
        "TargetSchema": None, "SupportLobs": WHOLE, "FullLobMode": WHOLE, "LobChunkSize": WHOLE,
        "LimitedSizeLobMode": WHOLE, "LobMaxSize": WHOLE, "InlineLobMaxSize": WHOLE, "LoadMaxFileSize": STREAMS,
        "ParallelLoadThreads": STREAMS, "ParallelLoadBufferSize": STREAMS, "ParallelLoadQueuesPerThread": STREAMS,
        "ParallelApplyThreads": LOADS, "ParallelApplyBufferSize": LOADS, "ParallelApplyQueuesPerThread": LOADS,
        "BatchApplyEnabled": LOADS, "TaskRecoveryTableEnabled": LOADS,
    },
    "FullLoadSettings": {
        "TargetTablePrepMode": None, "MaxFullLoadSubTasks": None, "CommitRate": None,
        "CreatePkAfterFullLoad": "is not used: keys and indexes are always built once a table's rows are in",
        "StopTaskCachedChangesApplied": LOADS, "StopTaskCachedChangesNotApplied": LOADS,
        "TransactionConsistencyTimeout": "is not used: all sessions read one point in time",
    },
    "TTSettings": dict.fromkeys(("EnableTT", "TTS3Settings", "TTRecordSettings", "FailTaskOnTTFailure"), AWS),
    "Logging": dict.fromkeys(
        ("EnableLogging", "EnableLogContext", "LogComponents", "DeleteTaskLogs", "CloudWatchLogGroup",
         "CloudWatchLogStream", "LogConfiguration"), LOG),
    "ControlTablesSettings": dict.fromkeys(
        ("ControlSchema", "HistoryTimeslotInMinutes", "HistoryTableEnabled", "SuspendedTablesTableEnabled",
         "StatusTableEnabled", "FullLoadExceptionTableEnabled", "historyTimeslotInMinutes",
         "CommitPositionTableEnabled"), TABLES),
    "StreamBufferSettings": dict.fromkeys(
        ("StreamBufferCount", "StreamBufferSizeInMB", "CtrlStreamBufferSizeInMB"), MEMORY),
    "ChangeProcessingTuning": dict.fromkeys(
        ("BatchApplyPreserveTransaction", "BatchApplyTimeoutMin", "BatchApplyTimeoutMax", "BatchApplyMemoryLimit",
         "BatchSplitSize", "MinTransactionSize", "CommitTimeout", "MemoryLimitTotal", "MemoryKeepTime",
         "StatementCacheSize", "RecoveryTimeout"), LOADS),
    "ChangeProcessingDdlHandlingPolicy": dict.fromkeys(
        ("HandleSourceTableDropped", "HandleSourceTableTruncated", "HandleSourceTableAltered"), LOADS),
    "LoopbackPreventionSettings": dict.fromkeys(
        ("EnableLoopbackPrevention", "SourceSchema", "TargetSchema"), LOADS),
    "CharacterSetSettings": dict.fromkeys(
        ("CharacterReplacements", "CharacterSetSupport"),
        "is not used: no character is replaced; those that the target can't hold are errors unless on_loss says "
        "otherwise"),
    "BeforeImageSettings": dict.fromkeys(("EnableBeforeImage", "FieldName", "ColumnFilter"), LOADS),
    "ErrorBehavior": {
        **dict.fromkeys(
            ("DataErrorPolicy", "DataErrorEscalationCount", "TableErrorPolicy", "RecoverableErrorCount"), None),
        **dict.fromkeys(
            ("DataTruncationErrorPolicy", "EventErrorPolicy", "FullLoadIgnoreConflicts"), STRICT),
        "DataErrorEscalationPolicy": "is not used: a table fails that has more bad rows than max_bad_rows",
        **dict.fromkeys(
            ("TableErrorEscalationPolicy", "TableErrorEscalationCount"),
            "is not used: however many tables fail, the others go on unless on_table_error says otherwise"),
        "DataMaskingErrorPolicy": "is not used: a column that can't be masked stops the run before anything moves",
        **dict.fromkeys(
            ("RecoverableErrorInterval", "RecoverableErrorThrottling", "RecoverableErrorThrottlingMax",
             "RecoverableErrorStopRetryAfterThrottlingMax"),
            "is not used: what can be tried again is, after pauses that get longer, for as long as retry_seconds says"),
        **dict.fromkeys(
            ("ApplyErrorDeletePolicy", "ApplyErrorInsertPolicy", "ApplyErrorUpdatePolicy",
             "ApplyErrorEscalationPolicy", "ApplyErrorEscalationCount", "ApplyErrorFailOnTruncationDdl"), LOADS),
        "FailOnNoTablesCaptured": "is not used: a task that finds no table is an error",
        "FailOnTransactionConsistencyBreached": "is not used: all sessions read one point in time",
    },
    "ValidationSettings": dict.fromkeys(
        ("EnableValidation", "ValidationMode", "ThreadCount", "PartitionSize", "FailureMaxCount",
         "TableFailureMaxCount", "RecordFailureDelayInMinutes", "RecordFailureDelayLimitInMinutes",
         "RecordSuspendDelayInMinutes", "MaxKeyColumnSize", "HandleCollationDiff", "SkipLobColumns",
         "ValidationPartialLobSize", "ValidationOnly", "ValidationQueryCdcDelaySeconds",
         "ValidationS3Time", "ValidationS3Mask"), COUNTS),
    "ResyncSettings": dict.fromkeys(
        ("EnableResync", "ResyncSchedule", "MaxResyncTime", "ValidationTaskId"), LOADS),
    "PostProcessingRules": {},
    "FailTaskWhenCleanTaskResourceFailed": {},
}  # fmt: skip


@dataclass
class Set:
    """The fields of a task that settings give, and what is said about the others."""

    fields: dict[str, Any] = field(default_factory=dict)
    target_schema: str = ""
    warnings: list[str] = field(default_factory=list)


def read(content: object) -> Set:
    if not isinstance(content, dict):
        raise RequestError("the task settings are no JSON object")
    unknown = _unknown(content)
    if unknown:
        raise RequestError("the task settings are wrong: " + "; ".join(unknown))
    made = Set()
    for group, keys in content.items():
        if not isinstance(keys, dict):
            # Exports have groups that are null, and two that are no groups.
            if keys is not None:
                made.warnings.append(f"{group} {AWS}")
            continue
        _warn(group, keys, made)
    metadata = _given(content, "TargetMetadata")
    made.fields |= _full_load(_given(content, "FullLoadSettings"))
    made.fields |= _errors(_given(content, "ErrorBehavior"))
    made.target_schema = _text("TargetMetadata.TargetSchema", metadata.get("TargetSchema") or "")
    return made


def _given(content: Mapping[str, Any], group: str) -> dict[str, Any]:
    """The keys of a group that say something."""
    held = content.get(group)
    if not isinstance(held, dict):
        return {}
    return {key: value for key, value in held.items() if value is not None}


def _unknown(content: Mapping[str, Any]) -> list[str]:
    groups = [group for group in content if group not in KNOWN]
    keys = [
        (group, key)
        for group, held in content.items()
        if isinstance(held, dict) and KNOWN.get(group)
        for key in held
        if key not in KNOWN[group]
    ]
    return [
        *(f"unknown key `{group}`{_nearest(group, list(KNOWN))}" for group in groups),
        *(f"unknown key `{group}.{key}`{_nearest(key, list(KNOWN[group]))}" for group, key in keys),
    ]


def _nearest(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, 1)
    return f" (did you mean `{near[0]}`?)" if near else ""


def _warn(group: str, keys: Mapping[str, Any], made: Set) -> None:
    """One line for all keys of a group that have the same reason."""
    by_reason: dict[str, list[str]] = {}
    for key in keys:
        reason = KNOWN[group].get(key, AWS)
        if reason is not None:
            by_reason.setdefault(reason, []).append(key)
    made.warnings += [f"{group}: {', '.join(names)} {why}" for why, names in by_reason.items()]


def _full_load(load: Mapping[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    mode = load.get("TargetTablePrepMode", "DO_NOTHING")
    if mode not in PREPARE:
        known = ", ".join(PREPARE)
        raise RequestError(f"TargetTablePrepMode is one of {known}", hint=f"it is `{mode}`")
    fields["prepare"] = PREPARE[mode]
    if "MaxFullLoadSubTasks" in load:
        count = _number("FullLoadSettings.MaxFullLoadSubTasks", load["MaxFullLoadSubTasks"])
        fields["workers"] = min(count, MOST_WORKERS)
    if "CommitRate" in load:
        fields["batch_rows"] = _number("FullLoadSettings.CommitRate", load["CommitRate"])
    return fields


def _errors(behavior: Mapping[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if "DataErrorPolicy" in behavior:
        policy = _choice("ErrorBehavior.DataErrorPolicy", behavior["DataErrorPolicy"], BAD_ROW)
        fields["on_bad_row"] = policy
        if behavior["DataErrorPolicy"] == "STOP_TASK":
            fields["on_table_error"] = "stop"
    if behavior.get("DataErrorEscalationCount", 0) != 0:
        name = "ErrorBehavior.DataErrorEscalationCount"
        fields["max_bad_rows"] = _number(name, behavior["DataErrorEscalationCount"])
    if "TableErrorPolicy" in behavior:
        policy = _choice("ErrorBehavior.TableErrorPolicy", behavior["TableErrorPolicy"], BAD_TABLE)
        fields.setdefault("on_table_error", policy)
    # -1 is as long as it takes, which is what retry_seconds bounds.
    if behavior.get("RecoverableErrorCount", -1) not in (-1, 0):
        name = "ErrorBehavior.RecoverableErrorCount"
        fields["retries"] = min(_number(name, behavior["RecoverableErrorCount"]), MOST_RETRIES)
    if behavior.get("RecoverableErrorCount") == 0:
        fields["retries"] = 0
    return fields


def _choice(name: str, value: object, known: Mapping[str, str]) -> str:
    if not isinstance(value, str) or value not in known:
        raise RequestError(f"{name} is one of {', '.join(known)}", hint=f"it is `{value}`")
    return known[value]


def _number(name: str, value: object) -> int:
    text = str(value)
    if isinstance(value, bool) or not text.isdigit() or int(text) < 1:
        raise RequestError(f"{name} is a number, 1 or more")
    return int(text)


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise RequestError(f"{name} is a text")
    return value
