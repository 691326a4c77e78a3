"""Turn one UTC day of metrics, inventory and bills into forecasts, anomalies, capacity risks and recommendations.

**Reads** the sources of the setting `sources`. **Writes** every table of the lake that the assets name, and the run's report.

**Waits** 3 h after midnight in scheduled runs, for datapoints that arrive late; backfills and manual runs wait for nothing.

**By hand** `python -m pipeline run --from 2026-03-01 --to 2026-03-02`, or trigger it with `{"day": "2026-03-01"}` or
`{"start": "2026-03-01", "end": "2026-03-08"}`. Running a day again replaces it and changes nothing else.

**When it fails** bad data and bad settings fail at once and leave the last good tables as they are; everything else is retried
three times, waiting longer each time.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.providers.standard.sensors.time_delta import TimeDeltaSensor
from airflow.sdk import CronDataIntervalTimetable, TaskGroup, XComArg, chain, dag
from common import DEFAULT_ARGS, INTERVAL_PARAMS, asset, sharded, step

from pipeline import settings

SETTINGS = settings.load()
BRONZE = ("bronze.metric_sample", "bronze.resource_snapshot", "bronze.billing_line", "bronze.price")
# Minutes, and none where the interval is long past or there is no interval to wait after.
LATENESS = "{{ 180 if dag_run.run_type == 'scheduled' else 0 }}"


def build(table: str, **options: Any) -> XComArg:
    """The task that builds one table from its SQL, and announces it."""
    task_id = f"build__{table.replace('.', '__')}"
    return step.override(task_id=task_id, outlets=[asset(table)], **options)(name="build", target=table)


@dag(
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    params=INTERVAL_PARAMS,
    doc_md=__doc__,
    tags=["headroom", "capacity"],
)
def capacity_daily() -> None:
    settled = TimeDeltaSensor(task_id="settled", delta=LATENESS, deferrable=True)
    ingest = (
        step.override(
            task_id="ingest",
            outlets=[asset(table) for table in BRONZE],
            map_index_template="{{ task.op_kwargs['target'] }}",
        )
        .partial(name="ingest")
        .expand(target=list(SETTINGS.sources))
    )
    with TaskGroup("silver", prefix_group_id=False):
        silver = [
            build(f"silver.{table}")
            for table in ("metric_hourly", "metric_daily", "resource", "calendar", "cost_daily", "quarantine")
        ]
    # Also where a check failed: what is wrong is published, and what builds on it is not.
    quality = build("gold.quality_result", trigger_rule="all_done")
    score, drift = build("gold.forecast_score"), build("gold.drift")
    forecast = sharded("forecast", [asset("gold.forecast")], SETTINGS.shards)
    detect = sharded("detect", [asset("gold.anomaly")], SETTINGS.shards)
    risk_tables = [asset("gold.capacity_risk"), asset("gold.risk_reliability")]
    risk = step.override(task_id="risk", outlets=risk_tables)(name="risk")
    recommend = step.override(task_id="recommend", outlets=[asset("gold.recommendation")])(name="recommend")
    run_stat = build("gold.run_stat")
    report = step.override(task_id="report")(name="report")
    chain(settled, ingest, silver, quality, [forecast, detect])
    for models in (forecast, detect):
        chain(silver, models)
    chain(forecast, risk)
    chain([risk, detect], recommend, run_stat, report)
    chain(silver, score, drift, run_stat)


capacity_daily()
