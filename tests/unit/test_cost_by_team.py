"""Cost by team: charges split as they are allocated, and forecasts that add up to those of the services, which nobody moved."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline import plugs
from pipeline.allocation.by_team import keep_allocated, split_by_team
from pipeline.spend.budget import Budget
from pipeline.spend.outlook import foresee
from pipeline.spend.standing import Apart, follow
from pipeline.spend.teams import divide, shares_of
from pipeline.tables.columns import ALL, UNALLOCATED
from pipeline.tables.cost_forecast import QUANTILE_COLUMNS

AS_OF, LAST, START = datetime(2026, 6, 20), datetime(2026, 6, 18), datetime(2025, 12, 1)
MODELS = {name: plugs.load("forecasters", name).forecast for name in ("default", "seasonal_naive")}
NODE = {"provider": "AWS", "account": "1", "service": "EC2", "currency": "USD"}
VALUES = ["billed", "mean", *QUANTILE_COLUMNS]


def charge(day: datetime, amount: object, category: str = "usage", item: str = "", **other: object) -> dict[str, Any]:
    amounts = dict.fromkeys(("billed", "effective"), Decimal(str(amount)))
    return NODE | {"category": category, "item": item, "ts": day, "complete_through": LAST} | amounts | other


def allocated(day: datetime, value: str, amount: object, category: str = "usage", **other: object) -> dict[str, Any]:
    return charge(day, amount, category, value=value, **other)


def split(charges: list[dict[str, Any]], known: list[dict[str, Any]]) -> pd.DataFrame:
    return split_by_team(pd.DataFrame(charges), pd.DataFrame(known, columns=[*charge(LAST, 0), "value"]))


def of_each(parts: pd.DataFrame, column: str = "billed") -> dict[str, Decimal]:
    return {str(team): sum(rows[column], Decimal(0)) for team, rows in parts.groupby("team")}


def test_each_team_has_what_it_was_allocated_and_each_charge_its_amount_to_the_last_digit() -> None:
    charges = [
        charge(LAST, "100.000000000001"),
        charge(LAST, "-10", "correction", "usage"),
        charge(LAST, "7.5", "tax"),
        charge(LAST, "3", "purchase", "sp-1"),
        charge(LAST, "5", "purchase", "sp-2"),
    ]
    known = [
        allocated(LAST, "web", "95.000000000001"),
        allocated(LAST, "data", "-5"),
        allocated(LAST, "web", "7.5", "tax"),
        allocated(LAST, "web", "2", "purchase"),
        allocated(LAST, ALL, "6", "purchase"),
    ]

    parts = split(charges, known)

    sums = parts.groupby(["category", "item"])["billed"].agg(lambda amounts: sum(amounts, Decimal(0)))
    assert sums.to_dict() == {(each["category"], each["item"]): each["billed"] for each in charges}
    assert of_each(parts[parts["category"] == "purchase"]) == {"web": 2, UNALLOCATED: 6}
    assert of_each(parts[parts["item"].isin(["", "usage"]) & (parts["category"] != "tax")]) == {
        "web": Decimal("95.000000000001"),
        "data": Decimal(-5),
    }


def test_what_a_later_bill_allocates_is_split_alike_of_what_was_believed_before() -> None:
    parts = split([charge(LAST, "10")], [allocated(LAST, "web", "15"), allocated(LAST, "data", "5")])

    assert of_each(parts) == {"web": Decimal("7.5"), "data": Decimal("2.5")}


def test_what_is_not_allocated_yet_is_split_as_the_service_was_lately_and_what_never_was_is_unallocated() -> None:
    before = [LAST - timedelta(days=number) for number in range(1, 40)]
    known = [allocated(day, team, amount) for day in before for team, amount in (("web", 3), ("data", 1))]
    charges = [charge(LAST, "8"), charge(LAST, "2", service="S3"), charge(LAST, "1", effective=None)]

    parts = split(charges, known)

    assert of_each(parts[parts["service"] == "EC2"]) == {"web": Decimal("6.75"), "data": Decimal("2.25")}
    assert of_each(parts[parts["service"] == "S3"]) == {UNALLOCATED: 2}
    assert parts["effective"].isna().sum() == 2
    kept = keep_allocated(pd.DataFrame(charges), pd.DataFrame(known).assign(complete_through=before[0]))
    assert kept.empty


def test_shares_are_those_of_the_last_two_months_and_a_team_with_credits_alone_has_none() -> None:
    last = np.datetime64("2026-06-18")
    rows = [("web", "2026-06-01", 30.0), ("data", "2026-06-01", 10.0), ("lab", "2026-06-01", -5.0), ("data", "2026-01-01", 900.0)]
    charges = pd.DataFrame(rows, columns=["team", "day", "value"]).astype({"day": "datetime64[us]"})

    assert shares_of(charges, ["data", "lab", "web"], last).tolist() == [0.25, 0.0, 0.75]
    assert shares_of(charges[charges["team"] == "lab"], ["lab"], last).tolist() == [1.0]
    assert shares_of(charges.assign(value=0.0), ["data", "web"], last).tolist() == [0.5, 0.5]


def test_paths_of_teams_add_up_to_the_service_also_where_it_is_below_zero_or_no_team_says_anything() -> None:
    random = np.random.default_rng(1)
    whole, own = random.normal(5, 5, (20, 30)), random.normal(1, 2, (3, 20, 30))
    own[:, 3] = -1.0

    parts = divide(whole, own.copy(), np.array([0.5, 0.3, 0.2]))

    assert np.abs(sum(parts) - whole).max() < 1e-12
    assert np.allclose(parts[0][3], 0.5 * whole[3])
    assert all(np.sign(part[part != 0] * whole[part != 0]).min() > 0 for part in parts)


def use(level: float, service: str, seed: int, growth: float = 0.0) -> list[dict[str, Any]]:
    random = np.random.default_rng(seed)
    days = (LAST - START).days + 1
    return [
        charge(
            START + timedelta(days=number),
            round(level * (1 + growth * number / days) * random.normal(1, 0.05), 9),
            service=service,
        )
        for number in range(days)
    ]


@pytest.fixture(scope="module")
def estate() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Machines of two teams, of which one grows, with a fee and tax; storage of one of them; functions of nobody."""
    grown, steady = use(20, "EC2", 1, growth=3.0), use(60, "EC2", 2)
    known = [each | {"value": team} for team, rows in (("data", grown), ("web", steady)) for each in rows]
    charges = [a | {name: a[name] + b[name] for name in ("billed", "effective")} for a, b in zip(grown, steady, strict=True)]
    storage = use(9, "S3", 3)
    known += [each | {"value": "web"} for each in storage]
    first = [day for day in pd.date_range(START, LAST).to_pydatetime() if day.day == 1]
    fee, tax = ([charge(day, amount, kind) for day in first] for amount, kind in ((80, "purchase"), (31, "tax")))
    known += [
        each | {"value": team, "billed": each["billed"] / 2, "effective": each["effective"] / 2}
        for each in fee
        for team in ("data", "web")
    ]
    known += [each | {"value": UNALLOCATED} for each in tax]
    everything = pd.DataFrame([*charges, *storage, *use(4, "Lambda", 4), *fee, *tax])
    return everything, split_by_team(everything, pd.DataFrame(known))


