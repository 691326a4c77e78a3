"""What one run found, as frames: the only input of the report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import pandas as pd

from pipeline.interval import Interval

RECOMMENDATION_COLUMNS = (
    "recommendation_id", "rule_id", "rule_version", "account", "region", "service", "resource_id", "action", "reason",
    "current_config", "target_config", "evidence_json", "monthly_cost_usd", "savings_monthly_usd", "savings_low_usd",
    "savings_high_usd", "price_as_of", "breach_probability", "confidence", "risk_level", "effort", "restart_needed",
    "rollback_possible", "rollback_note", "portfolio_rank", "portfolio_savings_usd",
)  # fmt: skip
RISK_COLUMNS = (
    "series_id", "metric", "granularity", "threshold_pct", "quantile", "first_crossing_at", "p_cross_7d", "p_cross_30d",
    "p_cross_90d", "crossing_p10_at", "crossing_p50_at", "crossing_p90_at", "peak_p95", "peak_at",
    "headroom_ratio", "risk_level", "priority",
)  # fmt: skip


def _empty(*columns: str) -> Callable[[], pd.DataFrame]:
    return lambda: pd.DataFrame({column: pd.Series(dtype="object") for column in columns})


@dataclass(frozen=True)
class Findings:
    """The frames that a report shows; a frame without rows is a section that says why it is empty.

    Attributes:
        interval: the run's data interval; `as_of` is its end.
        sources: one row per source and bronze table: source, table_name, rows, first_at, last_at, note, kind (real, replayed,
            synthetic or prices).
        resource: newest row per resource, as `silver.resource`.
        recommendation: `gold.recommendation` of this `as_of`.
        capacity_risk: `gold.capacity_risk` of this `as_of`.
        forecast: `gold.forecast` of this `as_of` for the series that are charted and for all cost series.
        forecast_series: how many series and granularities were forecast, charted or not.
        history: what was observed of the charted series: series_id, granularity, ts, value.
        anomaly: `gold.anomaly` of the interval and of the 30 days before its end.
        anomaly_history: hourly values around anomalies: series_id, ts, value.
        cost_daily: `silver.cost_daily` of the last 120 days.
        model_metric: `gold.model_metric` of the newest training not after `as_of`.
        risk_backtest: `gold.risk_backtest` of the same training.
        promotion: `gold.promotion` up to `as_of`.
        quality_result: `gold.quality_result` of this `as_of`.
        quarantine: rows refused in the interval: table_name, rule, rows, example.
        completeness: per series in the interval: series_id, metric, days (with a row), missing_days (between its first
            and last day), flagged_days (less than half observed), samples, expected_samples.
        run_stat: `gold.run_stat` of this `as_of`.
    """

    interval: Interval
    sources: pd.DataFrame = field(default_factory=_empty("source", "table_name", "rows", "first_at", "last_at", "note", "kind"))
    resource: pd.DataFrame = field(
        default_factory=_empty("account", "region", "resource_id", "service", "instance_type", "tags_json")
    )
    recommendation: pd.DataFrame = field(default_factory=_empty(*RECOMMENDATION_COLUMNS))
    capacity_risk: pd.DataFrame = field(default_factory=_empty(*RISK_COLUMNS))
    forecast: pd.DataFrame = field(
        default_factory=_empty("series_id", "metric", "unit", "granularity", "ts", "quantile", "value", "model", "tier", "cutoff")
    )
    forecast_series: int = 0
    history: pd.DataFrame = field(default_factory=_empty("series_id", "granularity", "ts", "value"))
    anomaly: pd.DataFrame = field(
        default_factory=_empty(
            "series_id", "resource_id", "metric", "unit", "ts", "value", "expected", "score", "votes", "detectors", "severity"
        )
    )
    anomaly_history: pd.DataFrame = field(default_factory=_empty("series_id", "ts", "value"))
    cost_daily: pd.DataFrame = field(
        default_factory=_empty("source", "account", "service", "charge_category", "currency", "ts", "billed_usd", "effective_usd")
    )
    model_metric: pd.DataFrame = field(
        default_factory=_empty(
            "as_of",
            "metric",
            "granularity",
            "model",
            "series",
            "windows",
            "mase",
            "wape",
            "scaled_pinball",
            "coverage_50",
            "coverage_80",
            "coverage_90",
            "skill",
            "cpu_s_per_series",
        )
    )
    risk_backtest: pd.DataFrame = field(
        default_factory=_empty(
            "as_of", "metric", "granularity", "bin", "forecasts", "stated", "observed", "brier", "base_rate_brier"
        )
    )
    promotion: pd.DataFrame = field(
        default_factory=_empty("as_of", "metric", "granularity", "fence", "decision", "champion", "champion_version", "reason")
    )
    quality_result: pd.DataFrame = field(
        default_factory=_empty("table_name", "subject", "rule", "severity", "success", "rows", "failed_rows", "score", "note")
    )
    quarantine: pd.DataFrame = field(default_factory=_empty("table_name", "rule", "rows", "example"))
    completeness: pd.DataFrame = field(
        default_factory=_empty("series_id", "metric", "days", "missing_days", "flagged_days", "samples", "expected_samples")
    )
    run_stat: pd.DataFrame = field(
        default_factory=_empty("step", "target", "shard", "outcome", "rows", "wall_s", "cpu_s", "peak_rss_mib")
    )

    @property
    def as_of(self) -> datetime:
        return self.interval.as_of
