"""A segment of which a step fails keeps its last good rows, and stops no other."""

from __future__ import annotations

import importlib
import logging
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from pipeline.errors import DataError
from pipeline.inputs.checks import read_lacking
from pipeline.inputs.findings import gather
from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake
from pipeline.report.sections.sources import caveats
from pipeline.settings import Settings
from pipeline.steps import perform
from pipeline.tables.anomalies import ANOMALY, ANOMALY_POINT
from pipeline.tables.capacity import CAPACITY_RISK
from pipeline.tables.columns import STALE
from pipeline.tables.forecasts import FORECAST
from pipeline.tables.operations import RUN_EVENT
from pipeline.tables.schema import Table
from pipeline.tables.usage import METRIC_SAMPLE
from tests.support import golden

FIRST, DAYS = datetime(2026, 3, 1), 6
YESTERDAY, TODAY = Interval.day("2026-03-05"), Interval.day("2026-03-06")
SPIKE = datetime(2026, 3, 6, 12)
CPU, MEMORY = "cpu_utilization", "memory_utilization"


@pytest.fixture
def estate(settings: Settings, lake: Lake) -> Settings:
    """Two metrics of one machine over six days, forecast as of the end of the fifth."""
    hours = [FIRST + timedelta(hours=n) for n in range(24 * DAYS)]
    rows = [
        {"metric": metric, "ts": ts, "value": 95.0 if ts == SPIKE else 20.0 + ts.hour} for metric in (CPU, MEMORY) for ts in hours
    ]
    lake.land(METRIC_SAMPLE, golden.payload(*rows), source="csv", shard="x", ingested_at=FIRST + timedelta(days=DAYS))
    perform("build", Interval(FIRST, TODAY.end), target="silver.metric_hourly", settings=settings)
    perform("forecast", YESTERDAY, settings=settings)
    return settings


def break_metrics(monkeypatch: pytest.MonkeyPatch, *broken: str) -> None:
    """A forecaster that cannot cope with some metrics."""
    step = importlib.import_module("pipeline.steps.forecast")
    works = step.forecast_rows

    def forecast_rows(panel: Any, *more: Any) -> pa.Table:
        if panel.metric[0] in broken:
            raise ZeroDivisionError("no series\nto divide by")
        return works(panel, *more)

    monkeypatch.setattr(step, "forecast_rows", forecast_rows)


def tiers(lake: Lake, day: Interval) -> dict[str, set[str]]:
    rows = lake.read(FORECAST, FORECAST.scope(day)).to_pylist()
    return {
        metric: {row["tier"] for row in rows if row["metric"] == metric} for metric in sorted({row["metric"] for row in rows})
    }


def outcomes(lake: Lake, step: str = "forecast") -> list[str]:
    events = [row for row in lake.read(RUN_EVENT).to_pylist() if row["step"] == step]
    return [row["outcome"] for row in sorted(events, key=lambda row: (row["ts"], row["ingested_at"]))]


