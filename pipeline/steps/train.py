"""Backtest the forecasters on each segment's own history and register the best of them as challenger.

In one process, or in several: each of `train`'s shards backtests some of the segments and hands over what it found, and
`register` makes one training of it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import resource
import tempfile
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pipeline import backtest, diagnostics, metrics, plugs, quality, registry, risk_backtest, tuning
from pipeline.errors import DataError
from pipeline.interval import Interval
from pipeline.model_spec import code_sha256
from pipeline.panel import Granularity, Panel
from pipeline.promotion_ledger import NONE, serving
from pipeline.schema import Table, bucket_of
from pipeline.settings import Settings
from pipeline.significance import p_value
from pipeline.steps.demand import metrics as metrics_of
from pipeline.steps.demand import read_panel
from pipeline.steps.risk import THRESHOLDS_PCT
from pipeline.tables import COST_DAILY, METRIC_DAILY, METRIC_HOURLY, MODEL_METRIC, RISK_BACKTEST

if TYPE_CHECKING:
    from pipeline.lake import Lake

log = logging.getLogger(__name__)

#: Told after every window of every model: how many are done, of how many, and what it was.
Progress = Callable[[int, int, str], None]
GRANULARITIES: tuple[Granularity, ...] = ("day", "hour")
#: Share of scaled pinball loss that is noise between two forecasters of one backtest.
TIE = 0.01
#: CPU seconds per series and forecast from which a forecaster's cost counts.
DEAR = 0.02
#: Series listed as those a segment's proposed model does worst on.
WORST_SERIES = 20


@dataclass(frozen=True)
class Segment:
    """The series of one metric and granularity that a training looks at, and how far ahead."""

    metric: str
    panel: Panel
    horizon: int
    models: tuple[str, ...]
    snapshot_id: int | None
    champion: registry.Champion | None

    @property
    def granularity(self) -> Granularity:
        return self.panel.step

    @property
    def table(self) -> Table:
        return table_of(self.metric, self.granularity)

    def digest(self) -> str:
        """A hash of the very values; the lake's snapshot changes without them, when later days are added."""
        digest = hashlib.sha256("\n".join(self.panel.series_id).encode())
        for array in (self.panel.end.astype("<i8"), self.panel.values.astype("<f8"), self.panel.upper.astype("<f8")):
            digest.update(str(array.shape).encode() + array.tobytes())
        return digest.hexdigest()

    def fingerprint(self, settings: Settings) -> str:
        """A hash of data, settings and code; trainings with equal ones come to the same result."""
        parts = (self.metric, self.granularity, self.digest(), code_sha256(), str(self.horizon))
        knobs = (settings.backtest_windows, settings.search_trials, settings.override_margin)
        return _sha256(*parts, *map(str, knobs), *self.models)


def train(
    interval: Interval,
    lake: Lake,
    settings: Settings,
    progress: Progress | None = None,
    *,
    shard: int = 0,
    shards: int = 1,
) -> int:
    """Backtest, score and register as of the interval's end; returns the versions that are new.

    Per segment (metric × granularity) an even choice of series is forecast from past cutoffs by the challengers, the
    seasonal naive and the present champion. Forecasts, scores, plots and the proposed version go to
    the registry, and the scores with them; `record` publishes these. The same data, settings and code again register nothing.

    Args:
        progress: told after every window of every model.
        shard: which part of the segments, of `shards`.
        shards: how many parts there are. Of several, each only hands over what it found, and returns how many segments that is.
    """
    segments = list(_segments(interval, lake, settings, shard, shards))
    fingerprints = [segment.fingerprint(settings) for segment in segments]
    if shards == 1 and segments and _is_known(interval, lake, settings, fingerprints):
        return 0
    with tempfile.TemporaryDirectory() as folder:
        trainings = _backtest_all(segments, settings, Path(folder), progress)
        if shards == 1:
            return log_training(interval, lake, settings, trainings)
        registry.hand_over(settings, interval.as_of, trainings, shard, shards)
        return len(trainings)


