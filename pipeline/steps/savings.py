"""Find which recommendations were followed, and publish what that really saved, against what would have been paid without it."""

from __future__ import annotations

import logging

from pipeline.advice.ledger import write_ledger
from pipeline.inputs.savings import read_known
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.quality.conform import conform
from pipeline.quality.validate import validate
from pipeline.settings import Settings
from pipeline.steps._declaration import Step
from pipeline.tables.savings import SAVINGS, SAVINGS_DAILY

log = logging.getLogger(__name__)
STEP = Step(
    role="publisher",
    reads=(
        "inputs.commitment_days",
        "inputs.cost_complete",
        "inputs.inventory_days",
        "inputs.price_changes",
        "inputs.recommended_changes",
        "inputs.resource_charges",
        "inputs.resource_days",
        "inputs.resource_hours",
        "inputs.resource_owners",
        "inputs.spend_by_day",
        "inputs.tags_by_day",
        "inputs.unit_list_prices",
        "silver.tag_set",
    ),
    writes=("gold.savings", "gold.savings_daily"),
)


def savings(interval: Interval, lake: Lake, settings: Settings) -> int:
    """Rows of `gold.savings` as of the interval's end: what became of each recommendation of the last 125 days; and in
    `gold.savings_daily` the days since the changes that are found.

    A run again reads the same and publishes the same, in whichever order: nothing of an earlier run's rows is read.
    """
    rows, daily = write_ledger(read_known(interval, lake, settings))
    followed = [row for row in rows if row.get("status")]
    log.info("recommendations that were followed: %d of %d; days that are measured: %d", len(followed), len(rows), len(daily))
    count = 0
    for table, found in ((SAVINGS_DAILY, daily), (SAVINGS, rows)):
        data = validate(conform(table.frame(found), table, interval), table, interval, lake)
        count = lake.replace(table, data, table.scope(interval)).rows
    return count
