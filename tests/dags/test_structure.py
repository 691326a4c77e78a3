"""What stands in the DAG files: rhythm, tasks, order, lineage and words, without running anything."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support import bare
from tools.environment import ROOT

STEMS = sorted(file.stem for file in (ROOT / "dags").glob("*.py") if file.stem != "common")
HEAVY = (
    *("pandas", "numpy", "pyarrow", "great_expectations", "mlflow", "duckdb", "pyiceberg", "sqlglot"),
    *("sklearn", "prophet", "boto3"),
)
PARSE = """
import json, time
from importlib import import_module
import airflow.sdk

sys.path[:0] = ["dags", "infra/airflow"]
import airflow_local_settings

found = {}
for stem in sys.argv[2:]:
    for name in [name for name in sys.modules if name == "common" or name.partition(".")[0] == "pipeline"]:
        del sys.modules[name]
    start = time.process_time()
    tasks = getattr(import_module(stem), stem)().tasks
    spent = time.process_time() - start
    for task in tasks:
        airflow_local_settings.task_policy(task)
    found[stem] = {"cpu_s": spent, "containers": {t.task_id: (t.executor_config or {}).get("taskDefinition") for t in tasks}}
print(json.dumps(found))
"""


def step_of(task: Any) -> dict[str, Any]:
    """The arguments that a task gives to `perform`, as far as they are not mapped."""
    return dict(task.partial_kwargs["op_kwargs"]) if task.is_mapped else dict(getattr(task, "op_kwargs", {}))


def mapped_over(task: Any) -> dict[str, Any]:
    return dict(task.op_kwargs_expand_input.value)


def all_tasks(dags: dict[str, Any]) -> list[Any]:
    return [task for dag in dags.values() for task in dag.tasks if step_of(task)]


@pytest.fixture(scope="module")
def parsed(airflow_environment: dict[str, str]) -> dict[str, Any]:
    """By file: CPU seconds to parse it and the container of each of its tasks, where none of the pipeline's packages is there."""
    command = [sys.executable, "-c", bare.HIDING + PARSE, ",".join(bare.list_absent()), *STEMS]
    environ = airflow_environment | {"AIRFLOW__AWS_ECS_EXECUTOR__TASK_DEFINITION": "headroom-plain"}
    done = subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-8000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("stem", STEMS)
def test_a_file_is_parsed_in_under_a_second_where_only_airflow_and_pydantic_are_installed(
    stem: str, parsed: dict[str, Any]
) -> None:
    assert set(HEAVY) <= set(bare.list_absent())
    assert parsed[stem]["cpu_s"] < 1


def test_the_cluster_policy_gives_steps_their_roles_where_only_airflow_and_pydantic_are_installed(parsed: dict[str, Any]) -> None:
    containers = {task: container for stem in STEMS for task, container in parsed[stem]["containers"].items()}

    assert containers["ingest"] == "headroom-ingest"
    assert containers["build__silver__calendar"] == "headroom-transform"
    assert containers["build__gold__drift"] == containers["maintain"] == "headroom-publisher"
    assert containers["train"] == "headroom-trainer"


def test_the_dags_call_every_step_and_no_other(dags: dict[str, Any]) -> None:
    from pipeline import steps

    assert {step_of(task)["name"] for task in all_tasks(dags)} == set(steps.STEPS)


def test_the_command_line_has_a_command_for_every_step_that_the_dags_call(dags: dict[str, Any]) -> None:
    import typer.main

    from pipeline.cli import app

    commands = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    assert {step_of(task)["name"] for task in all_tasks(dags)} <= commands


def test_a_task_is_called_like_its_step_and_the_table_it_builds(dags: dict[str, Any]) -> None:
    for task in all_tasks(dags):
        call = step_of(task)
        expected = f"build__{call['target'].replace('.', '__')}" if call["name"] == "build" else call["name"]
        assert task.task_id == expected


def test_every_table_that_build_makes_is_built_by_one_task(dags: dict[str, Any]) -> None:
    from pipeline.steps import list_builds

    of_minutes = list_builds(when="monitor")
    for dag, wanted in (("capacity_daily", list_builds()), ("billing_daily", list_builds_of_bills()), ("monitor", of_minutes)):
        built = [step_of(task)["target"] for task in dags[dag].tasks if step_of(task).get("name") == "build"]
        assert sorted(built) == sorted(wanted), dag


