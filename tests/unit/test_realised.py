"""What a change saved: demand and price apart, by the days before it alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.advice.counterfactual import Prices, draw_paths
from pipeline.advice.followed import Change, find_change, find_schedule, forms_by_bill, forms_by_inventory, settle
from pipeline.advice.realised import Realised, Seen, by_day, realise
from pipeline.tables.columns import IMPLEMENTED, REGRESSED, VERIFIED

FIRST, CHANGED, DAYS = pd.Timestamp("2026-01-01"), pd.Timestamp("2026-03-10"), 110
ALL = pd.date_range(FIRST, periods=DAYS, freq="D")
NO_HOURS = pd.DataFrame({"ts": pd.to_datetime([]), "hours": [], "saturated_hours": []})
FORMER, BECAME = "BoxUsage:m5.xlarge", "BoxUsage:m5.large"


def said(action: str = "rightsize", group: str = "size", target: str | None = "m5.large", **more: Any) -> pd.DataFrame:
    """A recommendation as the runs of ten days before the change said it."""
    row = {"recommendation_id": "a" * 16, "account": "1", "region": "r", "service": "ec2", "resource_id": "i-1", "action": action}
    row |= {"exclusive_group": group, "target_config": target, "savings_monthly_usd": 10.0, "off_hours_of_week": None} | more
    return pd.DataFrame([row | {"as_of": each} for each in pd.date_range(CHANGED - pd.Timedelta(days=10), CHANGED, freq="D")])


def change(group: str = "size", **more: Any) -> Change:
    row = said(group=group).iloc[-1].to_dict()
    return Change(row, CHANGED - pd.Timedelta(days=1), CHANGED, "m5.xlarge", "m5.large", **{"evidence": "inventory"} | more)


def charges(*parts: tuple[pd.DatetimeIndex, str, Any, float], paid: float = 1.0, commitment: str = "none") -> pd.DataFrame:
    """Days, usage type, hours and list price of an hour."""
    frames = [
        pd.DataFrame({"ts": days, "usage_type": name, "unit": "Hrs", "quantity": hours}).assign(
            list_cost=lambda each, price=price: each["quantity"] * price,
            cost=lambda each, price=price: each["quantity"] * price * paid,
            commitment_id=commitment,
        )
        for days, name, hours, price in parts
    ]
    return pd.concat(frames, ignore_index=True)


def resized(hours: Any = 24.0, hours_after: Any = 24.0, price: float = 0.1) -> pd.DataFrame:
    before, after = ALL[ALL < CHANGED], ALL[ALL >= CHANGED]
    return charges((before, FORMER, hours, 0.2), (after, BECAME, hours_after, price))


def judged(bill: pd.DataFrame, changed: Change | None = None, through: str = "2026-04-15", **seen: Any) -> Realised:
    known = {"hours": NO_HOURS, "prices": Prices({}), "present": {}} | seen
    return realise(changed or change(), Seen(charges=bill, through=np.datetime64(through, "D"), **known))


def saved(realised: Realised) -> float:
    assert realised.told is not None
    return float((realised.told.expected - realised.told.actual).sum())


def test_a_change_that_coincides_with_growth_is_not_regressed() -> None:
    after = int((ALL >= CHANGED).sum())
    grows = np.minimum(6.0 + 0.6 * np.arange(after), 24.0)

    found = judged(resized(hours=6.0, hours_after=grows))

    assert found.told is not None
    assert found.told.actual[-7:].sum() > 7 * found.told.before
    assert found.status == VERIFIED
    assert saved(found) == pytest.approx(found.told.actual.sum())


def test_a_decline_of_demand_is_no_saving() -> None:
    costs_as_much = resized(hours=24.0, hours_after=6.0, price=0.2)

    found = judged(costs_as_much)

    assert saved(found) == pytest.approx(0.0)
    assert found.status == IMPLEMENTED


def test_a_price_change_is_no_saving() -> None:
    """A machine that is as dear as before, and all get cheaper by a fifth on the day of the change."""
    days = ALL.to_numpy("datetime64[D]")
    of_others = np.where(ALL < CHANGED, 0.2, 0.16)

    found = judged(resized(price=0.16), prices=Prices({FORMER: (days, of_others)}))

    assert saved(found) == pytest.approx(0.0)
    told = found.told
    assert told is not None
    assert (told.expected - told.at_old_prices).sum() == pytest.approx(-0.04 * 24 * len(told.days))


def test_what_ends_would_have_cost_the_price_of_each_day() -> None:
    days = ALL.to_numpy("datetime64[D]")
    bill = charges((ALL[ALL < CHANGED], FORMER, 24.0, 0.2))

    found = judged(bill, change("end"), prices=Prices({FORMER: (days, np.where(ALL < CHANGED, 0.2, 0.16))}))

    assert found.told is not None
    assert saved(found) == pytest.approx(len(found.told.days) * 24 * 0.16)


def test_a_price_list_tells_how_a_price_moved_after_the_bill_had_it_last() -> None:
    seen = Prices({FORMER: (np.array(["2026-03-01"], "datetime64[D]"), np.array([0.18]))})
    listed = seen.listed(FORMER, np.array(["2024-01-01", "2026-03-15"], "datetime64[D]"), np.array([0.2, 0.15]))

    moved = listed.movement(FORMER, np.datetime64("2026-03-05"), np.datetime64("2026-04-01"))

    assert moved == pytest.approx(0.75)


def test_a_commitment_that_still_is_there_would_have_covered_the_resource() -> None:
    """Reserved at 60 % of the list price; what it became is on demand."""
    before = charges((ALL[ALL < CHANGED], FORMER, 24.0, 0.2), paid=0.6, commitment="ri")
    bill = pd.concat([before, charges((ALL[ALL >= CHANGED], BECAME, 24.0, 0.1))], ignore_index=True)
    there = {day: frozenset({"ri"}) for day in ALL.to_numpy("datetime64[D]")}
    gone = {day: each if day < np.datetime64(CHANGED, "D") else frozenset() for day, each in there.items()}

    stays, ended = judged(bill, present=there), judged(bill, present=gone)

    assert saved(stays) == pytest.approx(len(stays.told.days) * 24 * (0.2 * 0.6 - 0.1))  # type: ignore[union-attr]
    assert saved(ended) == pytest.approx(len(ended.told.days) * 24 * 0.1)  # type: ignore[union-attr]


def test_a_charge_that_a_change_brings_counts_against_it() -> None:
    credits = charges((ALL[ALL >= CHANGED], "CPUCredits:t3", 24.0, 0.15))

    found = judged(pd.concat([resized(), credits], ignore_index=True))

    assert found.status == REGRESSED
    assert found.reason.startswith("It costs more than before")


@pytest.mark.parametrize("group", ["size", "end"])
def test_a_later_day_changes_nothing_of_what_earlier_days_would_have_cost(group: str) -> None:
    random = np.random.default_rng(1)
    hours = np.round(random.uniform(4, 16, int((ALL < CHANGED).sum())), 2)
    bill = resized(hours=hours) if group == "size" else charges((ALL[ALL < CHANGED], FORMER, hours, 0.2))

    short, long = (judged(bill, change(group), through).told for through in ("2026-03-25", "2026-04-15"))

    assert short is not None
    assert long is not None
    pd.testing.assert_frame_equal(by_day(long).head(len(short.days)), by_day(short))
    wilder = pd.concat([bill, charges((pd.DatetimeIndex(["2026-04-10"]), "BoxUsage:x1.32xlarge", 24.0, 13.0))])
    again = judged(wilder, change(group), "2026-03-25").told
    assert again is not None
    pd.testing.assert_frame_equal(by_day(again), by_day(short))


def test_the_days_of_the_change_itself_are_neither_history_nor_measured() -> None:
    found = judged(resized())

    assert found.told is not None
    assert found.told.days[0] == np.datetime64("2026-03-11")
    odd = resized()
    odd.loc[odd["ts"].isin([CHANGED, CHANGED - pd.Timedelta(days=1)]), ["list_cost", "cost"]] = 1000.0
    assert saved(judged(odd)) == pytest.approx(saved(found))


def test_a_machine_that_is_saturated_since_has_too_little() -> None:
    full = pd.DataFrame({"ts": ALL, "hours": 24, "saturated_hours": np.where(ALL >= CHANGED, 1, 0)})
    always = full.assign(saturated_hours=1)

    assert judged(resized(), hours=full).status == REGRESSED
    assert judged(resized(), hours=always).status == VERIFIED


def test_what_was_to_cost_more_is_verified_by_fewer_saturated_hours_alone() -> None:
    larger = replace(change(), said=change().said | {"savings_monthly_usd": -10.0}, former="m5.large", became="m5.xlarge")
    bill = charges((ALL[ALL < CHANGED], BECAME, 24.0, 0.1), (ALL[ALL >= CHANGED], FORMER, 24.0, 0.2))
    full = pd.DataFrame({"ts": ALL, "hours": 24, "saturated_hours": 3})

    assert judged(bill, larger).status == IMPLEMENTED
    assert judged(bill, larger, hours=full).status == IMPLEMENTED
    assert judged(bill, larger, hours=full.assign(saturated_hours=np.where(ALL < CHANGED, 3, 0))).status == VERIFIED


def test_a_function_with_less_memory_saves_what_is_charged_less_of_the_same() -> None:
    bill = charges((ALL[ALL < CHANGED], "Lambda-GB-Second", 24.0, 0.2), (ALL[ALL >= CHANGED], "Lambda-GB-Second", 12.0, 0.2))
    row = change().said | {"service": "lambda"}
    less = replace(change(), said=row, former="x86_64, 512 MiB", became="x86_64, 256 MiB")

    found = judged(bill, less)

    assert found.status == VERIFIED
    assert saved(found) == pytest.approx(len(found.told.days) * 12 * 0.2)  # type: ignore[union-attr]


def test_a_database_of_a_newer_version_saves_the_extended_support() -> None:
    usage, support = "InstanceUsage:db.m5.large", "ExtendedSupport:Yr1-Yr2:MySQL5.7"
    bill = charges((ALL, usage, 24.0, 0.2), (ALL[ALL < CHANGED], support, 48.0, 0.1))
    newer = replace(change("engine"), said=change("engine").said | {"service": "rds"}, former="mysql 5.7", became="mysql 8.0")

    found = judged(bill, newer)

    assert found.status == VERIFIED
    assert saved(found) == pytest.approx(len(found.told.days) * 48 * 0.1)  # type: ignore[union-attr]


def test_a_machine_that_becomes_again_what_it_was_weeks_ago_saves_what_it_costs_less() -> None:
    larger = pd.Timestamp("2026-02-01")
    days = (ALL[larger > ALL], BECAME, 24.0, 0.1), (ALL[(larger <= ALL) & (CHANGED > ALL)], FORMER, 24.0, 0.2)

    found = judged(charges(*days, (ALL[CHANGED <= ALL], BECAME, 24.0, 0.1)))
    ended = judged(charges(*days, (ALL[(CHANGED <= ALL) & (CHANGED + pd.Timedelta(days=20) > ALL)], BECAME, 24.0, 0.1)))

    assert found.status == VERIFIED
    assert saved(found) == pytest.approx(len(found.told.days) * 24 * 0.1, rel=0.1)  # type: ignore[union-attr]
    assert len(ended.told.days) == 19  # type: ignore[union-attr]


def test_days_are_followed_for_92_at_most() -> None:
    many = pd.date_range(FIRST, periods=300, freq="D")
    bill = charges((many[many < CHANGED], FORMER, 24.0, 0.2), (many[many >= CHANGED], BECAME, 24.0, 0.1))

    found = judged(bill, through="2026-09-01")

    assert found.told is not None
    assert len(found.told.days) == 92


def test_what_was_always_the_same_goes_on_so_and_what_was_not_has_an_interval() -> None:
    steady = draw_paths(np.full(56, 24.0), 40, seed=1)
    weekly = draw_paths(np.tile([10.0, 10, 10, 10, 10, 0, 0], 8), 14, seed=1)
    noisy = draw_paths(np.random.default_rng(0).uniform(5, 15, 56), 40, seed=1)

    assert np.unique(steady) == pytest.approx([24.0])
    assert weekly[0] == pytest.approx(np.tile([10.0, 10, 10, 10, 10, 0, 0], 2))
    low, high = np.quantile(noisy.sum(axis=1), [0.1, 0.9])
    assert low < 400 < high


# ---------------------------------------------------------------- what was followed


def inventory(*configs: tuple[str, str | None]) -> pd.DataFrame:
    """Type by day from five days before the change on; None where the inventory does not list it."""
    days = pd.date_range(CHANGED - pd.Timedelta(days=5), periods=len(configs), freq="D")
    rows = [
        {"ts": day, "service": "ec2", "instance_type": config, "state": state, "tags_json": "{}"}
        for day, (config, state) in zip(days, configs, strict=True)
        if state is not None
    ]
    return pd.DataFrame(rows)


RUNS, SMALL, OFF, GONE = ("m5.xlarge", "running"), ("m5.large", "running"), ("m5.xlarge", "stopped"), ("", None)


def found_in(rows: pd.DataFrame, what: pd.DataFrame, days: int) -> Change | None:
    listed = list(pd.date_range(CHANGED - pd.Timedelta(days=5), periods=days, freq="D"))
    return find_change(what, forms_by_inventory(rows, listed, str(what["exclusive_group"].iloc[0])), "inventory")


def test_a_type_that_became_what_was_asked_for_was_followed_and_another_was_not() -> None:
    to_target = found_in(inventory(*[RUNS] * 5, *[SMALL] * 3), said(), 8)
    to_another = found_in(inventory(*[RUNS] * 5, *[("c5.large", "running")] * 3), said(), 8)

    assert to_target is not None
    assert (to_target.before, to_target.first, to_target.former, to_target.ends) == (
        CHANGED - pd.Timedelta(days=1),
        CHANGED,
        "m5.xlarge",
        None,
    )
    assert to_another is None


def test_a_group_became_the_number_of_machines_that_was_asked_for() -> None:
    of_three, of_two = ("3 x m5.large", "fixed"), ("2 x m5.large", "fixed")

    found = found_in(inventory(*[of_three] * 5, *[of_two] * 3), said(target="2 × m5.large", service="autoscaling"), 8)

    assert found is not None
    assert (found.first, found.became) == (CHANGED, "2 x m5.large")


def test_what_was_done_before_it_was_recommended_was_not_followed() -> None:
    late = said().assign(as_of=lambda each: each["as_of"] + pd.Timedelta(days=40))

    assert found_in(inventory(*[RUNS] * 5, *[SMALL] * 3), late, 8) is None


def test_what_is_stopped_or_gone_was_followed_and_a_single_day_without_it_shows_nothing() -> None:
    stop = said("stop", "end", None)

    stopped = found_in(inventory(*[RUNS] * 5, *[OFF] * 3), stop, 8)
    gone = found_in(inventory(*[RUNS] * 5, *[GONE] * 3), stop, 8)
    once = found_in(inventory(*[RUNS] * 5, GONE, *[RUNS] * 2), stop, 8)
    back = found_in(inventory(*[RUNS] * 5, *[OFF] * 2, RUNS), stop, 8)

    assert stopped is not None
    assert gone is not None
    assert (stopped.first, gone.first) == (CHANGED, CHANGED)
    assert once is None
    assert back is not None
    assert (back.ends, back.undone) == (CHANGED + pd.Timedelta(days=2), True)


def test_an_inventory_of_nothing_of_the_service_says_nothing() -> None:
    rows = inventory(*[RUNS] * 5)

    forms = forms_by_inventory(rows, list(rows["ts"]), "end")

    assert find_change(said("stop", "end", None), forms, "inventory") is None


def test_a_bill_shows_another_type_and_three_days_without_a_charge_that_it_is_gone() -> None:
    days = list(ALL[CHANGED + pd.Timedelta(days=3) > ALL])
    other = forms_by_bill(resized(), list(ALL))
    gone = forms_by_bill(charges((ALL[ALL < CHANGED], FORMER, 24.0, 0.2)), days)
    soon = forms_by_bill(charges((ALL[ALL < CHANGED], FORMER, 24.0, 0.2)), days[:-1])

    changed, ended = find_change(said(), other, "bill"), find_change(said("stop", "end", None), gone, "bill")

    assert changed is not None
    assert ended is not None
    assert (changed.first, ended.first) == (CHANGED, CHANGED)
    assert find_change(said("stop", "end", None), soon, "bill") is None


def test_a_schedule_is_seen_after_a_week_of_it_and_undone_by_a_week_of_all_hours() -> None:
    asked = said("schedule", "schedule", "off at night", off_hours_of_week=118.0)
    hours = pd.Series(np.where(ALL < CHANGED, 24.0, np.where(ALL.dayofweek < 5, 10.0, 0.0)), index=ALL)
    known = hours[: CHANGED + pd.Timedelta(days=6)]

    seen = find_schedule(asked, known)
    undone = find_schedule(asked, hours.where(hours.index < CHANGED + pd.Timedelta(days=20), 24.0))

    assert seen is not None
    assert (seen.first, seen.evidence, seen.undone) == (CHANGED, "hours", False)
    assert find_schedule(asked, known[: CHANGED + pd.Timedelta(days=1)]) is None
    assert undone is not None
    assert undone.undone


def test_weeks_of_fewer_hours_of_a_machine_that_people_switch_are_no_schedule_and_days_off_that_it_never_had_are() -> None:
    asked = said("schedule", "schedule", "off at night", off_hours_of_week=118.0)
    # By the week from 11 hours a day to 15 and, from the day on which it might have been followed, to 7.
    people = np.where(ALL.dayofweek < 5, 1.15, 0.62)
    level = np.where(CHANGED - pd.Timedelta(days=21) > ALL, 11.0, np.where(ALL < CHANGED, 15.0, 7.0))
    alone = pd.Series(people * level, index=ALL)
    followed = alone.where(ALL < CHANGED, pd.Series(np.where(ALL.dayofweek < 5, 8.0, 0.0), index=ALL))

    seen = find_schedule(asked, followed)

    assert find_schedule(asked, alone) is None
    assert seen is not None
    assert abs(seen.first - CHANGED) <= pd.Timedelta(days=2)


def test_a_schedule_is_seen_where_of_each_week_before_a_day_is_not_known() -> None:
    asked = said("schedule", "schedule", "off at night", off_hours_of_week=118.0)
    switched = pd.Series(np.where(ALL < CHANGED, 24.0, np.where(ALL.dayofweek < 5, 10.0, 0.0)), index=ALL)

    seen = find_schedule(asked, switched.mask((ALL.dayofweek == 6) & (ALL < CHANGED)))

    assert seen is not None
    assert seen.first == CHANGED


def test_of_two_schedules_that_were_asked_for_the_newest_counts_as_the_oldest_is_followed_no_more() -> None:
    again, days = CHANGED + pd.Timedelta(days=80), pd.date_range(FIRST, periods=180, freq="D")
    first = said("schedule", "schedule", "off at night", off_hours_of_week=118.0)
    both = pd.concat([first, first.assign(as_of=first["as_of"] + pd.Timedelta(days=80))])
    is_off = ((days >= CHANGED) & (days < CHANGED + pd.Timedelta(days=20))) | (days >= again)
    hours = pd.Series(np.where(is_off, 8.0, 24.0), index=days)

    found = find_schedule(both, hours)

    assert found is not None
    assert (found.first, found.ends, found.undone) == (again, None, False)


def test_a_change_lasts_until_the_next_of_its_resource() -> None:
    first = change()
    later = Change(
        first.said | {"recommendation_id": "b" * 16},
        CHANGED,
        CHANGED + pd.Timedelta(days=30),
        "m5.large",
        "t3.large",
        "inventory",
    )

    one, two = settle([later, first])

    assert (one.ends, one.undone, two.ends) == (later.first, False, None)
    assert two.since == CHANGED + pd.Timedelta(days=1)
    assert later.first == datetime(2026, 4, 9)


def test_a_machine_that_has_ended_is_no_schedule_and_ends_one() -> None:
    asked = said("schedule", "schedule", "off at night", off_hours_of_week=118.0)
    ended = CHANGED + pd.Timedelta(days=20)
    terminated = pd.Series(np.where(ALL < CHANGED, 24.0, 0.0), index=ALL)
    later = pd.Series(np.where(ALL < CHANGED, 24.0, np.where(ended > ALL, 10.0, 0.0)), index=ALL)

    found = find_schedule(asked, later)

    assert find_schedule(asked, terminated) is None
    assert find_schedule(asked, terminated[: CHANGED + pd.Timedelta(days=6)]) is None
    assert found is not None
    assert (found.first, found.ends, found.undone) == (CHANGED, ended, False)


def test_what_hours_and_an_inventory_show_of_the_same_days_is_one_change_that_counts_once() -> None:
    stop = change("end", evidence="inventory")
    schedule = replace(
        stop,
        said=stop.said | {"recommendation_id": "b" * 16, "savings_monthly_usd": 5.0},
        before=CHANGED,
        first=CHANGED + pd.Timedelta(days=1),
        evidence="hours",
    )

    one, two = settle([schedule, stop])

    assert [(each.ends, each.since, each.is_counted) for each in (one, two)] == [(None, None, True), (None, None, False)]
