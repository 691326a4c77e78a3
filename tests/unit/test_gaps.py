"""What keeps resources from a recommendation is said."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
import pytest

from pipeline.advice.estate import Estate
from pipeline.advice.gaps import find_gaps

AS_OF = datetime(2026, 3, 15)


def estate(
    listed: list[tuple[str, str, str | None]], used: list[tuple[str, str]], priced: tuple[tuple[str, str], ...] = ()
) -> Estate:
    """Resources by id, region and type; metrics by id and region; prices by region and type."""
    return Estate(
        as_of=AS_OF,
        lookback_days=14,
        resources=pd.DataFrame(
            [
                {"account": "1", "region": region, "resource_id": name, "service": "ec2", "instance_type": kind}
                for name, region, kind in listed
            ],
            columns=["account", "region", "resource_id", "service", "instance_type"],
        ),
        usage=pd.DataFrame(
            [{"account": "1", "region": region, "resource_id": name} for name, region in used],
            columns=["account", "region", "resource_id"],
        ),
        prices=pd.DataFrame(
            [{"service": "ec2", "region": region, "item": item, "unit": "hour", "price_usd": 0.1} for region, item in priced],
            columns=["service", "region", "item", "unit", "price_usd"],
        ),
        risk=pd.DataFrame(),
    )


KNOWN = [("i-1", "us-east-1", "m5.large")]
USED = [("i-1", "us-east-1")]
PRICED = (("us-east-1", "m5.large"),)


def test_nothing_is_missing_where_every_resource_has_metrics_and_a_price() -> None:
    assert find_gaps(estate(KNOWN, USED, PRICED)) == []


@pytest.mark.parametrize(
    ("given", "what", "missing", "sentence"),
    [
        (estate([], USED), "inventory", 1, "metrics of 1 resource, but no inventory of the last 14 days"),
        (estate([], []), "inventory", 0, "there is no inventory, and there are no metrics"),
        (estate([*KNOWN, ("i-2", "us-east-1", "m5.large")], USED, PRICED), "metrics", 1, "inventory has no metrics .*: i-2"),
        (estate(KNOWN, [*USED, ("i-2", "us-east-1")], PRICED), "resource", 1, "1 resource with metrics is not in the inv.*: i-2"),
        (estate([("i-1", "us-east-1", None)], USED, PRICED), "instance type", 1, "without an instance type: i-1"),
        (estate([("i-1", "us-east-1", "m9.big")], USED, PRICED), "price", 1, "does not have, so no dollars: m9.big in us-east-1"),
        (estate([("i-1", "eu-west-1", "m5.large")], [("i-1", "eu-west-1")], PRICED), "region", 1, "No list prices of eu-west-1"),
        (estate(KNOWN, USED), "region", 1, "no prices at all were known on 2026-03-15"),
    ],
)
def test_what_is_missing_is_named_with_what_to_do(given: Estate, what: str, missing: int, sentence: str) -> None:
    [gap] = find_gaps(given)

    assert (gap.what, gap.missing) == (what, missing)
    assert pd.Series([gap.sentence]).str.contains(sentence).all(), gap.sentence


def test_the_same_id_in_another_region_is_pointed_out() -> None:
    gaps = {gap.what: gap.sentence for gap in find_gaps(estate(KNOWN, [("i-1", "local")], PRICED))}

    assert set(gaps) == {"metrics", "resource"}
    assert "i-1: the inventory has the same id in another account or region" in gaps["resource"]


def test_of_many_the_first_few_are_named() -> None:
    [gap] = find_gaps(
        estate([(f"i-{n}", "us-east-1", "m9.big") for n in range(9)], [(f"i-{n}", "us-east-1") for n in range(9)], PRICED)
    )

    assert gap.sentence.startswith("9 instances")


def test_of_a_snapshot_nobody_expects_metrics() -> None:
    given = estate(KNOWN, USED, PRICED)
    other = pd.DataFrame([{"account": "1", "region": "us-east-1", "resource_id": "snap-1", "service": "ebs-snapshot"}])
    found = find_gaps(Estate(AS_OF, 14, pd.concat([given.resources, other]), given.usage, given.prices, given.risk))

    assert found == []
