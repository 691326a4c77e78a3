"""What it takes to add a table or a step: its own files, and nothing else."""

from __future__ import annotations

import json

import pytest

from tests.support.toys import Tree

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
QUERY = """-- gold.series_seen: how many hours of a metric were observed, and forecast, by the day.
--
-- Reads   silver.metric_hourly, gold.forecast
-- Params  :start, :end   the run's data interval, UTC, half-open
--
-- An hour counts as forecast once, however many forecasts of it there were.
SELECT
  m.metric AS metric,
  date_trunc('day', m.hour) AS ts,
  count(*) AS hours,
  count(f.ts) AS forecasts
FROM silver.metric_hourly AS m
LEFT JOIN (SELECT DISTINCT series_id, ts FROM gold.forecast WHERE granularity = 'hour') AS f
  ON f.series_id = m.series_id AND f.ts = m.hour
WHERE m.hour >= :start AND m.hour < :end
GROUP BY m.metric, date_trunc('day', m.hour)
"""
CASE = {
    "given/silver.metric_hourly.csv": "series_id,metric,hour\na,cpu,2026-04-15T01:00:00\na,cpu,2026-04-15T02:00:00\n",
    "given/gold.forecast.csv": "series_id,granularity,ts,quantile\n"
    + "".join(f"a,hour,2026-04-15T02:00:00,{quantile}\n" for quantile in (0.5, 0.9)),
    "params.json": '{"start": "2026-04-15T00:00:00", "end": "2026-04-16T00:00:00"}',
    "expected.csv": "metric,ts,hours,forecasts\ncpu,2026-04-15T00:00:00,2,1\n",
}
LEAN = {"HEADROOM_SHARDS": "1", "HEADROOM_HORIZON_HOURS": "24", "HEADROOM_FALLBACK_FORECASTER": "seasonal_naive"}
TASKS = """
import json, sys
import airflow.sdk
import capacity_daily
dag = capacity_daily.capacity_daily()
print(json.dumps({t.task_id: [sorted(t.upstream_task_ids), sorted(a.name for a in t.outlets)] for t in dag.tasks}))
"""
STEP = '''"""Count the rows of silver."""

from __future__ import annotations

from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.settings import Settings
from pipeline.steps._declaration import Step
from pipeline.tables.usage import METRIC_HOURLY

STEP = Step(role="trainer", sharded=True)


def census(interval: Interval, lake: Lake, settings: Settings, *, shard: int = 0, shards: int = 1) -> int:
    """Rows of silver that were there at the interval's end, said by the first shard."""
    return lake.read(METRIC_HOURLY).num_rows if shard == 0 else 0
'''


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """A copy with a toy table in gold and a toy step that has a place in the daily run."""
    tree = Tree.copied(tmp_path_factory.mktemp("tree"))
    tree.append("pipeline/tables/usage.py", DECLARATION)
    tree.write("sql/gold/series_seen.sql", QUERY)
    for file, text in CASE.items():
        tree.write(f"tests/sql/gold/series_seen/hours_and_forecasts/{file}", text)
    tree.write("pipeline/steps/census.py", STEP)
    daily = tree.root / "pipeline" / "steps" / "_daily.py"
    daily.write_text(
        daily.read_text().replace('    "report": ("last",),', '    "census": ("silver",),\n    "report": ("last",),')
    )
    return tree


@pytest.fixture(scope="module")
def ran(tree: Tree) -> str:
    """What a run of one day printed."""
    return tree.run("-m", "pipeline", "run", "--source", "samples", "--day", "2026-04-15", **LEAN)


def test_a_toy_table_and_a_toy_step_are_part_of_a_run_in_their_place(ran: str) -> None:
    done = [line.removeprefix("✓ ").split(" [")[0] for line in ran.splitlines() if line.startswith("✓")]

    assert done.index("forecast") < done.index("build gold.series_seen") < done.index("build gold.run_stat")
    assert done.index("build silver.quarantine") < done.index("census") < done.index("build gold.run_stat")


def test_a_toy_table_is_built_by_hand_and_what_it_costs_is_told(tree: Tree, ran: str) -> None:
    day = ("--day", "2026-04-15")

    assert "build gold.series_seen" in tree.run("-m", "pipeline", "build", "gold.series_seen", *day)
    found = tree.run("-m", "pipeline", "query", "SELECT min(hours) AS least FROM gold.series_seen", "--csv")
    assert int(found.split()[-1]) > 0
    costs = tree.run("-m", "pipeline", "cost-of-run", *day, COLUMNS="200").splitlines()
    assert [line for line in costs if "gold.series_seen" in line and "silver.metric_hourly" in line]
    [census] = [line for line in costs if line.startswith("│ census")]
    assert census.split("│")[3].split() == ["4"], "a trainer's container"


def test_a_toy_table_and_a_toy_step_are_tasks_of_the_dag_that_announce_what_they_write(tree: Tree) -> None:
    tasks = json.loads(tree.run("-c", TASKS).splitlines()[-1])

    upstream, outlets = tasks["build__gold__series_seen"]
    assert {"forecast", "build__silver__metric_hourly"} <= set(upstream)
    assert outlets == ["gold.series_seen"]
    assert "build__gold__quality_result" in tasks["census"][0]
    assert {"build__gold__series_seen", "census"} <= set(tasks["build__gold__run_stat"][0])


def test_a_toy_step_is_a_command_and_has_its_role(tree: Tree, ran: str) -> None:
    assert "Count the rows of silver." in tree.run("-m", "pipeline", "--help")
    assert "--shards" in tree.run("-m", "pipeline", "census", "--help", COLUMNS="120")
    said = tree.run("-m", "pipeline", "census", "--day", "2026-04-15", "--shard", "1", "--shards", "2")
    assert said.startswith("✓ census shard 2/2")
    assert tree.run("-c", "from pipeline.steps import role_of; print(role_of('census'))").strip() == "trainer"


def test_the_tests_of_tables_and_steps_take_the_toys_up(tree: Tree) -> None:
    golden = "tests/sql/test_golden.py"
    case = f"{golden}::test_a_query_gives_the_rows_its_golden_case_expects[gold/series_seen/hours_and_forecasts]"
    of_steps = ("tests/unit/test_step_declarations.py", "tests/unit/test_daily.py")

    said = tree.run("-m", "pytest", case, f"{golden}::test_every_sql_file_has_a_golden_case", *of_steps)

    assert "failed" not in said
