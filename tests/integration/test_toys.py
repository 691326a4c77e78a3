"""What it takes to add a table or a step: its own files, and nothing else; shown with toys in a temporary copy of the project."""

from __future__ import annotations

import json

import pytest

from tests.support.copied import Copy, copy_project
from tools.environment import isolated_environment

pytestmark = [pytest.mark.system]

DECLARATION = """
SERIES_SEEN = Table(
    name="gold.series_seen",
    doc="How many hours of a metric were observed, and forecast, on one day.",
    key=("metric", "ts"),
    time="ts",
    columns=(
        text("metric", "The metric."),
        moment("ts", "Midnight that begins the day."),
        Column(name="hours", type=WHOLE, doc="Hours observed.", unit="count", ge=1),
        Column(name="forecasts", type=WHOLE, doc="Hours that had a forecast.", unit="count", ge=0),
    ),
    may_be_empty=True,
)

"""
LEAN = {"HEADROOM_SHARDS": "1", "HEADROOM_HORIZON_HOURS": "24", "HEADROOM_FALLBACK_FORECASTER": "seasonal_naive"}
DAY = ("--day", "2026-04-15")
TASKS = """
    import json
    import airflow.sdk
    import capacity_daily

    dag = capacity_daily.capacity_daily()
    print(json.dumps({t.task_id: [sorted(t.upstream_task_ids), sorted(a.name for a in t.outlets)] for t in dag.tasks}))
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """A copy with a toy table in gold, and a toy step that has a place in the daily run."""
    copy = copy_project(tmp_path_factory.mktemp("copy") / "project")
    copy.add("table")
    insert(copy, "pipeline/tables/usage.py", "RESOURCE = Table(", DECLARATION)
    copy.add("step")
    insert(copy, "pipeline/steps/_daily.py", '    "alert": ("last",),', '    "census": ("silver",),\n')
    return copy


def insert(copy: Copy, path: str, before: str, text: str) -> None:
    """Add text to a file of the copy, before a line of it."""
    found = (copy.root / path).read_text()
    assert found.count(before) == 1
    (copy.root / path).write_text(found.replace(before, text + before))


def said(copy: Copy, *arguments: str, **environment: str) -> str:
    """What `python -m …` printed in the copy, where it ended well."""
    done = copy.run(*arguments, **environment)
    assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def ran(copy: Copy) -> str:
    """What a run of one day printed."""
    return said(copy, "pipeline", "run", "--source", "samples", *DAY, **LEAN)


def test_a_toy_table_and_a_toy_step_are_part_of_a_run_in_their_place(ran: str) -> None:
    done = [line.removeprefix("✓ ").split(" [")[0] for line in ran.splitlines() if line.startswith("✓")]

    assert done.index("forecast") < done.index("build gold.series_seen") < done.index("build gold.run_stat")
    assert done.index("build silver.quarantine") < done.index("census") < done.index("build gold.run_stat")


def test_a_toy_table_is_built_by_hand_and_what_it_costs_is_told(copy: Copy, ran: str) -> None:
    assert "build gold.series_seen" in said(copy, "pipeline", "build", "gold.series_seen", *DAY)
    found = said(copy, "pipeline", "query", "SELECT min(hours) AS least FROM gold.series_seen", "--csv")
    assert int(found.split()[-1]) > 0
    costs = said(copy, "pipeline", "cost-of-run", *DAY, COLUMNS="200").splitlines()
    assert [line for line in costs if "gold.series_seen" in line and "silver.metric_hourly" in line]
    [census] = [line for line in costs if line.startswith("│ census")]
    assert census.split("│")[3].split() == ["4"], "a trainer's container"


def test_a_toy_table_and_a_toy_step_are_tasks_of_the_dag_that_announce_what_they_write(copy: Copy) -> None:
    copy.write("tasks.py", TASKS)
    dags = str(copy.root / "dags")
    environment = isolated_environment(copy.root / "var") | {"PYTHONPATH": dags, "AIRFLOW__CORE__DAGS_FOLDER": dags}
    tasks = json.loads(said(copy, "tasks", **environment).splitlines()[-1])

    upstream, outlets = tasks["build__gold__series_seen"]
    assert {"forecast", "build__silver__metric_hourly"} <= set(upstream)
    assert outlets == ["gold.series_seen"]
    assert "build__gold__quality_result" in tasks["census"][0]
    assert {"build__gold__series_seen", "census"} <= set(tasks["build__gold__run_stat"][0])


def test_a_toy_step_is_a_command_with_the_options_that_follow_from_its_declaration(copy: Copy, ran: str) -> None:
    assert "Count the rows of silver." in said(copy, "pipeline", "--help")
    assert "--shards" in said(copy, "pipeline", "census", "--help", COLUMNS="120")
    assert said(copy, "pipeline", "census", *DAY, "--shard", "1", "--shards", "2").startswith("✓ census shard 2/2")


def test_the_tests_of_tables_and_steps_take_the_toys_up(copy: Copy) -> None:
    golden = "tests/sql/test_golden.py"
    case = f"{golden}::test_a_query_gives_the_rows_its_golden_case_expects[gold/series_seen/hours_and_forecasts]"
    of_steps = ("tests/unit/test_step_declarations.py", "tests/unit/test_daily.py")

    judged = copy.run_tests(case, f"{golden}::test_every_sql_file_has_a_golden_case", *of_steps)

    assert judged.returncode == 0, judged.stdout
