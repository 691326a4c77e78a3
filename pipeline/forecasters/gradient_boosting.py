"""Gradient boosting from scikit-learn: one histogram booster per quantile over all series, direct multi-step."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipeline.forecasters._fallback import fallback, settle
from pipeline.forecasters._tabular import LEAST_ROWS, future_rows, training_rows
from pipeline.forecasting.panel import Panel


def forecast(
    panel: Panel, horizon: int, quantiles: tuple[float, ...], *, trees: int = 80, rows: int = 50_000
) -> npt.NDArray[np.float64]:
    """Train on past cutoffs of the panel, forecast its future.

    Args:
        panel: the shard of series.
        horizon: periods ahead.
        quantiles: levels, ascending.
        trees: boosting rounds per quantile.
        rows: at most about this many training rows.

    Source: Friedman (2001), Greedy function approximation; scikit-learn's HistGradientBoostingRegressor.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor

    data = training_rows(panel.take(np.lexsort((panel.series_id, panel.metric))), horizon, rows)
    if len(data.target) < LEAST_ROWS:
        return fallback(panel, horizon, quantiles)
    ahead = future_rows(panel, horizon)
    raw = np.empty((len(ahead.target), len(quantiles)))
    for column, quantile in enumerate(quantiles):
        model = HistGradientBoostingRegressor(
            loss="quantile", quantile=quantile, max_iter=trees, learning_rate=0.1, early_stopping=False, random_state=1
        )
        raw[:, column] = model.fit(data.features, data.target).predict(ahead.features)
    raw = ahead.centre[:, None] + ahead.size[:, None] * raw
    return settle(panel, raw.reshape(len(panel), horizon, -1), quantiles)
