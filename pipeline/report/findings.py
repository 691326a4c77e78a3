"""What one run found, as frames: the only input of the report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import pandas as pd

from pipeline.interval import Interval
from pipeline.tables.advice import RECOMMENDATION
from pipeline.tables.anomalies import ANOMALY, ANOMALY_POINT
from pipeline.tables.budget import BUDGET_STATUS, COST_COURSE
from pipeline.tables.capacity import CAPACITY_RISK, RISK_BACKTEST
from pipeline.tables.cost_anomaly import COST_ANOMALY, COST_JUDGED
from pipeline.tables.cost_forecast import COST_FORECAST
from pipeline.tables.exploration import DATASET_CHECK, UTILISATION_CLUSTER
from pipeline.tables.forecasts import FORECAST, MODEL_METRIC, NOT_FORECAST, PROMOTION
from pipeline.tables.money import COST_DAILY, INVOICE
from pipeline.tables.operations import QUALITY_RESULT, RUN_STAT
from pipeline.tables.savings import SAVINGS
from pipeline.tables.usage import RESOURCE


def _empty(*columns: str) -> Callable[[], pd.DataFrame]:
    """Makes a frame without rows, whose columns no table has so."""
    return lambda: pd.DataFrame({column: pd.Series(dtype="object") for column in columns})


@dataclass(frozen=True)
class Findings:
    """The frames that a report shows; a frame without rows is a section that says why it is empty.

    Attributes:
        interval: the run's data interval; `as_of` is its end.
        sources: one row per source and bronze table: source, table_name, rows, first_at, last_at, note, kind (real, replayed,
            outside, synthetic or list prices).
        dataset_mix: `inputs.dataset_mix` as of this `as_of`: source, resources, score, kind; the sources of metrics.
        series_source: `inputs.series_delivered`, a row for each source of a series: series_id, source.
        kpis: `inputs.executive_kpis` as of this `as_of`: kpi, value, unit, known_at, meaning.
        resource: newest row per resource, as `silver.resource`: account, region, resource_id, service, instance_type,
            tags_json.
        recommendation: `gold.recommendation` of this `as_of`.
        evidence_hours: what was measured of the resources of the portfolio's first recommendations, as
            `inputs.evidence.read_hours` gives it.
        evidence_forecast: `gold.forecast` of this `as_of` of the same series, by the hour.
        rule_record: `inputs.rule_record` of 400 days: what following each rule before would have come to.
        savings: `gold.savings` of this `as_of`: what became of recommendations.
        capacity_risk: `gold.capacity_risk` of this `as_of`.
        capacity_next: `inputs.capacity_next` of this `as_of`: the next threshold of each series, the gravest series first.
        utilisation_cluster: `gold.utilisation_cluster` of this `as_of`: which resources are used alike.
        forecast: `gold.forecast` of this `as_of` for the series that are charted.
        forecast_series: how many series and granularities were forecast, charted or not.
        not_forecast: `gold.not_forecast` of this `as_of`.
        history: what was observed of the charted series: series_id, granularity, ts, value.
        anomaly_point: the anomalous samples of `gold.anomaly_point` in the interval and in the 30 days before its end.
        anomaly: `gold.anomaly` of this `as_of`: the incidents.
        judged: `inputs.judged_series`: metric, series, judged; how many series detectors judged, cost among the metrics.
        anomaly_history: hourly values around anomalies: series_id, ts, value.
        cost_daily: `silver.cost_daily` of the last 120 days.
        cost_forecast: `gold.cost_forecast` of this `as_of`, effective cost in US dollars, of all teams together.
        cost_accuracy: `inputs.cost_accuracy` of this `as_of`: how forecasts of all cost did, by days and by months.
        budget_status: `gold.budget_status` of this `as_of`.
        cost_course: `gold.cost_course` of this `as_of`: the running month of each budget, and of everything, by day.
        cost_anomaly: `gold.cost_anomaly` of this `as_of`: what cost unusually much or little.
        cost_judged: `gold.cost_judged` of this `as_of`: the days of each bill that were judged.
        cost_rises: `inputs.cost_rises` of this `as_of`: 30 days against the 30 before, the largest rise first.
        cost_allocated: `inputs.cost_allocated` of this `as_of`: whose cost the newest billing period is, the largest first.
        invoice: `silver.invoice` of the billing periods that begin in the last 120 days: invoices beside the bill's charges.
        model_metric: `gold.model_metric` of the newest training not after `as_of`.
        risk_backtest: `gold.risk_backtest` of the same training.
        promotion: `gold.promotion` up to `as_of`.
        quality_result: `gold.quality_result` of this `as_of`.
        quarantine: rows refused in the interval: table_name, rule, rows, example.
        completeness: per series in the interval: series_id, metric, days (with a row), missing_days (between its first
            and last day), flagged_days (less than half observed), samples, expected_samples.
        dataset_check: `inputs.dataset_checks` of the interval: the seven checks of each source on its newest day.
        run_stat: `gold.run_stat` of this `as_of`.
        alert: `inputs.open_alerts` as of this `as_of`: what fires, the gravest first, and whether people were told.
        most_pages: so many accounts, and so many teams, have a page of their own.
    """

    interval: Interval
    sources: pd.DataFrame = field(default_factory=_empty("source", "table_name", "rows", "first_at", "last_at", "note", "kind"))
    series_source: pd.DataFrame = field(default_factory=_empty("series_id", "source"))
    kpis: pd.DataFrame = field(default_factory=_empty("kpi", "value", "unit", "known_at", "meaning"))
    resource: pd.DataFrame = field(default_factory=RESOURCE.empty)
    recommendation: pd.DataFrame = field(default_factory=RECOMMENDATION.empty)
    evidence_hours: pd.DataFrame = field(
        default_factory=_empty(
            *("recommendation_id", "series_id", "metric", "unit", "hour", "value", "max", "expected_samples"),
        )
    )
    evidence_forecast: pd.DataFrame = field(default_factory=FORECAST.empty)
    rule_record: pd.DataFrame = field(
        default_factory=_empty(
            "rule_id", "rule_version", "is_reference", "resources", "changes", "violating", "promised_usd", "saved_usd"
        )
    )
    savings: pd.DataFrame = field(default_factory=SAVINGS.empty)
    capacity_risk: pd.DataFrame = field(default_factory=CAPACITY_RISK.empty)
    capacity_next: pd.DataFrame = field(default_factory=_empty("series_id", "metric", "threshold_pct", "risk_level"))
    utilisation_cluster: pd.DataFrame = field(default_factory=UTILISATION_CLUSTER.empty)
    forecast: pd.DataFrame = field(default_factory=FORECAST.empty)
    forecast_series: int = 0
    not_forecast: pd.DataFrame = field(default_factory=NOT_FORECAST.empty)
    history: pd.DataFrame = field(default_factory=_empty("series_id", "granularity", "ts", "value"))
    anomaly_point: pd.DataFrame = field(default_factory=ANOMALY_POINT.empty)
    anomaly: pd.DataFrame = field(default_factory=ANOMALY.empty)
    dataset_mix: pd.DataFrame = field(default_factory=_empty("source", "resources", "score", "kind"))
    judged: pd.DataFrame = field(default_factory=_empty("metric", "series", "judged"))
    anomaly_history: pd.DataFrame = field(default_factory=_empty("series_id", "ts", "value"))
    cost_daily: pd.DataFrame = field(default_factory=COST_DAILY.empty)
    cost_forecast: pd.DataFrame = field(default_factory=COST_FORECAST.empty)
    cost_accuracy: pd.DataFrame = field(default_factory=_empty("granularity", "scored", "wape", "naive_wape", "coverage_90"))
    budget_status: pd.DataFrame = field(default_factory=BUDGET_STATUS.empty)
    cost_course: pd.DataFrame = field(default_factory=COST_COURSE.empty)
    cost_anomaly: pd.DataFrame = field(default_factory=COST_ANOMALY.empty)
    cost_judged: pd.DataFrame = field(default_factory=COST_JUDGED.empty)
    cost_rises: pd.DataFrame = field(
        default_factory=_empty(
            "service",
            "account",
            "region",
            "recent_usd",
            "before_usd",
            "rise_usd",
            "jumped_at",
            "jumped_to_usd",
            "jumped_from_usd",
        )
    )
    cost_allocated: pd.DataFrame = field(
        default_factory=_empty("billing_period", "dimension", "value", "currency", "cost", "ratio")
    )
    invoice: pd.DataFrame = field(default_factory=INVOICE.empty)
    model_metric: pd.DataFrame = field(default_factory=MODEL_METRIC.empty)
    risk_backtest: pd.DataFrame = field(default_factory=RISK_BACKTEST.empty)
    promotion: pd.DataFrame = field(default_factory=PROMOTION.empty)
    quality_result: pd.DataFrame = field(default_factory=QUALITY_RESULT.empty)
    quarantine: pd.DataFrame = field(default_factory=_empty("table_name", "rule", "rows", "example"))
    completeness: pd.DataFrame = field(
        default_factory=_empty("series_id", "metric", "days", "missing_days", "flagged_days", "samples", "expected_samples")
    )
    dataset_check: pd.DataFrame = field(default_factory=DATASET_CHECK.empty)
    run_stat: pd.DataFrame = field(default_factory=RUN_STAT.empty)
    alert: pd.DataFrame = field(
        default_factory=_empty(
            *("alert_id", "rule", "subject", "cause", "severity", "state", "suppressed_by", "since", "observed", "expected"),
            *("measured_in", "detail", "team", "reason", "told_at", "waiting"),
        )
    )
    most_pages: int = 30

    @property
    def as_of(self) -> datetime:
        return self.interval.as_of
