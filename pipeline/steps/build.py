"""Build one table from its SQL file, the calendar from its rules, or drift from the ledger."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pipeline import tables
from pipeline.errors import ConfigError, DataError
from pipeline.interval import Interval
from pipeline.lake import Lake, sql
from pipeline.quality.conform import conform
from pipeline.quality.validate import validate
from pipeline.settings import Settings
from pipeline.steps.model_drift import model_drift
from pipeline.tables.forecasts import DRIFT, FORECAST_SCORE
from pipeline.tables.operations import CHECK_RESULT, QUALITY_RESULT, RUN_STAT
from pipeline.tables.schema import Table
from pipeline.tables.usage import CALENDAR

# Other tables of gold are written by steps of their own.
BUILT_GOLD = (QUALITY_RESULT, FORECAST_SCORE, DRIFT, RUN_STAT)


def build(interval: Interval, lake: Lake, settings: Settings, *, target: str) -> int:
    """Rows of `target` for the interval. Running it twice changes nothing.

    A long interval is built and published one calendar year at a time, so that memory follows the estate and not its history.

    Raises:
        ConfigError: the table is not one that is built.
        DataError: the result is not what the table declares, or is empty where it may not be; nothing of that year was published.
    """
    table = tables.get(target)
    if table is CHECK_RESULT or (table.layer == "gold" and table not in BUILT_GOLD):
        raise ConfigError(f"{target} is written by another step, not by build")
    if table is DRIFT:
        return lake.replace(table, model_drift(interval, lake, settings), table.scope(interval)).rows
    if table is RUN_STAT:
        return _publish(table, interval, lake)
    rows = sum(_publish(table, year, lake) for year in interval.split_years())
    if not rows and not table.may_be_empty:
        raise DataError(f"{target} {interval}: no rows at all; is there anything in bronze for these days?")
    return rows


def _publish(table: Table, interval: Interval, lake: Lake) -> int:
    if table is CALENDAR:
        rows: Any = calendar(interval)
    else:
        rows = lake.query(sql.text(table.name), {"start": interval.start, "end": interval.end})
    data = conform(rows, table, interval)
    scope = table.scope(interval)
    if table is QUALITY_RESULT:
        # What is said of gold is written by the steps that make it.
        scope = table.scope(interval, table_name=tuple(name for name in tables.ALL if not name.startswith("gold.")))
    elif table is not RUN_STAT:
        if not data.num_rows and not lake.read(table, scope, table.key).num_rows:
            return 0
        validate(data, table, interval, lake)
    return lake.replace(table, data, scope).rows


def calendar(interval: Interval) -> Any:
    """One row per UTC day of the interval, as a frame with the columns of `silver.calendar`."""
    import holidays
    import numpy as np
    import pandas as pd

    from pipeline.forecasting import calendars

    days = pd.date_range(interval.start.date(), (interval.end - timedelta(microseconds=1)).date(), freq="D", unit="us")
    when = days.to_numpy()
    ramp = calendars.quarter_end_ramp(when)
    names = holidays.country_holidays("US", years=range(days[0].year, days[-1].year + 1))
    return pd.DataFrame(
        {
            "ts": when,
            "year": days.year.astype("int64"),
            "month_of_year": days.month.astype("int64"),
            "quarter": days.quarter.astype("int64"),
            "day_of_week": calendars.day_of_week(when),
            "is_weekend": calendars.weekend(when),
            "is_holiday": calendars.us_holiday(when),
            "holiday": [names.get(day.date()) for day in days],
            "is_quarter_end": ramp > 0,
            # The documented surge: up to 30 % on the last day of a quarter.
            "quarter_end_ramp": np.round(1 + 0.3 * ramp, 2),
        }
    )
