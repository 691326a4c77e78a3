"""Made-up files in the layout of both presets, and a long one with a header of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.options import Changed
from tests.support.s3_answers import changes_in_s3, serve_object
from tests.support.source_cases import Case

MADE_UP = Path(__file__).resolve().parents[2] / "data" / "presets"
_CPU = {"cpu": {"metric": "cpu_utilization", "unit": "ratio"}}
_LONG = {
    "path": "PLACE/long.csv",
    "time_column": "at",
    "period_s": 60,
    "resource_columns": ["rack", "host"],
    "metric_column": "what",
    "value_column": "reading",
    "metrics": _CPU,
}


@contextmanager
def set_up(folder: Path) -> Iterator[dict[str, str]]:
    for file in MADE_UP.glob("*.csv"):
        shutil.copy(file, folder / file.name)
    lines = ["at,until,rack,host,what,reading"]
    for minute in range(180):
        at, until = (f"2026-03-02T{each // 60:02d}:{each % 60:02d}:00" for each in (minute, minute + 1))
        lines += [f"{at},{until},r{n},h{n},{what},0.{10 + n}" for n in (2, 1) for what in ("mem", "cpu")]
    (folder / "long.csv").write_text("\n".join(lines) + "\n,,r1,h1,cpu,0.5\n")
    (folder / "bare.csv").write_text("2026-03-02T00:00,a,0.5\n")
    (folder / "counted.csv").write_text("at,host,cpu\n1772409600,h1,0.5\n")
    with serve_object(folder / "long.csv") as server:
        yield {"PLACE": str(folder), "SERVER": server}


CASES = {
    "long": Case(_LONG, "2026-03-02", "2026-03-03", ["2026-03-02T01:00", "2026-03-02T02:07:30"], {"bronze.metric_sample": 360}),
    "azure": Case(
        {"path": "PLACE/azure_2019.csv", "preset": "azure_2019", "origin": "2026-03-02"},
        "2026-03-02",
        "2026-03-03",
        ["2026-03-02T01:00", "2026-03-02T12:07:30"],
        {"bronze.metric_sample": 144 * 3 * 3},
    ),
    # Two tasks, four columns, one cell of which is empty; the alloc set is left out.
    "google": Case(
        {"path": "PLACE/google_2019.csv", "preset": "google_2019"},
        "2019-05-01",
        "2019-05-02",
        ["2019-05-01T08:00"],
        {"bronze.metric_sample": 36 * 2 * 4 - 1},
    ),
}
DOWN = {**_LONG, "path": "PLACE/absent.csv"}
_COUNTED = {
    "path": "PLACE/counted.csv",
    "resource_columns": ["host"],
    "metric_column": "",
    "value_column": "",
}
_BARE = {
    "path": "PLACE/bare.csv",
    "time_column": "at",
    "resource_columns": ["host"],
    "metric_column": "",
    "value_column": "",
}
OPTIONS = {
    "path": Changed("PLACE/absent.csv"),
    "preset": Changed("google_2019", situation="long", beside={"metrics": _CPU}),
    "columns": Changed(["at", "host", "cpu"], beside=_BARE),
    "time_column": Changed("until"),
    "time_format": Changed("epoch_s", beside=_COUNTED),
    "origin": Changed("2026-02-16", situation=("azure", "2026-02-16", "2026-03-18"), beside={"origin": "2026-03-02"}),
    "period_s": Changed(30),
    "end_column": Changed("until", beside={"period_s": None}),
    "resource_columns": Changed(["host"]),
    "resource_id": Changed("h", beside={"resource_columns": []}),
    "metric_column": Changed("what", beside={"metrics": {"cpu": {"metric": "cpu", "unit": "ratio"}}, "metric_column": "host"}),
    "value_column": Changed("what"),
    "metrics": Changed({"mem": {"metric": "memory_utilization", "unit": "ratio"}}),
    "where": Changed({"host": ["h1"]}),
    "resources_ratio": Changed(0.001),
    "undated_limit": Changed(0.0),
    "account": Changed("2"),
    "region": Changed("eu-west-1"),
    **changes_in_s3("path", "long.csv", {}),
}
