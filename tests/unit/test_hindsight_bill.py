"""What commitments would have saved and lost that rules had advised a month before, by the bill of the month."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from pipeline.advice.hindsight import Past, Window
from pipeline.advice.hindsight_bill import follow_purchases
from pipeline.interval import Interval
from pipeline.quality.conform import conform
from pipeline.quality.validate import hold
from pipeline.recommenders import reservation, savings_plan
from pipeline.tables.advice import RECOMMENDATION_BACKTEST as TABLE
from tests.support.spending import AS_OF, PLAN, charged, rates, spending

RATES = rates({"ec2/m5.large": 0.12, "savings_plan/compute 1yr no_upfront: m5.large": 0.0834})
#: The window that begins at the estate's moment; a bill lacks the newest two days.
KNOWN = 28
NEW = "arn:aws:savingsplans::9:savingsplan/new"


def after(usd: float | list[float], days: int = KNOWN, **more: Any) -> pd.DataFrame:
    """What is charged in the first days of the window."""
    rows = charged(usd, days, **more)
    return rows.assign(ts=pd.date_range(AS_OF, periods=days, freq="D").astype("datetime64[us]"))


def followed(*bill: pd.DataFrame, rule: Any = savings_plan, before: pd.DataFrame | None = None, **more: Any) -> dict[str, Any]:
    then = spending(charged(240.0) if before is None else before, prices=RATES, **more)
    past = Past(Window(AS_OF + timedelta(days=30)), then, {}, frozenset(), pd.concat(bill, ignore_index=True))
    return follow_purchases(past, "savings_plan", "3", rule.recommend(then, rule.Options()), rule.covers)


def test_a_plan_saves_its_discount_where_spending_stays_as_it_was() -> None:
    row = followed(after(240.0))

    assert (row["resources"], row["changes"], row["violating"], row["added_hours"]) == (1, 1, 0, 0)
    assert row["cost_before_usd"] == pytest.approx(KNOWN * 240)
    # What is promised is of a term in which spending may fall, less than what a month in which it does not has saved.
    assert 0 < row["promised_usd"] < row["saved_usd"] < 0.305 * KNOWN * 240
    assert row["cost_after_usd"] == pytest.approx(row["cost_before_usd"] - row["saved_usd"])
    assert (row["hours"], row["chances"], row["stated"]) == (24 * KNOWN, 0, None)
    assert row["ts"] == datetime(AS_OF.year, AS_OF.month, AS_OF.day) + timedelta(days=29)


def test_a_plan_loses_all_that_is_paid_for_it_where_nothing_is_spent_any_more() -> None:
    gone = after(1.0, usage_type="EBS:VolumeUsage.gp3")

    row = followed(gone)

    assert (row["changes"], row["violating"], row["added_hours"]) == (1, 1, 24 * KNOWN)
    assert row["cost_before_usd"] == 0
    # At .695 of 7 to 10 dollars an hour.
    assert -0.695 * 10 * 24 * KNOWN < row["saved_usd"] < -0.695 * 7 * 24 * KNOWN
    day = Interval(row["ts"], row["ts"] + timedelta(days=1))
    assert hold(conform(TABLE.frame([row]), TABLE, day), TABLE, day).num_rows == 1


def test_days_on_which_it_costs_more_than_it_is_worth_are_counted_apart() -> None:
    row = followed(after([240.0] * (KNOWN - 7) + [60.0] * 7))

    assert (row["violating"], row["added_hours"]) == (0, 24 * 7)
    assert 0 < row["saved_usd"] < followed(after(240.0))["saved_usd"]


def test_what_somebody_bought_meanwhile_would_have_been_covered_and_what_was_held_before_would_not() -> None:
    bought = followed(after(240.0, charged_as="covered", commitment_id=NEW))
    held = followed(
        after(240.0, charged_as="covered", commitment_id=PLAN),
        before=pd.concat([charged(80.0, charged_as="covered", commitment_id=PLAN), charged(160.0)]),
    )

    assert bought["saved_usd"] == followed(after(240.0))["saved_usd"] > 0
    assert held["saved_usd"] < 0


def test_a_window_of_which_the_bill_has_less_than_half_the_days_is_not_judged() -> None:
    assert followed(after(240.0, 14))["resources"] == 0
    assert followed(after(240.0, 15))["resources"] == 1


def test_a_payer_that_nothing_was_advised_to_is_judged_and_changes_nothing_and_one_of_whom_nothing_is_known_is_not_judged() -> (
    None
):
    kept = followed(after(240.0), before=charged(240.0, charged_as="covered", commitment_id=PLAN))
    unknown = followed(after(240.0), before=charged(240.0, 30))

    assert (kept["resources"], kept["changes"], kept["saved_usd"]) == (1, 0, 0)
    assert unknown["resources"] == 0


def test_a_reservation_is_held_to_its_own_family_and_region() -> None:
    listed = rates({"ec2/m5.large": 0.12, "reservation/standard 1yr no_upfront: m5.large": 0.0792})
    then = spending(charged(240.0), prices=listed)
    answers = reservation.recommend(then, reservation.Options())

    def saved(bill: pd.DataFrame) -> float:
        past = Past(Window(AS_OF + timedelta(days=30)), then, {}, frozenset(), bill)
        return float(follow_purchases(past, "reservation", "2", answers, reservation.covers)["saved_usd"])

    assert saved(after(240.0, usage_type="USE1-BoxUsage:m5.xlarge")) > 0
    assert saved(after(240.0, usage_type="USE1-BoxUsage:c5.large")) < 0
    assert saved(after(240.0, region="eu-west-1")) < 0


def test_what_was_left_out_and_is_reserved_takes_nothing_from_what_is_open() -> None:
    listed = {"ec2/m5.large": 0.12, "ec2_other/m5.large Windows": 0.212, "reservation/standard 1yr no_upfront: m5.large": 0.0792}
    windows: dict[str, Any] = {"list_price": 0.212}

    def held_to(*others: pd.DataFrame, before: list[pd.DataFrame]) -> dict[str, Any]:
        then = spending(charged(240.0, list_price=0.12), *before, prices=rates(listed))
        bill = pd.concat([after(240.0, list_price=0.12), *others], ignore_index=True)
        past = Past(Window(AS_OF + timedelta(days=30)), then, {}, frozenset(), bill)
        answers = reservation.recommend(then, reservation.Options())
        return follow_purchases(past, "reservation", "3", answers, reservation.covers)

    reserved = {"charged_as": "covered", "commitment_id": "ri-windows", **windows}
    alone = held_to(before=[])
    beside_reserved = held_to(after(240.0, **reserved), before=[charged(240.0, **reserved)])
    beside_open = held_to(after(240.0, **windows), before=[charged(240.0, **windows)])

    # Linux is bought for as before, and saves as much, whatever becomes of Windows.
    assert alone["saved_usd"] > 0
    assert (beside_reserved["cost_before_usd"], beside_reserved["saved_usd"]) == (alone["cost_before_usd"], alone["saved_usd"])
    assert (beside_open["cost_before_usd"], beside_open["saved_usd"]) == (alone["cost_before_usd"], alone["saved_usd"])


def test_a_plan_is_not_held_to_usage_without_a_rate_that_comes_after() -> None:
    unlisted = after(480.0, usage_type="USE1-Lambda-GB-Second")
    before = pd.concat([charged(240.0), charged(48.0, usage_type="USE1-Lambda-GB-Second")])

    assert followed(after(240.0), unlisted, before=before)["cost_before_usd"] == pytest.approx(KNOWN * 240)
