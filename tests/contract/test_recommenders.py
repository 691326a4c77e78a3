"""What every file in pipeline/recommenders promises, whatever it judges; its situations lie in tests/contract/recommenders."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace
from functools import cache
from typing import Any, Literal, get_origin

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from pipeline import plugs
from pipeline.advice.answer import recommendation_id
from pipeline.advice.estate import Estate
from pipeline.tables.advice import RECOMMENDATION
from pipeline.tables.columns import ACTIONS, PASSIVE
from tests.support.options import answers, every_option
from tests.support.plug_cases import all_cases, load_cases, without_plug

RULES = plugs.names("recommenders")
BRINGS = "SITUATIONS and, for each option, a case in OPTIONS (see tests/support/rule_cases.py)"
KEY = ["account", "region", "resource_id"]
SAVINGS = ["savings_low_usd", "savings_monthly_usd", "savings_high_usd"]
#: What an estate is made of.
FRAMES = ("resources", "usage", "prices", "risk", "activity", "weeks", "bill")
#: The actions that change something.
CHANGES = set(ACTIONS) - {"investigate", *PASSIVE}

in_every_situation = pytest.mark.parametrize(("name", "case"), all_cases("recommenders", "SITUATIONS"))


def situation(name: str, case: str) -> Any:
    return load_cases("recommenders", name, BRINGS).SITUATIONS[case]


def judge(name: str, given: Estate, **options: Any) -> pd.DataFrame:
    chosen = plugs.declared_options("recommenders", name)(**options)
    rows: pd.DataFrame = plugs.bind("recommenders", name, chosen)(given)
    return rows


@cache
def judged(name: str, case: str) -> pd.DataFrame:
    """What a rule says of a situation, which it leaves as it is; worked out once: whoever changes it takes a copy."""
    given = situation(name, case).estate
    before = deepcopy(given)
    rows = judge(name, given)
    for frame in FRAMES:
        pd.testing.assert_frame_equal(getattr(given, frame), getattr(before, frame))
    return rows


def covered(name: str, given: Estate) -> list[tuple[str, ...]]:
    services = plugs.load("recommenders", name).SERVICES
    resources = given.resources.loc[given.resources["service"].isin(services), [*KEY, "service"]]
    return sorted(resources.itertuples(index=False, name=None))


def answered(rows: pd.DataFrame) -> list[tuple[str, ...]]:
    return sorted(rows[[*KEY, "service"]].itertuples(index=False, name=None))


@pytest.mark.parametrize("name", RULES)
def test_a_rule_brings_situations_and_in_one_of_them_something_is_to_be_done(name: str) -> None:
    brought = load_cases("recommenders", name, BRINGS).SITUATIONS

    actions = {action for case in brought for action in judged(name, case)["action"]}
    assert actions - set(PASSIVE)


@pytest.mark.parametrize("name", RULES)
def test_every_situation_that_a_rule_brings_is_asked(name: str) -> None:
    asked = [case for of, case in (each.values for each in all_cases("recommenders", "SITUATIONS")) if of == name]

    assert asked == list(load_cases("recommenders", name, BRINGS).SITUATIONS)


def test_no_situations_are_left_of_a_rule_that_is_gone() -> None:
    assert without_plug("recommenders") == set()


@in_every_situation
def test_a_rule_says_of_its_situations_what_it_must(name: str, case: str) -> None:
    given = situation(name, case)
    rows = judged(name, case).set_index("resource_id")

    for resource_id, says in given.says.items():
        row = rows.loc[resource_id]
        assert row["action"] == says.action, f"{resource_id}: {row['reason']}"
        assert pd.Series([row["reason"]]).str.contains(says.reason).all(), f"{resource_id}: {row['reason']}"
        assert {field: row[field] for field in says.fields} == dict(says.fields), resource_id


@in_every_situation
def test_every_resource_of_its_services_has_exactly_one_row_and_no_other_has_any(name: str, case: str) -> None:
    given = situation(name, case).estate
    stranger = pd.DataFrame([{"account": "1", "region": "r", "resource_id": "q-1", "service": "unheard-of"}])
    more = replace(given, resources=pd.concat([given.resources, stranger], ignore_index=True))

    assert answered(judged(name, case)) == answered(judge(name, more)) == covered(name, given) != []


@in_every_situation
def test_rows_keep_to_the_columns_bounds_and_words_of_their_table(name: str, case: str) -> None:
    rows = judged(name, case)

    assert tuple(rows.columns) == RECOMMENDATION.names
    for column in RECOMMENDATION.columns:
        values = rows[column.name].dropna()
        assert column.nullable or len(values) == len(rows), column.name
        assert column.ge is None or (values >= column.ge).all(), column.name
        assert column.le is None or (values <= column.le).all(), column.name
        assert not column.values or set(values) <= set(column.values), column.name
        assert column.pattern is None or values.str.fullmatch(column.pattern).all(), column.name
    assert not np.isinf(rows.select_dtypes("number").to_numpy(dtype=np.float64, na_value=0.0)).any()


@in_every_situation
def test_every_row_has_a_reason_and_the_evidence_as_json_and_says_who_judged(name: str, case: str) -> None:
    given = situation(name, case).estate
    rows = judged(name, case)

    assert (rows["reason"].str.len() > 10).all()
    assert not rows["reason"].str.contains(r"\bnan\b|\bNone\b").any()
    for text in rows["evidence_json"]:
        assert isinstance(json.loads(text, parse_constant=pytest.fail), dict)
    assert set(rows["rule_id"]) == {name}
    assert set(rows["rule_version"]) == {plugs.load("recommenders", name).RULE_VERSION}
    assert (rows["as_of"] == given.as_of).all()
    keys = rows[KEY].itertuples(index=False, name=None)
    assert rows["recommendation_id"].tolist() == [recommendation_id(name, key) for key in keys]
    assert rows["recommendation_id"].is_unique


@in_every_situation
def test_savings_lie_between_their_bounds_do_not_exceed_the_cost_and_belong_to_a_change(name: str, case: str) -> None:
    rows = judged(name, case)

    saved = rows.dropna(subset="savings_monthly_usd")
    assert (saved["savings_low_usd"] <= saved["savings_monthly_usd"]).all()
    assert (saved["savings_monthly_usd"] <= saved["savings_high_usd"]).all()
    assert (saved["savings_high_usd"] <= saved["monthly_cost_usd"]).all()
    assert saved["price_as_of"].notna().all()
    assert set(saved["action"]) <= CHANGES
    assert rows[SAVINGS].isna().nunique(axis=1).eq(1).all()


@in_every_situation
def test_the_answer_is_the_same_twice_and_in_any_order_of_rows_and_leaves_the_estate_as_it_was(name: str, case: str) -> None:
    first, given = judged(name, case), situation(name, case).estate
    shuffled = replace(given, **{frame: getattr(given, frame).sample(frac=1, random_state=7) for frame in FRAMES})

    pd.testing.assert_frame_equal(first, judge(name, given))
    pd.testing.assert_frame_equal(first, judge(name, shuffled))


@in_every_situation
def test_what_is_known_after_as_of_does_not_matter(name: str, case: str) -> None:
    given = situation(name, case).estate
    later = given.usage["hour"] + pd.Timedelta(days=given.lookback_days)
    usage = given.usage.assign(hour=later, mean=100.0, p95=100.0, max=100.0)
    prices = given.prices.assign(price_as_of=pd.Timestamp(given.as_of) + pd.Timedelta(days=17), price_usd=99.0)
    longer = replace(
        given,
        usage=pd.concat([given.usage, usage], ignore_index=True) if len(usage) else given.usage,
        prices=pd.concat([prices, given.prices], ignore_index=True),
        activity=_and_later(given),
        bill=_billed_later(given),
    )

    pd.testing.assert_frame_equal(judge(name, longer), judged(name, case))


def _and_later(given: Estate) -> pd.DataFrame:
    """The activity of a situation, and busy days after it."""
    activity = given.activity
    later = activity.assign(day=activity["day"] + pd.Timedelta(days=93), mean=1e6, max=1e6)
    return pd.concat([activity, later], ignore_index=True) if len(activity) else activity


def _billed_later(given: Estate) -> pd.DataFrame:
    """The bill of a situation, and dearer days after it."""
    bill = given.bill
    later = bill.assign(ts=bill["ts"] + pd.Timedelta(days=400), list_usd=1e6, effective_usd=1e6, is_tagged=False)
    return pd.concat([bill, later], ignore_index=True) if len(bill) else bill


@in_every_situation
def test_without_prices_and_bill_there_are_no_dollars_and_with_others_a_row_keeps_its_id(name: str, case: str) -> None:
    given = situation(name, case).estate
    now = judged(name, case)

    for prices in (given.prices.assign(price_usd=np.nan), given.prices.iloc[:0]):
        rows = judge(name, replace(given, prices=prices, bill=given.bill.iloc[:0]))
        # What does not run costs nothing at any price.
        assert (rows["monthly_cost_usd"].dropna() == 0).all()
        assert rows[SAVINGS].isna().all(axis=None)
        assert rows["recommendation_id"].tolist() == now["recommendation_id"].tolist()
    cheaper = judge(name, replace(given, prices=given.prices.assign(price_usd=given.prices["price_usd"] / 2)))
    assert cheaper["recommendation_id"].tolist() == now["recommendation_id"].tolist()


@in_every_situation
def test_an_estate_of_which_little_or_nothing_is_known_is_answered(name: str, case: str) -> None:
    given = situation(name, case).estate

    nothing = judge(name, replace(given, resources=given.resources.iloc[:0]))
    assert nothing.empty
    assert tuple(nothing.columns) == RECOMMENDATION.names
    unseen = replace(given, usage=given.usage.iloc[:0], activity=given.activity.iloc[:0])
    assert answered(judge(name, unseen)) == covered(name, given)
    assert answered(judge(name, replace(given, resources=given.resources[[*KEY, "service"]]))) == covered(name, given)


@pytest.mark.parametrize("name", RULES)
def test_options_are_described_bounded_and_closed(name: str) -> None:
    declared = plugs.declared_options("recommenders", name)

    for option, field in declared.model_fields.items():
        assert field.description, f"{option} has no description"
        is_closed = field.annotation is bool or get_origin(field.annotation) is Literal
        assert field.metadata or is_closed, f"{option} has no bounds"
    with pytest.raises(ValidationError):
        declared(no_such_option=1)


@pytest.mark.parametrize(("name", "option"), every_option("recommenders"))
def test_every_option_changes_an_answer_by_more_than_words(name: str, option: str) -> None:
    words = ["reason", "evidence_json"]

    usual, changed = answers("recommenders", name, option, lambda recommend, given: recommend(given).drop(columns=words))

    assert not usual.equals(changed)
