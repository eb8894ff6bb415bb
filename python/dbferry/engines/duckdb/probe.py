"""DuckDB is a target only: nothing of it is probed."""

from __future__ import annotations

from collections.abc import Mapping

from dbferry.types import Facts


def run() -> Mapping[str, Facts]:
    return {}
