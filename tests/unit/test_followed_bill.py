"""Which purchases and tags that were recommended the bill shows, and which changes of a bill are neither."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.advice.followed import Change
from pipeline.advice.followed_bill import find_purchase, find_tags
from pipeline.advice.ledger import Known, write_ledger

FIRST, CHANGED, AS_OF = (pd.Timestamp(day) for day in ("2026-01-01", "2026-03-10", "2026-04-10"))
DAYS = pd.date_range(FIRST, AS_OF - pd.Timedelta(days=2), freq="D", inclusive="left")
BEFORE, AFTER = DAYS[DAYS < CHANGED], DAYS[DAYS >= CHANGED]
PLAN, OLD = "arn:aws:savingsplans::1:savingsplan/new", "arn:aws:savingsplans::1:savingsplan/old"


def asked(action: str, said_until: pd.Timestamp = CHANGED, **more: Any) -> pd.DataFrame:
    """What runs of ten days said, up to a day."""
    is_tag = action == "tag"
    row = {
        "recommendation_id": ("t" if is_tag else "p") * 16, "rule_id": "untagged" if is_tag else "savings_plan", "account": "1",
        "region": "global", "service": "tags" if is_tag else "savings_plan", "resource_id": "untagged" if is_tag else "compute",
        "action": action, "exclusive_group": "tag" if is_tag else "commitment", "current_config": None, "status": "open",
        "target_config": None if is_tag else "$1.000 an hour for 365 days", "first_seen_at": said_until - pd.Timedelta(days=9),
        "monthly_cost_usd": 70.0, "savings_monthly_usd": None if is_tag else 40.0,
        "portfolio_savings_usd": None if is_tag else 40.0, "off_hours_of_week": None,
    }  # fmt: skip
    return pd.DataFrame([row | more | {"as_of": day} for day in pd.date_range(end=said_until, periods=10, freq="D")])


def charged(days: pd.DatetimeIndex, usd: Any, **more: Any) -> pd.DataFrame:
    row = {
        "payer": "1", "account": "1", "region": "us-east-1", "service": "AmazonEC2", "usage_type": "BoxUsage:m5.large",
        "commitment_id": "none", "charged_as": "on_demand", "has_resource": True, "is_tagged": False,
    }  # fmt: skip
    return pd.DataFrame(row | more, index=range(len(days))).assign(ts=days, list_usd=usd, effective_usd=usd)


def covered(days: pd.DatetimeIndex, usd_per_hour: float, name: str = PLAN, **more: Any) -> pd.DataFrame:
    """A commitment of which four fifths are used."""
    used = charged(days, 0.8 * 24 * usd_per_hour, **{"commitment_id": name, "charged_as": "covered"} | more)
    return pd.concat([used, charged(days, 0.2 * 24 * usd_per_hour, commitment_id=name, charged_as="unused", has_resource=False)])


def bought(*parts: pd.DataFrame, said: pd.DataFrame | None = None) -> Change | None:
    return find_purchase(asked("purchase") if said is None else said, pd.concat([charged(DAYS, 100.0), *parts]))


def test_a_plan_that_the_bill_has_after_it_was_recommended_was_bought() -> None:
    change = bought(covered(DAYS, 0.5, OLD), covered(AFTER, 0.9))

    assert change is not None
    assert (change.first, change.before, change.evidence) == (CHANGED, CHANGED - pd.Timedelta(days=1), "bill")
    assert (change.former, change.became) == ("$0.500 an hour committed", "$1.400 an hour committed")


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ([], "nothing was bought"),
        ([covered(DAYS, 2.0, OLD)], "it was there before it was recommended"),
        ([covered(BEFORE, 1.0, OLD), covered(AFTER, 1.0)], "one ends and another follows"),
        ([covered(AFTER, 0.3)], "less than half of what was asked for"),
        ([covered(AFTER, 2.0, payer="2")], "another payer bought it"),
        ([covered(AFTER, 2.0, "arn:aws:rds::1:ri/r", usage_type="InstanceUsage:db.r6g.large")], "a reservation is no plan"),
        ([covered(AFTER, 2.0, usage_type="USE1-ml.m5.large")], "a plan that covers no compute"),
        ([covered(DAYS[-2:], 2.0)], "two days do not show it"),
    ],
)
def test_what_is_no_purchase_that_was_asked_for_is_none(parts: list[pd.DataFrame], why: str) -> None:
    assert bought(*parts) is None, why


def test_a_purchase_after_the_recommendation_was_forgotten_follows_nothing_and_one_before_the_first_run_neither() -> None:
    plan = covered(AFTER, 2.0)

    assert bought(plan, said=asked("purchase", CHANGED - pd.Timedelta(days=33))) is None
    assert bought(plan, said=asked("purchase", CHANGED + pd.Timedelta(days=20))) is None


def test_a_bill_that_begins_with_a_plan_shows_no_purchase() -> None:
    late = DAYS[CHANGED - pd.Timedelta(days=5) <= DAYS]

    assert find_purchase(asked("purchase"), pd.concat([charged(late, 100.0), covered(AFTER, 2.0)])) is None


def test_a_reservation_is_followed_by_one_of_its_family_and_region_alone() -> None:
    said = asked("purchase", rule_id="reservation", service="reservation", resource_id="rds/db.r6g", region="us-east-1")

    def of(usage_type: str, region: str = "us-east-1", name: str = "arn:aws:rds::1:ri/r") -> Change | None:
        return bought(covered(AFTER, 0.9, name, usage_type=usage_type, region=region), said=said)

    assert of("InstanceUsage:db.r6g.large") is not None
    assert of("InstanceUsage:db.m5.large") is None
    assert of("InstanceUsage:db.r6g.large", "eu-west-1") is None
    assert of("InstanceUsage:db.r6g.large", name=PLAN) is None


def test_a_plan_that_was_recommended_of_a_family_of_instances_is_followed_by_a_plan_of_it_and_by_no_reservation() -> None:
    target = "$0.500 an hour of m5 in us-east-1 by an EC2 Instance Savings Plan for 365 days"
    known = {"rule_id": "reservation", "service": "reservation", "resource_id": "ec2/m5", "region": "us-east-1"}
    of_a_plan, reserved = asked("purchase", target_config=target, **known), asked("purchase", **known)
    plan, reservation = covered(AFTER, 0.9), covered(AFTER, 0.9, "arn:aws:ec2:us-east-1:1:reserved-instances/r")

    assert bought(plan, said=of_a_plan) is not None
    assert bought(reservation, said=of_a_plan) is None
    # A Compute Savings Plan covers the family, too.
    assert bought(plan, covered(AFTER, 0.1, usage_type="Lambda-GB-Second"), said=of_a_plan) is None
    assert bought(plan, said=reserved) is None
    assert bought(reservation, said=reserved) is not None


def spent(bare: Any, tagged: Any, moved: Any = 0.0) -> pd.DataFrame:
    """An account's resources by the day: without a tag, with one, and with one that had none before."""
    return pd.DataFrame({"ts": DAYS, "account": "1", "whole_usd": bare + tagged + moved, "bare_usd": bare, "moved_usd": moved})


