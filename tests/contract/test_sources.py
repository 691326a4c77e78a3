"""What every source promises: file in pipeline/sources, name in the list of cases."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from pydantic import BaseModel, ValidationError

from pipeline import plugs, tables
from pipeline.interval import Interval
from pipeline.sources._batch import Batch

STAMPED = {"load_id", "ingested_at"}
ROOT = Path(__file__).resolve().parents[2]

# Per case: the source, its options ("FILES" is a folder with files to bring), an interval with rows, and where to cut it:
# not only at midnights.
CASES: dict[str, tuple[str, dict[str, Any], str, str, list[str]]] = {
    "samples": ("samples", {}, "2026-04-01", "2026-04-17", ["2026-04-02T00:00", "2026-04-09T13:07:30"]),
    "prices": ("prices", {}, "2023-09-01", "2026-08-01", ["2024-07-01T00:00", "2025-06-23T00:00:01"]),
    "fleet-reference": (
        "fleet",
        {"preset": "reference", "servers": 11, "days": 60, "start": "2025-03-01"},
        "2025-03-10",
        "2025-04-20",
        ["2025-03-11T00:00", "2025-03-31T12:30"],
    ),
    "fleet-realistic": (
        "fleet",
        {"preset": "realistic", "servers": 7, "days": 40, "start": "2025-03-01", "truth": "both"},
        "2025-03-10",
        "2025-04-04",
        ["2025-03-11T00:00", "2025-03-31T12:30"],
    ),
    "csv-long": (
        "csv",
        {"path": "FILES/long.csv", "units": {"cpu_utilization": "ratio"}, "unit": "mbps"},
        "2026-01-01",
        "2026-01-03",
        ["2026-01-02T00:00", "2026-01-02T01:30"],
    ),
    "csv-wide": (
        "csv",
        {"path": "FILES/wide.parquet", "layout": "wide", "units": {"cpu": "percent", "net": "mbps"}},
        "2026-01-01",
        "2026-01-03",
        ["2026-01-02T00:00"],
    ),
    "billing-focus": (
        "billing",
        {"path": str(ROOT / "pipeline/samples/billing/focus_1_0_sample_1000.csv.gz")},
        "2024-09-02",
        "2024-09-20",
        ["2024-09-03T00:00", "2024-09-11T11:30"],
    ),
    "billing-cur": (
        "billing",
        {"path": str(ROOT / "pipeline/samples/billing/cur2_daily_real_2026-04.csv.gz")},
        "2026-04-01",
        "2026-04-10",
        ["2026-04-02T00:00"],
    ),
}

DIGEST = """
import hashlib, io, json, sys
from datetime import datetime
from pyarrow import csv
from pipeline import plugs
from pipeline.interval import Interval
for case, (name, options, start, end, _) in json.load(sys.stdin).items():
    source = plugs.load("sources", name)
    digest = hashlib.sha256()
    interval = Interval(datetime.fromisoformat(start), datetime.fromisoformat(end))
    for batch in source.fetch(interval, source.Options(**options)):
        digest.update(f"{batch.table}/{batch.shard}/{batch.data.schema}".encode())
        csv.write_csv(batch.data, text := io.BytesIO())
        digest.update(text.getvalue())
    print(case, digest.hexdigest())
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    lines = ["resource_id,metric,ts,value"]
    for hour in range(72):
        moment = f"2025-12-31T{hour:02d}:00" if hour < 24 else f"2026-01-{hour // 24:02d}T{hour % 24:02d}:00"
        lines += [f"i-{n},cpu_utilization,{moment},{0.1 + hour / 100}" for n in (2, 1)] + [f"i-1,network_in,{moment},{hour}"]
    (folder / "long.csv").write_text("\n".join(lines) + "\n")
    moments = [datetime.fromisoformat("2026-01-01") + timedelta(hours=hour) for hour in range(60)]
    wide = pa.table({"ts": moments, "resource_id": ["i-1"] * 60, "cpu": [1.5] * 60, "net": [None, 2.0] * 30})
    pa.parquet.write_table(wide, folder / "wide.parquet")
    return folder


def options_of(case: str, files: Path) -> dict[str, Any]:
    given = CASES[case][1]
    return {name: value.replace("FILES", str(files)) if isinstance(value, str) else value for name, value in given.items()}


