"""An exploration of the lake, or of a file: its figures are right, its page is light, and what is not known is said."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.errors import ConfigError, DataError
from pipeline.exploration.drawing import some_series
from pipeline.exploration.observed import LABELS, Observed, choose, from_samples
from pipeline.exploration.statistics import decompose, describe_metrics, kind_of
from pipeline.own_files.explore import CALENDAR, explore, from_lake, read_file
from pipeline.reading.options import Reading
from pipeline.sources import fleet
from pipeline.sources.fleet import reference_frame

FIRST = datetime(2026, 3, 2)
PICTURES = (
    *("overview", "sample", "distributions", "boxes", "patterns"),
    *("correlations", "pairs", "averages", "decomposition", "missing"),
)


def reference(servers: int, days: int) -> Observed:
    """The reference fleet, with its labels."""
    frame = reference_frame(servers, date(2022, 1, 1), days).reset_index().rename(columns={"server_id": "resource"})
    metrics = {"cpu_p95": "cpu_utilization", "mem_p95": "memory_utilization", "disk_p95": "disk_utilization"}
    metrics |= {"net_in_p95": "network_in", "net_out_p95": "network_out"}
    long = frame.melt(["resource", "timestamp"], list(metrics), "metric").rename(columns={"timestamp": "ts"})
    unit = np.where(long["metric"].str.startswith("net"), "mbps", "percent")
    days_of = long.assign(metric=long["metric"].map(metrics), unit=unit, complete=1.0, resource=long["resource"].astype(str))
    labels = frame.drop_duplicates("resource")[["resource", *LABELS]].astype(str)
    nothing = pd.DataFrame(columns=["metric", "day_of_week", "hour_of_day", "mean", "hours"])
    return Observed("reference fleet", days_of, nothing, labels)


def test_the_page_of_a_fleet_is_light_whole_and_loads_nothing(tmp_path: Path) -> None:
    page = explore(reference(servers=12, days=400), tmp_path)

    text = page.read_text()
    assert len(text) <= 3_000_000
    assert re.findall(r'<h2 id="(\w+)">', text) == list(PICTURES)
    assert {each.stem for each in tmp_path.glob("*.png")} == set(PICTURES)
    assert not re.search(r'(?:src|href)="(?!data:)', text)
    assert "24,000 days of them in 5 metrics" in text


def samples(*hours: int, values: float = 1.0) -> pd.DataFrame:
    rows = [{"resource": "i-1", "ts": FIRST + timedelta(hours=hour), "value": values + hour} for hour in hours]
    return pd.DataFrame(rows).assign(metric="cpu", unit="percent")


def test_a_day_of_samples_is_its_p95_and_as_complete_as_it_has_samples() -> None:
    found = from_samples("file", samples(*range(48), *range(48, 54)))

    assert found.days["value"].tolist() == [23.0, 47.0, 54.0]
    assert found.days["complete"].tolist() == [1.0, 1.0, 0.25]
    hour = found.hours.set_index(["day_of_week", "hour_of_day"])
    assert (hour.loc[(0, 3), "mean"], hour.loc[(2, 3), "hours"]) == (4.0, 1)


def test_samples_by_the_day_have_no_hours() -> None:
    assert from_samples("file", samples(0, 24, 48)).hours.empty


def test_missing_days_count_between_the_first_and_the_last_of_a_resource() -> None:
    [row] = describe_metrics(from_samples("file", samples(0, 24, 96))).to_dict("records")

    assert row["missing_pct"] == pytest.approx(40.0)
    assert (row["resources"], row["days"], row["max"]) == (1, 3, 97.0)
    assert row["verdict"] == "3 days, or none that differ; 28 are needed"


def test_days_that_were_not_observed_do_not_make_a_series_long() -> None:
    random = np.random.default_rng(5)
    fortnightly, half = (np.where(np.arange(400) % every, np.nan, random.normal(size=400)) for every in (14, 2))

    assert kind_of(fortnightly)["verdict"] == "29 days, or none that differ; 200 are needed"
    assert kind_of(half)["verdict"] == "stationary"
    assert kind_of(np.full(60, np.nan))["verdict"] == "0 days, or none that differ; 30 are needed"


def test_a_walk_is_not_stationary_and_noise_is() -> None:
    random = np.random.default_rng(1)
    noise = random.normal(size=400)

    assert kind_of(noise)["verdict"] == "stationary"
    assert kind_of(np.cumsum(noise))["verdict"] == "not stationary"


def test_trend_season_and_rest_add_up_and_the_season_is_of_the_weekday() -> None:
    days = pd.date_range("2026-01-05", periods=70)
    series = pd.Series(np.arange(70) + np.where(days.dayofweek >= 5, -7.0, 0.0), days)

    parts = decompose(series)

    inner = parts.dropna()
    np.testing.assert_allclose(inner["trend"] + inner["season"] + inner["rest"], inner["observed"])
    np.testing.assert_allclose(inner["rest"], 0, atol=1e-9)
    by_day = inner.groupby(inner.index.dayofweek)["season"].first()
    np.testing.assert_allclose(by_day, [2, 2, 2, 2, 2, -5, -5])


def test_a_metric_that_was_not_observed_is_refused_with_those_that_were() -> None:
    with pytest.raises(ConfigError, match="--metric disk: not observed; there are cpu"):
        choose(from_samples("file", samples(0)), ["disk"])


def test_names_that_two_accounts_share_are_told_apart() -> None:
    place = {"region": "r", "resource_id": "i-1"}
    days = pd.DataFrame([{"account": "a", **place}, {"account": "b", **place}])
    days = days.assign(metric="cpu", unit="percent", ts=FIRST, value=1.0, complete=1.0)
    resources = days[["account", "region", "resource_id"]].assign(**dict.fromkeys(LABELS, "x"))

    found = from_lake("lake", days, pd.DataFrame(), resources)

    assert found.days["resource"].tolist() == ["a/r/i-1", "b/r/i-1"]
    assert found.of("cpu")["server_type"].tolist() == ["x", "x"]


def test_a_server_has_its_own_accounts_labels_and_none_where_no_inventory_lists_it() -> None:
    days = pd.DataFrame([{"account": "b", "region": "r", "resource_id": name} for name in ("i-1", "i-2")])
    days = days.assign(metric="cpu", unit="percent", ts=FIRST, value=1.0, complete=1.0)
    listed = [("a", "i-1", "web"), ("a", "i-2", "web"), ("b", "i-1", "batch")]
    resources = pd.DataFrame(listed, columns=["account", "resource_id", "server_type"])
    resources = resources.assign(region="r", business_unit="x", criticality="x")

    found = from_lake("lake", days, pd.DataFrame(), resources)

    assert found.labels[["resource", "server_type"]].to_numpy().tolist() == [["i-1", "batch"]]
    assert found.of("cpu")["server_type"].isna().tolist() == [False, True]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["load.csv", "--from", "2026-03-01", "--to", "2026-03-02"], "--day, --from and --to name days of the lake; load.csv is"),
        (["load.csv", "--day", "2026-03-01"], "--day, --from and --to name days of the lake; load.csv is explored whole"),
        (["--day", "2026-03-01", "--option", "resource_column=x"], "--option says how a file is read; name one"),
    ],
)
def test_what_says_nothing_of_what_is_explored_is_refused(words: list[str], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        CliRunner().invoke(app, ["explore", *words], catch_exceptions=False)


def test_a_file_is_explored_by_the_command_with_the_gaps_it_has(tmp_path: Path) -> None:
    file = tmp_path / "load.csv"
    lines = [f"{FIRST + timedelta(hours=hour)},{20 + hour % 24}" for hour in range(24 * 35) if hour % 50]
    file.write_text("\n".join(["timestamp,value", *lines]) + "\n")

    done = CliRunner().invoke(app, ["explore", str(file), "--out", str(tmp_path / "out")])

    assert done.exit_code == 0, done.output
    assert "<h1>load.csv</h1>" in (tmp_path / "out" / "explore.html").read_text()
    assert (tmp_path / "out" / "patterns.png").stat().st_size > 10_000


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_whole_export_of_the_fleet_is_explored_with_its_labels_and_what_is_left_out_is_said(tmp_path: Path, form: str) -> None:
    file = tmp_path / f"fleet.{form}"
    asked = ["--servers", "8", "--end-date", "2022-01-30", "--format", form, "--output", str(file)]
    for words in (["fleet", "export", *asked], ["explore", str(file), "--out", str(tmp_path / "out")]):
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 0, done.output

    said = " ".join(done.output.split())
    assert "app_name, year, month, quarter, dayofweek, is_weekend, is_eoq, is_holiday left out" in said
    found = read_file(file, Reading())
    frame = reference_frame(8, date(2022, 1, 1), 30).reset_index().drop_duplicates("server_id").set_index("server_id")
    assert sorted(found.metrics) == ["cpu_p95", "disk_p95", "mem_p95", "net_in_p95", "net_out_p95"]
    told = found.labels.set_index("resource")
    for label in (*LABELS, "region"):
        assert told[label].to_dict() == {str(name): str(word) for name, word in frame[label].items()}


def test_the_calendar_of_an_export_is_what_the_fleet_writes() -> None:
    assert CALENDAR == fleet._CALENDAR


def test_a_label_is_what_was_said_last_and_nobody_where_it_is_empty(tmp_path: Path) -> None:
    file = tmp_path / "load.csv"
    lines = ["date,host,cpu,server_type", "2026-03-02,a,2,web", "2026-03-01,a,1,batch", "2026-03-01,b,3,", "2026-03-02,b,4,"]
    file.write_text("\n".join(lines) + "\n")

    assert read_file(file, Reading()).of("cpu").drop_duplicates("resource")["server_type"].fillna("-").tolist() == ["web", "-"]


def test_rows_in_an_hour_that_is_dropped_are_not_rows_of_several_resources(tmp_path: Path) -> None:
    file = tmp_path / "load.csv"
    file.write_text("timestamp,cpu,site\n2026-03-29 01:00,1,here\n2026-03-29 02:30,2,here\n2026-03-29 03:00,3,here\n")

    found = read_file(file, Reading(timezone="Europe/Berlin", ambiguous="drop"))

    assert found.hours["hours"].sum() == 2


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        (["date,host,cpu", "2026-03-01,a,1 GB", "2026-03-02,a,2 GB"], "column 'cpu': expected a finite number, got '1 GB'"),
        (["date,host,cpu", "2026-03-01,a,1", "2026-03-02,a,broken"], "line 3, column 'cpu': expected a finite number"),
        (["date,machine,cpu", "2026-03-01,a,1", "2026-03-01,b,2"], "which column names the resource"),
    ],
)
def test_numbers_that_are_spoilt_and_rows_of_nobody_are_refused(tmp_path: Path, lines: list[str], complaint: str) -> None:
    file = tmp_path / "load.csv"
    file.write_text("\n".join(lines) + "\n")

    with pytest.raises((ConfigError, DataError), match=complaint):
        read_file(file, Reading())


@pytest.mark.parametrize(("days", "said"), [(1, "2 of 2 resources, 1 day"), (30, "30 days"), (60, "60 days"), (90, "60 days")])
def test_a_sample_of_series_says_the_days_that_it_shows(days: int, said: str) -> None:
    axes = Figure().subplots()

    some_series(axes, reference(servers=2, days=days), "cpu_utilization")

    assert axes.get_title().endswith(said)


def test_a_picture_for_a_slide_says_below_itself_what_its_data_are(tmp_path: Path) -> None:
    observed, mix = reference(servers=2, days=40), "All 2 resources are synthetic"

    alone, told = (explore(observed, tmp_path / name, ["cpu_utilization"], mix=said) for name, said in (("a", ""), ("b", mix)))

    for name in PICTURES:
        assert (alone.parent / f"{name}.png").read_bytes() != (told.parent / f"{name}.png").read_bytes()
    assert f"{mix}." in told.read_text()
