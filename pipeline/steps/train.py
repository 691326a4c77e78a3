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
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pipeline import plugs
from pipeline.capacity import backtest as risk_backtest
from pipeline.capacity.crossing import THRESHOLDS_PCT
from pipeline.errors import DataError
from pipeline.forecasting import backtest, diagnostics, tuning
from pipeline.forecasting.panel import Panel
from pipeline.forecasting.plots import WORST_SERIES, plot_model, plot_training
from pipeline.forecasting.selection import FLOOR, choose, horizon_of, overrides, propose, typical_skill
from pipeline.forecasting.significance import p_value
from pipeline.forecasting.spec import NONE, bind, code_sha256, params_of, serving
from pipeline.inputs.demand import metrics as metrics_of
from pipeline.inputs.demand import read_panel
from pipeline.interval import Interval
from pipeline.quality.conform import conform
from pipeline.registry.champion import Champion, read_champion
from pipeline.registry.log import log_training
from pipeline.registry.shards import hand_over
from pipeline.registry.training import Dataset, Training
from pipeline.registry.trainings import find_trained
from pipeline.settings import Settings
from pipeline.tables.capacity import RISK_BACKTEST
from pipeline.tables.columns import GRANULARITIES, QUANTILES, Granularity
from pipeline.tables.forecasts import MODEL_METRIC
from pipeline.tables.money import COST_DAILY
from pipeline.tables.schema import Table, bucket_of
from pipeline.tables.usage import METRIC_DAILY, METRIC_HOURLY

if TYPE_CHECKING:
    from pipeline.lake import Lake

log = logging.getLogger(__name__)
#: Told after every window of every model: how many are done, of how many, and what it was.
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Segment:
    """The series of one metric and granularity that a training looks at, and how far ahead."""

    metric: str
    panel: Panel
    horizon: int
    models: tuple[str, ...]
    snapshot_id: int | None
    champion: Champion | None

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
        options = json.dumps(_options(self.models, settings), sort_keys=True)
        parts = (self.metric, self.granularity, self.digest(), code_sha256(), str(self.horizon))
        knobs = (settings.backtest_windows, settings.search_trials, settings.override_margin, QUANTILES)
        return _sha256(*parts, *map(str, knobs), *self.models, options)


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
            return register_trainings(interval, lake, settings, trainings)
        hand_over(settings, interval.as_of, trainings, shard, shards)
        return len(trainings)


def register_trainings(interval: Interval, lake: Lake, settings: Settings, trainings: list[Training]) -> int:
    """Put one training into the registry, and its rows for gold with it; returns the versions that are new."""
    if not trainings:
        log.warning("nothing to train as of %s: no segment has enough history", interval.as_of)
        return 0
    trainings = sorted(trainings, key=lambda training: (training.granularity, training.metric))
    fingerprints = [training.fingerprint for training in trainings]
    if _is_known(interval, lake, settings, fingerprints):
        return 0
    rows = {
        MODEL_METRIC: MODEL_METRIC.frame(row for training in trainings for row in _model_metrics(interval, training)),
        RISK_BACKTEST: _risk_backtest(interval, trainings),
    }
    # A table without rows is told too, so that what it said of the same day before goes.
    figures = {table.name: conform(frame, table, interval) for table, frame in rows.items()}
    return log_training(settings, interval.as_of, _sha256(*fingerprints), trainings, _config(settings), figures)


def _is_known(interval: Interval, lake: Lake, settings: Settings, fingerprints: list[str]) -> bool:
    """Whether a training with the same data, settings and code is in the registry: this very one, or one that was published."""
    before = find_trained(settings, _sha256(*fingerprints))
    if before is None:
        return False
    if before != interval.as_of and not lake.read(MODEL_METRIC, MODEL_METRIC.scope(_at(before)), ("as_of",)).num_rows:
        return False
    log.info("as of %s, unchanged: data, settings and code are those of the training as of %s", interval.as_of, before)
    return True


def _backtest_all(segments: list[Segment], settings: Settings, folder: Path, progress: Progress | None) -> list[Training]:
    if segments:
        _warm_up(segments)
    total = sum(settings.backtest_windows * len(segment.models) for segment in segments)
    done, trainings = 0, list[Training]()
    for segment in segments:
        trainings.append(_backtest(segment, settings, folder, _from(progress, done, total, segment)))
        done += settings.backtest_windows * len(segment.models)
    return trainings


