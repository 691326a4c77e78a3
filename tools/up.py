"""Airflow and MLflow on this machine, until Ctrl-C: `make up`.

Airflow's parts are started one by one instead of by `airflow standalone`, whose log servers listen on every interface and whose
children survive it when it is terminated.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tools.environment import LOOPBACK, ROOT, home_folder, process_environment
from tools.processes import Servers, leaving_nothing_behind

BIN = ROOT / ".venv" / "bin"
AIRFLOW_PARTS = {
    "api-server": [str(BIN / "airflow"), "api-server"],
    "scheduler": [str(BIN / "python"), "-m", "tools.scheduler"],
    "dag-processor": [str(BIN / "airflow"), "dag-processor"],
    "triggerer": [str(BIN / "airflow"), "triggerer", "--skip-serve-logs"],
}


def migrate(environ: Mapping[str, str]) -> None:
    """Create Airflow's database, or bring it up to date."""
    done = subprocess.run([BIN / "airflow", "db", "migrate"], env=dict(environ), cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"airflow db migrate failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def start_airflow(servers: Servers, environ: Mapping[str, str], *parts: str) -> None:
    for part in parts:
        servers.start(part, AIRFLOW_PARTS[part], environ)


def get_json(url: str) -> Any:
    """What a server of ours says at an address.

    Raises:
        OSError: it does not answer, or answers with an error.
    """
    with urllib.request.urlopen(url, timeout=60) as response:  # noqa: S310 - our own http address
        return json.load(response)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=30) as response:  # noqa: S310 - our own http address
            return bool(response.status == 200)
    except OSError:
        return False


def wait_for(url: str, servers: Servers, asked: Callable[[str], bool] = answers, seconds: float = 180) -> None:
    """Wait until an address answers, or whatever else is asked of it.

    Raises:
        RuntimeError: it did not in time, or a server ended by itself.
    """
    deadline = time.monotonic() + seconds
    while not asked(url):
        servers.check()
        if time.monotonic() > deadline:
            raise RuntimeError(f"{url} did not answer as it should within {seconds:.0f} s; the logs are in {servers.logs}")
        time.sleep(0.5)


def all_parts_are_alive(health: str) -> bool:
    """Whether each of Airflow's parts has said that it runs; the API server answers long before the others do."""
    return answers(health) and all(part["status"] == "healthy" for part in get_json(health).values())


@contextmanager
def only_one(home: Path, ports: Mapping[str, int]) -> Iterator[None]:
    """Refuse to start where another already serves this folder, or someone listens on a port.

    A second scheduler on one database would take tasks away from the first, and the first one's answers would pass for ours.

    Raises:
        RuntimeError: naming what is taken, and what to do.
    """
    home.mkdir(parents=True, exist_ok=True)
    with (home / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RuntimeError(f"nothing is started: Airflow and MLflow already run on {home}; stop them first") from None
        for variable, port in ports.items():
            if is_taken(port):
                raise RuntimeError(f"nothing is started: port {port} is in use; choose another: make up {variable}={port + 1}")
        yield


def is_taken(port: int) -> bool:
    with socket.socket() as probe:
        # As the servers do: what a connection left behind a moment ago is no listener.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return True
    return False


def paused(airflow: str) -> list[str]:
    """The DAGs that start no run, not even one that was asked for."""
    return [dag["dag_id"] for dag in get_json(f"{airflow}/api/v2/dags?paused=true")["dags"]]


def start_mlflow(servers: Servers, environ: Mapping[str, str], home: Path, port: int) -> None:
    from pipeline import settings

    tracking = settings.load(environ)
    (home / "mlflow").mkdir(parents=True, exist_ok=True)
    command = [
        *(str(BIN / "mlflow"), "server", "--host", LOOPBACK, "--port", str(port)),
        *("--workers", "1", "--backend-store-uri", tracking.mlflow_tracking_uri),
        *("--default-artifact-root", tracking.mlflow_artifact_uri),
    ]
    # Jobs are seven processes for features that are not used here.
    servers.start("mlflow", command, {**environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"})


def serve(home: Path, airflow_port: int, mlflow_port: int, *, schedule: bool) -> None:
    """Start everything, say where it is, and stay until a signal ends it.

    Raises:
        RuntimeError: something is in the way, or a server ended by itself.
    """
    # By default nothing starts by the clock: the first thing a new user sees is not yesterday, ingested from the samples.
    environ = process_environment(home, airflow_port, AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE=str(schedule))
    airflow, mlflow = (f"http://{LOOPBACK}:{port}" for port in (airflow_port, mlflow_port))
    ports = {"AIRFLOW_PORT": airflow_port, "MLFLOW_PORT": mlflow_port}
    with only_one(home, ports), Servers(home / "logs") as servers:
        print(f"Starting Airflow and MLflow; their logs are in {servers.logs}", flush=True)
        start_mlflow(servers, environ, home, mlflow_port)
        migrate(environ)
        start_airflow(servers, environ, *AIRFLOW_PARTS)
        wait_for(f"{airflow}/api/v2/monitor/health", servers, all_parts_are_alive)
        wait_for(f"{mlflow}/health", servers)
        print(f"Airflow  {airflow}   no login: whoever opens it on this machine is admin")
        # Without the parameter MLflow's page opens on traces and judges of language models.
        print(f"MLflow   {mlflow}/#/experiments?workflowType=machine_learning")
        if schedule:
            print("DAGs also run by the clock: yesterday's run, if there was none, starts now.")
        else:
            print("DAGs run when you ask: Trigger, or a backfill. `make up SCHEDULE=1` runs them by the clock too.")
        for dag in paused(airflow):
            print(f"{dag} is paused and starts nothing: airflow dags unpause --yes {dag}")
        print("Ctrl-C stops both.", flush=True)
        while True:
            servers.check()
            time.sleep(1)


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--airflow-port", type=int, default=8080)
    arguments.add_argument("--mlflow-port", type=int, default=5000)
    arguments.add_argument("--schedule", action="store_true", help="also run the DAGs by the clock")
    given = arguments.parse_args()
    sys.path.insert(0, str(ROOT))
    try:
        with leaving_nothing_behind():
            serve(home_folder(), given.airflow_port, given.mlflow_port, schedule=given.schedule)
    except KeyboardInterrupt:
        print("\nStopped.")
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
