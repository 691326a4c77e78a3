"""A bill is replaced by billing period, as a whole, and never counted beside itself."""

from __future__ import annotations

import json
import logging
import re
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline import settings as settings_module
from pipeline.cli import app
from pipeline.errors import ConfigError, DataError
from pipeline.interval import Interval
from pipeline.lake import open_lake
from pipeline.settings import Settings
from pipeline.steps import order_daily, perform
from pipeline.tables.allocation import COST_RESTATEMENT
from pipeline.tables.money import BILL, CHARGE_DAILY, COST_DAILY
from pipeline.tables.operations import CHECK_RESULT
from tests.support.bills import build_cost

MARCH = Interval(datetime(2026, 3, 1), datetime(2026, 4, 1))
HEADER = (
    "BillingAccountId,SubAccountId,BillingPeriodStart,BillingPeriodEnd,ChargePeriodStart,ChargePeriodEnd,ChargeCategory,"
    "ServiceCategory,ServiceName,"
    "ProviderName,PublisherName,InvoiceIssuerName,RegionId,BillingCurrency,BilledCost,EffectiveCost,ListCost,ContractedCost,ResourceId"
)
NEWER = ",InvoiceId,PricingCurrency"
#: A CUR 2.0 export of 70 dollars on the second day.
CUR = (
    "bill_billing_period_start_date,bill_payer_account_id,line_item_line_item_type,line_item_product_code,line_item_unblended_cost,"
    "line_item_usage_account_id,line_item_usage_start_date,line_item_usage_type,line_item_currency_code,product\n"
    "2026-03-01T00:00:00Z,9,Usage,EC2,70,1,2026-03-02T00:00:00Z,Box,USD,{}\n"
)


def write(file: Path, *charges: tuple[int, float | str], payer: str = "9", newer: bool = False, resource: str = "") -> Path:
    """An export with charges by day of March, of FOCUS 1.0 or 1.2."""
    lines = [
        f"{payer},1,2026-03-01T00:00:00Z,2026-04-01T00:00:00Z,2026-03-{day:02d}T00:00:00Z,2026-03-{day:02d}T01:00:00Z,Usage,"
        f"Compute,EC2,AWS,AWS,AWS,us-east-1,USD,{cost},{cost},{cost},{cost},{resource}{',1,USD' if newer else ''}"
        for day, cost in charges
    ]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join([HEADER + (NEWER if newer else ""), *lines]) + "\n")
    return file


def ingest(settings: Settings, path: Path, interval: Interval = MARCH) -> None:
    options = json.dumps({"sources": {"billing": {"path": str(path)}}})
    given = settings_module.load({"HEADROOM_OPTIONS": options}, home=settings.home)
    perform("ingest", interval, target="billing", settings=given)


def billed(settings: Settings, restated_limit: float = 1000) -> dict[int, float]:
    """Dollars by day of March."""
    build_cost(settings, MARCH, restated_limit)
    rows = open_lake(settings).query("SELECT ts, sum(billed_cost) AS usd FROM silver.cost_daily GROUP BY ts ORDER BY ts")
    return {row["ts"].day: row["usd"] for row in rows.to_pylist()}


def landed(settings: Settings) -> list[str]:
    lake = open_lake(settings)
    return lake.storage.list_files(f"{lake.storage.root}/ledger", ".json")


