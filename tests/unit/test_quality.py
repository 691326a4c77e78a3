import gc
import json
import re
import weakref
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from pipeline import tables
from pipeline.errors import ConfigError, DataError
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.quality import _great_expectations
from pipeline.quality import validate as validation
from pipeline.quality.conform import conform
from pipeline.quality.data_docs import render_data_docs
from pipeline.quality.validate import EXPECTATIONS, expectations, validate
from pipeline.tables.usage import METRIC_HOURLY

DAY = Interval.day("2026-03-02")
TABLE = METRIC_HOURLY


def hour(**changed: Any) -> dict[str, Any]:
    row = {
        "series_id": "1/r/i-1/cpu_utilization",
        "account": "1",
        "region": "r",
        "resource_id": "i-1",
        "metric": "cpu_utilization",
        "unit": "percent",
        "hour": datetime(2026, 3, 2, 23),
        "mean": 40.0,
        "p50": 40.0,
        "p95": 50.0,
        "max": 60.0,
        "samples": 12,
        "saturated": None,
        "expected_samples": 12,
        "quality_flag": 0,
        "quality_score": 1.0,
        "sources": "csv",
    }
    return row | changed


def rows(*given: dict[str, Any]) -> pa.Table:
    schema = pa.schema([f for f in TABLE.arrow_schema if f.name not in ("day", "bucket")])
    return pa.Table.from_pylist(list(given), schema=schema)


def test_a_check_finds_the_same_where_configurations_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    data = conform(rows(hour(), hour(series_id="1/r/i-2/cpu_utilization", mean=99.0, p50=-1.0)), TABLE, DAY)
    remembered, shown = validation.run_expectations(data, TABLE, DAY)
    monkeypatch.setattr("pipeline.quality._great_expectations.remember_configurations", nullcontext)

    plain, shown_plain = validation.run_expectations(data, TABLE, DAY)

    assert not all(each.success for each in plain)
    assert remembered == plain
    outcomes = [
        [(each["success"], each["expectation_config"], each["result"]) for each in it["results"]] for it in (shown, shown_plain)
    ]
    assert str(outcomes[0]).replace(shown["results"][0]["expectation_config"]["kwargs"]["batch_id"], "") == str(
        outcomes[1]
    ).replace(shown_plain["results"][0]["expectation_config"]["kwargs"]["batch_id"], "")


def test_a_later_check_of_a_table_says_of_other_rows_and_another_day_what_the_first_check_of_a_process_would(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    next_day = Interval.day("2026-03-03")
    right, wrong = hour(), hour(series_id="1/r/i-2/cpu_utilization", mean=99.0, p50=-1.0, resource_id="a b")
    asked = [
        (conform(rows(right), TABLE, DAY), DAY),
        (conform(rows(right, wrong), TABLE, DAY), DAY),
        (conform(rows(right, wrong), TABLE, DAY), next_day),
        (conform(rows(), TABLE, DAY), DAY),
        (conform(rows(right), TABLE, DAY), DAY),
    ]
    later = [validation.run_expectations(data, TABLE, day) for data, day in asked]
    monkeypatch.setattr("pipeline.quality._great_expectations.remember_configurations", nullcontext)

    first = [validation.run_expectations(data, TABLE, day) for data, day in asked]

    assert [said for said, _ in later] == [said for said, _ in first]
    assert {each.success for each in later[1][0]} == {True, False}
    assert later[1][0] != later[2][0]
    for (_, shown), (_, plain) in zip(later, first, strict=True):
        # When the rows were handed over.
        shown["meta"]["batch_markers"] = plain["meta"]["batch_markers"] = None
        assert json.dumps(shown, sort_keys=True) == json.dumps(plain, sort_keys=True)


def test_what_an_expectation_needs_is_worked_out_at_the_first_check_of_a_process_only(monkeypatch: pytest.MonkeyPatch) -> None:
    validation.run_expectations(conform(rows(hour()), TABLE, DAY), TABLE, DAY)
    monkeypatch.setattr(_great_expectations, "_plan", lambda *_: pytest.fail("worked out again"))

    results, _ = validation.run_expectations(conform(rows(hour(max=10.0)), TABLE, DAY), TABLE, DAY)

    assert any("cannot lie below its mean" in each.note for each in results if not each.success)


def test_what_is_kept_of_a_check_for_the_next_holds_none_of_its_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    frames: list[weakref.ref[Any]] = []

    def remember(data: pa.Table) -> Any:
        frame = data.to_pandas()
        frames.append(weakref.ref(frame))
        return frame

    monkeypatch.setattr(validation, "_frame", remember)
    monkeypatch.setattr(_great_expectations, "_plans", OrderedDict())

    validation.run_expectations(conform(rows(hour()), TABLE, DAY), TABLE, DAY)
    gc.collect()

    assert [frame() for frame in frames] == [None]
    assert _great_expectations._plans


def test_checks_of_several_threads_say_each_what_it_says_alone() -> None:
    right = conform(rows(hour()), TABLE, DAY)
    wrong = right.set_column(right.column_names.index("mean"), "mean", pa.array([1e9] * right.num_rows))
    alone = [validation.run_expectations(data, TABLE, DAY)[0] for data in (right, wrong)]

    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(lambda number: validation.run_expectations((right, wrong)[number % 2], TABLE, DAY)[0], range(12)))

    assert alone[0] != alone[1]
    assert said == alone * 6