@pytest.fixture(scope="module")
def rows(estate: tuple[pd.DataFrame, pd.DataFrame]) -> pd.DataFrame:
    charges, teams = estate
    return foresee(charges, AS_OF, MODELS, teams)


@pytest.mark.parametrize(
    ("level", "parts"),
    [
        ("by_account_service", "by_account_service_team"),
        ("total", "by_team"),
        ("by_team", "by_service_team"),
        ("by_provider_team", "by_account_team"),
        ("by_service_team", "by_account_service_team"),
    ],
)
def test_teams_add_up_to_the_whole_in_the_table_exactly(rows: pd.DataFrame, level: str, parts: str) -> None:
    shared = {
        "by_account_service": ["service"],
        "by_team": ["team"],
        "by_provider_team": ["team"],
        "by_service_team": ["service", "team"],
    }
    by = ["cost", "kind", "granularity", "ts", *shared.get(level, [])]
    whole, sums = (rows[rows["level"] == each].groupby(by)[["billed", "mean"]].agg("sum") for each in (level, parts))

    assert len(whole) > 400
    assert sums.to_dict() == whole.to_dict()


def test_whose_a_cost_is_moves_nothing_of_what_is_said_of_services_and_of_everything(
    estate: tuple[pd.DataFrame, pd.DataFrame], rows: pd.DataFrame
) -> None:
    alone = foresee(estate[0], AS_OF, MODELS)

    whole, same = (each[each["team"] == ALL].reset_index(drop=True) for each in (rows, alone))
    pd.testing.assert_frame_equal(whole, same, check_exact=True)
    nobody = alone[alone["team"] != ALL]
    assert set(nobody["team"]) == {UNALLOCATED}
    for level, of_team in (("total", "by_team"), ("by_account_service", "by_account_service_team")):
        one, other = (alone[alone["level"] == each][VALUES].to_numpy() for each in (level, of_team))
        assert (one == other).all()


