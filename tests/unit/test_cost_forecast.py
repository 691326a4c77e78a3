"""What a bill is expected to say: paths that add up, fees and tax by the calendar, nothing learnt from what was not known."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from pipeline import plugs
from pipeline.forecasting.panel import Floats, Panel
from pipeline.report.month import estimate_month_end
from pipeline.spend import usage
from pipeline.spend.outlook import DAYS, MONTHS, foresee
from pipeline.tables.columns import ALL
from pipeline.tables.cost_forecast import COST_FORECAST, QUANTILE_COLUMNS

AS_OF = datetime(2026, 6, 20)
LAST = datetime(2026, 6, 18)
START = datetime(2025, 12, 1)


def naive(panel: Panel, horizon: int, levels: tuple[float, ...]) -> Floats:
    return plugs.load("forecasters", "seasonal_naive").forecast(panel, horizon, levels)


MODELS = {"default": plugs.load("forecasters", "default").forecast, "seasonal_naive": naive}


def charge(
    day: datetime, amount: object, service: str = "AmazonEC2", category: str = "usage", **other: object
) -> dict[str, object]:
    found = {
        "provider": "AWS",
        "account": "111111111111",
        "service": service,
        "currency": "USD",
        "category": category,
        "item": "",
        "ts": day,
        "billed": Decimal(str(amount)),
        "effective": Decimal(str(amount)),
        "complete_through": LAST,
    }
    return found | other


def days(start: datetime = START, last: datetime = LAST) -> list[datetime]:
    return [start + timedelta(days=number) for number in range((last - start).days + 1)]


def months(last: datetime = LAST) -> list[datetime]:
    return [day for day in days(last=last) if day.day == 1]


def use(seed: int, level: float, service: str, **other: object) -> list[dict[str, object]]:
    random = np.random.default_rng(seed)
    return [
        charge(day, round(level * (1 - 0.3 * (day.weekday() > 4)) * (1 + 0.05 * random.standard_normal()), 9), service, **other)
        for day in days()
    ]


def estate() -> list[dict[str, object]]:
    """Three services in two accounts, with a fee, tax, a credit, a correction and something bought once."""
    other = {"account": "222222222222"}
    return [
        *use(1, 100, "AmazonEC2"),
        *use(2, 30, "AmazonS3"),
        *use(3, 55, "AmazonEC2", **other),
        *(charge(day, "73.00", category="purchase", item="sp-1", effective=Decimal(0)) for day in months()),
        *(charge(day, "310.11", category="tax") for day in months()),
        charge(datetime(2026, 6, 3), "-40.5", category="credit"),
        charge(datetime(2026, 6, 9), "-1.25", "AmazonS3", "correction"),
        charge(datetime(2026, 4, 9), "999", "AmazonS3", "purchase", item="once"),
        charge(datetime(2026, 5, 9), "12", "AmazonS3", "purchase", item="also once"),
    ]


def foreseen(charges: Iterable[dict[str, object]], as_of: datetime = AS_OF) -> pd.DataFrame:
    return foresee(pd.DataFrame(charges), as_of, MODELS)


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return foreseen(estate())


def of(rows: pd.DataFrame, **wanted: object) -> pd.DataFrame:
    for column, value in ({"cost": "billed"} | wanted).items():
        rows = rows[rows[column] == value]
    return rows


def test_the_rows_are_those_of_the_table_with_one_for_each_key(rows: pd.DataFrame) -> None:
    assert list(rows.columns) == list(COST_FORECAST.names)
    assert not rows.duplicated(list(COST_FORECAST.key)).any()
    whole = of(rows, level="total", kind=ALL)
    assert whole.groupby("granularity").size().to_dict() == {"day": DAYS + 1, "month": MONTHS, "quarter": 1}
    assert whole[whole["granularity"] == "day"]["ts"].min() == pd.Timestamp(2026, 6, 19)


@pytest.mark.parametrize(
    ("level", "parts"), [("total", "by_account_service"), ("total", "by_account"), ("by_provider", "by_service")]
)
@pytest.mark.parametrize("meaning", ["billed", "effective"])
def test_means_of_parts_add_up_to_those_of_the_whole_exactly(rows: pd.DataFrame, level: str, parts: str, meaning: str) -> None:
    sums = of(rows, level=parts, kind=ALL, cost=meaning).groupby(["granularity", "ts"])["mean"].sum()
    whole = of(rows, level=level, kind=ALL, cost=meaning).set_index(["granularity", "ts"])["mean"]

    assert sums.to_dict() == whole.to_dict()


def test_kinds_add_up_to_all_of_them_and_days_to_their_month_exactly(rows: pd.DataFrame) -> None:
    node = of(rows, level="by_account", account="111111111111")
    kinds = node[node["kind"] != ALL].groupby(["granularity", "ts"])["mean"].sum()
    whole = node[node["kind"] == ALL].set_index(["granularity", "ts"])
    july = [whole.loc[("day", day), "mean"] for day in pd.date_range("2026-07-01", "2026-07-31")]

    assert kinds.to_dict() == whole["mean"].to_dict()
    assert sum(july) == whole.loc[("month", pd.Timestamp(2026, 7, 1)), "mean"]


def test_a_running_month_is_what_was_billed_and_the_days_ahead(rows: pd.DataFrame) -> None:
    charged = sum((each["billed"] for each in estate() if each["ts"] >= datetime(2026, 6, 1)), Decimal(0))
    whole = of(rows, level="total", kind=ALL)
    [june] = whole[(whole["granularity"] == "month") & (whole["ts"] == datetime(2026, 6, 1))].to_dict("records")
    ahead = whole[(whole["granularity"] == "day") & (whole["ts"] < datetime(2026, 7, 1))]["mean"].sum()
    [quarter] = whole[whole["granularity"] == "quarter"].to_dict("records")

    assert june["billed"] == charged
    assert june["mean"] == charged + ahead
    assert quarter["ts"] == datetime(2026, 4, 1)
    assert quarter["mean"] > june["mean"]


def test_the_band_of_a_total_is_its_own_and_narrower_than_the_sum_of_those_of_its_parts(rows: pd.DataFrame) -> None:
    month = {"kind": ALL, "granularity": "month", "ts": pd.Timestamp(2026, 7, 1)}
    parts, [whole] = of(rows, level="by_account_service", **month), of(rows, level="total", **month).to_dict("records")

    assert 0 < whole["p95"] - whole["p05"] < 0.95 * (parts["p95"] - parts["p05"]).sum()


def test_a_monthly_fee_is_charged_on_its_day_with_certainty_and_what_was_bought_once_is_not(rows: pd.DataFrame) -> None:
    fee = of(rows, level="total", kind="fee")
    by_day = fee[fee["granularity"] == "day"].set_index("ts")["mean"]
    once = of(rows, level="total", kind="one_off")

    assert by_day[by_day != 0].to_dict() == {pd.Timestamp(2026, month, 1): Decimal(73) for month in (7, 8, 9)}
    assert (fee["p05"] == fee["p95"]).all()
    # Of the running quarter alone, and nothing is ahead.
    assert once[["granularity", "billed", "mean", "model"]].to_numpy().tolist() == [["quarter", 1011, 1011, "billed"]]


def test_credits_and_corrections_are_lines_of_their_own(rows: pd.DataFrame) -> None:
    apart = of(rows, level="total", granularity="month").set_index("kind")

    assert apart.loc["credit", "mean"] == Decimal("-40.5")
    assert apart.loc["correction", "mean"] == Decimal("-1.25")


def test_tax_follows_what_it_is_on(rows: pd.DataFrame) -> None:
    node = of(rows, level="by_account_service", account="111111111111", service="AmazonEC2", granularity="month")
    july = node[node["ts"] == datetime(2026, 7, 1)].set_index("kind")["mean"].astype(float)
    taxed = july["usage"] + july["fee"]

    assert july["tax"] / taxed == pytest.approx(310.11 / 2850, rel=0.06)


def test_a_fee_that_is_overdue_has_ended() -> None:
    charges = [*use(1, 10, "AmazonEC2"), *(charge(day, 5, category="purchase", item="sp") for day in months() if day.month != 6)]

    assert "fee" not in set(foreseen(charges)["kind"])


def test_nothing_is_learnt_from_days_after_the_last_that_is_whole(rows: pd.DataFrame) -> None:
    later = [*estate(), charge(LAST + timedelta(days=1), 1e6)]

    found = foreseen(later)

    assert found[found["granularity"] == "day"]["p50"].tolist() == rows[rows["granularity"] == "day"]["p50"].tolist()


def test_a_last_day_that_is_half_billed_is_forecast() -> None:
    charges = [each for each in use(1, 100, "AmazonEC2") if each["ts"] < LAST] + [charge(LAST, 3)]

    found = of(foreseen(charges), level="total", kind=ALL, granularity="day")

    assert found["complete_through"].unique().tolist() == [pd.Timestamp(LAST - timedelta(days=1))]
    assert 80 < found[found["ts"] == LAST]["p50"].iloc[0] < 120


def test_a_fee_after_the_last_whole_day_is_expected_on_its_day_and_not_billed_as_well() -> None:
    fee = [charge(datetime(2026, month, 19), 7, category="purchase", item="sp") for month in (3, 4, 5, 6)]

    june = of(foreseen([*use(1, 10, "AmazonEC2"), *fee]), level="total", kind="fee", ts=pd.Timestamp(2026, 6, 1))

    assert june[["billed", "mean"]].to_numpy().tolist() == [[0, 7]]


def chance(seed: int) -> list[dict[str, object]]:
    """Charges of accounts of two providers and currencies, each to a day of its own, half of them from and to any day."""
    random = np.random.default_rng(seed)
    found = []
    for account in range(4):
        through = AS_OF + timedelta(days=int(random.choice([-40, -9, -3, -1, 0, 2])))
        shared: dict[str, object] = {"provider": ("AWS", "gcp")[account % 2], "currency": ("USD", "EUR")[account // 3]}
        shared |= {"account": str(account), "complete_through": through}
        for service in ("a", "b"):
            for category in random.permutation(["usage", "purchase", "tax", "credit", "correction"])[:4].tolist():
                first, step = AS_OF - timedelta(days=int(random.integers(1, 130))), int(random.choice([1, 30]))
                last = min(AS_OF - timedelta(days=1), through + timedelta(days=int(random.integers(4))))
                item = "sp" if category == "purchase" else ""
                for day in days(first, last)[::step]:
                    amount = Decimal(int(random.integers(-2, 9))) * 7
                    effective = None if random.random() < 0.1 else amount / 8
                    found.append(charge(day, amount, service, category, item=item, effective=effective, **shared))
    return found


@pytest.mark.parametrize("seed", range(3))
def test_what_is_billed_of_a_month_and_quarter_is_what_was_charged_at_every_level_and_no_charge_counts_twice(seed: int) -> None:
    """But for days after the last whole one of what is expected on them."""
    charges = pd.DataFrame(chance(seed))
    charges = charges[charges["complete_through"] > pd.Timestamp(AS_OF) - pd.Timedelta(days=31)]
    found = foresee(charges, AS_OF, {"default": naive, "seasonal_naive": naive})
    kinds = {"purchase": "fee"}
    compared = 0
    for (meaning, currency), rows in found.groupby(["cost", "currency"]):
        bottom = rows[rows["level"] == "by_account_service"]
        ahead = set(bottom[bottom["granularity"] == "day"][["account", "service", "kind"]].itertuples(index=False, name=None))
        through = bottom.groupby("account")["complete_through"].max()
        own = charges[(charges["currency"] == currency) & charges[str(meaning)].notna()]
        known = own["account"].map(through)
        again = [
            (each.account, each.service, kinds.get(each.category, each.category)) in ahead for each in own.itertuples(index=False)
        ]
        counted = own[~(np.array(again) & (own["ts"] > known))]
        for granularity, start in (("month", datetime(2026, 6, 1)), ("quarter", datetime(2026, 4, 1))):
            charged = sum(counted[counted["ts"] >= start][str(meaning)], Decimal(0))
            period = rows[(rows["granularity"] == granularity) & (rows["ts"] == start)]
            for _, level in period.groupby("level"):
                whole, parts = level[level["kind"] == ALL]["billed"], level[level["kind"] != ALL]["billed"]
                assert sum(whole, Decimal(0)) == sum(parts, Decimal(0)) == charged
                compared += 1

    assert compared >= 20


@pytest.mark.parametrize("category", ["usage", "tax", "purchase", "credit", "correction"])
def test_what_comes_after_the_last_whole_day_and_is_not_expected_again_is_billed(category: str) -> None:
    [late] = [charge(LAST + timedelta(days=1), 7, "AmazonNew", category)]

    found = of(foreseen([*use(1, 10, "AmazonEC2"), late]), level="by_service", service="AmazonNew", kind=ALL, granularity="month")

    assert found[["ts", "billed", "mean"]].to_numpy().tolist() == [[pd.Timestamp(2026, 6, 1), 7, 7]]


@pytest.mark.parametrize("history", [1, 2, 8])
@pytest.mark.parametrize("category", ["usage", "purchase", "tax", "credit"])
def test_a_bill_that_has_just_begun_or_is_late_has_an_answer_or_none_and_never_an_error(category: str, history: int) -> None:
    begun = [charge(AS_OF - timedelta(days=back), 0 if history == 2 else 5, category=category) for back in range(1, history + 1)]

    found = foreseen([each | {"complete_through": AS_OF - timedelta(days=20)} for each in begun])

    assert np.isfinite(found[list(QUANTILE_COLUMNS)].to_numpy(dtype=float)).all()
    assert set(found["kind"]) <= {ALL, category, "one_off"}


def test_a_service_younger_than_the_months_that_judge_is_forecast_unjudged() -> None:
    """The account is older: a credit came long before."""
    young = [charge(LAST - timedelta(days=back), 5) for back in range(10)]

    found = of(foreseen([charge(START, -3, category="credit"), *young]), level="total", kind="usage", granularity="day")

    assert found["p50"].tolist() == pytest.approx([5.0] * len(found))
    assert found["skill"].isna().all()


def test_euros_stay_euros_and_are_added_to_nothing_else() -> None:
    euros = foreseen([*use(1, 10, "AmazonEC2", currency="EUR"), *use(2, 20, "AmazonS3")])

    assert set(euros["currency"]) == {"EUR", "USD"}
    july = of(euros, level="total", kind=ALL, granularity="month", ts=pd.Timestamp(2026, 7, 1)).set_index("currency")["p50"]
    assert july["EUR"] == pytest.approx(31 * 9.14, rel=0.05)


def test_accounts_whose_bills_reach_differently_far_beyond_the_run_are_all_forecast() -> None:
    late = [
        each
        for number in range(3)
        for each in use(number, 10, "AmazonEC2", account=str(number), complete_through=AS_OF + timedelta(days=number - 1))
    ]

    assert set(of(foreseen(late), level="by_account")["account"]) == {"0", "1", "2"}


def test_the_months_end_has_the_days_of_an_account_that_is_billed_late_and_of_a_day_that_is_half_billed() -> None:
    charges = [charge(day, 10 if day < LAST else 1, account="prompt") for day in days()]
    charges += [charge(day, 10, account="late", complete_through=datetime(2026, 6, 8)) for day in days(last=datetime(2026, 6, 8))]
    rows = foreseen(charges)
    billed = (
        pd.DataFrame(charges)
        .assign(charge_category="Usage")
        .rename(columns={"effective": "effective_cost", "billed": "billed_cost"})
    )

    june = estimate_month_end(billed, of(rows, cost="effective"), AS_OF)

    assert june is not None
    assert june.spent_usd == 171 + 80
    assert june.expected_usd == pytest.approx(600, rel=1e-6)


def test_fees_of_accounts_whose_bills_end_on_different_days_do_not_move_as_one() -> None:
    charges: list[dict[str, object]] = []
    for account, last in (("1", LAST), ("2", LAST - timedelta(days=4))):
        shared: dict[str, object] = {"account": account, "complete_through": last}
        charges += [charge(day, 10 + day.month * 7 % 5, category="purchase", item="sp", **shared) for day in months()]
        charges += [charge(day, 0, **shared) for day in days(last=last)]
    month = {"kind": "fee", "granularity": "month", "ts": pd.Timestamp(2026, 8, 1)}

    found = foreseen(charges)

    parts, [whole] = of(found, level="by_account", **month), of(found, level="total", **month).to_dict("records")
    assert 0 < whole["p95"] - whole["p05"] < 0.9 * (parts["p95"] - parts["p05"]).sum()


def test_who_has_not_been_billed_for_a_month_is_not_forecast() -> None:
    gone = use(1, 10, "AmazonEC2", complete_through=AS_OF - timedelta(days=40))

    assert foreseen(gone).empty


def test_the_order_of_charges_changes_nothing(rows: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(foreseen(estate()[::-1]), rows)


def test_a_model_that_did_worse_than_the_floor_does_not_serve() -> None:
    def wild(panel: Panel, horizon: int, levels: tuple[float, ...]) -> Floats:
        return 5 * naive(panel, horizon, levels)

    found = foresee(pd.DataFrame(use(1, 10, "AmazonEC2")), AS_OF, {"wild": wild, "seasonal_naive": naive})

    assert set(found["model"]) == {"seasonal_naive"}
    assert set(found["skill"]) == {0.0}


def test_paths_have_the_quantiles_of_each_day_and_move_as_the_past_moved() -> None:
    random = np.random.default_rng(5)
    common = np.cumsum(random.standard_normal(300))
    values = 100 + np.stack([common, common, -common, random.standard_normal(300)])
    panel = Panel(
        np.array(list("abcd")),
        np.full(4, "cost"),
        np.full(4, np.datetime64("2026-06-18", "us")),
        "day",
        values,
        np.full(4, np.inf),
    )
    said = usage.quantiles(panel, 30, naive)

    a, b, against, alone = (paths.sum(axis=0) for paths in usage.draw(panel, said))
    *_, last = usage.draw(panel, said)

    assert np.corrcoef(a, b)[0, 1] > 0.95
    assert np.corrcoef(a, against)[0, 1] < -0.7
    assert abs(np.corrcoef(a, alone)[0, 1]) < 0.3
    assert np.quantile(last, 0.95, axis=1) == pytest.approx(said[3, :, usage.LEVELS.index(0.95)], rel=0.01)


def test_less_is_known_of_what_lies_further_ahead(rows: pd.DataFrame) -> None:
    whole = of(rows, level="total", kind="usage", granularity="month").sort_values("ts")
    width = (whole["p95"] - whole["p05"]).tolist()

    assert width[1] < width[4] < width[10] < width[17]
    assert set(QUANTILE_COLUMNS) <= set(whole.columns)
