"""Look at what is so now: land the newest samples, put them into five minutes, judge hours that are over, and tell people.

**Reads** the sources of the setting `monitor_sources`, which are asked for samples of metrics alone. **Writes**
`silver.metric_5min`, `silver.hour_observed`, of hours that are over `gold.anomaly_point` and `gold.anomaly`, alerts, and the page
`status.html`; forecasts, risks and all else are made by `capacity_daily`, whose alerts are not touched.

**Waits** for `monitor_wait_s` after each period of `monitor_period_s`, in which samples arrive. What comes later counts in the
runs that follow: each asks also for the `monitor_late_s` before its period, and builds these again. It is **paused** until
somebody wants it. Runs that were missed for an hour at most are made in their order, one at a time.

**By hand** `python -m pipeline monitor --from 2026-03-01T10:05 --to 2026-03-01T10:10`, or trigger it with
`{"start": "2026-03-01T10:05", "end": "2026-03-01T10:10"}`; without an interval the newest period that is over is meant.

**Who is told** by the routes of the settings, also where a source is down; a period of more than `notify_within_hours` ago, or
one before others that were made, tells nobody.

**How late** a run published, and told: `views.monitor_latency`.
"""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.sdk import chain, dag
from common import DEFAULT_ARGS, MOMENT_PARAMS, build, call, lineage, step, tell_failure
from periods import Periods

from pipeline import settings, steps

SETTINGS = settings.load()


@dag(
    schedule=Periods(period_s=SETTINGS.monitor_period_s, wait_s=SETTINGS.monitor_wait_s),
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=True,
    default_args=DEFAULT_ARGS,
    params=MOMENT_PARAMS,
    doc_md=__doc__,
    tags=["headroom", "capacity"],
)
def monitor() -> None:
    late_s = SETTINGS.monitor_late_s
    landed = []
    if SETTINGS.monitor_sources:
        ingest = step.override(task_id="ingest", map_index_template="{{ task.op_kwargs['target'] }}", **lineage("ingest"))
        landed = [ingest.partial(name="ingest", late_s=late_s).expand(target=list(SETTINGS.monitor_sources))]
    # What is landed is published, also where another source is down.
    built = [build(table, "all_done", late_s) for table in steps.list_builds(when="monitor")]
    judged = [call(name, late_s=late_s) for name in steps.MONITOR]
    told, shown = call("alert"), call("status")
    chain(*([landed] if landed else []), *built, *judged, told, shown)
    chain([*landed, *built, *judged, told, shown], tell_failure())


monitor()