def _segments(interval: Interval, lake: Lake, settings: Settings, shard: int = 0, shards: int = 1) -> Iterator[Segment]:
    """The segments of one shard with enough history to be cut into windows; one metric's history is read at a time."""
    for granularity in sorted(GRANULARITIES):
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
    names = {*settings.challengers, FLOOR, *([champion.forecaster] if champion else [])}
    horizon = horizon_of(chosen, settings.backtest_windows, longest)
    return Segment(metric, chosen, horizon, tuple(sorted(names)), snapshot_id, champion)


def table_of(metric: str, granularity: str) -> Table:
    """Where the series of a segment come from."""
    if metric == "cost":
        return COST_DAILY
    return METRIC_DAILY if granularity == "day" else METRIC_HOURLY


def _champion(lake: Lake, settings: Settings, metric: str, granularity: str) -> Champion | None:
    """The present champion, which is measured beside the challengers as long as it is installed."""
    try:
        champion = read_champion(settings, lake, metric, granularity)
    except DataError as error:
        log.warning("%s by %s: the champion cannot be measured: %s", metric, granularity, error)
        return None
    return None if champion.version == NONE else champion


def _backtest(segment: Segment, settings: Settings, folder: Path, progress: backtest.Progress | None) -> Training:
    given = _options(segment.models, settings)
    trials = _search(segment, settings, given)
    found = {name: given[name] | tuning.best([t for t in trials if t.forecaster == name]) for name in segment.models}
    params = {name: chosen for name, chosen in found.items() if chosen}
    models = {name: bind(name, chosen) for name, chosen in found.items()}
    champion, reference = segment.champion, FLOOR
    if champion is not None:
        reference = champion.forecaster
        if champion.params != params.get(reference, {}):
            reference = serving(champion.forecaster)
            models[reference] = bind(champion.forecaster, champion.params)
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
    dataset = Dataset(
        table=segment.table.name,
        snapshot_id=segment.snapshot_id,
        digest=segment.digest(),
        series=len(segment.panel),
        values=int((~np.isnan(segment.panel.values)).sum()),
    )
    training = Training(
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


def _options(models: Iterable[str], settings: Settings) -> dict[str, dict[str, Any]]:
    """Forecaster → what the settings say other than its defaults."""
    return {name: params_of(plugs.options("forecasters", name, settings)) for name in models}


def _search(segment: Segment, settings: Settings, given: Mapping[str, dict[str, Any]]) -> list[tuning.Trial]:
    """What was tried to find parameters, on the history before the first window that the models are judged by."""
    used = segment.horizon * settings.backtest_windows
    if not settings.search_trials or used >= segment.panel.periods:
        return []
    before = segment.panel.truncate(used)
    asked = segment.horizon, settings.search_trials
    searched = [name for name in segment.models if tuning.space(name)]
    return [trial for name in searched for trial in tuning.search(before, name, *asked, given[name])]


def _warm_up(segments: list[Segment]) -> None:
    """Forecast one series with every model, so that the first segment's CPU time does not hold the libraries' imports."""
    first = segments[0].panel.take(np.array([0])).tail(8 * segments[0].panel.season)
    for name in sorted({name for segment in segments for name in segment.models}):
        plugs.load("forecasters", name).forecast(first, first.season, QUANTILES)


def _model_metrics(interval: Interval, training: Training) -> Iterator[dict[str, Any]]:
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


def _risk_backtest(interval: Interval, trainings: list[Training]) -> pd.DataFrame:
    """Rows of `gold.risk_backtest`; none of a metric that is not in percent."""
    judged = [
        each.reliability.assign(as_of=interval.as_of, metric=each.metric, granularity=each.granularity, model=each.proposed)
        for each in trainings
        if len(each.reliability)
    ]
    return pd.concat(judged, ignore_index=True) if judged else RISK_BACKTEST.empty()


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
    plot_training(folder / "accuracy_and_coverage.png", title, summary, leads)
    (folder / "models").mkdir()
    for model in summary["model"]:
        plot_model(folder / "models" / f"{model}.png", f"{model}, {title}", model, scored, summary, leads)


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
    options = {"options": json.dumps(settings.options.get("forecasters", {}))}
    return {name: json.dumps(getattr(settings, name)) for name in names} | options


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
