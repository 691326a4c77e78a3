"""Which rules judge, with which options, as the settings say."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from pipeline.advice.estate import Estate
from pipeline.errors import ConfigError
from pipeline.inputs.estate import read_bill, read_estate
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.quality.conform import conform
from pipeline.settings import Settings
from pipeline.steps import recommend as step
from pipeline.tables.capacity import CAPACITY_RISK
from pipeline.tables.money import CHARGE_DAILY
from pipeline.tables.usage import RESOURCE
from tests.support.spending import PLAN

DAY = Interval.day("2026-03-14")


def quiet_estate() -> Estate:
    """One instance whose CPU never passes 3 % and that nobody talks to."""
    key = {"account": "1", "region": "us-east-1", "resource_id": "i-1"}
    hours = pd.date_range(end=DAY.end, periods=14 * 24, freq="h", inclusive="left").astype("datetime64[us]")
    measured = [("cpu_utilization", 2.0, 3.0), ("network_in", 1e-5, 1e-5), ("network_out", 1e-5, 1e-5)]
    usage = [
        pd.DataFrame(
            {**key, "metric": name, "hour": hours, "mean": mean, "p95": top, "max": top}
            | {"samples": 12, "expected_samples": 12, "quality_flag": 0}
        )
        for name, mean, top in measured
    ]
    listed = {"service": "ec2", "region": "us-east-1", "item": "m5.large", "unit": "hour", "price_usd": 0.1, "vcpu": 2.0}
    listed |= {"memory_gib": 8.0, "arch": "x86_64", "price_as_of": datetime(2026, 2, 1)}
    return Estate(
        as_of=DAY.as_of,
        lookback_days=14,
        resources=pd.DataFrame(
            [{**key, "service": "ec2", "instance_type": "m5.large", "state": "running", "tags": "{}", "ts": DAY.start}]
        ),
        usage=pd.concat(usage, ignore_index=True),
        prices=pd.DataFrame([listed]),
        risk=CAPACITY_RISK.empty(),
    )


@pytest.fixture(autouse=True)
def _one_quiet_instance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step, "read_estate", lambda *_: quiet_estate())


def actions(lake: Lake, settings: Settings, **changed: object) -> dict[str, str]:
    """Rule → what it says of the instance."""
    step.recommend(DAY, lake, settings.model_copy(update=changed))
    rows = lake.query("SELECT rule_id, action FROM gold.recommendation").to_pylist()
    return {row["rule_id"]: row["action"] for row in rows}


def test_every_rule_judges_unless_the_settings_name_some(lake: Lake, settings: Settings) -> None:
    assert actions(lake, settings) == {
        "burstable": "keep",
        "filling_disk": "insufficient_data",
        "generation": "keep",
        "idle": "stop",
        "off_hours": "keep",
        "rightsize": "keep",
    }
    assert actions(lake, settings, recommenders=("rightsize",)) == {"rightsize": "keep"}


@pytest.mark.parametrize("lookback_days", [14, 60])
def test_a_change_of_type_is_known_of_all_the_days_looked_at(lake: Lake, settings: Settings, lookback_days: int) -> None:
    days, changed = Interval(DAY.end - timedelta(days=60), DAY.end), DAY.end - timedelta(days=lookback_days - 5)
    listed = [
        {"account": "1", "region": "r", "resource_id": "i-1", "service": "ec2", "state": "running", "tags_json": "{}", "ts": ts}
        | {"instance_type": "m5.large" if ts < changed else "m5.xlarge"}
        for ts in pd.date_range(days.start, days.end, freq="D", inclusive="left")
    ]
    lake.replace(RESOURCE, conform(RESOURCE.frame(listed), RESOURCE, days), RESOURCE.scope(days))

    estate = read_estate(DAY, lake, settings.model_copy(update={"lookback_days": lookback_days}))

    assert estate.resources["config_changed_at"].tolist() == [changed]


def test_what_no_rule_judges_is_answered_with_that(lake: Lake, settings: Settings) -> None:
    assert actions(lake, settings, recommenders=()) == {"coverage": "insufficient_data"}


def test_a_rule_has_all_its_options_from_the_settings(lake: Lake, settings: Settings) -> None:
    strict = {"recommenders": {"idle": {"max_cpu_pct": 2.5}}}

    assert actions(lake, settings, options=strict)["idle"] == "keep"


def test_an_option_that_a_rule_does_not_have_stops_the_step_with_its_name(lake: Lake, settings: Settings) -> None:
    with pytest.raises(ConfigError, match=r"options.recommenders.idle: there is no option 'max_cpu'; did you mean 'max_cpu_pct'"):
        actions(lake, settings, options={"recommenders": {"idle": {"max_cpu": 2.5}}})


def test_what_the_newest_inventory_lists_no_more_is_not_judged_and_its_number_is_said(
    lake: Lake, settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    estate = quiet_estate()
    gone = estate.resources.assign(resource_id="i-gone", ts=DAY.start - timedelta(days=1))
    monkeypatch.setattr(step, "read_estate", lambda *_: replace(estate, resources=pd.concat([estate.resources, gone])))

    with caplog.at_level(logging.INFO):
        step.recommend(DAY, lake, settings)

    named = lake.query("SELECT DISTINCT resource_id FROM gold.recommendation")["resource_id"].to_pylist()
    assert named == ["i-1"]
    assert "that the newest does not list, and that are not judged: 1" in caplog.text


def charge(day: datetime, listed: int, effective: int, commitment: str = "none", **more: Any) -> dict[str, Any]:
    """What hours of m5.large are charged on a day, under a commitment or on demand."""
    said = {"source": "billing", "provider": "AWS", "payer": "9", "currency": "USD", "account": "1", "region": "r"}
    said |= {"service": "EC2", "usage_type": "BoxUsage:m5.large", "charge_category": "Usage", "charge_class": "none"}
    said |= {"unit": "Hrs", "tag_set": "none", "lines": 1}
    said |= {"pricing_category": "Standard" if commitment == "none" else "Committed", "commitment_id": commitment}
    paid = dict.fromkeys(("billed_cost", "effective_cost"), effective) | dict.fromkeys(("list_cost", "contracted_cost"), listed)
    return said | {"ts": day, "billing_period": day.replace(day=1)} | paid | more


def publish(lake: Lake, charges: list[dict[str, Any]]) -> None:
    known = pa.schema([(column.name, column.arrow_type) for column in CHARGE_DAILY.columns])
    days = Interval(datetime(2025, 12, 1), DAY.end)
    data = conform(pa.Table.from_pylist(charges, schema=known), CHARGE_DAILY, days)
    lake.replace(CHARGE_DAILY, data, CHARGE_DAILY.scope(days))


def test_what_a_plan_covers_by_the_bill_saves_nothing_while_that_lasts(lake: Lake, settings: Settings) -> None:
    day = datetime(2026, 3, 5)
    publish(lake, [charge(day, 8, 6, PLAN, resource_id="i-1", lines=2), charge(day, 4, 4, resource_id="i-1")])

    step.recommend(DAY, lake, settings)

    [stop] = lake.query(
        "SELECT savings_monthly_usd AS listed, savings_after_discounts_usd AS paid FROM gold.recommendation WHERE action = 'stop'"
    ).to_pylist()
    assert stop["listed"] > 50
    assert stop["paid"] == pytest.approx(stop["listed"] / 3)


def charge_quarter() -> list[dict[str, Any]]:
    """Of 75 days up to the day: usage under a plan, twice as much on demand without a tag, and unused commitment."""
    return [
        each
        for day in pd.date_range(end=DAY.end - timedelta(days=1), periods=75, freq="D").to_pydatetime()
        for each in (
            charge(day, 80, 64, PLAN, resource_id="i-7", tag_set="0123456789abcdef"),
            charge(day, 160, 160, resource_id="i-8"),
            charge(day, 24, 24, PLAN, resource_id=PLAN, usage_type="ComputeSP"),
        )
    ]


def test_a_bill_has_plans_bought_waste_and_missing_tags_named_with_dollars_by_what_other_changes_leave(
    lake: Lake, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(lake, charge_quarter())
    monkeypatch.setattr(step, "read_estate", lambda *_: replace(quiet_estate(), bill=read_bill(DAY, lake)))

    def said(**changed: object) -> dict[str, Any]:
        step.recommend(DAY, lake, settings.model_copy(update=changed))
        rows = lake.query("SELECT * FROM gold.recommendation WHERE portfolio_rank IS NOT NULL").to_pylist()
        return {row["action"]: row for row in rows}

    rows = said()
    assert rows.keys() == {"stop", "purchase", "release", "tag"}
    assert rows["release"]["savings_high_usd"] == pytest.approx(24 * 730 / 24)
    assert rows["tag"]["monthly_cost_usd"] == pytest.approx(160 * 730 / 24)
    purchase = rows["purchase"]
    assert purchase["savings_after_discounts_usd"] == purchase["savings_monthly_usd"] == purchase["portfolio_savings_usd"]
    # The stopped instance is not committed to.
    alone = said(recommenders=("savings_plan",))
    assert alone["purchase"]["savings_monthly_usd"] > purchase["savings_monthly_usd"] > 0
    assert json.loads(purchase["evidence_json"])["observed"]["left_by_other_changes"] == pytest.approx(1 - 0.0783 / 10, abs=1e-3)
    assert purchase["account"] == "9"
