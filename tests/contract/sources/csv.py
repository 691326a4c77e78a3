"""A long file of three series, and a wide one of two with gaps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from tests.support.options import Changed
from tests.support.s3_answers import changes_in_s3, serve_object
from tests.support.source_cases import Case


@contextmanager
def set_up(folder: Path) -> Iterator[dict[str, str]]:
    lines = ["resource_id,metric,ts,value"]
    for hour in range(72):
        moment = f"2025-12-31T{hour:02d}:00" if hour < 24 else f"2026-01-{hour // 24:02d}T{hour % 24:02d}:00"
        lines += [f"i-{n},cpu_utilization,{moment},{0.1 + hour / 100}" for n in (2, 1)] + [f"i-1,network_in,{moment},{hour}"]
    (folder / "long.csv").write_text("\n".join(lines) + "\n")
    (folder / "named.csv").write_text("at,host,what,reading\n2026-01-01T00:00,i-1,cpu_utilization,0.5\n")
    (folder / "inventory.csv").write_text("resource_id,region\ni-2,us-east-1\n")
    (folder / "alone.csv").write_text("metric,ts,value\ncpu_utilization,2026-01-01T00:00,0.5\n")
    (folder / "counted.csv").write_text("resource_id,metric,ts,value\ni-1,cpu_utilization,1767225600,0.5\n")
    (folder / "autumn.csv").write_text("resource_id,metric,ts,value\ni-1,cpu_utilization,2026-10-25T02:30,0.5\n")
    (folder / "thousands.csv").write_text("resource_id;metric;ts;value\ni-1;cpu_utilization;2026-01-01T00:00;1,234\n")
    (folder / "columns.csv").write_text("time,cpu web-1,cpu web-2\n2026-01-01T00:00,1,2\n")
    (folder / "labels.csv").write_text('time,"{pod=""a"",job=""b""}"\n2026-01-01T00:00,1\n')
    moments = [datetime.fromisoformat("2026-01-01") + timedelta(hours=hour) for hour in range(60)]
    wide = pa.table({"ts": moments, "resource_id": ["i-1"] * 60, "cpu": [1.5] * 60, "net": [None, 2.0] * 30})
    pa.parquet.write_table(wide, folder / "wide.parquet")
    with serve_object(folder / "long.csv") as server:
        yield {"PLACE": str(folder), "SERVER": server}


CASES = {
    "long": Case(
        {"path": "PLACE/long.csv", "units": {"cpu_utilization": "ratio"}, "unit": "mbps"},
        "2026-01-01",
        "2026-01-03",
        ["2026-01-02T00:00", "2026-01-02T01:30"],
        {"bronze.metric_sample": 144},
    ),
    "wide": Case(
        {"path": "PLACE/wide.parquet", "layout": "wide", "units": {"cpu": "percent", "net": "mbps"}},
        "2026-01-01",
        "2026-01-03",
        ["2026-01-02T00:00"],
        {"bronze.metric_sample": 72},
    ),
}
DOWN = {"path": "PLACE/absent.csv"}
_NAMED = {
    "path": "PLACE/named.csv",
    "time_column": "at",
    "resource_column": "host",
    "metric_column": "what",
    "value_column": "reading",
    "period_s": 3600,
}
_ALONE = {"path": "PLACE/alone.csv", "period_s": 3600}
OPTIONS = {
    "path": Changed("PLACE/alone.csv"),
    "layout": Changed("long", "wide"),
    "units": Changed({}),
    "unit": Changed("bytes"),
    **{name: Changed("elsewhere", beside=_NAMED) for name in ("time_column", "resource_column", "metric_column", "value_column")},
    "resource_id": Changed("i-9", beside=_ALONE),
    "metric": Changed("steal", beside={"path": "PLACE/labels.csv", "resource_label": "pod", "period_s": 60}),
    "series": Changed("{metric} {resource}", beside={"path": "PLACE/columns.csv", "period_s": 60}),
    "resource_label": Changed("pod", beside={"path": "PLACE/labels.csv", "metric": "cpu", "period_s": 60}),
    "time_format": Changed("epoch_s", beside={"path": "PLACE/counted.csv", "period_s": 60}),
    "ambiguous": Changed(
        "second",
        situation=("long", "2026-10-25", "2026-10-26"),
        beside={"path": "PLACE/autumn.csv", "timezone": "Europe/Berlin", "period_s": 60},
    ),
    "decimal": Changed("comma", beside={"path": "PLACE/thousands.csv", "period_s": 60}),
    "statistic": Changed("Maximum"),
    "account": Changed("2"),
    "region": Changed("eu-west-1"),
    "inventory": Changed("PLACE/inventory.csv"),
    "period_s": Changed(60),
    "timezone": Changed("Europe/Berlin"),
    **changes_in_s3("path", "long.csv", {}),
}
