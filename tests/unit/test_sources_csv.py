"""Bringing one's own metrics: layouts, units, periods, time zones, and what is refused, with its place."""

from __future__ import annotations

import gzip
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pydantic import ValidationError

from pipeline.errors import ConfigError, DataError, SourceError
from pipeline.interval import Interval
from pipeline.plugs import load

SOURCE = load("sources", "csv")
JANUARY = Interval.days("2026-01-01", "2026-02-01")


def written(folder: Path, text: str, name: str = "mine.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def rows(path: Path, interval: Interval = JANUARY, **options: Any) -> list[dict[str, Any]]:
    return [row for batch in SOURCE.fetch(interval, SOURCE.Options(path=path, **options)) for row in batch.data.to_pylist()]


LONG = """resource_id,metric,ts,value
i-1,cpu_utilization,2026-01-01T00:00:00Z,12.5
i-1,cpu_utilization,2026-01-01T00:05:00Z,13
i-1,cpu_utilization,2026-01-01T00:10:00Z,
"""


def test_a_long_file_lands_as_written_and_an_empty_cell_is_no_sample(tmp_path: Path) -> None:
    first, second = rows(written(tmp_path, LONG), unit="percent")
    assert first == {
        "source": "csv",
        "account": "local",
        "region": "local",
        "resource_id": "i-1",
        "metric": "cpu_utilization",
        "statistic": "Average",
        "period_s": 300,
        "ts": datetime.fromisoformat("2026-01-01"),
        "value": 12.5,
        "unit": "percent",
    }
    assert second["value"] == 13.0


def test_a_gzipped_file_and_a_byte_order_mark_read_alike(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv.gz"
    path.write_bytes(gzip.compress(("\ufeff" + LONG).encode()))
    assert rows(path, unit="percent") == rows(written(tmp_path, LONG), unit="percent")


def test_parquet_and_csv_of_the_same_samples_land_the_same_rows(tmp_path: Path) -> None:
    frame = pd.read_csv(written(tmp_path, LONG), parse_dates=["ts"])
    frame.to_parquet(tmp_path / "mine.parquet")
    assert rows(tmp_path / "mine.parquet", unit="percent") == rows(tmp_path / "mine.csv", unit="percent")


def test_a_unit_nobody_stated_is_refused_rather_than_guessed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unit of metric 'cpu_utilization' is not stated"):
        rows(written(tmp_path, LONG))


def test_a_ratio_stays_a_ratio_until_silver_converts_it(tmp_path: Path) -> None:
    text = "resource_id,metric,ts,value,unit\ni-1,cpu,2026-01-01,0.8,ratio\ni-1,cpu,2026-01-02,80,percent\n"
    found = rows(written(tmp_path, text))
    assert [(row["value"], row["unit"]) for row in found] == [(0.8, "ratio"), (80.0, "percent")]


def test_a_value_outside_its_unit_lands_for_silver_to_judge(tmp_path: Path) -> None:
    text = "resource_id,metric,ts,value\ni-1,cpu,2026-01-01,1.7\ni-1,cpu,2026-01-02,0.7\n"
    assert [row["value"] for row in rows(written(tmp_path, text), unit="ratio")] == [1.7, 0.7]


def test_an_unknown_unit_in_the_file_names_its_row(tmp_path: Path) -> None:
    text = "resource_id,metric,ts,value,unit\ni-1,cpu,2026-01-01,0.8,ratio\ni-1,cpu,2026-01-02,80,pct\n"
    with pytest.raises(DataError, match=r"row 2, column 'unit': expected a name like .*percent.* got 'pct'"):
        rows(written(tmp_path, text))


def test_a_wide_file_has_one_column_per_metric_each_with_its_unit(tmp_path: Path) -> None:
    text = "time,host,cpu,net,comment\n2026-01-01 00:00,web-1,0.5,10,x\n2026-01-01 01:00,web-1,,20,y\n"
    options = {"layout": "wide", "time_column": "time", "resource_column": "host", "units": {"cpu": "ratio", "net": "mbps"}}
    found = rows(written(tmp_path, text), **options)
    assert [(row["ts"].hour, row["metric"], row["value"], row["unit"]) for row in found] == [
        (0, "cpu", 0.5, "ratio"),
        (0, "net", 10.0, "mbps"),
        (1, "net", 20.0, "mbps"),
    ]
    assert {row["period_s"] for row in found} == {3600}


def test_a_wide_file_whose_metrics_are_not_named_reads_every_other_column(tmp_path: Path) -> None:
    path = written(tmp_path, "ts,resource_id,cpu,mem\n2026-01-01,a,1,2\n2026-01-02,a,3,4\n")
    assert [row["metric"] for row in rows(path, layout="wide", unit="percent")] == ["cpu", "mem", "cpu", "mem"]


def test_series_id_serves_where_there_is_no_resource_id(tmp_path: Path) -> None:
    path = written(tmp_path, LONG.replace("resource_id", "series_id"))
    assert {row["resource_id"] for row in rows(path, unit="percent")} == {"i-1"}


def test_the_export_of_one_machine_needs_no_column_naming_it(tmp_path: Path) -> None:
    path = written(tmp_path, "ts,cpu\n2026-01-01 00:00,1\n2026-01-01 00:01,2\n")
    found = rows(path, layout="wide", unit="percent", resource_id="web-1")
    assert [(row["resource_id"], row["value"], row["period_s"]) for row in found] == [("web-1", 1.0, 60), ("web-1", 2.0, 60)]


def test_cloudwatchs_own_unit_words_are_understood(tmp_path: Path) -> None:
    text = "resource_id,metric,ts,value,unit\ni-1,CPUUtilization,2026-01-01,8,Percent\ni-1,NetworkIn,2026-01-02,8,Bytes/Second\n"
    assert [row["unit"] for row in rows(written(tmp_path, text), period_s=300)] == ["Percent", "Bytes/Second"]


def test_a_parquet_file_of_categories_numbers_as_names_and_dates_reads_like_text(tmp_path: Path) -> None:
    frame = pd.DataFrame({"resource_id": [7, 7], "metric": ["cpu", "cpu"], "ts": ["2026-01-01", "2026-01-02"], "value": [1, 2]})
    frame = frame.assign(metric=frame["metric"].astype("category"), ts=pd.to_datetime(frame["ts"]).dt.date)
    frame.to_parquet(tmp_path / "mine.parquet")
    found = rows(tmp_path / "mine.parquet", unit="count")
    assert [(row["resource_id"], row["ts"].day, row["value"], row["period_s"]) for row in found] == [
        ("7", 1, 1.0, 86_400),
        ("7", 2, 2.0, 86_400),
    ]


@pytest.mark.parametrize(
    ("column", "values", "expected"),
    [
        ("resource_id", [["a"], ["b"]], "expected text, got list"),
        ("ts", [1767225600, 1767225660], "expected timestamps, got int64"),
        ("value", [True, False], "expected numbers, got bool"),
        ("value", [1.0, float("inf")], "row 2, column 'value': expected a finite number, got inf"),
        ("resource_id", ["a", None], "row 2, column 'resource_id': expected a name like .* got None"),
        ("ts", [pd.Timestamp("2026-01-01"), None], "row 2, column 'ts': expected a moment"),
    ],
)
def test_a_parquet_column_of_the_wrong_kind_is_refused(tmp_path: Path, column: str, values: list[Any], expected: str) -> None:
    good = {"resource_id": ["a", "b"], "metric": ["m", "m"], "ts": ["2026-01-01", "2026-01-02"], "value": [1, 2]}
    pd.DataFrame(good | {column: values}).to_parquet(tmp_path / "mine.parquet")
    with pytest.raises(DataError, match=expected):
        rows(tmp_path / "mine.parquet", unit="count")


def test_columns_of_the_file_win_over_options(tmp_path: Path) -> None:
    text = (
        "resource_id,metric,ts,value,unit,account,region,statistic,period_s\ni-1,cpu,2026-01-01,5,percent,42,eu-west-1,p95,60\n"
    )
    [row] = rows(written(tmp_path, text), account="other", statistic="Maximum")
    assert (row["account"], row["region"], row["statistic"], row["period_s"]) == ("42", "eu-west-1", "p95", 60)


def test_the_period_is_the_commonest_step_of_the_whole_file_whatever_interval_is_asked(tmp_path: Path) -> None:
    moments = [f"2026-01-01T00:{minute:02d}:00" for minute in (0, 5, 10, 30)] + ["2026-01-03T00:00:00"]
    text = "resource_id,metric,ts,value\n" + "".join(f"i-1,cpu,{moment},1\n" for moment in moments)
    [row] = rows(written(tmp_path, text), Interval.day("2026-01-03"), unit="percent")
    assert row["period_s"] == 300


def test_a_single_sample_has_no_period_until_it_is_stated(tmp_path: Path) -> None:
    path = written(tmp_path, "resource_id,metric,ts,value\ni-1,cpu,2026-01-01,1\n")
    with pytest.raises(DataError, match="state period_s"):
        rows(path, unit="percent")
    assert rows(path, unit="percent", period_s=60)[0]["period_s"] == 60


def test_offsets_are_honoured_and_local_time_is_converted_to_utc(tmp_path: Path) -> None:
    moments = ["2026-01-01T12:00:00+02:00", "2026-01-01 12:00:00+00", "2026-01-01T12:00:00.5-0100", "2026-01-01T12:00:00"]
    text = "resource_id,metric,ts,value\n" + "".join(f"i-1,cpu,{moment},{n}\n" for n, moment in enumerate(moments))
    found = rows(written(tmp_path, text), unit="percent", timezone="America/New_York")
    assert [(row["ts"].hour, row["value"]) for row in found] == [(10, 0.0), (12, 1.0), (13, 2.0), (17, 3.0)]


@pytest.mark.parametrize("moment", ["2026-11-01T01:30:00", "2026-03-08T02:30:00"])
def test_an_hour_that_the_clock_change_repeats_or_skips_is_refused(tmp_path: Path, moment: str) -> None:
    text = f"resource_id,metric,ts,value\ni-1,cpu,{moment},1\ni-1,cpu,2026-01-01T12:00:00,2\n"
    with pytest.raises(DataError, match=r"row 1, column 'ts': expected a moment that exists exactly once in America/New_York"):
        rows(written(tmp_path, text), unit="percent", timezone="America/New_York")


@pytest.mark.parametrize("moment", ["yesterday", "2026-13-01", "", "1767225600"])
def test_what_is_not_a_moment_is_refused_with_its_row(tmp_path: Path, moment: str) -> None:
    text = f"resource_id,metric,ts,value\ni-1,cpu,2026-01-01,1\ni-1,cpu,{moment},2\n"
    with pytest.raises(DataError, match=rf"mine.csv: row 2, column 'ts': expected a moment as in ISO 8601, got '{moment}'"):
        rows(written(tmp_path, text), unit="percent")


@pytest.mark.parametrize("value", ["high", "1,5", "inf", "-Infinity", "=1+1", "12 %", "0x1f"])
def test_what_is_not_a_finite_number_is_refused_with_its_row(tmp_path: Path, value: str) -> None:
    text = f'resource_id,metric,ts,value\ni-1,cpu,2026-01-01,1\ni-1,cpu,2026-01-02,"{value}"\n'
    with pytest.raises(DataError, match=r"mine.csv: row 2, column 'value': expected a finite number, got"):
        rows(written(tmp_path, text), unit="percent")


@pytest.mark.parametrize(
    "name", ["=cmd|'/C calc'!A0", "+1", "-1", "@SUM(A1)", "../../etc/passwd", "a b", "a;b", "", "x" * 256, "a\tb"]
)
def test_a_resource_that_could_be_a_formula_or_a_path_is_refused(tmp_path: Path, name: str) -> None:
    text = f'resource_id,metric,ts,value\ni-1,cpu,2026-01-01,1\n"{name}",cpu,2026-01-02,1\n'
    with pytest.raises(DataError, match=r"row 2, column 'resource_id': expected a name like"):
        rows(written(tmp_path, text), unit="percent")


def test_arns_and_load_balancer_names_are_plain_identifiers(tmp_path: Path) -> None:
    names = ["arn:aws:rds:us-east-1:123:db/x", "app/my-alb/50dc6c495c0c9188", "user@host+1"]
    text = "resource_id,metric,ts,value\n" + "".join(f"{name},cpu,2026-01-0{n},1\n" for n, name in enumerate(names, 1))
    assert [row["resource_id"] for row in rows(written(tmp_path, text), unit="percent", period_s=60)] == names


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("resource_id,ts,value\na,2026-01-01,1\n", r"no column \['metric'\]"),
        ("id,metric,ts,value\na,b,2026-01-01,1\n", r"no column \['resource_id'\]"),
        ("resource_id,metric,ts,ts,value\na,b,2026-01-01,2026-01-01,1\n", r"\['ts'\] occur more than once"),
        ("resource_id,metric,ts,value\na,b,2026-01-01,1,9\n", "Expected 4 columns, got 5"),
        ("", "expected a header row"),
    ],
)
def test_a_malformed_file_is_refused_by_name(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=f"mine.csv: .*{message}"):
        rows(written(tmp_path, text), unit="percent")


