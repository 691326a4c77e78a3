"""What is landed again, taken back, landed by a wrong clock or damaged: the newest landing counts, and only once."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from pipeline import settings as settings_module
from pipeline.errors import DataError
from pipeline.interval import Interval
from pipeline.lake import Lake, maintenance, open_lake
from pipeline.settings import Settings
from pipeline.steps import perform
from pipeline.tables.money import FOCUS_LINE
from pipeline.tables.operations import QUARANTINE
from pipeline.tables.usage import METRIC_SAMPLE
from tests.support.bills import build_cost

DAY = Interval.day("2026-03-02")
BILL_HEADER = (
    "BillingAccountId,SubAccountId,BillingPeriodStart,BillingPeriodEnd,ChargePeriodStart,ChargePeriodEnd,ChargeCategory,"
    "ServiceCategory,ServiceName,"
    "ProviderName,PublisherName,InvoiceIssuerName,RegionId,BillingCurrency,BilledCost,EffectiveCost,ListCost,ContractedCost\n"
)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """What the one clock of the product says; a test sets its only element."""
    said = [datetime(2026, 3, 5, 12)]
    module = __import__("pipeline.steps.ingest", fromlist=["now"])
    monkeypatch.setattr(module, "now", lambda: said[0])
    return said


def with_option(settings: Settings, source: str, path: Path) -> Settings:
    return settings_module.load({"HEADROOM_OPTIONS": f'{{"sources": {{"{source}": {{"path": "{path}"}}}}}}'}, home=settings.home)


def land_metrics(settings: Settings, file: Path, value: float) -> int:
    lines = [f"2026-03-02T{hour:02d}:00:00Z,web-1,cpu_utilization,{value},percent" for hour in range(24)]
    file.write_text("\n".join(["ts,resource_id,metric,value,unit", *lines]) + "\n")
    return perform("ingest", DAY, target="csv", settings=with_option(settings, "csv", file))


def land_bill(settings: Settings, file: Path, cost: float) -> int:
    period = "2026-03-01T00:00:00Z,2026-04-01T00:00:00Z,2026-03-02T00:00:00Z,2026-03-03T00:00:00Z"
    line = f"9,9,{period},Usage,Compute,EC2,AWS,AWS,AWS,us-east-1,USD,{cost},{cost},{cost},{cost}"
    file.write_text(BILL_HEADER + line + "\n")
    return perform("ingest", DAY, target="billing", settings=with_option(settings, "billing", file))


def landed_mean(settings: Settings) -> float:
    perform("build", DAY, target="silver.metric_daily", settings=settings)
    [mean] = open_lake(settings).query("SELECT mean FROM silver.metric_daily")["mean"].to_pylist()
    return float(mean)


def landed_cost(settings: Settings) -> float:
    build_cost(settings, DAY)
    [cost] = open_lake(settings).query("SELECT sum(billed_cost) AS cost FROM silver.cost_daily")["cost"].to_pylist()
    return float(cost)


def test_a_correction_that_is_taken_back_counts_no_more(settings: Settings, tmp_path: Path) -> None:
    means, costs = [], []
    for value in (50.0, 90.0, 50.0):
        land_metrics(settings, tmp_path / "m.csv", value)
        means.append(landed_mean(settings))
        land_bill(settings, tmp_path / "b.csv", 10 * value)
        costs.append(landed_cost(settings))

    assert means == [50.0, 90.0, 50.0]
    assert costs == [500.0, 900.0, 500.0]


def test_landing_the_newest_again_adds_neither_an_object_nor_an_event(settings: Settings, tmp_path: Path) -> None:
    lake = open_lake(settings)
    land_metrics(settings, tmp_path / "m.csv", 50)

    def lying() -> tuple[list[str], list[str]]:
        return lake.bronze_files(METRIC_SAMPLE), lake.storage.list_files(f"{lake.storage.root}/ledger", ".json")

    before = lying()
    rows = land_metrics(settings, tmp_path / "m.csv", 50)

    assert rows == 24
    assert lying() == before
    assert [len(each) for each in before] == [1, 1]


def test_a_landing_by_a_clock_that_is_a_year_ahead_does_not_beat_later_ones(
    settings: Settings, tmp_path: Path, clock: list[datetime], caplog: pytest.LogCaptureFixture
) -> None:
    clock[0] += timedelta(days=365)
    land_metrics(settings, tmp_path / "m.csv", 90)
    clock[0] -= timedelta(days=365)
    with caplog.at_level(logging.WARNING):
        land_metrics(settings, tmp_path / "m.csv", 50)

    assert landed_mean(settings) == 50
    assert "clock says 2026-03-05T12:00:00, an earlier landing 2027-03-05T12:00:00" in caplog.text


def test_rows_that_a_slow_clock_took_for_the_future_count_once_the_clock_is_right(
    settings: Settings, tmp_path: Path, clock: list[datetime]
) -> None:
    clock[0] = datetime(2026, 2, 28)
    land_metrics(settings, tmp_path / "m.csv", 50)
    perform("build", DAY, target="silver.quarantine", settings=settings)
    refused = open_lake(settings).read(QUARANTINE)["rule"].to_pylist()
    clock[0] = datetime(2026, 3, 5)
    land_metrics(settings, tmp_path / "m.csv", 50)

    assert refused == ["in_the_future"] * 24
    assert landed_mean(settings) == 50
    perform("build", DAY, target="silver.quarantine", settings=settings)
    assert open_lake(settings).read(QUARANTINE).num_rows == 0


def test_a_file_that_somebody_left_in_the_ledger_keeps_nobody_from_landing(
    settings: Settings, tmp_path: Path, lake: Lake, caplog: pytest.LogCaptureFixture
) -> None:
    land_metrics(settings, tmp_path / "m.csv", 50)
    stray = Path(lake.storage.root, "ledger", "metric_sample", "day=2026-03-02", "notes.json")
    stray.write_text("{}")

    with caplog.at_level(logging.WARNING):
        land_metrics(settings, tmp_path / "m.csv", 60)

    assert landed_mean(settings) == 60
    assert "notes.json is no event of the ledger, and is left aside" in caplog.text


@pytest.mark.parametrize("harm", ["flipped", "cut", "emptied"])
def test_a_damaged_object_is_named_with_what_to_do_and_landing_again_heals_it(
    settings: Settings, tmp_path: Path, harm: str
) -> None:
    land_metrics(settings, tmp_path / "m.csv", 50)
    [file] = map(Path, open_lake(settings).bronze_files(METRIC_SAMPLE))
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 4
    file.chmod(0o644)
    file.write_bytes({"flipped": bytes(content), "cut": bytes(content[:100]), "emptied": b""}[harm])

    with pytest.raises(DataError, match=rf"{file.name}.*pipeline ingest --source csv --day 2026-03-02` lands it again"):
        landed_mean(settings)
    land_metrics(settings, tmp_path / "m.csv", 50)

    assert landed_mean(settings) == 50
    # The damaged object stays for whoever wants to know how it came about, and the scrub goes on naming it.
    with pytest.raises(DataError, match=f"1 of 2 landed objects are damaged.*{file.name}"):
        maintenance.scrub(open_lake(settings), METRIC_SAMPLE)


def test_an_object_that_was_landed_before_there_was_a_ledger_is_read_and_beaten_by_a_later_one(
    settings: Settings, tmp_path: Path, lake: Lake
) -> None:
    land_bill(settings, tmp_path / "b.csv", 100)
    [file] = map(Path, lake.bronze_files(FOCUS_LINE))
    file.rename(file.with_name(file.name.split(".")[0] + ".parquet"))
    for event in Path(lake.storage.root, "ledger").rglob("*.json"):
        event.unlink()

    assert landed_cost(settings) == 100
    land_bill(settings, tmp_path / "b.csv", 60)
    assert landed_cost(settings) == 60
