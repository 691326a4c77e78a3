"""The command line as a person meets it: right, wrong and mistyped."""

from __future__ import annotations

import json
import re
from itertools import takewhile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer.main
from typer.testing import CliRunner

from pipeline import cli, plugs, steps
from pipeline import settings as settings_module
from pipeline.errors import ConfigError, DataError, HeadroomError
from pipeline.interval import Interval
from pipeline.lake import open_lake
from pipeline.quality import validate
from pipeline.tables.forecasts import FORECAST

runner = CliRunner()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HEADROOM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path / "home"


def invoke(*arguments: str) -> str:
    """What the command prints; errors that are meant for people propagate."""
    result = runner.invoke(cli.app, list(arguments))
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def test_every_step_is_a_command() -> None:
    assert set(steps.STEPS) <= set(typer.main.get_command(cli.app).commands)  # type: ignore[attr-defined]


def test_a_mistyped_command_says_what_was_meant() -> None:
    assert "Did you mean 'query'" in invoke("quer")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("forecast",), "name the interval"),
        (("forecast", "--day", "2026-02-30"), "expected a day as YYYY-MM-DD, got '2026-02-30'"),
        (("forecast", "--day", "2026-02-03", "--from", "2026-02-01"), "not both"),
        (("forecast", "--from", "2026-02-03", "--to", "2026-02-01"), "start must lie before end"),
        (("ingest", "--source", "oracle", "--day", "2026-02-03"), "no source named"),
        (("ingest", "--path", "x.csv", "--day", "2026-02-03"), "belong to one --source"),
        (("ingest", "--source", "csv", "--option", "unit", "--day", "2026-02-03"), "expects name=value"),
        (("ingest", "--source", "csv", "--path", "x.csv", "--option", "zzz=1", "--day", "2026-02-03"), "zzz"),
        (("build", "silver.nothing", "--day", "2026-02-03"), "no table named 'silver.nothing'"),
        (("build", "gold.forecast", "--day", "2026-02-03"), "gold.forecast cannot be built: it is written by the step forecast$"),
        (("build", "gold.anomalies", "--day", "2026-02-03"), "no table named 'gold.anomalies'; did you mean 'gold.anomaly'"),
        (("sql", "silver.nothing"), "no SQL for"),
        (("sql", "cost_month"), "no SQL for 'views.cost_month'; did you mean 'views.cost_monthly'"),
        (("query", "SELECT ts FROM gold.anomalies"), "no table or view named 'gold.anomalies'; did you mean 'gold.anomaly'"),
        (("query", "SELECT ts FROM gold.cost_by_service_daily"), "did you mean 'views.cost_by_service_daily'"),
        (("query", "SELECT ts FROM anomaly_recent"), "'anomaly_recent' needs its layer: views.anomaly_recent$"),
        (("tables", "show", "gold.anomalies"), "'gold.anomalies'; did you mean 'gold.anomaly'\\? `tables show` lists them$"),
        (("sources", "show", "cvs"), "no source named 'cvs'; did you mean 'csv'\\? There are alibaba_v2018, "),
        (
            ("ingest", "--source", "csv", "--path", "x", "--option", "account=a b", "--day", "2026-02-03"),
            "account has characters",
        ),
        (("detect", "somewhere", "--out", "o", "--option", "time_fromat=iso"), "did you mean 'time_format'"),
        (("detect", "--option", "time_format=iso", "--day", "2026-02-03"), "--option says how to read a file"),
        (("query", "DELETE FROM silver.calendar"), "exactly one SELECT"),
        (("detect", "somewhere"), "needs --out DIR"),
    ],
)
def test_a_mistake_is_answered_in_one_sentence_that_names_it(arguments: tuple[str, ...], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        invoke(*arguments)


def test_an_error_is_one_line_and_no_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["pipeline", "forecast"])

    with pytest.raises(SystemExit) as stopped:
        cli.main()

    assert stopped.value.code == 2
    assert "error ConfigError: name the interval" in capsys.readouterr().err


def test_steps_chain_from_a_source_to_a_query_and_every_stored_row_is_checked(home: Path) -> None:
    day = ("--day", "2026-04-10")
    for source in ("samples", "prices"):
        invoke("ingest", "--source", source, *day)
    for table in ("silver.metric_hourly", "silver.metric_daily", "silver.resource", "silver.calendar"):
        assert f"build {table}" in invoke("build", table, *day)

    assert "i-ac20cd" in invoke("query", "SELECT DISTINCT resource_id AS r FROM silver.metric_hourly ORDER BY r")
    assert "resource_id\n" not in invoke("tables", "show", "silver.resource")
    assert invoke("check").count("good") >= 4
    assert (home / "lake" / "catalog.db").exists()


