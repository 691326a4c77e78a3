"""The vote of the detector `bounded` alone, for many series at once, on a state that is carried from one run to the next.

What `vote` finds in the weeks that it is given is kept here in so many numbers: what the detector knows, which of its deviations
may go on, what people were told in the last hours, and how high the series was. Rows are given once, in any cuts, and each says
the same as in one pass; only rows of hours.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.anomalies import bounded
from pipeline.anomalies.bounded import Numbers, State
from pipeline.anomalies.detection import ALERT, finite, score_of_excess, severity
from pipeline.anomalies.spans import Floats
from pipeline.anomalies.state import HOLDS_RATIO, NEW_LEVEL
from pipeline.anomalies.vote import blank, by_name, matters
from pipeline.compiled import compiled
from pipeline.tables.columns import ANOMALOUS, NORMAL, ONLY_FLAGGED

NAME = "bounded"
#: Deviations of a series that may go on at once; of more the strongest count.
_HELD = 4
_NEW_LEVEL_HOURS = float(NEW_LEVEL / np.timedelta64(1, "h"))
#: Hours in which half of how high a series was is forgotten.
_HIGH_HALF_HOURS = 28 * 24.0
#: What was not seen for so many hours is known no more: it begins anew.
FORGOTTEN_HOURS = 24.0 * bounded.HISTORY_DAYS


class Options(Protocol):
    """What the detector is told: the threshold, and when people are told again."""

    @property
    def alert_deviations(self) -> float: ...

    @property
    def announced_hours(self) -> int: ...

    @property
    def worse_ratio(self) -> float: ...


class Memory(NamedTuple):
    """What is kept of n series, each array with one row per series.

    Attributes:
        state: what the detector knows.
        high: (n,) the highest value so far, which fades.
        held: (n, 4, 3) deviations that may go on: excess, deviation, hour since 1970; no excess where there is none.
        told: (n, hours) how strong the anomalous sample of each of the last hours was, by the hour modulo their number; else 0.
    """

    state: State
    high: Floats
    held: Floats
    told: Floats

    @property
    def arrays(self) -> tuple[npt.NDArray[Any], ...]:
        return (*self.state, self.high, self.held, self.told)

    def take(self, rows: npt.NDArray[np.int64]) -> Memory:
        """A copy of what is kept of some of the series."""
        return _of([each[rows] for each in self.arrays])

    def in_multiples_of(self, ratio: float) -> Memory:
        """The same for a threshold that is `ratio` times the one before: what does not reach it was never flagged.

        What reached a lower threshold, and not the one before, is not known.
        """
        if ratio == 1:
            return self
        held, told = self.held.copy(), self.told / np.float32(ratio)
        held[..., 0] /= np.float32(ratio)
        held[held[..., 0] < 1] = 0.0
        return Memory(self.state, self.high, held, np.where(told < 1, np.float32(0), told))


@dataclass(frozen=True)
class Known:
    """What is kept of each series by name, all different."""

    names: npt.NDArray[np.str_]
    memory: Memory

    def and_new(self, names: Sequence[str], options: Options) -> Known:
        """The same, with those among `names` of which nothing is known."""
        new = sorted({*names} - {*self.names.tolist()})
        if not new:
            return self
        begun = begin(len(new), options)
        both = [np.concatenate(each) for each in zip(self.memory.arrays, begun.arrays, strict=True)]
        return Known(np.append(self.names, new), _of(both))

    def without(self, names: pd.Series[Any]) -> Known:
        """The same, without some series."""
        kept = np.flatnonzero(~np.isin(self.names, names.to_numpy(dtype=str)))
        return Known(self.names[kept], self.memory.take(kept))

    def seen_since(self, hour: float) -> Known:
        """The same, without series whose last sample came before an hour since 1970."""
        kept = np.flatnonzero(self.memory.state.plain[:, bounded.HOUR] >= hour)
        return Known(self.names[kept], self.memory.take(kept))


def begin(count: int, options: Options) -> Memory:
    """What is known of series of which nothing is known: 4,096 bytes each with the default options."""
    state = State._make(np.repeat(each[None], count, axis=0) for each in bounded.begin())
    empty = ((count,), (count, _HELD, 3), (count, options.announced_hours))
    return Memory(state, *(np.zeros(shape, np.float32) for shape in empty))


def to_texts(memory: Memory) -> list[str]:
    """What is kept of each series as a text."""
    if not len(memory.high):
        return []
    parts = [np.ascontiguousarray(each).reshape(len(each), -1).view(np.uint8) for each in memory.arrays]
    return [base64.b64encode(zlib.compress(row.tobytes(), 1)).decode() for row in np.concatenate(parts, axis=1)]


def from_texts(texts: Sequence[str], options: Options) -> Memory | None:
    """What was made a text; None where it is no such text, or not of the size that these options have."""
    like = begin(1, options).arrays
    size = sum(each.nbytes for each in like)
    try:
        rows = [zlib.decompress(base64.b64decode(text)) for text in texts]
    except (binascii.Error, zlib.error):
        return None
    if any(len(row) != size for row in rows):
        return None
    whole = np.frombuffer(b"".join(rows), np.uint8).reshape(len(rows), size)
    ends = np.cumsum([each.nbytes for each in like])
    return _of(
        [
            np.ascontiguousarray(whole[:, end - each.nbytes : end]).view(each.dtype).reshape(len(rows), *each.shape[1:])
            for each, end in zip(like, ends, strict=True)
        ]
    )


def _of(arrays: Sequence[npt.NDArray[Any]]) -> Memory:
    return Memory(State._make(arrays[:-3]), *arrays[-3:])


def vote_next(
    known: Known, points: pd.DataFrame, options: Options, min_history: int, weight: float, threshold: float = 1.0
) -> tuple[pd.DataFrame, Known]:
    """The hours that come next of any of the series, in the columns of `gold.anomaly_point` but for the granularity.

    Args:
        known: what is kept of the hours before; it is left as it is.
        points: one row per observed hour, in the order of `series_id` and `ts`, with `value`, `unit` and what names the series.
        options: of the detector.
        min_history: observed hours before the first one that is published.
        weight: what the detector counts.
        threshold: multiple of the detector's own threshold from which on it flags.

    Returns:
        Every hour of which enough was known, and what is kept after them: the same in one pass as in any cuts.
    """
    piece = _pieces(known, points)
    found: list[pd.DataFrame] = []
    for number in range(int(piece.max(initial=0)) + 1):
        rows = points[piece == number]
        if number:
            known = known.without(rows["series_id"])
        judged, known = _vote_piece(known, rows, options, min_history, (weight, threshold))
        found.append(judged)
    return (found[0] if len(found) == 1 else pd.concat(found).sort_values(["series_id", "ts"])), known


def _pieces(known: Known, points: pd.DataFrame) -> npt.NDArray[np.int64]:
    """How often each hour's series began anew before it, among these: after a gap nothing is known any more."""
    last = pd.Series(known.memory.state.plain[:, bounded.HOUR], index=known.names)
    hours = points["ts"].to_numpy().astype("datetime64[h]").astype(np.float64)
    before = pd.Series(hours, index=points.index).groupby(points["series_id"]).shift()
    before = before.fillna(points["series_id"].map(last).astype("float64"))
    anew = pd.Series(hours - before.to_numpy() > FORGOTTEN_HOURS, index=points.index)
    return anew.groupby(points["series_id"]).cumsum().to_numpy(dtype=np.int64)


