"""Keep the lake small and sound: expire old snapshots, compact small files, check what was landed.

**Reads and writes** the lake's files and metadata; no table's content changes.

**Waits** for nothing: it looks at the lake as it stands.

**By hand** `python -m pipeline maintain --day 2026-03-01`, or trigger it with `{"day": "2026-03-01"}`.
"""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.sdk import CronDataIntervalTimetable, dag
from common import DEFAULT_ARGS, INTERVAL_PARAMS, call


@dag(
    schedule=CronDataIntervalTimetable("0 5 * * 0", timezone="UTC"),
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    params=INTERVAL_PARAMS,
    doc_md=__doc__,
    tags=["headroom", "lake"],
)
def lake_maintenance() -> None:
    call("maintain")


lake_maintenance()
