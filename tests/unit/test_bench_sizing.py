"""What the benchmark of sizing rules reads, and when its bars are met."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from tools import bench_sizing as bench

TRACES = Path("tests/data/traces")


def replayed(beside: float, low: float = -1.0, bins: pd.DataFrame | None = None, brier: tuple[float, float] = (0.1, 0.2)):
    equal = pd.DataFrame([{"rule": "ours", "risk": "own", "beside_pct": beside, "beside_low": low, "beside_high": 2.0}])
    return SimpleNamespace(equal=equal, reliability=bins, brier=brier, found=SimpleNamespace(horizon_days=7))


def bins_of(*rows: tuple[float, float, float, float]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["stated", "observed", "observed_low", "observed_high"])
    return table.assign(windows=400, gap_points=100 * (table["stated"] - table["observed"]))


@pytest.mark.parametrize(
    ("beside", "low", "verdict"), [(0.2, -0.1, "met"), (-0.9, -2.0, "met"), (-1.1, -2.0, "NOT MET"), (0.8, 0.1, "met, above")]
)
def test_ours_may_lie_one_point_below_compute_optimizers_default_and_no_more(beside: float, low: float, verdict: str) -> None:
    assert bench.sizing_bars({"a": replayed(beside, low)})["bar"].tolist() == [verdict]


def test_a_bin_is_out_where_its_chance_is_far_off_and_outside_what_chance_explains(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "together", lambda _: replayed(0, bins=bins_of((0.5, 0.5, 0.4, 0.6)), brier=(0.18, 0.2)))
    near, wide, off = (0.10, 0.12, 0.11, 0.13), (0.30, 0.40, 0.29, 0.50), (0.60, 0.70, 0.65, 0.75)
    scored = bench.chance_bars(
        {"good": replayed(0, bins=bins_of(near, near, near, wide)), "bad": replayed(0, bins=bins_of(near, near, near, off))}
    ).set_index("set")

    assert scored["out"].tolist() == [0, 1, 0]
    assert scored["bar"].tolist() == ["met", "NOT MET", "too few bins"]
    assert scored["Brier bar"].tolist() == ["met", "met", "NOT MET"]


def test_the_loads_that_are_shipped_are_scaled_by_the_days_before_the_first_cutoff_alone() -> None:
    [trace] = [one for one in bench.TRACES if one.name == "ms_cloud"]
    machines = bench.read_trace(trace, TRACES)

    first = 24 * trace.days[0]
    assert len(machines) >= 20
    assert {round(float(one.p95["cpu"][:first].max()), 9) for one in machines} == {0.5}
    assert max(float(one.p95["cpu"][first:].max(initial=0.0)) for one in machines) > 0.5


def test_the_shipped_set_is_replayed_and_its_rules_differ() -> None:
    [trace] = [one for one in bench.TRACES if one.name == "ms_cloud"]
    rules = bench.measure(trace, TRACES).rules.set_index("rule")

    assert rules.loc["CO max savings", "saving_pct"] > rules.loc["CO default", "saving_pct"] + 20
    assert rules.loc["CO max savings", "violating_pct"] > rules.loc["ours", "violating_pct"] + 10
    assert np.isfinite(rules.to_numpy(dtype=float)).all()
