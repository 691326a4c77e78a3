"""Data sets of others, by a stated mapping: what their rows become, and what becomes of those that cannot be read."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from pipeline import plugs
from pipeline.errors import ConfigError, DataError
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.settings import Settings, load
from pipeline.sources import trace as source
from pipeline.steps.build import build
from pipeline.steps.ingest import ingest

MADE_UP = Path(__file__).resolve().parents[1] / "data" / "presets"
DAY = Interval.day("2026-03-02")
HOST = {
    "time_column": "at",
    "period_s": 60,
    "resource_columns": ["host"],
    "metrics": {"busy": {"metric": "cpu_utilization", "unit": "ratio"}},
}


def fetched(interval: Interval = DAY, **given: object) -> pd.DataFrame:
    batches = list(source.fetch(interval, plugs.check_options("sources", "trace", given)))
    return pd.concat([each.data.to_pandas() for each in batches]) if batches else pd.DataFrame()


def write(folder: Path, *lines: str) -> str:
    file = folder / "host.csv"
    file.write_text("\n".join(lines) + "\n")
    return str(file)


def test_azures_readings_are_the_mean_the_peak_and_the_least_of_five_minutes_in_percent() -> None:
    rows = fetched(path=str(MADE_UP / "azure_2019.csv"), preset="azure_2019", origin="2026-03-02")

    machine = rows[rows["resource_id"].str.startswith("no9/")]
    first = machine[machine["ts"] == "2026-03-02"].set_index("statistic")["value"].to_dict()
    assert first == {"Average": 12.0, "Maximum": 20.4, "Minimum": 7.2}
    assert set(rows["metric"]) == {"cpu_utilization"}
    assert set(rows["unit"]) == {"percent"}
    assert set(rows["period_s"]) == {300}
    assert rows["resource_id"].nunique() == 3


def test_on_which_day_azures_trace_began_is_not_guessed() -> None:
    with pytest.raises(ConfigError, match="the publisher does not say on which day the trace began: expected origin"):
        fetched(path=str(MADE_UP / "azure_2019.csv"), preset="azure_2019")


def test_googles_tasks_have_shares_of_the_largest_machine_at_the_moments_of_the_trace() -> None:
    rows = fetched(Interval.day("2019-05-01"), path=str(MADE_UP / "google_2019.csv"), preset="google_2019")

    assert rows["ts"].min() == pd.Timestamp("2019-05-01T07:00")
    assert sorted(set(rows["resource_id"])) == ["375000000001/0", "375000000001/1"]
    assert sorted(set(rows["metric"])) == ["cpu_of_largest_machine", "memory_of_largest_machine"]
    assert set(rows["unit"]) == {"ratio"}
    # The last window of the second task ended before five minutes were over.
    assert rows.groupby("resource_id")["period_s"].last().to_dict() == {"375000000001/0": 300, "375000000001/1": 120}


def test_a_parquet_file_may_have_googles_usage_as_structs(tmp_path: Path) -> None:
    flat = pd.read_csv(MADE_UP / "google_2019.csv")
    used = {
        f"{what}_usage": [
            {"cpus": cpus, "memory": memory}
            for cpus, memory in zip(flat[f"{what}_usage.cpus"], flat[f"{what}_usage.memory"], strict=True)
        ]
        for what in ("average", "maximum")
    }
    names = ["start_time", "end_time", "collection_id", "instance_index", "collection_type"]
    table = pa.table({name: flat[name].to_list() for name in names} | {name: pa.array(each) for name, each in used.items()})
    pa.parquet.write_table(table, tmp_path / "usage.parquet")

    day, preset = Interval.day("2019-05-01"), "google_2019"
    nested = fetched(day, path=str(tmp_path / "usage.parquet"), preset=preset)

    pd.testing.assert_frame_equal(nested, fetched(day, path=str(MADE_UP / "google_2019.csv"), preset=preset))


def test_a_factor_turns_what_is_counted_into_the_stated_unit(tmp_path: Path) -> None:
    path = write(tmp_path, "at,host,busy", "2026-03-02T00:00,a,250", "2026-03-02T00:01,a,")
    metrics = {"busy": {"metric": "cpu_utilization", "unit": "ratio", "factor": 0.001}}

    rows = fetched(path=path, **HOST | {"metrics": metrics})

    assert rows["value"].tolist() == [0.25]


def test_a_row_without_a_moment_is_left_out_and_too_many_of_them_are_an_error_with_the_first_line(tmp_path: Path) -> None:
    path = write(tmp_path, "at,host,busy", "2026-03-02T00:00,a,0.5", "yesterday,a,0.5", "2026-03-02T00:01,a,0.5")

    assert len(fetched(path=path, undated_limit=0.5, **HOST)) == 2
    with pytest.raises(DataError, match=r"host\.csv: line 3, column 'at': expected a moment .*; 1 of 3 rows have none"):
        fetched(path=path, **HOST)


def test_of_rows_without_a_moment_those_of_the_resources_that_are_asked_for_count_alone(tmp_path: Path) -> None:
    others = [f"2026-03-02T00:{minute:02d},b,0.5" for minute in range(30)]
    path = write(tmp_path, "at,host,busy", "yesterday,a,0.5", *others)

    with pytest.raises(DataError, match="1 of 1 rows have none"):
        fetched(path=path, **HOST | {"where": {"host": ["a"]}})


def test_what_is_no_number_has_no_resource_or_lies_out_of_bounds_is_quarantined(
    tmp_path: Path, lake: Lake, settings: Settings
) -> None:
    good = [f"2026-03-02T{n // 60:02d}:{n % 60:02d},a,0.5" for n in range(3, 103)]
    odd = ["2026-03-02T00:00,a,broken", "2026-03-02T00:01,,0.5", "2026-03-02T00:02,a,1.5"]
    options = {"trace": {"path": write(tmp_path, "at,host,busy", *odd, *good), **HOST}}
    chosen = load({}, home=settings.home, options={"sources": options})

    assert ingest(DAY, lake, chosen, target="trace") == 103
    build(DAY, lake, chosen, target="silver.quarantine")

    refused = lake.query("SELECT rule FROM silver.quarantine ORDER BY rule").to_pydict()["rule"]
    assert refused == ["bad_identifier", "not_finite", "out_of_bounds"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"time_column": ""}, "expected time_column, or a preset"),
        ({"metrics": {}}, "expected metrics, or a preset"),
        ({"resource_id": "x"}, "expected resource_columns, or resource_id"),
        ({"end_column": "until"}, "expected period_s, .* or end_column, and not both"),
        ({"value_column": "busy"}, "expected metric_column and value_column, both"),
        ({"origin": "2026-03-02"}, "origin is where counts of time begin"),
        ({"metrics": {"busy": {"metric": "cpu_utilization", "unit": "cores"}}}, "unit"),
    ],
)
def test_a_mapping_that_leaves_something_to_guess_is_refused_with_what_is_missing(
    given: dict[str, object], expected: str
) -> None:
    with pytest.raises(ConfigError, match=expected):
        fetched(path="host.csv", **HOST | given)
