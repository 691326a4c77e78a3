"""The rules idle and rightsize, by example."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlglot import exp

from pipeline import plugs
from pipeline.advice.answer import not_covered
from pipeline.advice.case import Case
from pipeline.advice.credits import exhaustion_probability
from pipeline.advice.estate import Estate
from pipeline.advice.gaps import find_gaps
from pipeline.advice.instance_types import catalogue, cpu_ratio, types_by_region
from pipeline.advice.measures import MEASURES
from pipeline.advice.portfolio import portfolio
from pipeline.advice.prices import price_lists
from pipeline.advice.risk import newest_risk
from pipeline.advice.words import write_megabytes
from pipeline.errors import DataError
from pipeline.interval import Interval
from pipeline.lake import sql
from pipeline.recommenders import _sizing, burstable, generation, idle, rightsize
from pipeline.tables.columns import EXCLUSIVE_GROUPS
from tests.support.instances import AS_OF, HOURS, PRICES, mixed_estate, one, rest, risk_of, series


def sized(given: Estate, **options: object) -> pd.Series:
    [row] = rightsize.recommend(given, rightsize.Options(**options)).to_dict("records")
    return pd.Series(row)


def judged_idle(given: Estate, **options: object) -> pd.Series:
    [row] = idle.recommend(given, idle.Options(**options)).to_dict("records")
    return pd.Series(row)


# ---------------------------------------------------------------- idle


@pytest.mark.parametrize(("age_days", "action"), [(13.9, "insufficient_data"), (14.0, "stop")])
def test_an_instance_is_judged_from_the_day_on_which_its_look_back_is_complete(age_days: float, action: str) -> None:
    quiet = [series("cpu_utilization", 1, 4.9), series("network_in", 0.0002), series("network_out", 0.0002)]

    assert judged_idle(one("m5.large", *quiet, launched_at=AS_OF - timedelta(days=age_days)))["action"] == action


def test_an_instance_below_5_percent_and_5_megabytes_a_day_is_stopped_and_saves_its_price() -> None:
    quiet = one("m5.large", series("cpu_utilization", 1, 4.9), series("network_in", 0.0002), series("network_out", 0.0002))

    row = judged_idle(quiet)

    assert row["action"] == "stop"
    assert row["savings_high_usd"] == pytest.approx(0.096 * 730)
    assert 0 < row["savings_low_usd"] < row["savings_monthly_usd"] < row["savings_high_usd"]
    assert row["rollback_possible"]
    # 0.0004 Mbit/s × 86,400 s / 8 = 4.3 MB a day.
    assert json.loads(row["evidence_json"])["observed"]["network_max_mb_per_day"] == pytest.approx(4.32)


@pytest.mark.parametrize(("cpu_peak", "mbps"), [(5.1, 0.0002), (4.0, 0.0003)])
def test_a_single_busy_hour_or_a_little_more_traffic_means_in_use(cpu_peak: float, mbps: float) -> None:
    peaks = np.full(len(HOURS), 2.0)
    peaks[100] = cpu_peak

    row = judged_idle(
        one("m5.large", series("cpu_utilization", 1, peaks), series("network_in", mbps), series("network_out", mbps))
    )

    assert row["action"] == "keep"
    assert "In use" in row["reason"]


def test_one_day_of_traffic_is_enough_to_be_in_use() -> None:
    burst = np.where((HOURS[48] <= HOURS) & (HOURS[72] > HOURS), 0.01, 0.0)

    row = judged_idle(one("m5.large", series("cpu_utilization", 1), series("network_in", burst), series("network_out", 0)))

    assert row["action"] == "keep"


@pytest.mark.parametrize(("peak", "action"), [(0.9, "stop"), (1.1, "keep")])
def test_without_network_metrics_only_the_strict_rule_applies(peak: float, action: str) -> None:
    assert judged_idle(one("m5.large", series("cpu_utilization", 0.5, peak)))["action"] == action
    one_direction = one("m5.large", series("cpu_utilization", 0.5, peak), series("network_in", 0.0))
    assert judged_idle(one_direction)["action"] == action


def test_an_instance_that_does_nothing_at_all_is_terminated_which_cannot_be_undone() -> None:
    dead = one("m5.large", series("cpu_utilization", 0.1, 0.5), series("network_in", 0), series("network_out", 0))

    row = judged_idle(dead)

    assert row["action"] == "terminate"
    assert not row["rollback_possible"]


def test_a_longer_quiet_time_gives_more_confidence() -> None:
    longer = pd.date_range(AS_OF - timedelta(days=60), AS_OF, freq="h", inclusive="left").astype("datetime64[us]")
    cpu = pd.DataFrame({"metric": "cpu_utilization", "hour": longer, "mean": 0.5, "p95": 0.5, "max": 0.5})

    given = one("m5.large", cpu)
    two_weeks, two_months = (judged_idle(replace(given, lookback_days=days))["confidence"] for days in (14, 60))

    assert two_weeks < two_months < 1


# ---------------------------------------------------------------- rightsize


def test_the_cheapest_type_with_20_percent_headroom_at_p99_5_is_proposed() -> None:
    # 30 % of 8 vCPUs / 0.8 = 3 vCPUs; the m8a.large's 2 are credited as 3 at most, and its 8 GiB hold 10 % / 0.8 of 32.
    row = sized(one("m5.2xlarge", series("cpu_utilization", 30), *rest()), max_breach_probability=0.3)

    assert (row["action"], row["target_config"]) == ("rightsize", "m8a.large")
    assert row["savings_high_usd"] == pytest.approx((0.384 - 0.12) * 730)
    assert row["monthly_cost_usd"] == pytest.approx(0.384 * 730)
    assert row["restart_needed"]
    assert json.loads(row["evidence_json"])["cpu_compared_by"] == "coremark"


@pytest.mark.parametrize(
    ("changed", "target"),
    [
        ({"memory_utilization": 25.0}, "m5.xlarge"),  # 10 GiB: too much for 8
        ({"network_in": 900.0}, "c5.xlarge"),  # 1,125 Mbit/s
        ({"disk_read": 500.0, "disk_write": 300.0}, "c5.xlarge"),  # 1,000 Mbit/s together
        ({"network_in": 1000.0}, "c5.xlarge"),  # just the 1,250 Mbit/s that it has
        ({"network_in": 1000.4}, None),  # half a Mbit/s more
        ({"memory_utilization": 45.0}, None),
        ({"network_out": 1900.0}, None),
    ],
)
def test_every_dimension_must_fit(changed: dict[str, float], target: str | None) -> None:
    assert sized(one("m5.2xlarge", series("cpu_utilization", 30), *rest(**changed)))["target_config"] == target


def test_memory_that_is_not_measured_never_shrinks() -> None:
    without = [frame for frame in rest() if frame["metric"].iloc[0] != "memory_utilization"]

    row = sized(one("m5.2xlarge", series("cpu_utilization", 5), *without))

    assert row["action"] == "keep"
    assert "not measured: memory" in row["reason"]


def test_bandwidth_that_is_not_measured_shrinks_by_a_size_at_most_and_costs_confidence() -> None:
    blind = one("m5.4xlarge", series("cpu_utilization", 5), series("memory_utilization", 5))

    row = sized(blind)

    assert row["target_config"] == "m5.2xlarge"
    assert row["confidence"] < sized(one("m5.4xlarge", series("cpu_utilization", 5), *rest()))["confidence"]
    assert json.loads(row["evidence_json"])["unmeasured"] == ["network", "ebs"]


def test_cpu_credit_for_a_faster_type_is_limited() -> None:
    types = catalogue(price_lists(one("m5.2xlarge", series("cpu_utilization", 1)), "ec2", "hour")["us-east-1"])

    ratio = cpu_ratio(types, types.loc["m5.2xlarge"], 1.5)

    assert ratio["m8a.large"] == pytest.approx(1.5 * 2 / 8)
    assert ratio["m4.2xlarge"] == pytest.approx(100 / 116)
    assert ratio["m5.metal"] == 96 / 8


def test_another_architecture_or_cpu_credits_are_options() -> None:
    given = one("m5.2xlarge", series("cpu_utilization", 15), *rest(memory_utilization=30.0))

    assert sized(given)["target_config"] == "m5.xlarge"
    moved = sized(given, allow_arch_change=True)
    assert (moved["target_config"], moved["effort"]) == ("m7g.xlarge", "very_high")
    assert "Architecture" in json.loads(moved["evidence_json"])["platform_differences"]
    assert sized(given, allow_burstable=True)["target_config"] == "t3.xlarge"


def test_a_burstable_type_must_serve_the_mean_from_its_baseline() -> None:
    busy = one("m5.2xlarge", series("cpu_utilization", 28), *rest(memory_utilization=30.0))

    assert sized(busy, allow_burstable=True, max_breach_probability=1)["target_config"] == "m5.xlarge"


def test_credits_that_are_never_drawn_on_do_not_run_out_and_those_that_are_do_as_they_do_day_by_day() -> None:
    rng = np.random.default_rng(4)
    use = rng.uniform(0.05, 0.5, 28 * 24)

    assert exhaustion_probability(use, 0.5) == 0.0
    for baseline in (0.2, 0.27, 0.3, 0.4):
        assert exhaustion_probability(use, baseline) == _run_out_day_by_day(use, baseline)


def _run_out_day_by_day(use: np.ndarray, baseline: float) -> float:
    """Of the same days drawn, hour by hour within each, as the user guide says it."""
    days = use.reshape(-1, 24)
    runs_out = []
    for path in np.random.default_rng(20_140_701).integers(0, len(days), size=(30, 200)).T:
        balance, short = 0.0, False
        for hour in days[path].ravel():
            balance = min(balance + baseline - hour, 24 * baseline)
            short = short or balance < 0
            balance = max(balance, 0.0)
        runs_out.append(short)
    return float(np.mean(runs_out))


def test_no_move_goes_back_to_xen_and_leaving_it_is_more_work() -> None:
    old = sized(one("m4.2xlarge", series("cpu_utilization", 20), *rest(memory_utilization=30.0)), max_breach_probability=1)
    new = sized(one("m5.2xlarge", series("cpu_utilization", 20), *rest(memory_utilization=30.0)), max_breach_probability=1)

    assert old["target_config"] == "m4.xlarge"
    assert new["target_config"] == "m5.xlarge"
    leaving = replace(
        one("m4.2xlarge", series("cpu_utilization", 20), *rest(memory_utilization=30.0)),
        prices=PRICES.loc[PRICES["item"] != "m4.xlarge"],
    )
    assert sized(leaving)["effort"] == "high"


def test_local_disks_are_not_lost_silently() -> None:
    assert sized(one("m5d.xlarge", series("cpu_utilization", 5), *rest()))["action"] == "keep"


def test_a_type_that_would_probably_be_breached_is_refused_and_named() -> None:
    rng = np.random.default_rng(0)
    restless = np.repeat(rng.lognormal(np.log(18), 0.45, 14).clip(5, 39), 24)

    row = sized(one("m5.2xlarge", series("cpu_utilization", restless * 0.6, restless), *rest(memory_utilization=30.0)))

    assert row["action"] == "keep"
    assert "m5.xlarge would be cheaper, but has a" in row["reason"]


def test_an_instance_whose_hours_exceed_its_headroom_is_upsized_at_a_cost() -> None:
    row = sized(one("m5.xlarge", series("cpu_utilization", 85, 92), *rest()))

    assert (row["action"], row["target_config"]) == ("upsize", "m5.2xlarge")
    assert row["savings_monthly_usd"] == pytest.approx((0.192 - 0.384) * 730)
    assert "too small in cpu" in row["reason"]


def test_a_saving_is_expected_between_that_of_a_change_that_holds_and_of_one_that_is_taken_back_half_way() -> None:
    row = sized(one("m5.2xlarge", series("cpu_utilization", 30), *rest()), max_breach_probability=0.3)

    holds, breach = (0.384 - 0.12) * 730, row["breach_probability"]
    assert 0.01 < breach < 0.3
    assert (row["savings_low_usd"], row["savings_high_usd"]) == pytest.approx((holds / 2, holds))
    assert row["savings_monthly_usd"] == pytest.approx((1 - breach) * holds + breach * holds / 2)


def test_as_many_vcpus_of_a_newer_family_are_an_upgrade_and_what_they_have_more_is_said() -> None:
    # 20 % more than 80 % of 2 vCPUs; the m8a.large's count for 1.5 of them each.
    row = sized(one("m5.large", series("cpu_utilization", 85, 95), *rest()), max_breach_probability=0.2)

    assert (row["action"], row["target_config"]) == ("upgrade", "m8a.large")
    assert "m8a.large, newer generation, as many vCPUs, 1.5 × the CPU, is the cheapest type that fits." in row["reason"]
    assert row["savings_low_usd"] == row["savings_monthly_usd"] == row["savings_high_usd"] == pytest.approx((0.096 - 0.12) * 730)


def test_a_cheaper_type_that_is_no_smaller_is_an_upgrade() -> None:
    cheap = PRICES.assign(price_usd=PRICES["price_usd"].where(PRICES["item"] != "m8a.large", 0.05))

    row = sized(replace(one("m5.large", series("cpu_utilization", 30), *rest()), prices=cheap))

    assert (row["action"], row["target_config"]) == ("upgrade", "m8a.large")
    assert "m8a.large, newer generation, as many vCPUs, 1.5 × the CPU, serves the demand on m5.large" in row["reason"]


def test_what_is_too_small_and_would_likely_be_so_again_is_no_fit() -> None:
    given = one("m5.large", series("cpu_utilization", 85, 95), *rest())

    fits = sized(given)
    larger = sized(given, max_breach_probability=0.9 * fits["breach_probability"])

    assert (fits["target_config"], larger["target_config"]) == ("m8a.large", "c5.xlarge")
    assert larger["breach_probability"] <= 0.9 * fits["breach_probability"]
    assert sized(given, max_breach_probability=0.0)["action"] == "investigate"


def test_of_a_machine_that_is_saturated_no_chance_is_stated_and_the_target_has_twice_of_what_it_has() -> None:
    flat_out = np.where(np.arange(len(HOURS)) % 8 == 0, 100.0, 85.0)

    row = sized(one("m5.large", series("cpu_utilization", 85, flat_out), *rest()))

    assert (row["action"], row["target_config"]) == ("upsize", "c5.xlarge")
    assert row["breach_probability"] is None or np.isnan(row["breach_probability"])
    assert "How much cpu is wanted is not known: c5.xlarge" in row["reason"]
    assert "cheapest with 2 × of that; judge it again after 14 days" in row["reason"]
    assert "Chance" not in row["reason"]


def test_evidence_tells_what_was_observed_from_what_it_was_held_to() -> None:
    busy = one("m5.large", series("cpu_utilization", 1, 30), series("network_in", 2e5), series("network_out", 0.0))
    found = [json.loads(row["evidence_json"]) for row in (judged_idle(busy), sized(busy))]

    assert (found[0]["observed"]["cpu_max_pct"], found[0]["thresholds"]["cpu_max_pct"]) == (30.0, 5.0)
    assert found[1]["thresholds"]["cpu_headroom_pct"] == 20
    assert "cpu_headroom_pct" not in found[1]["observed"]
    # 200,000 Mbit/s for a day.
    assert "at most 2,160.0 TB of network traffic a day" in judged_idle(busy)["reason"]


@pytest.mark.parametrize(
    ("megabytes", "written"),
    [(0.4, "0.4 MB"), (999.9, "999.9 MB"), (999.96, "1.0 GB"), (2_369_906.6, "2.4 TB"), (-2500, "-2.5 GB")],
)
def test_amounts_of_data_stand_in_a_unit_that_can_be_read(megabytes: float, written: str) -> None:
    assert write_megabytes(megabytes) == written


def test_saturated_hours_are_named_because_they_hide_demand() -> None:
    flat_out = np.where(np.arange(len(HOURS)) % 20 == 0, 100.0, 85.0)

    row = sized(one("m5.xlarge", series("cpu_utilization", 85, flat_out), *rest()))

    assert "cpu saturated in 5.1% of the hours, so that demand may be higher than seen" in row["reason"]


def test_short_peaks_neither_shrink_nor_grow_an_instance() -> None:
    assert sized(one("m5.xlarge", series("cpu_utilization", 30, 95), *rest()))["action"] == "keep"


def test_the_largest_type_that_is_too_small_is_to_be_investigated() -> None:
    row = sized(one("m5.4xlarge", series("cpu_utilization", 95), *rest(memory_utilization=90.0)))

    assert row["action"] == "investigate"
    assert row["target_config"] is None


def test_a_forecast_that_grows_stops_a_downsize_and_a_likely_crossing_calls_for_more() -> None:
    usage = (series("cpu_utilization", 20), *rest(memory_utilization=30.0))

    assert sized(one("m5.2xlarge", *usage))["action"] == "rightsize"
    assert sized(one("m5.2xlarge", *usage, risk=risk_of("cpu_utilization", 0.3, 0.01)))["action"] == "keep"
    growing = sized(one("m5.2xlarge", *usage, risk=risk_of("cpu_utilization", 0.05, 0.6)))
    assert (growing["action"], growing["target_config"]) == ("upsize", "m5.4xlarge")


def test_without_a_price_a_smaller_type_of_the_family_is_proposed_without_dollars() -> None:
    unpriced = PRICES.assign(price_usd=PRICES["price_usd"].where(PRICES["item"] != "m5.2xlarge"))

    row = sized(replace(one("m5.2xlarge", series("cpu_utilization", 10), *rest()), prices=unpriced))

    assert row["target_config"] == "m5.large"
    assert np.isnan(row["savings_monthly_usd"])
    assert np.isnan(row["monthly_cost_usd"])


def test_a_saving_too_small_to_bother_is_not_proposed() -> None:
    given = one("m5.2xlarge", series("cpu_utilization", 30), *rest())

    assert sized(given, min_savings_usd=250)["action"] == "keep"


def test_no_type_is_proposed_that_the_price_list_does_not_have() -> None:
    targets = rightsize.recommend(mixed_estate(), rightsize.Options())["target_config"].dropna()

    assert len(targets) > 0
    assert set(targets) <= set(PRICES["item"])


# ---------------------------------------------------------------- the estate


def test_the_newest_price_known_then_counts_and_for_older_days_the_oldest_there_is() -> None:
    history = pd.concat(
        [
            PRICES.assign(price_as_of=pd.Timestamp(day), price_usd=usd)
            for day, usd in (("2025-01-01", 1.0), ("2026-01-01", 2.0), ("2026-04-01", 3.0))
        ]
    )
    given = replace(one("m5.large", series("cpu_utilization", 1)), prices=history)

    assert price_lists(given, "ec2", "hour")["us-east-1"]["price_usd"].unique().tolist() == [2.0]
    early = replace(given, as_of=Interval.day("2020-01-01").start)
    assert price_lists(early, "ec2", "hour")["us-east-1"]["price_usd"].unique().tolist() == [1.0]


def test_what_several_rules_ask_of_an_estate_is_worked_out_for_the_first_of_them_also_beside_other_changes() -> None:
    given = mixed_estate()
    later = given.after(pd.DataFrame({"account": ["1"], "service": ["ec2"], "portfolio_savings_usd": [1.0]}))

    assert price_lists(given, "ec2", "hour") is price_lists(given, "ec2", "hour")
    assert types_by_region(later) is types_by_region(given)
    assert newest_risk(later) is newest_risk(given)
    assert len(later.changes) == 1
    assert given.changes.empty
    assert newest_risk(replace(given, risk=given.risk.copy())) is not newest_risk(given)


def test_what_a_machine_needs_is_worked_out_once_for_the_three_rules_that_propose_a_type(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    work_out = _sizing.dimensions_of

    def count(case: Case, *more: Any) -> Any:
        asked.append(case.key[2])
        return work_out(case, *more)

    monkeypatch.setattr(_sizing, "dimensions_of", count)
    given = mixed_estate()
    once = [rule.recommend(given, rule.Options()) for rule in (rightsize, generation, burstable)]
    judged = sorted(asked)
    alone = [rule.recommend(mixed_estate(), rule.Options()) for rule in (rightsize, generation, burstable)]
    rightsize.recommend(given, rightsize.Options(cpu_headroom_pct=30))

    assert judged == sorted(set(judged))
    assert len(asked) == 5 * len(judged) > 0
    for shared, own in zip(once, alone, strict=True):
        pd.testing.assert_frame_equal(shared, own)


def test_hours_are_the_same_in_whatever_order_they_are_read_and_whether_names_are_text_or_categories() -> None:
    given = mixed_estate()
    names = ["account", "region", "resource_id", "metric"]
    usage = given.usage.sort_values([*names, "hour"], ignore_index=True)
    in_order = replace(given, usage=usage).demand
    # Categories in an order that is not that of names.
    coded = usage.assign(**{name: pd.Categorical(usage[name], sorted(usage[name].unique())[::-1]) for name in names})

    assert find_gaps(replace(given, usage=coded)) == find_gaps(given)
    for shuffled in (usage.sample(frac=1.0, random_state=0), usage.iloc[::-1], coded, coded.sample(frac=1.0, random_state=0)):
        found = replace(given, usage=shuffled).demand
        assert {key: sorted(metrics) for key, metrics in found.items()} == {key: sorted(one) for key, one in in_order.items()}
        for key, metrics in in_order.items():
            for metric, seen in metrics.items():
                assert np.array_equal(found[key][metric].hours, seen.hours)
                assert np.array_equal(found[key][metric].p95, seen.p95)


def test_a_resource_listed_twice_or_with_broken_tags_is_refused() -> None:
    given = one("m5.large", series("cpu_utilization", 1))

    with pytest.raises(DataError, match="1/us-east-1/i-1 is listed twice"):
        sized(replace(given, resources=pd.concat([given.resources, given.resources])))
    for broken in ("{not json", "[1]"):
        with pytest.raises(DataError, match="tags of i-1"):
            sized(replace(given, resources=given.resources.assign(tags=broken)))


def test_members_of_groups_are_recognised_by_their_tags() -> None:
    for tag in ("aws:autoscaling:groupName", "eks:cluster-name", "kubernetes.io/cluster/prod", "karpenter.sh/nodepool"):
        row = sized(one("m5.2xlarge", series("cpu_utilization", 5), *rest(), tags=json.dumps({tag: "x", "Name": "a"})))
        assert (row["action"], tag in row["reason"]) == ("insufficient_data", True)


def test_stopping_beats_resizing_unpriced_actions_rank_last_and_what_fills_is_looked_into_beside_a_change() -> None:
    def row(resource_id: str, rule_id: str, action: str, savings: float | None) -> dict[str, object]:
        return {
            "account": "1",
            "region": "r",
            "service": "ec2",
            "resource_id": resource_id,
            "rule_id": rule_id,
            "recommendation_id": f"{resource_id}{rule_id}",
            "action": action,
            "savings_monthly_usd": savings,
            "monthly_cost_usd": 400.0,
            "exclusive_group": EXCLUSIVE_GROUPS.get(action),
            "status": None,
        }

    rows = pd.DataFrame(
        [
            row("a", "idle", "stop", 70.0),
            row("a", "rightsize", "rightsize", 90.0),
            row("b", "idle", "keep", None),
            row("b", "rightsize", "rightsize", 300.0),
            row("c", "rightsize", "rightsize", None),
            row("d", "rightsize", "keep", None),
            row("a", "filling_disk", "investigate", None),
            row("b", "filling_disk", "investigate", None),
        ]
    )

    chosen = portfolio(rows).set_index("recommendation_id")

    assert chosen["portfolio_rank"].dropna().to_dict() == {
        "brightsize": 1, "aidle": 2, "bfilling_disk": 3, "crightsize": 4,
    }  # fmt: skip
    assert chosen["portfolio_savings_usd"].to_dict() == pytest.approx(
        {
            "brightsize": 300,
            "aidle": 70,
            "crightsize": np.nan,
            "arightsize": 0,
            "bidle": 0,
            "drightsize": 0,
            "afilling_disk": 0,
            "bfilling_disk": np.nan,
        },
        nan_ok=True,
    )


def test_all_rules_together_answer_for_every_resource_and_their_savings_add_up() -> None:
    given = mixed_estate()
    rules = {name: plugs.load("recommenders", name) for name in plugs.names("recommenders")}
    covered = {service for rule in rules.values() for service in rule.SERVICES}
    judged = [plugs.bind("recommenders", name)(given) for name in rules]
    rows = pd.concat([*(each for each in judged if len(each)), not_covered(given, covered)], ignore_index=True)

    chosen = portfolio(rows)

    assert set(chosen["resource_id"]) == set(given.resources["resource_id"])
    assert len(chosen) == len(rows)
    ranked = chosen.dropna(subset="portfolio_rank")
    assert not ranked.duplicated(["account", "region", "resource_id"]).any()
    assert ranked["portfolio_rank"].tolist() == list(range(1, len(ranked) + 1))
    assert chosen["portfolio_savings_usd"].sum() == pytest.approx(ranked["savings_monthly_usd"].sum())
    assert (chosen.loc[chosen["portfolio_rank"].isna(), "portfolio_savings_usd"] == 0).all()
    assert ranked.loc[ranked["resource_id"] == "i-idle", "rule_id"].tolist() == ["idle"]


def test_what_tells_whether_anything_uses_a_resource_is_asked_for_by_the_day() -> None:
    asked = {literal.this for literal in sql.parse(sql.text("inputs.activity")).find_all(exp.Literal) if literal.is_string}

    assert asked == {metric for metric, measure in MEASURES.items() if measure.zero == "nothing"}


def _changes(*rows: tuple[str, str, str, float, float]) -> pd.DataFrame:
    """Changes of one resource: id, action, group, saving and cost of a month."""
    known = {"account": "1", "region": "r", "service": "ec2", "resource_id": "a", "status": "new"}
    return pd.DataFrame(
        [
            {**known, "recommendation_id": name, "action": action, "exclusive_group": group}
            | {"savings_monthly_usd": saving, "monthly_cost_usd": cost}
            for name, action, group, saving, cost in rows
        ]
    )


@pytest.mark.parametrize(("engine", "size"), [("a", "b"), ("b", "a")])
def test_what_ends_a_charge_beside_the_price_leaves_the_price_as_it_is_whatever_the_ids(engine: str, size: str) -> None:
    rows = _changes((engine, "upgrade", "engine", 146.0, 146.0), (size, "upgrade", "size", 20.0, 200.0))

    chosen = portfolio(rows).set_index("recommendation_id")

    assert chosen["portfolio_savings_usd"].to_dict() == {engine: 146.0, size: 20.0}
    assert chosen["portfolio_rank"].to_dict() == {engine: 1, size: 2}


@pytest.mark.parametrize(("more", "less"), [("a", "b"), ("b", "a")])
def test_of_two_like_changes_of_a_group_the_one_that_saves_more_is_done_whatever_the_ids(more: str, less: str) -> None:
    rows = _changes((more, "rightsize", "size", 30.0, 100.0), (less, "rightsize", "size", 10.0, 100.0))

    chosen = portfolio(rows).set_index("recommendation_id")

    assert chosen["portfolio_savings_usd"].to_dict() == {more: 30.0, less: 0.0}


def _purchases(plan: float | None, *reserved: tuple[str, str, float], status: str | None = None) -> pd.DataFrame:
    """A Compute Savings Plan of payer 9, and reservations of (payer, what, saving)."""
    bought = [("9", "savings_plan", "compute", plan), *((payer, "reservation", what, usd) for payer, what, usd in reserved)]
    return pd.DataFrame(
        [
            {
                "account": payer, "region": "global", "service": service, "resource_id": what, "rule_id": service,
                "recommendation_id": f"{payer} {what}", "action": "purchase", "savings_monthly_usd": usd,
                "monthly_cost_usd": 900.0, "exclusive_group": "commitment",
                "status": status if service == "savings_plan" else None,
            }
            for payer, service, what, usd in bought
        ]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("plan", "status", "counted"),
    [
        (100.0, None, {"9 compute": 100.0, "9 ec2/m5": 0.0, "9 ec2/c5": 0.0}),
        (60.0, None, {"9 compute": 0.0, "9 ec2/m5": 50.0, "9 ec2/c5": 20.0}),
        (70.0, None, {"9 compute": 70.0, "9 ec2/m5": 0.0, "9 ec2/c5": 0.0}),
        (100.0, "dismissed", {"9 compute": 0.0, "9 ec2/m5": 50.0, "9 ec2/c5": 20.0}),
    ],
    ids=["the plan saves more", "the reservations save more", "as much", "the plan is dismissed"],
)
def test_instances_are_covered_by_a_plan_or_by_reservations_whichever_saves_more(
    plan: float, status: str | None, counted: dict[str, float]
) -> None:
    rows = _purchases(
        plan, ("9", "ec2/m5", 50.0), ("9", "ec2/c5", 20.0), ("9", "rds/db.r6g", 5.0), ("8", "ec2/m5", 7.0), status=status
    )

    saved = portfolio(rows).set_index("recommendation_id")["portfolio_savings_usd"].to_dict()

    # Databases, and what another payer reserves, are none of it.
    assert saved == {**counted, "9 rds/db.r6g": 5.0, "8 ec2/m5": 7.0}
