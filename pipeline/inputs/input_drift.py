"""Drift of what is measured, from the lake."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.exploration.input_drift import RECENT, REFERENCE, judge_inputs
from pipeline.inputs import read
from pipeline.tables.exploration import INPUT_DRIFT

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.interval import Interval
    from pipeline.lake import Lake
    from pipeline.settings import Settings

#: How far back values are asked for.
COMPARED = RECENT + REFERENCE


def input_drift(interval: Interval, lake: Lake, settings: Settings) -> pd.DataFrame:
    """Rows of `gold.input_drift` as of the interval's end: the last 28 days of each metric and source against the 84 before."""
    values = read(lake, "input_values", since=interval.as_of - COMPARED, as_of=interval.as_of)
    sources = read(lake, "series_sources", start=interval.start, end=interval.end)
    return INPUT_DRIFT.frame(judge_inputs(values, sources, interval.as_of, settings.drift_psi))
