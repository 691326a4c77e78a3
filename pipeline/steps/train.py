"""Backtest the forecasters on each segment's own history and register the best of them as challenger.

In one process, or in several: each of `train`'s shards backtests some of the segments and hands over what it found, and
`register` makes one training of it.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pipeline import plugs
from pipeline.capacity import backtest as risk_backtest
from pipeline.capacity.crossing import THRESHOLDS_PCT
from pipeline.errors import DataError
from pipeline.forecasting import diagnostics
from pipeline.forecasting.backtest import Progress
from pipeline.forecasting.comparison import Comparison, Effort, Segment, compare, warm_up
from pipeline.forecasting.selection import BASELINE, choose, horizon_of
from pipeline.forecasting.spec import NONE, Champion, Params, model_name, params_of
from pipeline.inputs.demand import read_metrics, read_panel, table_of
from pipeline.interval import Interval
from pipeline.registry.champion import read_champion
from pipeline.registry.shards import hand_over
from pipeline.registry.training import Dataset, TrainedSegment, write_files
from pipeline.settings import Settings
from pipeline.steps import cpu_seconds
from pipeline.steps._declaration import Step
from pipeline.steps._segments import Failed, SegmentName, end_as_partial, try_each
from pipeline.steps.register import in_order, is_known, register_training
from pipeline.tables.columns import GRANULARITIES, Granularity
from pipeline.tables.schema import bucket_of

if TYPE_CHECKING:
    from pipeline.lake import Lake

log = logging.getLogger(__name__)
TROUBLE = "could not be trained"
STEP = Step(
    role="trainer",
    sharded=True,
    registering=True,
    reads=("inputs.demand_daily", "inputs.demand_hourly", "gold.promotion"),
)


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

    Raises:
        PartialError: some segments failed; the others are registered, or handed over.
        DataError: all failed; nothing is. Of several shards `register` says so.
    """
    read, unread = try_each(
        _list_names(interval, lake, settings, shard, shards),
        lambda name: _read_segment(interval, lake, settings, *name),
        TROUBLE,
        _say_what_serves,
    )
    segments = sorted((segment for segment in read if segment is not None), key=in_order)
    effort = Effort(settings.backtest_windows, settings.search_trials, settings.override_margin)
    fingerprints = [segment.fingerprint(effort) for segment in segments]
    if shards == 1 and segments and is_known(interval, lake, settings, fingerprints):
        return end_as_partial(unread, 0)
    warm_up(segments)
    with tempfile.TemporaryDirectory() as folder:
        trained, failed = _train_each(segments, effort, Path(folder), progress, plots=settings.plots)
        failed = [*unread, *failed]
        if shards == 1:
            return end_as_partial(failed, register_training(interval, lake, settings, trained, failed))
        hand_over(settings, interval.as_of, trained, shard, shards, failed)
        return end_as_partial(failed, len(trained))


def _list_names(interval: Interval, lake: Lake, settings: Settings, shard: int, shards: int) -> Iterator[SegmentName]:
    """The segments of one shard."""
    for granularity in GRANULARITIES:
        for metric in read_metrics(lake, interval.as_of, granularity, settings):
            if bucket_of(f"{metric}/{granularity}") % shards == shard:
                yield SegmentName(metric, granularity)


def _say_what_serves(_: SegmentName) -> str:
    return "what served it before goes on"


def _train_each(
    segments: list[Segment], effort: Effort, folder: Path, progress: Progress | None, *, plots: bool
) -> tuple[list[TrainedSegment], list[Failed]]:
    by_name = {SegmentName(segment.metric, segment.granularity): segment for segment in segments}
    of_each = [effort.windows * len(segment.models) for segment in segments]
    begun = dict(zip(by_name, [sum(of_each[:place]) for place in range(len(of_each))], strict=True))

    def train_one(name: SegmentName) -> TrainedSegment:
        segment = by_name[name]
        return _train_segment(segment, effort, folder, _count_from(progress, begun[name], sum(of_each), segment), plots=plots)

    return try_each(by_name, train_one, TROUBLE, _say_what_serves)


