"""Where budgets stand: periods as the file states them, chances from paths, what drives them, and each share told once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline import plugs
from pipeline.errors import ConfigError
from pipeline.spend import standing
from pipeline.spend.budget import Budget, everything, parse_budgets
from pipeline.spend.by_day import plan_to, run_by_day
from pipeline.spend.standing import find_crossed, follow

AS_OF, LAST, START = datetime(2026, 6, 20), datetime(2026, 6, 18), datetime(2025, 12, 1)
MODELS = {name: plugs.load("forecasters", name).forecast for name in ("default", "seasonal_naive")}


def charge(day: datetime, amount: float, service: str = "EC2", **other: object) -> dict[str, object]:
    known = {"provider": "AWS", "account": "1", "service": service, "currency": "USD", "category": "usage", "item": "", "ts": day}
    cost = Decimal(str(round(amount, 2)))
    return known | {"billed": cost, "effective": cost, "complete_through": LAST} | other


def use(level: float = 100.0, last: datetime = LAST, **other: object) -> list[dict[str, object]]:
    """About `level` a day since December, a tenth more or less."""
    random = np.random.default_rng(0)
    return [
        charge(START + timedelta(days=number), level * random.uniform(0.9, 1.1), **other)  # type: ignore[arg-type]
        for number in range((last - START).days + 1)
    ]


def judge(
    budget: Budget, charges: pd.DataFrame, as_of: datetime, models: Mapping[str, Any], before: Mapping[str, Any] | None
) -> dict[str, Any] | None:
    followed = follow(budget, charges, as_of, models)
    return None if followed is None else standing.judge(followed, as_of, before)


def stand(charges: list[dict[str, object]], before: Mapping[str, Any] | None = None, **stated: Any) -> dict[str, Any]:
    budget = Budget(**{"name": "all", "amount": 3000} | stated)
    row = judge(budget, pd.DataFrame(charges), AS_OF, MODELS, before)
    assert row is not None
    return row


def test_a_budget_knows_what_is_spent_what_it_comes_to_and_how_likely_it_is_exceeded() -> None:
    row = stand(use())

    assert row["actual"] == sum((each["billed"] for each in use() if each["ts"] >= datetime(2026, 6, 1)), Decimal(0))  # type: ignore[misc, operator]
    assert row["expected"] == pytest.approx(3000, rel=0.03)
    assert row["p05"] < row["p50"] < row["p95"]
    assert 0.02 < row["p_breach"] < 0.98
    assert (row["period_start"], row["period_end"]) == (datetime(2026, 6, 1), datetime(2026, 7, 1))
    assert row["complete_through"] == LAST


def test_more_money_is_exceeded_less_likely_and_later() -> None:
    rows = [stand(use(), amount=amount) for amount in (1000, 2500, 3000, 3500)]

    chances = [row["p_breach"] for row in rows]
    assert chances == sorted(chances, reverse=True)
    assert chances[0] > 0.99
    assert chances[-1] < 0.01
    assert rows[0]["spent_p10"] == rows[0]["spent_p90"] == datetime(2026, 6, 11)
    assert datetime(2026, 6, 24) <= rows[1]["spent_p10"] <= rows[1]["spent_p50"] <= rows[1]["spent_p90"] <= datetime(2026, 6, 28)
    assert rows[-1]["spent_p10"] is None


def test_a_month_that_is_billed_whole_is_exceeded_or_not() -> None:
    may = {"start": date(2026, 5, 1), "end": date(2026, 5, 31), "period": "custom"}
    budget = Budget(name="may", amount=3200, **may)
    charges = pd.DataFrame(use())
    spent = sum((each["billed"] for each in use() if each["ts"].month == 5), Decimal(0))  # type: ignore[attr-defined, misc]

    row = judge(
        budget,
        charges[charges["ts"] < "2026-06-01"].assign(complete_through=datetime(2026, 5, 31)),
        datetime(2026, 6, 1),
        MODELS,
        None,
    )

    assert row is not None
    assert row["expected"] == pytest.approx(float(spent))
    assert row["p_breach"] == 0.0
    assert row["model"] == "billed"
    assert judge(budget, charges, AS_OF, MODELS, None) is None


def test_periods_are_months_quarters_and_years_of_the_fiscal_year() -> None:
    def period(day: date, **stated: Any) -> tuple[date, date] | None:
        return Budget(name="b", amount=1, **stated).period_of(day)

    assert period(date(2026, 6, 19)) == (date(2026, 6, 1), date(2026, 7, 1))
    assert period(date(2026, 6, 19), period="quarterly") == (date(2026, 4, 1), date(2026, 7, 1))
    assert period(date(2026, 1, 31), period="quarterly", fiscal_year_starts=2) == (date(2025, 11, 1), date(2026, 2, 1))
    assert period(date(2026, 6, 30), period="yearly", fiscal_year_starts=7) == (date(2025, 7, 1), date(2026, 7, 1))
    assert period(date(2026, 6, 19), start=date(2026, 6, 20)) is None


def test_what_is_planned_of_each_month_makes_the_amount_of_the_period() -> None:
    planned = {"2026-04": 100, "2026-05": 200.5, "2026-06": 300}
    budget = Budget(name="b", period="quarterly", planned=planned)

    assert budget.amount_of(date(2026, 4, 1), date(2026, 7, 1)) == Decimal("600.5")
    assert budget.amount_of(date(2026, 7, 1), date(2026, 10, 1)) is None


def test_what_costs_most_beyond_its_share_of_the_days_before_drives_a_budget() -> None:
    launched = [charge(datetime(2026, 6, day), 80, "Bedrock") for day in range(10, 19)]

    drivers = json.loads(stand([*use(), *use(10, service="S3"), *launched])["drivers_json"])

    assert drivers[0]["service"] == "Bedrock"
    assert drivers[0]["planned"] == 0
    assert drivers[0]["over"] == drivers[0]["expected"] > 720
    assert len(drivers) <= 3


def test_what_does_not_count_is_left_out_and_another_currency_is_named() -> None:
    charges = [*use(), charge(datetime(2026, 6, 3), 500, category="tax"), charge(datetime(2026, 6, 3), 50, currency="EUR")]
    whole, without = stand(charges), stand(charges, without=["tax"])

    assert whole["actual"] - without["actual"] == 500
    assert whole["left_out"] == "EUR"


def test_what_is_charged_already_stays_though_its_day_is_billed_in_part_and_forecast() -> None:
    day, fee = datetime(2026, 6, 18), {"category": "purchase", "item": "plan"}
    use_but_the_last = [each for each in use() if each["ts"] != day]
    fees = [charge(datetime(2026, month, 18), 50, "Plan", **fee) for month in (3, 4, 5)]
    charges = [*use_but_the_last, *fees, charge(day, 1), charge(day, 5000, "Plan", **fee)]

    row = stand(charges, amount=6000)

    assert row["actual"] > 6000
    assert row["p_breach"] > 0.99
    assert row["p05"] >= float(row["actual"]) - 1e-6
    assert row["spent_p90"] == day


def test_what_sums_to_the_amount_does_not_exceed_it() -> None:
    """Thirty times 0.1 is more than 3 in floats."""
    fees = [
        charge(START + timedelta(days=number), 0.1, "Plan", category="purchase", item="plan")
        for number in range((LAST - START).days + 1)
    ]

    row = stand(fees, amount=3)

    assert row["expected"] == pytest.approx(3)
    assert row["p_breach"] < 0.01
    assert row["spent_p50"] is None


def test_what_a_credit_takes_back_is_exceeded_on_no_day() -> None:
    charges = [*use(), charge(datetime(2026, 6, 3), 5000, "Support", category="tax")]
    credit = charge(datetime(2026, 6, 17), -5000, "Support", category="credit")

    assert stand(charges, amount=4000)["spent_p50"] == datetime(2026, 6, 3)
    back = stand([*charges, credit], amount=4000)
    assert back["p_breach"] < 0.01
    assert back["spent_p10"] is None


def test_it_is_known_through_the_last_day_that_all_bills_have_which_go_on() -> None:
    late = use(account="2", last=datetime(2026, 6, 10))
    gone = use(account="3", last=datetime(2026, 4, 10))
    ends = {"2": datetime(2026, 6, 10), "3": datetime(2026, 4, 10)}
    charges = [*use(), *(each | {"complete_through": ends[str(each["account"])]} for each in (*late, *gone))]

    assert stand(charges)["complete_through"] == datetime(2026, 6, 10)
    newer = [each | {"complete_through": AS_OF + timedelta(days=9)} for each in use(last=AS_OF - timedelta(days=1))]
    assert stand(newer)["complete_through"] == AS_OF - timedelta(days=1)


def test_of_bills_that_have_ended_nothing_is_expected_and_what_is_spent_is_certain() -> None:
    gone = pd.DataFrame(use(last=datetime(2026, 4, 10))).assign(complete_through=datetime(2026, 4, 10)).to_dict("records")

    rows = [stand(gone, period="quarterly", amount=amount) for amount in (500, 5000)]  # type: ignore[arg-type]

    assert [row["expected"] for row in rows] == [None, None]
    assert [row["p_breach"] for row in rows] == [1.0, None]


def test_charges_of_the_day_itself_and_later_are_not_known_yet() -> None:
    later = [charge(AS_OF + timedelta(days=number), 10_000) for number in range(3)]

    assert stand([*use(), *later]) == stand(use())


@pytest.mark.parametrize(
    ("share", "told", "crossed"),
    [
        (79.9, None, None),
        (80.0, None, 80.0),
        (120.0, None, 100.0),
        (78.0, 80.0, 80.0),
        (74.9, 80.0, None),
        (96.0, 100.0, 100.0),
        (94.0, 100.0, 80.0),
        (None, 80.0, 80.0),
        (78.0, float("nan"), None),
    ],
)
def test_a_share_that_was_told_counts_until_the_cost_is_five_points_below_it(
    share: float | None, told: float | None, crossed: float | None
) -> None:
    assert find_crossed((80.0, 100.0), share, told) == crossed


def test_what_the_run_before_told_is_kept() -> None:
    near = stand(use(), amount=3050, forecast_pct=[100], before={"actual_over_pct": None, "forecast_over_pct": 100.0})
    anew = stand(use(), amount=3050, forecast_pct=[100])

    assert near["forecast_over_pct"] == 100.0
    assert anew["forecast_over_pct"] is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[budget]]\nname = "a"', "line 1, budget a: expected either an amount or what is planned of each month"),
        ('[[budget]]\nname = "a"\namount = 0', "budget a, amount: Input should be greater than 0, got 0"),
        ('[[budget]]\nname = "a"\namount = 1\nperiods = "year"', "there is no such key"),
        ('[[budget]]\nname = "a"\namount = 1\nperiod = "custom"', "a custom period has a start and an end"),
        ('[[budget]]\nname = "a"\namount = 1\nscope = { team = "x", product = "y" }', "expected one dimension at most"),
        ('[[budget]]\nname = "a"\namount = 1\n[[budget]]\nname = "a"\namount = 2', "two budgets are called 'a'"),
        ('[[budget]]\nname = "none"\namount = 1', "a budget is called 'none'"),
        ('[[budget]]\nname = "a"\nplanned = { "2026-13" = 1 }', "planned"),
        ('[[budget]]\nname = "a"\namount = 1\nscope = { service = [] }', "budget a, scope.service: Tuple should have at least 1"),
        ('[[budget]]\nname = "a"\namount = 1\nactual_pct = [99.5]', "budget a, actual_pct.0: Input should be a valid integer"),
        (
            '[[budget]]\nname = "a"\namount = 1\nperiod = "custom"\nstart = 0206-01-01\nend = 2026-12-31',
            "a custom period has ten years at most; it is from 0206-01-01 to 2026-12-31",
        ),
    ],
)
def test_a_file_that_is_wrong_names_line_budget_and_key(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said.replace("(", r"\(")) as raised:
        parse_budgets(text, "budgets b.toml")

    assert str(raised.value).startswith("budgets b.toml: ")


def run(budget: Budget, charges: list[dict[str, object]], as_of: datetime = AS_OF) -> list[dict[str, Any]]:
    followed = follow(budget, pd.DataFrame(charges), as_of, MODELS)
    assert followed is not None
    return list(run_by_day(followed, as_of))


def test_the_running_month_goes_from_what_is_billed_to_what_the_budget_is_expected_to_come_to() -> None:
    days, stands = run(Budget(name="all", amount=Decimal(3000)), use()), stand(use())

    assert [row["ts"].day for row in days] == list(range(1, 31))
    known = [row["actual"] for row in days[:18]]
    assert known == sorted(known)
    assert known[-1] == stands["actual"]
    assert [row["actual"] for row in days[18:]] == [None] * 12
    assert [row["expected"] for row in days[:18]] == pytest.approx([float(each) for each in known])
    assert {name: days[-1][name] for name in ("expected", "p05", "p50", "p95")} == {
        name: stands[name] for name in ("expected", "p05", "p50", "p95")
    }
    widths = [row["p95"] - row["p05"] for row in days]
    assert widths[17] == 0 < widths[18] < widths[-1]
    assert (days[0]["planned"], days[14]["planned"], days[-1]["planned"]) == (100, 1500, 3000)


def test_the_band_of_days_added_up_is_narrower_than_the_sum_of_their_bands() -> None:
    days = run(Budget(name="all", amount=Decimal(3000)), use())
    first = days[18]["p95"] - days[18]["p05"]

    assert days[-1]["p95"] - days[-1]["p05"] < 12 * first


def test_of_a_longer_period_the_running_month_goes_on_from_what_the_months_before_it_came_to() -> None:
    budget = Budget(
        name="q", period="quarterly", planned={"2026-04": Decimal(31), "2026-05": Decimal(20), "2026-06": Decimal(60)}
    )
    days = run(budget, use())
    before = sum((each["billed"] for each in use() if datetime(2026, 4, 1) <= each["ts"] < datetime(2026, 6, 1)), Decimal(0))  # type: ignore[operator, misc]
    first = next(each["billed"] for each in use() if each["ts"] == datetime(2026, 6, 1))

    assert [row["ts"].day for row in days] == list(range(1, 31))
    assert days[0]["actual"] == before + first  # type: ignore[operator]
    assert (days[0]["planned"], days[-1]["planned"]) == (53, 111)


def test_of_everything_nothing_is_planned_and_of_bills_that_have_ended_nothing_is_expected() -> None:
    [*_, last] = run(everything("USD"), use())
    [first, *_] = run(
        everything("USD"), use(last=datetime(2026, 6, 2), complete_through=datetime(2026, 6, 2)), datetime(2026, 7, 20)
    )

    assert (last["planned"], last["cost"], last["currency"]) == (None, "effective", "USD")
    assert last["expected"] == pytest.approx(3000, rel=0.03)
    assert (first["expected"], first["p95"]) == (None, None)


@pytest.mark.parametrize(("day", "planned"), [(1, "33.333333333333"), (2, "66.666666666667"), (3, "100")])
def test_a_plan_is_spread_evenly_and_its_last_day_has_all_of_it(day: int, planned: str) -> None:
    budget = Budget(name="a", amount=Decimal(100), period="custom", start=date(2026, 6, 1), end=date(2026, 6, 3))

    assert plan_to(budget, date(2026, 6, 1), date(2026, 6, 4), date(2026, 6, day)) == Decimal(planned)
