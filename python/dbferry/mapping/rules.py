"""What rules look like: one model for each verb; the verb's field names what the rule is for.

Tables are `table` or `schema.table`, columns `table.column` or `schema.table.column`, by their names in the
source, with `*`, `?` and `[abc]`.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Discriminator, Field, SecretStr, Tag, model_validator

KEY_CHARACTERS = 16
"""Of a mask's key at least; a shorter one is soon guessed."""

Constant = str | bool | int | float
Case = Literal["lower", "upper", "snake"]
Sort = Literal[
    "address", "city", "company", "email", "first_name", "iban", "job", "last_name", "license_plate", "name",
    "phone_number", "postcode", "street_address", "user_name", "word",
]  # fmt: skip
SORTS: tuple[str, ...] = get_args(Sort)
Mark = Annotated[str, Field(min_length=1, max_length=1)]


class _Rule(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    verb: ClassVar[str]

    @property
    def about(self) -> str:
        """The pattern that it is for."""
        return str(getattr(self, self.verb))

    def __str__(self) -> str:
        return f"{self.verb}: {self.about}"


class Condition(BaseModel):
    """A comparison with constants; several of one rule are joined by OR."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    eq: Constant | None = None
    noteq: Constant | None = None
    lte: Constant | None = None
    gte: Constant | None = None
    between: tuple[Constant, Constant] | None = None
    notbetween: tuple[Constant, Constant] | None = None
    null: bool | None = Field(None, description="true: NULL; false: not NULL")

    @model_validator(mode="after")
    def _single(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError(f"one of {', '.join(type(self).model_fields)} is wanted")
        return self


class Filter(_Rule):
    """Only rows that fulfil a condition move. Several filters of a table are joined by AND."""

    verb = "filter"
    filter: Annotated[str, Field(description="Tables")]
    where: Annotated[str | None, Field(description="A condition in the source's SQL")] = None
    column: Annotated[str | None, Field(description="A column to compare, instead")] = None
    any: Annotated[list[Condition], Field(description="What the column is compared with")] = []

    @model_validator(mode="after")
    def _either(self) -> Self:
        if (self.where is None) == (self.column is None):
            raise ValueError("either `where`, or `column` with `any`, is wanted")
        if (self.column is None) != (not self.any):
            raise ValueError("`column` and `any` belong together")
        return self


class _OfColumns(_Rule):
    of: Annotated[
        str | None, Field(description="Only columns of this type, by the names that `cast` has")
    ] = None


class _Rename(_Rule):
    to: Annotated[
        str | None,
        Field(
            min_length=1,
            description="The new name; each * stands for what a * of the pattern has met",
        ),
    ] = None
    strip_prefix: Annotated[
        str | None, Field(description="Taken off; names that don't begin so stay as they are")
    ] = None
    strip_suffix: Annotated[
        str | None, Field(description="Taken off; names that don't end so stay as they are")
    ] = None
    prefix: Annotated[str, Field(description="Put before the name")] = ""
    suffix: Annotated[str, Field(description="Put after the name")] = ""
    case: Annotated[Case | None, Field(description="Of the whole name, at last")] = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set - {self.verb, "of"}:
            raise ValueError("how the name changes is missing: `to`, `prefix`, `case` …")
        if self.to is not None and (self.strip_prefix is not None or self.strip_suffix is not None):
            raise ValueError("`to` gives the whole name, and nothing is stripped from it")
        if self.to is not None and self.to.count("*") > self.about.rpartition(".")[2].count("*"):
            raise ValueError("`to` has more * than the pattern")
        return self


class RenameSchema(_Rename):
    """A schema's tables go into a schema of another name."""

    verb = "rename_schema"
    rename_schema: Annotated[str, Field(description="Schemas")]


class RenameTable(_Rename):
    verb = "rename_table"
    rename_table: Annotated[str, Field(description="Tables")]


class RenameColumn(_Rename, _OfColumns):
    verb = "rename_column"
    rename_column: Annotated[str, Field(description="Columns")]


class Remove(_OfColumns):
    """These columns don't move; keys and indexes on them neither."""

    verb = "remove"
    remove: Annotated[str, Field(description="Columns")]


class Keep(_OfColumns):
    """Of a table that has such columns, no other moves."""

    verb = "keep"
    keep: Annotated[str, Field(description="Columns")]


class Add(_Rule):
    """A column more; without anything that gives it values they are NULL."""

    verb = "add"
    add: Annotated[str, Field(description="Tables and the new column, as `table.column`")]
    value: Annotated[Constant | None, Field(description="The same in every row")] = None
    expression: Annotated[
        str | None, Field(description="The source's SQL, over the table's columns")
    ] = None
    dms_expression: Annotated[
        str | None, Field(description="An expression as AWS DMS has it, such as $first || $last")
    ] = None
    source: Annotated[
        Literal["schema", "table", "load_time"] | None,
        Field(description="The name of the row's schema or table, or when the run began (UTC)"),
    ] = None
    type: Annotated[str | None, Field(description="As `cast` has it")] = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [self.value, self.expression, self.dms_expression, self.source]
        count = sum(what is not None for what in given)
        if count > 1 or (count == 0 and self.type is None):
            raise ValueError(
                "one of `value`, `expression`, `dms_expression` and `source`, or a `type`, is wanted"
            )
        return self


class Set(_Rule):
    """A column's values come from an expression."""

    verb = "set"
    set: Annotated[str, Field(description="Columns")]
    expression: Annotated[str, Field(description="The source's SQL, over the table's columns")]


class Cast(_OfColumns):
    """A column gets another type; a value that doesn't fit it stops the run, unless `on_loss` says otherwise."""

    verb = "cast"
    cast: Annotated[str, Field(description="Columns")]
    type: Annotated[
        str,
        Field(
            description="int8 to int64, uint8 to uint64, float32, float64, decimal(p,s), text, text(n), binary, "
            "bool, date, time, timestamp, instant, uuid or json"
        ),
    ]


class Key(_Rule):
    """The primary key in the target."""

    verb = "key"
    key: Annotated[str, Field(description="Tables")]
    columns: Annotated[list[str], Field(description="By their names in the source; none: no key")]
    name: Annotated[str | None, Field(min_length=1, description="What it is called")] = None
    unique: Annotated[bool, Field(description="A unique key besides the primary one")] = False

    @model_validator(mode="after")
    def _unique(self) -> Self:
        if self.unique and not self.columns:
            raise ValueError("a unique key has columns")
        return self


class Merge(_Rule):
    """Several tables become one."""

    verb = "merge"
    merge: Annotated[str, Field(description="Tables")]
    into: Annotated[str, Field(description="The target's table, as `table` or `schema.table`")]


class Mask(_OfColumns):
    """What a column holds doesn't reach the target. NULL stays NULL, but with `fixed`."""

    verb = "mask"
    mask: Annotated[str, Field(description="Columns")]
    how: Annotated[
        Literal["null", "fixed", "hash", "sha256", "partial", "digits", "scramble", "fake"],
        Field(
            description="null: nothing; fixed: `value`; hash: HMAC-SHA-256 under `key`, equal for equal values; "
            "sha256: without a key, which can be guessed; partial: `first` and `last` characters stay, the others "
            "become `mark`; digits: each becomes `mark`, or under `key` another digit; scramble: digits and ASCII letters become others of their "
            "kind under `key`, equal for equal values; fake: a made-up value of a `sort` and a `locale`, chosen by "
            "`key`, equal for equal values"
        ),
    ]
    value: Annotated[Constant | None, Field(description="Of `fixed`")] = None
    key: Annotated[
        SecretStr | None,
        Field(
            description=f"Of `hash`, `scramble` and `fake`, {KEY_CHARACTERS} characters at least",
            repr=False,
        ),
    ] = None
    sort: Annotated[Sort | None, Field(description="Of `fake`: what it makes up")] = None
    locale: Annotated[str, Field(description="Of `fake`: where it could be from")] = "en_US"
    first: Annotated[int, Field(ge=0, description="Of `partial`")] = 0
    last: Annotated[int, Field(ge=0, description="Of `partial`")] = 0
    mark: Annotated[Mark, Field(description="Of `partial` and `digits`")] = "*"

    @model_validator(mode="after")
    def _complete(self) -> Self:
        takes = {
            "fixed": {"value"}, "hash": {"key"}, "scramble": {"key"},
            "partial": {"first", "last", "mark"}, "digits": {"mark", "key"}, "fake": {"key", "sort", "locale"},
        }.get(self.how, set())  # fmt: skip
        extra = sorted(self.model_fields_set - {"mask", "how", "of"} - takes)
        if extra:
            raise ValueError(f"`{self.how}` takes no `{extra[0]}`")
        if "value" in takes and self.value is None:
            raise ValueError("`fixed` needs a `value`")
        if "sort" in takes and self.sort is None:
            raise ValueError(f"`fake` needs a `sort`: {', '.join(SORTS)}")
        if self.how == "digits" and {"mark", "key"} <= self.model_fields_set:
            raise ValueError("`digits` takes `mark` or `key`")
        if "key" in takes and (self.how != "digits" or self.key is not None):
            secret = self.key.get_secret_value() if self.key else ""
            if "${" in secret:
                raise ValueError("the `key` is the name of a variable that nobody has put in")
            if len(secret) < KEY_CHARACTERS:
                raise ValueError(
                    f"`{self.how}` needs a `key` of {KEY_CHARACTERS} characters at least"
                )
        return self


class Loss(_Rule):
    """What becomes of values that can't be carried, as a task's `on_loss`."""

    verb = "loss"
    loss: Annotated[str, Field(description="Columns")]
    code: Annotated[str, Field(description="Such as T-ZERO, or * for all")] = "*"
    policy: Annotated[str, Field(description="error, null, clamp, replace:VALUE, text or binary")]


MODELS: tuple[type[_Rule], ...] = (
    Filter, RenameSchema, RenameTable, RenameColumn, Remove, Keep, Add, Set, Cast, Key, Merge, Mask, Loss,
)  # fmt: skip
VERBS = {model.verb: model for model in MODELS}


def _verb(rule: Any) -> str | None:
    if isinstance(rule, _Rule):
        return rule.verb
    found = [verb for verb in VERBS if isinstance(rule, dict) and verb in rule]
    # A mask has a `key`, which is a verb too.
    return found[-1] if found else None


Rule = Annotated[
    Annotated[Filter, Tag("filter")]
    | Annotated[RenameSchema, Tag("rename_schema")]
    | Annotated[RenameTable, Tag("rename_table")]
    | Annotated[RenameColumn, Tag("rename_column")]
    | Annotated[Remove, Tag("remove")]
    | Annotated[Keep, Tag("keep")]
    | Annotated[Add, Tag("add")]
    | Annotated[Set, Tag("set")]
    | Annotated[Cast, Tag("cast")]
    | Annotated[Key, Tag("key")]
    | Annotated[Merge, Tag("merge")]
    | Annotated[Mask, Tag("mask")]
    | Annotated[Loss, Tag("loss")],
    Discriminator(
        _verb,
        custom_error_type="no_verb",
        custom_error_message=f"A rule has one of {', '.join(VERBS)}",
    ),
]
