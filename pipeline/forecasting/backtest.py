"""Rolling-origin backtest: what each model would have said at earlier cutoffs, and how good that was."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.errors import ConfigError
from pipeline.forecasting import metrics
from pipeline.forecasting.panel import Floats, Panel
from pipeline.tables.columns import QUANTILES

Forecast = Callable[[Panel, int, tuple[float, ...]], Floats]
#: Told after every window of every model: how many are done, of how many, and which model it was.
Progress = Callable[[int, int, str], None]

SCORES = ("mase", "rmsse", "wape", "smape", "scaled_pinball", "coverage_50", "coverage_80", "coverage_90", "bias")
#: Observed periods a series needs before a cutoff; with fewer there is nothing to learn or to scale by.
LEAST_HISTORY = 3


@dataclass(frozen=True)
class Backtest:
    """Forecasts of every model at every cutoff of a panel, beside what happened.

    Attributes:
        panel: what was cut.
        horizon: periods ahead of each cutoff.
        quantiles: levels of the last axis of the forecasts.
        cutoffs: (windows, n) each series' last observed moment before the window, oldest window first; NaT where the
            series had fewer than LEAST_HISTORY values by then, or has none in the window: that window does not count.
        ts: (windows, n, horizon) the moments forecast.
        actuals: (windows, n, horizon) what was observed; NaN where nothing was.
        scale, squared_scale: (windows, n) denominators of MASE and RMSSE from the history before the cutoff.
        forecasts: model → (windows, n, horizon, q).
        cpu_s: model → (n,) CPU seconds spent per series, summed over windows; NaN when no clock was given.
    """

    panel: Panel
    horizon: int
    quantiles: tuple[float, ...]
    cutoffs: npt.NDArray[np.datetime64]
    ts: npt.NDArray[np.datetime64]
    actuals: Floats
    scale: Floats
    squared_scale: Floats
    forecasts: Mapping[str, Floats]
    cpu_s: Mapping[str, Floats]

    @property
    def windows(self) -> npt.NDArray[np.int64]:
        """(n,) windows that count, per series."""
        counted: npt.NDArray[np.int64] = (~np.isnat(self.cutoffs)).sum(axis=0)
        return counted


def backtest(
    panel: Panel,
    models: Mapping[str, Forecast],
    horizon: int,
    windows: int,
    quantiles: tuple[float, ...] = QUANTILES,
    progress: Progress | None = None,
    cpu_clock: Callable[[], float] | None = None,
) -> Backtest:
    """Forecast non-overlapping windows of `horizon` periods, counted back from each series' own end.

    Args:
        panel: the series; nothing after a cutoff reaches the models.
        models: name → forecast function.
        horizon: periods per window.
        windows: how many; a series too short for all gets those that fit.
        quantiles: levels; must hold .5 and the bounds of the intervals that are scored.
        progress: told after every window of every model.
        cpu_clock: CPU seconds so far, children included; read around every forecast.

    Raises:
        ConfigError: horizon or windows below 1, or a quantile is missing that a score needs.
    """
    if horizon < 1 or windows < 1:
        raise ConfigError(f"a backtest needs a horizon and windows of at least 1, got {horizon} and {windows}")
    needed = {0.5, *(bound for pair in metrics.INTERVALS.values() for bound in pair)}
    if not needed <= set(quantiles) or list(quantiles) != sorted(quantiles):
        raise ConfigError(f"the backtest scores the quantiles {sorted(needed)}, in ascending order; got {quantiles}")
    n = len(panel)
    fitting = [back for back in range(horizon * windows, 0, -horizon) if panel.periods - back >= 1]
    shape = (len(fitting), n)
    cutoffs = np.full(shape, np.datetime64("NaT", "us"))
    ts = np.full((*shape, horizon), np.datetime64("NaT", "us"))
    actuals = np.full((*shape, horizon), np.nan)
    scale, squared = np.full(shape, np.nan), np.full(shape, np.nan)
    forecasts = {model: np.full((*shape, horizon, len(quantiles)), np.nan) for model in models}
    cpu = {model: np.full(n, 0.0 if cpu_clock else np.nan) for model in models}
    for window, back in enumerate(fitting):
        past = panel.truncate(back)
        start = panel.periods - back
        ahead = panel.values[:, start : start + horizon]
        known = (~np.isnan(past.values)).sum(axis=1)
        counts = (known >= LEAST_HISTORY) & ~np.isnan(ahead).all(axis=1)
        rows = np.flatnonzero(counts)
        if not len(rows):
            continue
        past = past.take(rows)
        cutoffs[window, rows] = _last_observed(past)
        ts[window, rows] = past.future(horizon)
        actuals[window, rows] = ahead[rows]
        scale[window, rows] = metrics.absolute_scale(past.values, panel.season)
        squared[window, rows] = metrics.squared_scale(past.values, panel.season)
        for number, (model, forecast) in enumerate(models.items()):
            before = cpu_clock() if cpu_clock else 0.0
            forecasts[model][window, rows] = forecast(past, horizon, quantiles)
            if cpu_clock:
                cpu[model][rows] += (cpu_clock() - before) / len(rows)
            if progress:
                progress(window * len(models) + number + 1, len(fitting) * len(models), model)
    return Backtest(panel, horizon, quantiles, cutoffs, ts, actuals, scale, squared, forecasts, cpu)


def forecast_frame(result: Backtest) -> pd.DataFrame:
    """One row per series, window, model, moment and quantile: series_id, metric, cutoff, ts, model, quantile, value."""
    window, row = np.nonzero(~np.isnat(result.cutoffs))
    horizon, levels = result.horizon, np.asarray(result.quantiles)
    per_window = horizon * len(levels)
    frames = [
        pd.DataFrame(
            {
                "series_id": np.repeat(result.panel.series_id[row], per_window),
                "metric": np.repeat(result.panel.metric[row], per_window),
                "cutoff": np.repeat(result.cutoffs[window, row], per_window),
                "ts": np.repeat(result.ts[window, row].ravel(), len(levels)),
                "model": model,
                "quantile": np.tile(levels, len(row) * horizon),
                "value": values[window, row].ravel(),
            }
        )
        for model, values in result.forecasts.items()
    ]
    return pd.concat(frames, ignore_index=True)


def actual_frame(result: Backtest) -> pd.DataFrame:
    """One row per series, window and observed moment: series_id, metric, cutoff, ts, value."""
    window, row, lead = np.nonzero(~np.isnan(result.actuals))
    return pd.DataFrame(
        {
            "series_id": result.panel.series_id[row],
            "metric": result.panel.metric[row],
            "cutoff": result.cutoffs[window, row],
            "ts": result.ts[window, row, lead],
            "value": result.actuals[window, row, lead],
        }
    )


def scores(result: Backtest) -> pd.DataFrame:
    """One row per series and model: mean scores over its windows, CPU seconds, and why a score is NaN."""
    levels = np.asarray(result.quantiles)
    frames = []
    for model, values in result.forecasts.items():
        point = values[..., result.quantiles.index(0.5)]
        by_window = {
            "mase": metrics.mase(result.actuals, point, result.scale),
            "rmsse": metrics.rmsse(result.actuals, point, result.squared_scale),
            "wape": metrics.wape(result.actuals, point),
            "smape": metrics.smape(result.actuals, point),
            "scaled_pinball": metrics.scaled_pinball(result.actuals, values, levels, result.scale),
            "bias": metrics.bias(result.actuals, point, result.scale),
        }
        for percent, (low, high) in metrics.INTERVALS.items():
            bounds = values[..., result.quantiles.index(low)], values[..., result.quantiles.index(high)]
            by_window[f"coverage_{percent}"] = metrics.coverage(result.actuals, *bounds)
        frame = pd.DataFrame(
            {
                "series_id": result.panel.series_id,
                "metric": result.panel.metric,
                "granularity": result.panel.step,
                "model": model,
                **{name: metrics.mean(by_window[name].T) for name in SCORES},
                "windows": result.windows,
                "cpu_s": result.cpu_s[model],
            }
        )
        frame["reason"] = _no_scale(result)
        is_scored = frame["windows"] > 0
        frames.append(frame.loc[is_scored])
    return pd.concat(frames, ignore_index=True)


def lead_scores(result: Backtest) -> pd.DataFrame:
    """One row per model and lead time: mean scaled error, scaled pinball loss and 90 % coverage."""
    levels = np.asarray(result.quantiles)
    low, high = (result.quantiles.index(bound) for bound in metrics.INTERVALS[90])
    frames = []
    for model, values in result.forecasts.items():
        error = np.abs(result.actuals - values[..., result.quantiles.index(0.5)]) / result.scale[..., None]
        loss = metrics.pinball(result.actuals, values, levels).mean(axis=-1) / result.scale[..., None]
        inside = (result.actuals >= values[..., low]) & (result.actuals <= values[..., high])
        covered = np.where(np.isnan(result.actuals), np.nan, inside)
        by_lead = {
            name: metrics.mean(array.reshape(-1, result.horizon).T)
            for name, array in (("mase", error), ("scaled_pinball", loss), ("coverage_90", covered))
        }
        frames.append(pd.DataFrame({"model": model, "lead": np.arange(1, result.horizon + 1), **by_lead}))
    return pd.concat(frames, ignore_index=True)


def summary(
    scored: pd.DataFrame, by: tuple[str, ...] = ("metric", "granularity"), baseline: str = "seasonal_naive"
) -> pd.DataFrame:
    """One row per segment and model: mean scores over its series, CPU seconds per series, and skill against the baseline.

    Args:
        scored: from `scores`.
        by: what a segment is; empty for one row per model.
        baseline: the model that skill is measured against, where it was run: 1 − MASE / MASE of the baseline.
    """
    keys = [*by, "model"]
    table = scored.groupby(keys, sort=True)[[*SCORES, "cpu_s"]].mean().reset_index()
    table["series"] = scored.groupby(keys, sort=True)["series_id"].size().to_numpy()
    for name in ("mase", "scaled_pinball"):
        reference = table.loc[table["model"] == baseline].drop(columns="model")
        if by:
            against = table.merge(reference, on=list(by), how="left", suffixes=("", "_baseline"))[f"{name}_baseline"]
        else:
            against = pd.Series(reference[name].mean() if len(reference) else np.nan, index=table.index)
        table[f"skill_{name}"] = metrics.skill(table[name].to_numpy(np.float64), against.to_numpy(np.float64))
    return table


def _last_observed(past: Panel) -> npt.NDArray[np.datetime64]:
    """(n,) the moment of the last value of each series, which lies before the panel's end where that has a gap."""
    gap = (~np.isnan(past.values))[:, ::-1].argmax(axis=1)
    moment: npt.NDArray[np.datetime64] = past.timestamps()[np.arange(len(past)), past.periods - 1 - gap]
    return moment


def _no_scale(result: Backtest) -> npt.NDArray[np.object_]:
    """(n,) why MASE and its kin are NaN; empty where they are not."""
    observed = (~np.isnan(result.panel.values)).sum(axis=1)
    reason = np.full(len(result.panel), "", dtype=object)
    unscaled = np.isnan(result.scale).all(axis=0)
    reason[unscaled] = "repeats itself exactly before every cutoff: no scale for MASE, RMSSE and pinball loss"
    reason[unscaled & (observed - result.horizon <= result.panel.season)] = (
        "less than a season and one period before every cutoff: no scale for MASE, RMSSE and pinball loss"
    )
    return reason
