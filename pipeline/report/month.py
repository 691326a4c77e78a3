"""What a month will have cost when it ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from pipeline.report.frames import dollars, numbers
from pipeline.tables.columns import ALL, FEE, MONTH, ONE_OFF, USAGE

_DAY = pd.Timedelta(days=1)


@dataclass(frozen=True)
class MonthEnd:
    """One month's cost, as far as it is billed and as it is expected.

    Attributes:
        month: its first day.
        spent_usd: effective cost of usage and purchases of the days that are billed, billed where a bill states none.
        billed_days: so many of them, from the month's first on.
        billed_until: the last day billed; None where none of this month is.
        expected_usd: of usage and purchases at its end, as `gold.cost_forecast` says; None where it is not forecast, unless it is
            billed to its end.
        low_usd, high_usd: the 90 % band of that; None with it.
        forecast_days: days of it after the last that any account was billed for.
    """

    month: datetime
    spent_usd: float
    billed_days: int
    billed_until: datetime | None
    expected_usd: float | None
    low_usd: float | None
    high_usd: float | None
    forecast_days: int


def estimate_month_end(cost_daily: pd.DataFrame, cost_forecast: pd.DataFrame, as_of: datetime) -> MonthEnd | None:
    """The month of the last moment before `as_of`: what is billed, and what is expected at its end.

    Accounts are billed to different days, and the last of these may be half billed: what is to come is known of each account
    alone, so that no totals of days are added to what is billed. The band is that of the month's own total, of usage; fees come
    as they came. It says what `cost_month_to_date` and `cost_month_end` of `inputs.executive_kpis` say.

    Args:
        cost_daily: `silver.cost_daily` of this month at least.
        cost_forecast: `gold.cost_forecast` of one run, effective cost in US dollars.
        as_of: naive UTC.

    Returns:
        None where nothing was billed in US dollars in the month before `as_of`.
    """
    moment = pd.Timestamp(as_of)
    month = (moment - pd.Timedelta(seconds=1)).normalize().replace(day=1)
    in_usd = cost_daily[(cost_daily["currency"] == "USD") & (cost_daily["ts"] < moment)]
    if in_usd.empty or (last := in_usd["ts"].max()) < moment - pd.Timedelta(days=31):
        return None
    counts = in_usd["charge_category"].isin(["Usage", "Purchase"]) & (in_usd["ts"] >= month)
    spent = float(dollars(in_usd[counts]).sum())
    end, first = month + pd.DateOffset(months=1), max(last + _DAY, month)
    missing = max((end - first).days, 0)
    rows = total_ahead(cost_forecast, (USAGE, FEE, ONE_OFF))
    rows = rows[(rows["granularity"] == MONTH) & (rows["ts"] == month)]
    expected = float(numbers(rows["mean"]).sum()) if len(rows) else None if missing else spent
    low, high = (_bound(rows, expected, level) if missing else expected for level in ("p05", "p95"))
    return MonthEnd(
        month=month.to_pydatetime(),
        spent_usd=spent,
        billed_days=max((last - month).days + 1, 0),
        billed_until=last.to_pydatetime() if last >= month else None,
        expected_usd=expected,
        low_usd=low,
        high_usd=high,
        forecast_days=missing,
    )


def total_ahead(cost_forecast: pd.DataFrame, kinds: tuple[str, ...] = (ALL,)) -> pd.DataFrame:
    """The rows of all that is billed in the currency, of some kinds."""
    return cost_forecast[(cost_forecast["level"] == "total") & cost_forecast["kind"].isin(kinds)]


def _bound(rows: pd.DataFrame, expected: float | None, level: str) -> float | None:
    """As far from what is expected of the month as the quantile of its usage lies from the mean of that."""
    usage = rows[rows["kind"] == USAGE]
    if expected is None or usage.empty:
        return None
    return expected + float(usage[level].iloc[0]) - float(usage["mean"].iloc[0])
