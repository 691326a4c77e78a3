"""What every file in pipeline/recommenders promises."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from pydantic import BaseModel, ValidationError

from pipeline import plugs
from pipeline.advice.answer import ACTIONS, not_covered, recommendation_id
from pipeline.advice.estate import Estate
from pipeline.advice.portfolio import portfolio
from pipeline.interval import Interval
from pipeline.tables.advice import RECOMMENDATION
from pipeline.tables.capacity import CAPACITY_RISK

AS_OF = Interval.day("2026-03-15").start
DAYS = 14


def price(item: str, usd: float | None, vcpu: float, memory: float, **other: object) -> dict[str, object]:
    return {
        "service": "ec2",
        "region": "us-east-1",
        "item": item,
        "unit": "hour",
        "price_usd": usd,
        "vcpu": vcpu,
        "memory_gib": memory,
        "arch": "x86_64",
        "network_mbps": 312.5 * vcpu,
        "ebs_mbps": 290.0 * vcpu,
        "coremark": 14_000.0 * vcpu,
        "burstable": False,
        "hypervisor": "nitro",
        "gpu": 0.0,
        "instance_store": False,
        "price_as_of": pd.Timestamp("2026-02-01"),
        **other,
    }


PRICES = pd.DataFrame(
    [
        *(price(f"m5.{size}", 0.048 * vcpu, vcpu, 4 * vcpu) for size, vcpu in (("large", 2), ("xlarge", 4), ("2xlarge", 8))),
        price("m7i.large", 0.1008, 2, 8, coremark=40_000.0),
        price("m7g.large", 0.0816, 2, 8, arch="arm64", coremark=50_000.0),
        price("t3.medium", 0.0416, 2, 4, burstable=True, coremark=None),
        price("g5.xlarge", 1.006, 4, 16, gpu=1.0),
        price("m4.xlarge", 0.20, 4, 16, hypervisor="xen", network_mbps=None),
    ]
)


def hourly(resource_id: str, metric: str, mean: float, peak: float, days: float = DAYS, seed: int = 0) -> pd.DataFrame:
    """Hours up to AS_OF around a mean, whose maxima stay below a peak and once reach it."""
    hours = pd.date_range(AS_OF - timedelta(days=days), AS_OF, freq="h", inclusive="left").astype("datetime64[us]")
    rng = np.random.default_rng(seed)
    level = mean * (1 + 0.2 * np.sin(np.arange(len(hours)) * 2 * np.pi / 24)) * rng.uniform(0.97, 1.03, len(hours))
    top = np.minimum(level * 1.1, peak)
    top[:: max(len(hours) // 5, 1)] = peak
    return pd.DataFrame(
        {
            "account": "1",
            "region": "us-east-1",
            "resource_id": resource_id,
            "metric": metric,
            "hour": hours,
            "mean": np.minimum(level, peak),
            "p95": np.minimum(level * 1.05, peak),
            "max": top,
            "samples": 12,
            "quality_flag": 0,
        }
    )


def resource(resource_id: str, instance_type: str | None, **other: object) -> dict[str, object]:
    return {
        "account": "1",
        "region": "us-east-1",
        "resource_id": resource_id,
        "service": "ec2",
        "instance_type": instance_type,
        "state": "running",
        "launched_at": pd.Timestamp("2025-01-01"),
        "tags": "{}",
        **other,
    }


def all_metrics(resource_id: str, cpu: float, cpu_peak: float, memory: float, mbps: float, **more: object) -> list[pd.DataFrame]:
    return [
        hourly(resource_id, "cpu_utilization", cpu, cpu_peak, **more),
        hourly(resource_id, "memory_utilization", memory, memory * 1.3, **more),
        *(hourly(resource_id, name, mbps, mbps * 1.5, **more) for name in ("network_in", "network_out")),
        *(hourly(resource_id, name, mbps, mbps * 1.5, **more) for name in ("disk_read", "disk_write")),
    ]


def estate() -> Estate:
    """One instance of every situation."""
    resources = pd.DataFrame(
        [
            resource("i-busy", "m5.large"),
            resource("i-big", "m5.2xlarge", service="server"),
            resource("i-bigblind", "m5.2xlarge"),
            resource("i-idle", "m5.large"),
            resource("i-strict", "m5.large"),
            resource("i-unseen", "m5.large"),
            resource("i-young", "m5.large", launched_at=pd.Timestamp(AS_OF) - pd.Timedelta(days=3)),
            resource("i-gaps", "m5.large"),
            resource("i-member", "m5.2xlarge", tags=json.dumps({"aws:autoscaling:groupName": "web"})),
            resource("i-stopped", "m5.large", state="stopped"),
            resource("i-unlisted", "m9.colossal"),
            resource("i-untyped", None, tags=None),
            resource("i-gpu", "g5.xlarge"),
            resource("i-xen", "m4.xlarge"),
            resource("i-elsewhere", "m5.large", region="mars-1"),
            resource("db-1", "db.m5.large", service="rds"),
        ]
    )
    gaps = hourly("i-gaps", "cpu_utilization", 30, 60).iloc[::2]
    imputed = hourly("i-gaps", "cpu_utilization", 1, 2).iloc[1::2].assign(quality_flag=1)
    elsewhere = hourly("i-elsewhere", "cpu_utilization", 30, 60).assign(region="mars-1")
    usage = pd.concat(
        [
            *all_metrics("i-busy", 88, 99, 50, 40),
            *all_metrics("i-big", 8, 16, 20, 20),
            hourly("i-bigblind", "cpu_utilization", 8, 16),
            *all_metrics("i-idle", 0.4, 0.9, 20, 0.0001),
            hourly("i-strict", "cpu_utilization", 0.4, 0.8),
            *all_metrics("i-young", 10, 20, 20, 20, days=3),
            gaps,
            imputed,
            *all_metrics("i-member", 8, 16, 20, 20),
            *(frame for name in ("i-unlisted", "i-untyped", "i-gpu", "i-xen") for frame in all_metrics(name, 8, 16, 20, 20)),
            elsewhere,
        ],
        ignore_index=True,
    )
    return Estate(AS_OF, DAYS, resources, usage, PRICES, CAPACITY_RISK.empty())


Recommend = Callable[[Estate], pd.DataFrame]


@pytest.fixture(params=plugs.names("recommenders"))
def rule(request: pytest.FixtureRequest):
    return plugs.load("recommenders", request.param)


@pytest.fixture
def recommend(rule) -> Recommend:
    return lambda given: rule.recommend(given, rule.Options())


def by_id(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.set_index(["account", "region", "resource_id"]).sort_index()


def test_every_resource_of_its_services_has_exactly_one_row(rule, recommend: Recommend) -> None:
    given = estate()

    rows = recommend(given)

    covered = given.resources.loc[given.resources["service"].isin(rule.SERVICES)]
    assert sorted(zip(rows["resource_id"], rows["service"], strict=True)) == sorted(
        zip(covered["resource_id"], covered["service"], strict=True)
    )
    assert tuple(rows.columns) == RECOMMENDATION.names


def test_rows_are_complete_bounded_and_explained(rule, recommend: Recommend) -> None:
    rows = recommend(estate())

    assert set(rows["action"]) <= set(ACTIONS)
    assert (rows["reason"].str.len() > 10).all()
    assert rows["confidence"].between(0, 1).all()
    assert rows["risk_level"].between(0, 4).all()
    assert rows["breach_probability"].dropna().between(0, 1).all()
    assert np.isfinite(rows.select_dtypes("number").to_numpy(dtype=np.float64, na_value=0.0)).all()
    assert (rows["rule_id"] == rule.RULE_ID).all()
    assert (rows["rule_version"] == rule.RULE_VERSION).all()
    assert (rows["as_of"] == AS_OF).all()
    assert rows[["effort", "rollback_note", "restart_needed"]].notna().all(axis=None)
    assert all(isinstance(json.loads(text), dict) for text in rows["evidence_json"])


def test_savings_lie_between_their_bounds_and_do_not_exceed_the_cost(recommend: Recommend) -> None:
    rows = recommend(estate()).dropna(subset="savings_monthly_usd")

    assert len(rows) > 0
    assert (rows["savings_low_usd"] <= rows["savings_monthly_usd"]).all()
    assert (rows["savings_monthly_usd"] <= rows["savings_high_usd"]).all()
    assert (rows["savings_high_usd"] <= rows["monthly_cost_usd"]).all()
    assert rows["price_as_of"].notna().all()


def test_ids_are_unique_and_stay_when_the_target_or_the_amount_changes(rule, recommend: Recommend) -> None:
    given = estate()
    cheaper = replace(given, prices=PRICES.assign(price_usd=PRICES["price_usd"] / 2))

    now, later = recommend(given), recommend(cheaper)

    assert now["recommendation_id"].is_unique
    assert now["recommendation_id"].tolist() == later["recommendation_id"].tolist()
    assert now["recommendation_id"].str.fullmatch("[0-9a-f]{16}").all()
    row = now.iloc[0]
    assert row["recommendation_id"] == recommendation_id(rule.RULE_ID, (row["account"], row["region"], row["resource_id"]))


def test_the_answer_is_the_same_twice_and_in_any_order_of_rows(recommend: Recommend) -> None:
    given = estate()
    shuffled = Estate(
        AS_OF,
        DAYS,
        *(frame.sample(frac=1, random_state=7) for frame in (given.resources, given.usage, given.prices, given.risk)),
    )

    first = recommend(given)

    pd.testing.assert_frame_equal(first, recommend(given))
    pd.testing.assert_frame_equal(first, recommend(shuffled))


def test_what_is_known_after_as_of_does_not_matter(recommend: Recommend) -> None:
    given = estate()
    future = given.usage.assign(hour=given.usage["hour"] + pd.Timedelta(days=DAYS), mean=100.0, p95=100.0, max=100.0)
    future_price = PRICES.assign(price_as_of=pd.Timestamp("2026-04-01"), price_usd=99.0)
    longer = replace(
        given, usage=pd.concat([given.usage, future]), prices=pd.concat([future_price, given.prices], ignore_index=True)
    )

    pd.testing.assert_frame_equal(recommend(longer), recommend(given))


def test_without_prices_there_are_no_dollars(recommend: Recommend) -> None:
    for prices in (PRICES.assign(price_usd=np.nan), PRICES.iloc[:0]):
        rows = recommend(replace(estate(), prices=prices))

        running = rows.loc[rows["resource_id"] != "i-stopped"]
        assert running["monthly_cost_usd"].isna().all()
        assert running[["savings_monthly_usd", "savings_low_usd", "savings_high_usd"]].isna().all(axis=None)
        assert len(rows) == len(recommend(estate()))


def test_no_type_is_proposed_that_the_price_list_does_not_have(recommend: Recommend) -> None:
    targets = recommend(estate())["target_config"].dropna()

    assert set(targets) <= set(PRICES["item"])


def test_instances_that_cannot_be_judged_say_so_with_the_figures(recommend: Recommend) -> None:
    rows = recommend(estate()).set_index("resource_id")

    for name, words in {
        "i-unseen": "No CPU utilization in the last 14 days",
        "i-young": "Launched 3.0 days ago; 14 days",
        "i-gaps": r"50.0 % of the last 14 days \(168 of 336 hours\); 90 %",
        "i-member": "aws:autoscaling:groupName=web",
    }.items():
        assert rows.at[name, "action"] == "insufficient_data"
        assert pd.Series([rows.at[name, "reason"]]).str.contains(words).all(), rows.at[name, "reason"]


def test_a_stopped_instance_is_left_alone(recommend: Recommend) -> None:
    stopped = recommend(estate()).set_index("resource_id").loc["i-stopped"]

    assert (stopped["action"], stopped["monthly_cost_usd"]) == ("keep", 0)


def test_an_estate_without_resources_or_usage_is_answered(recommend: Recommend) -> None:
    given = estate()

    assert recommend(replace(given, resources=given.resources.iloc[:0])).empty
    silent = recommend(replace(given, usage=given.usage.iloc[:0]))
    assert set(silent["action"]) == {"insufficient_data", "keep"}


def test_options_are_described_bounded_and_closed(rule) -> None:
    assert issubclass(rule.Options, BaseModel)
    for name, field in rule.Options.model_fields.items():
        assert field.description, f"{name} has no description"
        assert field.metadata or field.annotation is bool, f"{name} has no bounds"
    with pytest.raises(ValidationError):
        rule.Options(no_such_option=1)


def test_all_rules_together_answer_for_every_resource_and_their_savings_add_up() -> None:
    given = estate()
    rules = [plugs.load("recommenders", name) for name in plugs.names("recommenders")]
    rows = pd.concat(
        [
            *(rule.recommend(given, rule.Options()) for rule in rules),
            not_covered(given, {service for rule in rules for service in rule.SERVICES}),
        ],
        ignore_index=True,
    )

    chosen = portfolio(rows)

    assert set(chosen["resource_id"]) == set(given.resources["resource_id"])
    assert len(chosen) == len(rows)
    ranked = chosen.dropna(subset="portfolio_rank")
    assert not ranked.duplicated(["account", "region", "resource_id"]).any()
    assert ranked["portfolio_rank"].tolist() == list(range(1, len(ranked) + 1))
    assert chosen["portfolio_savings_usd"].sum() == pytest.approx(ranked["savings_monthly_usd"].sum())
    assert (chosen.loc[chosen["portfolio_rank"].isna(), "portfolio_savings_usd"] == 0).all()
    assert ranked.loc[ranked["resource_id"] == "i-idle", "rule_id"].tolist() == ["idle"]
