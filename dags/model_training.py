"""Compare the forecasters on what is known, register the best per segment, and make it champion if it earned it.

**Reads** silver. **Writes** `gold.model_metric`, MLflow runs and models, and the alias `champion`, moved through a fence: a
challenger that is worse than seasonal naive never becomes champion.

**Waits** for nothing: it trains on what was known at Monday 00:00 UTC, the end of its week.

**By hand** `python -m pipeline train --day 2026-03-01` and then `python -m pipeline promote --day 2026-03-01`, or trigger it
with `{"day": "2026-03-01"}`.
"""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.sdk import CronDataIntervalTimetable, chain, dag
from common import DEFAULT_ARGS, INTERVAL_PARAMS, asset, step


@dag(
    schedule=CronDataIntervalTimetable("0 0 * * 1", timezone="UTC"),
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    params=INTERVAL_PARAMS,
    doc_md=__doc__,
    tags=["headroom", "models"],
)
def model_training() -> None:
    train = step.override(task_id="train", outlets=[asset("gold.model_metric")])(name="train")
    promote = step.override(task_id="promote")(name="promote")
    chain(train, promote)


model_training()
