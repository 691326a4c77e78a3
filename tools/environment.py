"""The environment of Airflow, MLflow and the pipeline on this machine: everything on loopback, all state under one folder.

By hand: eval "$(.venv/bin/python -m tools.environment)", and `airflow …` works in the shell.
"""

from __future__ import annotations

import argparse
import os
import shlex
import socket
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOOPBACK = "127.0.0.1"


def environment(home: Path, airflow_port: int = 8080) -> dict[str, str]:
    """The variables that Airflow and the pipeline need.

    Args:
        home: folder for all state: the lake, MLflow, Airflow, runs.
        airflow_port: where the UI and the execution API answer. The port alone is not enough: tasks find the API by its address.
    """
    address = f"http://{LOOPBACK}:{airflow_port}"
    home = home.resolve()
    return {
        "HEADROOM_HOME": str(home),
        "PYTHONPATH": str(ROOT),
        "PATH": f"{ROOT / '.venv' / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "AIRFLOW_HOME": str(home / "airflow"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow' / 'airflow.db'}",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONNECT_ARGS": "tools.sqlite.CONNECT",
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "infra" / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        # Who starts Airflow by hand wants the runs that they ask for; `make up` leaves the clock out of it.
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        # One more than there are cores: a task waits for Airflow's answers for a part of its time.
        "AIRFLOW__CORE__PARALLELISM": str(1 + (os.cpu_count() or 2)),
        # How soon a task starts after the one that it waits for.
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{address}/execution/",
        "AIRFLOW__API__HOST": LOOPBACK,
        "AIRFLOW__API__PORT": str(airflow_port),
        "AIRFLOW__API__BASE_URL": address,
        # Whoever reaches the port is admin, which is acceptable because only this machine does.
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
        "GX_ANALYTICS_ENABLED": "false",
    }


def process_environment(home: Path, airflow_port: int = 8080, **more: str) -> dict[str, str]:
    """The whole environment of a child process: this process's own, ours over it, `more` over both."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return inherited | environment(home, airflow_port) | more


def isolated_environment(home: Path, airflow_port: int = 8080, **more: str) -> dict[str, str]:
    """The same without settings that this process was started with, for tests and benchmarks."""
    given = process_environment(home, airflow_port)
    ours = environment(home, airflow_port)
    foreign = {name for name in given if name.startswith(("HEADROOM_", "AIRFLOW_"))} - set(ours)
    return {name: value for name, value in given.items() if name not in foreign} | more


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def home_folder(environ: Mapping[str, str] = os.environ) -> Path:
    return Path(environ.get("HEADROOM_HOME") or ROOT / "var")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--home", type=Path, default=home_folder())
    arguments.add_argument("--airflow-port", type=int, default=8080)
    given = arguments.parse_args()
    for name, value in environment(given.home, given.airflow_port).items():
        print(f"export {name}={shlex.quote(value)}")


if __name__ == "__main__":
    main()
