"""What a unit of use costs, with the metrics that the setting `unit_metrics` names for requests."""

from __future__ import annotations

import logging

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.inputs import ask
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.settings import Settings
from pipeline.tables.money import CHARGE_DAILY

log = logging.getLogger(__name__)


def read_unit_costs(interval: Interval, lake: Lake, settings: Settings) -> pa.Table:
    """The rows of `gold.unit_cost` for whole months of bills."""
    named = "".join(f"{each}," for each in settings.unit_metrics)
    rows = ask(lake, "unit_charges", start=interval.start, end=interval.end, metrics=f",{named}" if named else "")
    if named:
        _warn_of_misnamed(settings.unit_metrics, rows, interval, lake)
    return rows


def _warn_of_misnamed(named: tuple[str, ...], rows: pa.Table, interval: Interval, lake: Lake) -> None:
    """Say which service no bill charges, and which metric counts nothing where its service is charged: the name is wrong."""
    charged = set(lake.read(CHARGE_DAILY, CHARGE_DAILY.scope(interval), ("service",))["service"].to_pylist())
    counted = set(rows.filter(pc.equal(rows["per"], "request"))["service"].to_pylist())
    for each in named:
        service, _, metric = each.partition("=")
        if charged and service not in charged:
            log.warning("unit_metrics: %r: no bill of %s charges %r; see how the bills spell it", each, interval, service)
        elif charged and service not in counted:
            log.warning(
                "unit_metrics: %r: %s is charged in %s, and no resource of its accounts has counts of a metric %r; "
                "see in silver.metric_daily what the lake calls it",
                *(each, service, interval, metric),
            )