def test_a_team_that_grows_is_expected_to_have_more_of_the_service_than_it_had(rows: pd.DataFrame) -> None:
    july = rows[(rows["granularity"] == "month") & (rows["ts"] == datetime(2026, 7, 1)) & (rows["cost"] == "billed")]
    use_of = july[(july["level"] == "by_account_service_team") & (july["service"] == "EC2") & (july["kind"] == "usage")]
    mean, low, high = (use_of.set_index("team")[name].astype(float) for name in ("mean", "p05", "p95"))

    assert set(mean.index) == {"data", "web"}
    # In June 78 dollars a day to 60, and growing; shares of the last two months would say 1.18.
    assert 1.3 < mean["data"] / mean["web"] < 1.6
    assert (low < mean).all()
    assert (mean < high).all()


def test_a_budget_of_a_team_is_judged_by_its_part_of_the_services_that_it_has(
    estate: tuple[pd.DataFrame, pd.DataFrame], rows: pd.DataFrame
) -> None:
    charges, teams = estate
    of_data = teams[teams["team"] == "data"]
    shared = Apart(charges[charges["service"] == "EC2"], teams[teams["service"] == "EC2"], frozenset({"data"}))

    followed = follow(Budget(name="data", amount=1), of_data, AS_OF, MODELS, shared)

    assert followed is not None
    june = rows[(rows["level"] == "by_team") & (rows["team"] == "data") & (rows["kind"] == ALL) & (rows["cost"] == "billed")]
    [row] = june[(june["granularity"] == "month") & (june["ts"] == datetime(2026, 6, 1))].to_dict("records")
    ends = followed.course.running()[-1]
    assert ends.mean() == pytest.approx(float(row["mean"]), rel=0.01)
    assert np.quantile(ends, 0.95) - np.quantile(ends, 0.05) == pytest.approx(row["p95"] - row["p05"], rel=0.2)
    assert float(followed.known["amount"].sum()) == pytest.approx(float(of_data["billed"].sum()))


def test_fees_are_split_as_they_were_and_the_tax_of_nobody_is_of_no_team(rows: pd.DataFrame) -> None:
    july = rows[(rows["granularity"] == "month") & (rows["ts"] == datetime(2026, 7, 1)) & (rows["cost"] == "billed")]
    of_teams = july[july["level"] == "by_team"].set_index(["kind", "team"])["mean"].astype(float)

    assert of_teams["fee"].to_dict() == {"data": 40.0, "web": 40.0}
    assert set(of_teams["tax"].index) == {UNALLOCATED}
