"""What a unit of use costs, built from what the lines of a bill say."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from pipeline import settings as settings_module
from pipeline.errors import ConfigError
from pipeline.interval import Interval
from pipeline.lake import open_lake
from pipeline.quality.conform import conform
from pipeline.settings import Settings
from pipeline.steps import perform
from pipeline.tables.columns import STAMPED
from pipeline.tables.money import FOCUS_LINE, PRICE_HELD
from pipeline.tables.usage import METRIC_DAILY
from tests.support.bills import line
from tests.support.golden import filler

DAY = Interval.day("2026-03-02")
FLEET = {"service_name": "EC2", "x_usage_type": "BoxUsage:m5.large", "consumed_unit": "Hrs", "consumed_quantity": "24"}
PAID = {"billed_cost": "2.304", "effective_cost": "2.304"}
LINES = (FLEET | PAID, {"service_name": "Lambda", "x_usage_type": "Request", "billed_cost": "0.5", "effective_cost": "0.5"})


def built(settings: Settings, *lines: dict[str, Any]) -> list[dict[str, Any]]:
    names = [c.name for c in FOCUS_LINE.columns if c.name not in STAMPED]
    rows = [dict.fromkeys(names) | line(number=number, execution="x", **each) for number, each in enumerate(lines, 1)]
    data = pa.Table.from_pylist(rows, schema=pa.schema([FOCUS_LINE.arrow_schema.field(name) for name in names]))
    lake = open_lake(settings)
    lake.land(FOCUS_LINE, data, source="billing", shard="e", ingested_at=datetime(2026, 3, 20))
    for table, row in (
        (PRICE_HELD, {"item": "m5.large", "vcpu": 2.0, "ts": DAY.start}),
        (METRIC_DAILY, {"account": "1", "metric": "Invocations", "unit": "count", "ts": DAY.start, "mean": 10.0, "samples": 5}),
    ):
        whole = {c.name: filler(c) for c in table.columns} | row
        schema = pa.schema([table.arrow_schema.field(name) for name in table.names])
        lake.replace(table, conform(pa.Table.from_pylist([whole], schema=schema), table, DAY), table.scope(DAY))
    for target in ("silver.bill", "silver.charge_daily", "gold.unit_cost"):
        perform("build", DAY, target=target, settings=settings)
    asked = "SELECT service, per, quantity, cost, unit_cost FROM gold.unit_cost ORDER BY service, per"
    return open_lake(settings).query(asked).to_pylist()


def test_an_hour_of_a_vcpu_costs_what_its_instances_cost_by_their_vcpus(settings: Settings) -> None:
    [row] = built(settings, *LINES)

    assert row == {
        "service": "EC2",
        "per": "vcpu_hour",
        "quantity": 48,
        "cost": Decimal("2.304"),
        "unit_cost": pytest.approx(0.048),
    }


def test_a_request_costs_what_its_service_does_where_a_metric_that_counts_it_is_named(settings: Settings) -> None:
    _, row = built(settings.model_copy(update={"unit_metrics": ("Lambda=Invocations",)}), *LINES)

    assert row == {"service": "Lambda", "per": "request", "quantity": 50, "cost": Decimal("0.5"), "unit_cost": 0.01}


def test_a_metric_that_names_no_service_is_refused() -> None:
    with pytest.raises(ConfigError, match="unit_metrics"):
        settings_module.load({"HEADROOM_UNIT_METRICS": "Invocations"})


def test_two_metrics_that_count_the_requests_of_one_service_are_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="requests of ELB are counted by request_count and by Invocations; expected one"):
        settings_module.load({"HEADROOM_UNIT_METRICS": "ELB=request_count,ELB=Invocations"})


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("AWS Lambda=Invocations", "no bill of .* charges 'AWS Lambda'"),
        ("Lambda=RequestCount", "no resource of its accounts has counts of a metric 'RequestCount'"),
    ],
)
def test_a_service_that_no_bill_has_or_a_metric_that_the_lake_does_not_know_is_told(
    named: str, said: str, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    rows = built(settings.model_copy(update={"unit_metrics": (named,)}), *LINES)

    assert [row["per"] for row in rows] == ["vcpu_hour"]
    [warned] = [record.getMessage() for record in caplog.records if "unit_metrics" in record.getMessage()]
    assert re.search(said, warned)
