"""The image's recipe, as far as it can be judged without building it: there is no container engine on every machine."""

from __future__ import annotations

import re
import shlex

import pytest

from tests.support.terraform import ROOT

Instruction = tuple[str, str]


@pytest.fixture(scope="module")
def instructions() -> list[Instruction]:
    """Keyword and rest of every instruction, continuation lines joined."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(word.upper(), rest.strip()) for word, _, rest in (line.partition(" ") for line in joined.splitlines()) if word]


def rests(instructions: list[Instruction], keyword: str) -> list[str]:
    return [rest for word, rest in instructions if word == keyword]


def test_it_starts_from_the_python_that_the_project_is_written_for(instructions: list[Instruction]) -> None:
    assert {rest.split()[0] for rest in rests(instructions, "FROM")} == {"python:${PYTHON_TAG}"}
    assert rests(instructions, "ARG") == ["PYTHON_TAG=3.11-slim"]


def test_it_ends_as_a_user_that_is_not_root(instructions: list[Instruction]) -> None:
    assert rests(instructions, "USER")[-1] == "10001:10001"
    after = instructions[instructions.index(("USER", "10001:10001")) :]
    assert not {"RUN", "COPY", "ADD"} & {word for word, _ in after}


def test_everything_that_it_copies_is_there_and_let_through(instructions: list[Instruction]) -> None:
    let_through = {line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [shlex.split(rest) for rest in rests(instructions, "COPY") if not rest.startswith("--from")]
    sources = [source.rstrip("/") for words in copied for source in words[:-1]]

    assert all((ROOT / source).exists() for source in sources), sources
    assert set(sources) == let_through


def test_it_installs_the_locked_packages_and_nothing_by_a_loose_name(instructions: list[Instruction]) -> None:
    [install] = [rest for rest in rests(instructions, "RUN") if "pip install" in rest]
    assert re.findall(r"-r (\S+)", install) == ["requirements.txt", "infra/requirements.txt"]


def test_no_secret_is_in_the_recipe(instructions: list[Instruction]) -> None:
    assert not re.search(r"(?i)password|secret|token|AKIA", "\n".join(rests(instructions, "ENV")))