def fetched(case: str, files: Path, start: str | None = None, end: str | None = None) -> list[Batch]:
    name, _, first, last, _ = CASES[case]
    source = plugs.load("sources", name)
    interval = Interval(datetime.fromisoformat(start or first), datetime.fromisoformat(end or last))
    return list(source.fetch(interval, source.Options(**options_of(case, files))))


def test_every_source_has_a_case_here_or_where_it_asks_a_server_a_test_file_of_its_name() -> None:
    here = {case[0] for case in CASES.values()}
    assert here <= set(plugs.names("sources"))
    elsewhere = {name for name in plugs.names("sources") if list((ROOT / "tests").rglob(f"test_*{name}*.py"))}
    assert set(plugs.names("sources")) - here <= elsewhere


@pytest.mark.parametrize("case", CASES)
def test_batches_have_exactly_the_columns_of_their_bronze_table_before_it_is_stamped(case: str, files: Path) -> None:
    batches = fetched(case, files)
    assert batches
    for batch in batches:
        declared = [column for column in tables.ALL[batch.table].columns if column.name not in STAMPED]
        assert batch.data.schema.names == [column.name for column in declared]
        assert batch.data.schema.types == [column.arrow_type for column in declared]
        for column in declared:
            assert column.nullable or batch.data[column.name].null_count == 0, column.name
        assert set(batch.data["source"].to_pylist()) == {CASES[case][0]}


def test_a_source_says_which_tables_it_fills(files: Path) -> None:
    filled: dict[str, set[str]] = {}
    for case, (name, *_) in CASES.items():
        filled.setdefault(name, set()).update(batch.table for batch in fetched(case, files))

    assert filled == {name: set(plugs.load("sources", name).TABLES) for name in filled}


@pytest.mark.parametrize("case", CASES)
def test_a_source_yields_each_shard_once_and_only_rows_of_the_interval_in_order_of_time(case: str, files: Path) -> None:
    batches = fetched(case, files)
    start, end = (datetime.fromisoformat(moment) for moment in CASES[case][2:4])
    assert len({(batch.table, batch.shard) for batch in batches}) == len(batches)
    for batch in batches:
        moments = batch.data["ts"].to_pylist()
        assert moments == sorted(moments)
        assert start <= moments[0]
        assert moments[-1] < end


@pytest.mark.parametrize("case", CASES)
def test_an_interval_fetched_in_parts_gives_the_same_rows_as_at_once(case: str, files: Path) -> None:
    _, _, start, end, cuts = CASES[case]
    edges = [start, *cuts, end]
    parts: dict[tuple[str, str], list[pa.Table]] = {}
    for first, last in pairwise(edges):
        for batch in fetched(case, files, first, last):
            parts.setdefault((batch.table, batch.shard), []).append(batch.data)
    whole = {(batch.table, batch.shard): batch.data for batch in fetched(case, files)}
    assert set(parts) == set(whole)
    for key, data in whole.items():
        assert pa.concat_tables(parts[key]).equals(data), key


@pytest.mark.parametrize("case", CASES)
def test_a_time_before_anything_happened_has_no_rows(case: str, files: Path) -> None:
    assert fetched(case, files, "1999-01-01", "1999-02-01") == []


def test_sources_answer_alike_in_every_process(files: Path) -> None:
    cases = json.dumps({case: (entry[0], options_of(case, files), *entry[2:]) for case, entry in CASES.items()})
    answers = [
        subprocess.run(
            [sys.executable, "-c", DIGEST],
            input=cases,
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
        ).stdout.splitlines()
        for seed in ("1", "20261")
    ]
    here = []
    for case in CASES:
        digest = hashlib.sha256()
        for batch in fetched(case, files):
            digest.update(f"{batch.table}/{batch.shard}/{batch.data.schema}".encode())
            pa.csv.write_csv(batch.data, text := io.BytesIO())
            digest.update(text.getvalue())
        here.append(f"{case} {digest.hexdigest()}")
    assert answers == [here, here]


@pytest.mark.parametrize("name", plugs.names("sources"))
def test_every_option_is_described_and_bounded_and_unknown_ones_are_refused(name: str) -> None:
    options: type[BaseModel] = plugs.load("sources", name).Options
    assert options.model_config.get("frozen")
    with pytest.raises(ValidationError, match="no_such_option"):
        options(path="x.csv", no_such_option=1)
    for option, schema in options.model_json_schema()["properties"].items():
        assert schema.get("description"), option
        for kind in schema.get("anyOf", [schema]):
            if kind.get("type") == "integer":
                assert {"minimum", "maximum"} <= set(kind), option
