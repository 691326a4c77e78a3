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
EXPORTS = Path(__file__).resolve().parents[1] / "data" / "exports"
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
    with pytest.raises(DataError, match=r"line 3, column 'unit': expected one of percent, %.* got 'pct'"):
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
        ("ts", [1767225600, 1767225660], "row 1, column 'ts': expected a moment .* state time_format=epoch_s"),
        ("value", [True, False], "expected numbers, got bool"),
        ("value", [1.0, float("inf")], "row 2, column 'value': expected a finite number, got inf"),
        ("resource_id", ["a", None], "row 2, column 'resource_id': expected a name, got None"),
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
    with pytest.raises(DataError, match=r"line 2, column 'ts': expected a moment that exists exactly once in America/New_York"):
        rows(written(tmp_path, text), unit="percent", timezone="America/New_York")


@pytest.mark.parametrize("moment", ["yesterday", "2026-13-01", "", "1767225600"])
def test_what_is_not_a_moment_is_refused_with_its_row(tmp_path: Path, moment: str) -> None:
    text = f"resource_id,metric,ts,value\ni-1,cpu,2026-01-01,1\ni-1,cpu,{moment},2\n"
    with pytest.raises(DataError, match=rf"mine.csv: line 3, column 'ts': expected a moment as in ISO 8601, got '{moment}'"):
        rows(written(tmp_path, text), unit="percent")


@pytest.mark.parametrize("value", ["high", "1,5", "inf", "-Infinity", "=1+1", "0x1f", "1,090.9", "20 ms"])
def test_what_is_not_a_finite_number_is_refused_with_its_row(tmp_path: Path, value: str) -> None:
    text = f'resource_id,metric,ts,value\ni-1,cpu,2026-01-01,1\ni-1,cpu,2026-01-02,"{value}"\n'
    with pytest.raises(DataError, match=r"mine.csv: line 3, column 'value': expected a (finite )?number.*, got"):
        rows(written(tmp_path, text), unit="percent")


@pytest.mark.parametrize(
    "name", ["=cmd|'/C calc'!A0", "+1", "-1", "@SUM(A1)", "../../etc/passwd", "a b", "a;b", "", "x" * 256, "a\tb"]
)
def test_a_resource_that_could_be_a_formula_or_a_path_is_refused(tmp_path: Path, name: str) -> None:
    text = f'resource_id,metric,ts,value\ni-1,cpu,2026-01-01,1\n"{name}",cpu,2026-01-02,1\n'
    with pytest.raises(DataError, match=r"line 3, column 'resource_id': expected a (plain )?name"):
        rows(written(tmp_path, text), unit="percent")


def test_arns_and_load_balancer_names_are_plain_identifiers(tmp_path: Path) -> None:
    names = ["arn:aws:rds:us-east-1:123:db/x", "app/my-alb/50dc6c495c0c9188", "user@host+1"]
    text = "resource_id,metric,ts,value\n" + "".join(f"{name},cpu,2026-01-0{n},1\n" for n, name in enumerate(names, 1))
    assert [row["resource_id"] for row in rows(written(tmp_path, text), unit="percent", period_s=60)] == names


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("resource_id,metric,ts,ts,value\na,b,2026-01-01,2026-01-01,1\n", r"\['ts'\] occur more than once"),
        (
            "resource_id,metric,ts,value\na,b,2026-01-01,1,9\n",
            "line 2 has 5 cells, expected 4 as in the header; separated by `,`",
        ),
        ("", "expected a header row"),
    ],
)
def test_a_malformed_file_is_refused_by_name(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=f"mine.csv: .*{message}"):
        rows(written(tmp_path, text), unit="percent")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("resource_id,ts,value\na,2026-01-01,1\n", r"nothing names the metric of 'a'; state metric_column or metric;"),
        ("id,metric,ts,value\na,b,2026-01-01,1\n", r"nothing names the resource of 'b'; state resource_column or resource_id;"),
        ("host,metric,date,time,value\na,b,2026-01-01,01:00,1\n", r"which column is meant, 'date' or 'time'\? state time_column"),
        ("host,node,metric,ts,value\na,n,b,2026-01-01,1\n", r"which column is meant, 'host' or 'node'\? state resource_column"),
        ("Time,web-1\n2026-01-01,1\n", r"column 'web-1': is that a metric or a resource\? .* state resource_id; .* metric"),
        ('Time,"{job=""a"",pod=""b""}"\n2026-01-01,1\n', r"names the resource\? state resource_label"),
        ("Time,cpu a\n2026-01-01,1%\n", r"is that a metric or a resource"),
    ],
)
def test_what_only_its_owner_knows_of_a_file_is_asked_for_by_the_options_name(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=f"mine.csv: .*{message}"):
        rows(written(tmp_path, text), unit="percent")


