"""Land each bill when it is there, a billing period at a time, and publish what it says: cost, who owes it, and what is ahead.

**Reads** the exports of the source `billing`. **Writes** the tables that are made of bills alone: `silver.bill`,
`silver.charge_daily` and what is built of them, `gold.cost_allocation`, `gold.cost_driver`, `gold.cost_forecast` and how it came
true, `gold.budget_status`, `gold.cost_course` and `gold.cost_anomaly`. Without that source in the setting `sources`, a run skips
everything.

**Waits** for the manifest: from 06:00 UTC on it looks every half hour whether the running billing period was stated anew since
the day's end, by every export that has it, and holds no worker in between. After `bill_wait_hours` it goes on with what is there:
nothing waits longer. A period that is over is not waited for, and no other run waits for one that does: `max_active_runs` leaves
room beside it, and a table is built by one run at a time.

**Which periods** the month of the run's day, and until the 15th the month before, each in a task of its own: one that is half
written or no export fails alone, and the run with it, while the others are published. The run of a Monday looks at all months
before as well, of exports that were landed of them: one that says something else by now is a restatement, and one that is held
is named, while the run's own months are published. A **backfill** of a
month's days loads its bill once, with the run of the month's last day; the runs of the other days skip everything. The same
export again is no change.

**By hand** `python -m pipeline ingest --source billing --path … --day 2026-03-01`, then `python -m pipeline build`; or trigger
it with `{"month": "2026-03"}` for one billing period, of the running month as of its last whole day, or `{"day": "2026-03-01"}`:
a run by hand waits for nothing, and what is not over is refused.

**Recommendations**, the report and messages are those of `capacity_daily`, which reads the newest bill that is there and says up
to which day it goes.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import ceil

from airflow.sdk import XComArg, chain, dag, get_current_context, task, task_group
from common import DEFAULT_ARGS, INTERVAL_PARAMS, asks, build, call, lineage, run_interval, step, tell_failure, wait_for
from settled_days import SettledDays

from pipeline import settings, steps
from pipeline.interval import OLDER, Interval

SETTINGS = settings.load()
#: What bills and people's words about them land in.
BILLS = ("bronze.focus_line", "bronze.cur_line", "bronze.billing_period", "bronze.invoice_detail", "bronze.feedback_event")
SOURCE = "billing"
#: Runs at once: those that wait for the bills of their days, and as many as people ask for meanwhile.
MAX_RUNS = 2 + ceil(SETTINGS.bill_wait_hours / 24) * 2


def due_periods(interval: Interval, run_type: str, month: str) -> list[str]:
    """The billing periods that a run of an interval loads, YYYY-MM, and `older` where it looks back.

    Args:
        interval: the run's data interval.
        run_type: Airflow's own; a backfill loads a period with its last day alone.
        month: the one that a person asked for; empty where nobody did.
    """
    if month:
        return [month]
    if run_type == "backfill":
        # What is older than its days, it loads by itself.
        return [f"{each.start:%Y-%m}" for each in interval.whole_months().split_months() if each.end <= interval.end]
    months = [f"{each.start:%Y-%m}" for each in interval.billing_periods().split_months()]
    return [*months, OLDER] if interval.looks_back else months


@task(show_return_value_in_logs=True)
def periods() -> list[str]:
    """The billing periods of this run; none where no source has bills that are exported."""
    run = get_current_context()["dag_run"]
    asked = str((run.conf or {}).get("month") or "")
    return due_periods(run_interval(), str(run.run_type), asked) if SOURCE in settings.load().sources else []


@task.sensor(mode="reschedule", poke_interval=1800, timeout=3600 * SETTINGS.bill_wait_hours, soft_fail=True)
def bill_stated(name: str, target: str, period: str) -> bool:
    """Whether there is nothing to wait for."""
    return asks(name, target=target, period=period)


@task_group(prefix_group_id=False)
def bill(period: str) -> None:
    """One billing period: wait for it, and land it."""
    landed = step.override(task_id="ingest", trigger_rule="none_failed", **lineage("ingest"))
    chain(bill_stated(name="bill_stated", target=SOURCE, period=period), landed(name="ingest", target=SOURCE, period=period))


@dag(
    schedule=SettledDays(hours=6),
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=MAX_RUNS,
    default_args=DEFAULT_ARGS,
    params=INTERVAL_PARAMS,
    dagrun_timeout=timedelta(hours=SETTINGS.bill_wait_hours + 12),
    doc_md=__doc__,
    tags=["headroom", "cost"],
)
def billing_daily() -> None:
    """The DAG."""
    bills = bill.expand(period=periods())
    waits = steps.order_daily()
    made: dict[str, XComArg] = {}
    for name in steps.list_made_of(BILLS):
        is_first = not made.keys() & set(waits[name])
        # What is landed is published, also where another bill failed.
        rule = "all_done_min_one_success" if is_first else ""
        made[name] = build(name, rule) if name in steps.list_builds() else call(name)
        if is_first:
            chain(bills, made[name])
    wait_for(made, waits)
    chain([bills, *made.values()], tell_failure())


billing_daily()
