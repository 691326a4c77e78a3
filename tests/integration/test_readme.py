"""Every command in the README is true: commands of the pipeline are run, targets of make exist, Airflow's options too."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from contextlib import chdir
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from pipeline.cli import app

pytestmark = [pytest.mark.system]

ROOT = Path(__file__).resolve().parent.parent.parent
README = (ROOT / "README.md").read_text()
LINES = [
    line.split("  #")[0].strip()
    for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    for line in block.replace("\\\n", " ").splitlines()
    if line.strip() and not line.strip().startswith("#")
]
PIPELINE = [line for line in LINES if line.startswith(".venv/bin/python -m pipeline ")]
# Commands that need an AWS account, a deployment or a server; other tests run what they stand for.
ELSEWHERE = ("terraform", "docker", "aws ", "export ", "set -a", "cd ", "eval ", "make ", "airflow backfill create")


# What a user has, but for models whose quality is not asked here.
LEAN = {"HEADROOM_SHARDS": "1", "HEADROOM_HORIZON_HOURS": "24", "HEADROOM_FALLBACK_FORECASTER": "seasonal_naive"}


def word(line: str) -> str:
    """What a command does: `run`, `query`, …"""
    return line.split()[3]


def in_a_process(home: Path, folder: Path, line: str) -> tuple[int, str]:
    command = [sys.executable, *shlex.split(line)[1:]]
    environment = {**os.environ, **LEAN, "HEADROOM_HOME": str(home), "PYTHONPATH": str(ROOT), "GX_ANALYTICS_ENABLED": "false"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    return done.returncode, done.stdout + done.stderr


def in_this_process(home: Path, folder: Path, line: str) -> tuple[int, str]:
    """The same without a process of its own, which proves no more the second time and costs seconds."""
    with chdir(folder):
        done = CliRunner().invoke(app, shlex.split(line)[3:], env={**LEAN, "HEADROOM_HOME": str(home)}, catch_exceptions=False)
    return done.exit_code, done.output


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's folder with the files that the README's commands name."""
    place = tmp_path_factory.mktemp("user")
    hours = pd.date_range("2026-03-01", periods=48, freq="h")
    metrics = pd.DataFrame({"resource_id": "web-1", "metric": "cpu_utilization", "ts": hours, "value": 30.0 + hours.hour})
    metrics.to_csv(place / "metrics.csv", index=False)
    pd.DataFrame({"resource_id": "web-1", "ts": hours, "cpu": 0.3 + hours.hour / 100}).to_csv(place / "wide.csv", index=False)
    (place / "inventory.csv").write_text("resource_id,instance_type,region\nweb-1,m5.large,us-east-1\n")
    export = ROOT / "pipeline" / "samples" / "billing" / "focus_1_0_sample_1000.csv.gz"
    (place / "export.csv.gz").write_bytes(export.read_bytes())
    long = pd.date_range("2026-01-01", periods=24 * 20, freq="h")
    series = pd.DataFrame({"series_id": "a", "metric": "cpu_utilization", "ts": long, "value": 40.0 + long.hour})
    series.to_parquet(place / "series.parquet")
    trace = [{"resource_id": name, "timestamp": ts, "cpu_percent": 20.0 + ts.hour} for name in "ab" for ts in long]
    pd.DataFrame(trace).to_csv(place / "trace.csv", index=False)
    labelled = pd.DataFrame({"timestamp": long, "value": 40.0 + long.hour, "label": 0})
    labelled.loc[400, ["value", "label"]] = 95.0, 1
    labelled.to_csv(place / "labelled.csv", index=False)
    (place / "readings.csv").write_bytes((ROOT / "tests" / "data" / "presets" / "azure_2019.csv").read_bytes())
    (place / "folder").mkdir()
    pd.DataFrame({"timestamp": long, "value": 40.0 + long.hour}).to_csv(place / "folder" / "one.csv", index=False)
    return place


@pytest.fixture(scope="module")
def home(folder: Path) -> Path:
    """A lake with one day in it, so that looking finds something."""
    place = folder / "home"
    code, said = in_this_process(place, folder, ".venv/bin/python -m pipeline run --source samples --day 2026-04-15")
    assert code == 0, said
    return place


@pytest.mark.parametrize("line", PIPELINE)
def test_a_command_of_the_readme_runs(home: Path, folder: Path, line: str) -> None:
    is_first = next(other for other in PIPELINE if word(other) == word(line)) == line
    code, said = (in_a_process if is_first else in_this_process)(home, folder, line)

    assert code == 0, said


def test_every_make_target_of_the_readme_exists() -> None:
    named = {target for line in LINES for target in re.findall(r"^make ([a-z-]+)", line)} | set(
        re.findall(r"`make ([a-z-]+)`", README)
    )
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert named
    assert named <= known


def test_every_step_named_in_the_readme_is_one() -> None:
    from pipeline.steps import STEPS

    assert all(f"`{step}`" in README for step in STEPS)


def test_there_is_no_command_that_nobody_runs() -> None:
    assert [line for line in LINES if line not in PIPELINE and not line.startswith(ELSEWHERE)] == []


def test_every_picture_and_file_that_the_readme_shows_is_there() -> None:
    linked = re.findall(r"\]\(([^)#]+)\)", README)

    assert [name for name in linked if not name.startswith("http") and not (ROOT / name).exists()] == []


def test_the_backfill_command_has_options_that_airflow_knows(tmp_path: Path) -> None:
    [line] = [line for line in LINES if line.startswith("airflow backfill create")]
    airflow = Path(sys.executable).with_name("airflow")
    environment = {**os.environ, "AIRFLOW_HOME": str(tmp_path), "PYTHONWARNINGS": "ignore"}
    said = subprocess.run(
        [airflow, "backfill", "create", "--help"], env=environment, capture_output=True, text=True, check=True
    ).stdout

    assert [option for option in re.findall(r"--[a-z-]+", line) if option not in said] == []