def test_a_part_beside_another_adds_where_they_share_no_charge_and_takes_its_place_where_they_do(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ingest(settings, write(tmp_path / "1.csv", (1, 100), (2, 100), resource="i-1"))
    ingest(settings, write(tmp_path / "2.csv", (1, 50), (2, 50), resource="i-2"))
    assert billed(settings) == {1: 150, 2: 150}

    ingest(settings, write(tmp_path / "3.csv", (2, 60), resource="i-2"))

    with caplog.at_level(logging.WARNING):
        assert billed(settings) == {1: 100, 2: 160}
    assert f"{tmp_path}/2.csv 2026-03: not counted, for {tmp_path}/3.csv charges the same and is newer" in caplog.text
    ingest(settings, tmp_path / "2.csv")
    assert billed(settings) == {1: 100, 2: 160}, "what was landed before is no news"


def test_a_bill_under_another_name_takes_the_place_of_the_one_that_charges_the_same(settings: Settings, tmp_path: Path) -> None:
    ingest(settings, write(tmp_path / "old.csv", (1, 100), (2, 100)))
    assert billed(settings) == {1: 100, 2: 100}

    ingest(settings, write(tmp_path / "new.csv", (2, 70)))

    assert billed(settings) == {2: 70}, "days that the new one lacks are no part of the bill any more"


def test_of_two_exports_that_charge_the_same_the_one_of_the_newer_format_counts_whenever_it_was_landed(
    settings: Settings, tmp_path: Path
) -> None:
    ingest(settings, write(tmp_path / "newer.csv", (1, 7), newer=True))
    ingest(settings, write(tmp_path / "older.csv", (1, 8)))

    assert billed(settings) == {1: 7}


def test_a_line_that_moved_to_another_day_counts_there_alone(settings: Settings, tmp_path: Path) -> None:
    bill = write(tmp_path / "bill.csv", (1, 100), (2, 100))
    ingest(settings, bill)
    assert billed(settings) == {1: 100, 2: 100}
    write(bill, (2, 200))

    ingest(settings, bill)

    assert billed(settings) == {2: 200}
    before = landed(settings)
    ingest(settings, bill)
    assert landed(settings) == before, "landing the same again is no change"


def test_an_export_that_was_upgraded_to_a_newer_format_counts_once(settings: Settings, tmp_path: Path) -> None:
    bill = write(tmp_path / "bill.csv", (1, 100))
    ingest(settings, bill)
    write(bill, (1, 100), newer=True)
    ingest(settings, bill)

    assert billed(settings) == {1: 100}


def test_the_executions_of_one_export_have_one_name(settings: Settings, tmp_path: Path) -> None:
    month = tmp_path / "data" / "BILLING_PERIOD=2026-03"
    for execution, cost in (
        ("2026-03-05T10:00:00.123Z-1f0c5d7e-1111-4222-8333-444455556666", 100),
        ("2026-03-06T10:00:00.456Z-2f0c5d7e-1111-4222-8333-444455556666", 120),
        ("3f0c5d7e-1111-4222-8333-444455556666", 130),
    ):
        write(month / execution / "bill-00001.csv", (1, cost))
        ingest(settings, month / execution)
        assert billed(settings) == {1: cost}


def test_another_payer_is_landed_beside_and_a_day_of_a_bill_stands_for_its_month(settings: Settings, tmp_path: Path) -> None:
    bill = write(tmp_path / "bill.csv", (1, 100), (2, 100))
    ingest(settings, bill)
    ingest(settings, write(tmp_path / "another.csv", (1, 7), payer="8"))
    write(bill, (2, 90))

    ingest(settings, bill, interval=Interval.day("2026-03-20"))

    assert billed(settings) == {2: 90, 1: 7}


def test_a_file_for_each_day_takes_nothing_back_of_the_others(settings: Settings, tmp_path: Path) -> None:
    for day in (1, 2):
        write(tmp_path / f"2026-03-{day:02d}" / "bill.csv", (day, 10 * day))
        ingest(settings, tmp_path / "%Y-%m-%d" / "*.csv", interval=Interval.day(f"2026-03-{day:02d}"))

    assert billed(settings) == {1: 10, 2: 20}


def test_a_payer_that_has_no_more_charges_of_a_day_leaves_the_others_as_they_are(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "all"
    write(folder / "1.csv", (1, 100), (2, 100))
    write(folder / "2.csv", (1, 5), (2, 5), payer="8")
    ingest(settings, folder)
    before = landed(settings)
    ingest(settings, folder)
    assert landed(settings) == before
    write(folder / "2.csv", (2, 10), payer="8")

    ingest(settings, folder)

    assert billed(settings) == {1: 100, 2: 110}


def test_usage_of_an_earlier_month_counts_on_its_day_and_goes_with_its_bill(settings: Settings, tmp_path: Path) -> None:
    bill = write(tmp_path / "bill.csv", (1, 100))
    late = bill.read_text().replace("2026-03-01T00:00:00Z,2026-03-01T01:00:00Z", "2026-01-30T00:00:00Z,2026-01-30T01:00:00Z")
    bill.write_text(late + "".join(bill.read_text().splitlines(keepends=True)[1:]))
    ingest(settings, bill)
    build_cost(settings, Interval.day("2026-03-09"))
    assert by_day(settings) == {"2026-01-30": 100, "2026-03-01": 100}

    write(bill, (1, 100))
    ingest(settings, bill)
    build_cost(settings, Interval.day("2026-03-09"))

    assert by_day(settings) == {"2026-03-01": 100}


def by_day(settings: Settings) -> dict[str, float]:
    rows = open_lake(settings).query("SELECT ts, sum(billed_cost) AS usd FROM silver.cost_daily GROUP BY ts")
    return {f"{row['ts']:%Y-%m-%d}": row["usd"] for row in rows.to_pylist()}


def test_a_closed_period_that_moves_by_more_than_its_share_is_held_with_export_period_and_sums(
    settings: Settings, tmp_path: Path
) -> None:
    bill = write(tmp_path / "bill.csv", (1, 100), newer=True)
    ingest(settings, bill)
    assert billed(settings) == {1: 100}
    ingest(settings, write(bill, (1, 104), newer=True))
    assert billed(settings, 0.05) == {1: 104}
    ingest(settings, write(bill, (1, 110), newer=True))

    with pytest.raises(DataError) as held:
        billed(settings, 0.05)

    assert f"{bill} 2026-03 of payer 9: billed_cost of a closed period moved from 104.00 to 110.00" in str(held.value)
    perform("build", MARCH, target="silver.charge_daily", settings=settings)
    assert [row["billed_cost"] for row in open_lake(settings).read(CHARGE_DAILY).to_pylist()] == [104]
    assert "silver.bill" not in order_daily()[COST_RESTATEMENT.name]
    perform("build", MARCH, target=COST_RESTATEMENT.name, settings=settings)
    moved = [(row["old_billed"], row["new_billed"]) for row in open_lake(settings).read(COST_RESTATEMENT).to_pylist()]
    assert moved == [(100, 104), (104, 110)]

    command = re.search(r"billing accept (\S+ 2026-03 \S+) --reason", str(held.value))
    assert command
    accept = ["billing", "accept", *command[1].split(" ")]
    environment = {"HEADROOM_HOME": str(settings.home)}
    for wrong, said in (
        ([*accept[:4], "other", "--reason", "r"], f"of EXPORT PERIOD EXECUTION there are: {command[1]}"),
        ([*accept[:3], "March", accept[4], "--reason", "r"], "'March' is no month"),
        ([*accept, "--reason", " "], "--reason is empty"),
    ):
        with pytest.raises(ConfigError, match=re.escape(said)):
            CliRunner().invoke(app, wrong, env=environment, catch_exceptions=False)
    with pytest.raises(DataError, match="moved from"):
        billed(settings, 0.05)
    assert CliRunner().invoke(app, [*accept, "--reason", "a refund"], env=environment, catch_exceptions=False).exit_code == 0
    assert billed(settings, 0.05) == {1: 110}
    ingest(settings, write(bill, (1, 200), newer=True))
    with pytest.raises(DataError, match=r"moved from 110\.00 to 200\.00"):
        billed(settings, 0.05)


def test_currencies_that_cannot_be_added_are_refused_and_what_was_published_stays(settings: Settings, tmp_path: Path) -> None:
    bill = write(tmp_path / "bill.csv", (1, 100))
    ingest(settings, bill)
    assert billed(settings) == {1: 100}
    bill.write_text(bill.read_text() + bill.read_text().splitlines()[1].replace(",USD,", ",EUR,") + "\n")
    ingest(settings, bill)

    with pytest.raises(DataError, match=r"bill\.csv 2026-03: its lines of payer 9 have 2 currencies in one column of cost"):
        billed(settings)
    assert by_day(settings) == {"2026-03-01": 100}


def test_the_ledger_of_bills_says_of_every_line_that_it_counts_or_was_refused_and_sums_to_the_last_digit(
    settings: Settings, tmp_path: Path
) -> None:
    bill = write(tmp_path / "bill.csv", *((1 + n % 28, "0.000000000001") for n in range(1000)), (3, "free"))
    ingest(settings, bill)
    billed(settings)

    lake = open_lake(settings)
    [said] = lake.read(BILL).to_pylist()
    charges = lake.read(CHARGE_DAILY).to_pylist()
    assert (said["lines"], said["lines_refused"], said["files"]) == (1001, 1, 1)
    assert said["billed_cost"] == sum(row["billed_cost"] for row in charges) == Decimal("0.000000001")
    assert sum(row["lines"] for row in charges) == 1000
    assert (said["currency"], said["complete_through"], said["superseded_by"]) == ("USD", datetime(2026, 3, 28), None)


def test_a_month_that_is_restated_in_the_first_half_of_the_next_one_changes_with_the_runs_of_that_one(
    settings: Settings, tmp_path: Path
) -> None:
    bill = write(tmp_path / "bill.csv", (1, 100), (31, 100))
    ingest(settings, bill)
    assert billed(settings) == {1: 100, 31: 100}

    for day, dollars in (("2026-04-10", 90), ("2026-04-16", 80)):
        write(bill, (1, dollars), (31, dollars))
        ingest(settings, bill, Interval.day(day))
        build_cost(settings, Interval.day(day))

    assert by_day(settings) == {"2026-03-01": 90, "2026-03-31": 90}


def test_days_that_a_bill_charges_beside_the_run_change_nothing_of_what_is_on_record_of_the_run(
    settings: Settings, tmp_path: Path
) -> None:
    ingest(settings, write(tmp_path / "b.csv", (1, 100), (5, 200), (6, 300)))
    week = Interval(datetime(2026, 3, 1), datetime(2026, 3, 3))

    def build_week() -> list[int | None]:
        for target in ("silver.bill", "silver.charge_daily", "silver.cost_daily"):
            perform("build", week, target=target, settings=settings)
        return [open_lake(settings).snapshot_id(table) for table in (COST_DAILY, CHECK_RESULT)]

    first = build_week()

    assert build_week() == first
    rows = open_lake(settings).query("SELECT ts, billed_cost AS usd FROM silver.cost_daily ORDER BY ts").to_pylist()
    assert {row["ts"].day: row["usd"] for row in rows} == {1: 100, 5: 200, 6: 300}


def test_files_of_an_execution_with_columns_in_another_order_are_one_bill(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "all"
    write(folder / "1.csv", (1, 100))
    other = write(folder / "2.csv", (2, 50))
    other.write_text("\n".join(",".join(reversed(each.split(","))) for each in other.read_text().splitlines()) + "\n")

    ingest(settings, folder)

    assert billed(settings) == {1: 100, 2: 50}


def test_an_export_that_became_one_of_the_other_family_counts_once(settings: Settings, tmp_path: Path) -> None:
    bill = write(tmp_path / "bill.csv", (1, 100))
    ingest(settings, bill)
    assert billed(settings) == {1: 100}
    bill.write_text(CUR)

    ingest(settings, bill)

    assert billed(settings) == {2: 70}


def test_what_moved_from_one_account_to_another_moves_on_past_days_too(settings: Settings, tmp_path: Path) -> None:
    bill = write(tmp_path / "bill.csv", (1, 100))
    ingest(settings, bill)
    build_cost(settings, Interval.day("2026-03-09"))
    bill.write_text(bill.read_text().replace("\n9,1,", "\n9,2,"))
    ingest(settings, bill)

    build_cost(settings, Interval.day("2026-03-09"))

    rows = open_lake(settings).query("SELECT account, billed_cost FROM silver.cost_daily")
    assert rows.to_pylist() == [{"account": "2", "billed_cost": 100}]


def test_cost_of_lines_that_another_version_landed_is_not_erased_before_these_bills_are_ingested_again(
    settings: Settings, tmp_path: Path
) -> None:
    ingest(settings, write(tmp_path / "bill.csv", (1, 100)))
    billed(settings)
    lake = open_lake(settings)
    charged = lake.read(CHARGE_DAILY)
    lake.replace(CHARGE_DAILY, charged.slice(0, 0), CHARGE_DAILY.scope(MARCH))
    lake.storage.write_once(lake.storage.path("bronze", "billing_line", "day=2026-03-01", "1.parquet"), b"")

    with pytest.raises(
        DataError, match=r"bronze\.billing_line .*ingest its bills again, then move .*billing_line out of the lake"
    ):
        perform("build", MARCH, target="silver.cost_daily", settings=settings)

    assert by_day(settings) == {"2026-03-01": 100}
