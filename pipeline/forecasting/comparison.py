"""The forecasters of one segment, compared over windows of its past, and what that proposes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from pipeline import plugs
from pipeline.forecasting import diagnostics, tuning
from pipeline.forecasting.backtest import Backtest, Forecast, Progress, backtest, lead_scores, scores, summary
from pipeline.forecasting.panel import Panel
from pipeline.forecasting.selection import BASELINE, overrides, propose, typical_skill
from pipeline.forecasting.significance import p_value
from pipeline.forecasting.spec import Champion, Params, bind, code_sha256, serving
from pipeline.tables.columns import QUANTILES, Granularity


@dataclass(frozen=True)
class Effort:
    """How much a training tries.

    Attributes:
        windows: of the backtest.
        trials: sets of parameters tried per forecaster that can be searched; 0 keeps what the settings say.
        override_margin: from `selection.overrides`.
    """

    windows: int
    trials: int
    override_margin: float


@dataclass(frozen=True)
class Segment:
    """The series of one metric and granularity that a training looks at, and with which forecasters.

    Attributes:
        horizon: periods ahead.
        models: the forecasters that are compared.
        options: forecaster → what is given other than its defaults.
        champion: what the segment is forecast with now; None where nothing registered serves.
        snapshot_id: the lake's snapshot that the series were read from.
        fallback: the forecaster that serves where nothing registered does.
    """

    metric: str
    panel: Panel
    horizon: int
    models: tuple[str, ...]
    options: Mapping[str, Params] = field(default_factory=dict)
    champion: Champion | None = None
    snapshot_id: int | None = None
    fallback: str = BASELINE

    @property
    def incumbent(self) -> str:
        """The forecaster that serves now, which another has to beat by more than chance."""
        return self.champion.forecaster if self.champion else self.fallback

    @property
    def granularity(self) -> Granularity:
        return self.panel.step

    @property
    def name(self) -> str:
        return f"{self.metric} by {self.granularity}"

    def fingerprint(self, effort: Effort) -> str:
        """A hash of data, settings and code; trainings with equal ones come to the same result."""
        parts = (self.metric, self.granularity, self.panel.digest(), code_sha256(), str(self.horizon), self.fallback)
        knobs = (effort.windows, effort.trials, effort.override_margin, QUANTILES)
        options = json.dumps({name: self.options.get(name, {}) for name in self.models}, sort_keys=True)
        return hashlib.sha256("\0".join((*parts, *map(str, knobs), *self.models, options)).encode()).hexdigest()


@dataclass(frozen=True)
class Comparison:
    """What a comparison of a segment's forecasters found.

    Attributes:
        result: forecasts of every model at every cutoff.
        scored: one row per series and model, from `backtest.scores`.
        summary: one row per model, from `backtest.summary`, with `skill_typical`, and `p_value` against `compared_with`.
        leads: one row per model and lead time, from `backtest.lead_scores`.
        proposed: the forecaster to register as challenger.
        params: forecaster → the parameters it was compared with, where they are not its defaults.
        overrides: series → the forecaster that did so much better on it that it forecasts it instead.
        trials: what the search for parameters tried, best or not.
        described: one row per series looked at, from `diagnostics.describe`.
    """

    result: Backtest
    scored: pd.DataFrame
    summary: pd.DataFrame
    leads: pd.DataFrame
    proposed: str
    params: dict[str, Params]
    overrides: dict[str, str]
    trials: list[tuning.Trial]
    described: pd.DataFrame

    @property
    def windows(self) -> int:
        """Windows that the longest series had room for."""
        return len(self.result.cutoffs)


def compare(
    segment: Segment, effort: Effort, progress: Progress | None = None, cpu_clock: Callable[[], float] | None = None
) -> Comparison:
    """Backtest a segment's forecasters side by side and choose the one to propose.

    Args:
        segment: the series and the forecasters.
        effort: how much is tried.
        progress: told after every window of every model.
        cpu_clock: CPU seconds so far, children included.
    """
    trials = _search(segment, effort)
    found = {name: tuning.best([trial for trial in trials if trial.forecaster == name]) for name in segment.models}
    chosen = {name: {**segment.options.get(name, {}), **found[name]} for name in segment.models}
    params = {name: each for name, each in chosen.items() if each}
    models, reference = _contenders(segment, params)
    result = backtest(segment.panel, models, segment.horizon, effort.windows, progress=progress, cpu_clock=cpu_clock)
    windows, scored = len(result.cutoffs), scores(result)
    table = summary(scored)
    table["skill_typical"] = table["model"].map(typical_skill(scored))
    table["compared_with"] = reference
    table["p_value"] = [p_value(result, model, reference) if model != reference else np.nan for model in table["model"]]
    proposed = propose(table.loc[table["model"].isin(segment.models)], windows, segment.incumbent)
    # What overrides runs with its defaults, hence only what was backtested with them.
    candidates = set(segment.models) - set(params) - {proposed}
    return Comparison(
        result=result,
        scored=scored,
        summary=table,
        leads=lead_scores(result),
        proposed=proposed,
        params=params,
        overrides=overrides(scored, proposed, candidates, windows, effort.override_margin),
        trials=trials,
        described=diagnostics.describe(segment.panel),
    )


def warm_up(segments: list[Segment]) -> None:
    """Forecast one series with every model, so that the first segment's CPU time does not hold the libraries' imports."""
    if not segments:
        return
    first = segments[0].panel.take(np.array([0])).tail(8 * segments[0].panel.season)
    for name in sorted({name for segment in segments for name in segment.models}):
        plugs.load("forecasters", name).forecast(first, first.season, QUANTILES)


def _contenders(segment: Segment, params: dict[str, Params]) -> tuple[dict[str, Forecast], str]:
    """The forecasters by name, each with its parameters, and which of them the others are tested against.

    That is what serves now: of a champion as it serves, so that where the parameters found now are others, it takes part beside
    its newer self.
    """
    models: dict[str, Forecast] = {name: bind(name, params.get(name, {})) for name in segment.models}
    champion = segment.champion
    if champion is None:
        return models, BASELINE
    if champion.params == params.get(champion.forecaster, {}):
        return models, champion.forecaster
    served = serving(champion.forecaster)
    return {**models, served: bind(champion.forecaster, champion.params)}, served


def _search(segment: Segment, effort: Effort) -> list[tuning.Trial]:
    """What was tried to find parameters, on the history before the first window that the models are judged by."""
    used = segment.horizon * effort.windows
    if not effort.trials or used >= segment.panel.periods:
        return []
    before = segment.panel.truncate(used)
    asked = segment.horizon, effort.trials
    searched = [name for name in segment.models if tuning.space(name)]
    return [trial for name in searched for trial in tuning.search(before, name, *asked, segment.options.get(name))]
