"""Make one training of what `train` found in each of several --shards."""

from __future__ import annotations

import hashlib
import json
import logging
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from pipeline.errors import DataError
from pipeline.forecasting.backtest import SCORES
from pipeline.forecasting.comparison import Segment
from pipeline.interval import Interval
from pipeline.quality.conform import conform
from pipeline.registry.log import log_training
from pipeline.registry.shards import clear_shards, collect_shards
from pipeline.registry.training import TrainedSegment
from pipeline.registry.trainings import find_trained, read_proposed
from pipeline.steps._declaration import Step
from pipeline.steps._segments import Failed, refuse_if_all
from pipeline.tables.capacity import RISK_BACKTEST
from pipeline.tables.columns import FAILED
from pipeline.tables.forecasts import FEATURE_IMPORTANCE, MODEL_METRIC

if TYPE_CHECKING:
    from pipeline.lake import Lake
    from pipeline.settings import Settings

log = logging.getLogger(__name__)
STEP = Step(role="trainer", registering=True)
#: Settings that are kept with a training, to read.
CONFIG = (
    *("challengers", "backtest_windows", "backtest_series", "search_trials", "override_margin"),
    *("horizon_days", "horizon_hours", "history_days", "history_hours"),
)


def register(interval: Interval, lake: Lake, settings: Settings) -> int:
    """Register what the shards of the training as of the interval's end handed over; returns the versions that are new.

    Afterwards it is as if one process had trained, and the shards' own runs are deleted. Running it again changes nothing.

    Raises:
        DataError: not all shards have handed over.
        SourceError: the registry does not answer.
    """
    with tempfile.TemporaryDirectory() as folder:
        collected = collect_shards(settings, interval.as_of, Path(folder))
        if collected is None:
            if not read_proposed(settings, interval.as_of):
                raise DataError(f"no shard of a training as of {interval.as_of} has handed over; train with --shard and --shards")
            log.info("the training as of %s is registered already", interval.as_of)
            return 0
        segments, failed = collected
        registered = register_training(interval, lake, settings, segments, [Failed(*row) for row in failed])
    clear_shards(settings, interval.as_of)
    return registered


def register_training(
    interval: Interval, lake: Lake, settings: Settings, segments: list[TrainedSegment], failed: list[Failed]
) -> int:
    """Put the segments into the registry as one training, and its rows for gold with it; returns the versions that are new.

    Those that failed are told with it, for `record`.

    Raises:
        DataError: all segments failed; nothing is registered.
    """
    refuse_if_all(failed, done=bool(segments), where=f"training as of {interval.as_of}")
    if not segments:
        log.warning("nothing to train as of %s: no segment has enough history", interval.as_of)
        return 0
    segments = sorted(segments, key=in_order)
    fingerprints = [segment.fingerprint for segment in segments]
    if is_known(interval, lake, settings, fingerprints):
        return 0
    rows = {
        MODEL_METRIC: MODEL_METRIC.frame(row for segment in segments for row in _model_metrics(interval.as_of, segment)),
        RISK_BACKTEST: _risk_backtest(interval.as_of, segments),
        FEATURE_IMPORTANCE: _feature_importance(interval.as_of, segments),
    }
    # A table without rows is told too, so that what it said of the same day before goes.
    figures = {table.name: conform(frame, table, interval) for table, frame in rows.items()}
    figures[FAILED] = pa.table(dict(zip(Failed._fields, zip(*failed, strict=True), strict=True)) if failed else {})
    config = {name: json.dumps(getattr(settings, name)) for name in CONFIG}
    config["options"] = json.dumps(settings.options.get("forecasters", {}))
    return log_training(settings, interval.as_of, _sha256(fingerprints), segments, config, figures)


def in_order(segment: Segment | TrainedSegment) -> tuple[str, str]:
    """Where a segment stands among those of a training: its fingerprint takes them in this order."""
    return segment.granularity, segment.metric


def is_known(interval: Interval, lake: Lake, settings: Settings, fingerprints: list[str]) -> bool:
    """Whether a training with the same data, settings and code is in the registry: this very one, or one that was published.

    Args:
        fingerprints: of the segments, sorted by `in_order`.
    """
    before = find_trained(settings, _sha256(fingerprints))
    if before is None:
        return False
    day_before = Interval(before - timedelta(days=1), before)
    if before != interval.as_of and not lake.read(MODEL_METRIC, MODEL_METRIC.scope(day_before), ("as_of",)).num_rows:
        return False
    log.info("as of %s, unchanged: data, settings and code are those of the training as of %s", interval.as_of, before)
    return True


def _model_metrics(as_of: datetime, segment: TrainedSegment) -> Iterator[dict[str, Any]]:
    """Rows of `gold.model_metric`; a figure that is not finite is null."""
    summary = segment.summary.rename(columns={"skill_scaled_pinball": "skill"})
    for row in summary.to_dict("records"):
        figures = {name: row[name] for name in (*SCORES, "skill", "p_value")}
        figures["cpu_s_per_series"] = row["cpu_s"] / segment.windows
        yield {
            "as_of": as_of,
            "metric": segment.metric,
            "granularity": segment.granularity,
            "model": row["model"],
            "compared_with": row["compared_with"],
            "series": row["series"],
            "windows": segment.windows,
            **{name: float(value) if np.isfinite(value) else None for name, value in figures.items()},
        }


def _risk_backtest(as_of: datetime, segments: list[TrainedSegment]) -> pd.DataFrame:
    """Rows of `gold.risk_backtest`; none of a metric that is not in percent."""
    judged = [
        each.reliability.assign(as_of=as_of, metric=each.metric, granularity=each.granularity, model=each.proposed)
        for each in segments
        if len(each.reliability)
    ]
    return pd.concat(judged, ignore_index=True) if judged else RISK_BACKTEST.empty()


def _feature_importance(as_of: datetime, segments: list[TrainedSegment]) -> pd.DataFrame:
    """Rows of `gold.feature_importance`; none where no forecaster chose among features."""
    told = [
        each.importance.assign(as_of=as_of, metric=each.metric, granularity=each.granularity)
        for each in segments
        if len(each.importance)
    ]
    return pd.concat(told, ignore_index=True) if told else FEATURE_IMPORTANCE.empty()


def _sha256(parts: list[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
