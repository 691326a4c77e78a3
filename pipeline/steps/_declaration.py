"""What each step says of itself, read from the text of its module.

It is read, and not imported, because the DAGs and the cluster policy ask for it where Airflow parses the DAGs, and none of the
pipeline's packages is installed there.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from pipeline.errors import ConfigError

#: Who does what in the lake, see infra/roles.tf.
Role = Literal["ingest", "transform", "trainer", "publisher"]
#: The role of what is no step: it may do nothing.
PLAIN = "plain"


@dataclass(frozen=True)
class Step:
    """What a step says of itself; its values are literals, so that they can be read without importing what the step needs.

    Attributes:
        role: under which it runs.
        role_in_gold: under which it works on a table of gold, where that is another.
        reads: what it reads: tables, views, or inputs of `sql/inputs`; not what it only replaces.
        writes: the tables that it writes, but for the table that it is called for.
        takes_target: it is called for one source or table at a time.
        sharded: it works on one part of the series, or segments, at a time.
        registering: it writes to the registry, not to the lake, so that what it returns counts as a change.
        gate: whether it returns anything decides whether the tasks after it run.
        always: it is run also where something that it waits for failed.
        parts_of_days: it takes intervals that do not begin and end at midnight; `build` where the table does.
    """

    role: Role
    role_in_gold: Role | None = None
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    takes_target: bool = False
    sharded: bool = False
    registering: bool = False
    gate: bool = False
    always: bool = False
    parts_of_days: bool = False


@cache
def _parse(file: Path) -> ast.Module:
    return ast.parse(file.read_text())


def _read(file: Path) -> Step:
    """The step that a module declares.

    Raises:
        ConfigError: it declares none, or not by literal keywords alone.
    """
    for node in _parse(file).body:
        match node:
            case ast.Assign(targets=[ast.Name("STEP")], value=ast.Call(ast.Name("Step"), [], keywords)):
                try:
                    return Step(**{str(keyword.arg): ast.literal_eval(keyword.value) for keyword in keywords})
                except (TypeError, ValueError) as error:
                    raise ConfigError(
                        f"steps/{file.name}: STEP needs keywords of Step and literals as values: {error}"
                    ) from error
    raise ConfigError(f"steps/{file.name} declares no step: it needs STEP = Step(…), or a name that begins with _")


#: Every step by its name, as its module declares it.
STEPS: dict[str, Step] = {file.stem: _read(file) for file in sorted(Path(__file__).parent.glob("[!_]*.py"))}


def get(name: str) -> Step:
    """The step of that name.

    Raises:
        ConfigError: there is none; the message lists those there are.
    """
    if name not in STEPS:
        raise ConfigError(f"no step named {name!r}; there are {', '.join(STEPS)}")
    return STEPS[name]


def describe(name: str) -> str:
    """What a step does, in one sentence: the first line of its module."""
    return (ast.get_docstring(_parse(Path(__file__).with_name(f"{name}.py"))) or "").partition("\n")[0]


def role_of(name: str, target: str = "") -> str:
    """The role under which a step works on its target; a step that nobody knows may do nothing."""
    step = STEPS.get(name)
    if step is None:
        return PLAIN
    return step.role_in_gold if step.role_in_gold and target.startswith("gold.") else step.role
