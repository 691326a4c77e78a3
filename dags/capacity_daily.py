"""Turn one UTC day of metrics, inventory and bills into forecasts, anomalies, risks and recommendations, and tell people.

**Reads** the sources of the setting `sources`. **Writes** every table of the lake that the assets name, and the run's report.

**Waits** 3 h after midnight, for datapoints that arrive late: the run of a day is made at 03:00 UTC of the next. Until then there
is no run, so that nothing holds up manual runs and backfills, which wait for nothing; `max_active_runs` lets one run at a time
publish, in the order in which they were asked for.

**By hand** `python -m pipeline run --from 2026-03-01 --to 2026-03-02`, or trigger it with `{"day": "2026-03-01"}` or
`{"start": "2026-03-01", "end": "2026-03-08"}`. Running a day again replaces it and changes nothing else.

**When a source is late** what it had not delivered is not built, the log of that table's task warns of it, and everything else is
published; the report names it at its top. A day of which nothing at all was landed fails.

**Who is told** what the rules of `sql/alerts` find, by the routes of the settings, also where a task failed; a run of a day long
past tells nobody.

**When it fails** bad data and bad settings fail at once and leave the last good tables as they are; everything else is retried
three times, waiting longer each time.
"""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.sdk import TaskGroup, XComArg, dag
from common import DEFAULT_ARGS, INTERVAL_PARAMS, build, call, lineage, step, wait_for
from settled_days import SettledDays

from pipeline import settings, steps

SETTINGS = settings.load()


def ingest() -> XComArg:
    """The task that lands what the sources say, one per source."""
    mapped = step.override(task_id="ingest", map_index_template="{{ task.op_kwargs['target'] }}", **lineage("ingest"))
    return mapped.partial(name="ingest").expand(target=list(SETTINGS.sources))


@dag(
    schedule=SettledDays(hours=3),
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    params=INTERVAL_PARAMS,
    doc_md=__doc__,
    tags=["headroom", "capacity"],
)
def capacity_daily() -> None:
    tasks = {"ingest": ingest()}
    with TaskGroup("silver", prefix_group_id=False):
        tasks |= {table: build(table) for table in steps.list_builds("silver")}
    tasks |= {table: build(table) for table in steps.list_builds("gold")}
    tasks |= {name: call(name, SETTINGS.shards) for name in steps.DAILY if name not in tasks}
    wait_for(tasks, steps.order_daily())


capacity_daily()
