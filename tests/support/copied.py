"""A temporary copy of the project, to see what one more file in it does."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).resolve().parents[2]
_PARTS = ("pipeline", "tests", "tools", "sql", "expectations", "dags", "pyproject.toml", "README.md")


@dataclass(frozen=True)
class Copy:
    """A copy at `root`; what runs in it sees none of the original."""

    root: Path

    def write(self, path: str, text: str) -> None:
        """Write a file of the copy; the text may be indented as a whole."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text).lstrip("\n"))

    def add(self, toy: str, under: str = "") -> None:
        """Add the files of tests/toys/<toy>, or only those under one of its folders."""
        source = ROOT / "tests" / "toys" / toy / under
        shutil.copytree(source, self.root / under, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """`python -m <arguments>` in the copy, with its own `var` as home and the environment's `HEADROOM_*` left out."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HEADROOM_", "PYTEST_", "PYTHONPATH"))}
        return subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=self.root,
            env={**kept, **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def run_tests(self, *paths: str) -> subprocess.CompletedProcess[str]:
        """These test files of the copy, in one process, without plugins of pytest, which take a second to import."""
        return self.run("pytest", *paths, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")


def copy_project(folder: Path) -> Copy:
    """Copy what the pipeline and its tests need into a new folder."""
    for name in _PARTS:
        part = ROOT / name
        if part.is_dir():
            shutil.copytree(part, folder / name, ignore=shutil.ignore_patterns("data", "toys"))
        else:
            shutil.copy2(part, folder / name)
    return Copy(folder)
