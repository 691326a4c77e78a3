"""A real scheduler with real task processes backfills a week; the lake must say what a straight run on the command line says."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipeline import settings, steps, tables
from pipeline.cli import app
from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake
from pipeline.lake.relations import Relations
from pipeline.tables.operations import BOOKKEEPING, TELEMETRY
from tools.environment import ROOT, free_port, isolated_environment
from tools.processes import Servers
from tools.screenshot import browser, chromium
from tools.screenshots import airflow_graph
from tools.up import BIN, get_json, migrate, start_airflow, wait_for

pytestmark = [pytest.mark.server, pytest.mark.airflow, pytest.mark.system]

FIRST, LAST, END = "2026-03-02", "2026-03-08", "2026-03-09"
FLEET = {"fleet": {"preset": "realistic", "servers": 1, "start": "2026-03-02", "days": 7}}
LEAN = {
    "HEADROOM_SOURCES": "fleet",
    "HEADROOM_OPTIONS": json.dumps({"sources": FLEET}),
    "HEADROOM_SHARDS": "1",
    "HEADROOM_FALLBACK_FORECASTER": "seasonal_naive",
    "HEADROOM_HORIZON_HOURS": "24",
}
# Only the week is run, not also yesterday.
EAGER = {
    "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False",
    "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
    "AIRFLOW__CORE__PARALLELISM": "3",
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
}
PATIENCE_S = 1200


def test_a_backfilled_week_equals_a_straight_run_of_its_days(tmp_path: Path) -> None:
    straight, backfilled = tmp_path / "straight", tmp_path / "backfilled"

    states = backfill(backfilled, tmp_path / "logs")
    read = run_straight(straight)

    assert states == {"success": 7}
    assert contents(backfilled) == contents(straight)
    # Its check of units looks at the days before, of which it makes nothing.
    read["build", "silver.metric_hourly"].discard("silver.metric_daily")
    assert {name: tables for name, tables in read.items() if tables - set(steps.list_reads(*name))} == {}


def backfill(home: Path, logs: Path) -> dict[str, int]:
    """Backfill the week under a scheduler with LocalExecutor; DAG runs by state."""
    port = free_port()
    environ = isolated_environment(home, port, **LEAN, **EAGER)
    runs_url = f"http://127.0.0.1:{port}/api/v2/dags/capacity_daily/dagRuns?limit=100"
    migrate(environ)
    with Servers(logs) as servers:
        start_airflow(servers, environ, "api-server", "dag-processor", "scheduler")
        wait_for(f"http://127.0.0.1:{port}/api/v2/dags/capacity_daily", servers)
        create_backfill(environ)
        deadline = time.monotonic() + PATIENCE_S
        while True:
            servers.check()
            runs: list[dict[str, Any]] = get_json(runs_url)["dag_runs"]
            states = {run["state"] for run in runs}
            if (states == {"success"} and len(runs) == 7) or "failed" in states:
                break
            late = f"not finished after {PATIENCE_S} s: {[(run['dag_run_id'], run['state']) for run in runs]}"
            assert time.monotonic() < deadline, late
            time.sleep(2)
        assert {run["run_type"] for run in runs} == {"backfill"}
        assert "failed" not in states, failure(home)
        events = get_json(f"http://127.0.0.1:{port}/api/v2/assets/events?limit=1000")["asset_events"]
        [calendar, *_] = [event["extra"] for event in events if event["source_task_id"] == "build__silver__calendar"]
        assert (calendar["rows"], calendar["failed"]) == (1, 0)
        assert calendar["expectations"] > 0
        assert calendar["snapshot"] is not None
        [log, *_] = (home / "airflow" / "logs").rglob("task_id=build__silver__calendar/*.log")
        said = [json.loads(line)["event"] for line in log.read_text().splitlines()]
        [about] = [line for line in said if line.startswith("silver.calendar [")]
        assert f": 1 rows, snapshot {calendar['snapshot']}, " in about
        assert any(line.startswith("next: gold.quality_result, ") for line in said)
        assert not any("FileIO" in line or "Returned value was" in line for line in said)
        picture_of_the_graph(f"http://127.0.0.1:{port}", logs / "graph.png")
    return {state: sum(run["state"] == state for run in runs) for state in states}


def picture_of_the_graph(address: str, file: Path) -> None:
    """A run's graph as people see it in Airflow, where there is a browser to see it with: every task green."""
    if chromium() is None:
        return
    from PIL import Image

    with browser() as started:
        airflow_graph(started, address, file)
    colours = Image.open(file).convert("RGB").getcolors(1 << 24) or []
    green = sum(count for count, (red, green, blue) in colours if green > red + 40 and green > blue + 40)
    assert green > 1_000, f"{file} shows no task that succeeded"


def create_backfill(environ: dict[str, str]) -> None:
    """Ask for the week, while the scheduler writes to the same database."""
    dates = ("--from-date", FIRST, "--to-date", LAST)
    command = [BIN / "airflow", "backfill", "create", "--dag-id", "capacity_daily", *dates]
    command += ["--reprocess-behavior", "completed", "--max-active-runs", "1"]  # as README has it
    done = subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def failure(home: Path) -> str:
    """The last lines of the newest task logs, where a task failed."""
    logs = sorted((home / "airflow" / "logs").rglob("attempt=*.log"), key=lambda file: file.stat().st_mtime)
    failed = [file for file in logs if '"error"' in file.read_text()]
    return "\n".join(f"{file}\n{file.read_text()[-3000:]}" for file in failed[:2]) or "no task log says why"


def run_straight(home: Path) -> dict[tuple[str, str], set[str]]:
    """Run the week on the command line; by step and target, the tables that it read, but for what it writes itself."""
    foreign = {name: None for name in os.environ if name.startswith("HEADROOM_")}
    environ = {**foreign, **LEAN, "HEADROOM_HOME": str(home)}
    read: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    working: list[tuple[str, str]] = []

    def perform(step: str, interval: Interval, *, target: str = "", **options: Any) -> int:
        working.append((step, target))
        return performed(step, interval, target=target, **options)

    def note(name: str) -> None:
        if name not in {working[-1][1], *steps.get(working[-1][0]).writes, *BOOKKEEPING}:
            read[working[-1]].add(name)

    performed, rows_of, relation_of = steps.perform, Lake.read, Relations.relation
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steps, "perform", perform)
        patch.setattr(Lake, "read", lambda lake, table, *rest, **more: (note(table.name), rows_of(lake, table, *rest, **more))[1])
        patch.setattr(Relations, "relation", lambda its, name: (note(name), relation_of(its, name))[1])
        # Day by day, as Airflow runs it: one run over all days knows at their end what each day's run could not.
        done = CliRunner().invoke(app, ["run", "--from", FIRST, "--to", END, "--day-by-day"], env=environ, catch_exceptions=False)
    assert done.exit_code == 0, done.output[-3000:]
    assert read["recommend", ""]
    return read


def contents(home: Path) -> dict[str, list[str]]:
    """Every table's rows as sorted text; telemetry and the time of landing say when, not what."""
    lake = open_lake(settings.load(LEAN, home=home))
    found = {}
    for name, table in tables.ALL.items():
        if name not in TELEMETRY:
            columns = tuple(column.name for column in table.columns if column.name != "ingested_at")
            found[name] = sorted(json.dumps(row, default=str) for row in lake.read(table, columns=columns).to_pylist())
    assert all(found[name] for name in ("bronze.metric_sample", "silver.metric_hourly", "gold.forecast", "gold.recommendation"))
    return found
