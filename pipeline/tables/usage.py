"""Tables of what is used: metrics, resources, the calendar."""

from __future__ import annotations

from pipeline.tables.columns import (
    FLAGGED,
    GOOD,
    bucket,
    made_safe,
    metric,
    moment,
    number,
    provenance,
    resource_key,
    series_id,
    source,
    text,
    unit,
)
from pipeline.tables.schema import Build, Column, Passing, Table
from pipeline.tables.types import FLAG, NUMBER, WHOLE


def _statistics(period: str) -> tuple[Column, ...]:
    return (
        number("mean", f"Mean over the {period}.", "as `unit`"),
        number("p50", f"Median of the {period}'s samples, nearest rank.", "as `unit`"),
        number("p95", f"95th percentile of the {period}'s samples, nearest rank.", "as `unit`"),
        number("max", f"Peak in the {period}.", "as `unit`"),
        Column(
            name="saturated",
            type=FLAG,
            doc="More than all of it was used, as a container service may: forecasts, risk and sizing take 100 percent.",
            nullable=True,
        ),
        Column(name="samples", type=WHOLE, doc="Periods observed.", unit="count", ge=0),
        Column(name="expected_samples", type=WHOLE, doc="Periods that a complete row has.", unit="count", ge=1),
        Column(name="quality_flag", type=WHOLE, doc="0 good, 1 imputed, 2 less than half observed.", ge=GOOD, le=FLAGGED),
        Column(name="quality_score", type=NUMBER, doc="Share of the periods observed.", unit="ratio", ge=0, le=1),
    )


_sources = text("sources", "Who delivered the samples, by name, with commas; null in older rows.", nullable=True)

