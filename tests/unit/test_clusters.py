"""Resources that are used alike are found, keep their numbers, and are told what they cost beside each other."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import adjusted_rand_score

from pipeline.exploration.clusters import LEAST_RESOURCES, describe, find_clusters, keep_numbers
from pipeline.exploration.consolidation import find_consolidations, pack
from pipeline.exploration.profile import RESOURCE, Profiles, read_profiles
from pipeline.inputs.clusters import read_machines
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.quality.conform import conform
from pipeline.settings import Settings
from pipeline.steps.clusters import clusters
from pipeline.tables.schema import bucket_of
from pipeline.tables.usage import METRIC_HOURLY
from pipeline.tables.usage import RESOURCE as RESOURCE_TABLE
from tests.support.fleet_profiles import read_fleet

DAY = Interval.day("2026-03-31")
Shape = tuple[float, float]
#: CPU at night and at weekends, of that by day.
DAYTIME, NIGHTLY = (0.5, 0.6), (2.0, 1.3)


def profiles(*shapes: Shape, level: float = 20, noise: float = 0.01) -> Profiles:
    """One resource per shape, of so much CPU and memory by day, seen for a year."""
    return read_profiles(pd.concat([cells(f"i-{n:02d}", each, level, noise, n) for n, each in enumerate(shapes)]))


def cells(name: str, shape: Shape, level: float, noise: float, seed: int) -> pd.DataFrame:
    hour, day = np.tile(np.arange(24), 7), np.repeat(np.arange(7), 24)
    log = np.log(level * np.where(hour < 6, shape[0], 1.0) * np.where(day >= 5, shape[1], 1.0))
    # Noise is of the hours of a workday and of a weekend day.
    log = log + np.random.default_rng(seed).normal(0, noise, 48)[np.where(day >= 5, 24, 0) + hour]
    frame = pd.DataFrame({"account": "a", "region": "r", "resource_id": name, "day_of_week": day, "hour_of_day": hour})
    frame[["hours", "memory_hours", "used"]] = 20
    for metric in ("cpu", "memory", "network"):
        frame[f"{metric}_ln"] = log
    for metric in ("cpu", "memory"):
        frame[f"{metric}_p95"] = np.exp(log + 0.1645)
    return frame.assign(cpu_ln_squared=log**2 + 0.01)


def test_the_clusters_of_the_realistic_fleet_are_its_archetypes_though_nobody_says_how_many() -> None:
    found, kinds = read_fleet(seed=11)

    grouped = find_clusters(read_profiles(found))

    assert set(grouped.silhouettes) == set(range(2, 9))
    assert adjusted_rand_score(kinds, grouped.labels) >= 0.8


def test_clusters_are_the_same_in_any_order_of_rows() -> None:
    rows = pd.concat([cells(f"i-{n:02d}", (DAYTIME, NIGHTLY)[n % 2], 20, 0.05, n) for n in range(30)], ignore_index=True)

    straight, turned = (find_clusters(read_profiles(each)) for each in (rows, rows.sample(frac=1, random_state=3)))

    np.testing.assert_array_equal(straight.labels, turned.labels)
    assert straight.silhouettes == turned.silhouettes


def test_what_is_off_at_night_joins_those_whose_days_it_shares_whatever_its_level() -> None:
    # Two kinds of day, told apart by the evening as well as by the night.
    rows = [cells(f"i-{n:02d}", each, 20, 0.01, n) for n, each in enumerate([DAYTIME] * 12 + [NIGHTLY] * 12 + [DAYTIME, NIGHTLY])]
    for n, frame in enumerate(rows):
        late = frame["hour_of_day"] >= 18
        for metric in ("cpu", "memory", "network"):
            frame.loc[late, f"{metric}_ln"] += (-0.7, 0.7)[n in range(12, 24) or n == 25]
            # Of the level of those that work by night, and of theirs the other.
            frame[f"{metric}_ln"] += {24: 2.0, 25: -2.0}.get(n, 0)
        if n >= 24:
            frame.loc[(frame["hour_of_day"] < 6) | (frame["day_of_week"] >= 5), "used"] = 0
    found = find_clusters(read_profiles(pd.concat(rows)), count=2)

    assert np.isnan(found.fit[24:]).all()
    assert found.labels[0] != found.labels[12]
    assert found.labels[24:].tolist() == [found.labels[0], found.labels[12]]
    assert found.reasons[24:] == ["", ""]


def test_a_resource_that_joins_no_cluster_says_why() -> None:
    seen = profiles(*[DAYTIME] * 12, *[NIGHTLY] * 12, DAYTIME)
    seen.cells[24] = np.nan

    found = find_clusters(seen, count=2)

    assert found.labels[24] == -1
    assert found.reasons[24] == "No hour of its week is in use often enough; 6 times are needed."


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


def test_a_cluster_keeps_its_number_while_most_of_its_resources_do_and_a_new_one_gets_one_that_none_had() -> None:
    names = pd.DataFrame([("a", "r", f"i-{n}") for n in range(7)], columns=RESOURCE)
    before = names.head(5).assign(cluster=[4, 4, 4, 2, 2], highest=6)

    kept = keep_numbers(names, np.array([1, 1, 0, 0, 0, 2, -1]), before)
    first = keep_numbers(names, np.array([0, 0, 0, 1, 1, 1, -1]), before.head(0))

    assert kept.tolist() == [4, 4, 2, 2, 2, 7, 0]
    assert first.tolist() == [1, 1, 1, 2, 2, 2, 0]


def test_a_cluster_is_described_by_its_night_its_weekend_and_its_level() -> None:
    seen = profiles(DAYTIME, DAYTIME, NIGHTLY, noise=0)

    said = describe(seen, np.array([True, True, False]))

    assert said == (
        "Busier by day than at night, quieter at weekends: from 0 to 6 UTC 50 % of 9 to 18 on workdays, at weekends 60 % of the "
        "same hours on workdays, 13 % CPU, 13 % memory while in use."
    )


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
    assert first["consolidation_reason"] == (
        "With all that i-00 (m5.large) is to do, 53 % of its CPU and 53 % of its memory are needed in the busiest hour of a week"
        ", by the P95 of each hour; m5.xlarge costs $146.00 a month."
    )


def test_machines_that_are_busy_changed_otherwise_or_of_another_environment_do_not_share() -> None:
    quiet, types = profiles(DAYTIME, NIGHTLY, level=15), ("m5.large", "m5.large")
    one = pd.DataFrame([("a", "r", "i-01")], columns=RESOURCE)

    assert len(find_consolidations(quiet, machines(*types), listed(), NOBODY)) == 1
    assert find_consolidations(profiles(DAYTIME, NIGHTLY, level=40), machines(*types), listed(), NOBODY).empty
    assert find_consolidations(quiet, machines(*types), listed(), one).empty
    assert find_consolidations(quiet, machines(*types, environment=["production", "test"]), listed(), NOBODY).empty
    assert find_consolidations(quiet, machines(*types, state=["running", "stopped"]), listed(), NOBODY).empty
    assert find_consolidations(quiet, machines(*types), listed().head(0), NOBODY).empty


def test_a_machine_known_from_days_or_without_its_weekends_neither_moves_nor_hosts() -> None:
    whole = cells("i-00", DAYTIME, 15, 0.01, 0)
    young = cells("i-01", DAYTIME, 15, 0.01, 1).assign(hours=1, memory_hours=1, used=1)
    workdays = cells("i-01", DAYTIME, 15, 0.01, 1).query("day_of_week < 5")
    without_memory = cells("i-01", DAYTIME, 15, 0.01, 1).assign(memory_hours=0, memory_p95=np.nan)
    two = machines("m5.large", "m5.large")

    for other in (young, workdays, without_memory):
        assert find_consolidations(read_profiles(pd.concat([whole, other])), two, listed(), NOBODY).empty


def test_what_is_off_at_night_hosts_what_works_then() -> None:
    by_day, by_night = (cells(f"i-0{n}", (1.0, 1.0), 55, 0.01, n) for n in range(2))
    night = by_day["hour_of_day"] < 12
    by_day.loc[night, ["used", "cpu_p95", "memory_p95"]] = [0, 0.5, 5]
    by_night.loc[~night, ["used", "cpu_p95", "memory_p95"]] = [0, 0.5, 5]
    seen = read_profiles(pd.concat([by_day, by_night]))
    seen.peaks[..., 0] *= 0.8

    [move] = find_consolidations(seen, machines("m5.large", "m5.large"), listed(), NOBODY).to_dict("records")

    assert (move["resource_id"], move["consolidate_into"]) == ("i-00", "i-01")


def test_what_is_busy_on_one_workday_alone_needs_it_that_day() -> None:
    rows = pd.concat([cells(f"i-0{n}", (1.0, 1.0), 5, 0.01, n) for n in range(2)])
    rows.loc[rows["day_of_week"] == 0, "cpu_p95"] = 40.0

    assert find_consolidations(read_profiles(rows), machines("m5.large", "m5.large"), listed(), NOBODY).empty


def test_each_machine_moves_to_the_fullest_host_that_has_room_as_if_all_were_tried() -> None:
    random = np.random.default_rng(11)
    load, room = random.gamma(2, 4, (40, 12, 2)), random.choice([60.0, 120.0], (40, 1)) * np.ones((1, 2))
    left, moved, hosts, expected = load.copy(), set[int](), set[int](), {}
    for guest in range(40):
        free = [h for h in range(40) if h != guest and h not in moved and (left[h] + left[guest] <= room[h]).all()]
        if guest in hosts or not free:
            continue
        host = max(free, key=lambda h: (((left[h] + left[guest]).max(axis=0) / room[h]).max(), -h))
        left[host] += left[guest]
        moved.add(guest)
        hosts.add(host)
        expected[guest] = host

    assert pack(load, room) == expected
    assert 10 < len(expected) < 40
    np.testing.assert_array_equal(load, left)


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
    frame = frame.assign(quality_score=1.0, sources="csv", bucket=[bucket_of(each) for each in frame["series_id"]])
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


def test_a_machine_that_no_inventory_lists_any_more_is_not_one_that_could_share(lake: Lake, settings: Settings) -> None:
    def seen(name: str, back: int) -> dict[str, object]:
        key = {"account": "a", "region": "r", "resource_id": name, "ts": DAY.end - timedelta(days=back)}
        return key | {"service": "ec2", "state": "running", "tags_json": "{}"}

    days = Interval(DAY.end - timedelta(days=60), DAY.end)
    rows = RESOURCE_TABLE.frame([seen("i-00", 1), seen("i-01", 14), seen("i-02", 15)])
    lake.replace(RESOURCE_TABLE, conform(rows, RESOURCE_TABLE, days), RESOURCE_TABLE.scope(days))

    listed, _, _ = read_machines(DAY, lake, settings.model_copy(update={"lookback_days": 14}))

    assert listed["resource_id"].tolist() == ["i-00", "i-01"]


def test_without_hours_a_run_publishes_nothing_and_says_so(lake: Lake, settings: Settings) -> None:
    assert clusters(DAY, lake, settings) == 0
