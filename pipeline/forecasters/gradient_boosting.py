"""Gradient boosting from scikit-learn: one histogram booster per quantile over all series, direct multi-step."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from pipeline.forecasters._fallback import fallback, settle
from pipeline.forecasters._tabular import LEAST_ROWS, future_rows, training_rows
from pipeline.forecasting.panel import Panel


class Options(BaseModel):
    """How much is learnt from, and how long."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    trees: int = Field(80, ge=1, le=2000, description="Boosting rounds per quantile.")
    rows: int = Field(50_000, ge=100, le=5_000_000, description="At most about this many training rows.")


DEFAULTS = Options()


def forecast(panel: Panel, horizon: int, quantiles: tuple[float, ...], options: Options = DEFAULTS) -> npt.NDArray[np.float64]:
    """Train on past cutoffs of the panel, forecast its future.

    Args:
        panel: the shard of series.
        horizon: periods ahead.
        quantiles: levels, ascending.
        options: size of the model and of what it learns from.

    Source: Friedman (2001), Greedy function approximation; scikit-learn's HistGradientBoostingRegressor.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor

    data = training_rows(panel.take(np.lexsort((panel.series_id, panel.metric))), horizon, options.rows)
    if len(data.target) < LEAST_ROWS:
        return fallback(panel, horizon, quantiles)
    ahead = future_rows(panel, horizon)
    raw = np.empty((len(ahead.target), len(quantiles)))
    for column, quantile in enumerate(quantiles):
        model = HistGradientBoostingRegressor(
            loss="quantile", quantile=quantile, max_iter=options.trees, learning_rate=0.1, early_stopping=False, random_state=1
        )
        raw[:, column] = model.fit(data.features, data.target).predict(ahead.features)
    raw = ahead.centre[:, None] + ahead.size[:, None] * raw
    return settle(panel, raw.reshape(len(panel), horizon, -1), quantiles)
