"""The tables of the lake: one declaration each, from which schemas, expectations and documentation follow."""

from __future__ import annotations

import pyarrow as pa

from pipeline.errors import ConfigError
from pipeline.schema import IDENTIFIER, TIMESTAMP, Column, Table

TEXT, WHOLE, NUMBER, FLAG, DATE = pa.string(), pa.int64(), pa.float64(), pa.bool_(), pa.date32()


def _text(name: str, doc: str, *, nullable: bool = False, values: tuple[str, ...] = (), pattern: str | None = None) -> Column:
    return Column(name=name, type=TEXT, doc=doc, nullable=nullable, values=values, pattern=pattern)


def _number(name: str, doc: str, unit: str | None, *, ge: float | None = None, le: float | None = None) -> Column:
    """A nullable measurement."""
    return Column(name=name, type=NUMBER, doc=doc, unit=unit, nullable=True, ge=ge, le=le)


def _moment(name: str, doc: str, *, nullable: bool = False) -> Column:
    return Column(name=name, type=TIMESTAMP, doc=doc, unit="UTC", nullable=nullable)


UNITS = ("percent", "mbps", "count", "ms", "usd")
SEVERITIES = ("low", "medium", "high", "critical")
ACTIONS = ("rightsize", "stop", "terminate", "upsize", "investigate", "keep", "insufficient_data")

source = _text("source", "The plug that the row came from.", pattern=IDENTIFIER)
load_id = _text("load_id", "sha256 of source, shard, day and payload: the landed object.", pattern="^[0-9a-f]{64}$")
ingested_at = _moment("ingested_at", "When the row was landed; the only clock reading in the lake.")
provenance = (load_id, ingested_at)
account = _text("account", "Account that owns the resource.", pattern=IDENTIFIER)
region = _text("region", "Region of the resource.", pattern=IDENTIFIER)
resource_id = _text("resource_id", "The cloud's own id, or the fleet's server name.", pattern=IDENTIFIER)
resource_key = (account, region, resource_id)
series_id = _text("series_id", "account/region/resource/metric: one metric of one resource.", pattern=IDENTIFIER)
metric = _text("metric", "Canonical metric name, or the source's own where it is not one of ours.", pattern=IDENTIFIER)
unit = _text("unit", "Unit of the values.", values=UNITS)
as_of = _moment("as_of", "What was known then: the end of the run's data interval.")
granularity = _text("granularity", "Length of the series' periods.", values=("hour", "day"))
bucket = Column(
    name="bucket", type=WHOLE, doc="Hash of `series_id`, 0–63; a shard is the buckets with one remainder.", ge=0, le=63
)

step_outcome = (
    _text("outcome", "done, unchanged or failed."),
    Column(name="rows", type=WHOLE, doc="Rows written.", unit="count", ge=0),
    Column(name="wall_s", type=NUMBER, doc="Wall-clock time.", unit="seconds", ge=0),
    Column(name="cpu_s", type=NUMBER, doc="CPU time of the process.", unit="seconds", ge=0),
    Column(name="peak_rss_mib", type=NUMBER, doc="Peak memory of the process so far.", unit="MiB", ge=0),
)

reliability = (
    metric,
    granularity,
    Column(name="threshold_pct", type=NUMBER, doc="Share of capacity.", unit="percent", ge=1, le=100),
    Column(name="horizon_days", type=WHOLE, doc="Within how many days it could cross.", unit="days", ge=1),
    Column(name="bin", type=WHOLE, doc="Tenth of the stated chance: 0 is below 10 %, 9 is 90 % and more.", ge=0, le=9),
    Column(name="forecasts", type=WHOLE, doc="Chances judged.", unit="count", ge=1),
    Column(name="stated", type=NUMBER, doc="Mean stated chance.", unit="ratio", ge=0, le=1),
    Column(name="observed", type=NUMBER, doc="Share that crossed.", unit="ratio", ge=0, le=1),
    Column(name="brier", type=NUMBER, doc="Mean squared difference of chance and outcome.", unit="ratio", ge=0, le=1),
    Column(
        name="base_rate_brier",
        type=NUMBER,
        doc="The same, had every chance of the metric, threshold and horizon been the share that crossed.",
        unit="ratio",
        ge=0,
        le=1,
    ),
)


