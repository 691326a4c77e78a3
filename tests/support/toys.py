"""A temporary copy of the repository, to add toys to: what somebody who adds one thing writes, and what then takes it up."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tools.environment import ROOT, isolated_environment

COPIED = ("pipeline", "sql", "dags", "expectations", "infra/airflow", "tests", "tools", "pyproject.toml")


@dataclass(frozen=True)
class Tree:
    """One copy, in a folder of its own; what runs in it has its home there too."""

    root: Path

    @classmethod
    def copied(cls, to: Path) -> Tree:
        """A copy of everything that runs or is tested, without what earlier runs left."""
        for name in COPIED:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, to / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
            else:
                shutil.copy(ROOT / name, to / name)
        return cls(to)

    def write(self, path: str, text: str) -> None:
        """Write a new file.

        Raises:
            FileExistsError: there is one already: a toy changes nothing that is there.
        """
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x") as out:
            out.write(text)

    def append(self, path: str, text: str) -> None:
        """Add text at the end of a file that is there."""
        file = self.root / path
        file.write_text(f"{file.read_text()}\n\n{text}")

    def run(self, *arguments: str, **environ: str) -> str:
        """What `python …` prints in the copy.

        Raises:
            AssertionError: it failed; with all that it said.
        """
        given = isolated_environment(self.root / "home", **environ) | {
            "PYTHONPATH": f"{self.root}{os.pathsep}{self.root / 'dags'}"
        }
        given["AIRFLOW__CORE__DAGS_FOLDER"] = str(self.root / "dags")
        done = subprocess.run([sys.executable, *arguments], cwd=self.root, env=given, capture_output=True, text=True)
        assert done.returncode == 0, f"{' '.join(arguments)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        return done.stdout
