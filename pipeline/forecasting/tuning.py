"""The search for a forecaster's parameters, inside cross-validation over time."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from pipeline import plugs
from pipeline.forecasting.backtest import backtest, scores
from pipeline.forecasting.panel import Panel

#: Cutoffs that a set of parameters is judged at, as many as the history has room for.
WINDOWS = 3
#: Share by which found parameters must beat the defaults; less is noise.
GAIN = 0.01
#: From this ratio of its bounds on, a parameter is tried on a logarithmic scale.
_WIDE = 10


@dataclass(frozen=True)
class Trial:
    """One set of parameters and its mean scaled pinball loss; the first trial of a search is the defaults."""

    forecaster: str
    number: int
    params: dict[str, Any]
    loss: float


def can_search(forecaster: str) -> bool:
    """Whether a forecaster declares, as `SEARCH`, which of its parameters may be searched and within which bounds."""
    return hasattr(plugs.load("forecasters", forecaster), "SEARCH")


def search(panel: Panel, forecaster: str, horizon: int, trials: int, seed: int = 0) -> list[Trial]:
    """Try the forecaster's defaults and `trials` − 1 other sets of parameters; the same input gives the same trials.

    Args:
        panel: history that ends before anything the result will be judged by.
        forecaster: one that `can_search`.
        horizon: periods ahead.
        trials: how many sets.
        seed: of the sampler.

    Returns:
        The trials in order; none where the history has no room for a window after one of its length.

    Source: tree-structured Parzen estimator (Bergstra et al. 2011), as in Optuna; rolling origins as in Tashman (2000).
    """
    import optuna

    windows = min(WINDOWS, panel.periods // horizon - 1)
    if windows < 1 or trials < 1:
        return []
    forecast = plugs.load("forecasters", forecaster)
    space: dict[str, tuple[float, float]] = forecast.SEARCH
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=min(10, trials)))
    signature = inspect.signature(forecast.forecast).parameters
    study.enqueue_trial({name: signature[name].default for name in space})
    done: list[Trial] = []
    for number in range(trials):
        asked = study.ask()
        params = {name: _suggest(asked, name, *bounds) for name, bounds in space.items()}
        result = backtest(panel, {forecaster: partial(forecast.forecast, **params)}, horizon, windows)
        loss = float(np.nan_to_num(scores(result)["scaled_pinball"].mean(), nan=np.inf))
        study.tell(asked, loss if np.isfinite(loss) else 1e12)
        done.append(Trial(forecaster, number, params, loss))
    return done


def best(trials: list[Trial]) -> dict[str, Any]:
    """The parameters of the best trial; empty where it does not beat the defaults, the first trial, by GAIN."""
    if not trials:
        return {}
    winner = min(trials, key=lambda trial: (trial.loss, trial.number))
    return winner.params if winner.loss < (1 - GAIN) * trials[0].loss else {}


def _suggest(asked: Any, name: str, low: float, high: float) -> float:
    if isinstance(low, bool):
        return bool(asked.suggest_categorical(name, [False, True]))
    log = low > 0 and high >= _WIDE * low
    if isinstance(low, int) and isinstance(high, int):
        return int(asked.suggest_int(name, low, high))
    return round(float(asked.suggest_float(name, low, high, log=log)), 6)