def _statistics(period: str) -> tuple[Column, ...]:
    return (
        _number("mean", f"Mean over the {period}.", "as `unit`"),
        _number("p50", f"Median of the {period}'s samples, nearest rank.", "as `unit`"),
        _number("p95", f"95th percentile of the {period}'s samples, nearest rank.", "as `unit`"),
        _number("max", f"Peak in the {period}.", "as `unit`"),
        Column(name="samples", type=WHOLE, doc="Periods observed.", unit="count", ge=0),
        Column(name="expected_samples", type=WHOLE, doc="Periods that a complete row has.", unit="count", ge=1),
        Column(name="quality_flag", type=WHOLE, doc="0 good, 1 imputed, 2 less than half observed.", ge=0, le=2),
        Column(name="quality_score", type=NUMBER, doc="Share of the periods observed.", unit="ratio", ge=0, le=1),
    )


# ---------------------------------------------------------------- bronze: what the source said, write-once

METRIC_SAMPLE = Table(
    name="bronze.metric_sample",
    doc="One datapoint of one statistic of one metric, as the source returned it.",
    key=("load_id", "account", "region", "resource_id", "metric", "statistic", "period_s", "ts"),
    time="ts",
    columns=(
        source,
        _text("account", "Account that owns the resource."),
        _text("region", "Region of the resource."),
        _text("resource_id", "The resource, as the source names it."),
        _text("metric", "The metric, as the source names it."),
        _text("statistic", "Average, Maximum, Sum, p95 …, as the source names it."),
        Column(name="period_s", type=WHOLE, doc="Length of the period.", unit="seconds"),
        _moment("ts", "Start of the period."),
        Column(name="value", type=NUMBER, doc="The value, in the source's unit.", nullable=True),
        _text("unit", "The unit, as the source names it."),
        *provenance,
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
        _text("account", "Account that owns the resource."),
        _text("region", "Region of the resource."),
        _text("resource_id", "The resource."),
        _moment("ts", "Midnight of the day described."),
        _text("service", "ec2, rds, elb, server …"),
        _text("instance_type", "Instance type or class.", nullable=True),
        _text("state", "running, stopped …"),
        _moment("launched_at", "When the resource was launched.", nullable=True),
        _text("tags_json", "Tags as a JSON object."),
        *provenance,
    ),
    partition="day",
)
BILLING_LINE = Table(
    name="bronze.billing_line",
    doc="One line of a billing export, as exported.",
    key=("load_id", "line_number"),
    time="ts",
    columns=(
        source,
        _text("format", "focus_1_0, focus_1_2, cur_2_0 or daily_cost."),
        Column(name="billing_period", type=DATE, doc="First day of the billing period."),
        Column(name="line_number", type=WHOLE, doc="Line in the export, from 1.", ge=1),
        _moment("ts", "Start of the charge period."),
        _text("line_json", "The whole line as a JSON object."),
        *provenance,
    ),
    partition="day",
)
PRICE = Table(
    name="bronze.price",
    doc="One list price from the day it was first seen, with the attributes of what it buys.",
    key=("load_id", "service", "region", "item", "unit", "ts"),
    time="ts",
    columns=(
        source,
        _moment("ts", "Day from which the price is known."),
        _text("provider", "Who sells it."),
        _text("service", "ec2, ebs, elb …"),
        _text("region", "Region of the price."),
        _text("item", "Instance type, or the name of what is sold."),
        _text("unit", "hour, GB-month …"),
        Column(name="price_usd", type=NUMBER, doc="On-demand list price per unit.", unit="usd"),
        _text("instance_family", "Family of an instance type.", nullable=True),
        _number("vcpu", "Virtual CPUs.", "count"),
        _number("memory_gib", "Memory.", "GiB"),
        _text("arch", "x86_64 or arm64.", nullable=True),
        _number("network_mbps", "Network baseline.", "mbps"),
        _number("ebs_mbps", "EBS baseline.", "mbps"),
        _text("hypervisor", "xen, nitro …", nullable=True),
        Column(name="burstable", type=FLAG, doc="Runs on CPU credits.", nullable=True),
        Column(name="instance_store", type=FLAG, doc="Has local disks.", nullable=True),
        _number("gpu", "GPUs.", "count"),
        _number("coremark", "CoreMark iterations per second, all threads.", "1/s"),
        *provenance,
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
        _moment("ts", "Start of the incident."),
        _moment("end_at", "End of the incident, not included."),
        _text("kind", "memory_leak, cpu_throttling, disk_exhaustion, network_saturation, deploy, backup …"),
        _text("severity", "warning or critical; info for planned work."),
        _text("root_cause", "Category of the cause."),
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
        _moment("ts", "Start of the period."),
        Column(name="period_s", type=WHOLE, doc="Length of the period.", unit="seconds"),
        Column(name="quantile", type=NUMBER, doc="Level.", unit="ratio", ge=0, le=1),
        Column(name="value", type=NUMBER, doc="The generator's own quantile.", unit="as the metric"),
        *provenance,
    ),
    partition="day",
)
RUN_EVENT = Table(
    name="bronze.run_event",
    doc="One finished or failed step of one run: telemetry, not content.",
    key=("load_id",),
    time="ts",
    columns=(
        source,
        _moment("ts", "End of the run's data interval."),
        _moment("start_at", "Start of the run's data interval."),
        _text("step", "The step."),
        _text("target", "Table, source or segment the step worked on."),
        Column(name="shard", type=WHOLE, doc="Shard of mapped work, else 0.", ge=0),
        *step_outcome,
        *provenance,
    ),
    partition="day",
)