def test_a_file_with_only_a_header_has_no_samples(tmp_path: Path) -> None:
    assert rows(written(tmp_path, "resource_id,metric,ts,value\n"), unit="percent") == []


@pytest.mark.parametrize("name", ["absent.csv", "absent.parquet", "mine.xlsx"])
def test_a_file_that_cannot_be_read_is_the_sources_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceError, match=name):
        rows(tmp_path / name, unit="percent")


def test_a_file_that_is_not_what_its_name_says_is_refused(tmp_path: Path) -> None:
    for name in ("mine.parquet", "mine.csv.gz"):
        with pytest.raises((SourceError, DataError), match=name):
            rows(written(tmp_path, "resource_id,metric,ts,value\n", name), unit="percent")


def test_a_file_spans_the_whole_days_it_has_samples_of(tmp_path: Path) -> None:
    text = "resource_id,metric,ts,value\ni-1,cpu,2026-01-03T23:59:59,1\ni-1,cpu,2026-01-01T12:00:00,1\n"
    options = SOURCE.Options(path=written(tmp_path, text), unit="percent", period_s=60)
    assert SOURCE.span(options) == Interval.days("2026-01-01", "2026-01-04")
    empty = SOURCE.Options(path=written(tmp_path, "resource_id,metric,ts,value\n", "empty.csv"), unit="percent")
    with pytest.raises(DataError, match=r"empty.csv: no rows"):
        SOURCE.span(empty)


def test_a_file_that_changed_is_read_again(tmp_path: Path) -> None:
    path = written(tmp_path, LONG)
    assert len(rows(path, unit="percent")) == 2
    written(tmp_path, LONG + "i-2,cpu_utilization,2026-01-01T00:00:00Z,1\n")
    assert len(rows(path, unit="percent")) == 3


@pytest.mark.parametrize("option", [{"timezone": "Mars/Olympus"}, {"unit": "pct"}, {"period_s": 0}, {"statistic": "p9999"}])
def test_an_option_out_of_bounds_is_refused(tmp_path: Path, option: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(option))):
        SOURCE.Options(path=tmp_path / "mine.csv", **option)
