"""Once a week a run looks at the bills of all months before, so that one that says something else by now is a restatement."""

from __future__ import annotations

import gzip
import importlib
import json
import logging
import os
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.cli.feedback import land_feedback
from pipeline.errors import SourceError
from pipeline.inputs import ask as ask_inputs
from pipeline.inputs.bills import name_of
from pipeline.interval import OLDER, Interval
from pipeline.lake import open_lake
from pipeline.settings import Settings
from pipeline.steps import perform
from pipeline.tables.columns import ACCEPTED_BILL, DATA_SETS, STAMPED
from pipeline.tables.money import BILL, BILLING_PERIOD, INVOICE_DETAIL
from pipeline.tables.schema import Table
from tests.support.kept import Kept
from tests.unit.test_step_bill_stated import export

MONDAY, TUESDAY = Interval.day("2026-03-09"), Interval.day("2026-03-10")
TABLES = ("silver.bill", "silver.charge_daily", "silver.cost_restatement")


@pytest.fixture
def place(kept: Kept) -> Path:
    return kept.home / "export"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    ingested = importlib.import_module("pipeline.steps.ingest")
    return lambda moment: monkeypatch.setattr(ingested, "now", lambda: moment)


@pytest.fixture
def billed(kept: Kept, place: Path, clock: Callable[[datetime], None]) -> Settings:
    """Bills of last November and of March; November was landed in December, built, and says two dollars instead of one since."""
    found = kept.restore(lambda settings: bill(settings, place, clock))
    clock(datetime(2026, 3, 10, 6))
    return found


def bill(settings: Settings, place: Path, clock: Callable[[datetime], None]) -> Settings:
    told = {"options": {"sources": {"billing": {"path": str(place)}}}, "restated_limit": 10}
    settings = settings.model_copy(update=told)
    november = export(place, "2025-11", datetime(2025, 12, 20))
    clock(datetime(2025, 12, 20, 6))
    perform("ingest", Interval.day("2025-11-30"), target="billing", settings=settings)
    for name in TABLES:
        perform("build", Interval.day("2025-11-30"), target=name, settings=settings)
    lines = gzip.decompress(november.read_bytes()).decode().replace("\n1,", "\n2,", 1)
    november.write_bytes(gzip.compress(lines.encode()))
    manifest = next(place.rglob("*/BILLING_PERIOD=2025-11/*.json"))
    for file in (november, manifest):
        os.utime(file, (datetime(2026, 3, 8, tzinfo=UTC).timestamp(),) * 2)
    # Of a month that was never landed nothing is restated.
    export(place, "2025-12", datetime(2026, 1, 4))
    export(place, "2026-03")
    return settings


def months(settings: Settings) -> list[str]:
    rows = open_lake(settings).query("SELECT DISTINCT day FROM bronze.focus_line ORDER BY day").to_pylist()
    return [f"{row['day']:%Y-%m}" for row in rows]


def ask(settings: Settings, query: str) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in open_lake(settings).query(query).to_pylist()]


@pytest.mark.parametrize("period", ["", OLDER])
def test_what_an_old_bill_says_otherwise_is_landed_with_the_weeks_run_and_published_with_it(
    period: str, billed: Settings
) -> None:
    perform("ingest", TUESDAY, target="billing", settings=billed)
    assert ask(billed, "SELECT count(*) FROM bronze.focus_line") == [(2,)], "November as it was, and March"

    rows = perform("ingest", MONDAY, target="billing", settings=billed, period=period)
    for name in TABLES:
        perform("build", MONDAY, target=name, settings=billed)

    assert (rows, months(billed)) == (1, ["2025-11", "2026-03"])
    cost = "SELECT billed_cost FROM {} WHERE billing_period = TIMESTAMP '2025-11-01 00:00:00'"
    assert ask(billed, cost.format("silver.bill")) == ask(billed, cost.format("silver.charge_daily")) == [(Decimal(2),)]
    assert ask(billed, "SELECT old_billed, new_billed FROM silver.cost_restatement") == [(Decimal(1), Decimal(2))]
    before = ask(billed, "SELECT count(*) FROM bronze.focus_line")
    assert perform("ingest", MONDAY, target="billing", settings=billed, period=OLDER) == 0
    assert ask(billed, "SELECT count(*) FROM bronze.focus_line") == before


