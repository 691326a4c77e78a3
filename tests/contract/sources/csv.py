"""A long file of three series, and a wide one of two with gaps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from tests.support.source_cases import Case


@contextmanager
def set_up(folder: Path) -> Iterator[str]:
    lines = ["resource_id,metric,ts,value"]
    for hour in range(72):
        moment = f"2025-12-31T{hour:02d}:00" if hour < 24 else f"2026-01-{hour // 24:02d}T{hour % 24:02d}:00"
        lines += [f"i-{n},cpu_utilization,{moment},{0.1 + hour / 100}" for n in (2, 1)] + [f"i-1,network_in,{moment},{hour}"]
    (folder / "long.csv").write_text("\n".join(lines) + "\n")
    moments = [datetime.fromisoformat("2026-01-01") + timedelta(hours=hour) for hour in range(60)]
    wide = pa.table({"ts": moments, "resource_id": ["i-1"] * 60, "cpu": [1.5] * 60, "net": [None, 2.0] * 30})
    pa.parquet.write_table(wide, folder / "wide.parquet")
    yield str(folder)


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
