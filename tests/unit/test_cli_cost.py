"""The command `cost drivers`, as whoever asks why cost changed meets it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from pipeline.cli.cost import round_parts
from pipeline.errors import ConfigError, DataError
from pipeline.interval import Interval
from pipeline.lake import open_lake
from pipeline.quality.conform import conform
from pipeline.settings import Settings
from pipeline.tables.money import BILL, CHARGE_DAILY, TAG_SET
from pipeline.tables.schema import Table
from tests.support.golden import filler
from tests.unit.test_cli import invoke

YEAR = Interval(datetime(2026, 3, 1), datetime(2026, 6, 1))
USE = {"charge_category": "Usage", "charge_class": "none", "account": "1", "service": "EC2", "usage_type": "Box", "unit": "Hrs"}


def charge(day: str, quantity: str, cost: str, at_list: str, **more: str) -> dict[str, object]:
    ts = datetime.fromisoformat(day)
    amounts = {
        "quantity": quantity,
        "billed_cost": cost,
        "effective_cost": cost,
        "list_cost": at_list,
        "contracted_cost": at_list,
    }
    owner = {"source": "b", "provider": "AWS", "payer": "9", "currency": "USD", "ts": ts, "billing_period": ts.replace(day=1)}
    return owner | USE | {name: Decimal(amount) for name, amount in amounts.items()} | more


CHARGES = (
    charge("2026-03-02", "60", "6.01", "6.01"),
    charge("2026-03-09", "40", "3.99", "3.99"),
    charge("2026-05-04", "150", "12.345678", "15"),
    charge("2026-05-04", "1", "0.07", "0.07", service="S3", usage_type="Put", account="2"),
)
TAGS = '{"team": "shop"}'


def put(settings: Settings, table: Table, rows: Iterable[dict[str, object]]) -> None:
    whole = [{c.name: None if c.nullable else filler(c) for c in table.columns} | row for row in rows]
    schema = pa.schema([table.arrow_schema.field(name) for name in table.names])
    data = conform(pa.Table.from_pylist(whole, schema=schema), table, YEAR)
    open_lake(settings).replace(table, data, table.scope(YEAR))


@pytest.fixture(autouse=True)
def billed(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """March of ten dollars, May of more use at a lower price, and something new."""
    monkeypatch.setenv("HEADROOM_HOME", str(settings.home))
    put(settings, CHARGE_DAILY, CHARGES)
    put(settings, BILL, [{"billing_period": datetime(2026, 5, 1), "provider": "AWS", "currency": "USD"}])


def words(text: str) -> list[str]:
    return [" ".join(row.split()) for row in text.splitlines() if row.strip()]


def test_the_parts_between_two_months_that_do_not_follow_each_other_sum_to_the_change() -> None:
    said = words(invoke("cost", "drivers", "--from", "2026-03", "--to", "2026-05"))

    assert said[0] == "2026-03-01…2026-03-31 to 2026-05-01…2026-05-31, USD"
    assert [row.split()[0] for row in said if row.startswith(("EC2", "S3"))] == ["EC2", "S3"]
    assert said[-1] == "+2.42 USD: usage +5.00, commitment -2.65, new +0.07"


def test_two_spans_of_days_are_compared_with_their_last_days() -> None:
    said = words(
        invoke("cost", "drivers", "--before", "2026-03-01..2026-03-02", "--after", "2026-03-03..2026-03-09", "--by", "account")
    )

    assert said[0] == "2026-03-01…2026-03-02 to 2026-03-03…2026-03-09, USD"
    assert said[-1] == "-2.02 USD: usage -2.00, rate -0.02"


def test_by_team_the_parts_of_all_teams_are_those_of_everything(settings: Settings) -> None:
    tags = {"source": "b", "tag_set": "a" * 16, "tags_json": TAGS}
    put(settings, TAG_SET, [tags | {"billing_period": datetime(2026, month, 1)} for month in (3, 5)])
    put(settings, CHARGE_DAILY, [each | ({"tag_set": "a" * 16} if each["service"] == "EC2" else {}) for each in CHARGES])

    said = words(invoke("cost", "drivers", "--from", "2026-03", "--to", "2026-05", "--by", "team"))

    assert said[0] == "2026-03-01…2026-03-31 to 2026-05-01…2026-05-31 by team, USD"
    assert [row.split()[0] for row in said if row.startswith(("shop", "unallocated"))] == ["shop", "unallocated"]
    assert said[-1] == words(invoke("cost", "drivers", "--from", "2026-03", "--to", "2026-05"))[-1]


def test_by_team_two_spans_of_days_are_compared_in_the_same_parts() -> None:
    asked = ("cost", "drivers", "--before", "2026-03-01..2026-03-02", "--after", "2026-03-03..2026-03-09")

    assert words(invoke(*asked, "--by", "team"))[-1] == words(invoke(*asked))[-1] == "-2.02 USD: usage -2.00, rate -0.02"


def test_the_cents_of_the_parts_sum_to_those_of_the_change() -> None:
    thirds = dict.fromkeys(("usage", "rate", "new"), Decimal("0.005"))

    assert round_parts(Decimal("0.015"), thirds) == {"usage": Decimal("0.02"), "rate": 0, "new": 0}
    assert round_parts(Decimal("-1.004"), {"gone": Decimal("-1"), "rate": Decimal("-0.004")}) == {"gone": -1, "rate": 0}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "expected two months, as --from 2026-03 --to 2026-04, or two spans of days"),
        (("--from", "2026-03"), "--to None is no month"),
        (("--from", "2026-03", "--to", "May"), "--to 'May' is no month; expected YYYY-MM"),
        (("--from", "2026-03", "--to", "9999-12"), "--to '9999-12' is no month; expected YYYY-MM, up to 9999-11"),
        (("--before", "2026-03-01..2026-03-02", "--after", "9999-12-31..9999-12-31"), "expected a day before 9999-12-31"),
        (("--from", "2026-03", "--to", "2026-03"), "have days in common"),
        (("--before", "2026-03-01..2026-03-02", "--after", "2026-03-05"), "--after '2026-03-05' is no span of days"),
        (("--before", "2026-03-03..2026-03-02", "--after", "2026-03-05..2026-03-05"), "its last day lies before its first"),
        (("--from", "2026-03", "--before", "2026-03-01..2026-03-02"), "either --from and --to, or --before and --after"),
        (("--from", "2026-03", "--to", "2026-05", "--by", "tema"), "--by 'tema'; expected one of service.*: team, project"),
    ],
)
def test_periods_that_are_none_name_what_was_expected(arguments: tuple[str, ...], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        invoke("cost", "drivers", *arguments)


def test_a_period_that_nobody_charges_is_compared_with_nothing() -> None:
    with pytest.raises(DataError, match="no provider charges a payer in one currency in both"):
        invoke("cost", "drivers", "--from", "2026-03", "--to", "2026-04")