# ---------------------------------------------------------------- silver: checked, one truth per grain

METRIC_HOURLY = Table(
    name="silver.metric_hourly",
    doc="Utilisation on a regular hourly grid, one row per series and hour.",
    key=("series_id", "hour"),
    time="hour",
    columns=(series_id, *resource_key, metric, unit, _moment("hour", "Start of the hour."), *_statistics("hour"), bucket),
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
        _moment("ts", "Midnight that begins the day."),
        *_statistics("day"),
        bucket,
    ),
)
RESOURCE = Table(
    name="silver.resource",
    doc="One resource on one day: what it is, how large, and whose.",
    key=("account", "region", "resource_id", "ts"),
    time="ts",
    columns=(
        *resource_key,
        _moment("ts", "Midnight that begins the day."),
        _text("service", "ec2, rds, elb, server …"),
        _text("instance_type", "Instance type or class, the key into prices.", nullable=True),
        _text("state", "running, stopped …"),
        _moment("launched_at", "When it was launched.", nullable=True),
        _text("app_name", "Application it serves.", nullable=True),
        _text("business_unit", "Who pays.", nullable=True),
        _text("criticality", "High, Medium or Low.", nullable=True),
        _text("server_type", "web, application, database or batch.", nullable=True),
        _text("environment", "prod, test …", nullable=True),
        _text("tags_json", "All tags, as a JSON object."),
    ),
    may_be_empty=True,
)
CALENDAR = Table(
    name="silver.calendar",
    doc="One UTC day: weekday, US bank holidays and the quarter-end ramp.",
    key=("ts",),
    time="ts",
    columns=(
        _moment("ts", "Midnight that begins the day."),
        Column(name="year", type=WHOLE, doc="Year.", ge=1970),
        Column(name="month_of_year", type=WHOLE, doc="1 is January.", ge=1, le=12),
        Column(name="quarter", type=WHOLE, doc="Quarter of the year.", ge=1, le=4),
        Column(name="day_of_week", type=WHOLE, doc="0 is Monday.", ge=0, le=6),
        Column(name="is_weekend", type=FLAG, doc="Saturday or Sunday."),
        Column(name="is_holiday", type=FLAG, doc="US bank holiday."),
        _text("holiday", "Name of the holiday.", nullable=True),
        Column(name="is_quarter_end", type=FLAG, doc="One of the last five days of a quarter."),
        Column(name="quarter_end_ramp", type=NUMBER, doc="Expected load multiplier, 1 … 1.30.", unit="ratio", ge=1, le=1.3),
    ),
)
COST_DAILY = Table(
    name="silver.cost_daily",
    doc="Cost of one service in one account, region and charge category on one day.",
    key=("source", "provider", "account", "service", "region", "charge_category", "currency", "ts"),
    time="ts",
    columns=(
        source,
        _text("provider", "Who bills."),
        account,
        _text("service", "Service name as billed."),
        _text("region", "Region as billed; `global` where there is none."),
        _text("charge_category", "Usage, Purchase, Tax, Credit, Adjustment."),
        _text("currency", "Billing currency.", pattern="^[A-Z]{3}$"),
        _moment("ts", "Midnight that begins the day of the charge."),
        Column(name="billed_usd", type=NUMBER, doc="What the invoice says.", unit="usd", nullable=True),
        Column(
            name="effective_usd",
            type=NUMBER,
            doc="Amortised cost: for trends and forecasts.",
            unit="usd",
            nullable=True,
        ),
        Column(name="list_usd", type=NUMBER, doc="At list price.", unit="usd", nullable=True),
        Column(name="lines", type=WHOLE, doc="Billing lines behind the row.", unit="count", ge=1),
    ),
    may_be_empty=True,
)
QUARANTINE = Table(
    name="silver.quarantine",
    doc="One bronze row that a rule refused, with the reason and the row itself.",
    key=("table_name", "load_id", "row_number"),
    time="ts",
    columns=(
        _text("table_name", "Bronze table of the row."),
        load_id,
        Column(name="row_number", type=WHOLE, doc="Number among the load's refused rows.", ge=1),
        _moment("ts", "The row's own time."),
        source,
        _text("rule", "The rule that refused it."),
        _text("reason", "What was found and what was expected."),
        _text("row_json", "The row."),
    ),
    partition="day",
    may_be_empty=True,
)