def test_a_check_that_failed_leaves_no_rows_in_the_way_of_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    data = conform(rows(hour()), TABLE, DAY)
    with monkeypatch.context() as patch:
        patch.setattr(validation, "_result", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            validation.run_expectations(data, TABLE, DAY)

    results, _ = validation.run_expectations(data, TABLE, DAY)

    assert results


def test_a_pattern_is_asked_of_each_word_once_and_every_row_that_breaks_it_counts() -> None:
    wrong = [hour(series_id=f"1/r/i-{number}/x", resource_id="a b") for number in range(3)]

    results, _ = validation.run_expectations(conform(rows(hour(), *wrong), TABLE, DAY), TABLE, DAY)

    [of_resource] = [each for each in results if each.subject == "resource_id" and "regex" in each.rule]
    [of_account] = [each for each in results if each.subject == "account" and "regex" in each.rule]
    assert (of_resource.success, of_resource.failed_rows, of_resource.rows) == (False, 3, 4)
    assert "a b" in of_resource.note
    assert of_account.success


def test_partition_and_bucket_follow_from_time_and_series() -> None:
    [row] = conform(rows(hour()), TABLE, DAY).to_pylist()

    assert row["day"] == datetime(2026, 3, 2).date()
    assert 0 <= row["bucket"] < 64


def test_nanoseconds_are_refused_with_table_interval_column_and_value() -> None:
    table = rows(hour())
    fine = table.set_column(6, "hour", table["hour"].cast(pa.timestamp("ns")))

    with pytest.raises(DataError, match=r"silver\.metric_hourly \[2026-03-02.*column hour is timestamp\[ns\] \(such as .*2026"):
        conform(fine, TABLE, DAY)


def test_a_frame_finer_than_microseconds_is_refused_instead_of_truncated() -> None:
    frame = pd.DataFrame([hour(hour=pd.Timestamp("2026-03-02 23:00:00.000000001"))])

    with pytest.raises(DataError, match="column hour is finer than microseconds"):
        conform(frame, TABLE, DAY)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"surprise": 1}, r"unknown columns \['surprise'\]"),
        ({"samples": "twelve"}, r"column samples is string \(such as 'twelve'\), expected int64"),
        ({"samples": 1.5}, r"column samples is double \(such as 1.5\), expected int64"),
        ({"unit": None}, r"column unit is null in 1 rows \(first: row 0\)"),
        ({"p95": float("inf")}, r"column p95 is inf in row 0; expected a finite number"),
    ],
)
def test_what_the_declaration_forbids_is_refused_by_name_and_value(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(DataError, match=r"silver\.metric_hourly \[2026-03-02.*" + complaint):
        conform(pa.Table.from_pylist([hour(**change)]), TABLE, DAY)


def test_a_missing_column_is_refused_by_name() -> None:
    with pytest.raises(DataError, match=r"missing columns \['mean'\]"):
        conform(rows(hour()).drop_columns(["mean"]), TABLE, DAY)


def test_a_frames_missing_number_is_a_null_and_never_a_nan() -> None:
    frame = pd.DataFrame([hour(mean=float("nan")), hour(hour=datetime(2026, 3, 2, 22))])

    assert conform(frame, TABLE, DAY)["mean"].to_pylist() == [None, 40.0]


def test_a_critical_expectation_stops_the_write_and_is_recorded(lake: Lake) -> None:
    wrong = conform(rows(hour(max=10.0)), TABLE, DAY)

    with pytest.raises(
        DataError, match=r"silver\.metric_hourly \[2026-03-02.* critical expectations failed: .*cannot lie below its mean"
    ):
        validate(wrong, TABLE, DAY, lake)

    recorded = lake.query("SELECT rule, rows, failed_rows FROM silver.check_result WHERE NOT success AND severity = 'critical'")
    assert {row["failed_rows"] for row in recorded.to_pylist()} == {1}
    assert not lake.exists(TABLE)


def test_a_stopped_write_leaves_a_page_that_shows_what_failed_and_says_where(lake: Lake) -> None:
    with pytest.raises(DataError) as stopped:
        validate(conform(rows(hour(max=10.0)), TABLE, DAY), TABLE, DAY, lake)

    index = Path(lake.settings.report_address(DAY.as_of, "data_docs/index.html"))
    assert str(index) in str(stopped.value)
    assert "silver.metric_hourly" in index.read_text()
    assert "cannot lie below its mean" in index.read_text()
    assert "✗ stopped" in index.read_text()


def test_the_data_docs_load_nothing_and_write_what_the_data_says_as_text() -> None:
    nasty = "<img src=x onerror=alert(1)>"
    config = {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "state"}, "notes": "One of the words."}
    found = {"element_count": 2, "unexpected_count": 1, "partial_unexpected_list": [nasty]}
    outcome = {"results": [{"success": False, "expectation_config": config, "result": found, "exception_info": {}}]}

    text = render_data_docs({"silver.resource.json": json.dumps(outcome).encode()}, DAY.as_of)

    assert "&lt;img src=x onerror=alert(1)&gt;" in text
    assert not re.search(r"<img|<script|<link|src=['\"]|https?://", text)
    assert "default-src 'none'" in text


