"""When the daily run of which day is made."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline.interval import naive_utc

START = datetime(2024, 1, 1, tzinfo=UTC)


def next_run(now: str, last_day: str | None, monkeypatch: pytest.MonkeyPatch, *, catchup: bool = False) -> tuple[str, str]:
    """The day of the next run by the clock, and when it is made."""
    import pendulum
    from airflow.timetables import interval
    from airflow.timetables.base import DataInterval, TimeRestriction
    from settled_days import SettledDays

    monkeypatch.setattr(interval, "utcnow", lambda: pendulum.parse(now))
    last: Any = pendulum.parse(last_day) if last_day else None
    info = SettledDays(hours=3).next_dagrun_info(
        last_automated_data_interval=last and DataInterval(last, last.add(days=1)),
        restriction=TimeRestriction(earliest=pendulum.instance(START), latest=None, catchup=catchup),
    )
    assert info is not None
    assert info.data_interval is not None
    assert info.data_interval.end == info.data_interval.start.add(days=1)
    return info.data_interval.start.to_date_string(), naive_utc(info.run_after).isoformat(timespec="minutes")


@pytest.mark.usefixtures("dag_files")
@pytest.mark.parametrize(
    ("now", "last_day", "expected"),
    [
        ("2026-03-02T00:30:00Z", "2026-02-28", ("2026-03-01", "2026-03-02T03:00")),
        ("2026-03-02T03:00:00Z", "2026-02-28", ("2026-03-01", "2026-03-02T03:00")),
        ("2026-03-02T03:01:00Z", "2026-03-01", ("2026-03-02", "2026-03-03T03:00")),
        ("2026-03-02T11:00:00Z", None, ("2026-03-01", "2026-03-02T03:00")),
    ],
)
def test_a_day_is_run_three_hours_after_it_ended_and_no_run_exists_before(
    now: str, last_day: str | None, expected: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert next_run(now, last_day, monkeypatch) == expected


@pytest.mark.usefixtures("dag_files")
def test_a_backfill_goes_from_midnight_to_midnight_and_its_past_days_wait_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert next_run("2026-05-01T00:30:00Z", "2026-03-01", monkeypatch, catchup=True) == ("2026-03-02", "2026-03-03T03:00")


@pytest.mark.usefixtures("dag_files")
def test_airflow_stores_the_rhythm_and_reads_it_back() -> None:
    from settled_days import SettledDays

    read = SettledDays.deserialize(SettledDays(hours=3).serialize())

    assert (read.hours, read.summary) == (3, "daily, 03:00 UTC")
