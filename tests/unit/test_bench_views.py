"""What `make bench` says of the views of cost: of which a month's bound reaches the tables, and what is read then."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from pipeline import tables
from pipeline.lake import Lake
from pipeline.tables.schema import Scope
from tools import bench_views
from tools.bench_history import rows_of

DAYS = [datetime(2026, 1, 1) + timedelta(days=number) for number in range(100)]


@pytest.fixture
def billed(lake: Lake) -> Lake:
    table = tables.get("silver.charge_daily")
    lake.replace(table, rows_of(table, DAYS), Scope(table.time, DAYS[0], DAYS[-1] + timedelta(days=1)))
    return lake


def test_a_view_whose_month_reaches_its_table_reads_one_partition_and_the_columns_asked_for(billed: Lake) -> None:
    scans = bench_views.read_scans("views.cost_invoice_monthly", billed)
    partitions, objects, size = bench_views.measure_view("views.cost_invoice_monthly", billed)

    assert {(scan.table, scan.bound) for scan in scans} == {("silver.charge_daily", "month = '2026-03-01'")}
    assert {"billed_cost", "month"} <= frozenset().union(*(scan.columns for scan in scans))
    assert not any("tag_set" in scan.columns for scan in scans)
    iceberg = billed.iceberg(tables.get("silver.charge_daily"))
    assert iceberg is not None
    [file] = [task.file for task in iceberg.scan(row_filter="month = '2026-03-01'").plan_files()]
    assert (partitions, objects) == (1, 1)
    assert 0 < size < sum(file.column_sizes.values())


def test_a_view_of_what_is_newest_asks_every_partition_when_that_was(lake: Lake) -> None:
    table = tables.get("gold.budget_status")
    lake.replace(table, rows_of(table, DAYS), Scope(table.time, DAYS[0], DAYS[-1] + timedelta(days=1)))

    assert {scan.bound for scan in bench_views.read_scans("views.budget_current", lake)} == {""}
    assert bench_views.measure_view("views.budget_current", lake)[0] == len({day.month for day in DAYS})


def test_every_view_of_cost_is_measured_also_where_nothing_was_written(lake: Lake) -> None:
    assert {"views.cost_monthly", "views.budget_current", "views.unit_cost_monthly"} <= set(bench_views.names())
    assert {bench_views.measure_view(name, lake) for name in bench_views.names()} == {(0, 0, 0)}