@pytest.mark.parametrize("time", ["timestamp", "time", "Date", "@timestamp", "ts", "datetime"])
def test_one_column_of_time_is_taken_under_its_usual_names(tmp_path: Path, time: str) -> None:
    [row] = rows(written(tmp_path, f"{time},host,cpu\n2026-01-01 00:05,web-1,3\n"), unit="percent", period_s=60)
    assert (row["ts"].minute, row["resource_id"], row["metric"]) == (5, "web-1", "cpu")


def test_no_message_about_a_file_shows_a_pattern(tmp_path: Path) -> None:
    for bad in ("a b,cpu,2026-01-01,1,percent", "a,1cpu,2026-01-01,1,percent", "a,cpu,2026-01-01,1,%%"):
        with pytest.raises(DataError) as failure:
            rows(written(tmp_path, f"resource_id,metric,ts,value,unit\n{bad}\n"))
        assert not set("[^*?\\") & set(str(failure.value).partition(" expected ")[2])


def test_a_line_is_counted_as_an_editor_counts_it_blank_lines_and_line_breaks_in_cells_included(tmp_path: Path) -> None:
    text = 'sep=;\nresource_id;metric;ts;value;note\n\ni-1;cpu;2026-01-01;1;"two\nlines"\ni-1;cpu;2026-01-02;high;x\n'
    with pytest.raises(DataError, match=r"mine.csv \(separated by `;`, decimal point\): line 6, column 'value': .* got 'high'"):
        rows(written(tmp_path, text), unit="percent")


def test_cells_that_hold_nothing_are_counted_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    text = "ts,resource_id,cpu,mem\n2026-01-01,a,NaN,2\n2026-01-02,a,null,\n2026-01-03,a,n/a,3\n"
    found = rows(written(tmp_path, text), unit="percent", period_s=60)
    assert [row["value"] for row in found] == [2.0, 3.0]
    assert caplog.messages == [f"{tmp_path / 'mine.csv'}: 4 of 6 values are empty, null or NaN, and no samples"]


@pytest.mark.parametrize(
    ("text", "value"),
    [("12,5", 12.5), ("-0,25", -0.25), ("1,5e1", 15.0), ("7", 7.0)],
)
def test_a_file_separated_by_semicolons_has_decimal_commas_where_they_can_be_nothing_else(
    tmp_path: Path, text: str, value: float
) -> None:
    lines = f"resource_id;metric;ts;value\ni-1;cpu;2026-01-01 00:00;{text}\ni-1;cpu;2026-01-01 00:05;0,5\n"
    assert [row["value"] for row in rows(written(tmp_path, lines), unit="percent")] == [value, 0.5]


def test_samples_of_one_moment_land_and_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    text = LONG + "i-1,cpu_utilization,2026-01-01T00:00:00Z,14\ni-2,cpu_utilization,2026-01-01T00:00:00Z,14\n"
    assert len(rows(written(tmp_path, text), unit="percent")) == 4
    assert "1 samples stand beside another of their series and moment; silver keeps one" in caplog.text


def test_a_comma_that_may_be_a_decimal_or_of_thousands_is_not_guessed(tmp_path: Path) -> None:
    path = written(tmp_path, "resource_id;metric;ts;value\ni-1;cpu;2026-01-01;1,234\n")
    with pytest.raises(DataError, match=r"line 2, column 'value': .* got '1,234'; state decimal=comma"):
        rows(path, unit="percent", period_s=60)
    assert rows(path, unit="percent", period_s=60, decimal="comma")[0]["value"] == 1.234


def test_signs_of_percent_state_the_unit_unless_some_cells_have_none_or_another_is_stated(tmp_path: Path) -> None:
    path = written(tmp_path, "resource_id,metric,ts,value\ni-1,cpu,2026-01-01,12.5%\ni-1,cpu,2026-01-02,7 %\n")
    assert [(row["value"], row["unit"]) for row in rows(path)] == [(12.5, "percent"), (7.0, "percent")]
    with pytest.raises(ConfigError, match="have %, and their unit is said to be ratio"):
        rows(path, unit="ratio")
    mixed = written(tmp_path, "resource_id,metric,ts,value\ni-1,cpu,2026-01-01,12.5%\ni-1,cpu,2026-01-02,0.07\n", "mixed.csv")
    with pytest.raises(DataError, match="line 3, column 'value': expected a number with % as in the other cells, got '0.07'"):
        rows(mixed)


