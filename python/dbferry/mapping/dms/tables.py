"""Table mappings → tables, exclusions and rules of a task, in the order and with the precedence of AWS DMS.

An exclusion wins over an inclusion; several filters of a rule are joined by AND, the conditions of one by OR. Of
transformations that do something to one schema, table or column, that with the lowest rule-id is followed; masks
come besides. A schema keeps its name in the target unless a rule gives it another.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from dbferry.errors import RequestError
from dbferry.mapping.dms.model import (
    RENAMES,
    DataType,
    FilterCondition,
    Mappings,
    Other,
    Selection,
    TableSettings,
    Transformation,
)
from dbferry.mapping.dms.names import exact, pattern

TYPES = {
    "bytes": "binary", "date": "date", "time": "time", "int1": "int8", "int2": "int16", "int4": "int32",
    "int8": "int64", "real4": "float32", "real8": "float64", "string": "text", "wstring": "text",
    "uint1": "uint8", "uint2": "uint16", "uint4": "uint32", "uint8": "uint64", "blob": "binary", "clob": "text",
    "nclob": "text", "boolean": "bool",
}  # fmt: skip
OPERATORS = {"lte": "lte", "ste": "lte", "gte": "gte", "eq": "eq", "noteq": "noteq"}
MASK_KEY = "${DBFERRY_MASK_KEY}"
"""What a mask with a key takes it from."""
OTHERS = {
    "object-mapping": "is for targets that are no databases",
    "validation": "changes how rows are compared; dbferry counts both sides",
    "post-processing": "tags what is written to S3",
}


@dataclass
class Mapped:
    """A part of a task, and what is said about it."""

    tables: list[str] = field(default_factory=list)
    exclude: list[str] = field(default_factory=list)
    rules: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def mapped(mappings: Mappings, target_schema: str = "") -> Mapped:
    made = Mapped()
    for rule in mappings.rules:
        match rule:
            case Selection():
                _select(rule, made)
            case TableSettings():
                _settings(rule, made)
            case Other():
                made.warnings.append(
                    f"rule-id {rule.rule_id}: {rule.rule_type} {OTHERS[rule.rule_type]}"
                )
            case Transformation():
                pass
    changes = [rule for rule in mappings.rules if isinstance(rule, Transformation)]
    for change in sorted(changes, key=lambda rule: int(rule.rule_id)):
        _transform(change, made)
    if not made.tables:
        raise RequestError(
            "the table mappings include no table", hint="; ".join(made.warnings) or None
        )
    made.rules += _schemas(mappings, target_schema)
    return made


def _schemas(mappings: Mappings, target: str) -> list[dict[str, Any]]:
    """Schemas go where their names say, or all to the one that the task settings name."""
    if target:
        return [{"rename_schema": "*", "to": target}]
    names = [rule.object_locator.schema_name for rule in mappings.rules
             if isinstance(rule, Selection) and rule.rule_action != "exclude"]  # fmt: skip
    plain = [name for name in dict.fromkeys(names) if pattern(name) == name]
    return [
        *({"rename_schema": name, "to": name} for name in plain),
        *([{"rename_schema": "*", "to": "*"}] if len(plain) < len(set(names)) else []),
    ]


def _select(rule: Selection, made: Mapped) -> None:
    locator = rule.object_locator
    named = exact if rule.rule_action == "explicit" else pattern
    if rule.rule_action == "explicit" and "%" in locator.schema_name + locator.table_name:
        raise RequestError(f"{rule}: explicit takes exact names, and no %")
    table = f"{named(locator.schema_name)}.{named(locator.table_name)}"
    if rule.load_order is not None:
        made.warnings.append(f"{rule}: load-order is not used; the largest tables begin first")
    _parallel(rule, made)
    if locator.table_type != "table":
        made.warnings.append(f"{rule}: views are not moved as tables")
    if locator.table_type == "view":
        return
    if rule.rule_action == "exclude":
        made.exclude.append(table)
        return
    made.tables.append(table)
    made.rules += [
        {
            "filter": table,
            "column": each.column_name,
            "any": [_condition(condition) for condition in each.filter_conditions],
        }
        for each in rule.filters or ()
    ]


def _condition(condition: FilterCondition) -> dict[str, Any]:
    match condition.filter_operator:
        case "null" | "notnull":
            return {"null": condition.filter_operator == "null"}
        case "between" | "notbetween":
            return {condition.filter_operator: [condition.start_value, condition.end_value]}
        case operator:
            return {OPERATORS[operator]: condition.value}


def _parallel(rule: TableSettings | Selection, made: Mapped) -> None:
    load = rule.parallel_load
    if load is not None and load.type != "none":
        made.warnings.append(
            f"{rule}: parallel-load {load.type} is not used; dbferry cuts every large table by itself, "
            "with rows whose columns are NULL"
        )


def _settings(rule: TableSettings, made: Mapped) -> None:
    _parallel(rule, made)
    lob = rule.lob_settings
    if lob is not None and lob.mode != "none":
        made.warnings.append(
            f"{rule}: lob-settings {lob.mode} is not used; values of any size move whole"
        )


def _transform(rule: Transformation, made: Mapped) -> None:
    locator, action = rule.object_locator, rule.rule_action
    schema, table = pattern(locator.schema_name), pattern(locator.table_name)
    column = f"{schema}.{table}.{pattern(locator.column_name or '%')}"
    if "tablespace" in rule.rule_target:
        made.warnings.append(f"{rule}: tablespaces are Oracle's; none is chosen")
        return
    of = {"of": _type_name(rule, locator.data_type)} if locator.data_type else {}
    match action:
        case _ if action in RENAMES:
            place = {"schema": schema, "table": f"{schema}.{table}", "column": column}[
                rule.rule_target
            ]
            only = of if rule.rule_target == "column" else {}
            made.rules.append({f"rename_{rule.rule_target}": place, **_rename(rule), **only})
        case "add-column":
            made.rules.append({"add": f"{schema}.{table}.{rule.value}", **_added(rule)})
        case "include-column":
            made.rules.append({"keep": column, **of})
        case "remove-column":
            made.rules.append({"remove": column, **of})
        case "change-data-type" if rule.data_type is not None:
            made.rules.append({"cast": column, "type": _type(rule, rule.data_type), **of})
        case "define-primary-key" if rule.primary_key_def is not None:
            key = rule.primary_key_def
            made.rules.append(
                {
                    "key": f"{schema}.{table}",
                    "columns": key.columns,
                    **({"name": key.name} if key.name else {}),
                    **({"unique": True} if key.origin == "unique-index" else {}),
                }
            )
        case "add-before-image-columns":
            made.warnings.append(
                f"{rule}: a load has no images before a change; no column is added"
            )
        case _:
            made.rules.append({"mask": column, **_mask(rule, made), **of})


def _rename(rule: Transformation) -> dict[str, Any]:
    if rule.expression is not None:
        raise RequestError(
            f"{rule}: a name that comes from an expression is not taken",
            hint="a rule of dbferry may do: `to` with *, `prefix`, `suffix`, `case`",
        )
    if rule.rule_action == "rename" and "*" in (rule.value or ""):
        raise RequestError(f"{rule}: a new name can't have * in it")
    match rule.rule_action:
        case "rename":
            return {"to": rule.value}
        case "convert-lowercase" | "convert-uppercase":
            return {"case": rule.rule_action.removeprefix("convert-").removesuffix("case")}
        case "add-prefix" | "add-suffix":
            return {rule.rule_action.removeprefix("add-"): rule.value}
        case "remove-prefix" | "remove-suffix":
            return {f"strip_{rule.rule_action.removeprefix('remove-')}": rule.value}
        case _:
            end = rule.rule_action.removeprefix("replace-")
            return {f"strip_{end}": rule.old_value, end: rule.value}


def _added(rule: Transformation) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if rule.expression is not None:
        made["dms_expression"] = rule.expression
    if rule.data_type is not None:
        made["type"] = _type(rule, rule.data_type)
    return made or {"type": "text"}


def _mask(rule: Transformation, made: Mapped) -> dict[str, Any]:
    match rule.rule_action:
        case "data-masking-digits-mask":
            return {"how": "digits", "mark": rule.value}
        case "data-masking-digits-randomize":
            made.warnings.append(
                f"{rule}: digits become others under a key, the same for equal values"
            )
            return {"how": "digits", "key": MASK_KEY}
        case _:
            made.warnings.append(
                f"{rule}: a hash without a key tells who guesses a value that he is right; `how: hash` has a key"
            )
            return {"how": "sha256"}


def _type(rule: Transformation, wanted: DataType) -> str:
    match wanted.type:
        case "numeric":
            return f"decimal({wanted.precision or 38},{wanted.scale or 0})"
        case "datetime":
            # DMS has up to nine digits of a second; servers have six.
            digits = wanted.scale if wanted.scale is not None else wanted.precision
            return "timestamp" if digits is None or digits >= 6 else f"timestamp({digits})"
        case "string" | "wstring" if wanted.length:
            return f"text({wanted.length})"
        case name:
            return _type_name(rule, name)


def _type_name(rule: Transformation, name: str) -> str:
    made = {**TYPES, "numeric": "decimal", "datetime": "timestamp"}.get(name.lower())
    if made is None:
        raise RequestError(f"{rule}: the type `{name}` is for targets that are no databases")
    return made
