"""Random forest from scikit-learn over all series, direct multi-step; quantiles from its out-of-bag errors."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from pipeline.forecasters._fallback import fallback, settle
from pipeline.forecasters._quantile import row_quantiles
from pipeline.forecasters._tabular import LEAST_ROWS, future_rows, training_rows
from pipeline.forecasting.panel import Panel


class Options(BaseModel):
    """How much is learnt from, and how long."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    trees: int = Field(60, ge=1, le=2000, description="Trees of the forest.")
    rows: int = Field(20_000, ge=100, le=5_000_000, description="At most about this many training rows.")


DEFAULTS = Options()


def forecast(panel: Panel, horizon: int, quantiles: tuple[float, ...], options: Options = DEFAULTS) -> npt.NDArray[np.float64]:
    """Train on past cutoffs of the panel, forecast its future.

    Args:
        panel: the shard of series.
        horizon: periods ahead.
        quantiles: levels, ascending.
        options: size of the model and of what it learns from.

    Source: Breiman (2001), Random forests; the out-of-bag errors, relative to each series' size, are those of rows that a
    tree did not see (Johansson et al. 2014, Regression conformal prediction with random forests).
    """
    from sklearn.ensemble import RandomForestRegressor

    data = training_rows(panel.take(np.lexsort((panel.series_id, panel.metric))), horizon, options.rows)
    if len(data.target) < LEAST_ROWS:
        return fallback(panel, horizon, quantiles)
    model = RandomForestRegressor(
        n_estimators=options.trees, min_samples_leaf=5, max_features=0.5, bootstrap=True, oob_score=True, random_state=1, n_jobs=1
    )
    model.fit(data.features, data.target)
    ahead = future_rows(panel, horizon)
    error = (data.target - model.oob_prediction_)[None, :]
    spread = row_quantiles(error, np.asarray(quantiles))[0]
    raw = model.predict(ahead.features)[:, None] + spread[None, :]
    raw = ahead.centre[:, None] + ahead.size[:, None] * raw
    return settle(panel, raw.reshape(len(panel), horizon, -1), quantiles)