def log_training(interval: Interval, lake: Lake, settings: Settings, trainings: list[registry.Training]) -> int:
    """Put one training into the registry, and its rows for gold with it; returns the versions that are new."""
    if not trainings:
        log.warning("nothing to train as of %s: no segment has enough history", interval.as_of)
        return 0
    trainings = sorted(trainings, key=lambda training: (training.granularity, training.metric))
    fingerprints = [training.fingerprint for training in trainings]
    if _is_known(interval, lake, settings, fingerprints):
        return 0
    rows = {
        MODEL_METRIC: pd.DataFrame([row for training in trainings for row in _model_metrics(interval, training)]),
        RISK_BACKTEST: _risk_backtest(interval, trainings),
    }
    # A table without rows is told too, so that what it said of the same day before goes.
    figures = {
        table.name: quality.conform(frame if len(frame) else table.arrow_schema.empty_table(), table, interval)
        for table, frame in rows.items()
    }
    return registry.log_training(settings, interval.as_of, _sha256(*fingerprints), trainings, _config(settings), figures)


def _is_known(interval: Interval, lake: Lake, settings: Settings, fingerprints: list[str]) -> bool:
    """Whether a training with the same data, settings and code is in the registry: this very one, or one that was published."""
    before = registry.trained(settings, _sha256(*fingerprints))
    if before is None:
        return False
    if before != interval.as_of and not lake.read(MODEL_METRIC, MODEL_METRIC.scope(_at(before)), ("as_of",)).num_rows:
        return False
    log.info("as of %s, unchanged: data, settings and code are those of the training as of %s", interval.as_of, before)
    return True


def _backtest_all(
    segments: list[Segment], settings: Settings, folder: Path, progress: Progress | None
) -> list[registry.Training]:
    if segments:
        _warm_up(segments)
    total = sum(settings.backtest_windows * len(segment.models) for segment in segments)
    done, trainings = 0, list[registry.Training]()
    for segment in segments:
        trainings.append(_backtest(segment, settings, folder, _from(progress, done, total, segment)))
        done += settings.backtest_windows * len(segment.models)
    return trainings


def propose(summary: pd.DataFrame, windows: int = 1) -> str:
    """The forecaster to register as challenger.

    It has the lowest scaled pinball loss of those that beat the seasonal naive on it, on MASE and on the typical series.
    Where that one is DEAR and another comes within TIE at a tenth of the CPU time, the other goes before it. Where none beats
    the seasonal naive, that is it.

    Args:
        summary: one row per model, from `backtest.summary`, and `skill_typical`.
        windows: over which `cpu_s` was summed.
    """
    better = summary.loc[(summary[["skill_scaled_pinball", "skill_mase", "skill_typical"]] > 0).all(axis=1)]
    if better.empty:
        return registry.FLOOR
    best = better.sort_values(["scaled_pinball", "model"]).iloc[0]
    tied = better["scaled_pinball"] <= best["scaled_pinball"] * (1 + TIE)
    dear = best["cpu_s"] / windows >= DEAR
    cheap = better.loc[tied & dear & (better["cpu_s"] <= best["cpu_s"] / 10)]
    chosen = best if cheap.empty else cheap.sort_values(["scaled_pinball", "model"]).iloc[0]
    return str(chosen["model"])


def overrides(scored: pd.DataFrame, proposed: str, candidates: Collection[str], windows: int, margin: float) -> dict[str, str]:
    """Series → the forecaster that is to forecast it in place of the segment's.

    That one's scaled pinball loss and MASE, over all windows, must both be lower than the proposed forecaster's by the margin,
    and no higher than the seasonal naive's. Of several, it is the one with the lowest scaled pinball loss.

    Args:
        scored: from `backtest.scores`.
        proposed: the segment's forecaster.
        candidates: forecasters that may override it.
        windows: which a series must have been scored in.
        margin: share, 0–1; at 1 nothing is overridden.
    """
    found: dict[str, str] = {}
    for series_id, rows in scored.loc[scored["windows"] == windows].groupby("series_id"):
        by_model = rows.set_index("model")[["scaled_pinball", "mase"]]
        wins = (by_model < (1 - margin) * by_model.loc[proposed]) & (by_model <= by_model.loc[registry.FLOOR])
        better = by_model.loc[wins.all(axis=1) & by_model.index.isin(list(candidates))]
        if len(better):
            found[str(series_id)] = str(better.sort_values("scaled_pinball", kind="stable").index[0])
    return found


def typical_skill(scored: pd.DataFrame) -> pd.Series:
    """Per model, 1 − the geometric mean over series of its scaled pinball loss ÷ the seasonal naive's.

    The skill of means follows the few series with the largest errors; this one follows how most series fare.

    Source: Fleming & Wallace (1986), How not to lie with statistics: ratios are averaged geometrically.
    """
    loss = scored.pivot(index="series_id", columns="model", values="scaled_pinball").clip(lower=1e-9)
    return 1 - np.exp(np.log(loss.div(loss[registry.FLOOR], axis=0)).mean())