def list_builds_of_bills() -> list[str]:
    from pipeline import steps

    landed = ("focus_line", "cur_line", "billing_period", "invoice_detail", "feedback_event")
    made = steps.list_made_of(f"bronze.{name}" for name in landed)
    return [name for name in made if name in steps.list_builds()]


def test_a_run_waits_for_a_bill_without_a_worker_and_for_half_a_day_at_most(dags: dict[str, Any]) -> None:
    task = dags["billing_daily"].get_task("bill_stated")

    assert (task.mode, task.soft_fail, task.timeout, task.poke_interval) == ("reschedule", True, 12 * 3600, 1800)
    assert dags["billing_daily"].get_task("ingest").trigger_rule == "none_failed"


def test_what_a_task_writes_is_announced_as_assets(dags: dict[str, Any]) -> None:
    from pipeline import tables
    from pipeline.steps import STEPS

    for task in all_tasks(dags):
        for asset in task.outlets:
            assert tables.get(asset.name).name == asset.name
            assert asset.uri == f"x-headroom://{asset.name.replace('.', '/')}"
        step = step_of(task)
        announced = [step["target"]] if step["name"] == "build" else list(STEPS[step["name"]].writes)
        assert [asset.name for asset in task.outlets] == announced


@pytest.fixture(scope="module")
def edges(run_python: Callable[..., Any]) -> set[tuple[str, str]]:
    """Which table is made of which, as Airflow stores it of the DAGs: each inlet of a task, and each of its outlets."""
    found = run_python(
        "import sys, json; sys.path += ['dags', 'infra/airflow']; import capacity_daily, model_training\n"
        "from airflow.serialization.serialized_objects import DagSerialization\n"
        "edges = set()\n"
        "for dag in (capacity_daily.capacity_daily(), model_training.model_training()):\n"
        "    stored = DagSerialization.from_dict(json.loads(json.dumps(DagSerialization.to_dict(dag))))\n"
        "    for task in stored.tasks:\n"
        "        name = lambda asset: asset['__var']['name'] if isinstance(asset, dict) else asset.name  # of a mapped task\n"
        "        edges |= {(name(read), name(written)) for read in task.inlets for written in task.outlets}\n"
        "print(json.dumps(sorted(edges)))"
    )
    return {(read, written) for read, written in found}


def test_the_lineage_goes_from_bronze_over_silver_to_gold(edges: set[tuple[str, str]]) -> None:
    assert {
        ("bronze.metric_sample", "silver.metric_hourly"),
        ("silver.metric_hourly", "gold.forecast"),
        ("gold.promotion", "gold.forecast"),
        ("gold.forecast", "gold.capacity_risk"),
        ("gold.capacity_risk", "gold.recommendation"),
    } <= edges
    assert not {(read, written) for read, written in edges if read == written}
    layers = ("bronze", "silver", "gold")
    backwards = {edge for edge in edges if layers.index(edge[0].partition(".")[0]) > layers.index(edge[1].partition(".")[0])}
    assert backwards == set()


def test_every_table_that_is_built_or_published_is_made_of_others(edges: set[tuple[str, str]]) -> None:
    from pipeline import steps, tables

    made = {name for name in steps.list_builds() if steps.list_reads("build", name)}
    published = ("features", "forecast", "detect", "incidents", "risk", "recommend")
    made |= {name for step in published for name in steps.get(step).writes}

    assert made <= {written for _, written in edges} <= set(tables.ALL)


