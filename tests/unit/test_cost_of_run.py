import re
from datetime import date, datetime

import pyarrow as pa
import pytest

from pipeline.forecasting.calendars import calendar
from pipeline.interval import Interval
from pipeline.lake import Lake, sql
from pipeline.lake.fence import Window
from pipeline.quality.conform import conform
from pipeline.steps import STEPS, list_builds, role_of
from pipeline.tables.columns import STAMPED
from pipeline.tables.operations import RUN_EVENT
from pipeline.tables.usage import CALENDAR
from pipeline.upkeep import cost_of_run
from tests.support.terraform import ROOT

DAY, NEXT = Interval.day("2026-03-01"), Interval.day("2026-03-02")
EVENT = RUN_EVENT


def ran(lake: Lake, interval: Interval, step: str, wall_s: float, finished_h: int = 1, **more: object) -> None:
    """Put one finished step on record."""
    row = {"source": "headroom", "ts": interval.end, "start_at": interval.start, "step": step, "target": step, "shard": 0}
    row |= {"outcome": "done", "rows": 1, "wall_s": wall_s, "cpu_s": 1.0, "peak_rss_mib": 1.0} | more
    schema = pa.schema([f for f in EVENT.arrow_schema if f.name not in (*STAMPED, "day")])
    at = datetime(2026, 3, 5, finished_h)
    lake.land(EVENT, pa.Table.from_pylist([row], schema=schema), source="headroom", shard=step, ingested_at=at)


def land(lake: Lake, ts: datetime, rows: int) -> None:
    row = {"source": "s", "ts": ts, "start_at": ts, "step": "build", "target": "t", "shard": 0, "outcome": "done", "rows": 1}
    schema = pa.schema([f for f in EVENT.arrow_schema if f.name not in (*STAMPED, "day")])
    payload = [row | {"wall_s": 1.0 + number, "cpu_s": 1.0, "peak_rss_mib": 1.0} for number in range(rows)]
    lake.land(EVENT, pa.Table.from_pylist(payload, schema=schema), source="s", shard="x", ingested_at=datetime(2026, 3, 5))


def scan(lake: Lake, name: str, interval: Interval = DAY) -> cost_of_run.Scan:
    [found] = [each for each in cost_of_run.scans(lake, interval) if each.name == name]
    return found


def test_a_build_reads_the_days_of_its_interval_only(lake: Lake) -> None:
    land(lake, DAY.end, 10)
    alone = scan(lake, "gold.run_stat").bytes
    land(lake, Interval.day("2026-03-05").end, 1000)

    assert alone > 0
    assert scan(lake, "gold.run_stat").bytes == alone
    assert scan(lake, "gold.run_stat", Interval.day("2026-03-05")).bytes > alone


def test_a_request_lists_each_day_of_bronze_in_a_querys_window_and_each_projected_day_where_it_has_none(lake: Lake) -> None:
    land(lake, DAY.end, 10)

    run, build, view = (scan(lake, name) for name in ("gold.run_stat", "silver.resource", "views.metric_point"))

    # Events lie in the day of the interval's end; a build looks into that day as well as into its own.
    assert (run.lists, run.gets, build.lists, build.gets) == (1, 2, 2, 0)
    assert view.lists == (NEXT.end.date() - date(2021, 1, 1)).days + 3
    assert view.usd - cost_of_run.Scan("x", (), 0).usd == pytest.approx(view.lists * 0.000005)


def test_how_far_back_a_step_asks_is_known_of_every_input_that_is_asked_since_a_moment() -> None:
    asked = {name for name in sql.inputs() if {"since", "before"} & sql.parameters(sql.parse(sql.text(name)))}

    assert asked == set(cost_of_run.SINCE)


def test_what_lies_before_the_window_of_a_query_costs_it_nothing(lake: Lake) -> None:
    table = CALENDAR
    for interval in (Interval.days("2024-01-01", "2024-12-31"), DAY):
        lake.replace(table, conform(calendar(interval), table, interval), table.scope(interval))

    near = cost_of_run._files(lake, table, Window(DAY.start, DAY.end), DAY)
    every = cost_of_run._files(lake, table, Window(), DAY)

    assert (near.gets, every.gets) == (4 + 2, 4 + 2 * 13)
    assert 0 < near.bytes["ts"] < every.bytes["ts"] / 10


