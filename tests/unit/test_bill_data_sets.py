"""FOCUS 1.4's data sets beside Cost and Usage: whether a billing period is closed, and what is invoiced."""

from __future__ import annotations

import importlib
import json
import shutil
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline import settings as settings_module
from pipeline.errors import DataError
from pipeline.interval import Interval
from pipeline.lake import open_lake
from pipeline.plugs import load
from pipeline.report.invoices import list_unlike, sum_up_invoices
from pipeline.settings import Settings
from pipeline.steps import perform
from pipeline.tables.columns import INVOICE_STATES
from pipeline.tables.money import BILL, INVOICE
from tests.unit.test_cli import invoke

SOURCE = load("sources", "billing")
EXPORTS = Path(__file__).resolve().parents[1] / "data" / "exports"
PERIODS, INVOICES = EXPORTS / "focus_v14_billing_period.csv", EXPORTS / "focus_v14_invoice_detail.csv"
MARCH, APRIL = Interval.month("2026-03"), Interval.day("2026-04-10")
#: The columns that every export of FOCUS 1.4's Cost and Usage has, and those of one that is invoiced.
MANDATORY = (
    *("BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart"),
    *("ChargeCategory", "ChargeClass", "ChargeDescription", "ChargePeriodEnd", "ChargePeriodStart", "ContractedCost"),
    *("EffectiveCost", "HostProviderName", "InvoiceIssuerName", "ListCost", "PricingQuantity", "PricingUnit", "ServiceCategory"),
    *("ServiceName", "ServiceProviderName"),
)
INVOICED = (*MANDATORY, "InvoiceDetailId", "InvoiceId")


def write_bill(file: Path, *charges: tuple[str, str], columns: tuple[str, ...] = INVOICED) -> Path:
    """A bill of March by cost and invoice."""
    said = dict.fromkeys(INVOICED, "") | {"BillingAccountId": "9", "BillingCurrency": "USD", "ServiceProviderName": "AWS"}
    said |= {"BillingPeriodStart": "2026-03-01T00:00:00Z", "BillingPeriodEnd": "2026-04-01T00:00:00Z"}
    said |= {"ChargePeriodStart": "2026-03-02T00:00:00Z", "ChargePeriodEnd": "2026-03-03T00:00:00Z", "ServiceName": "EC2"}
    said |= {"ChargeCategory": "Usage", "InvoiceIssuerName": '"Amazon Web Services, Inc."'}
    meanings = ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost")
    rows = [said | dict.fromkeys(meanings, cost) | {"InvoiceId": invoice} for cost, invoice in charges]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join([",".join(columns), *(",".join(row[name] for name in columns) for row in rows)]) + "\n")
    return file


def ingest(settings: Settings, place: Path, interval: Interval = APRIL) -> None:
    options = json.dumps({"sources": {"billing": {"path": str(place)}}})
    given = settings_module.load({"HEADROOM_OPTIONS": options}, home=settings.home)
    perform("ingest", interval, target="billing", settings=given)


def landed(settings: Settings) -> dict[str, int]:
    """Landings by table of bronze, by the ledger."""
    lake = open_lake(settings)
    files = lake.storage.list_files(f"{lake.storage.root}/ledger", ".json")
    names = [file.removeprefix(f"{lake.storage.root}/ledger/").partition("/")[0] for file in files]
    return {name: names.count(name) for name in sorted(set(names))}


def build(settings: Settings, *names: str) -> None:
    for name in names:
        perform("build", MARCH, target=name, settings=settings.model_copy(update={"restated_limit": 0.05}))


def test_a_bill_with_the_columns_that_every_one_of_1_4_has_is_landed_without_provider_name_and_sub_accounts(
    settings: Settings, tmp_path: Path
) -> None:
    ingest(settings, write_bill(tmp_path / "bill.csv", ("100", ""), columns=MANDATORY))
    build(settings, "silver.bill", "silver.charge_daily")

    [charge] = open_lake(settings).query("SELECT provider, payer, account, billed_cost FROM silver.charge_daily").to_pylist()
    assert charge == {"provider": "AWS", "payer": "9", "account": "none", "billed_cost": Decimal(100)}
    assert {row["format"] for row in open_lake(settings).read(BILL).to_pylist()} == {"focus_1_4"}


@pytest.mark.parametrize(("file", "table"), [(PERIODS, "bronze.billing_period"), (INVOICES, "bronze.invoice_detail")])
def test_a_data_set_is_told_by_its_own_columns_and_lands_with_all_of_them(file: Path, table: str) -> None:
    [found] = SOURCE.fetch(APRIL, SOURCE.Options(path=file))
    [piece] = found.pieces()

    assert found.table == table
    assert {"billing_period_created", "billing_period_status"} <= {*piece.column_names} or "payment_terms" in piece.column_names
    assert {month.month for month in piece["billing_period"].to_pylist()} == ({3, 4} if file == PERIODS else {3})


