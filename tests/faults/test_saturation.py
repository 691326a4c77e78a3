"""A container service that uses more CPU than it reserved is kept, forecast and judged as what it is: full."""

from __future__ import annotations

from datetime import datetime, timedelta

import pyarrow as pa

from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake
from pipeline.settings import Settings
from pipeline.sources import _bronze
from pipeline.steps import perform
from pipeline.tables.capacity import CAPACITY_RISK
from pipeline.tables.operations import QUARANTINE
from pipeline.tables.usage import METRIC_HOURLY, METRIC_SAMPLE

HISTORY = Interval.days("2026-02-15", "2026-03-08")
OFFICE_HOURS = range(9, 17)


def test_a_service_at_130_percent_in_office_hours_is_critical_and_sure_to_cross_each_threshold(
    settings: Settings, lake: Lake
) -> None:
    same = {"source": "csv", "account": "1", "region": "r", "resource_id": "service/main/web", "metric": "CPUUtilization",
            "unit": "Percent", "statistic": "Average", "period_s": 3600}  # fmt: skip
    hours = [HISTORY.start + timedelta(hours=n) for n in range(21 * 24)]
    samples = [same | {"ts": hour, "value": 130.0 + n % 3 if hour.hour in OFFICE_HOURS else 35.0} for n, hour in enumerate(hours)]
    payload = pa.Table.from_pylist(samples, schema=_bronze.schema(METRIC_SAMPLE.name))
    lake.land(METRIC_SAMPLE, payload, source="csv", shard="x", ingested_at=datetime(2026, 3, 8))

    for step, target in (("build", METRIC_HOURLY.name), ("build", QUARANTINE.name), ("forecast", ""), ("risk", "")):
        perform(step, HISTORY, target=target, settings=settings)

    read = open_lake(settings).read
    assert read(QUARANTINE).num_rows == 0
    assert {row["max"] for row in read(METRIC_HOURLY).to_pylist() if row["saturated"]} == {130.0, 131.0, 132.0}
    risks = read(CAPACITY_RISK).to_pylist()
    assert [risk["threshold_pct"] for risk in risks] == [80, 90, 100]
    for risk in risks:
        assert (risk["risk_level"], risk["headroom_ratio"], risk["peak_p95"]) == ("critical", 0, 100)
        assert risk["p_cross_7d"] > 0.99
        assert risk["crossing_p50_at"].hour in (9, 10)
