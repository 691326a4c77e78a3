"""Compare the forecasters on what is known, register the best per segment, and make it champion if it earned it; detectors too.

**Reads** silver, and the incidents that people labelled. **Writes** MLflow runs and models, `gold.model_metric`,
`gold.risk_backtest`, `gold.feature_importance`, `gold.detector_metric`, and the alias `champion`, moved through a fence: a
challenger that is worse than seasonal naive never becomes champion, and neither do weights and thresholds of detectors that are
no better on labels that came later.

**Waits** for the daily run of the day before: it looks each day at 06:00 UTC. `due` says in its log whether to train: a week
after the last training (`retrain_after_days`), at once where options of forecasters or the vote of the detectors are others than
it was told, or when `gold.drift` says so and it has cooled down (`retrain_cooldown_days`). Otherwise the rest of the run is
skipped. A run by hand trains in any case.

The segments are mapped over `shards`, `register` makes one training of what they found, and `record` publishes its figures.
Beside them `train_detectors` learns from labels; where it fails, so does the run, but forecasters are decided about all the same.
With the setting `promotion_approval` a person must then approve, under Required Actions; after `approval_hours` without an answer
it is a rejection, and the champions stay.

**By hand** `python -m pipeline train --day 2026-03-01` and then `python -m pipeline promote --day 2026-03-01`, which do both, or
trigger it with `{"day": "2026-03-01"}`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import CronDataIntervalTimetable, chain, dag, task
from common import DEFAULT_ARGS, INTERVAL_PARAMS, call, gate, tell_failure

from pipeline.settings import load


@dag(
    schedule=CronDataIntervalTimetable("0 6 * * *", timezone="UTC"),
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    params=INTERVAL_PARAMS,
    doc_md=__doc__,
    tags=["headroom", "models"],
)
def model_training() -> None:
    settings = load()
    due, trained = gate.override(task_id="due")(name="due"), [call("train", settings.shards)]
    if settings.shards > 1:
        trained.append(call("register"))
    decided = [call("promote")]
    if settings.promotion_approval:
        decided.insert(0, approval(timedelta(hours=settings.approval_hours)))
    chain(due, *trained, call("record"), *decided)
    detectors = call("train_detectors")
    chain(due, detectors, settled(), decided[0])
    chain(detectors, tell_failure())


@task(trigger_rule="all_done")
def settled() -> None:
    """Detectors are trained, or cannot be: forecasters wait no longer for them."""


def approval(response_timeout: timedelta) -> Any:
    """The task that waits for a person; a rejection, or silence, skips the promotion."""
    from airflow.providers.standard.operators.hitl import ApprovalOperator

    return ApprovalOperator(
        task_id="approve",
        subject="May the challengers of the training {{ run_id }} become champions?",
        body=(
            "The newest runs of the MLflow experiment `headroom-training` show, segment by segment, what is proposed and how it "
            "did. An approved challenger must still pass every gate; after a rejection the present champions stay."
        ),
        defaults=ApprovalOperator.REJECT,
        response_timeout=response_timeout,
    )


model_training()
