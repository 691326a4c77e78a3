"""Whom a cost belongs to, by the rules that the setting `allocation` names, of what the bills that count charge."""

from __future__ import annotations

from datetime import datetime, timedelta

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.allocation.allocate import allocate
from pipeline.allocation.decide import Charges
from pipeline.allocation.drivers import split_change
from pipeline.allocation.explain import explain
from pipeline.allocation.rules import Rules, parse_rules
from pipeline.errors import ConfigError, DataError
from pipeline.inputs import ask
from pipeline.inputs.stated_file import read_stated_file
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.settings import Settings
from pipeline.tables.allocation import COST_DRIVER
from pipeline.tables.identifiers import make_safe
from pipeline.tables.money import BILL, TAG_SET


def read_allocation_rules(lake: Lake, settings: Settings) -> Rules:
    """The rules of the file that the setting names; without one the tags of five usual dimensions.

    Raises:
        ConfigError: the file cannot be read, or says what it may not, with its line, rule and key.
    """
    found = read_stated_file("allocation", lake, settings)
    return parse_rules(found.text, found.where) if found else Rules()


def read_charges(interval: Interval, lake: Lake, rules: Rules) -> Charges:
    """What was charged in whole billing periods, as far apart as the rules look at it."""
    asked = {f"by_{column}": int(rules.asks(column)) for column in ("resource_id", "usage_type")}
    rows = ask(lake, "allocation_charges", start=interval.start, end=interval.end, **asked)
    return Charges(rows, read_tags(interval, lake))


def read_tags(interval: Interval, lake: Lake) -> dict[str, str]:
    """The tags of whole billing periods as JSON, by tag set."""
    sets = lake.read(TAG_SET, TAG_SET.scope(interval), ("tag_set", "tags_json"))
    return dict(zip(sets["tag_set"].to_pylist(), sets["tags_json"].to_pylist(), strict=True))


def allocate_costs(interval: Interval, lake: Lake, settings: Settings) -> pa.Table:
    """The rows of `gold.cost_allocation` for whole months.

    Raises:
        ConfigError: the rules are not what they must be; what was published stays.
        DataError: what was allocated does not add up to what was charged.
    """
    rules = read_allocation_rules(lake, settings)
    return allocate(read_charges(interval, lake, rules), rules)


def explain_costs_of(resource: str, month: Interval, lake: Lake, rules: Rules) -> pd.DataFrame:
    """Where the rules send what was charged for a resource, and why; see `allocation.explain`.

    Args:
        resource: its id as the bill has it, or what follows its last `/` or `:`.
        month: whole months.
        lake: where that is read.
        rules: that are asked.

    Raises:
        DataError: no bill of that month that counts charges it.
    """
    rows = ask(lake, "allocation_of_resource", resource=make_safe(resource), start=month.start, end=month.end)
    if not rows.num_rows:
        raise DataError(
            f"no bill of {month.start:%Y-%m} that counts charges {resource!r}; --month names another, and "
            "silver.charge_daily has the ids as billed"
        )
    return explain(Charges(rows, read_tags(month, lake)), rules)


def explain_change_by(
    dimension: str, before: Interval, after: Interval, as_of: datetime, lake: Lake, rules: Rules, *, by_bill: bool
) -> pd.DataFrame:
    """Why what each value of a dimension is charged changed between two periods; see `allocation.drivers.split_change`.

    Args:
        dimension: of the rules, which are asked now, whatever the allocation was built by.
        before: what is compared with `after`.
        after: the newer one.
        as_of: bills of periods that begin before it.
        lake: where that is read.
        rules: that are asked.
        by_bill: whether the periods are those of bills, else the days of charges.
    """
    charges = _read_driver_charges(before, after, as_of, lake, rules, by_bill=by_bill)
    return split_change(charges, rules, dimension, before, after, by_bill=by_bill)


def explain_months(interval: Interval, lake: Lake, settings: Settings) -> pa.Table:
    """The rows of `gold.cost_driver` for whole months, each against the month before, in every dimension.

    Raises:
        ConfigError: the rules are not what they must be; what was published stays.
        DataError: what was allocated does not add up to what was charged.
    """
    rules = read_allocation_rules(lake, settings)
    parts = []
    for month in interval.split_months():
        before = Interval.day((month.start - timedelta(days=1)).date()).whole_months()
        charges = _read_driver_charges(before, month, month.end, lake, rules, by_bill=True)
        for dimension in rules.dimension:
            found = split_change(charges, rules, dimension, before, month, by_bill=True)
            parts.append(found.assign(billing_period=month.start, dimension=dimension))
    rows = [row for part in parts for row in part.to_dict("records")]
    return pa.Table.from_pylist(rows, schema=pa.schema([COST_DRIVER.arrow_schema.field(name) for name in COST_DRIVER.names]))


def _read_driver_charges(
    before: Interval, after: Interval, as_of: datetime, lake: Lake, rules: Rules, *, by_bill: bool
) -> Charges:
    """What the bills behind two periods charge, with their tags."""
    bounds = {"before_start": before.start, "before_end": before.end, "after_start": after.start, "after_end": after.end}
    asked = {"by_bill": int(by_bill), "by_resource_id": int(rules.asks("resource_id"))}
    rows = ask(lake, "driver_charges", **bounds, **asked, as_of=as_of)
    months = pc.min_max(rows["billing_period"]).as_py() if rows.num_rows else {"min": after.start, "max": after.start}
    bills = Interval(months["min"], months["max"] + timedelta(days=1)).whole_months()
    return Charges(rows, read_tags(bills, lake))


def newest_period(lake: Lake) -> Interval:
    """The newest billing period of which there is a bill.

    Raises:
        ConfigError: there is none.
    """
    periods = lake.read(BILL, columns=("billing_period",))["billing_period"].to_pylist()
    if not periods:
        raise ConfigError("there is no bill in the lake; ingest one, and build silver.charge_daily and gold.cost_allocation")
    return Interval.day(max(periods).date()).whole_months()
