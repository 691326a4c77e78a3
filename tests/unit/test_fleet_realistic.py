"""The realistic fleet has what makes forecasting hard, labels it, and publishes quantiles that its data obeys."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from pipeline.interval import Interval
from pipeline.sources import _archetypes, _realistic, _realistic_truth, fleet, prices
from pipeline.sources._realistic_demand import AR, DAYS_PER_MONTH, Server, level_by_day, week_shape
from pipeline.sources._realistic_incidents import ROOT_CAUSES

DAYS = 280
OPTIONS = fleet.Options(preset="realistic", servers=80, days=DAYS, truth="both")
LIFE = Interval.days("2025-04-01", "2026-01-06")
AUTUMN = Interval.days("2025-10-06", "2025-11-03")


@pytest.fixture(scope="module")
def servers() -> list[Server]:
    return _realistic.fleet(OPTIONS.servers, DAYS, OPTIONS.seed)


@pytest.fixture(scope="module")
def life() -> dict[str, pd.DataFrame]:
    options = OPTIONS.model_copy(update={"truth": "none"})
    return {batch.table: batch.data.to_pandas() for batch in fleet.fetch(LIFE, options)}


@pytest.fixture(scope="module")
def samples(life: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Hours by (resource_id, metric)."""
    return life["bronze.metric_sample"].pivot_table(index="ts", columns=["resource_id", "metric"], values="value")


@pytest.fixture(scope="module")
def truth() -> dict[str, pd.DataFrame]:
    found = [batch for batch in fleet.fetch(AUTUMN, OPTIONS) if batch.table == "bronze.fleet_truth"]
    return {batch.shard.rpartition("-")[2]: batch.data.to_pandas() for batch in found}


def named(servers: list[Server], behaviour: str, kind: str | None = None) -> list[str]:
    return [s.name for s in servers if s.behaviour == behaviour and kind in (None, s.kind.name)]


def quiet(frame: pd.DataFrame, incidents: pd.DataFrame) -> pd.Series:
    """Which rows (resource_id, ts) lie outside every incident."""
    struck: set[tuple[str, pd.Timestamp]] = set()
    for resource, start, end in incidents[["resource_id", "ts", "end_at"]].itertuples(index=False):
        struck |= {(resource, moment) for moment in pd.date_range(start, end, freq="h", inclusive="left")}
    return pd.Series([key not in struck for key in zip(frame["resource_id"], frame["ts"], strict=True)], index=frame.index)


def test_hourly_samples_obey_the_true_quantiles(life: dict[str, pd.DataFrame], truth: dict[str, pd.DataFrame]) -> None:
    samples = life["bronze.metric_sample"]
    samples = samples[samples["ts"].between(AUTUMN.start, AUTUMN.end, inclusive="left")]
    samples = samples[quiet(samples, life["bronze.incident"].query("kind != 'backup'"))]
    joined = truth["hour"].merge(samples, on=["resource_id", "metric", "ts"], suffixes=("_true", ""))
    # The published numbers are rounded; a tie is not below.
    below = joined["value"] <= joined["value_true"] * 1.0001 + 1e-6
    share = below.groupby([joined["metric"], joined["quantile"]]).mean()
    levels = share.index.get_level_values("quantile").to_numpy()
    assert np.abs(share.to_numpy() - levels).max() < 0.015


def test_the_p95_of_a_day_obeys_the_true_daily_quantiles(life: dict[str, pd.DataFrame], truth: dict[str, pd.DataFrame]) -> None:
    samples = life["bronze.metric_sample"]
    samples = samples[samples["ts"].between(AUTUMN.start, AUTUMN.end, inclusive="left")]
    by_day = samples.assign(ts=samples["ts"].dt.floor("D")).groupby(["resource_id", "metric", "ts"])["value"]
    daily = by_day.quantile(0.95, interpolation="higher")[by_day.size() == 24].reset_index()
    joined = truth["day"].merge(daily, on=["resource_id", "metric", "ts"], suffixes=("_true", ""))
    below = joined["value"] <= joined["value_true"] * 1.0001 + 1e-6
    share = below.groupby(joined["quantile"]).mean()
    assert np.abs(share.to_numpy() - share.index.to_numpy()).max() < 0.03


def test_noise_has_the_memory_and_the_correlations_it_says(
    servers: list[Server], samples: pd.DataFrame, truth: dict[str, pd.DataFrame]
) -> None:
    median = truth["hour"].query("quantile == 0.5").pivot_table(index="ts", columns=["resource_id", "metric"], values="value")
    names = named(servers, "steady", "web")
    residual = np.log(samples.loc[median.index, names] / median[names])
    cpu, network = (residual.xs(metric, axis=1, level="metric") for metric in ("cpu_utilization", "network_in"))
    memory = residual.xs("memory_utilization", axis=1, level="metric")
    assert memory.apply(lambda series: series.autocorr(1)).median() == pytest.approx(AR, abs=0.1)
    web = _archetypes.ARCHETYPES[0]
    assert cpu.corrwith(network).median() == pytest.approx(web.cpu_net, abs=0.15)
    assert cpu.corrwith(memory).median() == pytest.approx(web.cpu_mem, abs=0.2)


