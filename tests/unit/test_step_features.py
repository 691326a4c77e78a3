from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import DataError
from pipeline.features.matrix import lay_out
from pipeline.features.series import names, of_samples
from pipeline.inputs.points import read_points
from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake
from pipeline.lake.maintenance import remove_passing
from pipeline.settings import Settings
from pipeline.steps import features as step
from pipeline.steps.build import build
from pipeline.steps.features import features
from pipeline.tables.catalogue import BASE_METRICS
from pipeline.tables.features import FEATURE_DAILY, FEATURE_HOURLY
from pipeline.tables.schema import Table
from pipeline.tables.usage import METRIC_SAMPLE
from tests.support import golden

START = datetime(2026, 3, 1)
WHOLE = Interval(START, START + timedelta(days=6))
LAST = Interval.day("2026-03-06")


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a lake with six days of hours of two machines, of which the second has a hole and no memory."""
    settings = Settings(home=tmp_path_factory.mktemp("features"))
    lake = open_lake(settings)
    hours = [START + timedelta(hours=number) for number in range(144)]
    values = np.random.default_rng(1).gamma(4, 8, (3, len(hours)))
    rows = [
        {"resource_id": name, "ts": hour, "value": min(value, 99.0), "metric": metric, "unit": unit}
        for name in ("i-1", "i-2")
        for metric, unit, of in zip(
            ("CPUUtilization", "mem_used_percent", "NetworkIn"), ("Percent", "Percent", "Bytes"), values, strict=True
        )
        for hour, value in zip(hours, of, strict=True)
        if name == "i-1" or (metric != "mem_used_percent" and not 120 <= hours.index(hour) < 130)
    ]
    lake.land(METRIC_SAMPLE, golden.payload(*rows), source="csv", shard="", ingested_at=datetime(2026, 4, 1))
    for table in ("silver.metric_hourly", "silver.metric_daily"):
        build(WHOLE, lake, settings, target=table)
    return settings


@pytest.fixture
def fresh(observed: Settings) -> Lake:
    """That lake without features."""
    lake = open_lake(observed)
    for table in (FEATURE_HOURLY, FEATURE_DAILY):
        lake.replace(table, table.arrow_schema.empty_table(), table.scope(WHOLE))
    return open_lake(observed)


def test_an_hour_has_the_features_that_the_hours_before_it_give(fresh: Lake, observed: Settings) -> None:
    assert features(LAST, fresh, observed) == 24 + 24 - 10 + 2

    asked = (
        "SELECT hour AS ts, p95 FROM silver.metric_hourly WHERE resource_id = 'i-1' AND metric = 'cpu_utilization' ORDER BY ts"
    )
    cpu = fresh.query(asked).to_pandas()["p95"]
    found = fresh.query("SELECT * FROM gold.feature_hourly WHERE resource_id = 'i-1' ORDER BY ts").to_pandas()
    assert found["ts"].tolist() == [LAST.start + timedelta(hours=hour) for hour in range(24)]
    np.testing.assert_allclose(found["cpu_lag_24"], cpu[96:120])
    np.testing.assert_allclose(found["cpu_mean_96"], cpu.rolling(96).mean()[120:])
    assert found["metrics"].tolist() == [3] * 24


def test_detectors_that_learn_know_of_an_hour_what_is_published_of_it(fresh: Lake, observed: Settings) -> None:
    features(LAST, fresh, observed)

    points = read_points(LAST, fresh, observed, 0, 1)
    published = fresh.query("SELECT * FROM gold.feature_hourly ORDER BY ts").to_pandas().set_index(["resource_id", "ts"])
    for (resource, metric), rows in points.groupby(["resource_id", "metric"]):
        last = rows["ts"] >= LAST.start
        told = of_samples(rows["ts"].to_numpy(), rows["value"].to_numpy(dtype=np.float64))[last]
        prefix = next(name for name, (canonical, _) in BASE_METRICS.items() if canonical == metric)
        asked = published.loc[resource].loc[rows.loc[last, "ts"], [f"{prefix}_{name}" for name in names("hour")]]
        np.testing.assert_array_equal(told, asked.to_numpy(dtype=np.float64))
        assert np.isfinite(told[-1]).sum() > 100
    assert len(points.groupby(["resource_id", "metric"])) == 5


def test_an_hour_that_was_not_observed_has_no_row_and_what_needs_it_is_null(fresh: Lake, observed: Settings) -> None:
    features(LAST, fresh, observed)

    found = fresh.query("SELECT * FROM gold.feature_hourly WHERE resource_id = 'i-2' ORDER BY ts").to_pandas()
    assert found["ts"].min() == LAST.start + timedelta(hours=10)
    assert set(found["metrics"]) == {2}
    assert found["memory_mean_24"].isna().all()
    assert found["cpu_lag_6"].isna().tolist() == [True] * 6 + [False] * 8
    assert found["cpu_mean_3"].isna().tolist() == [True] + [False] * 13


def test_a_day_has_features_of_the_days_before_it(fresh: Lake, observed: Settings) -> None:
    features(WHOLE, fresh, observed)

    asked = "SELECT p95 FROM silver.metric_daily WHERE resource_id = 'i-1' AND metric = 'network_in' ORDER BY ts"
    network = fresh.query(asked).to_pandas()["p95"]
    found = fresh.query("SELECT network_diff_1, day_of_month FROM gold.feature_daily WHERE resource_id = 'i-1' ORDER BY ts")
    np.testing.assert_allclose(found.to_pandas()["network_diff_1"], network.diff())
    assert found["day_of_month"].to_pylist() == [1, 2, 3, 4, 5, 6]


def test_features_that_are_worked_out_again_in_shards_or_parts_of_the_time_change_nothing(
    fresh: Lake, observed: Settings
) -> None:
    features(WHOLE, fresh, observed)
    kept = [fresh.snapshot_id(table) for table in (FEATURE_HOURLY, FEATURE_DAILY)]

    for shard in range(2):
        features(WHOLE, fresh, observed, shard=shard, shards=2)
    for part in (LAST, Interval(START, LAST.start)):
        features(part, fresh, observed)
    assert [fresh.snapshot_id(table) for table in (FEATURE_HOURLY, FEATURE_DAILY)] == kept


def test_hours_are_kept_as_many_days_as_is_set_and_days_for_good(fresh: Lake, observed: Settings) -> None:
    short = observed.model_copy(update={"feature_days": 2})
    past, lake = Interval(START, LAST.start), open_lake(fresh.settings.model_copy(update={"feature_days": 2}))
    for interval in (past, LAST):
        features(interval, lake, short)

    def first(table: Table) -> datetime:
        earliest: datetime = min(lake.read(table)["ts"].to_pylist())
        return earliest

    assert first(FEATURE_HOURLY) == datetime(2026, 3, 4)
    assert remove_passing(lake, FEATURE_HOURLY) > 0
    assert remove_passing(lake, FEATURE_HOURLY) == 0
    assert (first(FEATURE_HOURLY), first(FEATURE_DAILY)) == (datetime(2026, 3, 5), START)


def test_running_the_past_again_in_parts_changes_neither_rows_nor_what_is_on_record(
    fresh: Lake, observed: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step, "PART_DAYS", 2)
    past = Interval(START, LAST.start)
    for interval in (past, LAST):
        features(interval, fresh, observed)
    before = fresh.changes

    for interval in (past, LAST):
        features(interval, fresh, observed)

    assert before > 0
    assert fresh.changes == before


def test_a_day_of_which_nothing_is_known_has_no_features(fresh: Lake, observed: Settings) -> None:
    assert features(Interval.day("2026-05-01"), fresh, observed) == 0


def test_two_rows_of_one_hour_and_one_beside_the_hours_are_refused() -> None:
    row = {"account": "a", "region": "r", "resource_id": "i", "cpu": 1.0, "memory": 1.0, "network": 1.0}

    def lay(*moments: datetime) -> None:
        lay_out(pd.DataFrame([row | {"ts": each} for each in moments]), START, START + timedelta(hours=4), "hour")

    with pytest.raises(DataError, match="two rows of one resource and hour"):
        lay(START, START)
    for odd in (START + timedelta(minutes=5), START - timedelta(hours=1), START + timedelta(hours=4)):
        with pytest.raises(DataError, match="lies in no hour from"):
            lay(odd)
