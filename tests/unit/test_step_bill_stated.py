"""A run waits for the bill of the running month until a manifest states it anew, and lands each billing period by itself."""

from __future__ import annotations

import gzip
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.errors import DataError
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.settings import Settings
from pipeline.sources._bill_formats import FORMATS
from pipeline.steps import list_made_of
from pipeline.steps.bill_stated import bill_stated
from pipeline.steps.ingest import ingest

INVOICES = next(known.required for known in FORMATS if known.table == "bronze.invoice_detail")
REQUIRED = sorted(next(known.required for known in FORMATS if known.name == "focus_1_0"))
DAY = Interval.day("2026-03-10")
MORNING, EVENING = datetime(2026, 3, 11, 7, 30), datetime(2026, 3, 10, 22, 0)


def export(root: Path, month: str, stated_at: datetime = MORNING) -> Path:
    """One execution of an export, of one line, whose manifest was written at a moment."""
    line = dict.fromkeys(REQUIRED, "1")
    line |= {"BillingPeriodStart": f"{month}-01T00:00:00Z", "BillingPeriodEnd": f"{month}-28T00:00:00Z"}
    line |= {"ChargePeriodStart": f"{month}-02T00:00:00Z", "ChargePeriodEnd": f"{month}-03T00:00:00Z"}
    line |= {"BillingCurrency": "USD", "ServiceName": "Web", "ChargeCategory": "Usage"}
    file = root / "data" / f"BILLING_PERIOD={month}" / "1.csv.gz"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(gzip.compress("\n".join([",".join(REQUIRED), ",".join(line[name] for name in REQUIRED)]).encode()))
    said = {"executionId": "e-1", "columns": [{"name": name} for name in REQUIRED]}
    said["dataFiles"] = [f"s3://bucket/prefix/data/BILLING_PERIOD={month}/1.csv.gz"]  # type: ignore[list-item]
    manifest = root / "metadata" / f"BILLING_PERIOD={month}" / "export-Manifest.json"
    manifest.parent.mkdir(parents=True, exist_ok=True)
    manifest.write_text(json.dumps(said))
    for written in (file, manifest):
        os.utime(written, (stated_at.replace(tzinfo=UTC).timestamp(),) * 2)
    return file


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "export"


@pytest.fixture
def billed(settings: Settings, place: Path) -> Settings:
    return settings.model_copy(update={"options": {"sources": {"billing": {"path": str(place)}}}})


@pytest.mark.parametrize(("stated_at", "ready"), [(MORNING, 1), (datetime(2026, 3, 11), 1), (EVENING, 0)])
def test_a_bill_is_waited_for_until_it_is_stated_after_the_days_end(
    stated_at: datetime, ready: int, place: Path, lake: Lake, billed: Settings
) -> None:
    export(place, "2026-03", stated_at)

    assert bill_stated(DAY, lake, billed, target="billing", period="2026-03") == ready


def test_of_two_exports_the_one_that_is_stated_last_is_waited_for(place: Path, lake: Lake, billed: Settings) -> None:
    export(place / "one", "2026-03", MORNING)
    export(place / "other", "2026-03", EVENING)

    assert bill_stated(DAY, lake, billed, target="billing", period="2026-03") == 0
    export(place / "other", "2026-03", MORNING)
    assert bill_stated(DAY, lake, billed, target="billing", period="2026-03") == 1


def test_a_bill_that_is_not_there_yet_is_waited_for(place: Path, lake: Lake, billed: Settings) -> None:
    export(place, "2026-02")

    assert bill_stated(DAY, lake, billed, target="billing", period="2026-03") == 0
    assert bill_stated(DAY, lake, billed, target="billing") == 0


def test_the_bill_of_a_month_that_is_over_and_files_without_a_manifest_are_not_waited_for(
    place: Path, lake: Lake, billed: Settings
) -> None:
    file = export(place, "2026-02", EVENING)
    assert bill_stated(DAY, lake, billed, target="billing", period="2026-02") == 1

    loose = file.rename(place.with_suffix(".csv.gz"))
    loosely = {"options": {"sources": {"billing": {"path": str(loose)}}}}
    billed = billed.model_copy(update=loosely)
    assert bill_stated(DAY, lake, billed, target="billing", period="2026-03") == 1


def test_what_invoices_say_anew_is_no_bill_that_was_waited_for(place: Path, lake: Lake, billed: Settings) -> None:
    export(place / "cost", "2026-03", EVENING)
    file = export(place / "invoice", "2026-03", MORNING)
    manifest = next((file.parents[2] / "metadata").rglob("*.json"))
    said = json.loads(manifest.read_text()) | {"columns": [{"name": name} for name in sorted(INVOICES)]}
    manifest.write_text(json.dumps(said))
    os.utime(manifest, (MORNING.replace(tzinfo=UTC).timestamp(),) * 2)

    assert bill_stated(DAY, lake, billed, target="billing", period="2026-03") == 0


def test_a_billing_period_is_landed_by_itself_beside_one_that_is_refused(place: Path, lake: Lake, billed: Settings) -> None:
    export(place, "2026-02").unlink()
    export(place, "2026-03")

    with pytest.raises(DataError, match=r"export 2026-02: its manifest \S+ names \S+1\.csv\.gz, which is not there"):
        ingest(DAY, lake, billed, target="billing", period="2026-02")
    assert ingest(DAY, lake, billed, target="billing", period="2026-03") == 1
    assert [str(line["day"])[:7] for line in lake.query("SELECT day FROM bronze.focus_line").to_pylist()] == ["2026-03"]


def test_of_a_place_that_states_no_period_a_run_lands_what_its_days_touch(place: Path, lake: Lake, billed: Settings) -> None:
    loose = export(place, "2026-02").rename(place.with_suffix(".csv.gz"))
    billed = billed.model_copy(update={"options": {"sources": {"billing": {"path": str(loose)}}}})

    assert ingest(DAY, lake, billed, target="billing", period="2026-03") == 1
    assert ingest(DAY, lake, billed, target="billing") == 1
    assert lake.query("SELECT count(*) AS n FROM bronze.focus_line").to_pylist() == [{"n": 1}]


def test_what_is_made_of_bills_alone_waits_for_no_metric() -> None:
    landed = ("focus_line", "cur_line", "billing_period", "invoice_detail", "feedback_event")
    made = list_made_of(f"bronze.{name}" for name in landed)

    assert {"silver.charge_daily", "gold.cost_allocation", "forecast_cost", "budgets", "cost_anomalies"} <= {*made}
    assert {"silver.quarantine", "gold.quality_result", "forecast", "risk", "recommend", "report"}.isdisjoint(made)