def horizon_of(panel: Panel, windows: int, longest: int) -> int:
    """Whole seasons ahead that leave room for all windows and twice a horizon of history in half of the series."""
    spans = panel.periods - (~np.isnan(panel.values)).argmax(axis=1)
    seasons = int(np.median(spans)) // (windows + 2) // panel.season
    return int(min(max(seasons, 1) * panel.season, longest))


def choose(panel: Panel, least: int, most: int) -> Panel:
    """At most `most` series, spread evenly over those with `least` observed and not all equal values."""
    observed = (~np.isnan(panel.values)).sum(axis=1)
    low, high = np.nanmin(panel.values, axis=1, initial=np.inf), np.nanmax(panel.values, axis=1, initial=-np.inf)
    rows = np.flatnonzero((observed >= least) & (high > low))
    if len(rows) > most:
        rows = rows[np.unique(np.linspace(0, len(rows) - 1, most).round().astype(int))]
    return panel.take(rows)


def _segments(interval: Interval, lake: Lake, settings: Settings, shard: int = 0, shards: int = 1) -> Iterator[Segment]:
    """The segments of one shard with enough history to be cut into windows; one metric's history is read at a time."""
    for granularity in GRANULARITIES:
        for metric in metrics_of(lake, interval.as_of, granularity, settings):
            if bucket_of(f"{metric}/{granularity}") % shards == shard:
                segment = _segment(interval, lake, settings, metric, granularity)
                if segment is not None:
                    yield segment


def _segment(interval: Interval, lake: Lake, settings: Settings, metric: str, granularity: Granularity) -> Segment | None:
    # Before the read: what is published between the two is then in the values, and at worst not in the named snapshot.
    snapshot_id = lake.snapshot_id(table_of(metric, granularity))
    panel = read_panel(lake, interval.as_of, granularity, settings, metric=metric)
    if panel is None:
        return None
    least = (settings.backtest_windows + 2) * panel.season
    least = max(least, settings.min_daily_history) if granularity == "day" else least
    longest = settings.horizon_days if granularity == "day" else settings.horizon_hours
    chosen = choose(panel, least, settings.backtest_series)
    if not len(chosen):
        log.info("%s by %s: no series has %d varying values; not trained", metric, granularity, least)
        return None
    champion = _champion(lake, settings, metric, granularity)
    names = {*settings.challengers, registry.FLOOR, *([champion.forecaster] if champion else [])}
    horizon = horizon_of(chosen, settings.backtest_windows, longest)
    return Segment(metric, chosen, horizon, tuple(sorted(names)), snapshot_id, champion)


def table_of(metric: str, granularity: str) -> Table:
    """Where the series of a segment come from."""
    if metric == "cost":
        return COST_DAILY
    return METRIC_DAILY if granularity == "day" else METRIC_HOURLY


def _champion(lake: Lake, settings: Settings, metric: str, granularity: str) -> registry.Champion | None:
    """The present champion, which is measured beside the challengers as long as it is installed."""
    try:
        champion = registry.champion(settings, lake, metric, granularity)
    except DataError as error:
        log.warning("%s by %s: the champion cannot be measured: %s", metric, granularity, error)
        return None
    return None if champion.version == NONE else champion


