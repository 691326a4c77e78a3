"""Whom a cost belongs to: rules, what they decide, and that nothing is lost or added."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.allocation.allocate import allocate, check_sums
from pipeline.allocation.decide import Charges
from pipeline.allocation.rules import Rules, parse_rules
from pipeline.allocation.split import split
from pipeline.errors import ConfigError, DataError
from pipeline.tables.allocation import COST_ALLOCATION, COSTS, KEPT
from pipeline.tables.columns import ALLOCATION_METHODS
from pipeline.tables.money import CHARGE_DAILY
from pipeline.tables.spelling import fold, fold_key

MARCH = datetime(2026, 3, 1)
MATCHED = ("region", "usage_type", "resource_id", "tag_set")
SCHEMA = pa.schema([CHARGE_DAILY.arrow_schema.field(name) for name in (*KEPT, *MATCHED, *COSTS)])
TAGS = {
    "shop": '{"team": "Shop"}',
    "web": '{"user:Team": "web_shop"}',
    "search": '{"owner": "search", "env": "prod"}',
    "blank": '{"team": " ", "owner": "-"}',
    "broken": "[1]",
}
FILE = """
[dimension.team]
tags = ["team", "owner"]
[dimension.team.values]
shop = ["Web Shop"]
[dimension.team.accounts]
"222" = "platform"
[dimension.environment]
tags = "env"

[[rule]]
name = "gateways"
match = { service = "*EC2*", usage_type = ["*NatGateway*"] }
assign = { team = "Network" }
since = 2026-03-02
until = 2026-03-05

[[rule]]
name = "moved"
match = { resource_id = "i-moved", tags = { team = "shop" } }
assign = { team = "search" }
first = true

[[rule]]
name = "old"
match = { service = "[old]*" }
assign = { team = "archive" }

