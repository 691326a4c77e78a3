import itertools
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ConfigError
from pipeline.interval import Interval, naive_utc


def test_an_interval_holds_its_start_and_not_its_end() -> None:
    day = Interval.day("2026-03-01")

    assert datetime(2026, 3, 1) in day
    assert datetime(2026, 3, 2) not in day
    assert day.as_of == datetime(2026, 3, 2)


@given(st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)), st.timedeltas(timedelta(microseconds=1), timedelta(days=40)))
def test_the_days_of_an_interval_add_up_to_it_without_gap_or_overlap(start: datetime, length: timedelta) -> None:
    whole = Interval(start, start + length)

    parts = list(whole.split_days())

    assert parts[0].start == whole.start
    assert parts[-1].end == whole.end
    assert all(before.end == after.start for before, after in itertools.pairwise(parts))
    assert all(part.start.date() == (part.end - timedelta(microseconds=1)).date() for part in parts)


def test_the_years_of_an_interval_add_up_to_it() -> None:
    parts = list(Interval.days("2023-10-01", "2026-04-15").split_years())

    assert [part.start.date().isoformat() for part in parts] == ["2023-10-01", "2024-01-01", "2025-01-01", "2026-01-01"]
    assert parts[-1].end == datetime(2026, 4, 15)


def test_a_leap_day_is_a_day() -> None:
    assert Interval.days("2028-02-28", "2028-03-01") == Interval(datetime(2028, 2, 28), datetime(2028, 3, 1))
    assert len(list(Interval.days("2028-02-28", "2028-03-01").split_days())) == 2


@pytest.mark.parametrize("text", ["2026-13-01", "yesterday", "", "2026-03-01T00:00:00"])
def test_what_is_not_a_day_is_refused_by_name(text: str) -> None:
    with pytest.raises(ConfigError, match="expected a day as YYYY-MM-DD"):
        Interval.day(text)


def test_an_empty_or_reversed_interval_is_refused() -> None:
    with pytest.raises(ConfigError, match="start must lie before end"):
        Interval.days("2026-03-02", "2026-03-02")


def test_a_bound_with_a_time_zone_is_refused_because_the_lake_is_naive_utc() -> None:
    with pytest.raises(ConfigError, match="naive UTC"):
        Interval(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC))


def test_a_moment_elsewhere_becomes_the_same_moment_in_utc() -> None:
    tokyo = timezone(timedelta(hours=9))

    assert naive_utc(datetime(2026, 3, 1, 9, tzinfo=tokyo)) == datetime(2026, 3, 1)
    assert Interval.day(date(2026, 3, 1)).start == datetime(2026, 3, 1)


def test_in_the_end_of_a_month_no_bill_but_its_own_is_due() -> None:
    late = Interval.month("2026-02").late_in_month

    assert late == Interval.days("2026-02-16", "2026-03-01")
    assert late.billing_periods() == Interval.month("2026-02") == Interval.days("2026-02-01", "2026-03-01")


@pytest.mark.parametrize(("first", "end", "looks_back"), [(9, 10, True), (10, 16, False), (14, 17, True)])
def test_a_run_that_has_a_monday_looks_back_at_bills_of_before(first: int, end: int, looks_back: bool) -> None:
    assert Interval.days(f"2026-03-{first:02d}", f"2026-03-{end:02d}").looks_back is looks_back


@pytest.mark.parametrize("month", ["2026-13", "2026-3", "2026", "2026-03-01", "٢٠٢٦-٠٣", ""])
def test_what_is_no_month_is_refused_with_what_was_expected(month: str) -> None:
    with pytest.raises(ConfigError, match="expected a month as YYYY-MM"):
        Interval.month(month)


def test_the_last_day_and_the_last_month_that_there_are_have_no_end_and_are_refused() -> None:
    with pytest.raises(ConfigError, match="expected a day before 9999-12-31"):
        Interval.day("9999-12-31")
    with pytest.raises(ConfigError, match="expected a month before 9999-12"):
        Interval.month("9999-12")


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2026-04-15T10:05", "2026-04-15T10:10", "[2026-04-15T10:05:00, 2026-04-15T10:10:00)"),
        ("2026-04-15", "2026-04-15T00:05:30Z", "[2026-04-15T00:00:00, 2026-04-15T00:05:30)"),
        ("2026-04-15 10:05+02:00", "2026-04-16", "[2026-04-15T08:05:00, 2026-04-16T00:00:00)"),
    ],
)
def test_an_interval_may_begin_and_end_at_a_time_in_utc_or_with_an_offset(start: str, end: str, expected: str) -> None:
    assert str(Interval.between(start, end)) == expected


@pytest.mark.parametrize(
    "text", ["10:05", "2026-04-15T10", "2026-04-15T25:00", "2026-04-15T10:05:00.5", "2026-02-30", "0001-01-01T00:00+01:00"]
)
def test_what_is_neither_a_day_nor_a_time_is_refused_by_name(text: str) -> None:
    with pytest.raises(ConfigError, match="expected a day as YYYY-MM-DD, or a time as YYYY-MM-DDTHH:MM, in UTC; got "):
        Interval.between(text, "2026-04-16")


def test_an_interval_of_whole_days_begins_and_ends_at_midnight() -> None:
    assert Interval.days("2026-04-15", "2026-04-17").is_whole_days
    assert not Interval.between("2026-04-15", "2026-04-15T23:55").is_whole_days
    assert not Interval.between("2026-04-15T00:05", "2026-04-16").is_whole_days


@given(st.integers(0, 287), st.integers(1, 600), st.sampled_from([300, 600, 900, 3600]))
def test_the_periods_of_an_interval_add_up_to_it_and_count_from_midnight(first: int, count: int, period_s: int) -> None:
    period = timedelta(seconds=period_s)
    start = datetime(2026, 4, 15) + first * period

    parts = list(Interval(start, start + count * period).split_periods(period))

    assert (parts[0].start, parts[-1].end, len(parts)) == (start, start + count * period, count)
    assert all(before.end == after.start for before, after in itertools.pairwise(parts))


@pytest.mark.parametrize(
    ("start", "period_s", "complaint"),
    [
        ("2026-04-15T10:03", 300, "does not consist of periods of 300 s .*10:03"),
        ("2026-04-15", 7000, "a day of 86400 s is no multiple"),
    ],
)
def test_what_is_no_number_of_periods_is_not_cut(start: str, period_s: int, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        list(Interval.between(start, "2026-04-16").split_periods(timedelta(seconds=period_s)))
