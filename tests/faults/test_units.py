"""A unit that a source changed without a word, and two statistics of one metric: nothing is published that mixes them."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path

import pytest

from pipeline.errors import DataError
from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake
from pipeline.settings import Settings
from pipeline.steps import perform
from pipeline.tables.operations import CHECK_RESULT, QUARANTINE
from pipeline.tables.usage import METRIC_DAILY, METRIC_HOURLY

ROOT = Path(__file__).parents[2]
FIRST, WEEK = datetime(2026, 3, 1), 7
TODAY = Interval.day("2026-03-08")
BUILT = ("silver.metric_hourly", "silver.metric_daily")


def write_samples(path: Path, first: datetime, days: int, factor: float = 1.0, machines: int = 6) -> None:
    """Hours of machines at about half of their CPU, times a factor."""
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["ts", "resource_id", "metric", "value", "unit"])
        for hour in range(24 * days):
            for machine in range(machines):
                value = min((40 + 2 * machine + hour % 24 / 2) * factor, 100.0)
                rows.writerow([(first + timedelta(hours=hour)).isoformat(), f"i-{machine}", "cpu_utilization", value, "percent"])


def ingest_and_build(settings: Settings, path: Path, interval: Interval) -> None:
    options = {"sources": {"csv": {"path": str(path), "period_s": 3600}}}
    asked = settings.model_copy(update={"options": options})
    perform("ingest", interval, target="csv", settings=asked)
    for table in BUILT:
        perform("build", interval, target=table, settings=asked)


@pytest.fixture
def estate(settings: Settings, tmp_path: Path) -> Settings:
    """A week of six machines, published."""
    write_samples(tmp_path / "week.csv", FIRST, WEEK)
    ingest_and_build(settings, tmp_path / "week.csv", Interval(FIRST, TODAY.start))
    return settings


def test_a_ratio_labelled_percent_stops_before_it_is_published_and_what_was_good_stays(estate: Settings, tmp_path: Path) -> None:
    before = {table.name: open_lake(estate).content(table) for table in (METRIC_HOURLY, METRIC_DAILY)}
    write_samples(tmp_path / "today.csv", TODAY.start, 1, factor=0.01)

    done = command(estate, tmp_path / "today.csv", "run", "--source", "csv")

    assert done.returncode == 1, done.stdout
    said = " ".join(done.stderr.split())
    assert "error DataError: silver.metric_hourly [2026-03-08T00:00:00, 2026-03-09T00:00:00): " in said
    assert "cpu_utilization of csv is on 2026-03-08 about 1/100 of what it was" in said
    assert "6 of 6 series, such as local/local/i-0/cpu_utilization: 0.4575 after 45.75 percent" in said
    assert "add cpu_utilization:2026-03-08 to the setting accepted_shifts" in said
    assert "not published, and what was published before stays" in said
    assert "Traceback" not in said
    with pytest.raises(DataError, match=r"silver\.metric_daily .* about 1/100 of what it was"):
        perform("build", TODAY, target="silver.metric_daily", settings=estate)
    lake = open_lake(estate)
    assert {table.name: lake.content(table) for table in (METRIC_HOURLY, METRIC_DAILY)} == before
    recorded = [row for row in lake.read(CHECK_RESULT).to_pylist() if row["rule"].startswith("unit_shift")]
    assert {(row["table_name"], row["severity"], row["success"]) for row in recorded} == {
        ("silver.metric_hourly", "critical", False), ("silver.metric_daily", "critical", False)
    }  # fmt: skip


def test_landed_again_in_the_right_unit_or_said_to_be_true_it_is_published(estate: Settings, tmp_path: Path) -> None:
    write_samples(tmp_path / "today.csv", TODAY.start, 1, factor=0.01)
    with pytest.raises(DataError, match="about 1/100 of"):
        ingest_and_build(estate, tmp_path / "today.csv", TODAY)

    true = estate.model_copy(update={"accepted_shifts": ("cpu_utilization:2026-03-08",)})
    ingest_and_build(true, tmp_path / "today.csv", TODAY)
    assert means(open_lake(estate)) == pytest.approx([0.4575, 0.4775, 0.4975, 0.5175, 0.5375, 0.5575])

    write_samples(tmp_path / "today.csv", TODAY.start, 1)
    ingest_and_build(estate, tmp_path / "today.csv", TODAY)
    assert means(open_lake(estate)) == pytest.approx([45.75, 47.75, 49.75, 51.75, 53.75, 55.75])


def test_a_fleet_that_all_machines_of_which_are_busy_is_published_with_a_warning(settings: Settings, tmp_path: Path) -> None:
    write_samples(tmp_path / "week.csv", FIRST, WEEK, factor=0.1)
    ingest_and_build(settings, tmp_path / "week.csv", Interval(FIRST, TODAY.start))
    write_samples(tmp_path / "today.csv", TODAY.start, 1, factor=1.7)

    ingest_and_build(settings, tmp_path / "today.csv", TODAY)

    lake = open_lake(settings)
    assert len(means(lake)) == 6
    found = [row for row in lake.read(CHECK_RESULT).to_pylist() if row["rule"].startswith("unit_shift")]
    assert {row["severity"] for row in found} == {"warning"}
    assert all("No unit explains it" in row["note"] for row in found)


def means(lake: Lake) -> list[float]:
    rows = lake.read(METRIC_DAILY, METRIC_DAILY.scope(TODAY)).to_pylist()
    return [row["mean"] for row in sorted(rows, key=lambda row: row["series_id"])]


def test_of_two_statistics_of_a_metric_that_mean_different_things_one_counts(settings: Settings, tmp_path: Path) -> None:
    """Of events their sum, of what is at a level their average; half of the rows are then refused, and none is left out."""
    with (tmp_path / "both.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["ts", "resource_id", "metric", "statistic", "value", "unit"])
        for hour, balancer in product(range(24), ("lb-1", "lb-2")):
            ts = (TODAY.start + timedelta(hours=hour)).isoformat()
            rows.writerow([ts, balancer, "RequestCount", "Sum", 6000, "count"])
            rows.writerow([ts, balancer, "RequestCount", "Average", 2, "count"])
            rows.writerow([ts, balancer, "CPUUtilization", "Sum", 400, "ms"])
            rows.writerow([ts, balancer, "CPUUtilization", "Average", 20, "ms"])

    ingest_and_build(settings, tmp_path / "both.csv", TODAY)
    perform("build", TODAY, target="silver.quarantine", settings=settings)

    lake = open_lake(settings)
    for table in (METRIC_HOURLY, METRIC_DAILY):
        found = {(row["metric"], row["mean"], row["samples"] == row["expected_samples"]) for row in lake.read(table).to_pylist()}
        assert found == {("request_count", 6000.0, True), ("cpu_utilization", 20.0, True)}
    refused = lake.read(QUARANTINE).to_pylist()
    assert {row["rule"] for row in refused} == {"second_statistic"}
    assert len(refused) == 96


def command(settings: Settings, path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pipeline", *arguments, "--path", str(path), "--option", "period_s=3600"],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=ROOT,
        env={**os.environ, "PYTHONWARNINGS": "ignore", "HEADROOM_HOME": str(settings.home), "COLUMNS": "300"},
    )
