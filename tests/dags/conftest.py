"""Airflow inside pytest: a home of its own, and the DAG folder on the path, as Airflow puts it there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from subprocess import PIPE, STDOUT, Popen
from types import ModuleType
from typing import Any

import pytest

from tools.environment import ROOT, isolated_environment

# Each script has a fork of one interpreter: importing Airflow costs more than most of them do.
FORKING = """
import json, os, sys
import airflow.sdk

for line in sys.stdin:
    script, arguments, environ = json.loads(line)
    child = os.fork()
    if child == 0:
        sys.argv[1:] = arguments
        os.environ.update(environ)
        exec(script, {"__name__": "__main__"})
        sys.stdout.flush()
        os._exit(0)
    print("ended with", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


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
def run_python(airflow_environment: dict[str, str]) -> Iterator[Callable[..., Any]]:
    """Run a script in a process that knows Airflow but no DAG yet, and return the JSON object on its last line."""
    command = [sys.executable, "-c", FORKING]
    with Popen(command, env=airflow_environment, cwd=ROOT, stdin=PIPE, stdout=PIPE, stderr=STDOUT, text=True) as parent:
        asked, said = parent.stdin, parent.stdout
        assert asked
        assert said

        def run(script: str, *arguments: str, **environ: str) -> Any:
            asked.write(json.dumps([script, arguments, environ]) + "\n")
            asked.flush()
            lines = []
            while (line := said.readline()) and not line.startswith("ended with"):
                lines.append(line)
            assert line == "ended with 0\n", "".join(lines)[-8000:]
            return json.loads(lines[-1])

        yield run
        asked.close()


@pytest.fixture(scope="session")
def dag_files(airflow_environment: dict[str, str]) -> dict[str, ModuleType]:
    """The modules in the DAG folder, by name, imported into this process without a database."""
    before = dict(os.environ)
    os.environ.update({name: value for name, value in airflow_environment.items() if name.startswith("AIRFLOW")})
    folders = [str(ROOT / "dags"), str(ROOT / "infra" / "airflow")]
    sys.path[:0] = folders
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Airflow's own deprecations at import, of its dependencies' functions
            __import__("own_names")  # a plugin that no DAG imports
            return {file.stem: __import__(file.stem) for file in sorted((ROOT / "dags").glob("*.py"))}
    finally:
        for folder in folders:
            sys.path.remove(folder)
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(scope="session")
def dags(dag_files: dict[str, ModuleType]) -> dict[str, Any]:
    """The DAGs, by id: each file has one, named as the file; with more than one shard they call every step."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEADROOM_SHARDS", "2")
        return {name: getattr(file, name)() for name, file in dag_files.items() if name != "common"}
