"""The worked scenarios of the FOCUS specification, each with its own costs to the last digit, from file to charges by the day."""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from pipeline import settings as settings_module
from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake
from pipeline.steps import perform

SCENARIOS = sorted((Path(__file__).parents[1] / "data" / "focus_scenarios").glob("*.csv"))
COSTS = {
    "BilledCost": "billed_cost",
    "EffectiveCost": "effective_cost",
    "ListCost": "list_cost",
    "ContractedCost": "contracted_cost",
}
#: A scenario shows the columns that it is about; an export has all of them.
ALWAYS = dict.fromkeys(COSTS, "0") | {
    "BillingCurrency": "USD",
    "InvoiceId": "1",
    "ProviderName": "ACME",
    "RegionId": "r",
    "ServiceCategory": "Other",
    "ServiceName": "Software",
    "SubAccountId": "1",
}

pytestmark = pytest.mark.system


def read_scenario(file: Path) -> list[dict[str, str]]:
    """The lines, without what a spreadsheet made of dates and amounts; the payer is the scenario."""
    lines = csv.DictReader(io.StringIO(file.read_text(encoding="utf-8-sig")))
    return [
        ALWAYS | {name: _plain(name, value) for name, value in line.items()} | {"BillingAccountId": file.stem} for line in lines
    ]


def _plain(name: str, value: str) -> str:
    if name in COSTS:
        return value.replace("$", "").replace(",", "").strip()
    if name.endswith(("PeriodStart", "PeriodEnd")) and "/" in value:
        return f"{datetime.strptime(value, '%m/%d/%y'):%Y-%m-%dT%H:%M:%SZ}"
    return "" if value == "null" else value


@pytest.fixture(scope="module")
def charged(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake with all scenarios, each an export of a payer of its own."""
    home = tmp_path_factory.mktemp("scenarios")
    months = set()
    for file in SCENARIOS:
        lines = read_scenario(file)
        path = home / "bills" / file.name
        path.parent.mkdir(exist_ok=True)
        with path.open("w", newline="") as written:
            writer = csv.DictWriter(written, list(lines[0]))
            writer.writeheader()
            writer.writerows(lines)
        starts = [datetime.fromisoformat(line["BillingPeriodStart"]).replace(tzinfo=None) for line in lines]
        months |= set(starts)
        whole = Interval(min(starts), max(starts).replace(day=2))
        options = json.dumps({"sources": {"billing": {"path": str(path)}}})
        perform(
            "ingest", whole, target="billing", settings=settings_module.load({"HEADROOM_OPTIONS": options}, home=home / "home")
        )
    settings = settings_module.load({}, home=home / "home")
    for month in sorted(months):
        for table in ("silver.bill", "silver.charge_daily"):
            perform("build", Interval(month, month.replace(day=2)), target=table, settings=settings)
    return open_lake(settings)


def test_all_scenarios_of_the_specification_are_here() -> None:
    assert len(SCENARIOS) == 26


@pytest.mark.parametrize("file", SCENARIOS, ids=lambda file: file.stem[:60])
def test_the_costs_of_a_scenario_are_its_own_to_the_last_digit(charged: Lake, file: Path) -> None:
    expected: dict[tuple[datetime, str], list[Decimal]] = defaultdict(lambda: [Decimal(0)] * len(COSTS))
    for line in read_scenario(file):
        day = datetime.fromisoformat(line["ChargePeriodStart"][:10])
        costs = expected[day, line["ChargeCategory"]]
        expected[day, line["ChargeCategory"]] = [a + Decimal(line[name]) for a, name in zip(costs, COSTS, strict=True)]

    sums = ", ".join(f"sum({name}) AS {name}" for name in COSTS.values())
    rows = charged.query(
        f"SELECT ts, charge_category AS kind, {sums} FROM silver.charge_daily WHERE payer = :payer GROUP BY 1, 2",  # noqa: S608
        {"payer": file.stem},
    ).to_pylist()

    assert {(row["ts"], row["kind"]): [row[name] for name in COSTS.values()] for row in rows} == dict(expected)


def test_what_is_used_of_a_commitment_and_what_is_not_is_in_sum_what_it_was_bought_for(charged: Lake) -> None:
    rows = charged.query(
        "SELECT payer, sum(CASE WHEN charge_category = 'Purchase' THEN billed_cost ELSE 0 END) AS bought, "
        "sum(CASE WHEN charge_category = 'Usage' THEN effective_cost ELSE 0 END) AS used FROM silver.charge_daily "
        "WHERE commitment_id <> 'none' GROUP BY payer"
    ).to_pylist()

    both = {row["payer"]: (row["bought"], row["used"]) for row in rows if row["bought"] and row["used"]}
    assert {payer: bought - used for payer, (bought, used) in both.items()} == dict.fromkeys(both, 0)
    assert len(both) == 4
