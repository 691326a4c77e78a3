"""Say where each budget stands: what is billed of its period, what that will come to, and how likely it is exceeded."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa

from pipeline import plugs
from pipeline.inputs import ask
from pipeline.inputs.budgets import earliest, read_budgets, read_scopes
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.quality.conform import conform
from pipeline.quality.validate import validate
from pipeline.settings import Settings
from pipeline.spend.budget import Budget
from pipeline.spend.by_day import run_by_day
from pipeline.spend.standing import Followed, follow, judge
from pipeline.steps._declaration import Step
from pipeline.steps.forecast_cost import MODELS
from pipeline.tables.budget import BUDGET_STATUS, COST_COURSE
from pipeline.tables.columns import UNNAMED
from pipeline.tables.schema import Table

log = logging.getLogger(__name__)
STEP = Step(
    role="publisher",
    reads=(
        "inputs.cost_charges",
        "inputs.cost_restated_later",
        "inputs.cost_unlearnt",
        "inputs.allocated_charges",
        "inputs.budgets_before",
    ),
    writes=("gold.budget_status", "gold.cost_course"),
)


def budgets(interval: Interval, lake: Lake, settings: Settings) -> int:
    """Rows of `gold.budget_status` as of the interval's end; `gold.cost_course` has how the running month goes to there.

    Raises:
        ConfigError: the file that the setting `budgets` names cannot be read, or says what it may not.
    """
    stated, as_of = read_budgets(lake, settings), interval.as_of
    models = {name: plugs.load("forecasters", name).forecast for name in MODELS}
    told = ask(lake, "budgets_before", as_of=as_of).to_pylist() if stated else []
    before = {(each["budget"], each["period_start"].date()): each for each in told}
    rows, course = [], []
    since = earliest(stated, as_of, timedelta(days=settings.history_days))
    for budget, charges, apart in read_scopes(stated, lake, since, as_of):
        followed = follow(budget, charges, as_of, models, apart)
        if budget.name == UNNAMED:
            course += _course(followed, as_of) if followed else []
            continue
        _warn_of_scope(budget, charges, since, as_of)
        if followed is None:
            log.info("budgets: %s does not count on the day before %s", budget.name, as_of.date())
            continue
        row = judge(followed, as_of, before.get((budget.name, followed.period[0])))
        if row is None:
            log.warning(
                "budgets: %s is not judged, for `planned` lacks a month from %s to the one before %s: add it, or say its `end`",
                *(budget.name, *(f"{day:%Y-%m}" for day in followed.period)),
            )
            continue
        rows.append(row)
        course += _course(followed, as_of)
    _publish(COST_COURSE, course, interval, lake)
    return _publish(BUDGET_STATUS, rows, interval, lake)


def _warn_of_scope(budget: Budget, charges: pd.DataFrame, since: datetime, as_of: datetime) -> None:
    """Say what a budget's figures lack: every charge, or those from before its first bill."""
    if charges.empty:
        log.warning("budgets: %s: no bill charges its scope, %s, since %s", budget.name, budget, since.date())
    period = budget.period_of((as_of - timedelta(days=1)).date())
    if period and not charges.empty and charges["ts"].min().date() > period[0]:
        log.warning(
            "budgets: %s: nothing of its scope, %s, is billed before %s, and its period begins on %s: if there are earlier "
            "bills, ingest and build them",
            *(budget.name, budget, charges["ts"].min().date(), period[0]),
        )


def _course(followed: Followed, as_of: datetime) -> list[dict[str, Any]]:
    named = {"budget": followed.budget.name, "scope": str(followed.budget)}
    return [named | row for row in run_by_day(followed, as_of)]


def _publish(table: Table, rows: list[dict[str, Any]], interval: Interval, lake: Lake) -> int:
    schema = pa.schema([table.arrow_schema.field(name) for name in table.names])
    data = validate(conform(pa.Table.from_pylist(rows, schema), table, interval), table, interval, lake)
    return lake.replace(table, data, table.scope(interval)).rows
