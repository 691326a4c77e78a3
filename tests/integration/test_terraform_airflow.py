"""On ECS, every task of every DAG gets the container, and so the role, of its step: what the deployed cluster policy says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, get_args

import pytest

from pipeline import steps
from pipeline.errors import DataError
from tests.support.terraform import DEPLOYED, ROOT, deployed
from tools.environment import process_environment

LOOK = """
import json, sys
from airflow.dag_processing.dagbag import DagBag

bag = DagBag(dag_folder=sys.argv[1])
assert not bag.import_errors, bag.import_errors
tasks = {f"{id}.{task.task_id}": task for id, dag in bag.dags.items() for task in dag.tasks}
called = {n: (getattr(task, "partial_kwargs", None) or vars(task)).get("python_callable") for n, task in tasks.items()}
print(json.dumps({n: [task.executor_config, getattr(called[n], "__name__", "")] for n, task in tasks.items()}))
"""


@pytest.fixture(scope="module")
def policy() -> ModuleType:
    return deployed("airflow_local_settings")


def as_read(home: Path, **environ: str) -> dict[str, list[Any]]:
    """Executor configuration and callable of every task, as Airflow reads the DAGs with the policy on its path."""
    path = f"{ROOT}:{DEPLOYED}:{ROOT / 'dags'}"
    command = [sys.executable, "-c", LOOK, ROOT / "dags"]
    done = subprocess.run(
        command, env=process_environment(home, PYTHONPATH=path, **environ), cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-4000:]
    found: dict[str, list[Any]] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def configs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    asked = {"AIRFLOW__AWS_ECS_EXECUTOR__TASK_DEFINITION": "headroom-plain", "HEADROOM_PROMOTION_APPROVAL": "true"}
    read = as_read(tmp_path_factory.mktemp("home"), **asked)
    return {task: config for task, (config, _) in read.items()}


def test_every_step_has_one_of_terraforms_roles() -> None:
    sizes, rights = ((ROOT / "infra" / file).read_text() for file in ("variables.tf", "roles.tf"))

    roles = {steps.role_of(name, target) for name in steps.STEPS for target in ("", "silver.calendar", "gold.drift")}

    assert roles == set(get_args(steps.Role))
    for role in roles:
        assert f"\n    {role} " in sizes
        assert re.search(rf"\n    {role} += concat\(", rights)


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
    assert configs["model_training.approve"] == {}


@pytest.mark.airflow
def test_on_managed_airflow_every_step_becomes_a_container(tmp_path: Path) -> None:
    read = as_read(tmp_path, AIRFLOW__HEADROOM__CLUSTER="headroom", HEADROOM_PROMOTION_APPROVAL="true")

    assert read["capacity_daily.ingest"] == [{}, "run_step"]
    assert read["model_training.train"] == read["model_training.due"] == [{}, "run_step"]
    assert read["model_training.approve"] == [{}, ""]


def test_an_unknown_step_may_do_nothing(policy: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__AWS_ECS_EXECUTOR__TASK_DEFINITION", "headroom-plain")
    task = SimpleNamespace(op_kwargs={"name": "mine_bitcoin"}, executor_config={})

    policy.task_policy(task)

    assert task.executor_config == {"taskDefinition": "headroom-plain"}


class Ecs:
    """ECS as far as one container goes: it says RUNNING once, then that it has stopped."""

    def __init__(self, exit_code: int | None = 0, failures: tuple[str, ...] = ()) -> None:
        self.exit_code, self.failures = exit_code, [{"reason": reason} for reason in failures]
        self.started: list[dict[str, Any]] = []
        self.stopped: list[str] = []
        self.asked = 0

    def run_task(self, **call: Any) -> dict[str, Any]:
        self.started.append(call)
        return {"tasks": [] if self.failures else [{"taskArn": "arn:task"}], "failures": self.failures}

    def describe_tasks(self, **_call: Any) -> dict[str, Any]:
        self.asked += 1
        container = {} if self.exit_code is None else {"exitCode": self.exit_code}
        status = "STOPPED" if self.asked > 1 else "RUNNING"
        return {"failures": [], "tasks": [{"lastStatus": status, "stoppedReason": "OutOfMemory", "containers": [container]}]}

    def stop_task(self, **call: Any) -> None:
        self.stopped.append(call["task"])


@pytest.fixture
def containers(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = deployed("containers")
    monkeypatch.setattr(module, "POLL_S", 0.0)
    monkeypatch.setenv("AIRFLOW__HEADROOM__SUBNETS", "subnet-1,subnet-2")
    monkeypatch.setenv("AIRFLOW__HEADROOM__SECURITY_GROUP", "sg-1")
    return module


def test_managed_airflow_starts_the_steps_container_once_per_try_without_a_public_address(containers: ModuleType) -> None:
    ecs = Ecs()

    containers.run_container("headroom", "headroom-ingest", ["python"], "f" * 64, ecs)

    [call] = ecs.started
    assert (call["cluster"], call["taskDefinition"], call["clientToken"]) == ("headroom", "headroom-ingest", "f" * 64)
    network = call["networkConfiguration"]["awsvpcConfiguration"]
    assert network == {"subnets": ["subnet-1", "subnet-2"], "securityGroups": ["sg-1"], "assignPublicIp": "DISABLED"}
    assert ecs.stopped == []


def test_each_look_of_a_sensor_has_a_container_and_a_worker_that_takes_up_a_look_finds_it(containers: ModuleType) -> None:
    task = {"dag_id": "billing_daily", "run_id": "r", "task_id": "bill_stated", "map_index": 0, "try_number": 1}

    def token(looks: int, **other: Any) -> str:
        found: str = containers.token_of({"ti": SimpleNamespace(**task | other), "task_reschedule_count": looks})
        return found

    assert token(0) == token(0)
    assert len({token(0), token(1), token(2), token(0, try_number=2), token(0, map_index=1)}) == 5
    assert containers.token_of({"ti": SimpleNamespace(**task)}) == token(0)


def test_a_step_that_refuses_its_data_is_not_worth_a_retry(containers: ModuleType) -> None:
    with pytest.raises(DataError, match="headroom-publisher.*arn:task"):
        containers.run_container("headroom", "headroom-publisher", [], "t", Ecs(exit_code=65))


@pytest.mark.parametrize("exit_code", [1, 137, None])
def test_a_container_that_ends_otherwise_than_well_fails_the_task_and_says_how(
    containers: ModuleType, exit_code: int | None
) -> None:
    with pytest.raises(RuntimeError, match=f"ended with {exit_code}: OutOfMemory"):
        containers.run_container("headroom", "headroom-trainer", [], "t", Ecs(exit_code=exit_code))


def test_a_gate_in_a_container_says_by_its_exit_code_whether_to_go_on(containers: ModuleType) -> None:
    assert containers.run_container("headroom", "headroom-trainer", [], "t", Ecs(exit_code=0)) is True
    assert containers.run_container("headroom", "headroom-trainer", [], "t", Ecs(exit_code=99)) is False


def test_a_container_that_does_not_start_fails_the_task(containers: ModuleType) -> None:
    with pytest.raises(RuntimeError, match="did not start.*capacity"):
        containers.run_container("headroom", "headroom-trainer", [], "t", Ecs(failures=("capacity",)))


def test_a_task_that_is_stopped_stops_its_container(containers: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(containers.time, "sleep", interrupted)
    ecs = Ecs()

    with pytest.raises(KeyboardInterrupt):
        containers.run_container("headroom", "headroom-trainer", [], "t", ecs)
    assert ecs.stopped == ["arn:task"]


def test_what_the_container_runs_is_the_step_over_the_interval(containers: ModuleType, tmp_path: Path) -> None:
    asked = {"name": "build", "start": "2026-03-01T00:00:00", "end": "2026-03-02T00:00:00", "target": "silver.calendar"}
    command = [sys.executable, "-c", containers.RUN, json.dumps(asked | {"shard": 0, "shards": 1})]
    environ = {"PYTHONPATH": str(ROOT), "HEADROOM_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}

    done = subprocess.run(command, env=environ, capture_output=True, text=True)
    refused = subprocess.run([*command[:3], json.dumps(asked | {"name": "divine"})], env=environ, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "lake" / "silver" / "calendar" / "data").rglob("*.parquet"))
    assert refused.returncode == containers.DATA_ERROR
    assert "no step named 'divine'" in refused.stderr


def test_elsewhere_the_policy_leaves_tasks_alone(policy: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW__AWS_ECS_EXECUTOR__TASK_DEFINITION", raising=False)
    task = SimpleNamespace(op_kwargs={"name": "ingest"}, executor_config={"its": "own"})

    policy.task_policy(task)

    assert task.executor_config == {"its": "own"}
