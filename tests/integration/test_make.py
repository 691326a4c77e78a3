"""What a newcomer types: the targets, the demo, and the servers of `make up`."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tools.environment import LOOPBACK, ROOT, free_port, isolated_environment
from tools.up import get_json, only_one

MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(MAKEFILE.split(".PHONY:")[1].splitlines()[0].split())
LEAN = {
    "HEADROOM_SOURCES": "samples,prices",
    "HEADROOM_CHALLENGERS": "seasonal_naive,ridge",
    "HEADROOM_FALLBACK_FORECASTER": "seasonal_naive",
    "HEADROOM_BACKTEST_WINDOWS": "2",
    "HEADROOM_SHARDS": "1",
    "HEADROOM_HORIZON_DAYS": "30",
    "HEADROOM_HORIZON_HOURS": "24",
}


def test_help_names_the_targets_a_user_needs() -> None:
    said = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"^  make ([\w-]+)", said, re.MULTILINE)) == TARGETS
    assert {"setup", "demo", "test", "up", "bench", "fix", "help"} <= TARGETS


def test_what_ci_runs_lints_checks_types_and_formats_and_leaves_no_test_out() -> None:
    # Below another make, as in `.ci/run`, its flags and the lines about its folder would come along.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    command = ["make", "--dry-run", "--assume-old=.venv/installed", "test"]
    planned = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=True).stdout
    for part in ("ruff check .", "ruff format --check .", "mypy --strict pipeline", "terraform fmt -check -recursive infra"):
        assert part in planned
    assert re.search(r'-m pytest -n \d+ --dist loadfile --no-loadscope-reorder -m "not system"$', planned.strip())
    assert re.search(r"-m pytest .* -m system$", MAKEFILE, re.MULTILINE)
    ci = (ROOT / ".ci" / "run").read_text().splitlines()
    assert [line.strip() for line in ci if "make test" in line and not line.startswith("#")] == [
        "make test",
        "make test-system",
        "0) make test-trino ;;",
        '3) echo "make test-trino was not run" ;;',
    ]


@pytest.mark.system
@pytest.mark.airflow
def test_the_demo_shows_what_it_found_and_a_second_one_changes_nothing(tmp_path: Path) -> None:
    environ = isolated_environment(tmp_path / "home", **LEAN)
    said = []
    for _ in range(2):
        done = subprocess.run([sys.executable, "-m", "tools.demo"], env=environ, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        said.append(done.stdout)
    for heading in ("Recommendations: $", "beside the seasonal naive", "Capacity at risk", "Incidents of the last", "make up"):
        assert heading in said[0]
    assert "Nothing changed" not in said[0]
    assert "Nothing changed" in said[1]
    report = re.search(r"Report\s+(\S+report\.html)", said[0])
    assert report is not None
    assert Path(report[1]).stat().st_size > 10_000


@pytest.mark.system
@pytest.mark.server
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_up_serves_both_interfaces_on_loopback_and_leaves_no_process_behind(sign: signal.Signals, tmp_path: Path) -> None:
    ports = [free_port(), free_port()]
    with up(tmp_path, ports) as (process, log):
        wait_until(lambda: "Ctrl-C" in log.read_text(), process, log)
        health = get_json(f"http://127.0.0.1:{ports[0]}/api/v2/monitor/health")
        assert {health[part]["status"] for part in ("metadatabase", "scheduler", "triggerer", "dag_processor")} == {"healthy"}
        assert f"http://127.0.0.1:{ports[1]}/#/experiments?workflowType=machine_learning" in log.read_text()
        paused = [line for line in log.read_text().splitlines() if "paused" in line]
        assert paused == ["monitor is paused and starts nothing: airflow dags unpause --yes monitor"], "until somebody wants it"
        assert status(ports[0], "evil.example") == 421
        assert status(ports[1], "evil.example") == 403
        assert {status(port, "localhost") for port in ports} == {200}
        again = subprocess.run(
            up_command(ports), env=isolated_environment(tmp_path / "other"), cwd=ROOT, capture_output=True, text=True
        )
        assert (again.returncode, again.stdout) == (1, "")
        assert (
            again.stderr
            == f"nothing is started: port {ports[0]} is in use; choose another: make up AIRFLOW_PORT={ports[0] + 1}\n"
        )
        assert left_behind(process, sign) == []


@pytest.mark.system
@pytest.mark.server
@pytest.mark.parametrize("told", [os.kill, os.killpg], ids=["make", "make_and_its_group"])
def test_make_up_that_is_terminated_while_it_starts_leaves_no_process_behind(
    told: Callable[[int, int], None], tmp_path: Path
) -> None:
    ports = [f"AIRFLOW_PORT={free_port()}", f"MLFLOW_PORT={free_port()}"]
    with started(["make", "--assume-old=.venv/installed", "up", *ports], tmp_path) as (process, log):
        wait_until(lambda: len(descendants(process.pid)) >= 5, process, log)
        assert left_behind(process, signal.SIGTERM, code=-signal.SIGTERM, told=told) == []


@pytest.mark.system
@pytest.mark.server
def test_a_demo_on_aws_that_is_terminated_leaves_no_process_behind(tmp_path: Path) -> None:
    with started([sys.executable, "-m", "tools.demo_aws_local"], tmp_path) as (process, log):
        wait_until(lambda: bool(descendants(process.pid)), process, log)
        assert left_behind(process, signal.SIGTERM, code=130, at_least=1) == []


@pytest.mark.system
@pytest.mark.airflow
def test_make_demo_that_is_terminated_amid_its_steps_leaves_no_process_behind(tmp_path: Path) -> None:
    with started(["make", "--assume-old=.venv/installed", "demo"], tmp_path) as (process, log):
        wait_until(lambda: "✓ ingest" in log.read_text(), process, log)
        assert left_behind(process, signal.SIGTERM, code=-signal.SIGTERM, at_least=1) == []


def test_a_second_up_in_the_same_folder_starts_nothing(tmp_path: Path) -> None:
    with only_one(tmp_path, {}), pytest.raises(RuntimeError, match=r"already run on .*; stop them first"), only_one(tmp_path, {}):
        pass


def status(port: int, host: str) -> int:
    """What a server says to who calls it by another name."""
    with closing(http.client.HTTPConnection(LOOPBACK, port, timeout=60)) as connection:
        connection.request("GET", "/", headers={"Host": f"{host}:{port}"})
        with connection.getresponse() as answer:
            return answer.status


def up_command(ports: list[int]) -> list[str]:
    return [sys.executable, "-m", "tools.up", "--airflow-port", str(ports[0]), "--mlflow-port", str(ports[1])]


@contextmanager
def up(tmp_path: Path, ports: list[int]) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """`make up`, and the file that it prints to."""
    with started(up_command(ports), tmp_path) as both:
        yield both


@contextmanager
def started(command: list[str], tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A process of ours with a home of its own, and the file that it prints to."""
    log = tmp_path / "said.log"
    with log.open("w") as out:
        environ = isolated_environment(tmp_path / "home")
        process = subprocess.Popen(command, env=environ, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        yield process, log
    finally:
        process.terminate()
        process.wait(timeout=60)


def wait_until(reached: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 240
    while not reached():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.5)


def left_behind(
    process: subprocess.Popen[bytes],
    sign: signal.Signals,
    code: int = 0,
    at_least: int = 5,
    told: Callable[[int, int], None] = os.kill,
) -> list[int]:
    """The processes below one that outlive it, once it has been sent a signal."""
    children = descendants(process.pid)
    assert len(children) >= at_least
    told(process.pid, sign)
    assert process.wait(timeout=60) == code
    return [child for child in children if Path(f"/proc/{child}").exists()]


def descendants(pid: int) -> list[int]:
    """All processes below one, from /proc."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found, level = [], [pid]
    while level:
        level = [child for child, parent in parents.items() if parent in level]
        found += level
    return found