@pytest.mark.parametrize("unit", ["%", "ms", "s"])
def test_units_are_stated_as_people_write_them(tmp_path: Path, unit: str) -> None:
    path = written(tmp_path, f"resource_id,metric,ts,value,unit\ni-1,m,2026-01-01,5,{unit}\n")
    assert rows(path, period_s=60)[0]["unit"] == unit
    assert rows(written(tmp_path, LONG), unit=unit)[0]["unit"] == unit


@pytest.mark.parametrize(("form", "factor"), [("epoch_s", 1), ("epoch_ms", 1_000), ("epoch_us", 1_000_000)])
def test_counts_since_1970_are_read_by_the_unit_that_is_stated_and_by_no_other(tmp_path: Path, form: str, factor: int) -> None:
    moment = 1_767_225_600 * factor
    path = written(tmp_path, f"resource_id,metric,ts,value\ni-1,cpu,{moment},1\n")
    with pytest.raises(DataError, match=rf"line 2, column 'ts': .* got '{moment}'; if .* state time_format={form}"):
        rows(path, unit="percent", period_s=60)
    assert rows(path, unit="percent", period_s=60, time_format=form)[0]["ts"] == datetime.fromisoformat("2026-01-01")
    for other in {"epoch_s", "epoch_ms", "epoch_us"} - {form}:
        with pytest.raises(DataError, match=rf"expected a moment of 2000 to 2099 as {other}, got '{moment}'"):
            rows(path, unit="percent", period_s=60, time_format=other)
    pd.DataFrame({"resource_id": ["i-1"], "metric": ["cpu"], "ts": [moment], "value": [1]}).to_parquet(tmp_path / "mine.parquet")
    assert rows(tmp_path / "mine.parquet", unit="percent", period_s=60, time_format=form)[0]["ts"].year == 2026


AUTUMN = "resource_id,metric,ts,value\n" + "".join(
    f"i-1,cpu,2026-{moment},{n}\n" for n, moment in enumerate(["03-29 02:30", "10-25 02:30", "10-25 03:30"])
)


@pytest.mark.parametrize(("choice", "hours"), [("first", [0, 2]), ("second", [1, 2]), ("drop", [2])])
def test_the_hour_that_the_clock_change_repeats_is_the_first_the_second_or_dropped_as_stated(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, choice: str, hours: list[int]
) -> None:
    whole, autumn = written(tmp_path, AUTUMN), written(tmp_path, AUTUMN.replace("i-1,cpu,2026-03-29 02:30,0\n", ""), "autumn.csv")
    october = Interval.days("2026-10-01", "2026-11-01")
    stated = {"unit": "percent", "period_s": 60, "timezone": "Europe/Berlin", "ambiguous": choice}
    assert [row["ts"].hour for row in rows(autumn, october, **stated)] == hours
    if choice == "drop":
        assert rows(whole, october, **stated) == rows(autumn, october, **stated)
        assert "2 rows in hours that a clock change repeats or skips are dropped" in caplog.text
    else:
        with pytest.raises(DataError, match="line 2, column 'ts': expected a moment that exists exactly once"):
            rows(whole, october, **stated)


# ---------------------------------------------------------------- exports that people have


def test_what_cloudwatchs_console_exports_is_read_by_its_full_labels() -> None:
    found = rows(EXPORTS / "cloudwatch_console.csv", Interval.day("2026-02-14"))
    assert len(found) == 72
    cpu, network = found[:2]
    assert (cpu["resource_id"], cpu["metric"], cpu["statistic"], cpu["period_s"]) == (
        "i-0123456789abcdef0", "CPUUtilization", "Average", 300,
    )  # fmt: skip
    assert (cpu["region"], cpu["unit"], cpu["value"], cpu["ts"].hour) == ("us-east-1", "Percent", 10.389975, 15)
    assert (network["metric"], network["statistic"], network["unit"], network["value"]) == ("NetworkIn", "Sum", "Bytes", 84125.1)


def test_a_resource_of_the_console_is_called_as_the_source_cloudwatch_calls_it_and_an_expression_is_refused(
    tmp_path: Path,
) -> None:
    text = (EXPORTS / "cloudwatch_console.csv").read_text()
    database = text.replace(
        "AWS/EC2 InstanceId:i-0123456789abcdef0 NetworkIn Sum", "AWS/RDS DBInstanceIdentifier:shop CPUUtilization Average"
    )
    assert {row["resource_id"] for row in rows(written(tmp_path, database), Interval.day("2026-02-14"))} == {
        "i-0123456789abcdef0", "db:shop",
    }  # fmt: skip
    expression = text.replace("us-east-1:AWS/EC2 InstanceId:i-0123456789abcdef0 NetworkIn Sum 300", "m1 / 2")
    with pytest.raises(DataError, match="the label of column 'm2' names no resource, metric, statistic and period"):
        rows(written(tmp_path, expression, "expression.csv"))