def test_the_data_sets_of_one_folder_land_each_in_its_table_the_bill_first_and_the_same_again_is_no_change(
    settings: Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "all"
    write_bill(folder / "z_cost.csv", ("100", "INV-1"))
    shutil.copy(PERIODS, folder / "a_periods.csv")
    shutil.copy(INVOICES, folder / "b_invoices.csv")
    first = next(iter(SOURCE.fetch(APRIL, SOURCE.Options(path=folder))))

    ingest(settings, folder)

    once = {"billing_period": 2, "focus_line": 1, "invoice_detail": 1}
    assert first.table == "bronze.focus_line"
    assert {name: landed(settings)[name] for name in once} == once
    ingest(settings, folder)
    assert {name: landed(settings)[name] for name in once} == once


def test_exports_with_manifests_of_all_three_data_sets_lie_in_one_place(settings: Settings, tmp_path: Path) -> None:
    write_bill(tmp_path / "cost.csv", ("100", "INV-1"))
    (tmp_path / "periods.csv").write_text("".join(PERIODS.read_text().splitlines(keepends=True)[:3:2]))
    for name, source in (("cost", tmp_path / "cost.csv"), ("periods", tmp_path / "periods.csv"), ("invoices", INVOICES)):
        root = tmp_path / "place" / name
        part = root / "data" / "BILLING_PERIOD=2026-03" / f"{name}-00001.csv"
        part.parent.mkdir(parents=True)
        shutil.copy(source, part)
        columns = [{"name": each} for each in source.read_text().splitlines()[0].split(",")]
        said = {"executionId": f"{name}-1", "columns": columns, "dataFiles": [f"data/BILLING_PERIOD=2026-03/{part.name}"]}
        manifest = root / "metadata" / "BILLING_PERIOD=2026-03" / f"{name}-Manifest.json"
        manifest.parent.mkdir(parents=True)
        manifest.write_text(json.dumps(said))

    ingest(settings, tmp_path / "place")

    assert {name: landed(settings)[name] for name in ("billing_period", "focus_line", "invoice_detail")} == {
        "billing_period": 1,
        "focus_line": 1,
        "invoice_detail": 1,
    }


def test_a_bill_that_moves_after_its_issuer_closed_the_period_is_held_and_is_on_record(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, ingested = tmp_path / "all", importlib.import_module("pipeline.steps.ingest")
    for day, cost in ((2, "90"), (3, "100"), (4, "130")):
        monkeypatch.setattr(ingested, "now", lambda day=day: datetime(2026, 4, day, 6))
        write_bill(place / "cost.csv", (cost, ""))
        if day == 3:
            shutil.copy(PERIODS, place / "periods.csv")
        ingest(settings, place)
        if day < 4:
            build(settings, "silver.bill")

    with pytest.raises(DataError, match=r"billed_cost of a closed period moved from 100\.00 to 130\.00"):
        build(settings, "silver.bill")
    build(settings, "silver.cost_restatement")
    moved = open_lake(settings).query("SELECT old_billed, new_billed FROM silver.cost_restatement").to_pylist()
    assert moved == [{"old_billed": Decimal(100), "new_billed": Decimal(130)}]


def test_an_invoice_that_is_not_what_the_bill_charges_is_told_with_the_difference(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADROOM_HOME", str(settings.home))
    ingest(settings, write_bill(tmp_path / "cost.csv", ("100.02", "INV-1"), ("37", "INV-2"), ("5", "")))
    ingest(settings, INVOICES)
    build(settings, "silver.bill", "silver.invoice")

    rows = open_lake(settings).query(
        "SELECT invoice_id, difference, tax_difference, state FROM views.invoice_reconciliation ORDER BY invoice_id"
    )
    assert [tuple(row.values()) for row in rows.to_pylist()] == [
        ("INV-1", Decimal("-0.02"), Decimal("8.25"), "agrees"),
        ("INV-2", Decimal(3), Decimal(0), "differs"),
        ("none", Decimal(-5), Decimal(0), "not_invoiced"),
    ]
    noted = "SELECT severity, note FROM silver.check_result WHERE table_name = 'silver.invoice' AND NOT success"
    [said] = open_lake(settings).query(noted).to_pylist()
    assert (said["severity"], said["note"][:33]) == ("warning", "An invoice does not agree with th")
    with pytest.raises(DataError, match="1 invoice of 2026-03 does not agree with the bill: INV-2"):
        invoke("billing", "invoices", "2026-03")
    with pytest.raises(DataError, match=r"silver\.invoice has no row of 2026-02"):
        invoke("billing", "invoices", "2026-02")


def test_the_report_counts_invoices_and_shows_those_that_are_not_the_same() -> None:
    month = {"billing_period": datetime(2026, 3, 1), "payer": "9", "currency": "USD", "issuer": "AWS", "issue_status": "Issued"}
    month |= dict.fromkeys(("charged_lines", "charged_tax_lines", "invoice_lines", "unread_lines"), 1)
    two, seven, forty, nothing = (Decimal(f"{cost}.000000000000") for cost in (2, 7, 40, 0))
    month |= dict.fromkeys(("charged_cost", "charged_tax", "invoiced_cost", "invoiced_tax", "tolerance"), two)
    over = ({}, {"invoiced_cost": seven}, {}, {"charged_cost": forty}, {"invoiced_cost": nothing}, {})
    rows = [month | {"invoice_id": state, "state": state} | each for state, each in zip(INVOICE_STATES, over, strict=True)]
    schema = pa.schema([INVOICE.arrow_schema.field(name) for name in INVOICE.names])
    found = pa.Table.from_pylist(rows, schema).to_pandas()

    assert sum_up_invoices(found) == [
        "5 invoices held against the bill: 1 agree within what rounding explains, 1 still open and not the same, 3 do not agree.",
        "40.00 USD of March 2026 has no invoice.",
    ]
    assert [(row["invoice"], row["difference"], row["state"]) for row in list_unlike(found)] == [
        ("differs", "+5.00", "differs"),
        ("no_invoice", "-2.00", "no such invoice"),
        ("provisional", "+0.00", "still open"),
        ("unread", "+0.00", "an amount that cannot be read"),
    ]
    assert sum_up_invoices(INVOICE.empty()) == list_unlike(INVOICE.empty()) == []