def _read_segment(interval: Interval, lake: Lake, settings: Settings, metric: str, granularity: Granularity) -> Segment | None:
    """A segment's history; None where it is too short to be cut into windows."""
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
    champion = _read_champion(lake, settings, metric, granularity)
    names = {*settings.challengers, BASELINE, *([champion.forecaster] if champion else [])}
    options = {name: params_of(plugs.options("forecasters", name, settings)) for name in sorted(names)}
    horizon = horizon_of(chosen, settings.backtest_windows, longest)
    return Segment(metric, chosen, horizon, tuple(sorted(names)), options, champion, snapshot_id, settings.fallback_forecaster)


def _read_champion(lake: Lake, settings: Settings, metric: str, granularity: str) -> Champion | None:
    """The present champion, which is measured beside the challengers as long as it is installed."""
    try:
        champion = read_champion(settings, lake, metric, granularity)
    except DataError as error:
        log.warning("%s by %s: the champion cannot be measured: %s", metric, granularity, error)
        return None
    return None if champion.version == NONE else champion


def _train_segment(segment: Segment, effort: Effort, folder: Path, progress: Progress | None, *, plots: bool) -> TrainedSegment:
    """Compare the segment's forecasters, and write what is kept of that into a folder of its own."""
    found = compare(segment, effort, progress, cpu_seconds)
    panel, result = segment.panel, found.result
    trained = TrainedSegment(
        metric=segment.metric,
        granularity=segment.granularity,
        fingerprint=segment.fingerprint(effort),
        dataset=Dataset(
            table=table_of(segment.metric, segment.granularity).name,
            snapshot_id=segment.snapshot_id,
            digest=panel.digest(),
            series=len(panel),
            values=int((~np.isnan(panel.values)).sum()),
        ),
        horizon=result.horizon,
        windows=found.windows,
        quantiles=result.quantiles,
        summary=found.summary,
        leads=found.leads,
        proposed=found.proposed,
        folder=folder / model_name(segment.metric, segment.granularity),
        params=found.params,
        overrides=found.overrides,
        trials=found.trials,
        diagnostics=diagnostics.summarise(found.described),
        importance=_importance(segment, found.params),
        reliability=risk_backtest.reliability(risk_backtest.chances(result, found.proposed, THRESHOLDS_PCT)),
    )
    log.info("%s", _say(found, len(panel), segment))
    write_files(trained.folder, f"{segment.name}: {len(panel)} series, {found.windows} windows", found, plots=plots)
    trained.save()
    return trained


def _importance(segment: Segment, params: Mapping[str, Params]) -> pd.DataFrame:
    """What features told the forecasters that choose among them, in the training part of the newest window alone."""
    past, found = segment.panel.truncate(segment.horizon), []
    for name in segment.models:
        explain = getattr(plugs.load("forecasters", name), "importance", None)
        if explain is not None:
            options = plugs.check_options("forecasters", name, params.get(name, {}))
            found.append(explain(past, segment.horizon, options).assign(model=name))
    found = [table for table in found if len(table)]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame()


def _say(found: Comparison, series: int, segment: Segment) -> str:
    """Which forecaster is proposed for a segment, and how good each was."""
    ranked = found.summary.sort_values("scaled_pinball")
    scores = ", ".join(f"{row.model} MASE {row.mase:.3g} pinball {row.scaled_pinball:.3g}" for row in ranked.itertuples())
    return f"{segment.name}: {found.proposed} is proposed, from {series} series and {found.windows} windows: {scores}"


def _count_from(progress: Progress | None, done: int, total: int, segment: Segment) -> Progress | None:
    """The progress of one segment as progress of the whole training."""
    if progress is None:
        return None
    most = total - done
    return lambda count, _, model: progress(done + min(count, most), total, f"{segment.name}: {model}")
