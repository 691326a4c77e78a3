"""Say where each budget stands: what is billed of its period, what that will come to, and how likely it is exceeded."""

from __future__ import annotations

import logging
from datetime import timedelta

import pyarrow as pa

from pipeline import plugs
from pipeline.inputs import ask
from pipeline.inputs.budgets import earliest, read_budgets, read_scopes
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.quality.conform import conform
from pipeline.quality.validate import validate
from pipeline.settings import Settings
from pipeline.spend.standing import judge
from pipeline.steps._declaration import Step
from pipeline.steps.forecast_cost import MODELS
from pipeline.tables.budget import BUDGET_STATUS

log = logging.getLogger(__name__)
STEP = Step(
    role="publisher",
    reads=("inputs.cost_charges", "inputs.allocated_charges", "inputs.budgets_before"),
    writes=("gold.budget_status",),
)


def budgets(interval: Interval, lake: Lake, settings: Settings) -> int:
    """Rows of `gold.budget_status` as of the interval's end.

    Raises:
        ConfigError: the file that the setting `budgets` names cannot be read, or says what it may not.
    """
    stated, as_of = read_budgets(lake, settings), interval.as_of
    models = {name: plugs.load("forecasters", name).forecast for name in MODELS}
    told = ask(lake, "budgets_before", as_of=as_of).to_pylist() if stated else []
    before = {(each["budget"], each["period_start"].date()): each for each in told}
    rows = []
    since = earliest(stated, as_of, timedelta(days=settings.history_days))
    for budget, charges in read_scopes(stated, lake, since, as_of):
        if charges.empty:
            log.warning("budgets: %s: no bill charges its scope, %s, since %s", budget.name, budget, since.date())
        period = budget.period_of((as_of - timedelta(days=1)).date())
        if period and not charges.empty and charges["ts"].min().date() > period[0]:
            log.warning(
                "budgets: %s: nothing of its scope, %s, is billed before %s, and its period begins on %s: if there are earlier "
                "bills, ingest and build them",
                *(budget.name, budget, charges["ts"].min().date(), period[0]),
            )
        known = before.get((budget.name, period[0])) if period else None
        row = judge(budget, charges, as_of, models, known)
        if row is None and period:
            log.warning(
                "budgets: %s is not judged, for `planned` lacks a month from %s to the one before %s: add it, or say its `end`",
                *(budget.name, *(f"{day:%Y-%m}" for day in period)),
            )
            continue
        if row is None:
            log.info("budgets: %s does not count on the day before %s", budget.name, as_of.date())
            continue
        rows.append(row)
    schema = pa.schema([BUDGET_STATUS.arrow_schema.field(name) for name in BUDGET_STATUS.names])
    data = conform(pa.Table.from_pylist(rows, schema), BUDGET_STATUS, interval)
    data = validate(data, BUDGET_STATUS, interval, lake)
    return lake.replace(BUDGET_STATUS, data, BUDGET_STATUS.scope(interval)).rows
