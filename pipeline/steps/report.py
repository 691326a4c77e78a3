"""Write what a run found where people read it: HTML pages and the recommendations as files for spreadsheets."""

from __future__ import annotations

import logging

from pipeline.inputs.findings import gather
from pipeline.interval import Interval
from pipeline.lake import Lake, reports
from pipeline.quality.data_docs import collect_data_docs
from pipeline.report import recommendations_csv, recommendations_xlsx, render, render_owners
from pipeline.settings import Settings
from pipeline.steps._declaration import Step

log = logging.getLogger(__name__)
STEP = Step(
    role="publisher",
    reads=(
        "inputs.capacity_next",
        "inputs.completeness",
        "inputs.cost_accuracy",
        "inputs.cost_allocated",
        "inputs.cost_rises",
        "inputs.demand_daily",
        "inputs.executive_kpis",
        "inputs.forecast_series",
        "inputs.judged_series",
        "inputs.open_alerts",
        "inputs.quarantined",
        "inputs.dataset_checks",
        "inputs.dataset_mix",
        "inputs.resources",
        "inputs.rule_record",
        "inputs.series_delivered",
        "inputs.sources",
        "silver.metric_hourly",
        "gold.anomaly",
        "gold.anomaly_point",
        "gold.budget_status",
        "gold.cost_anomaly",
        "gold.cost_course",
        "gold.cost_judged",
        "silver.invoice",
        "gold.capacity_risk",
        "gold.cost_forecast",
        "gold.not_forecast",
        "gold.forecast",
        "gold.model_metric",
        "gold.promotion",
        "gold.quality_result",
        "gold.recommendation",
        "gold.risk_backtest",
        "gold.run_stat",
        "gold.savings",
        "gold.utilisation_cluster",
    ),
)


def report(interval: Interval, lake: Lake, settings: Settings) -> int:
    """Publish the report, its pages of accounts and teams, the recommendations and the data docs; of the newest run twice.

    The second time is at the stable address.

    Returns:
        Rows in `recommendations.csv`.
    """
    findings = gather(interval, lake)
    files = {
        "recommendations.csv": recommendations_csv(findings.recommendation).encode(),
        "recommendations.xlsx": recommendations_xlsx(findings),
        **{path: page.encode() for path, page in render_owners(findings).items()},
        "report.html": render(findings).encode(),
        **collect_data_docs(lake, interval.as_of),
    }
    reports.publish(lake.storage, interval.as_of, files)
    log.info("report: %s", settings.report_address(interval.as_of))
    if reports.publish_newest(lake.storage, interval.as_of, files):
        log.info("the newest report is always at %s", settings.report_address())
    return len(findings.recommendation)