def test_web_servers_do_1_6_times_the_work_from_nine_to_six(servers: list[Server], samples: pd.DataFrame) -> None:
    network = samples[named(servers, "steady", "web")].xs("network_in", axis=1, level="metric")
    working = network[(network.index.dayofweek < 5)]
    busy = (working.index.hour >= 9) & (working.index.hour <= 17)
    night = working.index.hour < 6
    assert (working[busy].mean() / working[night].mean()).median() == pytest.approx(1.6, abs=0.1)


def test_weekends_are_quiet_but_for_batch(servers: list[Server]) -> None:
    for kind in _archetypes.ARCHETYPES:
        week = week_shape(kind, "steady")
        assert (week[5:].mean() > week[:5].mean()) == (kind.name == "batch")


def test_growth_compounds_month_by_month(servers: list[Server]) -> None:
    growing = max((s for s in servers if s.bottleneck is not None), key=lambda s: s.reaches_capacity_on or 0)
    assert growing.bottleneck is not None
    months = (np.array([0, 1, 2, 6]) * DAYS_PER_MONTH).round().astype(int)
    level = level_by_day(growing, months)[:, growing.bottleneck]
    rate = growing.growth[growing.bottleneck]
    assert 0.03 <= rate <= 0.07
    assert level / level[0] == pytest.approx((1 + rate) ** np.array([0, 1, 2, 6]), rel=0.003)


def test_growing_servers_reach_85_percent_on_the_day_they_say(servers: list[Server]) -> None:
    growing = [s for s in servers if s.behaviour == "growing"]
    assert len(growing) == round(0.15 * OPTIONS.servers)
    for server in growing:
        assert server.reaches_capacity_on is not None
        assert server.bottleneck is not None
        # An ordinary week around that day, found in the same year's schedule without quarter end or holiday.
        first = np.datetime64("2025-04-07", "h")
        hours = first + np.arange(7 * 24)
        started = np.datetime64("2025-04-07") - server.reaches_capacity_on
        q90 = _realistic_truth.hourly_truth(server, started.item(), hours.astype("datetime64[us]"), [0.9])[
            :, server.bottleneck, 0
        ]
        assert q90.max() == pytest.approx(85, rel=0.02)


def test_in_any_90_days_after_the_first_two_months_some_server_reaches_capacity() -> None:
    days = sorted(s.reaches_capacity_on for s in _realistic.fleet(120, 548, 42) if s.reaches_capacity_on is not None)
    assert all(any(start <= day < start + 90 for day in days) for start in range(60, 548 - 90, 10))


def test_capacity_is_added_two_months_after_it_was_reached_and_says_so(
    servers: list[Server], life: dict[str, pd.DataFrame]
) -> None:
    expected = {
        (s.name, pd.Timestamp("2025-04-01") + pd.Timedelta(days=s.reaches_capacity_on + 60))
        for s in servers
        if s.reaches_capacity_on is not None and s.reaches_capacity_on + 60 < DAYS
    }
    added = life["bronze.incident"].query("kind == 'scale_out'")
    assert set(zip(added["resource_id"], added["ts"], strict=True)) == expected
    assert expected


def test_every_kind_of_incident_happens_is_labelled_and_ends(life: dict[str, pd.DataFrame]) -> None:
    incidents = life["bronze.incident"]
    assert set(incidents["kind"]) == set(ROOT_CAUSES)
    assert (incidents["end_at"] > incidents["ts"]).all()
    assert set(incidents["severity"]) == {"info", "warning", "critical"}
    planned = {"deploy", "backup", "level_shift", "scale_out"}
    assert set(incidents.loc[incidents["severity"] == "info", "kind"]) == planned
    assert not incidents.duplicated(["resource_id", "kind", "ts"]).any()
    assert incidents["root_cause"].notna().all()


@pytest.mark.parametrize(
    ("kind", "metric", "at_least"),
    [
        ("memory_leak", "memory_utilization", 15),
        ("disk_exhaustion", "disk_utilization", 20),
        ("cpu_throttling", "cpu_utilization", 15),
    ],
)
def test_an_incident_shows_in_the_metric_it_is_about(
    life: dict[str, pd.DataFrame], samples: pd.DataFrame, kind: str, metric: str, at_least: float
) -> None:
    rise = []
    for resource, start, end in (
        life["bronze.incident"].query("kind == @kind")[["resource_id", "ts", "end_at"]].itertuples(index=False)
    ):
        series = samples[resource, metric]
        before = series[start - pd.Timedelta(days=1) : start - pd.Timedelta(hours=1)].median()
        rise.append(series[start : end - pd.Timedelta(hours=1)].max() - before)
    assert len(rise) > 5
    assert np.nanmedian(rise) > at_least


