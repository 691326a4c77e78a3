"""The trace of Alibaba's machines: what its columns become, and what is lost."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from pipeline.errors import DataError
from pipeline.interval import Interval
from pipeline.sources import alibaba_v2018 as source


def fetched(folder: Path, *lines: str, **options: object) -> pd.DataFrame:
    file = folder / "machine_usage.csv"
    file.write_text("\n".join(lines) + "\n")
    given = source.Options.model_validate({"path": file, "start": "2026-02-01"} | options)
    batches = list(source.fetch(Interval.day("2026-02-01"), given))
    return pd.concat([each.data.to_pandas() for each in batches]) if batches else pd.DataFrame()


def test_samples_of_a_period_are_its_mean_and_what_cannot_be_is_left_out(tmp_path: Path) -> None:
    rows = fetched(
        tmp_path,
        "m_1,0,10,50,1.5,3,7,8,-1",
        "m_1,10,30,70,,5,9,8,101",
        "m_1,290,101,60,2.5,,9,8,20",
        "m_1,300,90,60,2.5,4,9,8,20",
    )

    first = rows[rows["ts"] == "2026-02-01"].set_index("metric")["value"].to_dict()
    assert first == {
        "cpu_utilization": 20.0,
        "memory_utilization": 60.0,
        "memory_bandwidth_of_largest": 2.0,
        "cache_misses_per_1000_instructions": 4.0,
        "network_in_total_of_largest": pytest.approx(25 / 3),
        "network_out_total_of_largest": 8.0,
        "disk_busy": 20.0,
    }
    assert set(rows["period_s"]) == {300}


def test_machines_with_the_lowest_numbers_are_read(tmp_path: Path) -> None:
    rows = fetched(tmp_path, *[f"m_{n},0,10,50,1,1,1,1,1" for n in (1932, 2, 10, 1)], machines=2)

    assert sorted(rows["resource_id"].unique()) == ["m_1", "m_2"]


def test_the_beginning_of_the_published_file_which_has_later_machines_alone_does_not_land_nothing_in_silence(
    tmp_path: Path,
) -> None:
    lines = [f"m_{n},386640,41,92,,,43.04,33.08,5" for n in (1932, 1933)]

    with pytest.raises(DataError, match=r"expected machines up to m_100, got none below m_1932: set `machines`"):
        fetched(tmp_path, *lines)
    assert set(fetched(tmp_path, *lines, machines=1932, start="2026-01-28")["resource_id"]) == {"m_1932"}
    assert fetched(tmp_path, "m_5,386640,41,92,,,43.04,33.08,5").empty


def test_a_file_of_another_layout_is_refused_with_the_one_that_is_expected(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"machine_usage\.csv: expected the columns machine_id, time_stamp, .* without a header"):
        fetched(tmp_path, "machine_id,time_stamp,cpu", "m_1,0,10")
    with pytest.raises(DataError, match="expected the columns"):
        fetched(tmp_path, "machine_id,time_stamp,cpu_util_percent,mem_util_percent,mem_gps,mkpi,net_in,net_out,disk_io_percent")


@pytest.mark.parametrize("name", ["machine_1", "", "m_", "m_1x", "m_99999999999999999999"])
def test_a_machine_that_is_none_of_the_traces_is_refused_by_its_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=rf"machine_usage\.csv: machine_id='{name}': expected a machine of the trace, as m_1932"):
        fetched(tmp_path, "m_1,0,10,50,1,1,1,1,1", f"{name},0,10,50,1,1,1,1,1")
