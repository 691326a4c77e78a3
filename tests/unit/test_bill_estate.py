"""The synthetic estate's bill: whole to the last digit, shaped like real ones, and true to what is labelled in it."""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from pipeline.sources import _bill_charges, _bill_estate, _bill_usage
from pipeline.sources._bill_charges import PLAN_ID, SCHEMA, Bill
from pipeline.sources._bill_estate import Application, Stream
from pipeline.sources._bill_usage import FORGOTTEN, Event
from pipeline.sources._realistic_demand import Floats

START, DAYS = date(2024, 1, 1), 425
MONTHS = [date(2024, month, 1) for month in range(1, 13)]
LONG_AFTER = date(2026, 1, 1)


class Estate(NamedTuple):
    apps: list[Application]
    streams: list[Stream]
    events: list[Event]
    expected: Floats
    used: Floats
    bill: Bill


def drawn(seed: int, servers: int = 40) -> Estate:
    apps, streams = _bill_estate.estate(servers, DAYS, seed)
    streams, events = _bill_usage.draw_events(streams, DAYS, seed)
    expected, used = _bill_usage.quantities(apps, streams, events, START, DAYS, seed)
    return Estate(apps, streams, events, expected, used, _bill_charges.open_bill(START, streams, used))


@pytest.fixture(scope="module")
def estate() -> Estate:
    return drawn(seed=3)


def total(table: pa.Table, column: str) -> Decimal:
    value = pc.sum(table[column]).as_py()
    return value if value is not None else Decimal(0)


def test_what_a_month_is_billed_is_what_it_costs_once_commitments_are_spread_over_their_usage(estate: Estate) -> None:
    for month in MONTHS:
        lines = _bill_charges.lines(estate.bill, month, LONG_AFTER)
        assert total(lines, "BilledCost") == total(lines, "EffectiveCost") > 1000


def test_every_day_of_a_plan_is_used_or_unused_to_the_last_digit(estate: Estate) -> None:
    lines = _bill_charges.lines(estate.bill, MONTHS[4], LONG_AFTER)
    of_plan = lines.filter(pc.equal(lines["CommitmentDiscountId"], PLAN_ID)).to_pandas()
    by_day = of_plan.groupby("ChargePeriodStart")[["BilledCost", "EffectiveCost"]].sum()
    assert len(by_day) == 31
    assert (by_day["BilledCost"] == by_day["EffectiveCost"]).all()
    assert set(of_plan["CommitmentDiscountStatus"].dropna()) >= {"Used"}


def test_a_later_export_of_a_running_month_adds_days_and_keeps_what_it_said_of_earlier_ones(estate: Estate) -> None:
    early, late = (_bill_charges.lines(estate.bill, MONTHS[2], date(2024, 3, day)).to_pandas() for day in (10, 20))
    daily = [each[each["ChargePeriodEnd"] - each["ChargePeriodStart"] == pd.Timedelta(days=1)] for each in (early, late)]
    known = daily[1][daily[1]["ChargePeriodStart"] < pd.Timestamp(2024, 3, 10)]
    order = ["ChargePeriodStart", "ResourceId", "SkuMeter", "ChargeCategory", "CommitmentDiscountStatus", "ListCost"]
    pd.testing.assert_frame_equal(*(each.sort_values(order).reset_index(drop=True) for each in (daily[0], known)))
    assert early["InvoiceId"].isna().all()
    assert _bill_charges.lines(estate.bill, MONTHS[2], date(2024, 3, 1)).num_rows == 0


def test_equal_seeds_give_equal_bills_and_others_do_not(estate: Estate) -> None:
    month = [_bill_charges.lines(each.bill, MONTHS[7], LONG_AFTER) for each in (estate, drawn(seed=3), drawn(seed=4))]
    assert month[0].equals(month[1])
    assert total(month[0], "BilledCost") != total(month[2], "BilledCost")
    assert month[0].schema == SCHEMA


def test_a_week_and_the_noise_of_a_day_are_as_strong_as_in_traces_of_real_bills(estate: Estate) -> None:
    prices = np.array([each.kind.price * (each.follows > 0) for each in estate.streams])
    quiet = np.ones(len(estate.streams))
    quiet[[event.stream for event in estate.events]] = 0
    cost = pd.Series(estate.used @ (prices * quiet), pd.date_range(START, periods=DAYS))
    change = np.log(cost) - np.log(cost).rolling(28, center=True, min_periods=14).median()
    weekly = change.groupby(change.index.dayofweek).median()
    rest = change - weekly.reindex(change.index.dayofweek).to_numpy()
    assert 0.12 < weekly.max() - weekly.min() < 0.40
    assert 0.02 < 1.4826 * rest.abs().median() < 0.12


def test_what_is_expected_is_what_is_used_on_average_but_for_what_goes_wrong(estate: Estate) -> None:
    quiet = np.ones(len(estate.streams), dtype=bool)
    quiet[[event.stream for event in estate.events]] = False
    ratio = estate.used[:, quiet].sum(axis=0) / estate.expected[:, quiet].sum(axis=0)
    assert np.abs(ratio - 1).max() < 0.06


def test_a_labelled_event_costs_what_its_label_says_and_a_planned_one_is_expected(estate: Estate) -> None:
    labels = _bill_usage.label(estate.events, estate.streams, estate.expected, estate.used, START)
    assert set(labels["planned"]) == {False, True}
    assert (labels.loc[~labels["planned"], "impact"] > 0).all()
    for event, (_, said) in zip(estate.events, labels.iterrows(), strict=True):
        stream, span = estate.streams[event.stream], slice(event.first, event.last + 1)
        if event.kind == FORGOTTEN and not event.planned:
            assert said["impact"] == pytest.approx((estate.used[:, event.stream] * stream.kind.price).sum())
        if event.planned:
            assert estate.used[span, event.stream].sum() == pytest.approx(estate.expected[span, event.stream].sum(), rel=0.35)
        assert said["last_day"] - said["first_day"] == timedelta(days=event.last - event.first)


def test_tags_are_as_people_leave_them() -> None:
    streams = drawn(seed=5, servers=200).streams
    tags = [json.loads(each.tags_json) if each.tags_json else {} for each in streams]
    right = np.mean([tag.get("team") == each.team for tag, each in zip(tags, streams, strict=True)])
    assert 0.72 < right < 0.88
    assert {"Team", "owner_team"} <= {key for tag in tags for key in tag}
    assert {} in tags
