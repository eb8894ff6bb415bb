"""Table mappings as AWS DMS has them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

TEXTS = ("rule-id", "rule-name", "load-order")
NEGATIVE = frozenset({"noteq", "notbetween", "notnull"})


def _kebab(name: str) -> str:
    return name.replace("_", "-")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=_kebab)


class DataType(_Part):
    type: Literal[
        "bytes", "date", "time", "datetime", "int1", "int2", "int4", "int8", "numeric", "real4", "real8", "string",
        "uint1", "uint2", "uint4", "uint8", "wstring", "blob", "nclob", "clob", "boolean", "set", "list", "map",
        "tuple",
    ]  # fmt: skip
    precision: int | None = None
    scale: int | None = None
    length: int | None = None

    @model_validator(mode="before")
    @classmethod
    def _lower(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("type"), str):
            return {**value, "type": value["type"].lower()}
        return value


class Locator(_Part):
    schema_name: str
    table_name: str = "%"
    column_name: str | None = None
    table_type: Literal["table", "view", "all"] = "table"
    table_tablespace_name: str | None = None
    index_tablespace_name: str | None = None
    data_type: str | None = None


class FilterCondition(_Part):
    filter_operator: Literal[
        "lte", "ste", "gte", "eq", "noteq", "between", "notbetween", "null", "notnull"
    ]
    value: str | int | float | None = None
    start_value: str | int | float | None = None
    end_value: str | int | float | None = None

    @model_validator(mode="after")
    def _values(self) -> Self:
        wanted = {"between": {"start_value", "end_value"}, "notbetween": {"start_value", "end_value"},
                  "null": set(), "notnull": set()}.get(self.filter_operator, {"value"})  # fmt: skip
        given = {n for n in self.model_fields_set if getattr(self, n) is not None}
        given -= {"filter_operator"}
        if given != wanted:
            names = " and ".join(map(_kebab, sorted(wanted, reverse=True))) or "no value"
            raise ValueError(f"`{self.filter_operator}` takes {names}")
        return self


class Filter(_Part):
    filter_type: Literal["source"] = "source"
    column_name: str
    filter_conditions: Annotated[list[FilterCondition], Field(min_length=1)]


class _Rule(_Part):
    rule_id: Annotated[str, Field(pattern=r"^\d+$")]
    rule_name: str

    @model_validator(mode="before")
    @classmethod
    def _text(cls, value: Any) -> Any:
        """Identifiers may be numbers."""
        if isinstance(value, dict):
            return {
                key: str(found) if key in TEXTS and found is not None else found
                for key, found in value.items()
            }
        return value

    def __str__(self) -> str:
        return f"rule-id {self.rule_id}"


class ParallelLoad(_Part):
    type: Literal["partitions-auto", "subpartitions-auto", "partitions-list", "ranges", "none"]
    partitions: list[str] = []
    subpartitions: list[str] = []
    columns: list[str] = []
    boundaries: list[list[str]] = []
    number_of_partitions: int | str | None = None
    collection_count_from_metadata: bool | str | None = None
    max_records_skip_per_page: int | str | None = None
    batch_size: int | str | None = None


class Selection(_Rule):
    rule_type: Literal["selection"]
    rule_action: Literal["include", "exclude", "explicit"]
    object_locator: Locator
    load_order: Annotated[str | None, Field(pattern=r"^\d+$")] = None
    filters: list[Filter] | None = None
    # AWS's console writes these two into every selection.
    parallel_load: ParallelLoad | None = None
    segmentation: Annotated[bool | None, Field(alias="isAutoSegmentationChecked")] = None

    @model_validator(mode="after")
    def _filtered(self) -> Self:
        if self.filters and self.rule_action != "include":
            raise ValueError("filters go with rule-action include")
        return self


class PrimaryKey(_Part):
    name: str | None = None
    origin: Literal["primary-key", "unique-index"] = "primary-key"
    columns: Annotated[list[str], Field(min_length=1)]


class BeforeImage(_Part):
    column_prefix: str = ""
    column_suffix: str = ""
    column_filter: Literal["pk-only", "non-lob", "all"] = "pk-only"


RENAMES = ("rename", "convert-lowercase", "convert-uppercase", "add-prefix", "add-suffix", "remove-prefix",
           "remove-suffix", "replace-prefix", "replace-suffix")  # fmt: skip


class Transformation(_Rule):
    rule_type: Literal["transformation"]
    rule_action: Literal[
        "rename", "convert-lowercase", "convert-uppercase", "add-prefix", "add-suffix", "remove-prefix",
        "remove-suffix", "replace-prefix", "replace-suffix", "add-column", "include-column", "remove-column",
        "change-data-type", "define-primary-key", "add-before-image-columns", "data-masking-digits-mask",
        "data-masking-digits-randomize", "data-masking-hash-mask",
    ]  # fmt: skip
    rule_target: Literal["schema", "table", "column", "table-tablespace", "index-tablespace"]
    object_locator: Locator
    value: str | None = None
    old_value: str | None = None
    expression: str | None = None
    data_type: DataType | None = None
    primary_key_def: PrimaryKey | None = None
    before_image_def: BeforeImage | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        action = self.rule_action
        needed = {
            "add-prefix": {"value"}, "add-suffix": {"value"}, "remove-prefix": {"value"},
            "remove-suffix": {"value"}, "replace-prefix": {"value", "old_value"},
            "replace-suffix": {"value", "old_value"}, "add-column": {"value"},
            "change-data-type": {"data_type"}, "define-primary-key": {"primary_key_def"},
            "add-before-image-columns": {"before_image_def"}, "data-masking-digits-mask": {"value"},
        }.get(action, set())  # fmt: skip
        missing = [_kebab(name) for name in sorted(needed) if getattr(self, name) is None]
        if action == "rename" and self.value is None and self.expression is None:
            missing = ["value"]
        if missing:
            raise ValueError(f"`{action}` needs `{missing[0]}`")
        target = "table" if action == "define-primary-key" else "column"
        if action not in RENAMES and self.rule_target != target:
            raise ValueError(f"`{action}` is for rule-target {target}")
        return self


class LobSettings(_Part):
    mode: Literal["limited", "unlimited", "none"]
    bulk_max_size: int | str | None = None


class TableSettings(_Rule):
    rule_type: Literal["table-settings"]
    object_locator: Locator
    parallel_load: ParallelLoad | None = None
    lob_settings: LobSettings | None = None


class Other(BaseModel):
    """A rule for what has no meaning here; its content isn't looked at."""

    model_config = ConfigDict(extra="allow", frozen=True, alias_generator=_kebab)
    rule_type: Literal["object-mapping", "validation", "post-processing"]
    rule_id: str | int = ""


class Mappings(_Part):
    rules: list[
        Annotated[
            Selection | Transformation | TableSettings | Other, Field(discriminator="rule_type")
        ]
    ]

    @model_validator(mode="after")
    def _once(self) -> Self:
        seen: dict[tuple[str, str], None] = {}
        for rule in self.rules:
            for name in ("rule_id", "rule_name") if isinstance(rule, _Rule) else ():
                key = (_kebab(name), str(getattr(rule, name)))
                if key in seen:
                    raise ValueError(f"two rules have the {key[0]} {key[1]}")
                seen[key] = None
        if not any(
            isinstance(rule, Selection) and rule.rule_action != "exclude" for rule in self.rules
        ):
            raise ValueError("at least one selection rule has to include something")
        return self


PARTS = (Mappings, Selection, Transformation, TableSettings, Locator, Filter, FilterCondition, DataType,
         PrimaryKey, BeforeImage, ParallelLoad, LobSettings)  # fmt: skip
KEYS = sorted({found.alias or name for part in PARTS for name, found in part.model_fields.items()})