def test_people_deploy_on_working_days(life: dict[str, pd.DataFrame]) -> None:
    deploys = life["bronze.incident"].query("kind == 'deploy'")["ts"]
    assert len(deploys) > 100
    assert (deploys.dt.dayofweek < 5).all()


def test_databases_back_up_early_on_sundays(life: dict[str, pd.DataFrame], servers: list[Server]) -> None:
    backups = life["bronze.incident"].query("kind == 'backup'")
    assert (backups["ts"].dt.dayofweek == 6).all()
    assert set(backups["ts"].dt.hour) == {2}
    assert set(backups["resource_id"]) <= {s.name for s in servers if s.kind.name == "database"}


def test_idle_servers_are_idle_by_compute_optimizers_rule(servers: list[Server], samples: pd.DataFrame) -> None:
    idle = samples[named(servers, "idle")]
    assert idle.xs("cpu_utilization", axis=1, level="metric").max().max() < 5
    traffic = idle.xs("network_in", axis=1, level="metric") + idle.xs("network_out", axis=1, level="metric")
    megabytes_a_day = traffic.mean() / 8 * 86_400
    assert len(megabytes_a_day) == 4
    assert (megabytes_a_day < 5).all()


def test_intermittent_servers_are_off_most_hours(servers: list[Server], samples: pd.DataFrame) -> None:
    cpu = samples[named(servers, "intermittent")].xs("cpu_utilization", axis=1, level="metric")
    assert ((cpu < cpu.quantile(0.99) / 8).mean() > 0.75).all()


def test_office_hours_servers_rest_at_night_and_at_weekends(servers: list[Server], samples: pd.DataFrame) -> None:
    names = named(servers, "office_hours")
    cpu = samples[names].xs("cpu_utilization", axis=1, level="metric")
    resting = cpu[(cpu.index.hour < 7) | (cpu.index.dayofweek >= 5)]
    assert (resting.quantile(0.95) < 5).all()
    tags = {s.name: json.loads(s.tags_json) for s in servers}
    assert {tags[name]["environment"] for name in names} == {"development"}


def test_samples_are_missing_in_runs_and_less_than_five_percent(samples: pd.DataFrame) -> None:
    cpu = samples.xs("cpu_utilization", axis=1, level="metric")
    gone = cpu.reindex(pd.date_range(LIFE.start, LIFE.end, freq="h", inclusive="left")).isna()
    assert 0.001 < gone.to_numpy().mean() < 0.05
    runs = (gone & ~gone.shift(fill_value=False)).to_numpy().sum()
    assert gone.to_numpy().sum() / runs > 2


def test_no_tag_gives_away_how_a_server_behaves(servers: list[Server]) -> None:
    words = {*_realistic.BEHAVIOURS, "steady"}
    assert not any(word in server.tags_json for server in servers for word in words)


def test_criticality_is_shared_out_as_documented() -> None:
    tags = [json.loads(server.tags_json)["criticality"] for server in _realistic.fleet(2000, 30, 1)]
    share = pd.Series(tags).value_counts(normalize=True)
    assert share[["High", "Medium", "Low"]].tolist() == pytest.approx([0.2, 0.5, 0.3], abs=0.04)


def test_every_instance_type_of_the_fleet_has_a_price_and_a_specification() -> None:
    known = prices.price_list().to_pandas().dropna(subset=["vcpu"])
    assert {name for types in _realistic.INSTANCE_TYPES.values() for name in types} <= set(known["item"])


def test_no_value_leaves_its_physical_range(life: dict[str, pd.DataFrame]) -> None:
    samples = life["bronze.metric_sample"]
    assert (samples["value"] >= 0).all()
    assert (samples.loc[samples["unit"] == "percent", "value"] <= 100).all()


@pytest.mark.parametrize(
    "options",
    [
        {"preset": "realistic", "granularity": "day"},
        {"preset": "reference", "truth": "day"},
        {"truth_quantiles": (0.5, 1.0)},
        {"truth_quantiles": (0.5, 0.5)},
        {"servers": 0},
        {"preset": "imagined"},
    ],
)
def test_options_that_contradict_each_other_or_their_bounds_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        fleet.Options(**options)


def test_each_preset_has_its_own_default_life() -> None:
    reference, realistic = fleet.Options(preset="reference"), fleet.Options(preset="realistic")
    assert (str(reference.start), reference.days, reference.granularity) == ("2022-01-01", 1461, "day")
    assert (str(realistic.start), realistic.days, realistic.granularity) == ("2025-04-01", 548, "hour")


def test_a_large_fleet_comes_in_batches_of_bounded_size() -> None:
    options = fleet.Options(preset="reference", servers=600, days=2)
    batches = [b for b in fleet.fetch(Interval.day("2022-01-01"), options) if b.table == "bronze.metric_sample"]
    assert [(batch.shard, len(batch.data)) for batch in batches] == [
        ("servers-000", 250 * 5),
        ("servers-001", 250 * 5),
        ("servers-002", 100 * 5),
    ]
