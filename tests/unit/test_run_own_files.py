"""`run` over a user's own files: metrics with an inventory, a bill alone, one of them late; what steps say at their end."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from pipeline import cli
from pipeline import settings as settings_module
from pipeline.errors import ConfigError
from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake

pytestmark = pytest.mark.system

# What is asked here is not how good the forecasts are.
LEAN = {"HEADROOM_SHARDS": "1", "HEADROOM_HORIZON_HOURS": "24", "HEADROOM_HORIZON_DAYS": "30"}
LEAN |= {"HEADROOM_FALLBACK_FORECASTER": "seasonal_naive", "COLUMNS": "200"}


def invoke(home: Path, *arguments: str) -> str:
    """What a command prints."""
    result = CliRunner().invoke(cli.app, list(arguments), env={**LEAN, "HEADROOM_HOME": str(home)}, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def lake_of(home: Path) -> Lake:
    return open_lake(settings_module.load({}, home=home))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fifteen days of two servers' CPU, what these servers are, and a bill of 28 days."""
    folder = tmp_path_factory.mktemp("files")
    hours = pd.date_range("2026-03-01", periods=15 * 24, freq="h")
    cpu = pd.DataFrame({"metric": "cpu_utilization", "ts": hours, "value": 3.0 + hours.hour / 10})
    pd.concat([cpu.assign(resource_id=name) for name in ("web-1", "web-2")]).to_csv(folder / "metrics.csv", index=False)
    (folder / "inventory.csv").write_text(
        "resource_id,instance_type,region,team\nweb-1,m5.4xlarge,us-east-1,shop\nweb-2,m99.large,us-east-1,\nold-1,m5.large,mars-1,\n"
    )
    days = pd.date_range("2026-02-16", periods=28, freq="D")
    bill = pd.DataFrame(
        {
            "BilledCost": 10.0, "EffectiveCost": 10.0, "ListCost": 12.0, "ContractedCost": 10.0, "BillingCurrency": "USD",
            "BillingAccountId": "999999999999", "SubAccountId": "111111111111", "ProviderName": "AWS", "RegionId": "us-east-1",
            "BillingPeriodStart": days.to_period("M").start_time, "BillingPeriodEnd": days.to_period("M").end_time.ceil("D"),
            "ChargePeriodStart": days, "ChargePeriodEnd": days + pd.Timedelta(days=1), "ChargeCategory": "Usage",
            "ServiceCategory": "Compute", "ServiceName": "Amazon Elastic Compute Cloud",
        }
    )  # fmt: skip
    bill.to_csv(folder / "bill.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def metrics(files: Path) -> tuple[Path, str]:
    """The lake, and what `run` printed, of metrics with an inventory."""
    home = files / "metrics-home"
    asked = ("--source", "csv", "--path", str(files / "metrics.csv"), "--option", "unit=percent")
    return home, invoke(home, "run", *asked, "--inventory", str(files / "inventory.csv"))


@pytest.fixture(scope="module")
def bill(files: Path) -> tuple[Path, str]:
    """The lake, and what `run` printed, of a bill alone."""
    home = files / "bill-home"
    return home, invoke(home, "run", "--source", "billing", "--path", str(files / "bill.csv"))


def test_metrics_with_an_inventory_get_a_recommendation_in_dollars(metrics: tuple[Path, str]) -> None:
    home, said = metrics

    asked = "SELECT resource_id, region, savings_monthly_usd AS saved FROM views.recommendation_current WHERE portfolio_rank = 1"
    [first] = lake_of(home).query(asked).to_pylist()
    assert (first["resource_id"], first["region"]) == ("web-1", "us-east-1")
    assert first["saved"] > 0
    assert f"${first['saved']:,.2f}" in said


def test_what_is_not_known_of_an_inventory_is_said_on_the_screen(metrics: tuple[Path, str]) -> None:
    _, said = metrics

    missing = said.split("What was missing")[1]
    assert "1 resource of the inventory has no metrics in the last 14 days: old-1." in missing
    assert "No list prices of mars-1 (1 instance)" in missing
    assert "1 instance of a type that the price list does not have, so no dollars: m99.large in us-east-1." in missing


def test_a_file_is_one_run_over_all_its_days(metrics: tuple[Path, str]) -> None:
    home, said = metrics

    assert said.count("✓ report") == 1
    assert "[2026-03-01T00:00:00, 2026-03-16T00:00:00)" in said
    assert sorted(folder.name for folder in (home / "lake" / "reports").iterdir()) == ["2026-03-16T0000", "latest"]


def test_replaying_day_by_day_is_asked_for(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []
    monkeypatch.setattr(cli.steps, "run_interval", lambda interval, _: ran.append(str(interval)))
    monkeypatch.setattr(cli.steps.summary, "show", lambda *_: None)
    asked = ("--source", "billing", "--path", str(files / "bill.csv"), "--from", "2026-02-16", "--to", "2026-02-18")

    invoke(files / "replayed", "run", *asked, "--day-by-day")

    assert ran == [str(day) for day in Interval.days("2026-02-16", "2026-02-18").split_days()]


def test_a_bill_alone_gets_a_forecast_of_cost_and_a_report(bill: tuple[Path, str]) -> None:
    home, said = bill

    asked = "SELECT count(*) AS n, sum(value) AS usd FROM gold.forecast WHERE metric = 'cost' AND quantile = 0.5"
    [forecast] = lake_of(home).query(asked).to_pylist()
    assert forecast == {"n": 30, "usd": pytest.approx(300.0)}
    assert "Cost: $280.00 in the last 30 days billed; $300.00 likely in the next 30" in " ".join(said.split())
    report = (home / "lake" / "reports" / "2026-03-16T0000" / "report.html").read_text()
    assert "there is no inventory, and there are no metrics by the hour" in report
    assert "Run the step" not in report


def test_a_bill_alone_says_which_tables_are_not_built_and_misses_nothing_loudly(bill: tuple[Path, str]) -> None:
    _, said = bill

    lines = said.splitlines()
    assert any("silver.metric_daily" in line and "not built, for nothing was landed" in line for line in lines)
    assert [line for line in lines if line.startswith("!") and "No resource can be judged" not in line] == []


def test_metrics_that_are_late_are_missed_on_the_screen_and_in_the_report_and_the_bill_is_published(files: Path) -> None:
    home = files / "late"
    asked = ("--source", "csv", "--path", str(files / "metrics.csv"), "--option", "unit=percent", "--day", "2026-03-14")
    invoke(home, "ingest", *asked)

    said = invoke(home, "run", "--source", "billing", "--path", str(files / "bill.csv"), "--day", "2026-03-15")

    sentence = "Nothing was landed in bronze.metric_sample for these days; the newest before them is of 2026-03-14."
    assert sentence in said.split("What was missing")[1]
    assert sentence in (home / "lake" / "reports" / "2026-03-16T0000" / "report.html").read_text().split("<section")[0]
    assert lake_of(home).query("SELECT count(*) AS n FROM silver.cost_daily")["n"].to_pylist() == [28], "both months"


def test_a_source_without_rows_says_which_days_it_has(files: Path) -> None:
    said = invoke(files / "empty", "ingest", "--source", "billing", "--path", str(files / "bill.csv"), "--day", "2026-01-01")

    assert "billing: nothing in [2026-01-01T00:00:00, 2026-01-02T00:00:00); it has [2026-02-16" in said


def test_a_training_that_has_too_little_history_says_so(bill: tuple[Path, str]) -> None:
    home, _ = bill

    assert "cost by day: no series has 60 varying values; not trained" in invoke(home, "train", "--day", "2026-03-15")


@pytest.mark.parametrize(
    ("step", "found", "after"),
    [
        ("detect", "next: python -m pipeline incidents", "incidents"),
        ("incidents", "Incidents", "cost_anomalies"),
        ("risk", "Capacity at risk", "recommend"),
        ("recommend", "Recommendations: $", "savings"),
        ("alert", "Alerts", "report"),
    ],
)
def test_a_step_ends_with_what_it_found_and_what_is_next(metrics: tuple[Path, str], step: str, found: str, after: str) -> None:
    home, _ = metrics

    said = invoke(home, step, "--from", "2026-03-01", "--to", "2026-03-16")

    assert found in said
    assert said.splitlines()[-1] == f"next: python -m pipeline {after} --from 2026-03-01 --to 2026-03-16"


def test_what_was_recommended_is_explained_and_made_again_to_the_last_byte(metrics: tuple[Path, str]) -> None:
    home, _ = metrics
    asked = "SELECT recommendation_id, rule_id FROM views.recommendation_current WHERE portfolio_rank = 1"
    [first] = lake_of(home).query(asked).to_pylist()

    said = invoke(home, "explain", first["recommendation_id"])

    assert said.startswith(f"{first['rule_id']} ")
    assert "(ec2, local, us-east-1), as of 2026-03-16, new" in said
    assert "cpu_utilization, P95 of each hour, percent" in said, "the series is drawn"
    assert "samples of csv: 336 in 14 landings" in said
    assert "silver.metric_hourly: snapshot " in said
    assert "rebuilt from these: the same to the last byte" in said


def test_a_recommendation_whose_reasons_have_changed_is_told_with_what_is_another_now(
    metrics: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    home, _ = metrics
    asked = "SELECT recommendation_id, rule_id FROM views.recommendation_current WHERE portfolio_rank = 1"
    [first] = lake_of(home).query(asked).to_pylist()
    rule = first["rule_id"]
    monkeypatch.setenv("HEADROOM_OPTIONS", json.dumps({"recommenders": {rule: {"min_coverage_pct": 80}}}))

    said = invoke(home, "explain", first["recommendation_id"])
    monkeypatch.setenv("HEADROOM_RECOMMENDERS", "old_snapshot")
    gone = invoke(home, "explain", first["recommendation_id"])

    assert "min_coverage_pct=80" in said
    assert f"lake of now rule {rule} says nothing under this name" in gone


def test_a_name_under_which_nothing_was_recommended_is_answered_in_one_sentence(metrics: tuple[Path, str]) -> None:
    home, _ = metrics

    with pytest.raises(ConfigError, match="no run recommends anything under 'ffff'; views.recommendation_current has the ids"):
        invoke(home, "explain", "ffff")