@pytest.mark.parametrize("stem", STEMS)
def test_a_dag_states_its_rhythm_its_waits_and_the_command_by_hand(stem: str, dags: dict[str, Any]) -> None:
    dag = dags[stem]
    assert type(dag.timetable).__name__ in ("CronDataIntervalTimetable", "SettledDays", "Periods")
    hours = {"capacity_daily": {"hours": 3}, "billing_daily": {"hours": 6}, "monitor": {"period_s": 300, "wait_s": 120}}
    assert dag.timetable.serialize() == hours[stem] if stem in hours else str(dag.timetable.timezone) == "UTC"
    # A run that waits for a bill holds up none that a person asks for.
    assert (dag.catchup, dag.max_active_runs) == (False, 4 if stem == "billing_daily" else 1)
    assert "catchup=False" in Path(ROOT / "dags" / f"{stem}.py").read_text()
    assert "**Waits**" in dag.doc_md
    assert "**By hand** `python -m pipeline" in dag.doc_md


def test_the_daily_run_goes_from_ingest_to_report_through_quality(dags: dict[str, Any]) -> None:
    dag = dags["capacity_daily"]
    upstream = {task.task_id: {above.task_id for above in task.get_flat_relatives(upstream=True)} for task in dag.tasks}
    builds = {task for task in upstream if task.startswith("build__silver")}
    assert upstream["ingest"] == set()
    assert all("ingest" in upstream[task] for task in builds)
    assert builds <= upstream["build__gold__quality_result"]
    assert "build__gold__quality_result" in upstream["forecast"] & upstream["detect"]
    assert "forecast" in upstream["risk"]
    assert {"risk", "detect", "incidents"} <= upstream["recommend"] <= upstream["build__gold__run_stat"]
    assert upstream["report"] == set(upstream) - {"report"}


def test_a_check_that_fails_is_published_and_nothing_is_built_on_what_it_refused(dags: dict[str, Any]) -> None:
    dag = dags["capacity_daily"]
    silver = {task.task_id for task in dag.tasks if task.task_id.startswith("build__silver")}
    assert dag.get_task("build__gold__quality_result").trigger_rule == "all_done"
    for name in ("forecast", "detect", "build__gold__forecast_score"):
        task = dag.get_task(name)
        assert (task.trigger_rule, silver <= task.upstream_task_ids) == ("all_success", True)


def test_the_forecast_of_cost_takes_the_allocation_that_was_published_where_its_build_fails_but_not_where_silver_does(
    dags: dict[str, Any],
) -> None:
    for name in ("capacity_daily", "billing_daily"):
        dag = dags[name]
        above = dag.get_task("forecast_cost").upstream_task_ids
        assert dag.get_task("ended__gold__cost_allocation").trigger_rule == "one_done"
        assert {"ended__gold__cost_allocation", "build__silver__charge_daily"} <= above
        assert "build__gold__cost_allocation" not in above
        assert dag.get_task("forecast_cost").trigger_rule == "all_success"
        assert "build__gold__cost_allocation" in dag.get_task("build__gold__cost_forecast_score").upstream_task_ids


def test_people_are_told_also_where_a_task_failed_and_the_report_says_so_where_none_did(dags: dict[str, Any]) -> None:
    dag = dags["capacity_daily"]
    assert dag.get_task("alert").trigger_rule == "all_done"
    assert dag.get_task("report").trigger_rule == "all_success"
    assert {"alert", "build__gold__run_stat"} <= dag.get_task("report").upstream_task_ids


def test_training_precedes_promotion(dags: dict[str, Any]) -> None:
    upstream = {task.task_id: task.upstream_task_ids for task in dags["model_training"].tasks}
    assert upstream == {
        "due": set(),
        "train": {"due"},
        "register": {"train"},
        "record": {"register"},
        "train_detectors": {"due"},
        "settled": {"train_detectors"},
        "promote": {"record", "settled"},
        "tell_failure": {"train_detectors"},
    }


def test_between_training_and_promotion_a_person_may_be_asked_and_silence_is_a_rejection(run_python: Callable[..., Any]) -> None:
    seen = run_python(
        "import sys, json; sys.path.insert(0, 'dags'); import model_training\n"
        "dag = model_training.model_training(); ask = dag.get_task('approve')\n"
        "above = {t.task_id: sorted(t.upstream_task_ids) for t in dag.tasks if t.task_id.startswith(('approve', 'promote'))}\n"
        "print(json.dumps([above, ask.defaults, ask.response_timeout.total_seconds()]))",
        HEADROOM_PROMOTION_APPROVAL="true",
        HEADROOM_SHARDS="2",
    )
    above = {"approve": ["record", "settled"], "promote": ["approve"]}
    assert seen == [above, ["Reject"], 72 * 3600]


