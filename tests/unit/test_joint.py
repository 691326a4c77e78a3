"""Metrics of one resource judged together: what each alone hides, whose part it is, and that only the past counts."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from pipeline import plugs
from pipeline.anomalies.detection import Detection
from pipeline.lake import Lake
from pipeline.settings import Settings
from pipeline.steps.build import build
from pipeline.steps.detect import detect
from tests.unit.test_step_detect import DAYS, START, WHOLE, found, land
from tools.bench_joint import TROUBLE, score

HOURS = 24 * 40
TS = np.datetime64("2026-01-05T00:00", "us") + np.arange(HOURS) * np.timedelta64(1, "h")
BROKEN = slice(800, 804)


def machine(broken: bool = True, hours: int = HOURS) -> dict[str, np.ndarray]:
    """CPU, memory and network that follow one load; in four hours CPU is above it and memory below, each within its own range."""
    rng = np.random.default_rng(3)
    daily = 10 * np.sin(2 * np.pi * (np.arange(hours) % 24) / 24)
    load = daily + rng.normal(0, 3, hours)
    metrics = {
        "cpu": 50 + load + rng.normal(0, 0.5, hours),
        "memory": 60 + load / 2 + rng.normal(0, 0.3, hours),
        "network": 200 + 8 * load + rng.normal(0, 5, hours),
    }
    if broken:
        metrics["cpu"][BROKEN] += 5.0
        metrics["memory"][BROKEN] -= 2.5
    return metrics


def judged(metrics: dict[str, np.ndarray], detector: str = "joint_distance", **options: int) -> dict[str, Detection]:
    ask = plugs.bind("detectors", detector, plugs.check_options("detectors", detector, options))
    told = bool(plugs.declared_inputs("detectors", detector))
    return {
        name: ask(TS[: len(own)], own, **({"others": {k: v for k, v in metrics.items() if k != name}} if told else {}))
        for name, own in metrics.items()
    }


def test_a_combination_that_never_was_is_found_though_each_metric_alone_is_usual() -> None:
    together, alone = judged(machine()), judged(machine(), "default")

    assert not any((each.excess[BROKEN] >= 1).any() for each in alone.values())
    flagged = {name for name, each in together.items() if (each.excess[BROKEN] >= 1).any()}
    assert {"cpu", "memory"} & flagged
    assert "network" not in flagged
    assert np.mean([(each.excess >= 1).mean() for each in judged(machine(broken=False)).values()]) < 0.002


def test_the_shares_of_all_metrics_sum_to_one_and_are_largest_where_it_is_broken() -> None:
    together = judged(machine())

    shares = np.stack([each.contribution for each in together.values()])
    known = np.isfinite(shares).all(axis=0)
    assert known[BROKEN].all()
    np.testing.assert_allclose(shares[:, known].sum(axis=0), 1.0, atol=1e-9)
    assert shares[0, BROKEN].mean() + shares[1, BROKEN].mean() > 0.8


def test_what_comes_later_changes_nothing_and_threads_neither() -> None:
    whole, part = judged(machine()), judged({name: each[:803] for name, each in machine().items()})

    with threadpool_limits(limits=2):
        two = judged(machine())

    for name in whole:
        np.testing.assert_allclose(part[name].excess, whole[name].excess[:803], rtol=0, atol=1e-9)
        np.testing.assert_allclose(two[name].excess, whole[name].excess, rtol=0, atol=1e-9)


def test_hours_in_which_a_metric_is_missing_are_not_judged_and_one_that_mostly_is_is_left_out() -> None:
    metrics = machine()
    metrics["network"][700] = np.nan
    sparse = machine()
    sparse["network"][::2] = np.nan

    assert not judged(metrics)["cpu"].judged[700]
    assert judged(sparse)["cpu"].judged[700:720].all()
    assert (judged(sparse)["cpu"].excess[BROKEN] >= 1).any() or (judged(sparse)["memory"].excess[BROKEN] >= 1).any()


def test_told_of_the_catalogue_the_parts_of_metrics_sum_to_one_and_later_hours_change_nothing() -> None:
    metrics, end = machine(broken=False, hours=24 * 20), 24 * 19
    # One training, which is what takes the time.
    once = {"retrain_hours": 336, "history_days": 14}
    whole, alone = judged(metrics, **once, catalogue=4), judged(metrics, **once)
    part = judged({name: each[:end] for name, each in metrics.items()}, **once, catalogue=4)

    shares = np.stack([each.contribution for each in whole.values()])
    known = np.isfinite(shares).all(axis=0)
    assert known[end:].all()
    np.testing.assert_allclose(shares[:, known].sum(axis=0), 1.0, atol=1e-9)
    for name, each in whole.items():
        np.testing.assert_allclose(part[name].excess, each.excess[:end], rtol=0, atol=1e-9)
        np.testing.assert_array_equal(each.judged, alone[name].judged)
        assert not np.allclose(each.excess, alone[name].excess, rtol=0, atol=1e-3)


def test_on_made_up_machines_it_finds_more_than_the_default_whether_metrics_part_or_one_moves() -> None:
    for trouble in TROUBLE:
        together, alone = (score(name, trouble, seeds=(200, 201)) for name in ("joint_distance", "default"))

        assert together.f1 > max(alone.f1, 0.7)


@pytest.mark.parametrize("shards", [1, 3])
def test_the_step_tells_each_series_of_the_other_metrics_of_its_resource_whatever_their_shards(
    settings: Settings, lake: Lake, shards: int
) -> None:
    hours = 24 * DAYS
    metrics = machine(broken=False, hours=hours)
    metrics["cpu"][320:324] += 9.0
    metrics["memory"][320:324] -= 4.5
    for name in ("cpu", "memory"):
        land(lake, "i-1", [float(value) for value in metrics[name]], metric=f"{name}_utilization")
    land(lake, "i-2", [float(value) for value in metrics["cpu"]])
    build(WHOLE, lake, settings, target="silver.metric_hourly")
    asked = settings.model_copy(update={"detectors": ("joint_distance",)})

    for shard in range(shards):
        detect(WHOLE, lake, asked, shard=shard, shards=shards)

    anomalous = found(lake)
    assert {row["resource_id"] for row in anomalous} == {"i-1"}
    assert START + timedelta(hours=320) in {row["ts"] for row in anomalous}
    rows = lake.query(
        "SELECT sum(contribution) AS total FROM gold.anomaly_point WHERE resource_id = 'i-1' GROUP BY ts"
    ).to_pylist()
    totals = [row["total"] for row in rows if row["total"] is not None]
    assert totals == pytest.approx([1.0] * len(totals))
    assert len(totals) > 24