def _backtest(segment: Segment, settings: Settings, folder: Path, progress: backtest.Progress | None) -> registry.Training:
    plain = {name: plugs.load("forecasters", name).forecast for name in segment.models}
    trials = _search(segment, settings)
    params = {name: found for name in segment.models if (found := tuning.best([t for t in trials if t.forecaster == name]))}
    models = {name: partial(forecast, **params.get(name, {})) for name, forecast in plain.items()}
    champion, reference = segment.champion, registry.FLOOR
    if champion is not None:
        reference = champion.forecaster
        if champion.params != params.get(reference, {}):
            reference = serving(champion.forecaster)
            models[reference] = partial(plain[champion.forecaster], **champion.params)
    result = backtest.backtest(
        segment.panel, models, segment.horizon, settings.backtest_windows, progress=progress, cpu_clock=_cpu_s
    )
    scored = backtest.scores(result)
    summary, leads = backtest.summary(scored), backtest.lead_scores(result)
    summary["skill_typical"] = summary["model"].map(typical_skill(scored))
    summary["compared_with"] = reference
    summary["p_value"] = [p_value(result, model, reference) if model != reference else np.nan for model in summary["model"]]
    proposed = propose(summary.loc[summary["model"].isin(segment.models)], len(result.cutoffs))
    # What overrides runs with its defaults, hence only what was backtested with them.
    candidates = set(segment.models) - set(params) - {proposed}
    replaced = overrides(scored, proposed, candidates, len(result.cutoffs), settings.override_margin)
    files = folder / f"{len(list(folder.iterdir()))}"
    files.mkdir()
    _write(files, segment, result, scored, summary, leads, proposed)
    described = diagnostics.describe(segment.panel)
    described.to_csv(files / "diagnostics.csv", index=False, float_format="%.4f")
    dataset = registry.Dataset(
        table=segment.table.name,
        snapshot_id=segment.snapshot_id,
        digest=segment.digest(),
        series=len(segment.panel),
        values=int((~np.isnan(segment.panel.values)).sum()),
    )
    training = registry.Training(
        metric=segment.metric,
        granularity=segment.granularity,
        fingerprint=segment.fingerprint(settings),
        dataset=dataset,
        horizon=result.horizon,
        windows=len(result.cutoffs),
        quantiles=result.quantiles,
        summary=summary,
        leads=leads,
        proposed=proposed,
        folder=files,
        params=params,
        overrides=replaced,
        trials=trials,
        diagnostics=diagnostics.summarise(described),
        reliability=risk_backtest.reliability(risk_backtest.chances(result, proposed, THRESHOLDS_PCT)),
    )
    training.save()
    return training


def _search(segment: Segment, settings: Settings) -> list[tuning.Trial]:
    """What was tried to find parameters, on the history before the first window that the models are judged by."""
    used = segment.horizon * settings.backtest_windows
    if not settings.search_trials or used >= segment.panel.periods:
        return []
    before = segment.panel.truncate(used)
    searched = [name for name in segment.models if tuning.can_search(name)]
    return [trial for name in searched for trial in tuning.search(before, name, segment.horizon, settings.search_trials)]


def _warm_up(segments: list[Segment]) -> None:
    """Forecast one series with every model, so that the first segment's CPU time does not hold the libraries' imports."""
    first = segments[0].panel.take(np.array([0])).tail(8 * segments[0].panel.season)
    for name in sorted({name for segment in segments for name in segment.models}):
        plugs.load("forecasters", name).forecast(first, first.season, metrics.QUANTILES)


def _model_metrics(interval: Interval, training: registry.Training) -> Iterator[dict[str, Any]]:
    """Rows of `gold.model_metric`; a figure that is not finite is null."""
    summary = training.summary.rename(columns={"skill_scaled_pinball": "skill"})
    for row in summary.to_dict("records"):
        figures = {name: row[name] for name in (*backtest.SCORES, "skill", "p_value")}
        figures["cpu_s_per_series"] = row["cpu_s"] / training.windows
        yield {
            "as_of": interval.as_of,
            "metric": training.metric,
            "granularity": training.granularity,
            "model": row["model"],
            "compared_with": row["compared_with"],
            "series": row["series"],
            "windows": training.windows,
            **{name: float(value) if np.isfinite(value) else None for name, value in figures.items()},
        }


def _risk_backtest(interval: Interval, trainings: list[registry.Training]) -> pd.DataFrame:
    """Rows of `gold.risk_backtest`; none of a metric that is not in percent."""
    judged = [
        each.reliability.assign(as_of=interval.as_of, metric=each.metric, granularity=each.granularity, model=each.proposed)
        for each in trainings
        if len(each.reliability)
    ]
    return pd.concat(judged, ignore_index=True) if judged else pd.DataFrame()


def _write(
    folder: Path,
    segment: Segment,
    result: backtest.Backtest,
    scored: pd.DataFrame,
    summary: pd.DataFrame,
    leads: pd.DataFrame,
    proposed: str,
) -> None:
    """The files that are kept with a training: what was forecast and how good it was, to read and to look at."""
    forecasts = backtest.forecast_frame(result).astype({"value": "float32", "model": "category", "series_id": "category"})
    forecasts.to_parquet(folder / "forecasts.parquet", compression="zstd")
    backtest.actual_frame(result).to_parquet(folder / "actuals.parquet", compression="zstd")
    scored.to_parquet(folder / "scores.parquet", compression="zstd")
    summary.to_csv(folder / "summary.csv", index=False, float_format="%.4f")
    worst = scored.loc[scored["model"] == proposed].nlargest(WORST_SERIES, "scaled_pinball")
    worst.drop(columns="reason").to_csv(folder / "worst_series.csv", index=False, float_format="%.4f")
    title = f"{segment.metric} by {segment.granularity}: {len(segment.panel)} series, {len(result.cutoffs)} windows"
    _plot(folder / "accuracy_and_coverage.png", title, summary, leads)
    (folder / "models").mkdir()
    for model in summary["model"]:
        _plot_model(folder / "models" / f"{model}.png", f"{model}, {title}", model, scored, summary, leads)