def since(before: float, after: float) -> Any:
    return np.where(DAYS < CHANGED, before, after)


def test_tags_that_appear_on_what_had_none_were_put_there() -> None:
    change = find_tags(asked("tag"), spent(since(40, 10), 60.0, since(0, 30)))

    assert change is not None
    assert (change.first, change.former, change.became) == (CHANGED, "40.0% without a tag", "10.0% without a tag")
    assert not change.undone


@pytest.mark.parametrize(
    ("bare", "tagged", "moved", "why"),
    [
        (since(40, 40), 60.0, 0.0, "nothing changed"),
        (since(40, 5), 60.0, 0.0, "untagged resources ended"),
        (since(40, 40), since(60, 300), 0.0, "tagged ones came"),
        (since(40, 25), 60.0, since(0, 15), "less than half of it has tags"),
        (since(40, 5), since(60, 95), 0.0, "some ended and others grew by as much"),
        (since(40, 5), 60.0, since(0, 10), "most ended, and few were tagged"),
    ],
)
def test_what_is_no_tag_is_none(bare: Any, tagged: Any, moved: Any, why: str) -> None:
    assert find_tags(asked("tag"), spent(bare, tagged, moved)) is None, why


def test_tags_that_go_again_are_undone() -> None:
    gone = CHANGED + pd.Timedelta(days=15)
    bare = np.where((DAYS < CHANGED) | (gone <= DAYS), 40.0, 5.0)

    change = find_tags(asked("tag"), spent(bare, 60.0, 40 - bare))

    assert change is not None
    assert change.undone
    assert change.ends is not None
    assert abs(change.ends - gone) <= pd.Timedelta(days=7)


