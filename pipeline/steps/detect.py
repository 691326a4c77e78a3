"""Judge each hour of one shard of the series by a vote of detectors."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import plugs
from pipeline.anomalies import carried
from pipeline.anomalies.detection import Detector
from pipeline.anomalies.vote import vote
from pipeline.anomalies.voters import Voters, from_threshold
from pipeline.errors import DataError, PartialError
from pipeline.inputs import read
from pipeline.inputs.points import forecast_of, others_of, read_beside, read_forecasts, read_points, read_points_so_far
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.quality.conform import conform
from pipeline.quality.validate import hold, validate
from pipeline.settings import Settings
from pipeline.steps._carried import Asked, Shard, keep, vote_on
from pipeline.steps._declaration import Step
from pipeline.steps._segments import SegmentName, end_as_partial, refuse_if_all, try_each
from pipeline.steps._voters import bind_detectors, read_voters, split_by_voters, told_more
from pipeline.tables.anomalies import ANOMALY_POINT
from pipeline.tables.schema import BUCKETS, buckets_of
from pipeline.tables.usage import HOUR_OBSERVED

log = logging.getLogger(__name__)
STEP = Step(
    role="publisher",
    sharded=True,
    reads=("inputs.points", "inputs.points_so_far", "inputs.forecast_before", "inputs.points_beside", "gold.promotion"),
    writes=("gold.anomaly_point", "gold.detector_state"),
    parts_of_days=True,
)
#: Hours of history that a run of a part of a day reads at most, and that it has in memory at once.
MONITOR_POINTS, AT_ONCE = 1_000_000, 250_000
_HOUR = timedelta(hours=1)


def detect(interval: Interval, lake: Lake, settings: Settings, *, shard: int = 0, shards: int = 1) -> int:
    """Rows of `gold.anomaly_point` for the interval: every hour judged, anomalous where detectors of `alert_votes` flag it.

    Each counts, and flags, as the version of the vote says that is champion; without one as `detector_weights` says, from its own
    threshold on. A range is judged by what served each of its days.

    They see `detect_history_hours` before the interval, and never an hour that follows the one they judge; one that declares it
    is told what had been forecast of each hour before, or the other metrics of the resource. Of a part of a day the hours that it
    touches are judged that are over by its end, by what the day's run will know of them: as soon as all samples are in, both say
    the same. Where that would take more than `MONITOR_POINTS`, those series are judged that so many suffice for, by bucket;
    the others, and all where a detector is told more than its series, are left to that run, and the log says so.

    Where the detector `bounded` votes alone, it is given what was known at the last midnight and the hours since, and never the
    history: `gold.detector_state` carries what it knows from one run of a day to the next.

    Raises:
        PartialError: some metrics could not be searched; of these the hours that an earlier run judged in the interval stay.
        DataError: none could; nothing was published.
        ConfigError: a weight that is none, or a detector that learns from more than is read.
    """
    if interval.is_whole_days:
        return _judge_days(split_by_voters(interval, lake, settings), lake, settings, (shard, shards))
    beside = told_more(settings)
    hours, rows = interval.periods_over(_HOUR), 0
    for part in hours.split_days() if hours else ():
        within = HOUR_OBSERVED.scope(part, bucket=buckets_of(shard, shards))
        newest = len(lake.read(HOUR_OBSERVED, within, ("series_id",))["series_id"].unique())
        if newest and _carries(settings):
            rows += _judge_carried(part, lake, settings, Shard(shard, shards), read_voters(lake, settings, part.start))
        elif newest and beside:
            log.info("%s: %s is told more than its series, so the day's run judges these hours", part, beside[0])
        elif newest:
            rows += _judge_so_far(part, lake, settings, (shard, shards), newest)
    return rows


def _judge_so_far(hours: Interval, lake: Lake, settings: Settings, shard: tuple[int, int], series: int) -> int:
    """Judge and publish hours of a day that is not over: as many series as there is time for, at once as many as memory is for.

    Args:
        hours: of one day.
        lake, settings, shard: as `detect` has them.
        series: how many have samples in these hours.
    """
    pieces, wanted = divide(shard, series * settings.detect_history_hours)
    if len(wanted) < len(pieces):
        words = (
            "%s: %s hours of history are asked for, so the day's run judges %d %% of the series; %s voting alone asks for none"
        )
        left = round(100 * (1 - len(wanted) / len(pieces)))
        log.info(words, hours, f"{series * settings.detect_history_hours:,}", left, carried.NAME)
    voters = read_voters(lake, settings, hours.start)

    def judge(piece: tuple[int, int]) -> int:
        try:
            return _judge(hours, partial(read_points_so_far, hours, lake, settings, *piece), lake, settings, piece, voters)
        except DataError as error:
            if len(wanted) == 1:
                raise
            raise PartialError(str(error), 0) from error

    return _each([partial(judge, piece) for piece in wanted])


def divide(shard: tuple[int, int], asked: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """A shard in pieces that are shards themselves, of `AT_ONCE` hours of history or so, and those of them that a run judges.

    Args:
        shard: its number, and of how many.
        asked: hours of history of all its series.
    """
    number, shards = shard
    # A power of two, as is the number of buckets: so pieces are alike.
    count = max(1, min(1 << (-(-asked // AT_ONCE) - 1).bit_length(), BUCKETS // shards))
    pieces = [(number + shards * place, shards * count) for place in range(count)]
    return pieces, pieces[: count * MONITOR_POINTS // max(asked, MONITOR_POINTS)]


def _each(judge: Iterable[Callable[[], int]]) -> int:
    """The rows of parts of the work; what fails of some stops no others."""
    rows, troubles = 0, list[str]()
    for part in judge:
        try:
            rows += part()
        except PartialError as error:
            rows, troubles = rows + error.rows, [*troubles, str(error)]
    if troubles:
        raise PartialError("; ".join(troubles), rows)
    return rows


def _judge_days(served: Sequence[tuple[Interval, Voters]], lake: Lake, settings: Settings, shard: tuple[int, int]) -> int:
    """Judge and publish whole days, each by the vote that served it; what fails of some stops no others."""

    def judge(days: Interval, voters: Voters) -> int:
        if _carries(settings):
            return _judge_carried(days, lake, settings, Shard(*shard), voters)
        return _judge(days, partial(read_points, days, lake, settings, *shard), lake, settings, shard, voters)

    return _each([partial(judge, days, voters) for days, voters in served])


def _carries(settings: Settings) -> bool:
    """Whether the detector that votes alone carries what it knows from run to run."""
    return settings.detectors == (carried.NAME,)


def _judge_carried(interval: Interval, lake: Lake, settings: Settings, shard: Shard, voters: Voters) -> int:
    """Judge and publish the hours of an interval by what was kept of those before; of whole days what is known then is kept."""
    asked = Asked(
        plugs.options("detectors", carried.NAME, settings), voters.weights[carried.NAME], voters.thresholds[carried.NAME]
    )
    name = "points" if interval.is_whole_days else "points_so_far"

    def read_since(since: datetime) -> pd.DataFrame:
        return read(lake, name, since=since, as_of=interval.end, shard=shard.number, shards=shard.of)

    found, states = vote_on(interval, read_since, lake, settings, asked, shard)
    table, constant = ANOMALY_POINT, {"granularity": "hour", "model_version": voters.version}
    rows = conform(found.assign(**constant) if len(found) else table.empty(), table, interval)
    data = validate(rows, table, interval, lake, shard) if interval.is_whole_days else hold(rows, table, interval)
    scope = table.scope(interval, bucket=buckets_of(*shard))
    published = lake.replace(table, data, scope).rows
    if interval.is_whole_days:
        keep(interval, states, lake, shard, asked)
    return published


def _judge(
    interval: Interval,
    history: Callable[[], pd.DataFrame],
    lake: Lake,
    settings: Settings,
    part: tuple[int, int],
    voters: Voters,
) -> int:
    """Judge and publish the hours of an interval; `history` gives them with those before, `part` is the shard, of how many."""
    detectors = {name: from_threshold(each, voters.thresholds[name]) for name, each in bind_detectors(settings).items()}
    # The frame of all is not kept beside its parts.
    by_metric = dict(iter(history().groupby("metric", sort=True)))
    asked = settings.alert_votes, settings.detect_min_history_hours, voters.weights
    tell = _teller({name: plugs.declared_inputs("detectors", name) for name in detectors}, interval, lake, settings, part)
    table = ANOMALY_POINT
    scope = table.scope(interval, bucket=buckets_of(*part))
    kept: list[pa.Table] = []

    def search(segment: SegmentName) -> list[pd.DataFrame]:
        each_series = by_metric[segment.metric].groupby("series_id", sort=True)
        return [vote(series, interval, tell(detectors, series), *asked) for _, series in each_series]

    def stand_in(segment: SegmentName) -> str:
        published = lake.read(table, scope)
        kept.append(published.filter(pc.equal(published["metric"], segment.metric)).drop_columns([table.partition]))
        return f"its anomalies are {'those found before' if kept[-1].num_rows else 'none'}"

    segments = [SegmentName(str(metric), "hour") for metric in by_metric]
    found, failed = try_each(segments, search, "could not be searched for anomalies", stand_in)
    refuse_if_all(failed, done=bool(found), where=f"{table.name} {interval}")
    votes = [part for parts in found for part in parts if len(part)]
    judged = pd.concat(votes).assign(granularity="hour", model_version=voters.version) if votes else table.empty()
    rows = pa.concat_tables([conform(judged, table, interval), *(conform(each, table, interval) for each in kept)])
    if interval.is_whole_days:
        data = validate(rows, table, interval, lake, part, also=[each.result for each in failed])
    else:
        data = hold(rows, table, interval)
    return end_as_partial(failed, lake.replace(table, data, scope).rows)


Detectors = Mapping[str, Detector]


def _teller(
    inputs: Mapping[str, tuple[str, ...]], interval: Interval, lake: Lake, settings: Settings, part: tuple[int, int]
) -> Callable[[Detectors, pd.DataFrame], Detectors]:
    """Detectors of one series, each told what it declares of that series; what nobody declares is not read."""
    readers: dict[str, Callable[[], Callable[[pd.DataFrame], Any]]] = {
        "forecast": lambda: partial(forecast_of, forecasts=read_forecasts(interval, lake, settings, *part)),
        "others": lambda: partial(others_of, beside=read_beside(interval, lake, settings, *part)),
    }
    known = {name: readers[name]() for name in sorted({name for some in inputs.values() for name in some})}

    def tell(detectors: Detectors, series: pd.DataFrame) -> Detectors:
        return {
            name: partial(detect, **{each: known[each](series) for each in inputs[name]}) if inputs[name] else detect
            for name, detect in detectors.items()
        }

    return tell
