"""The recipes of CONTRIBUTING.md, followed one after the other in a copy of the project: what is printed is what it takes."""

from __future__ import annotations

import re
import shlex
import subprocess
from dataclasses import dataclass

import pytest

from tests.support.copied import ROOT, Copy, copy_project

pytestmark = [pytest.mark.system]

TEXT = (ROOT / "CONTRIBUTING.md").read_text()


@dataclass(frozen=True)
class Recipe:
    """One recipe: the toy whose files are written, what is appended to which file, and the commands."""

    title: str
    toy: str
    appended: tuple[tuple[str, str], ...]
    commands: tuple[str, ...]


def recipes() -> list[Recipe]:
    found = []
    for part in TEXT.split("\n### ")[1:]:
        [toy] = re.findall(r"Toy `(\w+)`", part)
        appended = tuple(re.findall(r"Append to `(\S+)`:\n\n```python\n(.*?)```", part, re.DOTALL))
        commands = "".join(re.findall(r"```sh\n(.*?)```", part, re.DOTALL)).splitlines()
        found.append(Recipe(part.partition("\n")[0], toy, appended, tuple(commands)))
    return found


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """One copy for all recipes: what one adds must not disturb another."""
    return copy_project(tmp_path_factory.mktemp("recipes") / "project")


def test_there_is_a_recipe_for_everything_that_can_be_added_and_every_toy_has_one() -> None:
    titles = [each.title for each in recipes()]

    assert titles == [f"A {kind}" for kind in ("source", "table", "forecaster", "detector", "recommender", "step", "notifier")]
    assert {each.toy for each in recipes()} == {folder.name for folder in (ROOT / "tests" / "toys").iterdir()}


@pytest.mark.parametrize("recipe", recipes(), ids=lambda recipe: recipe.toy)
def test_whoever_follows_a_recipe_ends_with_a_green_contract(recipe: Recipe, copy: Copy) -> None:
    copy.add(recipe.toy)
    for path, text in recipe.appended:
        file = copy.root / path
        file.write_text(f"{file.read_text()}\n\n{text}")

    for command in recipe.commands:
        if command.startswith("python -m "):
            done = copy.run(*shlex.split(command)[2:])
        else:
            done = subprocess.run(shlex.split(command), cwd=copy.root, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
