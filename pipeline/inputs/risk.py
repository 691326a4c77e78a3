"""What capacity risk is made from, read from the lake."""

from __future__ import annotations

from datetime import datetime

import pandas as pd

from pipeline.inputs import ask, read
from pipeline.inputs.resources import read_resources
from pipeline.lake import Lake


def read_forecasts(lake: Lake, as_of: datetime) -> pd.DataFrame:
    """The forecasts in percent of one run: series_id, metric, granularity, ts, quantile, value."""
    return read(lake, "forecasts_in_percent", as_of=as_of)


def read_too_new(lake: Lake, as_of: datetime) -> pd.DataFrame:
    """The series in percent that were too new to be forecast in one run: series_id, metric, granularity, observed."""
    return read(lake, "too_new", as_of=as_of)


def forecast_as_of(lake: Lake) -> datetime | None:
    """The as-of of the newest forecasts, if there are any."""
    newest: datetime | None = ask(lake, "newest_forecast")["as_of"][0].as_py()
    return newest


def read_peaks(lake: Lake, as_of: datetime) -> pd.Series:
    """The highest sample of each series in percent in the 800 days before `as_of`, by series_id."""
    return read(lake, "peaks", as_of=as_of).set_index("series_id")["peak"]


def read_criticality(lake: Lake, as_of: datetime) -> pd.DataFrame:
    """account, region, resource_id and criticality of the resources whose newest row states one."""
    labels = read_resources(lake, as_of)
    return labels.loc[labels["criticality"].notna(), ["account", "region", "resource_id", "criticality"]]
