"""A module of the package with a verb's name would stand in its place once it is imported."""

import importlib
import pkgutil
from types import FunctionType

import pytest

import dbferry


@pytest.mark.parametrize("verb", ["assess", "migrate", "plan"])
def test_a_verb_is_a_function_when_every_module_is_imported(verb: str) -> None:
    for module in pkgutil.iter_modules(dbferry.__path__):
        if module.name != "__main__":
            importlib.import_module(f"dbferry.{module.name}")
    assert isinstance(getattr(dbferry, verb), FunctionType)
