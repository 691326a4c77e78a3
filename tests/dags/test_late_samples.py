"""A task that is told to work on what came late does so, wherever Airflow runs."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from pipeline import steps
from pipeline.interval import Interval
from tests.support.terraform import deployed


def test_a_container_is_told_all_that_a_task_is_told(dag_files: dict[str, ModuleType]) -> None:
    told = inspect.signature(dag_files["common"].step.function).parameters

    assert told.keys() - inspect.signature(deployed("containers").run_step).parameters.keys() == set()


def test_the_seconds_before_its_interval_are_worked_on_by_a_worker_and_by_a_container_alike(
    dag_files: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    import airflow.sdk  # two seconds, which a process that runs other files need not spend

    common, containers = dag_files["common"], deployed("containers")
    start, end = (datetime(2026, 3, 1, 10, minute, tzinfo=UTC) for minute in (5, 10))
    run = SimpleNamespace(run_type="scheduled", conf={}, run_after=end, dag_id="monitor")
    run.data_interval_start, run.data_interval_end = start, end
    ran = {"dag_id": "monitor", "run_id": "r", "task_id": "build", "map_index": -1, "try_number": 1}
    context = {"dag_run": run, "params": dict.fromkeys(common.MOMENT_PARAMS), "ti": SimpleNamespace(**ran)}
    done: list[Interval] = []

    def contained(_cluster: str, _definition: str, command: list[str], _token: str) -> bool:
        asked: Mapping[str, Any] = json.loads(command[-1])
        done.append(Interval.between(asked["start"], asked["end"]))
        return True

    for module in (common, airflow.sdk):
        monkeypatch.setattr(module, "get_current_context", lambda: context)
    monkeypatch.setitem(sys.modules, "common", common)
    monkeypatch.setenv("AIRFLOW__HEADROOM__CLUSTER", "headroom")
    monkeypatch.setattr(containers, "run_container", contained)
    monkeypatch.setattr(steps, "perform", lambda _name, interval, **_: done.append(interval))
    for run_it in (common.step.function, containers.run_step):
        run_it(name="build", target="silver.metric_5min", late_s=600)

    assert done == [Interval(datetime(2026, 3, 1, 9, 55), datetime(2026, 3, 1, 10, 10))] * 2
