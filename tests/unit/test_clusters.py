"""Resources that are used alike are found, keep their numbers, and are told what they cost beside each other."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

from pipeline.exploration.clusters import LEAST_RESOURCES, describe, find_clusters, keep_numbers
from pipeline.exploration.consolidation import find_consolidations
from pipeline.exploration.profile import RESOURCE, Profiles, read_profiles
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.quality.conform import conform
from pipeline.settings import Settings
from pipeline.steps.clusters import clusters
from pipeline.tables.schema import bucket_of
from pipeline.tables.usage import METRIC_HOURLY
from tests.support.fleet_profiles import read_fleet

DAY = Interval.day("2026-03-31")
Shape = tuple[float, float]
#: CPU at night and at weekends, of that by day.
DAYTIME, NIGHTLY = (0.5, 0.6), (2.0, 1.3)


def profiles(*shapes: Shape, level: float = 20, noise: float = 0.01) -> Profiles:
    """One resource per shape, of so much CPU and memory by day, seen for a year."""
    return read_profiles(pd.concat([cells(f"i-{n:02d}", each, level, noise, n) for n, each in enumerate(shapes)]))


def cells(name: str, shape: Shape, level: float, noise: float, seed: int) -> pd.DataFrame:
    hour = np.tile(np.arange(24), 2)
    weekend = np.repeat([False, True], 24)
    log = np.log(level * np.where(hour < 6, shape[0], 1.0) * np.where(weekend, shape[1], 1.0))
    log = log + np.random.default_rng(seed).normal(0, noise, 48)
    frame = pd.DataFrame({"account": "a", "region": "r", "resource_id": name, "is_weekend": weekend, "hour_of_day": hour})
    frame[["hours", "used"]] = 100
    for metric in ("cpu", "memory", "network"):
        frame[f"{metric}_ln"] = log
    return frame.assign(cpu_ln_squared=log**2 + 0.01, memory_ln_squared=log**2 + 0.01)


def test_the_clusters_of_the_realistic_fleet_are_its_archetypes_though_nobody_says_how_many() -> None:
    found, kinds = read_fleet(seed=42)

    grouped = find_clusters(read_profiles(found))

    assert set(grouped.silhouettes) == set(range(2, 9))
    assert adjusted_rand_score(kinds, grouped.labels) >= 0.8


def test_clusters_are_the_same_in_any_order_of_rows() -> None:
    rows = pd.concat([cells(f"i-{n:02d}", (DAYTIME, NIGHTLY)[n % 2], 20, 0.05, n) for n in range(30)], ignore_index=True)

    straight, turned = (find_clusters(read_profiles(each)) for each in (rows, rows.sample(frac=1, random_state=3)))

    np.testing.assert_array_equal(straight.labels, turned.labels)
    assert straight.silhouettes == turned.silhouettes


def test_what_is_off_at_night_joins_those_whose_days_it_shares() -> None:
    seen = profiles(*[DAYTIME] * 12, *[NIGHTLY] * 12, DAYTIME)
    seen.cells[24, :6] = np.nan
    seen.cells[24, 24:] = np.nan
    # Its evening is as that of those by night, had its level not been taken out.
    seen.cells[24] += 1.0

    found = find_clusters(seen, count=2)

    assert np.isnan(found.fit[24])
    assert found.labels[24] in (found.labels[0], found.labels[12])
    assert found.reasons[24] == ""


def test_few_resources_and_few_hours_are_in_no_cluster_and_say_why() -> None:
    few = find_clusters(profiles(*[DAYTIME, NIGHTLY] * 4))
    seen = profiles(*[DAYTIME, NIGHTLY] * 9)
    seen.hours[3] = 671
    young = find_clusters(seen)

    assert few.count == 0
    assert set(few.labels) == {-1}
    assert few.reasons[0] == f"8 resources have a whole week, not all alike; {LEAST_RESOURCES} are needed."
    assert young.labels[3] == -1
    assert young.reasons[3] == "671 hours are known; 672 are needed."
    assert (young.labels >= 0).sum() == 17


def test_a_cluster_keeps_its_number_while_most_of_its_resources_do_and_a_new_one_gets_a_new_one() -> None:
    names = pd.DataFrame([("a", "r", f"i-{n}") for n in range(7)], columns=RESOURCE)
    before = names.head(5).assign(cluster=[4, 4, 4, 2, 2])

    kept = keep_numbers(names, np.array([1, 1, 0, 0, 0, 2, -1]), before)
    first = keep_numbers(names, np.array([0, 0, 0, 1, 1, 1, -1]), before.head(0))

    assert kept.tolist() == [4, 4, 2, 2, 2, 1, 0]
    assert first.tolist() == [1, 1, 1, 2, 2, 2, 0]


def test_a_cluster_is_described_by_its_night_its_weekend_and_its_level() -> None:
    seen = profiles(DAYTIME, DAYTIME, NIGHTLY, noise=0)

    said, figures = describe(seen, np.array([True, True, False]))

    assert said == (
        "Busier by day than at night, quieter at weekends: 50 % of the working day at night, 60 % of the working day at weekends"
        ", 13 % CPU, 13 % memory while in use."
    )
    assert figures["night_ratio"] == pytest.approx(0.5)


def machines(*types: str, **more: Any) -> pd.DataFrame:
    """Running instances i-00, i-01 … of these types."""
    rows = [{"account": "a", "region": "r", "resource_id": f"i-{n:02d}", "instance_type": each} for n, each in enumerate(types)]
    return pd.DataFrame(rows).assign(**{"service": "ec2", "state": "running", "environment": "production"} | more)


def listed() -> pd.DataFrame:
    rows = [("m5.large", 2.0, 8.0, 0.1), ("m5.xlarge", 4.0, 16.0, 0.2)]
    frame = pd.DataFrame(rows, columns=["item", "vcpu", "memory_gib", "price_usd"])
    return frame.assign(service="ec2", unit="hour", region="r", arch="x86_64", price_as_of=datetime(2026, 1, 1))


NOBODY = pd.DataFrame(columns=RESOURCE)


def test_the_dearest_machine_moves_to_the_one_that_is_fullest_afterwards_and_its_price_is_saved() -> None:
    seen = profiles(DAYTIME, DAYTIME, NIGHTLY, level=15)

    moves = find_consolidations(seen, machines("m5.large", "m5.xlarge", "m5.xlarge"), listed(), NOBODY)

    [first] = moves.to_dict("records")
    assert (first["resource_id"], first["consolidate_into"]) == ("i-01", "i-00")
    assert first["consolidation_saving_usd"] == 146.0
    assert "at most" in first["consolidation_reason"]


def test_machines_that_are_busy_changed_otherwise_or_of_another_environment_do_not_share() -> None:
    quiet, types = profiles(DAYTIME, NIGHTLY, level=15), ("m5.large", "m5.large")
    one = pd.DataFrame([("a", "r", "i-01")], columns=RESOURCE)

    assert len(find_consolidations(quiet, machines(*types), listed(), NOBODY)) == 1
    assert find_consolidations(profiles(DAYTIME, NIGHTLY, level=40), machines(*types), listed(), NOBODY).empty
    assert find_consolidations(quiet, machines(*types), listed(), one).empty
    assert find_consolidations(quiet, machines(*types, environment=["production", "test"]), listed(), NOBODY).empty
    assert find_consolidations(quiet, machines(*types, state=["running", "stopped"]), listed(), NOBODY).empty
    assert find_consolidations(quiet, machines(*types), listed().head(0), NOBODY).empty


def observe(lake: Lake) -> None:
    """Five weeks of hours of twenty machines, of which every other works at night, and a young one."""
    hours = [DAY.end - timedelta(hours=back) for back in range(35 * 24, 0, -1)]
    whole = Interval(hours[0], DAY.end)
    random = np.random.default_rng(5)
    rows = []
    for number in range(21):
        seen = hours if number < 20 else hours[-48:]
        factor = (DAYTIME, NIGHTLY)[number % 2]
        for hour in seen:
            value = 20 * (factor[0] if hour.hour < 6 else 1.0) * (factor[1] if hour.weekday() >= 5 else 1.0)
            rows.append((f"i-{number:02d}", hour, value * float(np.exp(random.normal(0, 0.1)))))
    frame = pd.DataFrame(rows, columns=["resource_id", "hour", "p95"])
    frame["series_id"] = "a/r/" + frame["resource_id"] + "/cpu_utilization"
    frame = frame.assign(account="a", region="r", metric="cpu_utilization", unit="percent", saturated=False, samples=1)
    frame = frame.assign(mean=frame["p95"], p50=frame["p95"], max=frame["p95"], expected_samples=1, quality_flag=0)
    frame = frame.assign(quality_score=1.0, bucket=[bucket_of(each) for each in frame["series_id"]])
    lake.replace(METRIC_HOURLY, conform(frame, METRIC_HOURLY, whole), METRIC_HOURLY.scope(whole))


def test_a_run_publishes_a_row_per_resource_and_the_next_run_keeps_the_numbers(lake: Lake, settings: Settings) -> None:
    observe(lake)

    assert clusters(Interval.day("2026-03-30"), lake, settings) == 21
    assert clusters(DAY, lake, settings) == 21
    assert clusters(DAY, lake, settings) == 21

    rows = lake.query("SELECT as_of, resource_id, cluster, clusters, reason, cpu_pct FROM gold.utilisation_cluster").to_pandas()
    number = rows.pivot_table(index="resource_id", columns="as_of", values="cluster")
    assert len(rows) == 42
    assert (number.nunique(axis=1) == 1).all()
    by_night = rows["resource_id"].str[-1].astype(int) % 2
    grouped = rows.assign(by_night=by_night).dropna(subset="cluster").groupby("cluster")["by_night"].nunique()
    assert (grouped == 1).all()
    young = rows[rows["resource_id"] == "i-20"]
    assert young["cluster"].isna().all()
    assert set(young["reason"]) == {"24 hours are known; 672 are needed.", "48 hours are known; 672 are needed."}


def test_without_hours_a_run_publishes_nothing_and_says_so(lake: Lake, settings: Settings) -> None:
    assert clusters(DAY, lake, settings) == 0
