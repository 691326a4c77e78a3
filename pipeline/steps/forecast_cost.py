"""Publish what bills are expected to say, of every account, service and team, and of all of them together."""

from __future__ import annotations

import logging
from datetime import timedelta

import pyarrow as pa

from pipeline import plugs
from pipeline.allocation.by_team import split_by_team
from pipeline.inputs.charges import read_allocated, read_charges
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.quality.conform import conform
from pipeline.quality.validate import validate
from pipeline.settings import Settings
from pipeline.spend.outlook import find_gone, foresee
from pipeline.steps._declaration import Step
from pipeline.tables.columns import TEAM
from pipeline.tables.cost_forecast import COST_FORECAST

log = logging.getLogger(__name__)
STEP = Step(
    role="publisher",
    reads=("inputs.cost_charges", "inputs.cost_restated_later", "inputs.cost_unlearnt", "inputs.allocated_charges"),
    writes=("gold.cost_forecast",),
)
#: Who forecasts usage, and the floor that serves where it does better.
MODELS = ("default", "seasonal_naive")
#: Accounts that the log names at most.
NAMED = 5


def forecast_cost(interval: Interval, lake: Lake, settings: Settings) -> int:
    """Rows of `gold.cost_forecast` as of the interval's end."""
    as_of = interval.as_of
    since = as_of - timedelta(days=settings.history_days)
    charges = read_charges(lake, since, as_of)
    allocated = read_allocated(lake, TEAM, since, as_of)
    if not (charges.empty or allocated.empty) and (through := allocated["ts"].max()) < charges["ts"].max():
        log.warning(
            "%s: gold.cost_allocation goes to %s, bills to %s: days after it are divided among teams as the 28 days before; "
            "`allocation` says whether its rules hold",
            *(interval, through.date(), charges["ts"].max().date()),
        )
    teams = split_by_team(charges, allocated)
    rows = foresee(charges, as_of, {name: plugs.load("forecasters", name).forecast for name in MODELS}, teams)
    if not (gone := find_gone(charges, as_of)).empty:
        named = ", ".join(f"{account} (to {through:%Y-%m-%d})" for account, through in gone.head(NAMED).items())
        more = f" and {len(gone) - NAMED} more" if len(gone) > NAMED else ""
        log.warning("%s: not forecast, for their bills have ended: %s%s", interval, named, more)
    for (currency, meaning), part in rows[rows["level"] == "total"].groupby(["currency", "cost"]):
        log.info("%s cost in %s: by %s", meaning, currency, "; ".join(sorted(part["model"].unique())))
    # Of decimals in a frame Arrow would take the fewest digits that hold them.
    schema = pa.schema([COST_FORECAST.arrow_schema.field(name) for name in COST_FORECAST.names])
    data = conform(pa.Table.from_pandas(rows, schema, preserve_index=False), COST_FORECAST, interval)
    data = validate(data, COST_FORECAST, interval, lake)
    return lake.replace(COST_FORECAST, data, COST_FORECAST.scope(interval)).rows