def test_of_two_changes_that_were_asked_for_the_newest_counts_as_the_oldest_is_followed_no_more() -> None:
    again = CHANGED + pd.Timedelta(days=15)
    said = pd.concat([asked("purchase"), asked("purchase", again)])
    later = covered(DAYS[again <= DAYS], 0.8, "arn:aws:savingsplans::1:savingsplan/third")
    change = bought(covered(AFTER, 0.9), later, said=said)

    assert change is not None
    assert (change.first, change.former, change.became) == (again, "$0.900 an hour committed", "$1.700 an hour committed")

    bare = np.where((DAYS < CHANGED), 40.0, 5.0)
    bare = np.where((CHANGED + pd.Timedelta(days=8) <= DAYS) & (again > DAYS), 40.0, bare)
    twice = find_tags(pd.concat([asked("tag"), asked("tag", again)]), spent(bare, 60.0, 40 - bare))

    assert twice is not None
    assert (twice.first, twice.undone) == (again, False)


def noisy(seed: int, *, tags: bool, stops: bool) -> pd.DataFrame:
    """An account whose cost wanders, has weekends and a trend of a fifth to five thirds in a hundred days."""
    random = np.random.default_rng(seed)
    week = np.where(DAYS.dayofweek >= 5, random.uniform(0.6, 1), 1.0)

    def wander(level: float) -> Any:
        trend = np.exp(np.linspace(0, np.log(random.uniform(0.6, 1.67)), len(DAYS)))
        return level * trend * week * np.exp(random.normal(0, 0.03, len(DAYS)).cumsum() * 0.3 + random.normal(0, 0.03, len(DAYS)))

    bare, tagged = wander(random.uniform(15, 60)), wander(100.0)
    moved = np.where(DAYS < CHANGED, 0.0, random.uniform(0.6, 1)) * bare
    return spent(bare - moved * (tags or stops), tagged, moved * tags)


def test_of_accounts_that_nobody_tagged_none_is_called_tagged_and_of_those_that_somebody_did_nearly_all_are() -> None:
    said = asked("tag", CHANGED + pd.Timedelta(days=5))
    seeds = range(300)

    left = [find_tags(said, noisy(seed, tags=False, stops=False)) for seed in seeds]
    ended = [find_tags(said, noisy(seed, tags=False, stops=True)) for seed in seeds]
    put = [find_tags(said, noisy(seed, tags=True, stops=False)) for seed in seeds]

    assert [change for change in left + ended if change is not None] == []
    assert sum(change is not None and change.first == CHANGED for change in put) == len(put)


def known(asked_of_bill: pd.DataFrame, spend: pd.DataFrame, tags: pd.DataFrame | None = None) -> Known:
    none: dict[Any, Any] = {}
    return Known(
        as_of=AS_OF.to_pydatetime(), said=asked_of_bill.head(0), inventory=none, listed=none, hours=none, bills=none, prices=none,
        list_prices=none, present=none, teams=none, asked_of_bill=asked_of_bill, spend=spend,
        tags=tags if tags is not None else pd.DataFrame(),
    )  # fmt: skip


def test_the_ledger_has_a_row_for_each_with_a_reason_and_no_figure_of_what_it_saved() -> None:
    both = pd.DataFrame([*asked("purchase").to_dict("records"), *asked("tag").to_dict("records")])
    bill = pd.concat([charged(DAYS, 100.0), covered(AFTER, 0.9)])

    rows, days = write_ledger(known(both, bill, spent(since(40, 10), 60.0, since(0, 30))))

    told = {row["rule_id"]: row for row in rows}
    assert {rule: (row.get("status"), row.get("shown_by"), row["days"]) for rule, row in told.items()} == {
        "savings_plan": ("implemented", "bill", 0),
        "untagged": ("implemented", "bill", 0),
    }
    assert told["savings_plan"]["reason"] == (
        "The bill shows it from 2026-03-10 on: $0.000 an hour committed before, $0.900 an hour committed then."
    )
    assert "saved_cost" not in told["savings_plan"]
    assert days == []


def test_what_no_bill_shows_is_in_the_ledger_without_a_status() -> None:
    for spend in (pd.DataFrame(), charged(DAYS, 100.0)):
        (row,), _ = write_ledger(known(asked("purchase"), spend))

        assert (row["rule_id"], row.get("status")) == ("savings_plan", None)