def test_a_segment_that_fails_keeps_its_last_good_rows_marked_as_stale_and_is_named(
    estate: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    good = {row["ts"]: row["value"] for row in open_lake(estate).read(FORECAST).to_pylist() if is_median(row, MEMORY)}
    break_metrics(monkeypatch, MEMORY)

    with caplog.at_level(logging.WARNING):
        written = perform("forecast", TODAY, settings=estate)

    lake = open_lake(estate)
    found = tiers(lake, TODAY)
    assert found[MEMORY] == {STALE}
    assert STALE not in found[CPU]
    stale = [row for row in lake.read(FORECAST, FORECAST.scope(TODAY)).to_pylist() if is_median(row, MEMORY)]
    assert stale
    assert all(row["value"] == good[row["ts"]] and row["ts"] >= TODAY.as_of for row in stale)
    assert {row["cutoff"] for row in stale} == {TODAY.start - timedelta(hours=1)}, "the age of the data stays true"
    assert written == lake.read(FORECAST, FORECAST.scope(TODAY)).num_rows
    assert outcomes(lake) == ["done", "partial"]
    said = (
        f"{MEMORY} by the hour could not be forecast (ZeroDivisionError: no series); its forecasts are stale ones of 2026-03-05."
    )
    assert said in caplog.text
    assert any(MEMORY in caveat["text"] for caveat in caveats(gather(TODAY, lake)))
    assert any(MEMORY in note for note in read_lacking(lake, TODAY.as_of))


def test_the_segment_is_good_again_once_it_can_be_forecast(estate: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        break_metrics(broken, MEMORY)
        perform("forecast", TODAY, settings=estate)

    perform("forecast", TODAY, settings=estate)

    lake = open_lake(estate)
    assert all(STALE not in found for found in tiers(lake, TODAY).values())
    assert read_lacking(lake, TODAY.as_of) == []

    break_metrics(monkeypatch, MEMORY)
    perform("forecast", TODAY, settings=estate)
    newest = max(row["cutoff"] for row in open_lake(estate).read(FORECAST).to_pylist() if row["metric"] == MEMORY)
    assert newest == TODAY.end - timedelta(hours=1), "of the day itself where it was forecast before"


def test_a_step_of_which_all_segments_fail_fails_and_what_was_published_stays(
    estate: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_metrics(monkeypatch, CPU, MEMORY)

    with pytest.raises(DataError, match=f"all segments failed: {CPU} by the hour could not be forecast"):
        perform("forecast", TODAY, settings=estate)

    lake = open_lake(estate)
    assert set(tiers(lake, YESTERDAY)) == {CPU, MEMORY}
    assert tiers(lake, TODAY) == {}
    assert outcomes(lake) == ["done", "failed"]


def break_step(monkeypatch: pytest.MonkeyPatch, step: str, function: str, *broken: str) -> None:
    """A function of a step that cannot cope with some metrics."""
    module = importlib.import_module(f"pipeline.steps.{step}")
    works = getattr(module, function)

    def may_fail(rows: pd.DataFrame, *more: Any) -> Any:
        if set(broken) & set(rows["metric"]):
            raise ZeroDivisionError("nothing\nto divide by")
        return works(rows, *more)

    monkeypatch.setattr(module, function, may_fail)


def of_metric(lake: Lake, table: Table, metric: str, day: Interval) -> list[dict[str, Any]]:
    return [row for row in lake.read(table, table.scope(day)).to_pylist() if row["metric"] == metric]


def test_a_metric_that_cannot_be_searched_for_anomalies_keeps_those_found_before_and_is_named(
    estate: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings = estate.model_copy(update={"detect_min_history_hours": 48})
    perform("detect", TODAY, settings=settings)
    before = {metric: of_metric(open_lake(settings), ANOMALY_POINT, metric, TODAY) for metric in (CPU, MEMORY)}
    assert all(before.values())

    with monkeypatch.context() as broken, caplog.at_level(logging.WARNING):
        break_step(broken, "detect", "vote", MEMORY)
        perform("detect", TODAY, settings=settings)

    lake = open_lake(settings)
    assert outcomes(lake, "detect") == ["done", "partial"]
    assert {metric: of_metric(lake, ANOMALY_POINT, metric, TODAY) for metric in before} == before
    perform("incidents", TODAY, settings=settings)
    assert {row["metrics"] for row in open_lake(settings).read(ANOMALY).to_pylist()} == {f"{CPU},{MEMORY}"}
    said = (
        f"{MEMORY} by the hour could not be searched for anomalies (ZeroDivisionError: nothing); "
        "its anomalies are those found before."
    )
    assert said in caplog.text
    assert said in [caveat["text"] for caveat in caveats(gather(TODAY, lake))]

    break_step(monkeypatch, "detect", "vote", CPU, MEMORY)
    with pytest.raises(DataError, match="all segments failed"):
        perform("detect", TODAY, settings=settings)
    assert {metric: of_metric(open_lake(settings), ANOMALY_POINT, metric, TODAY) for metric in before} == before


def test_a_metric_whose_risk_cannot_be_judged_keeps_its_last_one_which_says_how_old_it_is(
    estate: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    perform("risk", YESTERDAY, settings=estate)
    perform("forecast", TODAY, settings=estate)
    good = of_metric(open_lake(estate), CAPACITY_RISK, MEMORY, YESTERDAY)
    assert good

    with monkeypatch.context() as broken, caplog.at_level(logging.WARNING):
        break_step(broken, "risk", "assess", MEMORY)
        perform("risk", TODAY, settings=estate)

    lake = open_lake(estate)
    assert outcomes(lake, "risk") == ["done", "partial"]
    assert {row["reason"] for row in of_metric(lake, CAPACITY_RISK, CPU, TODAY)} == {None}
    stale = of_metric(lake, CAPACITY_RISK, MEMORY, TODAY)
    assert {row["reason"] for row in stale} == {f"{STALE}: of 2026-03-05, for what was known since could not be judged"}
    kept = ("series_id", "threshold_pct", "risk_level", "p_cross_7d", "headroom_ratio")
    assert [[row[name] for name in kept] for row in stale] == [[row[name] for name in kept] for row in good]
    said = f"{MEMORY} by the hour could not be judged (ZeroDivisionError: nothing); its risks are stale ones of 2026-03-05."
    assert said in caplog.text
    assert said in [caveat["text"] for caveat in caveats(gather(TODAY, lake))]

    break_step(monkeypatch, "risk", "assess", CPU, MEMORY)
    with pytest.raises(DataError, match="all segments failed"):
        perform("risk", TODAY, settings=estate)
    assert of_metric(open_lake(estate), CAPACITY_RISK, MEMORY, TODAY) == stale


def is_median(row: dict[str, Any], metric: str) -> bool:
    return bool(row["metric"] == metric and row["quantile"] == 0.5)