def _plot(file: Path, title: str, summary: pd.DataFrame, leads: pd.DataFrame) -> None:
    """Error by lead time, and how often each interval held what it promised."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4), layout="constrained")
    FigureCanvasAgg(figure)
    error, held = figure.subplots(1, 2)
    for model, curve in leads.groupby("model"):
        error.plot(curve["lead"], curve["scaled_pinball"], label=model, linewidth=1.3)
    error.set(xlabel="lead time, periods", ylabel="scaled pinball loss", title=title)
    nominal = sorted(metrics.INTERVALS)
    for row in summary.to_dict("records"):
        held.plot(nominal, [100 * row[f"coverage_{level}"] for level in nominal], marker="o", label=row["model"])
    held.plot(nominal, nominal, color="grey", linestyle=":", label="as promised")
    held.set(xlabel="interval, %", ylabel="actuals inside, %", title="coverage", ylim=(0, 103))
    held.legend(fontsize=8)
    figure.savefig(file, dpi=80)


def _plot_model(file: Path, title: str, model: str, scored: pd.DataFrame, summary: pd.DataFrame, leads: pd.DataFrame) -> None:
    """One model beside the seasonal naive: error by lead time, coverage by lead time, and the series it does worst on."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15, 4.5))
    FigureCanvasAgg(figure)
    error, held, worst = figure.subplots(1, 3)
    figure.subplots_adjust(left=0.05, right=0.995, bottom=0.12, top=0.85, wspace=0.28)
    figure.suptitle(title)
    for name in dict.fromkeys((registry.FLOOR, model)):
        curve, color = leads.loc[leads["model"] == name], "C0" if name == model else "grey"
        error.plot(curve["lead"], curve["scaled_pinball"], label=name, color=color)
        held.plot(curve["lead"], 100 * curve["coverage_90"], label=name, color=color)
    error.set(xlabel="lead time, periods", ylabel="scaled pinball loss", ylim=(0, None), title="accuracy by lead time")
    error.legend(fontsize=8)
    held.axhline(90, color="grey", linestyle=":")
    row = summary.loc[summary["model"] == model].iloc[0]
    found = ", ".join(f"{level}: {row[f'coverage_{level}']:.0%}" for level in sorted(metrics.INTERVALS))
    held.set(
        xlabel="lead time, periods", ylabel="actuals inside the 90 % interval, %", ylim=(0, 103), title=f"coverage ({found})"
    )
    last = scored.loc[scored["model"] == model].nlargest(WORST_SERIES, "scaled_pinball").iloc[::-1]
    place = np.arange(len(last))
    worst.barh(place, last["scaled_pinball"], color="#b5d3ea")
    worst.set(yticks=[], xlabel="scaled pinball loss", title=f"worst {len(last)} of {row['series']} series")
    for at, name in zip(place, last["series_id"], strict=True):
        worst.annotate(name, (0, at), (3, 0), textcoords="offset points", va="center", fontsize=7, parse_math=False)
    figure.savefig(file, dpi=70)


def _config(settings: Settings) -> dict[str, Any]:
    names = (
        "challengers",
        "backtest_windows",
        "backtest_series",
        "search_trials",
        "override_margin",
        "horizon_days",
        "horizon_hours",
        "history_days",
        "history_hours",
    )
    return {name: json.dumps(getattr(settings, name)) for name in names}


def _from(progress: Progress | None, done: int, total: int, segment: Segment) -> backtest.Progress | None:
    if progress is None:
        return None
    most = total - done
    return lambda count, _, model: progress(done + min(count, most), total, f"{segment.metric} by {segment.granularity}: {model}")


def _at(as_of: datetime) -> Interval:
    """An interval that ends at a moment, for tables that are read by their as-of."""
    return Interval(as_of - timedelta(days=1), as_of)


def _cpu_s() -> float:
    """CPU seconds of this process and of the children it has waited for (Prophet's optimiser is one)."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def _sha256(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
