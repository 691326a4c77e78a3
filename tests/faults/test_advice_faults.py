"""Advice on what was never measured, on what the price list is not for, and on what is gone."""

from __future__ import annotations

import json
from dataclasses import replace

import pandas as pd
import pytest

from pipeline.advice.currency import judge_the_current
from pipeline.advice.estate import Estate
from pipeline.recommenders import idle, rightsize
from tests.support.instances import one, rest, series

LOW = [series("cpu_utilization", 12.0), *rest(memory_utilization=12.0, network_in=5.0, network_out=5.0)]
QUIET = [series("cpu_utilization", 0.4), *rest(network_in=1e-5, network_out=1e-5)]
ZERO = [series("cpu_utilization", 0.0), *rest(memory_utilization=0.0, network_in=0.0, network_out=0.0)]


def test_a_running_instance_of_which_every_sample_is_zero_is_investigated_and_neither_idle_nor_too_large() -> None:
    given = one("m5.2xlarge", *ZERO)

    answers = [rule.recommend(given, rule.Options()).iloc[0] for rule in (idle, rightsize)]

    assert [answer["action"] for answer in answers] == ["investigate", "investigate"]
    assert all("exactly 0" in answer["reason"] for answer in answers)


@pytest.mark.parametrize("metric", ["memory_utilization", "network_in"])
def test_one_measurement_above_zero_makes_zeros_a_measurement(metric: str) -> None:
    given = one("m5.2xlarge", *(frame for frame in ZERO if frame["metric"].iloc[0] != metric), series(metric, 1e-6))

    assert idle.recommend(given, idle.Options()).iloc[0]["action"] == "terminate"


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        ("headroom:platform", "Windows"),
        ("headroom:platform", "Windows with SQL Server Standard"),
        ("headroom:platform", "Red Hat Enterprise Linux"),
        ("headroom:lifecycle", "spot"),
    ],
)
def test_no_dollars_where_the_price_list_is_for_another_platform_or_purchase(tag: str, value: str) -> None:
    tags = json.dumps({tag: value})

    smaller = rightsize.recommend(one("m5.2xlarge", *LOW, tags=tags), rightsize.Options()).iloc[0]
    idling = idle.recommend(one("m5.2xlarge", *QUIET, tags=tags), idle.Options()).iloc[0]

    assert (smaller["action"], idling["action"]) == ("rightsize", "terminate")
    for answer in (smaller, idling):
        assert answer[["monthly_cost_usd", "savings_monthly_usd"]].isna().all()
        assert answer["reason"].endswith(f"the price list is of Linux on demand, and this is {value}.")


@pytest.mark.parametrize("tags", ["{}", '{"headroom:platform": "Linux/UNIX"}'])
def test_linux_on_demand_has_the_price_of_the_list(tags: str) -> None:
    idling = idle.recommend(one("m5.2xlarge", *QUIET, tags=tags), idle.Options()).iloc[0]

    assert idling["monthly_cost_usd"] == pytest.approx(280.32)


def of_two(lives: str, gone: str) -> Estate:
    """The estate of an instance, and of one more, each last listed on a day."""
    given = one("m5.2xlarge", *QUIET)
    both = pd.concat([given.resources, given.resources.assign(resource_id="i-gone")], ignore_index=True)
    usage = pd.concat([given.usage, given.usage.assign(resource_id="i-gone")])
    dated = both.assign(ts=pd.to_datetime([lives, gone]))
    return Estate(given.as_of, given.lookback_days, dated, usage, given.prices, given.risk)


def test_only_what_the_newest_inventory_of_its_account_and_region_lists_is_judged() -> None:
    estate, answers = judge_the_current(of_two("2026-03-14", "2026-03-13"))

    assert list(estate.resources["resource_id"]) == ["i-1"]
    assert answers.empty


def test_a_service_that_the_newest_inventory_lacks_whole_is_unknown_and_not_gone() -> None:
    given = of_two("2026-03-14", "2026-03-13")
    is_database = given.resources["resource_id"] == "i-gone"
    other = given.resources.assign(service=given.resources["service"].where(~is_database, "rds"))

    estate, answers = judge_the_current(replace(given, resources=other))

    assert list(estate.resources["resource_id"]) == ["i-1"]
    assert answers[["resource_id", "action"]].to_numpy().tolist() == [["i-gone", "insufficient_data"]]
    [answer] = answers.to_dict("records")
    assert (
        "of 1 in us-east-1 has no rds at all, and one of 2026-03-13 has: either none is left or it was not asked for"
        in (answer["reason"])
    )


def test_where_the_newest_inventory_is_older_than_three_days_nothing_is_judged_and_every_answer_says_so() -> None:
    estate, answers = judge_the_current(of_two("2026-03-10", "2026-03-10"))

    assert estate.resources.empty
    assert list(answers["action"]) == ["insufficient_data"] * 2
    assert all("2026-03-10" in reason for reason in answers["reason"])
