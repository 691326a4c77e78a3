"""Why what each team is charged changed from one month to the next, as a table that SQL may ask."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from pipeline.errors import ConfigError
from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake
from pipeline.settings import Settings
from pipeline.steps import perform
from pipeline.tables.allocation import COST_DRIVER
from pipeline.tables.columns import COST_PARTS, SHARED
from pipeline.tables.money import CHARGE_DAILY, TAG_SET
from tests.unit.test_cli_cost import charge, put

APRIL = Interval.month("2026-04")
SHOP, NOBODY = "a" * 16, "b" * 16
FILE = """
[dimension.team]
[dimension.product]
[[shared]]
name = "support"
match = { service = "Support" }
split = "proportional"
"""
CHARGES = (
    charge("2026-03-02", "100", "10", "10", tag_set=SHOP),
    charge("2026-03-02", "30", "30", "30", tag_set=NOBODY, service="S3"),
    charge("2026-03-02", "0", "8", "8", tag_set=NOBODY, service="Support"),
    charge("2026-04-02", "200", "24", "30", tag_set=SHOP),
    charge("2026-04-02", "10", "10.000000000001", "10", tag_set=NOBODY, service="S3"),
    charge("2026-04-02", "0", "9", "9", tag_set=NOBODY, service="Support"),
    charge("2026-04-02", "1", "5", "5", tag_set=NOBODY, service="S3", payer="8"),
)


def give(settings: Settings, *charges: dict[str, object]) -> None:
    put(settings, CHARGE_DAILY, charges)
    tags = ((SHOP, '{"Team": "shop"}'), (NOBODY, "{}"))
    months = sorted({str(each["billing_period"]): each["billing_period"] for each in charges}.values(), key=str)
    known = [
        {"source": "b", "tag_set": one, "tags_json": text, "billing_period": month} for month in months for one, text in tags
    ]
    put(settings, TAG_SET, known)


def build(settings: Settings, interval: Interval = APRIL) -> Lake:
    perform("build", interval, target=COST_DRIVER.name, settings=settings)
    return open_lake(settings)


def by_team(lake: Lake) -> dict[str, dict[str, Decimal]]:
    """What moved each team in April, without what did not."""
    asked = "SELECT * FROM gold.cost_driver WHERE dimension = 'team' AND month = DATE '2026-04-01'"
    sums = lake.query(asked).to_pandas().groupby("value")[["change", *COST_PARTS, SHARED]].sum()
    return {str(team): {name: amount for name, amount in row.items() if amount} for team, row in sums.iterrows()}


@pytest.fixture
def ruled(settings: Settings, tmp_path: Path) -> Settings:
    file = tmp_path / "allocation.toml"
    file.write_text(FILE)
    return settings.model_copy(update={"allocation": str(file)})


def test_a_months_table_says_of_each_team_what_moved_it_and_all_teams_add_up_to_the_view_of_everything(ruled: Settings) -> None:
    give(ruled, *CHARGES)
    lake = build(ruled)

    found = by_team(lake)

    assert found["shop"] == {"change": 15, "usage": 10, "rate": 10, "commitment": -6, "shared": 1}
    assert found["unallocated"]["change"] == Decimal("-19.999999999999")
    [told] = lake.query(
        "SELECT sum(change) AS change, sum(cost) AS cost FROM views.cost_drivers_monthly WHERE month = DATE '2026-04-01'"
    ).to_pylist()
    asked = (
        "SELECT dimension, sum(change) AS change, sum(cost) AS cost FROM gold.cost_driver GROUP BY dimension ORDER BY dimension"
    )
    assert lake.query(asked).to_pylist() == [{"dimension": each} | told for each in ("product", "team")]


def test_months_are_built_each_against_the_one_before_and_the_first_bill_of_all_is_compared_with_none(ruled: Settings) -> None:
    give(ruled, *CHARGES, charge("2026-05-02", "200", "20", "30", tag_set=SHOP))

    lake = build(ruled, Interval.days("2026-03-01", "2026-06-01"))

    asked = "SELECT month, sum(change) AS change FROM gold.cost_driver WHERE dimension = 'team' GROUP BY month ORDER BY month"
    assert [f"{row['month']:%m} {row['change']:.2f}" for row in lake.query(asked).to_pylist()] == ["04 -5.00", "05 -23.00"]
    before = lake.snapshot_id(COST_DRIVER)
    assert build(ruled, Interval.day("2026-05-20")).snapshot_id(COST_DRIVER) == before


def test_a_month_that_is_restated_is_told_anew_as_a_whole(ruled: Settings) -> None:
    give(ruled, *CHARGES)
    build(ruled)
    give(ruled, *CHARGES[:3], charge("2026-04-02", "100", "10", "10", tag_set=SHOP))

    found = by_team(build(ruled))

    assert found["shop"] == {"change": -8, "shared": -8}
    assert found["unallocated"] == {"change": -30, "gone": -30}


def test_a_team_that_is_charged_nothing_any_more_is_gone_and_currencies_are_not_added_up(ruled: Settings) -> None:
    euros = [
        charge("2026-03-02", "7", "7", "7", tag_set=SHOP, currency="EUR"),
        charge("2026-04-02", "1", "1", "1", tag_set=NOBODY, currency="EUR"),
    ]
    give(ruled, *CHARGES[:3], *CHARGES[4:6], *euros)

    lake = build(ruled)

    asked = (
        "SELECT currency, sum(cost_before) AS before, sum(cost) AS now, sum(gone) AS gone, sum(change) AS change "
        "FROM gold.cost_driver WHERE dimension = 'team' AND value = 'shop' AND service <> 'Support' "
        "GROUP BY currency ORDER BY currency"
    )
    assert lake.query(asked).to_pylist() == [
        {"currency": "EUR", "before": 7, "now": 0, "gone": -7, "change": -7},
        {"currency": "USD", "before": 10, "now": 0, "gone": -10, "change": -10},
    ]


def test_a_lake_without_bills_has_no_drivers_and_broken_rules_leave_what_was_published(ruled: Settings) -> None:
    assert build(ruled).read(COST_DRIVER).num_rows == 0
    give(ruled, *CHARGES)
    known = by_team(build(ruled))
    Path(ruled.allocation).write_text(FILE + "[dimension.team.people]\n")

    with pytest.raises(ConfigError, match=r"allocation .*allocation.toml"):
        perform("build", APRIL, target=COST_DRIVER.name, settings=ruled)

    assert by_team(open_lake(ruled)) == known
