"""Global gradient boosting: one LightGBM per quantile, trained on a sample of all series at once, direct multi-step."""

from __future__ import annotations

import json

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from pipeline.errors import ConfigError
from pipeline.forecasters._fallback import fallback, settle
from pipeline.forecasters._tabular import FEATURES, LEAST_ROWS, future_rows, training_rows
from pipeline.forecasting.panel import Floats, Panel


class Options(BaseModel):
    """How much is learnt from, and how long."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    trees: int = Field(120, ge=1, le=2000, description="Boosting rounds per quantile.")
    rows: int = Field(
        250_000,
        ge=100,
        le=5_000_000,
        description="At most about this many training rows, spread evenly over series and cutoffs; "
        "more make it slower, not better.",
    )


DEFAULTS = Options()


def train(panel: Panel, horizon: int, quantiles: tuple[float, ...], options: Options = DEFAULTS) -> str:
    """Boosters of every quantile as one text, to be stored with a model version and passed to `forecast` for each shard.

    With fewer than LEAST_ROWS rows there are no boosters, and `forecast` answers with the fallback.

    Args:
        panel: series to learn from; a sample of them is enough.
        horizon: farthest lead time.
        quantiles: levels, ascending.
        options: size of the model and of what it learns from.
    """
    import lightgbm

    # In the order of names, so that the same series give the same trees in any order.
    data = training_rows(panel.take(np.lexsort((panel.series_id, panel.metric))), horizon, options.rows)
    boosters = {}
    for quantile in quantiles if len(data.target) >= LEAST_ROWS else ():
        parameters = {
            "objective": "quantile",
            "alpha": quantile,
            "learning_rate": 0.08,
            "num_leaves": 31,
            "min_data_in_leaf": 40,
            "feature_fraction": 0.8,
            "lambda_l2": 1.0,
            "num_threads": 1,
            "seed": 1,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }
        table = lightgbm.Dataset(data.features, data.target, feature_name=list(FEATURES), free_raw_data=True)
        boosters[str(quantile)] = lightgbm.train(parameters, table, num_boost_round=options.trees).model_to_string()
    return json.dumps({"step": panel.step, "boosters": boosters})


def forecast(
    panel: Panel,
    horizon: int,
    quantiles: tuple[float, ...],
    options: Options = DEFAULTS,
    *,
    trained: str | None = None,
) -> Floats:
    """Score every series with the trained boosters; without any, train on the panel itself first.

    Args:
        panel: the shard of series.
        horizon: periods ahead.
        quantiles: levels, ascending.
        options: for `train`.
        trained: what `train` returned; its granularity and quantiles must be these.

    Raises:
        ConfigError: the trained boosters are of another granularity or lack a quantile.

    Source: the M5 competition's winners (Makridakis et al. 2022): global, direct, gradient-boosted trees.
    """
    import lightgbm

    model = json.loads(trained or train(panel, horizon, quantiles, options))
    if not model["boosters"]:
        return fallback(panel, horizon, quantiles)
    lacking = [quantile for quantile in quantiles if str(quantile) not in model["boosters"]]
    if model["step"] != panel.step or lacking:
        raise ConfigError(
            f"the trained boosters are for steps of one {model['step']} and the quantiles {', '.join(model['boosters'])}; "
            f"asked for steps of one {panel.step} and the quantiles {quantiles}"
        )
    ahead = future_rows(panel, horizon)
    raw = np.empty((len(ahead.target), len(quantiles)))
    for column, quantile in enumerate(quantiles):
        raw[:, column] = lightgbm.Booster(model_str=model["boosters"][str(quantile)]).predict(ahead.features)
    raw = ahead.centre[:, None] + ahead.size[:, None] * raw
    return settle(panel, raw.reshape(len(panel), horizon, -1), quantiles)
