"""What a month will have cost when it ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from pipeline.report.frames import at_quantile, numbers

_DAY = pd.Timedelta(days=1)


@dataclass(frozen=True)
class MonthEnd:
    """One month's cost, as far as it is billed and as it is expected.

    Attributes:
        month: its first day.
        spent_usd: effective cost of usage and purchases of the days that are billed.
        billed_days: so many of them, from the month's first on.
        billed_until: the last day billed; None where none of this month is.
        expected_usd: with the median forecasts of the days after it; None where these do not reach the month's end.
        forecast_days: so many days are forecast, or would have to be.
    """

    month: datetime
    spent_usd: float
    billed_days: int
    billed_until: datetime | None
    expected_usd: float | None
    forecast_days: int


def estimate_month_end(cost_daily: pd.DataFrame, forecast: pd.DataFrame, as_of: datetime) -> MonthEnd | None:
    """The month of the last moment before `as_of`: what is billed, and the sum of the medians of each day after.

    A service that is not forecast adds nothing to the days ahead. It says what `cost_month_to_date` and `cost_month_end` of
    `inputs.executive_kpis` say.

    Args:
        cost_daily: `silver.cost_daily` of this month at least.
        forecast: `gold.forecast` of one run.
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
    spent = float(numbers(in_usd.loc[counts, "effective_usd"]).sum())
    end, first = month + pd.DateOffset(months=1), max(last + _DAY, month)
    medians = forecast[(forecast["metric"] == "cost") & (forecast["granularity"] == "day") & at_quantile(forecast, 0.5)]
    ahead = medians[(medians["ts"] >= first) & (medians["ts"] < end)]
    missing = max((end - first).days, 0)
    reached = ahead["ts"].nunique() >= missing
    return MonthEnd(
        month=month.to_pydatetime(),
        spent_usd=spent,
        billed_days=max((last - month).days + 1, 0),
        billed_until=last.to_pydatetime() if last >= month else None,
        expected_usd=spent + float(numbers(ahead["value"]).sum()) if reached else None,
        forecast_days=missing,
    )
