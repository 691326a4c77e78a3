"""What the benchmark of commitments counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tools import bench_savings as bench

STEADY = [np.full(300, 10.0)]
FALLS = [np.concatenate([np.full(150, 10.0), np.full(150, 5.0)])]


def all_of_it(history: np.ndarray, _: int, discount: float) -> float:
    return (1 - discount) * float(history[-1])


def test_of_steady_cost_a_commitment_to_all_of_it_saves_the_discount_in_every_window() -> None:
    table = bench.measure(STEADY, {"all": all_of_it})

    assert table["windows"].tolist() == [9, 3, 9, 3]
    assert table["saving_pct"].tolist() == pytest.approx([19, 19, 34, 34])
    assert table["loses_pct"].tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("usd", [0.0, 1.0, 5.0, 20.0])
def test_of_the_real_days_no_commitment_at_all_and_none_that_is_always_the_same_meets_the_bars(usd: float) -> None:
    series = bench.read_series(Path("tests/data/traces/cloud_cost.parquet"))
    rules = {bench.OURS: lambda *_: usd, bench.BASELINE: bench.RULES[bench.BASELINE]}

    assert set(bench.bars(bench.measure(series, rules))["bar"]) == {"NOT MET"}


def test_a_commitment_before_a_fall_loses_in_the_windows_that_see_enough_of_it() -> None:
    table = bench.measure(FALLS, {"all": all_of_it})

    # Of the purchases of days 90, 105 … 210: at 19 % for 90 days those of days 105 to 150 see too much of the fall, at 34 % two.
    assert table["loses_pct"].round(1).tolist() == [44.4, 100.0, 22.2, 66.7]


def test_a_rule_sees_the_days_before_its_purchase_alone() -> None:
    seen: list[int] = []

    def watch(history: np.ndarray, term: int, discount: float) -> float:
        seen.append(len(history))
        return 0.0

    costs = list(bench.replay(STEADY, watch, 90, 0.19))

    assert seen == list(range(90, 211, 15))
    assert costs == [(900.0, 900.0)] * 9


def test_the_bar_is_missed_by_more_losing_windows_whatever_is_saved() -> None:
    def row(rule: str, saving: float, loses: float) -> dict[str, object]:
        return {"rule": rule, "term": 90, "discount": 0.19, "saving_pct": saving, "loses_pct": loses}

    def verdict(saving: float, loses: float) -> str:
        return str(bench.bars(pd.DataFrame([row(bench.OURS, saving, loses), row(bench.BASELINE, 10.0, 2.0)]))["bar"].iloc[0])

    assert [verdict(20, 2.1), verdict(9.6, 0), verdict(9.8, 2), verdict(10.1, 2)] == ["NOT MET", "NOT MET", "met", "met, better"]