METRIC_SAMPLE = Table(
    name="bronze.metric_sample",
    doc="One datapoint of one statistic of one metric, as the source returned it.",
    key=("load_id", "account", "region", "resource_id", "metric", "statistic", "period_s", "ts"),
    time="ts",
    columns=(
        source,
        text("account", "Account that owns the resource."),
        text("region", "Region of the resource."),
        text("resource_id", "The resource, as the source names it."),
        text("metric", "The metric, as the source names it."),
        text("statistic", "Average, Maximum, Sum, p95 …, as the source names it."),
        Column(name="period_s", type=WHOLE, doc="Length of the period.", unit="seconds"),
        moment("ts", "Start of the period."),
        Column(name="value", type=NUMBER, doc="The value, in the source's unit.", nullable=True),
        text("unit", "The unit, as the source names it."),
        *provenance,
        made_safe,
    ),
    partition="day",
)
RESOURCE_SNAPSHOT = Table(
    name="bronze.resource_snapshot",
    doc="One resource on one day, as the inventory described it.",
    key=("load_id", "account", "region", "resource_id", "ts"),
    time="ts",
    columns=(
        source,
        text("account", "Account that owns the resource."),
        text("region", "Region of the resource."),
        text("resource_id", "The resource."),
        moment("ts", "Midnight of the day described."),
        text("service", "ec2, rds, elb, server …"),
        text("instance_type", "Instance type or class.", nullable=True),
        text("state", "running, stopped …"),
        moment("launched_at", "When the resource was launched.", nullable=True),
        text("tags_json", "Tags as a JSON object."),
        *provenance,
        made_safe,
    ),
    partition="day",
)
INCIDENT = Table(
    name="bronze.incident",
    doc="One labelled incident of the synthetic fleet.",
    key=("load_id", "account", "region", "resource_id", "kind", "ts"),
    time="ts",
    columns=(
        source,
        *resource_key,
        moment("ts", "Start of the incident."),
        moment("end_at", "End of the incident, not included."),
        text("kind", "memory_leak, cpu_throttling, disk_exhaustion, network_saturation, deploy, backup …"),
        text("severity", "warning or critical; info for planned work."),
        text("root_cause", "Category of the cause."),
        *provenance,
    ),
    partition="day",
)
FLEET_TRUTH = Table(
    name="bronze.fleet_truth",
    doc="One true conditional quantile of one period of the synthetic fleet.",
    key=("load_id", "account", "region", "resource_id", "metric", "ts", "period_s", "quantile"),
    time="ts",
    columns=(
        source,
        *resource_key,
        metric,
        moment("ts", "Start of the period."),
        Column(name="period_s", type=WHOLE, doc="Length of the period.", unit="seconds"),
        Column(name="quantile", type=NUMBER, doc="Level.", unit="ratio", ge=0, le=1),
        Column(name="value", type=NUMBER, doc="The generator's own quantile.", unit="as the metric"),
        *provenance,
    ),
    partition="day",
)
METRIC_HOURLY = Table(
    name="silver.metric_hourly",
    doc="Utilisation on a regular hourly grid, one row per series and hour.",
    key=("series_id", "hour"),
    time="hour",
    columns=(
        *(series_id, *resource_key, metric, unit, moment("hour", "Start of the hour.")),
        *_statistics("hour"),
        _sources,
        bucket,
    ),
    partition="day",
    may_be_empty=True,
)
METRIC_DAILY = Table(
    name="silver.metric_daily",
    doc="Utilisation by the day, one row per series and UTC day.",
    key=("series_id", "ts"),
    time="ts",
    columns=(
        series_id,
        *resource_key,
        metric,
        unit,
        moment("ts", "Midnight that begins the day."),
        *_statistics("day"),
        _sources,
        number("total", "All that was counted; null of what is no count.", "as `unit`", ge=0),
        Column(
            name="outlier",
            type=FLAG,
            doc="The p95 lies far outside the quartiles of the 30 days before; null of fewer than 15, or where they do not vary.",
            nullable=True,
        ),
        bucket,
    ),
    build=Build(outdated="outlier_outdated"),
)
METRIC_5MIN = Table(
    name="silver.metric_5min",
    doc="Utilisation in periods of five minutes, one row per series and period in which a sample began.",
    key=("series_id", "ts"),
    time="ts",
    columns=(
        series_id,
        *resource_key,
        metric,
        unit,
        moment("ts", "Start of the five minutes."),
        Column(name=source.name, type=source.type, doc="Source of the samples; of several the first by name."),
        Column(name="period_s", type=WHOLE, doc="Length of the shortest period in it, also where longer.", unit="seconds", ge=1),
        *_statistics("five minutes"),
        bucket,
    ),
    partition="day",
    may_be_empty=True,
    build=Build(when="monitor", period_s=300),
    passing=Passing("metric_5min_days"),
)
HOUR_OBSERVED = Table(
    name="silver.hour_observed",
    doc="Demand in an hour that is over, as its samples so far say, one row per series and hour in which a sample began.",
    key=("series_id", "ts"),
    time="ts",
    columns=(
        series_id,
        *resource_key,
        metric,
        unit,
        moment("ts", "Start of the hour."),
        Column(name="value", type=NUMBER, doc="p95 of the hour, at most 100 of a percentage.", unit="as `unit`"),
        bucket,
    ),
    partition="day",
    may_be_empty=True,
    build=Build(when="monitor", period_s=3600),
    passing=Passing(7),
)
RESOURCE = Table(
    name="silver.resource",
    doc="One resource on one day: what it is, how large, and whose.",
    key=("account", "region", "resource_id", "ts"),
    time="ts",
    columns=(
        *resource_key,
        moment("ts", "Midnight that begins the day."),
        text("service", "ec2, rds, elb, server …"),
        text("instance_type", "Instance type or class, the key into prices.", nullable=True),
        text("state", "running, stopped …"),
        moment("launched_at", "When it was launched.", nullable=True),
        text("app_name", "Application it serves.", nullable=True),
        text("business_unit", "Who pays.", nullable=True),
        text("criticality", "High, Medium or Low.", nullable=True),
        text("server_type", "web, application, database or batch.", nullable=True),
        text("environment", "prod, test …", nullable=True),
        text("tags_json", "All tags, as a JSON object."),
    ),
    may_be_empty=True,
)
CALENDAR = Table(
    name="silver.calendar",
    doc="One UTC day: weekday, US bank holidays and the quarter-end ramp.",
    key=("ts",),
    time="ts",
    columns=(
        moment("ts", "Midnight that begins the day."),
        Column(name="year", type=WHOLE, doc="Year.", ge=1970),
        Column(name="month_of_year", type=WHOLE, doc="1 is January.", ge=1, le=12),
        Column(name="quarter", type=WHOLE, doc="Quarter of the year.", ge=1, le=4),
        Column(name="day_of_week", type=WHOLE, doc="0 is Monday.", ge=0, le=6),
        Column(name="is_weekend", type=FLAG, doc="Saturday or Sunday."),
        Column(name="is_holiday", type=FLAG, doc="US bank holiday."),
        text("holiday", "Name of the holiday.", nullable=True),
        Column(name="is_quarter_end", type=FLAG, doc="One of the last five days of a quarter."),
        Column(name="quarter_end_ramp", type=NUMBER, doc="Expected load multiplier, 1 … 1.30.", unit="ratio", ge=1, le=1.3),
    ),
    build=Build(by="pipeline.forecasting.calendars.calendar"),
)
