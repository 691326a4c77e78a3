"""When the DAG `monitor` makes the run of which period."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline.interval import naive_utc

START = datetime(2024, 1, 1, tzinfo=UTC)
pytestmark = [pytest.mark.usefixtures("dag_files")]


def next_run(
    now: str, last: str | None, monkeypatch: pytest.MonkeyPatch, *, catchup: bool = False, latest: str = ""
) -> str | None:
    """Start and end of the next run's period, and when it is made."""
    import pendulum
    import periods
    from airflow.timetables.base import DataInterval, TimeRestriction

    monkeypatch.setattr(periods, "utcnow", lambda: pendulum.parse(now))
    start: Any = pendulum.parse(last) if last else None
    until: Any = pendulum.parse(latest) if latest else None
    info = periods.Periods(period_s=300, wait_s=120).next_dagrun_info(
        last_automated_data_interval=start and DataInterval(start, start.add(minutes=5)),
        restriction=TimeRestriction(earliest=pendulum.instance(START), latest=until, catchup=catchup),
    )
    if info is None:
        return None
    assert info.data_interval is not None
    moments = (info.data_interval.start, info.data_interval.end, info.run_after)
    return " ".join(naive_utc(moment).strftime("%d-%H:%M") for moment in moments)


@pytest.mark.parametrize(
    ("now", "last", "expected"),
    [
        ("2026-03-02T10:13:00Z", "2026-03-02T10:00:00Z", "02-10:05 02-10:10 02-10:12"),
        ("2026-03-02T10:08:00Z", "2026-03-02T10:00:00Z", "02-10:05 02-10:10 02-10:12"),
        ("2026-03-02T10:13:00Z", None, "02-10:05 02-10:10 02-10:12"),
        ("2026-03-02T10:11:59Z", None, "02-10:00 02-10:05 02-10:07"),
        ("2026-03-02T00:03:00Z", None, "01-23:55 02-00:00 02-00:02"),
    ],
)
def test_a_period_is_run_two_minutes_after_its_end_and_the_first_run_is_of_the_newest(
    now: str, last: str | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert next_run(now, last, monkeypatch) == expected


@pytest.mark.parametrize(
    ("last", "expected"),
    [("2026-03-02T09:15:00Z", "02-09:20 02-09:25 02-09:27"), ("2026-03-02T04:00:00Z", "02-09:05 02-09:10 02-09:12")],
)
def test_what_was_missed_is_made_in_its_order_back_to_an_hour_ago(
    last: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert next_run("2026-03-02T10:13:00Z", last, monkeypatch) == expected


def test_a_backfill_begins_where_it_is_asked_to_and_ends_there(monkeypatch: pytest.MonkeyPatch) -> None:
    now = "2026-05-01T10:13:00Z"
    assert next_run(now, None, monkeypatch, catchup=True) == "01-00:00 01-00:05 01-00:07"
    assert next_run(now, "2024-01-01T00:00:00Z", monkeypatch, catchup=True) == "01-00:05 01-00:10 01-00:12"
    assert next_run(now, "2024-01-01T00:00:00Z", monkeypatch, catchup=True, latest="2024-01-01T00:04:00Z") is None


def test_after_a_change_of_the_period_no_moment_is_made_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    assert next_run("2026-03-02T10:33:00Z", "2026-03-02T10:02:00Z", monkeypatch) == "02-10:10 02-10:15 02-10:17"


def test_airflow_stores_the_rhythm_and_reads_it_back_and_a_run_by_hand_is_of_a_whole_period() -> None:
    import pendulum
    from periods import Periods

    read = Periods.deserialize(Periods(period_s=600, wait_s=60).serialize())
    found = read.infer_manual_data_interval(run_after=pendulum.datetime(2026, 3, 2, 10, 13))

    assert (read.serialize(), read.summary) == ({"period_s": 600, "wait_s": 60}, "every 600 s")
    assert (found.start, found.end) == (pendulum.datetime(2026, 3, 2, 10), pendulum.datetime(2026, 3, 2, 10, 10))