def test_only_the_columns_that_a_query_reads_count(lake: Lake) -> None:
    read = cost_of_run.columns_read(sql.text("gold.run_stat"))

    assert read == {"bronze.run_event": {c.name for c in EVENT.all_columns} - {"source", "sequence"}}
    through_a_view = cost_of_run.columns_read(sql.text("views.cost_monthly"))
    assert set(through_a_view) == sql.tables_behind(sql.parse(sql.text("views.cost_monthly")))


def test_a_view_reads_the_columns_that_its_own_query_needs_of_a_view_below() -> None:
    read = cost_of_run.columns_read(sql.text("inputs.bill_overlaps"))

    assert set(read) == {"bronze.focus_line", "bronze.cur_line"}
    assert "resource_id" in read["bronze.focus_line"]
    assert "billed_cost" not in read["bronze.focus_line"]


def test_what_is_stored_counts_every_object_of_a_layer(lake: Lake) -> None:
    land(lake, DAY.start, 1)
    land(lake, NEXT.start, 1)

    held = {each.layer: each for each in cost_of_run.stored(lake)}
    assert (held["bronze"].objects, held["silver"].objects) == (2, 0)
    assert held["bronze"].bytes == sum(len(lake.read_object(EVENT, path)) for path in lake.bronze_files(EVENT))


@pytest.mark.parametrize(("size", "usd"), [(0, 5e-5), (10_000_000, 5e-5), (10_000_001, 5.5e-5), (10**12, 5.0)])
def test_a_query_counts_ten_megabytes_at_least_and_whole_ones_beyond(size: int, usd: float) -> None:
    assert cost_of_run.Scan("x", (), size).usd == pytest.approx(usd)


def test_a_lake_with_nothing_in_it_costs_the_least_there_is(lake: Lake) -> None:
    assert {each.bytes for each in cost_of_run.scans(lake, DAY)} == {0}


def test_what_steps_read_counts_as_well(lake: Lake) -> None:
    names = [each.name for each in cost_of_run.scans(lake, DAY)]

    assert names == sql.names()
    assert {"inputs.demand_hourly", "inputs.points", "inputs.usage"} <= set(names)


def test_a_task_costs_the_size_of_its_container_for_as_long_as_its_step_last_took(lake: Lake) -> None:
    ran(lake, DAY, "ingest", 7200.0, target="cloudwatch")
    ran(lake, DAY, "ingest", 3600.0, finished_h=2, target="cloudwatch")
    ran(lake, DAY, "train", 1800.0, finished_h=3)
    ran(lake, NEXT, "ingest", 999.0, target="cloudwatch")
    ran(lake, Interval.days("2026-02-23", "2026-03-02"), "train", 999.0)

    ingest, train = cost_of_run.tasks(lake, DAY)
    assert (ingest.step, ingest.target, ingest.wall_s, ingest.size) == ("ingest", "cloudwatch", 3600.0, (1, 4))
    assert ingest.usd == pytest.approx(0.04048 + 4 * 0.004445)
    assert (train.target, train.size) == ("", (4, 16))
    assert train.usd == pytest.approx(0.5 * (4 * 0.04048 + 16 * 0.004445))


def test_a_task_counts_a_minute_at_least() -> None:
    assert cost_of_run.Task("risk", "", 0, 0.5).usd == cost_of_run.Task("risk", "", 0, 60.0).usd
    assert cost_of_run.Task("risk", "", 0, 61.0).usd > cost_of_run.Task("risk", "", 0, 60.0).usd


def test_containers_have_the_sizes_and_steps_the_roles_that_terraform_deploys() -> None:
    declared = re.findall(r"(\w+) += \{ cpu = (\d+), memory = (\d+) \}", (ROOT / "infra" / "variables.tf").read_text())
    assert {role: (int(cpu) // 1024, int(memory) // 1024) for role, cpu, memory in declared} == cost_of_run.SIZES
    for step, target in [(step, "") for step in STEPS] + [("build", table) for table in list_builds()]:
        assert cost_of_run.Task(step, target, 0, 1.0).size == cost_of_run.SIZES[role_of(step, target)], (step, target)
