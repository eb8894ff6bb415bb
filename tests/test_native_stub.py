"""`_native.pyi` says what the compiled module has: every name, every parameter, every default."""

import ast
import inspect
from pathlib import Path
from types import ModuleType
from typing import Any

import dbferry
from dbferry import _native

STUB = Path(dbferry.__file__).with_name("_native.pyi")


def test_the_stub_has_every_name_and_no_other() -> None:
    assert set(stubbed()) == public(_native)


def test_every_function_of_the_stub_has_the_module_s_parameters() -> None:
    for name, node in stubbed().items():
        if isinstance(node, ast.FunctionDef):
            assert parameters(node) == signature(getattr(_native, name)), name


def test_every_class_of_the_stub_has_the_module_s_members() -> None:
    for name, node in stubbed().items():
        if isinstance(node, ast.ClassDef):
            assert set(members(node)) == public(getattr(_native, name)), name


def test_every_method_of_the_stub_has_the_module_s_parameters() -> None:
    for name, node in stubbed().items():
        if isinstance(node, ast.ClassDef):
            for method, body in members(node).items():
                if isinstance(body, ast.FunctionDef):
                    made = getattr(getattr(_native, name), method)
                    assert parameters(body) == signature(made), f"{name}.{method}"


def stubbed() -> dict[str, ast.AST]:
    body = ast.parse(STUB.read_text()).body
    return {node.name: node for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)}


def members(node: ast.ClassDef) -> dict[str, ast.AST]:
    found: dict[str, ast.AST] = {}
    for item in node.body:
        if isinstance(item, ast.FunctionDef):
            found[item.name] = item
        elif isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
            found[item.target.id] = item
    return found


def public(thing: ModuleType | type) -> set[str]:
    protocols = {"__arrow_c_stream__", "__arrow_c_schema__"}
    return {name for name in vars(thing) if not name.startswith("_") or name in protocols}


def parameters(node: ast.FunctionDef) -> list[tuple[str, Any]]:
    """Names and defaults; a missing default is the word `none`."""
    arguments = node.args.posonlyargs + node.args.args
    defaults: list[Any] = ["none"] * (len(arguments) - len(node.args.defaults))
    defaults += node.args.defaults
    named = [*zip(arguments, defaults, strict=True)]
    named += zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
    return [(a.arg, ast.literal_eval(d) if isinstance(d, ast.expr) else "none") for a, d in named]


def signature(made: Any) -> list[tuple[str, Any]]:
    found = inspect.signature(made).parameters.values()
    empty = inspect.Parameter.empty
    return [(p.name, "none" if p.default is empty else p.default) for p in found]
