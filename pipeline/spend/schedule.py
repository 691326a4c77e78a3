"""What is charged by the calendar and not by use: fees that come back every month, and tax on the rest."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from pipeline.forecasting.panel import Floats
from pipeline.spend.usage import PATHS

Days = npt.NDArray[np.datetime64]
# Days after it was due that a fee may be late; then it has ended.
_GRACE = 5
# A fee charged on so many days of a month is charged every day.
_EVERY_DAY = 25
# Use that is charged on so few days of a month comes as a fee does.
_FEW = 3
# Past months that say how much a fee moves, and by how much at most; and those that say what share tax is.
_MOVES, _MOST, _RATES = 12, 2.0, 3


@dataclass(frozen=True)
class Past:
    """What was charged on each day, all days known.

    Attributes:
        dates: (T,) days in order, without gaps.
        amounts: (T,) 0 where nothing was charged.
    """

    dates: Days
    amounts: Floats

    @property
    def running(self) -> np.datetime64:
        """The month of the first day that is not known."""
        month: np.datetime64 = (self.dates[-1] + 1).astype("datetime64[M]")
        return month

    def of(self, month: np.datetime64) -> npt.NDArray[np.int64]:
        """Days of a month, from 1, on which something was charged."""
        inside = (self.dates.astype("datetime64[M]") == month) & (self.amounts != 0)
        return _day_of_month(self.dates[inside])

    def is_whole(self, month: np.datetime64) -> bool:
        """Whether all days of a month are known."""
        return bool(self.dates[0].astype("datetime64[M]") <= month < self.running)

    def level(self, month: np.datetime64) -> float:
        """What a month's charged days cost on average; 0 where none was."""
        inside = (self.dates.astype("datetime64[M]") == month) & (self.amounts != 0)
        return float(self.amounts[inside].mean()) if inside.any() else 0.0

    def total(self, month: np.datetime64) -> float:
        return float(self.amounts[self.dates.astype("datetime64[M]") == month].sum())


def recurs(past: Past) -> bool:
    """Whether it was charged in the last whole month, in the one before or the running one, and is not overdue now."""
    last, now = past.running - 1, past.of(past.running)
    due = past.of(last)
    if not len(due) or not (len(past.of(last - 1)) or len(now)):
        return False
    known = int((past.dates[-1] - past.running.astype("datetime64[D]")) / np.timedelta64(1, "D")) + 1
    return bool(len(now)) or known < int(due.min()) + _GRACE


def comes_monthly(past: Past) -> bool:
    """Whether use is charged on a few days of every month, so that it has a schedule and no level."""
    last = past.running - 1
    return recurs(past) and all(1 <= len(past.of(month)) <= _FEW for month in (last, last - 1))


def go_on(past: Past, ahead: Days, random: np.random.Generator) -> Floats:
    """(days ahead, PATHS) what a fee that recurs is expected to cost: on the same days of each month, as much as last.

    A fee that never changed is certain; one that did moves from month to month as it did before, without a trend. What was due
    and is late is charged on the first day that is not known. When a term ends no bill says: it is taken to be renewed.

    Args:
        past: one fee, which recurs.
        ahead: (D,) the days after those known.
        random: of the moves.
    """
    last, running = past.running - 1, past.running
    due, begun = past.of(last), past.of(running)
    newest = past.level(running) or past.level(last)
    daily = np.zeros(len(ahead))
    months = ahead.astype("datetime64[M]")
    for month in np.unique(months):
        inside = np.flatnonzero(months == month)
        if len(due) >= _EVERY_DAY:
            daily[inside] = newest
            continue
        length = _day_of_month((month + 1).astype("datetime64[D]") - 1)
        left = due[due > begun.max(initial=0)] if month == running else due
        on = np.minimum(left, length)
        np.add.at(daily, inside[np.clip(on - _day_of_month(ahead[inside[0]]), 0, None)], newest)
    return daily[:, None] * _moves(past, months, random)


def _moves(past: Past, months: npt.NDArray[np.datetime64], random: np.random.Generator) -> Floats:
    """(D, PATHS) what each day's amount is multiplied by."""
    before = [past.level(past.running - back) for back in range(_MOVES + 1, 0, -1) if past.is_whole(past.running - back)]
    ratios = np.array([new / old for old, new in pairwise(before) if old * new > 0])
    number = (months - months[0]).astype(np.int64)
    if not len(ratios) or np.allclose(ratios, 1.0, atol=1e-6):
        return np.ones((len(months), PATHS))
    steps = np.log(np.clip(ratios, 1 / _MOST, _MOST))
    drawn = random.choice(steps - np.median(steps), size=(int(number[-1]) + 1, PATHS))
    moved: Floats = np.exp(np.cumsum(drawn, axis=0))[number]
    return moved


def tax_rate(tax: Past, base: Past) -> float | None:
    """What share of the rest of a month's charges tax was, the median of the last three; None where there is no rest."""
    months = [tax.running - back for back in range(1, _RATES + 1) if tax.is_whole(tax.running - back)]
    rates = [tax.total(month) / base.total(month) for month in months if base.total(month) > 0]
    return float(np.median(rates)) if rates else None


def tax_ahead(tax: Past, base: Past, rate: float, paths: Floats, ahead: Days) -> Floats:
    """(days ahead, PATHS) tax at a rate on each path of the rest, on the day of the month of the last one.

    What a running month was taxed so far counts; the remainder comes on its last day.

    Args:
        tax, base: what was charged so far.
        rate: of `tax_rate`.
        paths: (D, PATHS) the rest ahead.
        ahead: (D,) the days after those known.
    """
    months, found = ahead.astype("datetime64[M]"), np.zeros(paths.shape)
    on = int(tax.of(tax.running - 1).max(initial=1))
    for month in np.unique(months):
        inside = np.flatnonzero(months == month)
        due = rate * paths[inside].sum(axis=0)
        if month == tax.running:
            found[inside[-1]] = np.maximum(due + rate * base.total(month) - tax.total(month), 0.0)
        else:
            found[inside[min(on, len(inside)) - 1]] = due
    return found


def _day_of_month(days: Days | np.datetime64) -> npt.NDArray[np.int64]:
    number: npt.NDArray[np.int64] = (days - days.astype("datetime64[M]").astype("datetime64[D]")).astype(np.int64) + 1
    return number
