"""The monitor judges each hour when it is over, and says of it what the day's run says when all samples are in."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

import pipeline.steps.detect as detect_step
from pipeline import settings as settings_module
from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake
from pipeline.settings import Settings
from pipeline.steps.build import build
from pipeline.steps.detect import detect
from pipeline.steps.incidents import incidents
from pipeline.tables.anomalies import ANOMALY, ANOMALY_POINT, DETECTOR_STATE
from pipeline.tables.schema import Scope
from pipeline.tables.usage import HOUR_OBSERVED, METRIC_SAMPLE
from tests.support import golden
from tests.support.kept import Kept

DAYS = 9
START = datetime(2026, 3, 1)
DAY = Interval(START + timedelta(days=DAYS), START + timedelta(days=DAYS + 1))
BEFORE = Interval(START, DAY.start)
FIVE = timedelta(minutes=5)
#: Of one resource, whose series lie in even and in odd buckets.
METRICS = ("cpu_utilization", "memory_utilization", "disk_utilization", "gpu_utilization")
#: Hours of the day in which both metrics of one resource are far from what they were.
ODD = range(9, 14)


def samples(span: Interval) -> dict[datetime, float]:
    """Half-hourly samples of a daily wave, which leaves it in the hours that are odd."""
    moments = [span.start + timedelta(minutes=30 * number) for number in range(int((span.end - span.start) / FIVE) // 6)]
    noise = np.random.default_rng(5).normal(0, 0.3, 48 * (DAYS + 1))
    return {
        each: float(30 + 10 * np.sin(each.hour / 24 * 2 * np.pi) + noise[int((each - START) / FIVE) // 6])
        + (55 if each >= DAY.start and each.hour in ODD else 0)
        for each in moments
    }


def land(
    settings: Settings, values: dict[datetime, float], metrics: tuple[str, ...] = ("cpu_utilization", "memory_utilization")
) -> None:
    rows = [
        {"resource_id": "i-1", "metric": metric, "ts": ts, "value": value, "period_s": 1800}
        for metric in metrics
        for ts, value in values.items()
    ]
    first = min(values)
    open_lake(settings).land(METRIC_SAMPLE, golden.payload(*rows), source="csv", shard=f"{first:%d%H%M}", ingested_at=DAY.end)


def make(settings: Settings, interval: Interval) -> None:
    """What a run of the monitor makes of an interval, its late samples among it, or, of whole days, a run of a day."""
    built = "silver.metric_hourly" if interval.is_whole_days else HOUR_OBSERVED.name
    build(interval, open_lake(settings), settings, target=built)
    detect(interval, open_lake(settings), settings)
    incidents(interval, open_lake(settings), settings)


@pytest.fixture
def known(kept: Kept) -> Settings:
    """A lake with the days before, and settings that judge after three of them."""
    return kept.restore(know)


def know(settings: Settings) -> Settings:
    chosen = settings_module.load({}, home=settings.home, detect_min_history_hours=72)
    land(chosen, samples(BEFORE))
    build(BEFORE, open_lake(chosen), chosen, target="silver.metric_hourly")
    return chosen


def published(lake: Lake) -> tuple[str, str]:
    """What is said of the hours of the day, and of incidents as of its end."""
    as_of = Scope(ANOMALY.time, DAY.end, DAY.end + timedelta(microseconds=1))
    return lake.content(ANOMALY_POINT, ANOMALY_POINT.scope(DAY)), lake.content(ANOMALY, as_of)


@pytest.mark.parametrize(
    ("detector", "cuts"), [("default", (7, 10, 11, 24)), ("default", (13, 23, 24)), ("bounded", (7, 10, 24))], ids=str
)
def test_a_day_of_runs_of_the_monitor_publishes_what_one_run_of_the_day_does(
    known: Settings, detector: str, cuts: tuple[int, ...]
) -> None:
    known = known.model_copy(update={"detectors": (detector,)})
    for start, end in zip((0, *cuts), cuts, strict=False):
        part = Interval(DAY.start + timedelta(hours=start), DAY.start + timedelta(hours=end))
        land(known, samples(part))
        make(known, part)
    by_the_monitor = published(open_lake(known))
    rows = open_lake(known).read(ANOMALY_POINT, ANOMALY_POINT.scope(DAY)).to_pylist()

    make(known, DAY)

    assert published(open_lake(known)) == by_the_monitor
    assert {row["ts"].hour for row in rows if row["state"] == "anomalous"} == {*ODD}
    assert len(rows) == 2 * 24


def test_an_hour_is_judged_by_the_run_that_ends_it_and_what_comes_late_changes_it_and_its_incident(known: Settings) -> None:
    hour = Interval(DAY.start + timedelta(hours=9), DAY.start + timedelta(hours=10))
    land(known, samples(Interval(DAY.start, hour.start)))
    make(known, Interval(DAY.start, hour.start))
    make(known, Interval(hour.end - 3 * FIVE, hour.end - FIVE))
    before = open_lake(known).read(ANOMALY_POINT, ANOMALY_POINT.scope(hour)).num_rows
    land(known, samples(hour), ("cpu_utilization",))
    make(known, Interval(hour.end - 3 * FIVE, hour.end))
    first = open_lake(known).read(ANOMALY).to_pylist()
    land(known, samples(hour), ("memory_utilization",))
    make(known, Interval(hour.end - 2 * FIVE, hour.end + FIVE))

    again = open_lake(known).read(ANOMALY).to_pylist()
    assert before == 0
    assert [(row["as_of"], row["metrics"], row["is_open"]) for row in first] == [(hour.end, "cpu_utilization", True)]
    assert [(row["as_of"], row["metrics"]) for row in again] == [(hour.end, "cpu_utilization,memory_utilization")]
    assert again[0]["anomaly_id"] == first[0]["anomaly_id"]
    assert detect(Interval(hour.end + FIVE, hour.end + 2 * FIVE), open_lake(known), known) == 0


def test_incidents_of_an_hour_take_the_place_of_those_of_the_hours_of_its_day_and_of_no_other_run(known: Settings) -> None:
    land(known, samples(DAY))
    make(known, BEFORE)
    for hour in (10, 11, 12):
        make(known, Interval(DAY.start + timedelta(hours=hour - 1), DAY.start + timedelta(hours=hour)))

    said = open_lake(known).read(ANOMALY).to_pylist()
    assert [(row["as_of"], row["hours"]) for row in said] == [(DAY.start + timedelta(hours=12), 3)]


def test_a_late_run_of_the_monitor_leaves_what_the_run_of_its_day_found_missing(known: Settings) -> None:
    known = known.model_copy(update={"detect_min_history_hours": 24})
    land(known, samples(BEFORE), ("disk_utilization",))
    land(known, samples(DAY))
    build(BEFORE, open_lake(known), known, target="silver.metric_hourly")
    make(known, DAY)
    by_the_day = published(open_lake(known))
    kinds = {row["kind"] for row in open_lake(known).read(ANOMALY).to_pylist()}

    make(known, Interval(DAY.end - FIVE, DAY.end))

    assert kinds == {"deviation", "missing"}
    assert published(open_lake(known)) == by_the_day


def test_where_judging_asks_for_too_much_history_it_is_left_to_the_run_of_the_day_but_not_by_what_is_carried(
    known: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = Interval(DAY.start, DAY.start + timedelta(hours=1))
    land(known, samples(part))
    build(part, open_lake(known), known, target=HOUR_OBSERVED.name)
    monkeypatch.setattr(detect_step, "MONITOR_POINTS", 2 * 672 - 1)
    frugal = detect(part, open_lake(known), known)
    by_carrying = detect(part, open_lake(known), carried(known))
    monkeypatch.setattr(detect_step, "MONITOR_POINTS", 2 * 672)

    assert (frugal, by_carrying, detect(part, open_lake(known), known)) == (0, 2, 2)


def test_where_there_is_time_for_some_series_alone_these_are_judged_and_so_many_at_once_as_memory_is_for(
    known: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    part = Interval(DAY.start, DAY.start + timedelta(hours=1))
    land(known, samples(BEFORE), METRICS[2:])
    land(known, samples(part), METRICS)
    build(BEFORE, open_lake(known), known, target="silver.metric_hourly")
    build(part, open_lake(known), known, target=HOUR_OBSERVED.name)
    even = {row["series_id"] for row in open_lake(known).read(HOUR_OBSERVED).to_pylist() if row["bucket"] % 2 == 0}
    monkeypatch.setattr(detect_step, "AT_ONCE", 2 * 672)
    monkeypatch.setattr(detect_step, "MONITOR_POINTS", 4 * 672 - 1)
    with caplog.at_level("INFO"):
        detect(part, open_lake(known), known)
    some = {row["series_id"] for row in open_lake(known).read(ANOMALY_POINT).to_pylist()}
    monkeypatch.setattr(detect_step, "MONITOR_POINTS", 4 * 672)
    in_two = detect(part, open_lake(known), known), open_lake(known).content(ANOMALY_POINT)
    monkeypatch.setattr(detect_step, "AT_ONCE", 4 * 672)
    detect(part, open_lake(known), known)

    assert 0 < len(even) < 4
    assert some == even
    assert "2,688 hours of history are asked for, so the day's run judges 50 % of the series" in caplog.text
    assert in_two == (4, open_lake(known).content(ANOMALY_POINT))


def carried(settings: Settings) -> Settings:
    """The same settings, with the detector that carries what it knows."""
    return settings.model_copy(update={"detectors": ("bounded",)})


def states(settings: Settings) -> set[str]:
    return {f"{row['ts']:%m-%d} {row['kept']}" for row in open_lake(settings).read(DETECTOR_STATE).to_pylist()}


def test_what_is_known_is_kept_at_the_end_of_each_day_and_the_next_run_reads_the_hours_since(
    known: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = carried(known)
    land(settings, samples(DAY))
    make(settings, BEFORE)
    asked: list[datetime] = []
    read = detect_step.read

    def spied(lake: Lake, name: str, **params: Any) -> Any:
        asked.append(params["since"])
        return read(lake, name, **params)

    monkeypatch.setattr(detect_step, "read", spied)
    part = Interval(DAY.start, DAY.start + timedelta(hours=2))
    make(settings, part)
    make(settings, DAY)

    assert states(settings) == {"03-10 for days", "03-11 for days"}
    assert asked == [DAY.start, DAY.start]


def test_days_that_are_made_one_by_one_or_at_once_or_again_say_the_same_and_what_was_known_later_goes_where_it_changes(
    known: Settings,
) -> None:
    settings = carried(known)
    land(settings, samples(DAY))
    both = Interval(BEFORE.end - timedelta(days=1), DAY.end)
    build(DAY, open_lake(settings), settings, target="silver.metric_hourly")
    for day in both.split_days():
        detect(day, open_lake(settings), settings)
    one_by_one = [open_lake(settings).content(table) for table in (ANOMALY_POINT, DETECTOR_STATE)]
    detect(next(both.split_days()), open_lake(settings), settings)
    again = [open_lake(settings).content(table) for table in (ANOMALY_POINT, DETECTOR_STATE)]
    detect(both, open_lake(settings), settings)
    at_once = open_lake(settings).content(ANOMALY_POINT)
    first = next(both.split_days())
    land(settings, {each: value + 50 for each, value in samples(first).items()})
    build(first, open_lake(settings), settings, target="silver.metric_hourly")
    detect(first, open_lake(settings), settings)

    assert again == one_by_one
    assert at_once == one_by_one[0]
    assert states(settings) == {f"{first.end:%m-%d} for days"}


def test_where_a_shard_of_the_day_before_failed_its_series_go_on_from_what_was_known_earlier(known: Settings) -> None:
    settings = carried(known)
    for span in (BEFORE, DAY):
        land(settings, samples(span), METRICS)
    first, last = (Interval(DAY.start - timedelta(days=2 - day), DAY.start - timedelta(days=1 - day)) for day in (0, 1))
    build(Interval(BEFORE.start, DAY.end), open_lake(settings), settings, target="silver.metric_hourly")
    for shard in (0, 1):
        detect(first, open_lake(settings), settings, shard=shard, shards=2)
    of_both = {row["bucket"] % 2 for row in open_lake(settings).read(DETECTOR_STATE).to_pylist()}
    detect(last, open_lake(settings), settings, shard=0, shards=2)

    detect(DAY, open_lake(settings), settings)

    assert of_both == {0, 1}
    assert open_lake(settings).read(ANOMALY_POINT, ANOMALY_POINT.scope(DAY)).num_rows == 4 * 24
