"""What the detector `bounded` knows of each series, kept from run to run in `gold.detector_state`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from pipeline.anomalies.carried import FORGOTTEN_HOURS, NAME, Known, begin, from_texts, to_texts, vote_next
from pipeline.inputs.points import midnight_before
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.quality.conform import conform
from pipeline.quality.validate import hold
from pipeline.settings import Settings
from pipeline.tables.anomalies import DETECTOR_STATE
from pipeline.tables.columns import FOR_DAYS, FOR_GOOD
from pipeline.tables.schema import Scope, buckets_of

#: What is known at the beginning of each of these is kept for good, and a series without any state begins with one of them.
CYCLE = timedelta(days=28)
#: Follows the options where a version flags from another multiple of the detector's own threshold on.
_FROM = "×{:g}"
_TICK = timedelta(microseconds=1)
_EVER = datetime(9999, 1, 1)


class Shard(NamedTuple):
    """One part of the series, of how many."""

    number: int
    of: int

    def scope(self, start: datetime, end: datetime) -> Scope:
        """The states of its series in [start, end)."""
        return Scope(DETECTOR_STATE.time, start, end, (("bucket", buckets_of(self.number, self.of)),))


class Asked(NamedTuple):
    """How the detector is asked: its options, what it counts, and from which multiple of its own threshold on it flags."""

    options: Any
    weight: float = 1.0
    threshold: float = 1.0

    @property
    def whose(self) -> str:
        """What is kept is of these options, and in multiples of this threshold."""
        return f"{self._own}{_FROM.format(self.threshold) if self.threshold != 1 else ''}"

    def threshold_of(self, whose: str) -> float | None:
        """The threshold in whose multiples a state of the same options was kept; None of other options."""
        if whose == self._own:
            return 1.0
        head, _, multiple = whose.rpartition(_FROM[:1])
        return float(multiple) if head == self._own else None

    @property
    def _own(self) -> str:
        return f"{NAME} {self.options.model_dump_json()}"


def vote_on(
    interval: Interval,
    read_since: Callable[[datetime], pd.DataFrame],
    lake: Lake,
    settings: Settings,
    asked: Asked,
    shard: Shard,
) -> tuple[pd.DataFrame, dict[datetime, Known]]:
    """What is said of the hours of an interval, by the newest state before it and the hours since.

    Args:
        interval: whole days, or hours of one.
        read_since: gives the hours from a moment to the interval's end.
        asked: as the version says that serves.
        shard: whose series.

    Returns:
        The rows of the interval, as `carried.vote_next` gives them, and what was known at its end and at the beginning
        of each cycle in it.
    """
    since, known = _restore(interval, lake, settings, asked, shard)
    points, marks = read_since(since), [*_cycles_within(interval), interval.end]
    found, states = [], {}
    for first, end in zip([since, *marks], marks, strict=False):
        rows = points[(points["ts"] >= first) & (points["ts"] < end)]
        judged, known = vote_next(known, rows, asked.options, settings.detect_min_history_hours, asked.weight, asked.threshold)
        hour = float(np.datetime64(end, "h").astype(np.int64))
        states[end] = known = known.seen_since(hour - FORGOTTEN_HOURS)
        found.append(judged[judged["ts"] >= interval.start])
    return pd.concat(found, ignore_index=True), states


def keep(interval: Interval, states: dict[datetime, Known], lake: Lake, shard: Shard, asked: Asked) -> None:
    """Publish what was known in an interval of whole days, in place of what was believed of it before.

    What was known later stays where this changes nothing; otherwise it was made of something else, and goes: the runs after it
    begin with what is left.
    """
    rows = {moment: _rows(moment, known, interval, asked) for moment, known in states.items()}
    new = pa.concat_tables(rows.values())
    end, after = interval.end, shard.scope(interval.end + _TICK, _EVER)
    before = lake.read(DETECTOR_STATE, shard.scope(end, end + _TICK), ("series_id", "state"))
    if _texts(before) == _texts(rows[end]):
        new = pa.concat_tables([new, lake.read(DETECTOR_STATE, after)])
    lake.replace(DETECTOR_STATE, hold(new, DETECTOR_STATE, interval), shard.scope(interval.start + _TICK, _EVER))


def _texts(rows: pa.Table) -> dict[str, str]:
    return dict(zip(rows["series_id"].to_pylist(), rows["state"].to_pylist(), strict=True))


def _rows(moment: datetime, known: Known, interval: Interval, asked: Asked) -> pa.Table:
    kept, whose = (FOR_GOOD if _is_cycle(moment) else FOR_DAYS), asked.whose
    texts = to_texts(known.memory)
    rows = {
        "series_id": pa.array(known.names.tolist(), pa.string()),
        "state": pa.array(texts, pa.string()),
        "ts": pa.array([moment] * len(texts), pa.timestamp("us")),
        **{name: pa.array([text] * len(texts), pa.string()) for name, text in (("detector", whose), ("kept", kept))},
    }
    return conform(pa.table(rows), DETECTOR_STATE, interval)


def _restore(interval: Interval, lake: Lake, settings: Settings, asked: Asked, shard: Shard) -> tuple[datetime, Known]:
    """The newest state up to an interval of all its series that was asked so, and its moment; without one nothing, as of
    the cycle that the history begins in.

    Shards may have failed, or been of another number: where some buckets have no state at a moment, an older one counts.
    """
    anchor = _cycle_before(interval.start - timedelta(hours=settings.detect_history_hours))
    until = midnight_before(interval.start) + _TICK
    kept = lake.read(DETECTOR_STATE, shard.scope(anchor + _TICK, until), ("ts", "bucket")).to_pandas()
    buckets = kept.groupby("ts")["bucket"].nunique()
    for moment in sorted(buckets.index[buckets == kept["bucket"].nunique()].to_pydatetime(), reverse=True):
        rows = lake.read(DETECTOR_STATE, shard.scope(moment, moment + _TICK), ("series_id", "state", "detector"))
        memory = from_texts(rows["state"].to_pylist(), asked.options)
        kept_from = {asked.threshold_of(each) for each in set(rows["detector"].to_pylist())}
        if memory is not None and len(kept_from) == 1 and (threshold := kept_from.pop()) is not None:
            names = np.array(rows["series_id"].to_pylist(), dtype=str)
            return moment, Known(names, memory.in_multiples_of(asked.threshold / threshold))
    return anchor, Known(np.array([], dtype=str), begin(0, asked.options))


def _cycles_within(interval: Interval) -> Sequence[datetime]:
    """The beginnings of cycles that lie in an interval, but for its own beginning."""
    first = _cycle_before(interval.start) + CYCLE
    return [first + number * CYCLE for number in range(-((first - interval.end) // CYCLE))] if first < interval.end else []


def _cycle_before(moment: datetime) -> datetime:
    return moment - (moment - datetime(1970, 1, 1)) % CYCLE


def _is_cycle(moment: datetime) -> bool:
    return moment == _cycle_before(moment)
