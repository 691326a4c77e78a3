"""Whom a bill's cost belongs to, built from what its lines say."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline.errors import ConfigError
from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake
from pipeline.settings import Settings
from pipeline.steps import perform
from pipeline.steps._daily import order_daily
from pipeline.tables.allocation import COST_ALLOCATION
from pipeline.tables.columns import STAMPED
from pipeline.tables.money import FOCUS_LINE
from tests.support.bills import line

DAY = Interval.day("2026-03-02")
TABLES = ("silver.bill", "silver.charge_daily", "silver.tag_set", COST_ALLOCATION.name)
FILE = """
[dimension.team]
accounts = { "2" = "Platform" }
[[shared]]
name = "support"
match = { service = "Support" }
split = "proportional"
"""


def land(settings: Settings, execution: str, *lines: dict[str, Any]) -> None:
    names = [c.name for c in FOCUS_LINE.columns if c.name not in STAMPED]
    rows = [dict.fromkeys(names) | line(number=number, execution=execution, **each) for number, each in enumerate(lines, 1)]
    data = pa.Table.from_pylist(rows, schema=pa.schema([FOCUS_LINE.arrow_schema.field(name) for name in names]))
    open_lake(settings).land(FOCUS_LINE, data, source="billing", shard="e", ingested_at=datetime(2026, 3, 20))


def build(settings: Settings) -> Lake:
    for target in TABLES:
        perform("build", DAY, target=target, settings=settings)
    return open_lake(settings)


def by_team(lake: Lake) -> dict[str, Decimal]:
    rows = lake.query(
        "SELECT value, sum(billed_cost) AS cost FROM gold.cost_allocation WHERE dimension = 'team' GROUP BY value"
    ).to_pylist()
    return {row["value"]: row["cost"] for row in rows}


SHOP = {"tags": '{"Team": "shop"}', "tag_set": "a" * 16}
LINES = (
    SHOP,
    {"sub_account_id": "2", "billed_cost": "3", "effective_cost": "3"},
    {"service_name": "Support", "resource_id": "s"},
)


@pytest.fixture
def ruled(settings: Settings, tmp_path: Path) -> Settings:
    file = tmp_path / "allocation.toml"
    file.write_text(FILE)
    return settings.model_copy(update={"allocation": str(file)})


def test_a_bill_is_allocated_by_the_file_that_the_setting_names_and_by_tags_alone_without_one(ruled: Settings) -> None:
    land(ruled, "x", *LINES)

    assert by_team(build(ruled)) == {"shop": Decimal("1.25"), "Platform": Decimal("3.75")}
    plain = ruled.model_copy(update={"allocation": ""})
    assert by_team(build(plain)) == {"shop": Decimal(1), "unallocated": Decimal(4)}


def test_a_bill_that_is_restated_is_allocated_anew_as_a_whole(ruled: Settings) -> None:
    land(ruled, "x", *LINES)
    before = build(ruled).snapshot_id(COST_ALLOCATION)
    assert build(ruled).snapshot_id(COST_ALLOCATION) == before

    land(ruled, "y", SHOP | {"billed_cost": "7"}, {"day": 9, "billed_cost": "-0.5"})

    assert by_team(build(ruled)) == {"shop": Decimal(7), "unallocated": Decimal("-0.5")}


def test_broken_rules_leave_what_was_published(ruled: Settings) -> None:
    land(ruled, "x", *LINES)
    known = by_team(build(ruled))
    Path(ruled.allocation).write_text(FILE + '[[rule]]\nname = "a"\nmatch = { sevice = "x" }\nassign = { team = "b" }')

    with pytest.raises(ConfigError, match=r"allocation .*allocation.toml: line 8, rule a, match.sevice: there is no such key"):
        perform("build", DAY, target=COST_ALLOCATION.name, settings=ruled)

    assert by_team(open_lake(ruled)) == known


def test_an_allocation_follows_the_charges_and_their_tags_in_a_days_run() -> None:
    assert {"silver.charge_daily", "silver.tag_set"} <= set(order_daily()[COST_ALLOCATION.name])