def _vote_piece(
    known: Known, points: pd.DataFrame, options: Options, min_history: int, counts: tuple[float, float]
) -> tuple[pd.DataFrame, Known]:
    """The same of hours without such a gap; `counts` are weight and threshold."""
    weight, threshold = counts
    names, first = np.unique(points["series_id"].to_numpy(dtype=str), return_index=True)
    known = known.and_new(names.tolist(), options)
    place_of = {name: place for place, name in enumerate(known.names.tolist())}
    places = np.array([place_of[name] for name in names.tolist()], dtype=np.int64)
    memory, bounds = known.memory.take(places), np.append(first, len(points))
    ts, values = points["ts"].to_numpy().astype("datetime64[us]"), finite(points["value"].to_numpy())
    before = _Before(bounds, *(memory.state.plain[:, column].copy() for column in (bounded.HOUR, bounded.SEEN)))
    excess, expected, scale = (np.zeros(len(points)) for _ in range(3))
    for place, (start, end) in enumerate(pairwise(bounds.tolist())):
        own, rows = State._make(each[place] for each in memory.state), slice(start, end)
        judged, after = bounded.judge_next(own, ts[rows], values[rows], options.alert_deviations)
        excess[rows], expected[rows], scale[rows] = judged
        changed: Any = zip(own, after, strict=True)
        for kept, now in changed:
            kept[...] = now
    excess /= threshold
    followed = _Followed(np.zeros(len(points)), np.zeros(len(points)), np.zeros(len(points)), np.zeros(len(points), np.bool_))
    given = _Given(ts.astype("datetime64[h]").astype(np.float64), values, excess, expected)
    _follow(memory, before, given, min_history, options.worse_ratio, followed)
    whole = known.memory.take(np.arange(len(known.names)))
    for all_of, some in zip(whole.arrays, memory.arrays, strict=True):
        all_of[places] = some
    margin = threshold * options.alert_deviations * scale
    rows_seen = followed.rows_seen >= min_history
    found = _rows(points, excess, expected, margin, followed, weight)
    return found[rows_seen], Known(known.names, whole)


