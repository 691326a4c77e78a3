"""Whether one forecaster's losses are lower than another's by more than chance."""

from __future__ import annotations

import numpy as np

from pipeline.forecasting import metrics
from pipeline.forecasting.backtest import Backtest
from pipeline.forecasting.panel import Floats

#: Pairs without which no test is made: with five, even a clean sweep has p = 0.03.
LEAST_PAIRS = 5
#: Series from which on each is one pair, the mean of its windows; windows of one series tend to err alike.
ENOUGH_SERIES = 10
#: Scored periods without which a single series is not tested.
LEAST_PERIODS = 28


def p_value(result: Backtest, model: str, reference: str) -> float:
    """Probability of losses as much lower than the reference's if both forecast alike; one-sided.

    By `wilcoxon` over the series of a segment, each the mean of its windows; under ENOUGH_SERIES over series × windows; and
    where there is one series, by `diebold_mariano` over its periods. NaN where there are too few of any. Series of one estate,
    and windows of one series, are not independent, so that the true probability is rather higher.
    """
    levels = np.asarray(result.quantiles)
    losses = [metrics.pinball(result.actuals, result.forecasts[name], levels).mean(axis=-1) for name in (model, reference)]
    difference = (losses[0] - losses[1]) / result.scale[..., None]
    if len(result.panel) == 1:
        return diebold_mariano(difference[:, 0], result.horizon)
    by_window = metrics.mean(difference)
    scored = np.isfinite(by_window).any(axis=0).sum()
    return wilcoxon(metrics.mean(by_window.T) if scored >= ENOUGH_SERIES else by_window)


def wilcoxon(difference: Floats) -> float:
    """p of the signed-rank test that the differences of paired losses lie below zero; NaN under LEAST_PAIRS pairs.

    Ranks, because a few series have losses a hundred times the others'.

    Source: Wilcoxon (1945), Individual comparisons by ranking methods; equal losses as in Pratt (1959).
    """
    from scipy import stats

    paired = difference[np.isfinite(difference)]
    if len(paired) < LEAST_PAIRS:
        return float("nan")
    if not paired.any():
        return 1.0
    method = "exact" if len(paired) <= 50 and paired.all() and len(np.unique(np.abs(paired))) == len(paired) else "asymptotic"
    return float(stats.wilcoxon(paired, zero_method="pratt", alternative="less", method=method).pvalue)


def diebold_mariano(difference: Floats, horizon: int) -> float:
    """p of the test that one series' differences of losses, (windows, horizon), have a mean below zero.

    The variance allows for correlation up to `horizon` − 1 periods apart. NaN under LEAST_PERIODS periods.

    Source: Diebold & Mariano (1995), Comparing predictive accuracy; small-sample correction of Harvey, Leybourne & Newbold
    (1997); Bartlett weights (Newey & West 1987), which keep the variance positive.
    """
    from scipy import stats

    ordered = difference.ravel()
    ordered = ordered[np.isfinite(ordered)]
    periods = len(ordered)
    if periods < LEAST_PERIODS:
        return float("nan")
    centred = ordered - ordered.mean()
    variance = float(centred @ centred) / periods
    for lag in range(1, min(horizon, periods)):
        variance += 2 * (1 - lag / horizon) * float(centred[lag:] @ centred[:-lag]) / periods
    if variance <= 1e-18:
        return 0.0 if ordered.mean() < 0 else 1.0
    correction = (periods + 1 - 2 * horizon + horizon * (horizon - 1) / periods) / periods
    statistic = ordered.mean() / np.sqrt(variance / periods) * np.sqrt(max(correction, 0.0))
    return float(stats.t.cdf(statistic, periods - 1))