[[shared]]
name = "support"
match = { service = "Support" }
split = "proportional"
"""


def charge(service: str = "EC2", cost: str | None = "1", tags: str = "none", **over: Any) -> dict[str, Any]:
    plain = {"billing_period": MARCH, "source": "billing", "provider": "AWS", "payer": "9", "currency": "USD", "ts": MARCH}
    plain |= {"account": "111", "service": service, "charge_category": "Usage", "tag_set": tags}
    plain |= {"region": "r", "usage_type": "u", "resource_id": "i"}
    costs = dict.fromkeys(COSTS, None if cost is None else Decimal(cost))
    return plain | costs | over


def charges(*rows: dict[str, Any]) -> Charges:
    return Charges(pa.Table.from_pylist(list(rows), schema=SCHEMA), TAGS)


def allocated(*rows: dict[str, Any], file: str = FILE, dimension: str = "team") -> list[tuple[str, str, str, float, Decimal]]:
    found = allocate(charges(*rows), parse_rules(file, "allocation.toml")).to_pylist()
    named = [row for row in found if row["dimension"] == dimension]
    return sorted((row["value"], row["method"], row["rule"], row["share"], row["billed_cost"]) for row in named)


@pytest.mark.parametrize(
    ("row", "value", "method", "rule"),
    [
        (charge(tags="shop"), "shop", "tag", "team"),
        (charge(tags="web"), "shop", "tag", "user:Team"),
        (charge(tags="search"), "search", "tag", "owner"),
        (charge(tags="search", account="222"), "search", "tag", "owner"),
        (charge(account="222"), "platform", "account", "222"),
        (charge(account="222", tags="blank"), "platform", "account", "222"),
        (charge(usage_type="USE1-natgateway-Bytes", ts=datetime(2026, 3, 2)), "Network", "rule", "gateways"),
        (charge(usage_type="USE1-NatGateway-Bytes", ts=datetime(2026, 3, 4)), "Network", "rule", "gateways"),
        (charge(usage_type="USE1-NatGateway-Bytes", ts=datetime(2026, 3, 5)), "unallocated", "unallocated", "none"),
        (charge(usage_type="USE1-NatGateway-Bytes"), "unallocated", "unallocated", "none"),
        (charge(resource_id="i-moved", tags="shop"), "search", "rule", "moved"),
        (charge(resource_id="i-moved", tags="web"), "shop", "tag", "user:Team"),
        (charge(tags="blank"), "unallocated", "unallocated", "none"),
        (charge(tags="broken"), "unallocated", "unallocated", "none"),
        (charge(service="Support"), "unallocated", "unallocated", "support"),
        (charge(service="[old] Box"), "archive", "rule", "old"),
        (charge(service="o Box"), "unallocated", "unallocated", "none"),
    ],
)
def test_a_charge_goes_where_the_first_that_knows_it_says(row: dict[str, Any], value: str, method: str, rule: str) -> None:
    """Rules that come first, tags, accounts, rules on their days; nobody is there to share a cost alone."""
    assert allocated(row) == [(value, method, rule, 1.0, Decimal(1))]


def test_every_dimension_divides_all_cost() -> None:
    rows = (charge(tags="search"), charge(tags="shop", cost="2"))

    assert allocated(*rows, dimension="environment") == [
        ("prod", "tag", "env", 1.0, Decimal(1)),
        ("unallocated", "unallocated", "none", 1.0, Decimal(2)),
    ]


def test_without_a_file_the_tags_of_five_usual_dimensions_decide() -> None:
    found = allocate(charges(charge(tags="shop"), charge(tags="search", cost="3")), Rules()).to_pylist()

    said = {(row["dimension"], row["value"], row["effective_cost"]) for row in found}
    dimensions = ("project", "cost_centre", "product")
    assert said == {
        ("team", "shop", Decimal(1)),
        ("team", "unallocated", Decimal(3)),
        ("environment", "prod", Decimal(3)),
        ("environment", "unallocated", Decimal(1)),
        *((name, "unallocated", Decimal(4)) for name in dimensions),
    }


def test_a_proportional_split_follows_what_each_is_charged_otherwise_in_the_bill_and_credits_count_for_nothing() -> None:
    rows = (charge(tags="shop", cost="3"), charge(tags="search", cost="1", ts=datetime(2026, 3, 9)))
    credit = charge(account="222", cost="-5")

    assert allocated(*rows, credit, charge(cost="70"), charge("Support", "-0.01")) == [
        ("platform", "account", "222", 1.0, Decimal(-5)),
        ("search", "proportional", "support", 0.25, Decimal("-0.0025")),
        ("search", "tag", "owner", 1.0, Decimal(1)),
        ("shop", "proportional", "support", 0.75, Decimal("-0.0075")),
        ("shop", "tag", "team", 1.0, Decimal(3)),
        ("unallocated", "unallocated", "none", 1.0, Decimal(70)),
    ]


def test_what_is_shared_stays_within_its_bill() -> None:
    other = charge(tags="search", payer="8")

    found = allocated(charge(tags="shop"), other, charge("Support", "2"))

    assert ("shop", "proportional", "support", 1.0, Decimal(2)) in found
    assert len(found) == 3


EVEN = '[dimension.team]\n[[shared]]\nname = "all"\nmatch = {service = "Support"}\nsplit = "even"\n'
FIXED = (
    '[dimension.team]\n[[shared]]\nname = "all"\nmatch = {service = "Support"}\nsplit = "fixed"\ndimensions = ["team"]\n'
    'shares = {Shop = 33.5, "b" = 66.5}\n'
)


def test_an_even_split_is_among_all_with_cost_of_their_own_or_those_named() -> None:
    rows = (charge(tags="shop", cost="9"), charge("Support", "1"), charge(tags="broken"))

    assert ("shop", "even", "all", 1.0, Decimal(1)) in allocated(*rows, file=EVEN)
    thirds = allocated(charge("Support", "1"), file=EVEN + 'dimensions = ["team"]\namong = ["c", "b", "a"]')
    third = Decimal("0.333333333333")
    assert [(row[0], row[4]) for row in thirds] == [("a", third + Decimal("1E-12")), ("b", third), ("c", third)]


def test_fixed_shares_are_per_cent() -> None:
    assert allocated(charge("Support", "10"), file=FIXED) == [
        ("Shop", "fixed", "all", 0.335, Decimal("3.35")),
        ("b", "fixed", "all", 0.665, Decimal("6.65")),
    ]


def test_two_spellings_in_fixed_shares_are_one_that_has_both() -> None:
    [row] = allocated(charge("Support", "10"), file=FIXED.replace('"b"', "SHOP"))

    assert row == ("Shop", "fixed", "all", 1.0, Decimal(10))


def test_an_effective_cost_that_is_missing_stays_so() -> None:
    rows = [charge("Support", "2", effective_cost=None), charge(tags="shop", effective_cost=None)]
    found = allocate(charges(*rows), parse_rules(EVEN, "f")).to_pylist()

    assert [row["effective_cost"] for row in found] == [None, None]
    assert sum(row["billed_cost"] for row in found) == 3


def test_a_month_without_charges_has_no_allocation() -> None:
    assert allocate(charges(), parse_rules(FILE, "f")).num_rows == 0


def test_what_does_not_add_up_is_refused_by_name() -> None:
    rows = charges(charge(), charge(cost="2", tags="shop"))
    found = allocate(rows, parse_rules(EVEN, "f"))

    check_sums(rows.rows, [found])
    with pytest.raises(DataError, match=r"gold.cost_allocation 2026-03: billed_cost of team is off by 2.0+ from what EC2 in"):
        check_sums(rows.rows, [found.filter(pa.compute.equal(found["value"], "unallocated"))])


# ---------------------------------------------------------------- properties

amounts = st.decimals(min_value=-(10**9), max_value=10**9, places=12)
some_charges = st.lists(
    st.builds(
        lambda service, tags, account, day, costs: charge(
            service, "1", tags, account=account, ts=datetime(2026, 3, day), **dict(zip(COSTS, costs, strict=True))
        ),
        st.sampled_from(["EC2", "Support", "Tax", "Hub"]),
        st.sampled_from([*TAGS, "none"]),
        st.sampled_from(["111", "222"]),
        st.integers(1, 3),
        st.tuples(amounts, *(st.none() | amounts for _ in COSTS[1:])),
    ),
    min_size=1,
    max_size=12,
)
SPLITS = (
    FILE
    + '[[shared]]\nname = "tax"\nmatch = {service = "Tax"}\nsplit = "even"\ndimensions = ["team"]\namong = ["x", "y", "z"]\n'
    + '[[shared]]\nname = "hub"\nmatch = {service = "Hub"}\nsplit = "fixed"\ndimensions = ["team"]\nfirst = true\n'
    + "shares = {x = 33.3, y = 33.3, z = 33.4}\n"
)


def sums(rows: list[dict[str, Any]]) -> dict[tuple[Any, ...], Decimal]:
    found: dict[tuple[Any, ...], Decimal] = {}
    for row in rows:
        for name in COSTS:
            if row[name] is not None:
                at = (row["ts"], row["service"], row["account"], name)
                found[at] = found.get(at, Decimal(0)) + row[name]
    return found


@settings(deadline=None, max_examples=60)
@given(some_charges)
def test_the_sum_over_a_dimension_is_what_was_charged_to_the_last_digit(rows: list[dict[str, Any]]) -> None:
    found = allocate(charges(*rows), parse_rules(SPLITS, "f")).to_pylist()

    for dimension in ("team", "environment"):
        assert sums([row for row in found if row["dimension"] == dimension]) == sums(rows)
    keys = [tuple(row[name] for name in COST_ALLOCATION.key) for row in found]
    assert len(set(keys)) == len(keys)
    assert {row["method"] for row in found} <= set(ALLOCATION_METHODS)


@settings(deadline=None, max_examples=60)
@given(some_charges, st.randoms())
def test_the_order_of_charges_and_asking_again_change_nothing(rows: list[dict[str, Any]], chance: Any) -> None:
    rules = parse_rules(SPLITS, "f")
    turned = rows.copy()
    chance.shuffle(turned)

    once, again, other = (sorted(map(repr, allocate(charges(*each), rules).to_pylist())) for each in (rows, rows, turned))

    assert once == again == other


@given(amounts, st.lists(st.integers(0, 10**24), min_size=1, max_size=9).filter(any))
def test_parts_add_up_to_the_amount_and_lie_within_a_digit_of_their_share(amount: Decimal, weights: list[int]) -> None:
    parts = split(amount, weights)

    assert sum(parts) == amount
    assert split(-amount, weights) == [-part for part in parts]
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - amount * weight / sum(weights)) < Decimal("1.1E-12")
        assert weight or not part


@pytest.mark.parametrize(("amount", "weights"), [("1", [0, 0]), ("1", []), ("1", [2, -1]), ("1E-13", [1])])
def test_what_cannot_be_split_is_refused(amount: str, weights: list[int]) -> None:
    with pytest.raises(ValueError, match="expected"):
        split(Decimal(amount), weights)


# ---------------------------------------------------------------- the file


A = '[[rule]]\nname = "a"\n'
MATCH = A + 'match = {service = "x"}\n'
RULE = MATCH + 'assign = {team = "b"}\n'


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[dimension.team\n", "allocation.toml is not TOML: .*line 1"),
        ('[[rules]]\nname = "a"', "rules: there is no such key; did you mean 'rule'"),
        ("\n" + MATCH, "line 2, rule a, assign: Field required"),
        (RULE.replace("service", "servce"), "line 1, rule a, match.servce: there is no such key; did you mean 'service'"),
        (A + 'match = {}\nassign = {team = "b"}', "rule a, match: expected at least one of provider"),
        (MATCH + 'assign = {taem = "b"}', "a: no dimension 'taem'; did you mean 'team'"),
        (MATCH + 'assign = {team = "Unallocated"}', "team: 'Unallocated' names nobody"),
        (RULE + "since = 2026-03-01\nuntil = 2026-03-01", "rule a: it holds until 2026-03-01, which is not after"),
        (RULE + 'since = "soon"', "rule a, since: .*got 'soon'"),
        (RULE * 2, "two rules are called 'a'"),
        (EVEN.replace('"all"', '"none"'), "a rule cannot be called 'none', which stands where no rule decides"),
        ('rule = ["a"]', "rule number 1: Input should be .* got 'a'"),
        (RULE.replace("[[rule]]", "[rule]"), r"rule: expected entries that each begin with \[\[rule\]\]$"),
        (EVEN.replace("even", "evenly"), "line 2, shared all, split: .*'proportional', 'even' or 'fixed', got 'evenly'"),
        (EVEN + 'among = ["a"]', "shared all: dimensions: expected one"),
        (EVEN + "shares = {a = 100}", "a fixed split has shares, and no other has"),
        (FIXED.replace("66.5", "66"), "shared all: shares: expected 100 in all, got 99.5"),
        (FIXED.replace("66.5", "0"), "shared all, shares.b: .*greater than 0"),
        (FIXED + 'among = ["b"]', "among: a fixed split names who shares in `shares`"),
        ('[dimension.team.values]\na = ["X"]\nb = ["x "]', "line 1, dimension team: 'x' is a spelling of 'a' and of 'b'"),
        ('[dimension.team.values]\n"-" = []', "dimension team: '-' names nobody"),
        ("[dimension.Team]", "dimension Team"),
        ("dimension = {}", "dimension: .*at least 1"),
    ],
)
def test_a_broken_file_is_refused_with_line_rule_key_and_what_was_expected(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint) as raised:
        parse_rules(text, "allocation.toml")

    assert str(raised.value).startswith("allocation.toml")


def test_the_rules_that_the_page_shows_are_taken_and_decide_as_it_says() -> None:
    text = Path("docs/cost.md").read_text()
    file = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)[1]
    gateway = charge("AmazonEC2", "1", usage_type="USE1-NatGateway-Hours", ts=datetime(2026, 6, 30))
    mapped = charge("AWSSupport", "1", account="123456789012")
    hub = charge("AWSSupport", "10", account="333333333333")

    assert allocated(gateway, mapped, hub, file=file) == [
        ("network", "rule", "gateways", 1.0, Decimal(1)),
        ("platform", "account", "123456789012", 1.0, Decimal(1)),
        ("search", "fixed", "hub", 0.4, Decimal(4)),
        ("shop", "fixed", "hub", 0.6, Decimal(6)),
    ]
    assert fold("Data Science") == "data-science"
    assert fold_key("user:Cost_Centre") == fold_key("cost centre")