def test_an_old_month_that_is_held_keeps_what_was_published_and_stops_nothing_of_the_running_month(
    billed: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    strict = billed.model_copy(update={"restated_limit": 0.05})
    perform("ingest", MONDAY, target="billing", settings=strict)

    with caplog.at_level(logging.WARNING):
        for name in TABLES:
            perform("build", MONDAY, target=name, settings=strict)

    cost = "SELECT billing_period, billed_cost FROM {} ORDER BY billing_period"
    months_of = [(datetime(2025, 11, 1), Decimal(1)), (datetime(2026, 3, 1), Decimal(1))]
    assert ask(strict, cost.format("silver.bill")) == ask(strict, cost.format("silver.charge_daily")) == months_of
    assert "2025-11 was stated anew and is not published" in caplog.text
    assert "billing accept" in caplog.text
    went = "SELECT target, outcome FROM bronze.run_event WHERE step = 'build' AND day = DATE '2026-03-10' ORDER BY target"
    assert ask(strict, went) == [
        ("silver.bill", "partial"),
        ("silver.charge_daily", "done"),
        ("silver.cost_restatement", "done"),
    ]


def test_a_bill_that_is_accepted_late_reaches_what_is_made_of_it_with_the_next_weeks_run(
    billed: Settings, clock: Callable[[datetime], None]
) -> None:
    strict = billed.model_copy(update={"restated_limit": 0.05})
    perform("ingest", MONDAY, target="billing", settings=strict)
    clock(datetime(2026, 4, 1, 9))
    november = datetime(2025, 11, 1)
    lake = open_lake(strict)
    load = next(each for each in ask_inputs(lake, "bill_loads", start=november, end=datetime(2025, 12, 1)).to_pylist())
    land_feedback(lake, november, ACCEPTED_BILL, name_of(load), "a refund")

    for name in TABLES:
        perform("build", Interval.day("2026-04-06"), target=name, settings=strict)

    cost = "SELECT billed_cost FROM {} WHERE billing_period = TIMESTAMP '2025-11-01 00:00:00'"
    assert ask(strict, cost.format("silver.bill")) == ask(strict, cost.format("silver.charge_daily")) == [(Decimal(2),)]


def land(settings: Settings, table: Table, at: datetime, **said: str) -> None:
    """One line about November, of a data set beside the bill."""
    schema = pa.schema([table.arrow_schema.field(c.name) for c in table.columns if c.name not in STAMPED])
    line = {"source": "billing", "format": DATA_SETS[table == INVOICE_DETAIL], "export": "e", "execution": f"{at}", "files": 1}
    line |= {"schema_hash": "x", "billing_period": datetime(2025, 11, 1), "line_number": 1} | said
    row = dict.fromkeys(schema.names) | line
    lake = open_lake(settings)
    lake.land(table, pa.Table.from_pylist([row], schema=schema), source="billing", shard="e", ingested_at=at)


def test_an_old_invoice_that_is_issued_anew_is_published_with_the_weeks_run(billed: Settings) -> None:
    invoice = {"billing_account_id": "1", "billing_currency": "USD", "invoice_id": "INV-1", "charge_category": "Usage"}
    land(billed, INVOICE_DETAIL, datetime(2025, 12, 20, 7), **invoice, invoice_issue_status="Open", billed_cost="5")
    perform("build", Interval.day("2025-11-30"), target="silver.invoice", settings=billed)
    asked = "SELECT issue_status, invoiced_cost FROM silver.invoice WHERE invoice_id = 'INV-1'"
    assert ask(billed, asked) == [("Open", Decimal(5))]

    land(billed, INVOICE_DETAIL, datetime(2026, 3, 10, 6), **invoice, invoice_issue_status="Issued", billed_cost="7")
    perform("build", MONDAY, target="silver.invoice", settings=billed)

    assert ask(billed, asked) == [("Issued", Decimal(7))]


def test_an_old_month_that_is_said_to_be_closed_by_now_is_built_anew_in_the_week_in_which_it_is_said(billed: Settings) -> None:
    for at, status in ((datetime(2025, 12, 19), "Open"), (datetime(2026, 3, 10, 6), "Closed")):
        land(billed, BILLING_PERIOD, at, invoice_issuer_name="AWS", billing_period_status=status)
    landed = importlib.import_module("pipeline.steps._landed")
    lake = open_lake(billed)

    assert landed.list_restated(BILL, MONDAY, lake) == [Interval.month("2025-11")]
    assert landed.list_restated(BILL, Interval.day("2026-03-23"), lake) == []


def test_files_of_an_old_month_that_are_gone_are_a_warning_and_what_was_landed_of_it_stays(
    billed: Settings, place: Path, caplog: pytest.LogCaptureFixture
) -> None:
    next(place.rglob("*/BILLING_PERIOD=2025-11/*.gz")).unlink()

    with caplog.at_level(logging.WARNING):
        perform("ingest", MONDAY, target="billing", settings=billed)

    assert "billing 2025-11: is not looked at again, what was landed of it stays" in caplog.text
    assert months(billed) == ["2025-11", "2026-03"]


def test_an_old_month_that_cannot_be_read_is_no_success_and_stops_no_other(
    billed: Settings, place: Path, clock: Callable[[datetime], None], caplog: pytest.LogCaptureFixture
) -> None:
    clock(datetime(2026, 1, 5))
    perform("ingest", Interval.day("2025-12-31"), target="billing", settings=billed)
    december = next(place.rglob("*/BILLING_PERIOD=2025-12/*.gz"))
    december.write_bytes(gzip.compress(gzip.decompress(december.read_bytes()).decode().replace("\n1,", "\n2,", 1).encode()))
    manifest = next(place.rglob("*/BILLING_PERIOD=2025-11/*.json"))
    said = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(said | {"dataFiles": said["dataFiles"] * 2}))
    for file in (december, next(place.rglob("*/BILLING_PERIOD=2025-12/*.json"))):
        os.utime(file, (datetime(2026, 3, 8, tzinfo=UTC).timestamp(),) * 2)
    clock(datetime(2026, 3, 10, 6))

    with caplog.at_level(logging.WARNING):
        assert perform("ingest", MONDAY, target="billing", settings=billed, period=OLDER) == 1

    assert "billing 2025-11: could not be looked at again" in caplog.text
    assert ask(billed, "SELECT outcome FROM bronze.run_event WHERE target = 'billing older'") == [("partial",)]
    manifest.write_text(manifest.read_text()[:20])
    with pytest.raises(SourceError, match=r"(?s)billing 2025-11: could not be looked at again.*half written"):
        perform("ingest", MONDAY, target="billing", settings=billed)
    assert months(billed) == ["2025-11", "2025-12", "2026-03"]


def test_a_backfill_of_long_ago_builds_no_month_that_was_landed_since(billed: Settings) -> None:
    perform("ingest", MONDAY, target="billing", settings=billed)
    for name in TABLES:
        perform("build", MONDAY, target=name, settings=billed)
    landed = importlib.import_module("pipeline.steps._landed")

    def restated(day: str) -> list[str]:
        return [f"{month.start:%Y-%m}" for month in landed.list_restated(BILL, Interval.day(day), open_lake(billed))]

    assert [restated(day) for day in ("2026-03-09", "2026-03-16", "2026-03-17", "2026-03-23")] == [
        ["2025-11"],
        ["2025-11"],
        [],
        [],
    ]
