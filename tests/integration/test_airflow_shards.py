"""A real scheduler with LocalExecutor maps a run and a training over eight shards; the lake must say what one process says."""

from __future__ import annotations

import json
import time
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipeline import settings as settings_module
from pipeline import steps
from pipeline.cli.steps import run_interval
from pipeline.interval import Interval
from pipeline.lake import open_lake
from pipeline.settings import Settings
from pipeline.tables.usage import METRIC_HOURLY
from tests.integration.test_airflow_backfill import EAGER, contents, failure
from tools.environment import free_port, isolated_environment
from tools.processes import Servers
from tools.up import get_json, migrate, start_airflow, wait_for

pytestmark = [pytest.mark.server, pytest.mark.airflow, pytest.mark.system]

SHARDS = 8
DAYS = Interval.days("2026-03-02", "2026-03-09")
LEAN = {
    "HEADROOM_SOURCES": "fleet",
    "HEADROOM_OPTIONS": json.dumps(
        {"sources": {"fleet": {"preset": "realistic", "servers": 3, "start": "2026-03-02", "days": 7}}}
    ),
    "HEADROOM_CHALLENGERS": "seasonal_naive,ridge",
    "HEADROOM_BACKTEST_WINDOWS": "2",
    "HEADROOM_FALLBACK_FORECASTER": "seasonal_naive",
    "HEADROOM_HORIZON_HOURS": "24",
    "HEADROOM_DETECT_MIN_HISTORY_HOURS": "24",
}
#: Triggered in this order, each when the one before has ended.
RUNS = {"capacity_daily": {"start": "2026-03-02", "end": "2026-03-09"}, "model_training": {"day": "2026-03-08"}}
PATIENCE_S = 900


def test_eight_shards_under_a_scheduler_come_to_what_one_process_comes_to(tmp_path: Path) -> None:
    whole, sharded = (settings_module.load(LEAN, home=tmp_path / name) for name in ("whole", "sharded"))

    mapped = run_under_a_scheduler(sharded, tmp_path / "logs")
    run_in_one_process(whole.model_copy(update={"shards": 1}))

    assert mapped == {"features": SHARDS, "forecast": SHARDS, "detect": SHARDS, "train": SHARDS}
    assert comparable(sharded) == comparable(whole)
    hourly = open_lake(sharded).iceberg(METRIC_HOURLY)
    assert hourly is not None
    assert "training-2026-03-09T0000" in hourly.refs()


def run_under_a_scheduler(settings: Settings, logs: Path) -> dict[str, int]:
    """Trigger RUNS under a scheduler with LocalExecutor; how many tasks each mapped step became."""
    port = free_port()
    environ = isolated_environment(settings.home, port, **LEAN, **EAGER, HEADROOM_SHARDS=str(SHARDS))
    migrate(environ)
    mapped: Counter[str] = Counter()
    with Servers(logs) as servers:
        start_airflow(servers, environ, "api-server", "dag-processor")
        for dag in RUNS:
            wait_for(f"http://127.0.0.1:{port}/api/v2/dags/{dag}", servers)
        start_airflow(servers, environ, "scheduler")
        for dag, conf in RUNS.items():
            run = f"http://127.0.0.1:{port}/api/v2/dags/{dag}/dagRuns/{trigger(port, dag, conf)}"
            deadline = time.monotonic() + PATIENCE_S
            while (state := get_json(run)["state"]) != "success":
                servers.check()
                assert state != "failed", failure(settings.home)
                assert time.monotonic() < deadline, f"{dag} is {state} after {PATIENCE_S} s"
                time.sleep(1)
            tasks = get_json(f"{run}/taskInstances?limit=100")["task_instances"]
            mapped.update(task["task_id"] for task in tasks if task["map_index"] >= 0 and task["task_id"] != "ingest")
    return dict(mapped)


def trigger(port: int, dag: str, conf: dict[str, Any]) -> str:
    """Start a run by hand; its id."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/v2/dags/{dag}/dagRuns",
        data=json.dumps({"logical_date": None, "conf": conf}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - our own http address
        return str(json.load(answer)["dag_run_id"])


def run_in_one_process(settings: Settings) -> None:
    run_interval(DAYS, settings)
    for step in ("train", "train_detectors", "promote"):
        steps.perform(step, Interval.day("2026-03-08"), settings=settings)


def comparable(settings: Settings) -> dict[str, list[str]]:
    """Every table's rows, but for readings of the clock and for what is said once per shard."""
    found = contents(settings.home)
    found["gold.model_metric"] = [json.dumps({**json.loads(row), "cpu_s_per_series": None}) for row in found["gold.model_metric"]]
    per_shard = [json.loads(row) for row in found.pop("gold.quality_result")]
    found["gold.quality_result"] = sorted(
        {f"{row['table_name']} {row['subject']} {row['rule']} {row['success']}" for row in per_shard}
    )
    assert all(
        found[name] for name in ("gold.forecast", "gold.anomaly", "gold.anomaly_point", "gold.model_metric", "gold.promotion")
    )
    return found
