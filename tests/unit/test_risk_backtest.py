"""Chances of crossing that a backtest would have stated, beside what happened."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pipeline.capacity import backtest as risk_backtest
from pipeline.capacity.crossing import capacity_risk
from pipeline.forecasting.backtest import Backtest, backtest
from pipeline.forecasting.panel import Panel
from pipeline.tables.columns import QUANTILES

THRESHOLDS = (80.0, 90.0)
LEVELS = np.linspace(60.0, 90.0, len(QUANTILES))


def believed(panel: Panel, horizon: int, quantiles: tuple[float, ...]) -> np.ndarray:
    """The same quantiles at every step, whatever was seen."""
    return np.broadcast_to(LEVELS, (len(panel), horizon, len(quantiles))).copy()


def backtested(values: np.ndarray, *, percent: bool = True, ends: list[str] | None = None, windows: int = 2) -> Backtest:
    names = np.array([f"a/r/i-{row}/cpu_utilization" for row in range(len(values))])
    panel = Panel(
        names,
        np.array(["cpu_utilization"] * len(values)),
        np.array(ends or ["2026-03-31"] * len(values), dtype="datetime64[us]"),
        "day",
        values,
        np.full(len(values), 100.0 if percent else np.inf),
    )
    return backtest(panel, {"believed": believed, "low": lambda *asked: believed(*asked) / 3}, 10, windows)


def week(*, crossing: float | None = None, missing: int = 0) -> np.ndarray:
    """Forty days at 50 %, the fourth of the last ten as high as asked, the first of these missing."""
    days = np.full(40, 50.0)
    if crossing is not None:
        days[33] = crossing
    days[30 : 30 + missing] = np.nan
    return days


def test_a_chance_of_the_backtest_is_the_one_that_would_have_been_published_at_its_cutoff() -> None:
    judged = risk_backtest.chances(backtested(week()[None], windows=1), "believed", THRESHOLDS)
    days = pd.date_range("2026-03-22", periods=10, unit="us")
    published = capacity_risk(
        pd.DataFrame(
            {
                "series_id": "a/r/i-0/cpu_utilization",
                "metric": "cpu_utilization",
                "granularity": "day",
                "ts": days.repeat(len(QUANTILES)),
                "quantile": np.tile(QUANTILES, 10),
                "value": np.tile(LEVELS, 10),
            }
        ),
        pd.Series({"a/r/i-0/cpu_utilization": 100.0}),
        days[0].to_pydatetime(),
        THRESHOLDS,
    )
    assert judged["horizon_days"].unique().tolist() == [7]
    assert judged["stated"].tolist() == published["p_cross_7d"].tolist()


@pytest.mark.parametrize(("peak", "crossed"), [(79.9, [False, False]), (80.0, [True, False]), (95.0, [True, True])])
def test_a_series_crosses_where_a_day_reaches_the_threshold(peak: float, crossed: list[bool]) -> None:
    judged = risk_backtest.chances(backtested(week(crossing=peak)[None], windows=1), "believed", THRESHOLDS)
    assert judged["happened"].tolist() == crossed


def test_what_happens_after_the_horizon_does_not_count() -> None:
    late = week()
    late[38] = 99.0
    assert not risk_backtest.chances(backtested(late[None], windows=1), "believed", THRESHOLDS)["happened"].any()


@pytest.mark.parametrize(("missing", "rows"), [(3, 2), (4, 0)])
def test_a_horizon_of_which_less_than_half_was_observed_is_not_judged(missing: int, rows: int) -> None:
    judged = risk_backtest.chances(backtested(week(missing=missing)[None], windows=1), "believed", THRESHOLDS)
    assert len(judged) == rows


def test_each_window_and_series_counts_from_its_own_cutoff() -> None:
    values = np.stack([week(crossing=85.0), week()])
    judged = risk_backtest.chances(backtested(values, ends=["2026-03-31", "2026-02-28"]), "believed", (80.0,))
    moments = judged.groupby("series_id")["as_of"].agg(lambda each: sorted(str(day.date()) for day in each))
    assert moments.tolist() == [["2026-03-12", "2026-03-22"], ["2026-02-09", "2026-02-19"]]
    assert judged.loc[judged["happened"], ["series_id", "as_of"]].astype(str).to_numpy().tolist() == [
        ["a/r/i-0/cpu_utilization", "2026-03-22"]
    ]


def test_a_metric_without_a_capacity_has_no_chances() -> None:
    judged = risk_backtest.chances(backtested(week()[None], percent=False), "believed", THRESHOLDS)
    assert judged.empty
    assert risk_backtest.reliability(judged).empty


def test_reliability_sets_each_tenth_beside_its_frequency_and_the_brier_score_beside_the_base_rates() -> None:
    judged = pd.DataFrame(
        {
            "series_id": list("abcd"),
            "threshold_pct": 80.0,
            "horizon_days": 7,
            "stated": [0.05, 0.02, 0.55, 1.0],
            "happened": [False, False, True, True],
        }
    )
    table = risk_backtest.reliability(judged).set_index("bin")
    assert table["forecasts"].to_dict() == {0: 2, 5: 1, 9: 1}
    assert table["observed"].to_dict() == {0: 0.0, 5: 1.0, 9: 1.0}
    assert table["stated"].tolist() == pytest.approx([0.035, 0.55, 1.0])
    assert table["brier"].tolist() == pytest.approx([(0.05**2 + 0.02**2) / 2, 0.45**2, 0.0])
    assert table["base_rate_brier"].tolist() == [0.25, 0.25, 0.25]


def test_only_surprises_from_before_the_cutoff_count_in_a_chance() -> None:
    quiet, surprised, later = (np.random.default_rng(1).normal(40, 1, 400) for _ in range(3))
    surprised[200], later[393] = 99.0, 99.0
    stated = {
        name: risk_backtest.chances(backtested(values[None], windows=1), "low", THRESHOLDS)["stated"].max()
        for name, values in (("quiet", quiet), ("surprised", surprised), ("later", later))
    }
    # One surprise in the 390 - 14 - 28 days that were watched, and a year without.
    assert stated["surprised"] == pytest.approx(1 - np.exp(-7 / (390 - 14 - 28 + 365)), abs=0.001)
    assert stated["quiet"] == stated["later"] == 0
