"""A task from AWS DMS's JSON, and the task file that says the same."""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from dbferry.errors import RequestError
from dbferry.invalid import explain
from dbferry.mapping.dms import expressions, settings
from dbferry.mapping.dms.model import KEYS, Mappings
from dbferry.mapping.dms.tables import MASK_KEY, mapped

Json = Mapping[str, Any] | str | Path
"""A document, or the path of a file that has it."""


@dataclass(frozen=True)
class Converted:
    """Fields of a task but for its URLs, and what is said about the rest."""

    fields: Mapping[str, Any]
    warnings: tuple[str, ...]


def convert(mappings: Json, task_settings: Json | None = None) -> Converted:
    """Raises RequestError for what is neither taken nor known."""
    try:
        model = Mappings.model_validate(_read(mappings, "table mappings"))
    except ValidationError as error:
        raise RequestError(explain(error, "the table mapping", lambda _: KEYS)) from None
    chosen = settings.Set() if task_settings is None else settings.read(
        _read(task_settings, "task settings")
    )  # fmt: skip
    made = mapped(model, chosen.target_schema)
    headers = [
        told for rule in made.rules for told in expressions.headers(rule.get("dms_expression", ""))
    ]
    fields = {
        "tables": made.tables,
        **({"exclude": made.exclude} if made.exclude else {}),
        "style": "dms",
        **chosen.fields,
        "rules": made.rules,
    }
    return Converted(fields, tuple(dict.fromkeys([*made.warnings, *headers, *chosen.warnings])))


def task_file(made: Converted) -> str:
    """The task as YAML; the URLs come from the environment, and warnings stand as comments."""
    said = "".join(f"# {warning}\n" for warning in made.warnings)
    urls = {"source": "${DBFERRY_SOURCE}", "target": "${DBFERRY_TARGET}"}
    text = yaml.safe_dump(
        {**urls, **_escaped(made.fields)},
        sort_keys=False,
        allow_unicode=True,
        width=110,
        default_flow_style=None,
    )
    return said + text


def _escaped(value: Any) -> Any:
    """Dollar signs that a task file would take for variables, doubled."""
    match value:
        case str():
            return value if value == MASK_KEY else re.sub(r"\$(?=[{$])", "$$", value)
        case list():
            return [_escaped(item) for item in value]
        case dict():
            return {name: _escaped(item) for name, item in value.items()}
        case _:
            return value


def keyed(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields with a key for the masks that have one: that of the environment, or one for this run alone."""
    key = os.environ.get(MASK_KEY[2:-1]) or secrets.token_hex(32)
    rules = [{**r, "key": key} if r.get("key") == MASK_KEY else r for r in fields["rules"]]
    return {**fields, "rules": rules}


def _read(what: Json, name: str) -> Any:
    if isinstance(what, Mapping):
        return what
    if isinstance(what, str) and what.lstrip().startswith("{"):
        text = what
    else:
        try:
            text = Path(what).read_text(encoding="utf-8-sig")
        except OSError as error:
            raise RequestError(f"the {name} `{what}` can't be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise RequestError(f"the {name} `{what}` are not UTF-8 text") from None
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        where = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise RequestError(f"the {name}{where} are not valid JSON") from None