def test_a_check_that_stops_a_run_is_published_with_the_loads_it_concerns(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    impossible = {"type": "expect_table_row_count_to_be_between", "severity": "critical", "kwargs": {"max_value": 0}}
    (tmp_path / "silver").mkdir()
    (tmp_path / "silver" / "metric_hourly.json").write_text(
        json.dumps({"name": "silver.metric_hourly", "expectations": [impossible | {"notes": "No hour may be."}]})
    )
    monkeypatch.setattr(validate, "EXPECTATIONS", tmp_path)
    settings = settings_module.load(home=home, sources=("samples",))

    with pytest.raises(DataError, match="No hour may be"):
        cli.steps.run_interval(Interval.day("2026-04-10"), settings)

    lake = open_lake(settings)
    asked = "SELECT DISTINCT table_name, rule, success FROM gold.quality_result WHERE table_name LIKE 'silver.%' AND NOT success"
    [failed] = lake.query(asked).to_pylist()
    assert failed["table_name"] == "silver.metric_hourly"
    assert failed["rule"].startswith("table_row_count_to_be_between")
    assert lake.query("SELECT count(*) AS n FROM gold.quality_result WHERE rule = 'accepted_rows'")["n"].to_pylist() != [0]
    assert not lake.exists(FORECAST)
    fired = "SELECT rule, subject FROM gold.alert WHERE severity = 'critical' AND state = 'firing' ORDER BY rule"
    assert [tuple(row.values()) for row in lake.query(fired).to_pylist()] == [
        ("data_quality", "table silver.metric_hourly"),
        ("failed_step", "step build silver.metric_hourly"),
    ]


def test_rows_print_as_csv_for_other_tools(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    cli.lake.query("SELECT 1 AS one, 'a' AS text", csv=True)

    assert capfdbinary.readouterr().out.replace(b"\r", b"").splitlines() == [b'"one","text"', b'1,"a"']


def test_a_query_for_a_file_disarms_formulas_and_what_a_terminal_obeys(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    cli.lake.query("SELECT concat('=cmd|', chr(27), '[2J') AS text, -1 AS number, cast(NULL AS varchar) AS none", csv=True)

    assert capfdbinary.readouterr().out.replace(b"\r", b"").splitlines() == [b'"text","number","none"', b'"\'=cmd|[2J",-1,']


def test_settings_print_value_bounds_and_purpose_of_every_knob() -> None:
    from pipeline.settings import Settings

    shown = invoke("settings")

    assert all(name in shown for name in Settings.model_fields)
    assert "1 … 180" in shown


def test_settings_print_the_options_of_every_plug_and_what_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADROOM_OPTIONS", '{"detectors": {"iqr": {"alert_ranges": 3}}}')

    shown = invoke("settings")

    for folder in plugs.FOLDERS:
        assert f"[options.{folder}.<plug>]" in shown
        for name in plugs.names(folder):
            assert all(f" {name}.{option} " in shown for option in plugs.declared_options(folder, name).model_fields)
    lines = shown.splitlines()
    [first] = [number for number, line in enumerate(lines) if " iqr.alert_ranges " in line]
    # A narrow cell goes on in the next lines.
    wrapped = [*takewhile(lambda line: line.startswith("│"), lines[first : first + 3])]
    value, bounds = (" ".join(line.split("│")[cell].strip() for line in wrapped) for cell in (2, 3))
    assert value.startswith("3 (default")
    assert bounds.startswith("0.1 … 100")
    monkeypatch.setenv("HEADROOM_OPTIONS", '{"detectors": {"iqr": {"alert_range": 3}}}')
    with pytest.raises(ConfigError, match="did you mean 'alert_ranges'"):
        invoke("settings")


def test_options_on_the_command_line_are_added_to_those_in_the_settings(
    monkeypatch: pytest.MonkeyPatch, home: Path, tmp_path: Path
) -> None:
    given = {"sources": {"csv": {"unit": "ratio", "account": "1"}}, "detectors": {"iqr": {"alert_ranges": 3}}}
    monkeypatch.setenv("HEADROOM_OPTIONS", json.dumps(given))
    (tmp_path / "own.csv").write_text("resource_id,metric,ts,value\ni-1,cpu_utilization,2026-02-03T00:00,0.5\n")

    arguments = (
        "ingest",
        "--source",
        "csv",
        "--path",
        str(tmp_path / "own.csv"),
        "--option",
        "unit=percent",
        "--day",
        "2026-02-03",
    )
    invoke(*arguments, "--option", "period_s=60")

    [sample] = (
        open_lake(settings_module.load(home=home)).query("SELECT account, unit, value FROM bronze.metric_sample").to_pylist()
    )
    assert sample == {"account": "1", "unit": "percent", "value": 0.5}


def test_the_doctor_says_one_line_per_check() -> None:
    lines = [line for line in invoke("doctor").splitlines() if line.startswith(("ok ", "bad "))]

    checked = [line.split(":")[0].split()[-1] for line in lines]
    assert checked == ["headroom", "python", "packages", "disk", "lake", "mlflow", "routes"]
    assert all(line.startswith("ok ") for line in lines)


def test_a_users_own_series_are_backtested(tmp_path: Path) -> None:
    hours = pd.date_range("2026-01-01", periods=24 * 20, freq="h")
    frame = pd.DataFrame(
        {"series_id": "a", "metric": "cpu_utilization", "ts": hours, "value": 50 + hours.hour, "note": "ignored"}
    )
    frame.to_csv(tmp_path / "own.csv", index=False)

    shown = invoke("backtest", str(tmp_path / "own.csv"), "--horizon", "24", "--windows", "2", "--out", str(tmp_path / "out"))

    assert "seasonal_naive" in shown
    written = pd.read_parquet(tmp_path / "out" / "forecasts.parquet")
    assert set(written.columns) == {"series_id", "metric", "cutoff", "ts", "model", "quantile", "value"}
    assert set(written["model"]) == {"default", "seasonal_naive"}


def test_sizing_rules_are_replayed_on_a_users_own_trace(tmp_path: Path) -> None:
    hours = pd.date_range("2026-01-01", periods=24 * 22, freq="h")
    pd.DataFrame({"resource_id": "web", "timestamp": hours, "cpu_percent": 14.0 + hours.hour}).to_csv(
        tmp_path / "t.csv", index=False
    )

    shown = invoke("replay", str(tmp_path / "t.csv"), "--out", str(tmp_path / "out"), "--lookback", "14", "--horizon", "7")

    assert "1 windows: 14 days before, 7 after" in shown
    assert "CO max performance" in shown
    rules = pd.read_csv(tmp_path / "out" / "rules.csv").set_index("rule")
    # The highest hour is 37 %: with 20 % to spare it fits the half, which a chance of a breach of 10 % at most does not.
    assert rules.loc["CO default", "saving_pct"] == pytest.approx(50)
    assert rules.loc["ours", "saving_pct"] == pytest.approx(0)


def test_a_users_own_file_is_scored_for_anomalies(tmp_path: Path) -> None:
    hours = pd.date_range("2026-01-01", periods=24 * 20, freq="h")
    pd.DataFrame({"timestamp": hours, "value": 50.0 + hours.hour}).to_csv(tmp_path / "own.csv", index=False)

    shown = invoke("detect", str(tmp_path / "own.csv"), "--out", str(tmp_path / "out"))

    assert re.search(r"scored 1 file into .*: \d+ alerts? in [01] of 1 series", shown)
    scored = pd.read_csv(tmp_path / "out" / "own.csv")
    assert list(scored.columns) == ["timestamp", "value", "anomaly_score"]
    assert scored["anomaly_score"].between(0, 1).all()


def test_how_a_file_counts_time_can_be_stated_to_every_command_that_reads_one(tmp_path: Path) -> None:
    values = 50.0 + np.arange(24 * 20) % 24
    counted = pd.DataFrame({"timestamp": 1_767_225_600 + 3600 * np.arange(len(values)), "value": values})
    counted.to_csv(tmp_path / "own.csv", index=False)
    stated = ("--out", str(tmp_path / "out"), "--option", "time_format=epoch_s")

    invoke("detect", str(tmp_path / "own.csv"), *stated)
    invoke("backtest", str(tmp_path / "own.csv"), "--horizon", "24", "--windows", "1", "--models", "seasonal_naive", *stated)

    assert pd.read_parquet(tmp_path / "out" / "forecasts.parquet")["ts"].min() == pd.Timestamp("2026-01-20")


def test_what_names_of_series_are_made_of_can_be_stated_and_empty_cells_are_said(tmp_path: Path) -> None:
    hours = pd.date_range("2026-01-01", periods=48, freq="h")
    frame = pd.DataFrame({"Time": hours, "cpu web-1": "12.5%", "cpu web-2": "7%"})
    frame.loc[3, "cpu web-2"] = "null"
    frame.to_csv(tmp_path / "own.csv", index=False)

    shown = invoke("ingest", "--source", "csv", "--path", str(tmp_path / "own.csv"), "--option", "series={metric} {resource}")

    assert "95 rows" in shown
    assert shown.count("1 of 96 values are empty, null or NaN, and no samples") == 1
    assert "no samples" in invoke("detect", str(tmp_path / "own.csv"), "--out", str(tmp_path / "out"))


def test_a_source_shows_its_options_the_metrics_that_are_known_and_an_example() -> None:
    every, one = invoke("sources", "show"), " ".join(invoke("sources", "show", "csv").split())

    assert all(name in every for name in plugs.names("sources"))
    assert all(option in one for option in plugs.declared_options("sources", "csv").model_fields)
    assert "network_in │ mbps" in one
    assert "run --source csv --path metrics.csv --option unit=percent" in one
    assert "[A-Za-z" not in one
    for command in ("ingest", "run"):
        assert "sources show" in invoke(command, "--help")


@pytest.mark.parametrize("name", plugs.names("sources"))
def test_every_source_can_be_shown_and_its_example_names_options_that_it_has(name: str) -> None:
    invoke("sources", "show", name)

    example = getattr(plugs.load("sources", name), "EXAMPLE", "")
    assert set(re.findall(r"--option '?(\w+)=", example)) <= set(plugs.declared_options("sources", name).model_fields)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(HeadroomError, match=r"nowhere\.csv"):
        invoke("backtest", "nowhere.csv", "--horizon", "24", "--windows", "2", "--out", str(tmp_path / "out"))
