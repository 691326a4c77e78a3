"""What a unit of use costs, with the metrics that the setting `unit_metrics` names for requests."""

from __future__ import annotations

import pyarrow as pa

from pipeline.inputs import ask
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.settings import Settings


def read_unit_costs(interval: Interval, lake: Lake, settings: Settings) -> pa.Table:
    """The rows of `gold.unit_cost` for whole months of bills."""
    named = "".join(f"{each}," for each in settings.unit_metrics)
    return ask(lake, "unit_charges", start=interval.start, end=interval.end, metrics=f",{named}" if named else "")
