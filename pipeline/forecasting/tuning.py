"""The search for a forecaster's parameters, inside cross-validation over time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from pipeline import plugs
from pipeline.forecasting.backtest import backtest, scores
from pipeline.forecasting.panel import Panel
from pipeline.forecasting.spec import bind

#: Cutoffs that a set of parameters is judged at, as many as the history has room for.
WINDOWS = 3
#: Share by which found parameters must beat those of the first trial; less is noise.
GAIN = 0.01
#: From this ratio of its bounds on, a parameter is tried on a logarithmic scale.
_WIDE = 10


class Search(NamedTuple):
    """Marks an option of a forecaster as worth a search, in `Annotated`: the lowest and the highest value to try."""

    low: float
    high: float


@dataclass(frozen=True)
class Trial:
    """One set of parameters and its mean scaled pinball loss; the first trial of a search is what the settings say."""

    forecaster: str
    number: int
    params: dict[str, Any]
    loss: float


def space(forecaster: str) -> dict[str, Search]:
    """Option → the bounds of its search, for those that a forecaster marks with `Search`; empty where it marks none."""
    fields = plugs.declared_options("forecasters", forecaster).model_fields
    return {name: mark for name, field in fields.items() for mark in field.metadata if isinstance(mark, Search)}


def search(
    panel: Panel, forecaster: str, horizon: int, trials: int, given: Mapping[str, Any] | None = None, seed: int = 0
) -> list[Trial]:
    """Try the forecaster's options as given and `trials` − 1 other sets of them; the same input gives the same trials.

    Args:
        panel: history that ends before anything the result will be judged by.
        forecaster: one that has a `space`.
        horizon: periods ahead.
        trials: how many sets.
        given: the forecaster's options by name, where they are not its defaults.
        seed: of the sampler.

    Returns:
        The trials in order; none where the history has no room for a window after one of its length.

    Source: tree-structured Parzen estimator (Bergstra et al. 2011), as in Optuna; rolling origins as in Tashman (2000).
    """
    import optuna

    windows = min(WINDOWS, panel.periods // horizon - 1)
    if windows < 1 or trials < 1:
        return []
    given, bounds = dict(given or {}), space(forecaster)
    start = plugs.check_options("forecasters", forecaster, given).model_dump(include=set(bounds))
    # What is given is tried even where a search would not go that far.
    bounds = {name: Search(min(low, start[name]), max(high, start[name])) for name, (low, high) in bounds.items()}
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=min(10, trials)))
    study.enqueue_trial({name: start[name] for name in bounds})
    done: list[Trial] = []
    for number in range(trials):
        asked = study.ask()
        params = {name: _suggest(asked, name, *each) for name, each in bounds.items()}
        result = backtest(panel, {forecaster: bind(forecaster, given | params)}, horizon, windows)
        loss = float(np.nan_to_num(scores(result)["scaled_pinball"].mean(), nan=np.inf))
        study.tell(asked, loss if np.isfinite(loss) else 1e12)
        done.append(Trial(forecaster, number, params, loss))
    return done


def best(trials: list[Trial]) -> dict[str, Any]:
    """The parameters of the best trial; empty where it does not beat the first trial by GAIN."""
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
