"""How well a data set fits: the figures of a file are those that the lake has of it once it is landed."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from pipeline import plugs
from pipeline.cli import app
from pipeline.errors import ConfigError, DataError
from pipeline.exploration.compatibility import PARTS, SILVER_UNITS, correlate, fits, gather, in_silver, rate, season_strength
from pipeline.inputs.findings import read_mix, read_series_sources
from pipeline.interval import Interval
from pipeline.lake import Lake, sql
from pipeline.own_files.dataset import MOST_DAYS, MOST_SERVERS, report_dataset, write_mix
from pipeline.reading.trace import Mapping
from pipeline.report.sections.sources import tell_kinds, tell_mix
from pipeline.settings import Settings, load
from pipeline.steps.build import build
from pipeline.steps.ingest import ingest
from pipeline.tables.columns import SILVER_NAMES, STATED_UNITS

FIRST = pd.Timestamp("2026-02-02")
MADE_UP = Path(__file__).resolve().parents[1] / "data" / "presets"
REAL = MADE_UP.parent / "traces" / "aws_cloudwatch.parquet"
#: CPU as a ratio, memory in percent, and a counter of a name of its own.
METRICS = {
    "busy": {"metric": "cpu_utilization", "unit": "ratio"},
    "used": {"metric": "memory_utilization", "unit": "percent"},
    "queue": {"metric": "queue_length", "unit": "count"},
}
GIVEN = {"time_column": "at", "period_s": 3600, "resource_columns": ["host"], "metrics": METRICS}
SAME = (
    *("unit", "resources", "rows", "counted_rows", "period_s", "days", "span_days", "samples", "expected_samples", "lowest"),
    *("highest", "daily_strength", "weekly_strength", "correlation_cpu", "fits_documented", *PARTS, "score", "lacks"),
    *("coverage_ratio", "dataset_score"),
)


def write_hosts(folder: Path, days: int = 35) -> Path:
    """Two hosts by the hour, busier by day and on workdays, memory that follows, a day without rows, and cells that are odd."""
    rng = np.random.default_rng(7)
    at = pd.date_range(FIRST, periods=days * 24, freq="h")
    parts = []
    for place, host in enumerate("ab"):
        wave = 0.4 + 0.2 * np.sin(2 * np.pi * (at.hour - 6) / 24) - 0.15 * (at.dayofweek >= 5) + 0.05 * place
        busy = wave + rng.normal(0, 0.02, len(at))
        used = 20 + 60 * busy + rng.normal(0, 2, len(at))
        parts.append(pd.DataFrame({"at": at, "host": host, "busy": busy, "used": used, "queue": 3.0 + place}))
    rows = pd.concat(parts, ignore_index=True)
    rows = rows[rows["at"].dt.floor("D") != FIRST + timedelta(days=10)].reset_index(drop=True).astype({"busy": "object"})
    rows.loc[5, "busy"] = "broken"
    rows.loc[6, "busy"] = 1.7
    rows.loc[7, "busy"] = ""
    file = folder / "hosts.csv"
    rows.to_csv(file, index=False)
    return file


def test_a_report_says_before_landing_what_the_lake_says_after_it(tmp_path: Path, lake: Lake, settings: Settings) -> None:
    file = write_hosts(tmp_path)
    report = report_dataset(file, Mapping.model_validate(GIVEN), settings.min_daily_history)
    told = report.metrics.merge(report.scores, on="metric").set_index("metric")
    chosen = load({}, home=settings.home, options={"sources": {"trace": {"path": str(file), **GIVEN}}})
    whole = Interval(FIRST.to_pydatetime(), (FIRST + timedelta(days=35)).to_pydatetime())

    ingest(whole, lake, chosen, target="trace")
    for table in ("silver.metric_hourly", "silver.metric_daily", "gold.dataset_compat"):
        build(whole, lake, chosen, target=table)

    landed = lake.query("SELECT * FROM gold.dataset_compat ORDER BY metric").to_pandas().set_index("metric")
    assert landed["dataset_score"].unique() == pytest.approx([report.score])
    assert landed["coverage_ratio"].unique() == pytest.approx([report.coverage])
    common = [name for name in SAME if name in told]
    assert len(common) > 15
    for metric, row in told[common].iterrows():
        for name, value in row.items():
            after = landed.loc[metric, name]
            assert (value or None) == (after or None) or value == pytest.approx(after, nan_ok=True), (metric, name)


def test_what_is_lost_is_counted_by_its_reason(tmp_path: Path) -> None:
    report = report_dataset(write_hosts(tmp_path), Mapping.model_validate(GIVEN), 60)

    lost = {(row["metric"], row["what"].partition(":")[0]): row["lost"] for row in report.loss.to_dict("records")}
    assert lost == {
        ("cpu_utilization", "empty"): 1,
        ("cpu_utilization", "no number"): 1,
        ("cpu_utilization", "outside the unit's bounds"): 1,
    }
    scores = report.scores.set_index("metric")
    assert scores.loc["cpu_utilization", "lacks"] == (
        "2 of 1,631 rows are refused; 1,629 of 1,632 periods have a sample; 34 of 35 days have a sample; "
        "35 of the 60 days that a forecast by the day needs"
    )


def test_a_day_and_a_week_are_told_where_there_are_such_seasons(tmp_path: Path) -> None:
    metrics = report_dataset(write_hosts(tmp_path), Mapping.model_validate(GIVEN), 60).metrics.set_index("metric")

    assert metrics.loc["cpu_utilization", "daily_strength"] > 0.9
    assert metrics.loc["cpu_utilization", "weekly_strength"] > 0.9
    assert metrics.loc["queue_length", "daily_strength"] == 0
    assert bool(metrics.loc["memory_utilization", "fits_documented"]) is False, "follows the CPU closer than documented"


def test_of_fewer_than_four_seasons_none_is_told() -> None:
    days = pd.Series(np.arange(27.0), index=pd.date_range(FIRST, periods=27, freq="D"))

    assert season_strength(days, 7) is None
    assert season_strength(days.reindex(pd.date_range(FIRST, periods=57, freq="D")).dropna(), 7) is None


@pytest.mark.parametrize(("correlation", "fitting"), [(0.6, True), (0.34, False), (None, None), (float("nan"), None)])
def test_memory_moves_with_the_cpu_as_documented_between_035_and_085(correlation: float | None, fitting: bool | None) -> None:
    assert fits("memory_utilization", correlation) is fitting
    assert fits("queue_length", correlation) is None


def facts(**changed: object) -> pd.DataFrame:
    whole = {"source": "s", "metric": "cpu_utilization", "unit": "percent", "rows": 100, "counted_rows": 100, "period_s": 300}
    whole |= {"days": 60, "span_days": 60, "samples": 288, "expected_samples": 288}
    return pd.DataFrame([whole | changed])


@pytest.mark.parametrize(
    ("changed", "part", "share"),
    [
        ({"unit": "mbps"}, "known_ratio", 0.0),
        ({"metric": "queue_length", "unit": "count"}, "known_ratio", 0.0),
        ({"counted_rows": 25}, "validity_ratio", 0.25),
        ({"samples": 144}, "completeness_ratio", 0.5),
        ({"days": 45}, "continuity_ratio", 0.75),
        ({"period_s": 86_400}, "resolution_ratio", 0.5),
        ({"days": 15, "span_days": 15}, "length_ratio", 0.25),
    ],
)
def test_each_part_of_a_score_takes_what_it_lacks_by_a_sixth(changed: dict[str, object], part: str, share: float) -> None:
    [row] = rate(facts(**changed), 60).to_dict("records")

    assert {name: row[name] for name in PARTS if row[name] < 1} == ({part: share} if share < 1 else {})
    assert row["score"] == pytest.approx(100 * (5 + share) / 6)
    assert row["lacks"]


def test_a_data_set_of_one_servers_metric_scores_by_how_many_of_the_five_it_has() -> None:
    [row] = rate(facts(), 60).to_dict("records")

    assert row["score"] == 100
    assert not row["lacks"]
    assert row["dataset_score"] == pytest.approx(100 * (0.2 + 6) / 7)


def test_a_metric_of_which_no_row_counts_is_rated_and_no_error(tmp_path: Path) -> None:
    file = tmp_path / "bad.csv"
    file.write_text("at,host,busy\n2026-02-02T00:00,a,150\n")
    taken = report_dataset(file, Mapping.model_validate(GIVEN | {"metrics": {"busy": METRICS["busy"]}}), 60)

    assert taken.scores["score"].tolist() == [pytest.approx(100 / 6)]
    file.write_text("at,host,busy\n2026-02-02T00:00,a,\n")
    with pytest.raises(DataError, match="no row is a sample of busy"):
        report_dataset(file, Mapping.model_validate(GIVEN | {"metrics": {"busy": METRICS["busy"]}}), 60)


def test_units_become_silvers_as_the_view_makes_them(lake: Lake, settings: Settings, tmp_path: Path) -> None:
    assert set(SILVER_UNITS) == set(STATED_UNITS)
    names = [f"m{place}" for place in range(len(STATED_UNITS))]
    values = [f"{value}" for value in (0.25, -1.0, 400.0)]
    lines = [f"2026-02-02T0{hour}:00,a,{','.join([value] * len(names))}" for hour, value in enumerate(values)]
    file = tmp_path / "units.csv"
    file.write_text(f"at,host,{','.join(names)}\n" + "\n".join(lines) + "\n")
    metrics = {name: {"metric": name, "unit": unit} for name, unit in zip(names, STATED_UNITS, strict=True)}
    options = {"sources": {"trace": {"path": str(file), **GIVEN, "metrics": metrics}}}
    ingest(Interval.day("2026-02-02"), lake, load({}, home=settings.home, options=options), target="trace")

    landed = lake.query(
        "SELECT metric, ts, unit, value, coalesce(rule, '') AS rule, source_unit, source_value FROM views.metric_point "
        "ORDER BY metric, ts"
    ).to_pandas()
    samples = landed.assign(
        resource="a", statistic="Average", period_s=3600, unit=landed["source_unit"], value=landed["source_value"]
    )
    taken = in_silver(samples)

    assert taken["unit"].tolist() == landed["unit"].tolist()
    assert taken["value"].tolist() == pytest.approx(landed["value"].tolist())
    assert taken["rule"].tolist() == landed["rule"].tolist()
    assert set(landed["rule"]) == {"", "out_of_bounds"}


def test_the_command_prints_what_is_lost_and_how_well_a_preset_fits(tmp_path: Path) -> None:
    out = tmp_path / "told"
    asked = ["dataset", str(MADE_UP / "google_2019.csv"), "--preset", "google_2019", "--out", str(out)]
    result = CliRunner().invoke(app, asked)

    assert result.exit_code == 0, result.output
    assert "other rows than the mapping asks for" in result.output
    assert "fits 45 of 100: 0% of a server's five metrics" in result.output
    assert {each.name for each in out.iterdir()} == {"mapping.csv", "loss.csv", "metrics.csv", "correlations.csv", "scores.csv"}


def test_a_mix_lands_a_data_set_and_a_synthetic_fleet_at_the_share_that_is_stated(
    tmp_path: Path, lake: Lake, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    mixed = tmp_path / "mix.toml"
    asked = ["dataset", str(MADE_UP / "azure_2019.csv"), "--preset", "azure_2019", "--option", "origin=2026-03-02"]
    result = CliRunner().invoke(app, [*asked, "--mix", str(mixed), "--share", "0.2"])
    assert "20% of the resources are the data set's (3), 80% synthetic (12)" in result.output, result.output
    monkeypatch.setenv("HEADROOM_CONFIG", str(mixed))
    chosen = load(home=settings.home)
    assert chosen.sources == ("trace", "fleet")
    day = Interval.day("2026-03-02")

    for source in chosen.sources:
        ingest(day, lake, chosen, target=source)
    for table in ("silver.metric_hourly", "silver.metric_daily", "gold.dataset_compat"):
        build(day, lake, chosen, target=table)

    mix = read_mix(lake, day.end)
    assert mix[["source", "resources", "kind"]].values.tolist() == [["fleet", 12, "synthetic"], ["trace", 3, "outside"]]
    by_series = read_series_sources(lake, day.end)
    assert by_series["series_id"].is_unique
    assert by_series.groupby("source")["series_id"].agg(lambda of: of.str.split("/").str[2].nunique()).to_dict() == {
        "fleet": 12,
        "trace": 3,
    }
    assert tell_mix(mix) == "15 resources with metrics: 80% synthetic (fleet 12), 20% outside (trace 3)"
    monkeypatch.setenv("HEADROOM_HOME", str(settings.home))
    page = tmp_path / "explored"
    drawn = CliRunner().invoke(app, ["explore", "--day", "2026-03-02", "--metric", "cpu_utilization", "--out", str(page)])
    assert "80% synthetic (fleet 12), 20% outside (trace 3)" in drawn.output, drawn.output
    assert "80% synthetic (fleet 12), 20% outside (trace 3)." in (page / "explore.html").read_text()


def test_a_mix_of_one_kind_is_no_mix_and_one_that_no_fleet_is_large_enough_for_is_refused(tmp_path: Path) -> None:
    alone = pd.DataFrame({"source": ["fleet", "csv"], "resources": [3, 0], "kind": ["synthetic", "real"]})
    assert tell_mix(alone) == ""
    assert tell_kinds(alone) == "All 3 resources with metrics are synthetic (fleet)"
    assert tell_kinds(alone.assign(kind="real")) == tell_kinds(alone.head(0)) == ""
    file = MADE_UP / "azure_2019.csv"
    mapping = Mapping.model_validate({"preset": "azure_2019", "origin": "2026-03-02"})
    report = report_dataset(file, mapping, 60)

    with pytest.raises(ConfigError, match="the fleet has at most 10,000"):
        write_mix(replace(report, resources=20_000), mapping, file, 0.2, tmp_path / "mix.toml")


def test_the_settings_of_a_mix_can_be_read_whatever_its_file_is_called(tmp_path: Path) -> None:
    file = tmp_path / '\U0001f600 \u00e4 "x".csv'
    file.write_bytes((MADE_UP / "azure_2019.csv").read_bytes())
    mapping = Mapping.model_validate({"preset": "azure_2019", "origin": "2026-03-02"})
    out = tmp_path / "a mix.toml"

    said = write_mix(report_dataset(file, mapping, 60), mapping, file, 0.2, out)

    assert tomllib.loads(out.read_text())["options"]["sources"]["trace"]["path"] == str(file)
    assert f"HEADROOM_CONFIG='{out}' python" in said


def test_of_real_cpu_series_the_report_says_what_they_lack() -> None:
    long = {"time_column": "ts", "metric_column": "metric", "value_column": "value", "resource_columns": ["series_id"]}
    cpu = {"cpu_p95": {"metric": "cpu_utilization", "unit": "percent", "statistic": "p95"}}

    report = report_dataset(REAL, Mapping.model_validate(long | {"period_s": 3600, "metrics": cpu}), 60)

    [row] = report.scores.to_dict("records")
    assert (report.resources, round(report.score), round(row["score"])) == (6, 81, 91)
    assert row["lacks"] == "2,009 of 2,136 periods have a sample; 37 of 69 days have a sample"


def test_a_folder_without_a_table_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no file .*, or none in it that ends in"):
        report_dataset(tmp_path, Mapping.model_validate(GIVEN), 60)


def test_of_the_same_moment_the_largest_that_is_not_refused_counts_alone_as_in_silver() -> None:
    row = {"resource": "a", "metric": "m", "unit": "ratio", "statistic": "Average", "period_s": 60, "ts": FIRST}
    said = [{"value": 0.5}, {"value": 0.2, "statistic": "average"}, {"value": 1.7}, {"value": np.nan}]
    taken = in_silver(pd.DataFrame([row | each for each in said]))

    assert taken["rule"].tolist() == ["", "superseded", "out_of_bounds", "not_finite"]
    assert gather(taken, "s")["counted_rows"].tolist() == [2]


def test_what_never_changes_correlates_with_nothing() -> None:
    counts = [7, 11, 13, 17, 19, 23]
    at = [FIRST + timedelta(days=day, minutes=minute) for day, count in enumerate(counts) for minute in range(count)]
    row = {"resource": "a", "unit": "percent", "statistic": "Average", "period_s": 60}
    still = pd.DataFrame([row | {"metric": "memory_utilization", "ts": ts, "value": 57.99} for ts in at])
    busy = pd.DataFrame([row | {"metric": "cpu_utilization", "ts": ts, "value": 10.0 + ts.dayofyear} for ts in at])

    found = correlate(in_silver(pd.concat([still, busy], ignore_index=True)))

    assert np.isnan(found.loc["memory_utilization", "cpu_utilization"])


def test_settings_of_a_mix_keep_what_takes_back_a_part_of_a_preset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = Mapping.model_validate({"preset": "google_2019", "where": {}, "end_column": "", "period_s": 300})
    file = tmp_path / "\U0001f4c8.csv"
    file.write_text((MADE_UP / "google_2019.csv").read_text())

    write_mix(report_dataset(file, given, 60), given, file, 0.5, tmp_path / "mix.toml")

    monkeypatch.setenv("HEADROOM_CONFIG", str(tmp_path / "mix.toml"))
    options = dict(load(home=tmp_path).options["sources"]["trace"])
    assert Path(options.pop("path")) == file
    assert Mapping.model_validate(options) == given


def test_a_mix_over_more_days_than_the_fleet_has_is_refused_with_the_days(tmp_path: Path) -> None:
    file, given = write_hosts(tmp_path), Mapping.model_validate(GIVEN)
    report = replace(report_dataset(file, given, 60), days=(date(2001, 1, 1), date(2026, 1, 1)))

    with pytest.raises(ConfigError, match="2001-01-01 to 2026-01-01, 9,132 days; the fleet beside it has at most 7,305"):
        write_mix(report, given, file, 0.2, tmp_path / "mix.toml")


def test_a_column_that_is_absent_is_named_beside_all_that_the_file_has(tmp_path: Path) -> None:
    file = write_hosts(tmp_path)
    absent = Mapping.model_validate(GIVEN | {"resource_columns": ["machine"]})

    with pytest.raises(DataError, match=r"no column \['machine'\]; the file has \['at', 'host', 'busy', 'used', 'queue'\]"):
        report_dataset(file, absent, 60)


def test_of_a_file_without_a_sample_it_is_said_what_its_rows_lack(tmp_path: Path) -> None:
    counted = Mapping.model_validate(GIVEN | {"time_format": "epoch_s"})

    with pytest.raises(DataError, match=r"1,632 of 1,632 have no moment of 2000 to 2099 as epoch_s in 'at'; look at its mapping"):
        report_dataset(write_hosts(tmp_path), counted, 60)


def test_a_metric_by_cloudwatchs_name_is_rated_as_what_silver_calls_it(tmp_path: Path) -> None:
    cases = sql.text("views.metric_reading").partition("CASE lower(metric)")[2].partition("END AS metric")[0]
    assert dict(re.findall(r"WHEN '(\w+)' THEN '(\w+)'", cases)) == SILVER_NAMES
    named = {"busy": {"metric": "CPUUtilization", "unit": "ratio"}}

    report = report_dataset(write_hosts(tmp_path), Mapping.model_validate(GIVEN | {"metrics": named}), 60)

    assert report.scores[["metric", "known_ratio"]].to_numpy().tolist() == [["cpu_utilization", 1.0]]
    assert report.coverage == 0.2


def test_a_mix_asks_for_as_many_servers_and_days_as_the_fleet_has_and_it_has_no_more() -> None:
    most = {"preset": "realistic", "servers": MOST_SERVERS, "days": MOST_DAYS}

    assert plugs.check_options("sources", "fleet", most)
    for name in ("servers", "days"):
        with pytest.raises(ConfigError, match=name):
            plugs.check_options("sources", "fleet", most | {name: int(most[name]) + 1})


def test_two_columns_that_would_be_one_series_are_refused() -> None:
    doubled = {**METRICS, "idle": {"metric": "cpu_utilization", "unit": "percent", "statistic": "average"}}

    with pytest.raises(ValueError, match="several columns are average of cpu_utilization, of which one would count"):
        Mapping.model_validate(GIVEN | {"metrics": doubled})
    long = {"metric_column": "what", "value_column": "value", "metrics": doubled}
    assert len(Mapping.model_validate(GIVEN | long).metrics) == 4
