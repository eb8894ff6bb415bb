"""Task files: YAML or JSON, with the environment's variables put in."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import yaml

from dbferry.errors import RequestError

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}|\$\$")


class _AliasError(yaml.MarkedYAMLError):
    """A task file refers to a part of itself."""


class _Plain(yaml.SafeLoader):
    """YAML without aliases: a few lines of them can stand for more than any memory holds."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise _AliasError(None, None, "", mark)
        return super().compose_node(parent, index)


def load(file: Path) -> dict[str, Any]:
    """The fields that a file gives. Raises a RequestError naming it."""
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise RequestError(f"the task file `{file}` can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise RequestError(f"the task file `{file}` is not UTF-8 text") from None
    try:
        content = json.loads(text) if file.suffix == ".json" else _Plain(text).get_single_data()
    except (yaml.YAMLError, json.JSONDecodeError, RecursionError) as error:
        place = getattr(error, "problem_mark", None)
        where = f", line {place.line + 1}" if place else ""
        what = (
            "has an alias, which is not taken"
            if isinstance(error, _AliasError)
            else "is not valid YAML or JSON"
        )
        raise RequestError(f"the task file `{file}`{where} {what}") from None
    if not isinstance(content, dict):
        raise RequestError(f"the task file `{file}` must hold a mapping with `source` and `target`")
    fields: dict[str, Any] = _substitute(content)
    return fields


def _substitute(value: Any) -> Any:
    if isinstance(value, str):
        return _VARIABLE.sub(_variable, value)
    if isinstance(value, list):
        return [_substitute(item) for item in value]
    if isinstance(value, dict):
        return {key: _substitute(item) for key, item in value.items()}
    return value


def _variable(match: re.Match[str]) -> str:
    name = match.group(1)
    if name is None:
        return "$"
    value = os.environ.get(name)
    if value is None:
        raise RequestError(
            f"the task file asks for the environment variable `{name}`, which is not set",
            hint=f"export {name}=… before the run, or write $$ for a plain dollar sign",
        )
    return value