def test_a_warning_is_recorded_and_lets_the_rows_pass(lake: Lake) -> None:
    stale = conform(rows(hour(hour=datetime(2026, 3, 2, 5))), TABLE, DAY)

    assert validate(stale, TABLE, DAY, lake) is stale

    [row] = lake.query("SELECT subject, severity, note FROM silver.check_result WHERE NOT success").to_pylist()
    assert (row["subject"], row["severity"]) == ("hour", "warning")
    assert "the source is stale" in row["note"]


def test_a_repeated_key_counts_something_twice_and_is_refused(lake: Lake) -> None:
    twice = conform(rows(hour(), hour()), TABLE, DAY)

    with pytest.raises(DataError, match="a repeated key counts something twice"):
        validate(twice, TABLE, DAY, lake)


def test_an_expectation_that_raises_counts_as_failed(lake: Lake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "silver").mkdir()
    broken = {"type": "expect_column_max_to_be_between", "severity": "critical", "kwargs": {"column": "nowhere", "max_value": 1}}
    suite = {"name": TABLE.name, "expectations": [broken | {"notes": "n"}]}
    (tmp_path / "silver" / "metric_hourly.json").write_text(json.dumps(suite))
    monkeypatch.setattr(validation, "EXPECTATIONS", tmp_path)

    with pytest.raises(DataError, match="could not be evaluated: .*nowhere"):
        validate(conform(rows(hour()), TABLE, DAY), TABLE, DAY, lake)


@pytest.mark.parametrize(
    ("text", "complaint"), [("{", "is not JSON"), ('{"name": "silver.other"}', "expected 'silver.metric_hourly'")]
)
def test_a_broken_expectation_file_is_a_configuration_error(
    text: str, complaint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "silver").mkdir()
    (tmp_path / "silver" / "metric_hourly.json").write_text(text)
    monkeypatch.setattr(validation, "EXPECTATIONS", tmp_path)

    with pytest.raises(ConfigError, match=complaint):
        expectations(TABLE)


@pytest.mark.parametrize("path", sorted(EXPECTATIONS.glob("*/*.json")), ids=lambda path: path.stem)
def test_every_shipped_expectation_is_about_columns_that_exist_and_tells_the_person_on_call_what_it_means(path: Path) -> None:
    table = tables.get(f"{path.parent.name}.{path.stem}")
    known = {column.name for column in table.all_columns}

    for expectation in json.loads(path.read_text())["expectations"]:
        named = {value for name, value in expectation["kwargs"].items() if name in ("column", "column_A", "column_B")}
        assert named <= known
        assert expectation["severity"] in ("critical", "warning")
        assert expectation["notes"].endswith(".")
