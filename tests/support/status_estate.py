"""The made-up estate of the report, ten and a half hours later: the DAG `monitor` built its five minutes since."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import pandas as pd

from pipeline import tables
from pipeline.lake import duckdb, sql
from pipeline.report.selection import AT_MOST
from pipeline.report.status import Status
from tests.support.report_estate import AS_OF, HOSTS, _key, _level, _statistics, estate, rows

NOW = AS_OF + timedelta(hours=10, minutes=35)
ENVIRONMENTS = ("prod", "prod", "test", "test", None, "prod")


def status_estate() -> dict[str, list[dict[str, Any]]]:
    """Records by table name: one host exceeds its forecast since half an hour, one fell silent at nine."""
    found = estate()
    for resource, environment in zip(found["silver.resource"], ENVIRONMENTS, strict=True):
        resource["environment"] = environment
    minutes = []
    for number, host in enumerate(HOSTS):
        for place in range(127 if number != 3 else 108):
            ts = AS_OF + timedelta(minutes=5 * place)
            value = _level(number, ts.replace(minute=0)) + 1.5 * math.sin(place + number)
            if host == "i-web02" and ts >= NOW - timedelta(minutes=30):
                value = 91.0 + place % 3
            minutes.append({**_key(host), "ts": ts, "source": "cloudwatch", "period_s": 300, **_statistics(value, 1, 1)})
    return {**found, "silver.metric_5min": minutes}


def status(**changed: Any) -> Status:
    """What the page shows of it, fields changed as given."""
    given = {name: rows(tables.get(name), records) for name, records in status_estate().items()}

    def asked(name: str, **params: Any) -> pd.DataFrame:
        empty = {table.name: table.arrow_schema.empty_table() for table in tables.ALL.values()}
        return duckdb.query(sql.text(f"inputs.{name}"), {"as_of": NOW, **params}, (empty | given).__getitem__).to_pandas()

    now = asked("status_now")
    shown = {
        "now": now,
        "course": asked("status_course", series="".join(f" {name} " for name in now["series_id"])),
        "point": asked("status_points", at_most=AT_MOST),
        "alert": asked("open_alerts"),
        "incident": given["gold.anomaly"].to_pandas(),
    }
    return Status(**{"as_of": NOW, **shown, **changed})