def test_ingest_is_mapped_over_the_sources_and_models_over_the_shards(run_python: Callable[..., Any]) -> None:
    seen = run_python(
        "import sys, json; sys.path += ['dags', 'infra/airflow']; import capacity_daily, model_training\n"
        "daily, training = capacity_daily.capacity_daily(), model_training.model_training()\n"
        "mapped = lambda dag, t: dag.get_task(t).op_kwargs_expand_input.value\n"
        "found = {t: mapped(daily, t) for t in ('ingest', 'features', 'forecast', 'detect')}\n"
        "found |= {'train': mapped(training, 'train')}\n"
        "print(json.dumps(found))",
        HEADROOM_SOURCES="fleet,prices",
        HEADROOM_SHARDS="3",
    )
    assert seen.pop("ingest") == {"target": ["fleet", "prices"]}
    assert seen == {name: {"shard": [0, 1, 2]} for name in ("features", "forecast", "detect", "train")}


def test_with_one_shard_training_registers_by_itself(run_python: Callable[..., Any]) -> None:
    seen = run_python(
        "import sys, json; sys.path.insert(0, 'dags'); import model_training\n"
        "print(json.dumps(sorted(t.task_id for t in model_training.model_training().tasks)))",
        HEADROOM_SHARDS="1",
    )
    assert seen == ["due", "promote", "record", "settled", "tell_failure", "train", "train_detectors"]


def test_a_mistyped_setting_shows_as_an_import_error_that_names_it(run_python: Callable[..., Any]) -> None:
    seen = run_python(
        "import sys, json; sys.path += ['dags', 'infra/airflow']\n"
        "try:\n    import capacity_daily\nexcept Exception as error:\n    print(json.dumps([type(error).__name__, str(error)]))",
        HEADROOM_SHARD="3",
    )
    assert seen[0] == "ConfigError"
    assert "HEADROOM_SHARD" in seen[1]


def test_the_monitor_lands_builds_and_tells_is_paused_at_first_and_fails_where_a_task_did(run_python: Callable[..., Any]) -> None:
    seen = run_python(
        "import sys, json; sys.path += ['dags', 'infra/airflow']; import monitor\n"
        "dag = monitor.monitor()\n"
        "rules = {t.task_id: str(getattr(t.trigger_rule, 'value', t.trigger_rule)) for t in dag.topological_sort()}\n"
        "asked = dag.get_task('ingest').op_kwargs_expand_input.value\n"
        "print(json.dumps([rules, asked, dag.is_paused_upon_creation, sorted(dag.get_task('tell_failure').upstream_task_ids)]))",
        HEADROOM_MONITOR_SOURCES="cloudwatch,prometheus",
    )
    rules, asked, paused, watched = seen
    built = ["build__silver__hour_observed", "build__silver__metric_5min"]
    assert list(rules) == ["ingest", *built[::-1], "detect", "incidents", "alert", "status", "tell_failure"]
    assert (rules["detect"], rules["incidents"]) == ("all_success", "all_success")
    assert (rules["build__silver__metric_5min"], rules["alert"], rules["tell_failure"]) == ("all_done", "all_done", "one_failed")
    assert (asked, paused) == ({"target": ["cloudwatch", "prometheus"]}, True)
    assert rules["status"] == "all_done", "the page is written also where a source is down"
    assert watched == ["alert", *built, "detect", "incidents", "ingest", "status"]


@pytest.mark.parametrize(
    ("error", "action"),
    [("DataError", "fail"), ("ConfigError", "fail"), ("SourceError", "default"), ("ConflictError", "default")],
)
def test_bad_data_and_bad_settings_fail_at_once_and_the_rest_is_retried(
    error: str, action: str, dag_files: dict[str, Any], dags: dict[str, Any]
) -> None:
    from pipeline import errors

    for task in all_tasks(dags):
        decision = task.retry_policy.evaluate(getattr(errors, error)("x"), 1, 3)
        assert decision.action.value == action
        assert task.retries == 3
        assert task.retry_exponential_backoff