CHECK_RESULT = Table(
    name="silver.check_result",
    doc="One expectation on one table of silver in one run; `gold.quality_result` publishes it.",
    key=("as_of", "table_name", "subject", "rule", "shard"),
    time="as_of",
    columns=(
        as_of,
        _text("table_name", "Table checked."),
        _text("subject", "Column or load that the rule is about; `table` for the whole."),
        _text("rule", "Expectation and its arguments."),
        Column(name="shard", type=WHOLE, doc="Shard of mapped work, else 0.", ge=0),
        _text("severity", "critical stops the write.", values=("critical", "warning", "info")),
        Column(name="success", type=FLAG, doc="Held; an expectation that raised did not."),
        Column(name="rows", type=WHOLE, doc="Rows looked at.", unit="count", ge=0),
        Column(name="failed_rows", type=WHOLE, doc="Rows against the rule.", unit="count", ge=0),
        Column(name="score", type=NUMBER, doc="Share of rows in order.", unit="ratio", ge=0, le=1),
        _text("note", "What it means to the person on call."),
    ),
    may_be_empty=True,
)

# ---------------------------------------------------------------- gold: what Headroom believes and recommends

FORECAST = Table(
    name="gold.forecast",
    doc="One quantile of one future period of one series, as believed at `as_of`.",
    key=("as_of", "series_id", "granularity", "ts", "quantile"),
    time="as_of",
    columns=(
        as_of,
        series_id,
        metric,
        unit,
        granularity,
        _moment("ts", "Start of the period forecast."),
        Column(name="quantile", type=NUMBER, doc="Level.", unit="ratio", ge=0.001, le=0.999),
        Column(name="value", type=NUMBER, doc="The p95 of the period's demand, at that level.", unit="as `unit`"),
        _text("model", "Forecaster."),
        _text(
            "model_version",
            "Registered version; `none` without one, `… (stale)` where the registry was down: no parameters, no overrides.",
        ),
        _text("tier", "regular, or the named fallback and why."),
        _moment("cutoff", "Last observed period behind the forecast."),
        bucket,
    ),
    partition="day",
    may_be_empty=True,
)
FORECAST_SCORE = Table(
    name="gold.forecast_score",
    doc="One period of one series as forecast at `as_of`, beside what was then observed: every lead time of every forecast.",
    key=("as_of", "series_id", "granularity", "ts"),
    time="ts",
    columns=(
        as_of,
        series_id,
        metric,
        unit,
        granularity,
        _moment("ts", "Start of the period."),
        Column(name="lead", type=WHOLE, doc="Lead time; 1 is the first period after `as_of`.", unit="periods", ge=1),
        _text("model", "Forecaster."),
        _text("model_version", "Its registered version; `none` for a forecaster without one."),
        Column(name="actual", type=NUMBER, doc="The p95 (of cost: the sum) observed.", unit="as `unit`"),
        Column(name="median", type=NUMBER, doc="The median forecast.", unit="as `unit`"),
        Column(name="error", type=NUMBER, doc="Actual − median: above 0 more was used than forecast.", unit="as `unit`"),
        Column(name="abs_error", type=NUMBER, doc="The error without its sign.", unit="as `unit`", ge=0),
        Column(name="pinball", type=NUMBER, doc="Pinball loss, mean over the quantiles.", unit="as `unit`", ge=0),
        Column(name="hit_50", type=FLAG, doc="The actual lay within 0.25 … 0.75."),
        Column(name="hit_80", type=FLAG, doc="The actual lay within 0.1 … 0.9."),
        Column(name="hit_90", type=FLAG, doc="The actual lay within 0.05 … 0.95."),
        _number(
            "naive_abs_error",
            "The seasonal naive's error from the same cutoff; null where that period is missing.",
            "as `unit`",
            ge=0,
        ),
        _number(
            "scale", "Mean seasonal difference in the 28 days up to the cutoff; null where nothing varied.", "as `unit`", ge=0
        ),
    ),
    partition="day",
    may_be_empty=True,
)
ANOMALY = Table(
    name="gold.anomaly",
    doc="One hour of one series that enough detectors find anomalous.",
    key=("series_id", "ts"),
    time="ts",
    columns=(
        series_id,
        *resource_key,
        metric,
        unit,
        _moment("ts", "Start of the hour."),
        Column(name="value", type=NUMBER, doc="What was observed.", unit="as `unit`"),
        _number("expected", "What the strongest detector expected.", "as `unit`"),
        Column(name="score", type=NUMBER, doc="Largest score of the detectors; 0.5 and above is an alert.", ge=0, le=1),
        Column(name="votes", type=WHOLE, doc="Detectors that alerted.", unit="count", ge=1),
        _text("detectors", "Their names, by comma."),
        _text("severity", "By score.", values=SEVERITIES),
        bucket,
    ),
    partition="day",
    may_be_empty=True,
)
CAPACITY_RISK = Table(
    name="gold.capacity_risk",
    doc="The risk that one series crosses one threshold, as believed at `as_of`.",
    key=("as_of", "series_id", "granularity", "threshold_pct"),
    time="as_of",
    columns=(
        as_of,
        series_id,
        metric,
        granularity,
        Column(
            name="threshold_pct",
            type=NUMBER,
            doc="Share of capacity that must not be crossed.",
            unit="percent",
            ge=1,
            le=100,
        ),
        Column(name="quantile", type=NUMBER, doc="Quantile whose crossing is dated.", unit="ratio", ge=0, le=1),
        _moment("first_crossing_at", "First period in which that quantile crosses.", nullable=True),
        _number("p_cross_7d", "Chance of crossing within 7 days, surprises included.", "ratio", ge=0, le=1),
        _number("p_cross_30d", "Chance of crossing within 30 days, surprises included.", "ratio", ge=0, le=1),
        _number("p_cross_90d", "Chance of crossing within 90 days, surprises included.", "ratio", ge=0, le=1),
        _number(
            "p_surprise_30d",
            "Chance that what no forecast sees, an incident, makes it cross within 30 days; null by the hour.",
            "ratio",
            ge=0,
            le=1,
        ),
        _moment("crossing_p10_at", "Early date of the first crossing.", nullable=True),
        _moment("crossing_p50_at", "Median date of the first crossing.", nullable=True),
        _moment("crossing_p90_at", "Late date of the first crossing.", nullable=True),
        Column(name="capacity", type=NUMBER, doc="Provisioned amount.", unit="as the metric"),
        Column(name="peak_p95", type=NUMBER, doc="Highest P95 over the forecast.", unit="as the metric"),
        _moment("peak_at", "When that peak is expected."),
        _number("seasonal_peak_p95", "Highest P95 on holidays and the last five days of quarters.", "as the metric"),
        _moment("seasonal_peak_at", "When that is expected.", nullable=True),
        _number("headroom_ratio", "Share of capacity left at the P95 forecast's peak.", "ratio", le=1),
        _text("risk_level", "low, medium, high or critical.", values=SEVERITIES),
        _number("priority", "Risk × criticality × historic peak, 0–100.", "score", ge=0, le=100),
    ),
    may_be_empty=True,
)
RISK_RELIABILITY = Table(
    name="gold.risk_reliability",
    doc="Stated chances of crossing in one bin beside how often it happened, of the risks whose horizon ended in a run.",
    key=("as_of", "metric", "granularity", "threshold_pct", "horizon_days", "bin"),
    time="as_of",
    columns=(as_of, *reliability),
    may_be_empty=True,
)
RISK_BACKTEST = Table(
    name="gold.risk_backtest",
    doc="Stated chances of crossing in one bin beside how often it happened, of one forecaster in one training's backtest.",
    key=("as_of", "metric", "granularity", "model", "threshold_pct", "horizon_days", "bin"),
    time="as_of",
    columns=(as_of, _text("model", "Forecaster that the training proposed."), *reliability),
    may_be_empty=True,
)
RECOMMENDATION = Table(
    name="gold.recommendation",
    doc="What one rule says about one resource, as believed at `as_of`; `keep` and `insufficient_data` are answers too.",
    key=("as_of", "recommendation_id"),
    time="as_of",
    columns=(
        as_of,
        _text("recommendation_id", "sha256 of rule and resource, 16 digits.", pattern="^[0-9a-f]{16}$"),
        _text("rule_id", "The recommender."),
        _text("rule_version", "Its version."),
        account,
        region,
        _text("service", "Service of the resource."),
        resource_id,
        _text("action", "What to do.", values=ACTIONS),
        _text("reason", "Why, with the figures."),
        _text("current_config", "What runs now.", nullable=True),
        _text("target_config", "What should run.", nullable=True),
        _text("evidence_json", "Window, coverage, percentiles and thresholds, as a JSON object."),
        _number("monthly_cost_usd", "Cost now, at list price.", "usd", ge=0),
        _number("savings_monthly_usd", "Saving per month; null without a price, negative for upsizing.", "usd"),
        _number("savings_low_usd", "Cautious saving.", "usd"),
        _number("savings_high_usd", "Hopeful saving.", "usd"),
        _moment("price_as_of", "Day the prices are from.", nullable=True),
        _number("breach_probability", "Chance that demand exceeds the target within 30 days.", "ratio", ge=0, le=1),
        Column(name="confidence", type=NUMBER, doc="How much evidence there is.", unit="ratio", ge=0, le=1),
        Column(name="risk_level", type=WHOLE, doc="0 very low … 4 very high, the largest over the dimensions.", ge=0, le=4),
        _text("effort", "very_low … very_high."),
        Column(name="restart_needed", type=FLAG, doc="The resource restarts."),
        Column(name="rollback_possible", type=FLAG, doc="The change can be undone."),
        _text("rollback_note", "How."),
        Column(name="portfolio_rank", type=WHOLE, doc="Order among those that count.", nullable=True, ge=1),
        _number("portfolio_savings_usd", "Saving that adds up: one action per resource.", "usd"),
    ),
    may_be_empty=True,
)
MODEL_METRIC = Table(
    name="gold.model_metric",
    doc="How one forecaster did on one segment in one training's backtest.",
    key=("as_of", "metric", "granularity", "model"),
    time="as_of",
    columns=(
        as_of,
        metric,
        granularity,
        _text("model", "Forecaster."),
        Column(name="series", type=WHOLE, doc="Series scored.", unit="count", ge=0),
        Column(name="windows", type=WHOLE, doc="Rolling-origin windows.", unit="count", ge=0),
        _number("mase", "Mean absolute scaled error.", "ratio", ge=0),
        _number("rmsse", "Root mean squared scaled error.", "ratio", ge=0),
        _number("wape", "Weighted absolute percentage error.", "ratio", ge=0),
        _number("smape", "Symmetric MAPE.", "ratio", ge=0),
        _number("scaled_pinball", "Mean quantile loss, scaled as MASE.", "ratio", ge=0),
        _number("coverage_50", "Share of actuals inside the 50 % interval.", "ratio", ge=0, le=1),
        _number("coverage_80", "Share of actuals inside the 80 % interval.", "ratio", ge=0, le=1),
        _number("coverage_90", "Share of actuals inside the 90 % interval.", "ratio", ge=0, le=1),
        _number("bias", "Mean of forecast − actual, scaled as MASE; above 0 forecasts too much.", "ratio"),
        _number("skill", "1 − scaled pinball ÷ seasonal naive's.", "ratio", le=1),
        _text("compared_with", "Forecaster that served then, else seasonal naive.", nullable=True),
        _number("p_value", "Chance of losses so much lower than its, if both were equal.", "probability", ge=0, le=1),
        _number("cpu_s_per_series", "CPU time per series and window.", "seconds", ge=0),
    ),
    may_be_empty=True,
)
DRIFT = Table(
    name="gold.drift",
    doc="How one segment's published forecasts did in the 28 days before `as_of` against the 28 before those.",
    key=("as_of", "metric", "granularity"),
    time="as_of",
    columns=(
        as_of,
        metric,
        granularity,
        Column(name="scored", type=WHOLE, doc="Scores of the last 28 days, a day (hourly) or week ahead.", unit="count", ge=0),
        Column(name="scored_before", type=WHOLE, doc="The same of the 28 days before.", unit="count", ge=0),
        _number("scaled_pinball", "Mean pinball loss, scaled as MASE.", "ratio", ge=0),
        _number("pinball_to_naive", "Pinball loss ÷ the seasonal naive's absolute error.", "ratio", ge=0),
        _number("pinball_to_naive_before", "The same in the 28 days before.", "ratio", ge=0),
        _number("skill", "1 − absolute error of the median ÷ the seasonal naive's.", "ratio", le=1),
        _number("coverage_80", "Share of actuals inside the 80 % interval.", "ratio", ge=0, le=1),
        _number("coverage_90", "Share of actuals inside the 90 % interval.", "ratio", ge=0, le=1),
        _number("coverage_90_before", "The same in the 28 days before.", "ratio", ge=0, le=1),
        _number("residual_psi", "Population stability index of the scaled errors; null below 200 scores each.", "index", ge=0),
        Column(name="drifted", type=FLAG, doc="One of the figures is beyond its limit."),
        _moment("trained_at", "The newest training before `as_of`.", nullable=True),
        Column(name="retrain", type=FLAG, doc="Schedule or drift ask for a training, and no cooldown forbids it."),
        _text("reason", "Why, with the figures."),
    ),
    may_be_empty=True,
)
PROMOTION = Table(
    name="gold.promotion",
    doc="One decision about the champion of one segment: the fence that the registry's alias follows.",
    key=("metric", "granularity", "fence"),
    time="as_of",
    columns=(
        as_of,
        metric,
        granularity,
        Column(name="fence", type=WHOLE, doc="Number of the decision, from 1; a writer must name the next one.", ge=1),
        _text("decision", "promoted, kept or rejected.", values=("promoted", "kept", "rejected")),
        _text("champion", "Forecaster that serves after the decision; `none` where no one does."),
        _text("champion_version", "Its registered version."),
        _text("challenger", "Forecaster that was proposed."),
        _text("challenger_version", "Its registered version."),
        _text("reason", "Gates and figures."),
    ),
    may_be_empty=True,
)
QUALITY_RESULT = Table(
    name="gold.quality_result",
    doc="One expectation on one table, or one load's share of accepted rows, in one run.",
    key=CHECK_RESULT.key,
    time="as_of",
    columns=CHECK_RESULT.columns,
    may_be_empty=True,
)
RUN_STAT = Table(
    name="gold.run_stat",
    doc="What one step of one run took, at its latest execution.",
    key=("as_of", "start_at", "step", "target", "shard"),
    time="as_of",
    columns=(
        as_of,
        _moment("start_at", "Start of the run's data interval."),
        _text("step", "The step."),
        _text("target", "Table, source or segment."),
        Column(name="shard", type=WHOLE, doc="Shard of mapped work, else 0.", ge=0),
        *step_outcome,
        _moment("finished_at", "When it ended."),
    ),
    may_be_empty=True,
)

ALL: dict[str, Table] = {table.name: table for table in globals().values() if isinstance(table, Table)}

# Telemetry says how a run went, not what it found; comparing content leaves it out.
TELEMETRY = frozenset({RUN_EVENT.name, RUN_STAT.name})


def get(name: str) -> Table:
    """The table of that name.

    Raises:
        ConfigError: there is none; the message lists those there are.
    """
    if name not in ALL:
        raise ConfigError(f"no table named {name!r}; there are {', '.join(sorted(ALL))}")
    return ALL[name]
