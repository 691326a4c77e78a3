"""One payer's bill of one month has one name: it is replaced whole, and never counted beside itself."""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import pytest

from pipeline import settings as settings_module
from pipeline.errors import DataError
from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake
from pipeline.lake.claims import claim
from pipeline.settings import Settings
from pipeline.steps import perform
from pipeline.tables.money import BILLING_LINE

MARCH = Interval(datetime(2026, 3, 1), datetime(2026, 4, 1))
HEADER = (
    "BillingAccountId,SubAccountId,BillingPeriodStart,BillingPeriodEnd,ChargePeriodStart,ChargePeriodEnd,ChargeCategory,"
    "ServiceCategory,ServiceName,"
    "ProviderName,PublisherName,InvoiceIssuerName,RegionId,BillingCurrency,BilledCost,EffectiveCost,ListCost,ContractedCost"
)
NEWER = ",InvoiceId,PricingCurrency"


def write(file: Path, *charges: tuple[int, float], payer: str = "9", newer: bool = False) -> Path:
    """An export with charges by day of March, of FOCUS 1.0 or 1.2."""
    lines = [
        f"{payer},1,2026-03-01T00:00:00Z,2026-04-01T00:00:00Z,2026-03-{day:02d}T00:00:00Z,2026-03-{day:02d}T01:00:00Z,Usage,"
        f"Compute,EC2,AWS,AWS,AWS,us-east-1,USD,{cost},{cost},{cost},{cost}{',1,USD' if newer else ''}"
        for day, cost in charges
    ]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join([HEADER + (NEWER if newer else ""), *lines]) + "\n")
    return file


def ingest(settings: Settings, path: Path, restates: Path | None = None, interval: Interval = MARCH) -> None:
    options = {"path": str(path)} | ({"restates": str(restates)} if restates else {})
    given = settings_module.load({"HEADROOM_OPTIONS": json.dumps({"sources": {"billing": options}})}, home=settings.home)
    perform("ingest", interval, target="billing", settings=given)


def billed(settings: Settings) -> dict[int, float]:
    """Dollars by day of March."""
    perform("build", MARCH, target="silver.cost_daily", settings=settings)
    rows = open_lake(settings).query("SELECT ts, sum(billed_usd) AS usd FROM silver.cost_daily GROUP BY ts ORDER BY ts")
    return {row["ts"].day: row["usd"] for row in rows.to_pylist()}


def landed(settings: Settings) -> list[str]:
    lake = open_lake(settings)
    return lake.storage.list_files(f"{lake.storage.root}/ledger", ".json")


def test_a_part_file_beside_another_is_refused_with_both_names_and_their_folder_is_the_whole_bill(
    settings: Settings, tmp_path: Path
) -> None:
    first = write(tmp_path / "export" / "bill-00001.csv", (2, 100))
    second = write(tmp_path / "export" / "bill-00002.csv", (2, 50))
    ingest(settings, first)
    with pytest.raises(DataError, match="ingest the folder or pattern of all") as refused:
        ingest(settings, second)

    said = f"the bill of 2026-03 of payer 9 was landed from {first} already, and {second} would take its place"
    assert said in str(refused.value)
    assert billed(settings) == {2: 100}, "what was landed stays"
    ingest(settings, first.parent, restates=first)
    assert billed(settings) == {2: 150}


def test_a_bill_that_was_moved_takes_the_place_of_the_one_that_it_names_and_of_no_other(
    settings: Settings, tmp_path: Path
) -> None:
    old, new = write(tmp_path / "old.csv", (1, 100), (2, 100)), write(tmp_path / "new.csv", (2, 70))
    ingest(settings, old)
    with suppress(DataError):
        ingest(settings, new)
    assert billed(settings) == {1: 100, 2: 100}, "another name alone changes nothing"
    with pytest.raises(DataError, match="--restates"):
        ingest(settings, new, restates=tmp_path / "other.csv")

    ingest(settings, new, restates=old)

    assert billed(settings) == {2: 70}, "days that the new one lacks are no part of the bill any more"
    ingest(settings, new)
    with pytest.raises(DataError, match=f"was landed from {new} already, and {old}"):
        ingest(settings, old)


def test_restates_on_the_command_line_is_the_option_of_the_bill() -> None:
    from pipeline.cli.options import read_settings

    asked = read_settings(["billing"], "new.csv", restates="old.csv").options["sources"]["billing"]

    assert asked == {"path": "new.csv", "restates": "old.csv"}


def test_a_line_that_moved_to_another_day_counts_there_alone(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bill = write(tmp_path / "bill.csv", (1, 100), (2, 100))
    ingest(settings, bill)
    assert billed(settings) == {1: 100, 2: 100}
    write(bill, (2, 200))

    with caplog.at_level(logging.WARNING):
        ingest(settings, bill)

    assert billed(settings) == {2: 200}
    assert f"billing: {bill} has no rows of 2026-03-01 any more: build what was built of these days again" in caplog.text
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


def test_another_payer_or_a_day_of_the_same_bill_is_landed_beside_it(settings: Settings, tmp_path: Path) -> None:
    bill = write(tmp_path / "bill.csv", (1, 100), (2, 100))
    ingest(settings, bill)
    ingest(settings, write(tmp_path / "another.csv", (1, 7), payer="8"))
    write(bill, (2, 90))

    ingest(settings, bill, interval=Interval.day("2026-03-02"))

    assert billed(settings) == {2: 90, 1: 7}, "a restated bill of which all lines lie in the interval replaces its month"
    write(bill, (2, 80), (3, 1))
    ingest(settings, bill, interval=Interval.day("2026-03-03"))
    assert billed(settings) == {2: 90, 1: 7, 3: 1}, "of one day of a bill the other days stay"


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


def test_a_bill_that_two_claimed_at_the_same_moment_is_nobodys_until_one_says_so(lake: Lake) -> None:
    thing = "the bill of 2026-03 of payer 9"
    place = lake.storage.path("ledger", "claims", "billing_line", quote(thing, safe=""))
    for name in ("a.csv", "b.csv"):
        lake.storage.write_once(f"{place}/00000001/{name}.json", b"{}")

    for name, other in (("a.csv", "b.csv"), ("b.csv", "a.csv")):
        with pytest.raises(DataError, match=f"landed from {other} already"):
            claim(BILLING_LINE, [thing], name, "", lake.storage)

    claim(BILLING_LINE, [thing], "a.csv", "b.csv", lake.storage)
    claim(BILLING_LINE, [thing], "a.csv", "", lake.storage)
    with pytest.raises(DataError, match=r"landed from a\.csv already"):
        claim(BILLING_LINE, [thing], "b.csv", "", lake.storage)