class _Followed(NamedTuple):
    """Of each hour: how strongly it is flagged, how high the series was, the hours before it, and whether people are told."""

    strength: Numbers
    high: Numbers
    rows_seen: Numbers
    is_alert: npt.NDArray[np.bool_]


def _rows(
    points: pd.DataFrame, excess: Numbers, expected: Numbers, margin: Numbers, followed: _Followed, weight: float
) -> pd.DataFrame:
    """What is said of each hour, as `vote` words it."""
    flagged = (followed.strength >= 1) & (weight > 0)
    seen = followed.strength >= 1
    values, is_percent = points["value"].to_numpy(), points["unit"].eq("percent").to_numpy()
    grave = np.where(flagged, severity(score_of_excess(followed.strength)), "low")
    names, scores = np.array([NAME]), score_of_excess(excess)
    rows = points.assign(
        score=scores,
        state=np.select([flagged, seen], [ANOMALOUS, ONLY_FLAGGED], NORMAL),
        is_alert=followed.is_alert,
        expected=expected,
        lower=expected - margin,
        upper=expected + margin,
        threshold=ALERT,
        contribution=np.nan,
        # That asks for deviations of four weeks, for which the state has no room.
        tail_probability=np.nan,
        votes=seen.astype(np.int64),
        vote_weight=np.round(weight * seen, 6),
        severity=np.where(matters(values, expected, is_percent, followed.high), grave, "low"),
    )
    rows["detectors"] = pd.Series([NAME if flag else None for flag in seen], index=rows.index, dtype="object")
    texts = [by_name(names, scores[row : row + 1]) if flag else None for row, flag in enumerate(seen)]
    rows["scores_json"] = pd.Series(texts, index=rows.index, dtype="object")
    return rows.assign(**blank(rows, seen))


class _Given(NamedTuple):
    """What is known of each hour: its number since 1970, the value, and what the detector says of it."""

    hours: Numbers
    values: Numbers
    excess: Numbers
    expected: Numbers


class _Before(NamedTuple):
    """Of each series: its first row and, last, the number of rows; its last hour and its hours so far before them."""

    bounds: npt.NDArray[np.int64]
    hour: Numbers
    rows: Numbers


@compiled
def _follow(memory: Memory, before: _Before, given: _Given, min_history: int, worse_ratio: float, followed: _Followed) -> None:
    """Each hour in turn: whether it is flagged, by itself or by a deviation that goes on, and whether that is told."""
    bounds = before.bounds
    for series in range(len(bounds) - 1):
        last, held, told = before.hour[series], memory.held[series], memory.told[series]
        for row in range(bounds[series], bounds[series + 1]):
            hour, value = given.hours[row], given.values[row]
            if last >= 0:
                memory.high[series] *= np.float32(0.5 ** ((hour - last) / _HIGH_HALF_HOURS))
                for missed in range(int(last) + 1, int(min(hour, last + 1 + len(told)))):
                    told[missed % len(told)] = 0.0
            last = hour
            memory.high[series] = max(memory.high[series], np.float32(abs(value)))
            followed.high[row] = memory.high[series]
            seen = before.rows[series] + row - bounds[series]
            followed.rows_seen[row] = seen
            strength = _hold(held, hour, value - given.expected[row], given.excess[row])
            followed.strength[row] = strength
            worst, place = np.max(told), int(hour) % len(told)
            told[place] = 0.0
            if strength >= 1 and seen >= min_history:
                followed.is_alert[row] = worst == 0 or strength > worse_ratio * worst
                told[place] = strength


@compiled
def _hold(held: Floats, hour: float, deviation: float, excess: float) -> float:
    """How strongly a sample is flagged, by itself or by what goes on; what does not go on is forgotten, see `state.hold`."""
    strength = excess if excess >= 1 else 0.0
    for place in range(len(held)):
        if held[place, 0] > 0:
            if deviation / held[place, 1] >= HOLDS_RATIO and hour - held[place, 2] < _NEW_LEVEL_HOURS:
                strength = max(strength, float(held[place, 0]))
            else:
                held[place, 0] = 0.0
    if excess >= 1 and np.isfinite(deviation) and deviation != 0:
        # One that is as strong, is left as late and came before says nothing that this one does not.
        weakest = 0
        for place in range(len(held)):
            if 0 < held[place, 0] <= excess and abs(held[place, 1]) >= abs(deviation):
                held[place, 0] = 0.0
            if held[place, 0] < held[weakest, 0]:
                weakest = place
        if held[weakest, 0] <= excess:
            held[weakest, 0], held[weakest, 1], held[weakest, 2] = excess, deviation, hour
    return strength
