"""Options of plugs in tests: each is shown to change an answer, by a case that its plug brings.

The cases of a plug are `OPTIONS` in `tests/contract/<folder>/<plug>.py`: option → case.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import pytest

from pipeline import plugs


@dataclass(frozen=True)
class Case:
    """A situation in which an option decides.

    Attributes:
        value: of the option; the other answer is that of its default.
        situation: what the plug is asked, as the contract test of its folder takes it.
        beside: other options that both answers have.
    """

    value: Any
    situation: Any
    beside: Mapping[str, Any] = field(default_factory=dict)


def cases_of(folder: str, name: str) -> ModuleType | None:
    """What a plug brings to the contract test of its folder; None where it brings nothing."""
    module = f"tests.contract.{folder}.{name}"
    try:
        return import_module(module) if find_spec(module) else None
    except ModuleNotFoundError:
        return None


def every_option(folder: str) -> list[Any]:
    """(plug, option) of all plugs of a folder, as parameters of a test."""
    return [
        pytest.param(name, option, id=f"{name}.{option}")
        for name in plugs.names(folder)
        for option in plugs.declared_options(folder, name).model_fields
    ]


def answers(folder: str, name: str, option: str, ask: Callable[[Callable[..., Any], Any], Any]) -> tuple[Any, Any]:
    """What a plug answers with an option's default, and with the value of its case.

    Args:
        ask: the plug's function with its options, and the case's situation → the answer.
    """
    where = f"tests/contract/{folder}/{name}.py"
    cases: dict[str, Case] = getattr(cases_of(folder, name), "OPTIONS", {})
    unknown = set(cases) - set(plugs.declared_options(folder, name).model_fields)
    assert not unknown, f"{where}: OPTIONS has {sorted(unknown)}, which the plug does not"
    assert option in cases, f"{where}: OPTIONS has no case in which {option} changes an answer; without one, the option goes"
    case = cases[option]
    with_default = plugs.check_options(folder, name, case.beside)
    with_value = plugs.check_options(folder, name, {**case.beside, option: case.value})
    return tuple(ask(plugs.bind(folder, name, options), case.situation) for options in (with_default, with_value))
