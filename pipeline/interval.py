"""The one notion of time in Headroom: half-open UTC data intervals."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from pipeline.errors import ConfigError


def naive_utc(moment: datetime) -> datetime:
    """The same moment as a naive UTC datetime, the only kind the lake stores."""
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


#: Day of the next month, up to which a billing period is expected to change.
_RESTATED_UNTIL = 15
#: In place of a billing period: all before those of a run.
OLDER = "older"
#: The weekday on which bills of before are looked at, too: Monday.
_LOOKS_BACK_ON = 0


@dataclass(frozen=True, order=True)
class Interval:
    """A half-open data interval `[start, end)` of naive UTC datetimes; a run knows what was known at `as_of`."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo or self.end.tzinfo:
            raise ConfigError(f"interval bounds are naive UTC datetimes, got {self.start!r} and {self.end!r}")
        if self.start >= self.end:
            raise ConfigError(f"interval [{self.start}, {self.end}) is empty: start must lie before end")

    @classmethod
    def day(cls, day: date | str) -> Interval:
        """The UTC day `YYYY-MM-DD`; not the last one that Python knows, which has no end."""
        start = datetime.combine(_parse_day(day), datetime.min.time())
        try:
            return cls(start, start + timedelta(days=1))
        except OverflowError:
            raise ConfigError(f"expected a day before {start:%Y-%m-%d}, the last that there is, got it") from None

    @classmethod
    def between(cls, start: str, end: str) -> Interval:
        """From one moment to another, which is not included; each a day, `YYYY-MM-DD`, or a time, `YYYY-MM-DDTHH:MM[:SS]`.

        Without an offset a time is UTC.
        """
        return cls(_parse_moment(start), _parse_moment(end))

    @classmethod
    def days(cls, first: date | str, end: date | str) -> Interval:
        """From the first day, to the end day, which is not included."""
        return cls(cls.day(first).start, cls.day(end).start)

    @property
    def as_of(self) -> datetime:
        return self.end

    @property
    def is_whole_days(self) -> bool:
        """Whether it begins and ends at midnight."""
        return self.start.time() == self.end.time() == time.min

    @classmethod
    def month(cls, month: str) -> Interval:
        """The month `YYYY-MM`."""
        if not re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", month):
            raise ConfigError(f"expected a month as YYYY-MM, got {month!r}")
        start = cls.day(f"{month}-01").start
        try:
            return cls(start, _month_after(start))
        except ValueError:
            raise ConfigError(f"expected a month before {month}, the last that there is, got it") from None

    @property
    def late_in_month(self) -> Interval:
        """The end of its first month, in which the bill of no other month is expected to change, see `billing_periods`."""
        months = self.whole_months()
        return Interval(months.start + timedelta(days=_RESTATED_UNTIL), _month_after(months.start))

    def split_days(self) -> Iterator[Interval]:
        """The interval cut at midnights; the parts add up to it exactly."""
        start = self.start
        while start < self.end:
            midnight = datetime.combine(start.date(), datetime.min.time()) + timedelta(days=1)
            yield Interval(start, min(midnight, self.end))
            start = midnight

    def split_periods(self, period: timedelta) -> Iterator[Interval]:
        """The interval cut into periods that count from midnight; the parts add up to it exactly.

        Raises:
            ConfigError: a day is no multiple of the period, or the interval does not begin and end with one.
        """
        if timedelta(days=1) % period:
            raise ConfigError(f"a day of 86400 s is no multiple of {period.total_seconds():g} s")
        if odd := [each for each in (self.start, self.end) if (each - datetime.min) % period]:
            raise ConfigError(
                f"{self} does not consist of periods of {period.total_seconds():g} s that count from midnight: look at "
                f"{odd[0].isoformat()}"
            )
        start = self.start
        while start < self.end:
            yield Interval(start, start + period)
            start += period

    def periods_over(self, period: timedelta) -> Interval | None:
        """The periods, counted from midnight, that it touches and that are over by its end; None where none is."""
        start, end = (each - (each - datetime.min) % period for each in (self.start, self.end))
        return Interval(start, end) if start < end else None

    def whole_months(self) -> Interval:
        """From the first of the month of its first moment to the end of the month of its last one."""
        last = self.end - timedelta(microseconds=1)
        return Interval(datetime(self.start.year, self.start.month, 1), _month_after(last))

    def billing_periods(self) -> Interval:
        """The months that it touches, and the one before where it begins in the first half of its month.

        Until then a provider restates the bill of a month that is over (AWS: within the first two weeks of the next).
        """
        months = self.whole_months()
        if self.start.day > _RESTATED_UNTIL:
            return months
        return Interval((months.start - timedelta(days=1)).replace(day=1), months.end)

    @property
    def looks_back(self) -> bool:
        """Whether its run looks at the bills of all months before its billing periods as well: once a week.

        The days alone decide, so that a run that is repeated does what it did.
        """
        return any(day.start.weekday() == _LOOKS_BACK_ON for day in self.split_days())

    def split_months(self) -> Iterator[Interval]:
        """The interval cut at the firsts of months; the parts add up to it exactly."""
        start = self.start
        while start < self.end:
            yield Interval(start, min(_month_after(start), self.end))
            start = _month_after(start)

    def split_years(self) -> Iterator[Interval]:
        """The interval cut at new years; the parts add up to it exactly."""
        start = self.start
        while start < self.end:
            new_year = datetime(start.year + 1, 1, 1)
            yield Interval(start, min(new_year, self.end))
            start = new_year

    def __contains__(self, moment: datetime) -> bool:
        return self.start <= moment < self.end

    def __str__(self) -> str:
        return f"[{self.start.isoformat()}, {self.end.isoformat()})"


def _month_after(moment: datetime) -> datetime:
    return datetime(moment.year + moment.month // 12, moment.month % 12 + 1, 1)


def _parse_day(day: date | str) -> date:
    if isinstance(day, datetime):
        raise ConfigError(f"expected a day, got the moment {day!r}")
    if isinstance(day, date):
        return day
    try:
        return date.fromisoformat(day)
    except ValueError as error:
        raise ConfigError(f"expected a day as YYYY-MM-DD, got {day!r}") from error


def _parse_moment(text: str) -> datetime:
    if re.fullmatch(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?)?", text):
        try:
            return naive_utc(datetime.fromisoformat(text))
        except (ValueError, OverflowError):
            pass
    raise ConfigError(f"expected a day as YYYY-MM-DD, or a time as YYYY-MM-DDTHH:MM, in UTC; got {text!r}")
