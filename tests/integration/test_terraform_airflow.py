"""On ECS, every task of every DAG gets the container, and so the role, of its step: what the deployed cluster policy says."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from pipeline.steps import STEPS
from tests.terraform import ROOT
from tools.environment import process_environment

POLICY = ROOT / "infra" / "airflow"
LOOK = """
import json, sys
from airflow.dag_processing.dagbag import DagBag

bag = DagBag(dag_folder=sys.argv[1])
assert not bag.import_errors, bag.import_errors
print(json.dumps({f"{id}.{task.task_id}": task.executor_config for id, dag in bag.dags.items() for task in dag.tasks}))
"""


@pytest.fixture(scope="module")
def policy() -> ModuleType:
    spec = importlib.util.spec_from_file_location("airflow_local_settings", POLICY / "airflow_local_settings.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def configs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Executor configuration of every task, as Airflow reads the DAGs with the policy on its path."""
    environ = process_environment(
        tmp_path_factory.mktemp("home"),
        AIRFLOW__AWS_ECS_EXECUTOR__TASK_DEFINITION="headroom-plain",
        PYTHONPATH=f"{ROOT}:{POLICY}:{ROOT / 'dags'}",
    )
    done = subprocess.run([sys.executable, "-c", LOOK, ROOT / "dags"], env=environ, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    found: dict[str, dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_every_step_has_one_of_terraforms_roles(policy: ModuleType) -> None:
    declared = (ROOT / "infra" / "variables.tf").read_text()
    assert set(policy.ROLES) == set(STEPS)
    for role in policy.ROLES.values():
        assert f"\n    {role} " in declared


@pytest.mark.airflow
def test_every_task_that_calls_a_step_runs_under_the_steps_role(configs: dict[str, dict[str, Any]]) -> None:
    given = {task: config.get("taskDefinition") for task, config in configs.items()}

    assert given["capacity_daily.ingest"] == "headroom-ingest"
    assert given["capacity_daily.build__silver__metric_hourly"] == "headroom-transform"
    assert given["capacity_daily.build__gold__quality_result"] == "headroom-publisher"
    assert given["capacity_daily.forecast"] == "headroom-publisher"
    assert given["model_training.train"] == "headroom-trainer"
    assert given["model_training.promote"] == "headroom-publisher"
    assert given["lake_maintenance.maintain"] == "headroom-publisher"


@pytest.mark.airflow
def test_a_task_that_calls_no_step_may_do_nothing(configs: dict[str, dict[str, Any]]) -> None:
    assert configs["capacity_daily.settled"] == {}


def test_an_unknown_step_may_do_nothing(policy: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__AWS_ECS_EXECUTOR__TASK_DEFINITION", "headroom-plain")
    task = SimpleNamespace(op_kwargs={"name": "mine_bitcoin"}, executor_config={})

    policy.task_policy(task)

    assert task.executor_config == {"taskDefinition": "headroom-plain"}


def test_elsewhere_the_policy_leaves_tasks_alone(policy: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW__AWS_ECS_EXECUTOR__TASK_DEFINITION", raising=False)
    task = SimpleNamespace(op_kwargs={"name": "ingest"}, executor_config={"its": "own"})

    policy.task_policy(task)

    assert task.executor_config == {"its": "own"}
