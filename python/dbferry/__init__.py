"""dbferry: move whole databases. Two URLs in, a verified copy out.

>>> import dbferry
>>> report = dbferry.migrate("sqlite:///shop.db", "duckdb:///shop.duckdb")  # doctest: +SKIP
>>> report.rows  # doctest: +SKIP
1000000
"""

from __future__ import annotations

import atexit
import warnings
from importlib import import_module
from typing import TYPE_CHECKING

from dbferry import _native

if TYPE_CHECKING:
    from dbferry.assessment.report import Assessment
    from dbferry.errors import DbferryError
    from dbferry.items import Plan
    from dbferry.progress import Progress
    from dbferry.reading import Schema, Stream, read
    from dbferry.report import Report
    from dbferry.task import Task
    from dbferry.verbs import assess, migrate, plan
    from dbferry.writing import Mode as WriteMode
    from dbferry.writing import write

__all__ = [
    "Assessment", "DbferryError", "Plan", "Progress", "Report", "Schema", "Stream", "Task", "WriteMode",
    "assess", "migrate", "plan", "read", "write",
]  # fmt: skip
__version__ = _native.version()

atexit.register(_native.wait_told)
if _native.build_profile() == "debug":
    warnings.warn(
        "this dbferry was built in debug mode and is many times slower; build it with --release",
        RuntimeWarning,
        stacklevel=2,
    )


# Imported when they are first asked for: the command line minds Ctrl-C before it begins with that, and needs few of them.
_LATER = {
    "Assessment": ("dbferry.assessment.report", "Assessment"),
    "DbferryError": ("dbferry.errors", "DbferryError"),
    "Plan": ("dbferry.items", "Plan"),
    "Progress": ("dbferry.progress", "Progress"),
    "Report": ("dbferry.report", "Report"),
    "Schema": ("dbferry.reading", "Schema"),
    "Stream": ("dbferry.reading", "Stream"),
    "Task": ("dbferry.task", "Task"),
    "WriteMode": ("dbferry.writing", "Mode"),
    "assess": ("dbferry.verbs", "assess"),
    "migrate": ("dbferry.verbs", "migrate"),
    "plan": ("dbferry.verbs", "plan"),
    "read": ("dbferry.reading", "read"),
    "write": ("dbferry.writing", "write"),
}

_MODULES = ("errors", "progress", "report", "task")
"""Those that are there for whoever has imported the package."""


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return import_module(f"dbferry.{name}")
    if name not in _LATER:
        raise AttributeError(name)
    module, known_as = _LATER[name]
    found: object = getattr(import_module(module), known_as)
    globals()[name] = found
    return found
