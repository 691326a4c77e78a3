"""What a plug brings to the contract tests of its folder: tests/contract/<folder>/<plug>.py."""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pipeline import plugs

CONTRACT = Path(__file__).resolve().parents[1] / "contract"


def load_cases(folder: str, name: str, what: str) -> ModuleType:
    """The cases of one plug; the test fails where it has none.

    Args:
        what: the names that such a file defines, for the message.
    """
    if name not in _with_cases(folder):
        pytest.fail(f"{folder}/{name} has no cases: write tests/contract/{folder}/{name}.py with {what}", pytrace=False)
    return import_module(f"tests.contract.{folder}.{name}")


def cases_of(folder: str, name: str) -> ModuleType | None:
    """The cases of one plug, None where it has none."""
    return import_module(f"tests.contract.{folder}.{name}") if name in _with_cases(folder) else None


def all_cases(folder: str, table: str) -> list[Any]:
    """One pytest parameter (plug, case) per entry of the table `table` in each plug's cases, named `plug-case`."""
    return [
        pytest.param(name, case, id=f"{name}-{case}")
        for name in plugs.names(folder)
        if name in _with_cases(folder)
        for case in _named(folder, name, table)
    ]


def _named(folder: str, name: str, table: str) -> list[str]:
    """The keys of a table, read from its file where they stand there in letters.

    Every process that runs tests lists all of them, and to make all the cases takes seconds that only one of them needs.
    """
    for node in ast.parse((CONTRACT / folder / f"{name}.py").read_text()).body:
        match node:
            case ast.Assign(targets=[ast.Name(id=found)], value=ast.Dict(keys=keys)) if found == table:
                if all(isinstance(key, ast.Constant) for key in keys):
                    return [key.value for key in keys if isinstance(key, ast.Constant)]
    return list(getattr(import_module(f"tests.contract.{folder}.{name}"), table, ()))


def without_plug(folder: str) -> set[str]:
    """Cases whose plug is gone."""
    return _with_cases(folder) - set(plugs.names(folder))


def _with_cases(folder: str) -> set[str]:
    return {path.stem for path in (CONTRACT / folder).glob("*.py")}
