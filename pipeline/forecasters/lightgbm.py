"""Global gradient boosting: one LightGBM per quantile, trained on a sample of all series at once, direct multi-step."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from pipeline.errors import ConfigError
from pipeline.features.selection import select
from pipeline.features.series import names as names_of_one
from pipeline.forecasters._fallback import fallback, settle
from pipeline.forecasters._tabular import FEATURES, LEAST_ROWS, Rows, future_rows, training_rows
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
    catalogue: int = Field(
        0,
        ge=0,
        le=len(names_of_one("hour")),
        description="Features of the catalogue that are learnt from besides, the best by importance and mutual information.",
    )


DEFAULTS = Options()
#: Boosting rounds of the median's first booster, by whose splits features are chosen.
_FIRST_TREES = 60


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

    data = _learnt_from(panel, horizon, options)
    names, kept = _names(panel, options), np.arange(data.features.shape[1])
    if len(data.target) >= LEAST_ROWS and options.catalogue:
        kept, _ = _choose(data, names, options)
    boosters = {}
    for quantile in quantiles if len(data.target) >= LEAST_ROWS else ():
        table = lightgbm.Dataset(data.features[:, kept], data.target, feature_name=[names[place] for place in kept])
        boosters[str(quantile)] = lightgbm.train(_parameters(quantile), table, num_boost_round=options.trees).model_to_string()
    of_catalogue = [names[place] for place in kept if place >= len(FEATURES)]
    return json.dumps({"step": panel.step, "boosters": boosters, "catalogue": of_catalogue})


def importance(panel: Panel, horizon: int, options: Options) -> pd.DataFrame:
    """What each feature tells of the panel: feature, importance, mutual_information, importance_rank, chosen, as `select` says.

    Without any rows where there are too few to learn from, or no feature of the catalogue is asked for.
    """
    data = _learnt_from(panel, horizon, options) if options.catalogue else None
    if data is None or len(data.target) < LEAST_ROWS:
        return pd.DataFrame(columns=["feature", "importance", "mutual_information", "importance_rank", "chosen"])
    return _choose(data, _names(panel, options), options)[1]


def _learnt_from(panel: Panel, horizon: int, options: Options) -> Rows:
    """The rows to learn from, in the order of names, so that the same series give the same trees in any order."""
    ordered = panel.take(np.lexsort((panel.series_id, panel.metric)))
    return training_rows(ordered, horizon, options.rows, catalogue=options.catalogue > 0)


def _names(panel: Panel, options: Options) -> tuple[str, ...]:
    return (*FEATURES, *names_of_one(panel.step)) if options.catalogue else FEATURES


def _choose(data: Rows, names: tuple[str, ...], options: Options) -> tuple[npt.NDArray[np.int64], pd.DataFrame]:
    import lightgbm

    table = lightgbm.Dataset(data.features, data.target, feature_name=list(names))
    first = lightgbm.train(_parameters(0.5), table, num_boost_round=min(options.trees, _FIRST_TREES))
    gain = first.feature_importance("gain").astype(np.float64)
    return select(names, data.features, data.target, gain, len(FEATURES), options.catalogue)


def _parameters(quantile: float) -> dict[str, Any]:
    return {
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
    # A version that was registered before there was the option serves on.
    chosen = model.get("catalogue", [])
    ahead = future_rows(panel, horizon, catalogue=bool(chosen))
    every = names_of_one(panel.step)
    kept = [*range(len(FEATURES)), *(len(FEATURES) + every.index(name) for name in chosen)]
    raw = np.empty((len(ahead.target), len(quantiles)))
    for column, quantile in enumerate(quantiles):
        raw[:, column] = lightgbm.Booster(model_str=model["boosters"][str(quantile)]).predict(ahead.features[:, kept])
    raw = ahead.centre[:, None] + ahead.size[:, None] * raw
    return settle(panel, raw.reshape(len(panel), horizon, -1), quantiles)
