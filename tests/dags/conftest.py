"""Airflow inside pytest: a home of its own, and the DAG folder on the path, as Airflow puts it there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tools.environment import ROOT, isolated_environment


@pytest.fixture(scope="session")
def airflow_environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environment of child processes that see Airflow with an empty home."""
    return isolated_environment(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session")
def airflow_database(airflow_environment: dict[str, str]) -> dict[str, str]:
    """The same environment, once Airflow's database exists in it."""
    airflow = ROOT / ".venv" / "bin" / "airflow"
    done = subprocess.run([airflow, "db", "migrate"], env=airflow_environment, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return airflow_environment


@pytest.fixture(scope="session")
def run_python(airflow_environment: dict[str, str]) -> Callable[..., Any]:
    """Run a script in a fresh interpreter and return the JSON object on its last line."""

    def run(script: str | Path, *arguments: str, **environ: str) -> Any:
        command = [str(script), *arguments] if isinstance(script, Path) else ["-c", script, *arguments]
        done = subprocess.run(
            [sys.executable, *command], env=airflow_environment | environ, cwd=ROOT, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
        return json.loads(done.stdout.splitlines()[-1])

    return run


@pytest.fixture(scope="session")
def dag_files(airflow_environment: dict[str, str]) -> dict[str, ModuleType]:
    """The modules in the DAG folder, by name, imported into this process without a database."""
    before = dict(os.environ)
    os.environ.update({name: value for name, value in airflow_environment.items() if name.startswith("AIRFLOW")})
    sys.path.insert(0, str(ROOT / "dags"))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Airflow's own deprecations at import, of its dependencies' functions
            return {file.stem: __import__(file.stem) for file in sorted((ROOT / "dags").glob("*.py"))}
    finally:
        sys.path.remove(str(ROOT / "dags"))
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(scope="session")
def dags(dag_files: dict[str, ModuleType]) -> dict[str, Any]:
    """The DAGs, by id: each file has one, named as the file."""
    return {name: getattr(file, name)() for name, file in dag_files.items() if name != "common"}
