"""Replay what each rule would have said 30 days before, and what following it would have saved and broken."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from pipeline import plugs
from pipeline.advice.bill import add_billed
from pipeline.advice.hindsight import Past, compare_sizes, follow_rule, windows_within
from pipeline.advice.hindsight_bill import follow_purchases
from pipeline.inputs.hindsight import read_past
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.quality.conform import conform
from pipeline.quality.validate import validate
from pipeline.settings import Settings
from pipeline.steps._declaration import Step
from pipeline.tables.advice import RECOMMENDATION_BACKTEST

log = logging.getLogger(__name__)
STEP = Step(
    role="publisher",
    reads=(
        "inputs.changed_since",
        "inputs.other_prices",
        "inputs.prices",
        "inputs.resources",
        "inputs.spare_time",
        "inputs.spend_by_day",
        "inputs.usage",
        "inputs.usage_after",
    ),
    writes=("gold.recommendation_backtest",),
)


def hindsight(interval: Interval, lake: Lake, settings: Settings) -> int:
    """Rows of `gold.recommendation_backtest` for the windows whose last day is in the interval: of most days there is none, and
    nothing is read.

    A window says the same whenever it is judged, over one day, or with others over many; of purchases what the bill does then.
    """
    windows = list(windows_within(interval))
    if not windows:
        return 0
    table, rows = RECOMMENDATION_BACKTEST, []
    for window in windows:
        found = _judge(read_past(window, lake, settings), settings)
        log.info("hindsight: %s to %s: rows: %d", window.origin, window.until, len(found))
        rows += found
    data = validate(conform(table.frame(rows), table, interval), table, interval, lake)
    return lake.replace(table, data, table.scope(interval)).rows


def _judge(past: Past, settings: Settings) -> list[dict[str, Any]]:
    """All rules in use that can be held to what came, and those that are compared; only those that judged a resource."""
    rows = compare_sizes(past)
    billed = add_billed(past.then)
    for name in sorted(settings.recommenders):
        rule = plugs.load("recommenders", name)
        options = plugs.options("recommenders", name, settings)
        if hasattr(rule, "covers"):
            answers = plugs.bind("recommenders", name, options)(billed)
            rows.append(follow_purchases(past, name, rule.RULE_VERSION, answers, rule.covers))
        elif hasattr(rule, "missed"):
            answers = plugs.bind("recommenders", name, options)(past.then)
            rows.append(follow_rule(past, name, rule.RULE_VERSION, answers, partial(rule.missed, options=options)))
    return [row for row in rows if row["resources"]]
