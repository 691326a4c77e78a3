"""How the running month of a budget goes, day by day and cumulated: what is billed, what is expected, what is planned."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from pipeline.spend.budget import Budget
from pipeline.spend.standing import Followed
from pipeline.tables.cost_forecast import QUANTILE_COLUMNS

_MIDNIGHT = datetime.min.time()
# Money has twelve digits behind the point.
_DIGIT = Decimal(1).scaleb(-12)


def run_by_day(followed: Followed, as_of: datetime) -> Iterator[dict[str, Any]]:
    """Rows of `gold.cost_course` but for `budget` and `scope`: the days of the month that the day before `as_of` lies in.

    Everything is cumulated since the period began, which may be before the month. Quantiles are of the paths' sums; they are no
    sums of quantiles.

    Args:
        followed: see `standing.follow`.
        as_of: naive UTC, midnight.
    """
    running, through, days = followed.course.running(), followed.complete_through(), followed.days
    month = (as_of - timedelta(days=1)).date().replace(day=1)
    actual = _cumulate(followed)
    foreseen = followed.course.ahead is not None
    for number, moment in enumerate(days.astype(object)):
        if (moment.year, moment.month) != (month.year, month.month):
            continue
        paths = running[number]
        quantiles = np.quantile(paths, list(QUANTILE_COLUMNS.values())).tolist() if foreseen else [None] * len(QUANTILE_COLUMNS)
        yield {
            "as_of": as_of,
            "cost": followed.budget.cost,
            "currency": followed.budget.currency,
            "period_start": datetime.combine(followed.period[0], _MIDNIGHT),
            "period_end": datetime.combine(followed.period[1], _MIDNIGHT),
            "ts": datetime.combine(moment, _MIDNIGHT),
            "actual": actual[number] if through is not None and moment <= through.date() else None,
            "planned": plan_to(followed.budget, *followed.period, moment),
            "expected": float(paths.mean()) if foreseen else None,
            **dict(zip(QUANTILE_COLUMNS, quantiles, strict=True)),
            "complete_through": through,
        }


def plan_to(budget: Budget, first: date, after: date, day: date) -> Decimal | None:
    """What is planned of a period to the end of one of its days: evenly by day; where months are planned, within each of them.

    The last day has the whole amount. None where nothing is planned of the period.
    """
    whole = budget.amount_of(first, after)
    if whole is None:
        return None
    if not budget.planned:
        return _share(whole, (day - first).days + 1, (after - first).days)
    month = day.replace(day=1)
    following = (month + timedelta(days=31)).replace(day=1)
    before = (budget.amount_of(first, month) if month > first else None) or Decimal(0)
    return before + _share(budget.amount_of(month, following) or Decimal(0), day.day, (following - month).days)


def _share(amount: Decimal, part: int, of: int) -> Decimal:
    return (amount * part / of).quantize(_DIGIT)


def _cumulate(followed: Followed) -> list[Decimal]:
    """What is charged to the end of each day of the period, exactly."""
    charged: dict[np.datetime64, Decimal] = {}
    for day, amount in zip(followed.known["day"].to_numpy(dtype="datetime64[D]"), followed.known["amount"], strict=True):
        charged[day] = charged.get(day, Decimal(0)) + amount
    total, sums = Decimal(0), []
    for day in followed.days:
        total += charged.get(day, Decimal(0))
        sums.append(total)
    return sums
