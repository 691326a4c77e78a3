"""What is committed to and what idle nodes cost at the prices of AWS's files: from a server on loopback to dollars of advice."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime

import pandas as pd
import pytest

from pipeline.advice.bill import add_billed
from pipeline.advice.estate import Estate
from pipeline.interval import Interval
from pipeline.recommenders import idle_desktop, idle_endpoint, idle_memory_database, reservation, savings_plan
from pipeline.sources import pricing
from tests.support.activity import active, by_day, resource
from tests.support.price_files import Files
from tests.support.source_servers import serve
from tests.support.spending import charged, spending

pytestmark = [pytest.mark.server]

LONDON = {"region": "eu-west-2"}
#: $10.00 an hour of m5.large, as London's bill calls it.
MACHINES = charged(240.0, usage_type="EUW2-BoxUsage:m5.large", list_price=0.111, **LONDON)


@pytest.fixture(scope="module")
def prices() -> pd.DataFrame:
    """What `inputs.prices` has of the files."""
    with serve(Files()) as aws:
        asked = pricing.Options(regions=("eu-west-2",), files_url=aws.url)
        shards = [batch.data for batch in pricing.fetch(Interval(pricing.BEGINNING, datetime(2026, 11, 1)), asked)]
    return pd.concat([shard.to_pandas() for shard in shards]).rename(columns={"ts": "price_as_of"}).reset_index(drop=True)


def bought(rule: object, estate: Estate, name: str, **options: object) -> pd.Series:
    rows = rule.recommend(estate, rule.Options(**options))  # type: ignore[attr-defined]
    answer: pd.Series = rows.set_index("resource_id").loc[name]
    return answer


def test_a_plan_and_a_reservation_are_bought_at_the_rates_of_the_files_and_not_where_these_are_missing(
    prices: pd.DataFrame,
) -> None:
    estate, unlisted = spending(MACHINES, prices=prices), spending(MACHINES, prices=prices[prices["service"] == "ec2"])

    plan, reserved = bought(savings_plan, estate, "compute"), bought(reservation, estate, "ec2/m5")

    # At .085 and .07 of .111: 23.4 and 36.9 % off.
    assert plan["action"] == reserved["action"] == "purchase"
    assert "while 77% of it is used" in plan["reason"]
    assert "while 63% of it is used" in reserved["reason"]
    assert "the price list of 2026-09-18 (100%)" in reserved["reason"]
    assert 0 < plan["savings_monthly_usd"] < reserved["savings_monthly_usd"] < 0.369 * 7300
    assert bought(savings_plan, unlisted, "compute")["action"] == "insufficient_data"
    assert bought(reservation, unlisted, "ec2/m5")["action"] == "insufficient_data"


def test_what_is_paid_at_once_is_said_and_other_terms_have_rates_of_their_own(prices: pd.DataFrame) -> None:
    estate = spending(MACHINES, prices=prices)

    at_once = bought(reservation, estate, "ec2/m5", ec2_offering="convertible", payment="all_upfront")
    partly = bought(reservation, estate, "ec2/m5", term_days=1095, payment="partial_upfront")
    family = bought(reservation, estate, "ec2/m5", ec2_offering="ec2_instance")
    three = bought(savings_plan, estate, "compute", term_days=1095, payment="all_upfront")

    assert "while 59% of it is used" in at_once["reason"]
    assert "of it on the first day" in at_once["reason"]
    assert "exchanged for another type" in at_once["rollback_note"]
    assert "while 36% of it is used" in partly["reason"]
    assert family["reason"].startswith("An EC2 Instance Savings Plan of m5")
    assert "while 65% of it is used" in family["reason"]
    assert "while 52% of it is used" in three["reason"]
    # Nobody sells two years.
    assert bought(savings_plan, estate, "compute", term_days=730)["action"] == "insufficient_data"


def test_each_system_has_the_rate_that_the_files_say_of_it_and_none_that_of_linux(prices: pd.DataFrame) -> None:
    machines = {"usage_type": "EUW2-BoxUsage:m5.large", **LONDON}
    windows = spending(charged(240.0, list_price=0.203, **machines), prices=prices)
    others = [charged(80.0, list_price=price, **machines) for price in (0.203, 0.5)]
    mixed = spending(MACHINES, *others, prices=prices)
    alone = {"usage_type": "EUW2-DedicatedUsage:m5.large", "list_price": 0.118, **LONDON}

    of_windows, of_both = bought(savings_plan, windows, "compute"), bought(savings_plan, mixed, "compute")
    of_linux, none = bought(reservation, mixed, "ec2/m5"), bought(reservation, windows, "ec2/m5")
    of_family = bought(reservation, mixed, "ec2/m5", ec2_offering="ec2_instance")
    dedicated = bought(savings_plan, spending(charged(240.0, **alone), prices=prices), "compute")

    # .177 of .203 is 12.8 % off, where Linux has 23.4 %.
    assert "while 87% of it is used" in of_windows["reason"]
    assert json.loads(of_windows["evidence_json"])["left_out"] == {}
    # Three fifths at 23.4 %, a fifth at 12.8 %, and of a fifth nobody knows what runs.
    assert json.loads(of_both["evidence_json"])["observed"]["discount"] == pytest.approx(0.75 * 0.2342 + 0.25 * 0.1281, abs=1e-3)
    assert json.loads(of_both["evidence_json"])["left_out"] == {"m5 at a price that is not listed": 0.2}
    assert "Left out is 20% of what may be covered: m5 at a price that is not listed (20%)." in of_both["reason"]
    # A reservation of Linux covers no Windows; a plan of the family does.
    assert "while 63% of it is used" in of_linux["reason"]
    assert "Left out is 40% of what may be covered" in of_linux["reason"]
    assert of_linux["monthly_cost_usd"] == pytest.approx(10 * 730)
    assert none["action"] == "insufficient_data"
    assert "Left out is 100% of what may be covered: m5 Windows (100%)" in none["reason"]
    assert "Left out is 20% of what may be covered" in of_family["reason"]
    # .092 of .118.
    assert "while 78% of it is used" in dedicated["reason"]


def test_what_is_reserved_for_another_system_takes_nothing_from_a_reservation_of_linux(prices: pd.DataFrame) -> None:
    reserved = {"charged_as": "covered", "commitment_id": "arn:aws:ec2:eu-west-2:9:reserved-instances/1", **LONDON}
    covered = [charged(240.0, usage_type="EUW2-BoxUsage:m5.large", list_price=usd, **reserved) for usd in (0.203, 0.111)]
    alone = bought(reservation, spending(MACHINES, prices=prices), "ec2/m5")
    beside = [bought(reservation, spending(MACHINES, one, prices=prices), "ec2/m5") for one in covered]

    assert beside[0]["target_config"] == alone["target_config"]
    assert [json.loads(one["evidence_json"])["observed"]["committed_usd_per_hour"] for one in beside] == [0.0, 8.0]


def test_what_a_bill_states_no_list_price_of_has_the_smallest_discount_of_all_that_it_may_be(prices: pd.DataFrame) -> None:
    unsaid = spending(charged(240.0, usage_type="EUW2-BoxUsage:m5.large", **LONDON), prices=prices)

    assert "while 87% of it is used" in bought(savings_plan, unsaid, "compute")["reason"]


def test_idle_memory_databases_and_endpoints_are_worth_what_the_files_say_of_their_nodes(prices: pd.DataFrame) -> None:
    known = {"instance_type": "db.r6g.large", "nodes": 4, "launched_at": None}
    listed = [
        resource("cluster/redis", "memorydb", "available", engine="redis", **known),
        resource("cluster/valkey", "memorydb", "available", engine="valkey", **known),
        resource("cluster/large", "memorydb", "available", **known | {"engine": "redis", "instance_type": "db.r6g.4xlarge"}),
        resource("endpoint/idle", "sagemaker", "InService", instance_type="ml.m5.large", kind="instances", nodes=2),
    ]
    seen = [
        by_day(f"cluster/{name}", metric, amount)
        for name in ("redis", "valkey", "large")
        for metric, amount in (("EngineCPUUtilization", 0.3), ("NewConnections", 0), ("KeyspaceHits", 0), ("KeyspaceMisses", 0))
    ]
    estate = active(listed, *seen, by_day("endpoint/idle", "DiskUtilization", 12), prices=[])
    here = prices.assign(region=estate.resources["region"].iloc[0])
    estate = add_billed(replace(estate, prices=here))

    clusters = idle_memory_database.recommend(estate, idle_memory_database.Options()).set_index("resource_id")
    endpoints = idle_endpoint.recommend(estate, idle_endpoint.Options()).set_index("resource_id")

    assert set(clusters["action"]) == {"delete"}, clusters["reason"].tolist()
    assert clusters.loc["cluster/redis", "savings_monthly_usd"] == pytest.approx(4 * 0.368 * 730)
    assert clusters.loc["cluster/valkey", "savings_monthly_usd"] == pytest.approx(4 * 0.2576 * 730)
    assert pd.isna(clusters.loc["cluster/large", "savings_monthly_usd"])
    assert endpoints.loc["endpoint/idle", "savings_monthly_usd"] == pytest.approx(2 * 0.136 * 730)


def test_a_desktop_that_nobody_uses_saves_what_its_month_costs_less_when_it_stops_by_itself(prices: pd.DataFrame) -> None:
    bundle = {"root_gib": 80, "user_gib": 50, "operating_system": "WINDOWS_SERVER_2022"}
    known = {"running_mode": "ALWAYS_ON", "last_connected": "2025-01-01T00:00:00", "instance_type": "STANDARD", **bundle}
    others = {
        "ws-linux": {"operating_system": "AMAZON_LINUX_2"},
        "ws-licence": {"operating_system": "WINDOWS_11"},
        "ws-large": {"instance_type": "POWER", "root_gib": 175, "user_gib": 100},
        "ws-volumes": {"root_gib": 100},
    }
    listed = [resource(name, "workspaces", "available", **known | more) for name, more in {"ws-left": {}, **others}.items()]
    estate = active(listed, prices=[])
    estate = add_billed(replace(estate, prices=prices.assign(region=estate.resources["region"].iloc[0])))

    rows = idle_desktop.recommend(estate, idle_desktop.Options()).set_index("resource_id")

    assert set(rows["action"]) == {"stop"}
    assert rows.loc[["ws-left", "ws-linux"], "savings_monthly_usd"].tolist() == [26.0, 22.0]
    assert rows.loc[["ws-left", "ws-linux"], "monthly_cost_usd"].tolist() == [37.0, 33.0]
    # Its own licence, no price of the month that stops, and volumes that no bundle has.
    assert rows.loc[["ws-licence", "ws-large", "ws-volumes"], "savings_monthly_usd"].isna().all()
    assert rows.loc["ws-large", "reason"].endswith("No dollars: there is no list price of it.")