@pytest.mark.parametrize(
    ("name", "options", "samples", "first"),
    [
        ("grafana_sep_line", {"metric": "cpu_utilization", "unit": "percent"}, 36, ("web-1", "cpu_utilization", 20.03, 13)),
        ("grafana_series_semicolon_bom", {"metric": "cpu_utilization", "unit": "%"}, 35, ("web-1", "cpu_utilization", 20.85, 13)),
        ("grafana_formatted", {"series": "{metric} {resource}", "timezone": "Europe/Berlin"}, 36, ("web-1", "cpu", 20.3, 14)),
    ],
)
def test_what_grafana_exports_is_read_once_it_is_said_what_its_columns_are(
    name: str, options: dict[str, Any], samples: int, first: tuple[Any, ...]
) -> None:
    found = rows(EXPORTS / f"{name}.csv", Interval.day("2026-02-14"), **options)
    assert len(found) == samples
    assert (found[0]["resource_id"], found[0]["metric"], found[0]["value"], found[0]["ts"].hour) == first


@pytest.mark.parametrize(
    ("header", "resources", "metrics"),
    [
        ('"cpu{instance=""web-1"", job=""n""}","cpu{instance=""web-2:9100"", job=""n""}"', ["web-1", "web-2:9100"], ["cpu"]),
        ('"{__name__=""cpu"",pod=""a""}","{__name__=""mem"",pod=""a""}"', ["a", "a"], ["cpu", "mem"]),
        ('"avg:system.cpu.user{host:web-1}","avg:system.cpu.user{host:web-2,env:prod}"', ["web-1", "web-2"], ["system.cpu.user"]),
    ],
)  # fmt: skip
def test_labels_of_columns_as_prometheus_and_datadog_write_them_name_resource_and_metric(
    tmp_path: Path, header: str, resources: list[str], metrics: list[str]
) -> None:
    found = rows(written(tmp_path, f"Time,{header}\n2026-01-01 00:00,1,2\n2026-01-01 00:05,3,4\n"), unit="percent")
    assert [row["resource_id"] for row in found[:2]] == resources
    assert sorted({row["metric"] for row in found}) == metrics


def test_the_long_export_of_prometheus_needs_no_option_but_the_unit(tmp_path: Path) -> None:
    [row] = rows(
        written(tmp_path, "name,timestamp,value,instance,job\nload,2026-01-01T00:00:00Z,2,web-1,node\n"),
        unit="count",
        period_s=60,
    )
    assert (row["resource_id"], row["metric"], row["value"]) == ("web-1", "load", 2.0)


def test_columns_that_would_be_one_series_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, 'Time,"{host=""a"",cpu=""0""}","{host=""a"",cpu=""1""}"\n2026-01-01,1,2\n')
    with pytest.raises(DataError, match="are all busy of a; state series, or leave all but one out"):
        rows(path, metric="busy", unit="percent")


def test_moments_are_read_in_the_ways_that_people_write_them_and_a_year_or_a_month_is_no_day(tmp_path: Path) -> None:
    found = rows(EXPORTS / "ts_variants.csv", Interval.day("2026-03-01"))
    assert [row["ts"].minute for row in found] == list(range(0, 40, 5))
    for moment in ("2026", "2026-03"):
        with pytest.raises(
            DataError, match=f"line 2, column 'ts': expected a moment as in ISO 8601, got '{moment}', which is no day"
        ):
            rows(written(tmp_path, f"resource_id,metric,ts,value\ni,m,{moment},1\n"), unit="count", period_s=60)
    utc = written(tmp_path, "resource_id,metric,ts,value\ni,m,2026-01-01 00:10:00 UTC,1\n", "utc.csv")
    assert rows(utc, unit="count", period_s=60, timezone="Asia/Tokyo")[0]["ts"] == datetime(2026, 1, 1, 0, 10)


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


def test_each_series_has_a_period_of_its_own_so_that_basic_beside_detailed_monitoring_keeps_its_rate(tmp_path: Path) -> None:
    moments = {"i-detailed": range(60), "i-basic": range(0, 60, 5), "i-once": [0]}
    lines = [f"{name},NetworkIn,2026-01-01T00:{minute:02d}:00,300\n" for name, each in moments.items() for minute in each]
    found = rows(written(tmp_path, "resource_id,metric,ts,value\n" + "".join(lines)), unit="bytes")
    assert {(row["resource_id"], row["period_s"]) for row in found} == {("i-detailed", 60), ("i-basic", 300), ("i-once", 60)}
