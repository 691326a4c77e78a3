"""Options of plugs in tests: each is shown to change an answer, by a case that its plug brings.

The cases of a plug are `OPTIONS` in `tests/contract/<folder>/<plug>.py`: option → case.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from pipeline import plugs
from tests.support.plug_cases import cases_of


@dataclass(frozen=True)
class Changed:
    """A situation that is answered differently when an option has this value instead of its default.

    Attributes:
        value: of the option.
        situation: what the plug is asked, as the contract test of its folder takes it.
        beside: other options that both answers have.
    """

    value: Any
    situation: Any = None
    beside: Mapping[str, Any] = field(default_factory=dict)


def every_option(folder: str) -> list[Any]:
    """(plug, option) of all plugs of a folder, as parameters of a test."""
    return [
        pytest.param(name, option, id=f"{name}.{option}")
        for name in plugs.names(folder)
        for option in plugs.declared_options(folder, name).model_fields
    ]


def change_of(folder: str, name: str, option: str) -> Changed:
    """The case in which an option changes an answer; the test fails where the plug brings none."""
    where = f"tests/contract/{folder}/{name}.py"
    cases: dict[str, Changed] = getattr(cases_of(folder, name), "OPTIONS", {})
    unknown = set(cases) - set(plugs.declared_options(folder, name).model_fields)
    assert not unknown, f"{where}: OPTIONS has {sorted(unknown)}, which the plug does not"
    assert option in cases, f"{where}: OPTIONS has no case in which {option} changes an answer; without one, the option goes"
    return cases[option]


def answers(folder: str, name: str, option: str, ask: Callable[[Callable[..., Any], Any], Any]) -> tuple[Any, Any]:
    """What a plug answers with an option's default, and with the value of its case.

    Args:
        ask: the plug's function with its options, and the case's situation → the answer.
    """
    case = change_of(folder, name, option)
    with_default = plugs.check_options(folder, name, case.beside)
    with_value = plugs.check_options(folder, name, {**case.beside, option: case.value})
    return tuple(ask(plugs.bind(folder, name, options), case.situation) for options in (with_default, with_value))
