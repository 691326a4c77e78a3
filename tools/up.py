"""Airflow and MLflow on this machine, until Ctrl-C: `make up`.

Airflow's parts are started one by one instead of by `airflow standalone`, whose log servers listen on every interface and whose
children survive it when it is terminated.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any

from tools.environment import LOOPBACK, ROOT, home_folder, process_environment

BIN = ROOT / ".venv" / "bin"
AIRFLOW_PARTS = {
    "api-server": [str(BIN / "airflow"), "api-server"],
    "scheduler": [str(BIN / "python"), "-m", "tools.scheduler"],
    "dag-processor": [str(BIN / "airflow"), "dag-processor"],
    "triggerer": [str(BIN / "airflow"), "triggerer", "--skip-serve-logs"],
}


class Servers(AbstractContextManager["Servers"]):
    """Child processes, each in a process group of its own, so that leaving the block ends them with all their children."""

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        logs.mkdir(parents=True, exist_ok=True)

    def start(self, name: str, command: list[str], environ: Mapping[str, str]) -> None:
        with (self.logs / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                command,
                env=dict(environ),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def check(self) -> None:
        """Raise if a server ended by itself."""
        for name, process in self.running.items():
            if process.poll() is not None:
                raise RuntimeError(
                    f"{name} ended with exit code {process.returncode}; see {self.logs / name}.log:\n{self.tail(name)}"
                )

    def tail(self, name: str, lines: int = 15) -> str:
        return "\n".join((self.logs / f"{name}.log").read_text(errors="replace").splitlines()[-lines:])

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        # SIGINT first: on SIGTERM Airflow's parents leave before their children.
        for sign, patience in ((signal.SIGINT, 15.0), (signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
            groups = [process.pid for process in self.running.values() if _alive(process)]
            for group in groups:
                _signal_group(group, sign)
            deadline = time.monotonic() + patience
            while time.monotonic() < deadline and any(_alive(process) for process in self.running.values()):
                time.sleep(0.1)
        self.running.clear()


def _alive(process: subprocess.Popen[bytes]) -> bool:
    """Whether anything of the process's group is left, its children included."""
    process.poll()
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return False
    return True


def _signal_group(group: int, sign: signal.Signals) -> None:
    try:
        os.killpg(group, sign)
    except ProcessLookupError:
        return


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


def wait_for(url: str, servers: Servers, seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    while not answers(url):
        servers.check()
        if time.monotonic() > deadline:
            raise RuntimeError(f"{url} did not answer within {seconds:.0f} s; the logs are in {servers.logs}")
        time.sleep(0.5)


def _stop(*_: object) -> None:
    """Leave the block once; a second Ctrl-C must not interrupt the ending of the servers."""
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, signal.SIG_IGN)
    raise KeyboardInterrupt


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--airflow-port", type=int, default=8080)
    arguments.add_argument("--mlflow-port", type=int, default=5000)
    given = arguments.parse_args()
    home = home_folder()
    environ = process_environment(home, given.airflow_port)
    airflow, mlflow = (f"http://{LOOPBACK}:{port}" for port in (given.airflow_port, given.mlflow_port))
    sys.path.insert(0, str(ROOT))
    from pipeline import settings

    tracking = settings.load(environ)
    (home / "mlflow").mkdir(parents=True, exist_ok=True)
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, _stop)
    try:
        with Servers(home / "logs") as servers:
            print(f"Starting Airflow and MLflow; their logs are in {servers.logs}", flush=True)
            servers.start(
                "mlflow",
                [
                    *(str(BIN / "mlflow"), "server", "--host", LOOPBACK, "--port", str(given.mlflow_port)),
                    *("--workers", "1", "--backend-store-uri", tracking.mlflow_tracking_uri),
                    *("--default-artifact-root", tracking.mlflow_artifact_uri),
                ],
                environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},  # seven processes for features not used here
            )
            migrate(environ)
            start_airflow(servers, environ, *AIRFLOW_PARTS)
            wait_for(f"{airflow}/api/v2/monitor/health", servers)
            wait_for(f"{mlflow}/health", servers)
            print(f"Airflow  {airflow}   no login: whoever opens it on this machine is admin")
            print(f"MLflow   {mlflow}")
            print("Ctrl-C stops both.", flush=True)
            while True:
                servers.check()
                time.sleep(1)
    except KeyboardInterrupt:
        print("\nStopped.")
        return 0
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
