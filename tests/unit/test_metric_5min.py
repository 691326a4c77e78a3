"""`silver.metric_5min`: built for minutes, exactly these, kept for days, and by no run of a day."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from pipeline import settings as settings_module
from pipeline import steps
from pipeline.errors import ConfigError, DataError
from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake, sql
from pipeline.settings import Settings
from pipeline.sources import _bronze
from pipeline.steps.build import build
from pipeline.steps.maintain import maintain
from pipeline.tables.operations import CHECK_RESULT
from pipeline.tables.usage import METRIC_5MIN, METRIC_SAMPLE

NAME = METRIC_5MIN.name
TEN = datetime(2026, 3, 2, 10)


def between(first: int, end: int) -> Interval:
    """From so many minutes after ten."""
    return Interval(TEN + timedelta(minutes=first), TEN + timedelta(minutes=end))


def land(lake: Lake, values: dict[int, float], period_s: int = 300, since: datetime = TEN, statistic: str = "Average") -> None:
    """Samples of one series, by minutes after ten."""
    sample = {"source": "csv", "account": "1", "region": "r", "resource_id": "i-1", "metric": "CPUUtilization", "unit": "Percent"}
    moments = [since + timedelta(minutes=minute) for minute in values]
    columns = {**sample, "statistic": statistic, "period_s": period_s, "ts": moments, "value": list(values.values())}
    lake.land(METRIC_SAMPLE, _bronze.rows(METRIC_SAMPLE.name, columns), source="csv", shard="a", ingested_at=moments[-1])


def rows(lake: Lake) -> dict[str, float | None]:
    return {f"{row['ts']:%d %H:%M}": row["mean"] for row in open_lake(lake.settings).read(METRIC_5MIN).to_pylist()}


def test_what_is_built_is_replaced_to_the_minute_and_nothing_beside_it(lake: Lake, settings: Settings) -> None:
    land(lake, {-5: 1, 0: 10, 5: 20, 10: 30})
    build(between(-5, 15), lake, settings, target=NAME)
    land(lake, {-5: 2, 0: 11, 5: 21, 10: 31})

    assert build(between(0, 10), open_lake(settings), settings, target=NAME) == 2
    assert rows(lake) == {"02 09:55": 1, "02 10:00": 11, "02 10:05": 21, "02 10:10": 30}


def test_a_late_sample_is_there_when_its_minutes_are_built_again_and_the_same_again_is_no_change(
    lake: Lake, settings: Settings
) -> None:
    land(lake, {0: 10})
    build(between(0, 10), lake, settings, target=NAME)
    land(lake, {5: 20})
    build(between(5, 10), open_lake(settings), settings, target=NAME)
    again = open_lake(settings)
    build(between(0, 10), again, settings, target=NAME)

    assert (rows(lake), again.changes) == ({"02 10:00": 10, "02 10:05": 20}, 0)


def test_minutes_without_a_sample_have_no_row_and_are_no_failure_and_nothing_is_recorded_of_them(
    lake: Lake, settings: Settings
) -> None:
    land(lake, {0: 10})

    assert build(between(20, 25), lake, settings, target=NAME) == 0
    assert build(between(0, 5), lake, settings, target=NAME) == 1
    assert lake.read(CHECK_RESULT).num_rows == 0


def test_a_table_of_five_minutes_is_not_built_for_three(settings: Settings) -> None:
    with pytest.raises(ConfigError, match=r"silver\.metric_5min is built for whole periods of 300 s from midnight, got .*10:03"):
        steps.perform("build", between(3, 8), target=NAME, settings=settings)


def test_rows_that_are_not_what_the_table_declares_are_not_published(
    lake: Lake, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(lake, {0: 50})
    build(between(0, 5), lake, settings, target=NAME)
    land(lake, {0: 60}, statistic="Average")
    real = lake.query
    monkeypatch.setattr(Lake, "query", lambda _, text, params: _swapped(real(text, params)))

    with pytest.raises(DataError, match=r"silver\.metric_5min .* peak cannot lie below its mean"):
        build(between(0, 5), open_lake(settings), settings, target=NAME)
    assert rows(lake) == {"02 10:00": 50}


def _swapped(data: object) -> object:
    """The same rows, of which the peak is below the mean."""
    import pyarrow as pa

    table: pa.Table = data
    return table.set_column(table.column_names.index("max"), "max", pa.array([1.0] * table.num_rows))


def test_rows_are_kept_for_as_many_days_as_set_and_then_maintain_removes_them(lake: Lake, settings: Settings) -> None:
    chosen = settings_module.load({}, home=settings.home, metric_5min_days=2)
    for day in (28, 1, 2):
        since = datetime(2026, 2, 28, 10) if day == 28 else datetime(2026, 3, day, 10)
        land(lake, {0: float(day)}, since=since)
        build(Interval(since, since + timedelta(minutes=5)), open_lake(chosen), chosen, target=NAME)

    maintain(Interval.day("2026-03-02"), open_lake(chosen), chosen)

    assert rows(lake) == {"01 10:00": 1, "02 10:00": 2}


def test_no_run_of_a_day_builds_it_nor_waits_for_it() -> None:
    assert steps.list_builds(when="monitor") == (NAME, "silver.hour_observed")
    assert NAME not in {*steps.list_builds(), *steps.order_builds(), *steps.order_daily()}
    assert steps.list_reads("build", NAME) == ("bronze.metric_sample",)


def test_an_hour_is_settled_by_the_same_rules_as_five_minutes() -> None:
    def rules(name: str) -> list[str]:
        return sql.text(name).split("\ncounted AS (")[1].split("\nobserved AS (")[0].splitlines()

    assert len(rules(NAME)) == 30
    assert rules("silver.hour_observed") == rules(NAME)
