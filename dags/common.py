"""What the DAGs share: the run's data interval, the retry rules, and the tasks that call a step."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from airflow.exceptions import AirflowFailException
from airflow.sdk import Asset, ExceptionRetryPolicy, Param, RetryAction, RetryRule, XComArg, chain, get_current_context, task

from pipeline import settings, steps
from pipeline.errors import ConfigError
from pipeline.interval import Interval, naive_utc

log = logging.getLogger(__name__)
# A day, or a time.
MOMENT = r"^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2})?Z?)?$"
MAX_DAYS = 1830  # five years in one run: the reference fleet's whole history fits, a mistyped year does not

DEFAULT_ARGS: dict[str, Any] = {
    "owner": "headroom",
    "retries": 3,
    "retry_delay": timedelta(seconds=30),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=15),
    "retry_policy": ExceptionRetryPolicy(
        [
            RetryRule(
                ["pipeline.errors.DataError", "pipeline.errors.ConfigError"],
                RetryAction.FAIL,
                reason="Neither bad data nor a bad setting gets better by waiting.",
            )
        ]
    ),
}

INTERVAL_PARAMS: dict[str, Param] = {
    "day": Param(None, type=["null", "string"], format="date", description="One UTC day, YYYY-MM-DD."),
    "start": Param(None, type=["null", "string"], format="date", description="First UTC day, YYYY-MM-DD."),
    "end": Param(None, type=["null", "string"], format="date", description="End day, not included, YYYY-MM-DD."),
    "month": Param(None, type=["null", "string"], pattern=r"^\d{4}-\d{2}$", description="One month, or billing period, YYYY-MM."),
}


#: The same of a DAG that works on parts of days.
MOMENT_PARAMS: dict[str, Param] = {
    "start": Param(None, type=["null", "string"], pattern=MOMENT, description="From when on, YYYY-MM-DDTHH:MM, UTC."),
    "end": Param(None, type=["null", "string"], pattern=MOMENT, description="Until when, not included, YYYY-MM-DDTHH:MM, UTC."),
}


def interval_of(
    run_type: str,
    asked: Mapping[str, Any],
    start: datetime | None,
    end: datetime | None,
    *,
    run_after: datetime,
    dag_id: str = "the DAG",
    params: Mapping[str, Any] = INTERVAL_PARAMS,
) -> Interval:
    """The data interval of one DAG run.

    Args:
        run_type: Airflow's own: scheduled, backfill, manual, …
        asked: the run's conf over its params: `day`, or `start` and `end`, or `month`; None and "" mean not given.
        start: the data interval that Airflow gave the run, or None where it gave none (triggered without a logical date).
        end: its end, not included.
        run_after: the moment that the run is as of: what is asked for ends with the last UTC day that was over then, for what is
            published as of a day ahead would hide the runs of the days before, or, of times, then. A month that goes on is cut
            there.
        dag_id: for messages.
        params: what a run may be asked: times only of a DAG that takes no `day`.

    Raises:
        ConfigError: an unknown key, a half-given or overlong range, one that is not over or of another rhythm, a range asked of a
            scheduled or backfill run, or no interval.
    """
    if unknown := sorted(set(asked) - set(params)):
        raise ConfigError(f"{dag_id}: unknown key {unknown} in the run's conf; there are {', '.join(params)}")
    given = {key: str(value) for key, value in asked.items() if value not in (None, "")}
    if not given:
        if start is None or end is None:
            raise ConfigError(
                f'{dag_id}: this {run_type} run has no data interval; give it a day, as in --conf \'{{"day": "2026-03-01"}}\''
            )
        own = Interval(naive_utc(start), naive_utc(end))
        # A DAG of days that does not run at midnight stands for the days that were over when its interval ended.
        return (own.periods_over(timedelta(days=1)) or own) if "day" in params else own
    if run_type in ("scheduled", "backfill"):
        raise ConfigError(f"{dag_id}: a {run_type} run has its own data interval, but its conf asks for {given}")
    if set(given) == {"day"}:
        interval = Interval.day(given["day"])
    elif set(given) == {"start", "end"}:
        interval = Interval.between(given["start"], given["end"])
        _check_rhythm(interval, dag_id, of_days="day" in params)
    elif set(given) == {"month"}:
        interval = Interval.month(given["month"])
    else:
        ways = "either day, or start and end, or month" if "day" in params else "start and end"
        raise ConfigError(f"{dag_id}: give {ways}; the run's conf has {given}")
    if interval.end - interval.start > timedelta(days=MAX_DAYS):
        raise ConfigError(f"{dag_id}: {interval} is longer than the {MAX_DAYS} days that one run may cover")
    now = naive_utc(run_after)
    over, expected = now, f"an end up to {now:%Y-%m-%d %H:%M}"
    if "day" in params:
        over, expected = datetime.combine(now.date(), datetime.min.time()), f"days before {now:%Y-%m-%d}"
    if interval.start >= over or (interval.end > over and "month" not in given):
        raise ConfigError(
            f"{dag_id}: {interval} is not over at {now:%Y-%m-%d %H:%M} UTC, the moment of this run; expected {expected}"
        )
    return Interval(interval.start, min(interval.end, over))


def _check_rhythm(interval: Interval, dag_id: str, *, of_days: bool) -> None:
    """Refuse an interval that is not of whole days, or of a DAG of minutes not of periods of one day.

    Of whole days other rules are asked: a run of few tables would end what it made nothing of.
    """
    if of_days:
        if not interval.is_whole_days:
            raise ConfigError(f"{dag_id} works on whole UTC days, got {interval}; the DAG monitor takes times")
        return
    period_s = settings.load().monitor_period_s
    is_of_periods = interval.periods_over(timedelta(seconds=period_s)) == interval
    if not is_of_periods or interval.is_whole_days or len([*interval.split_days()]) > 1:
        raise ConfigError(
            f"{dag_id} works on periods of {period_s} s from midnight, within and not all of one UTC day, got {interval}; "
            "the DAG capacity_daily takes whole days"
        )


def run_interval(late_s: int = 0) -> Interval:
    """The data interval of the run that the calling task belongs to, with the `late_s` seconds before it."""
    context = get_current_context()
    run = context["dag_run"]
    asked = {**context["params"], **(run.conf or {})}
    given = run.data_interval_start, run.data_interval_end
    # What a DAG declares says whether it takes times.
    params = {name: None for name in context["params"] if name in INTERVAL_PARAMS} or INTERVAL_PARAMS
    interval = interval_of(str(run.run_type), asked, *given, run_after=run.run_after, dag_id=run.dag_id, params=params)
    return Interval(interval.start - timedelta(seconds=late_s), interval.end)


def asset(table: str) -> Asset:
    """The asset that stands for one table of the lake.

    The `x-` keeps Airflow from importing every provider, boto3 included, in search of a scheme called headroom.
    """
    return Asset(name=table, uri=f"x-headroom://{table.replace('.', '/')}")


@task(do_xcom_push=False, show_return_value_in_logs=False)
def step(name: str, target: str = "", shard: int = 0, shards: int = 1, period: str = "", late_s: int = 0) -> None:
    """Perform one step of the pipeline for the run's data interval, and announce the tables that it wrote.

    Args:
        name: of the step.
        target: the source or table that it is called for.
        shard: the part of the series, of `shards`, that it works on.
        shards: how many there are.
        period: the one billing period that it is about, YYYY-MM, where it can be about one alone.
        late_s: seconds before the interval that it works on as well.
    """
    interval = run_interval(late_s)
    options: dict[str, Any] = {"period": period} if period else {}
    steps.perform(name, interval, target=target, shard=shard, shards=shards, tell=partial(announce, str(interval)), **options)
    if following := steps.list_next(name, target):
        log.info("next: %s", ", ".join(following))


def announce(interval: str, did: Mapping[str, Any]) -> None:
    """Say rows, snapshot and quality of each table in the calling task's log, and in the events of its assets."""
    for table, done in did.items():
        log.info("%s %s: %s", table, interval, done)
    context = get_current_context()
    for outlet in context["task"].outlets:
        if isinstance(outlet, Asset):
            done = asdict(did[outlet.name]) if outlet.name in did else {"rows": 0}
            context["outlet_events"][outlet].extra = {**done, "interval": interval}


def lineage(name: str, target: str = "") -> dict[str, list[Asset]]:
    """The tables that a step reads and those that it writes, as a task's inlets and outlets."""
    written = [target] if name == "build" else steps.get(name).writes
    return {
        "inlets": [asset(table) for table in steps.list_reads(name, target)],
        "outlets": [asset(table) for table in written],
    }


def build(table: str, rule: str = "", late_s: int = 0) -> XComArg:
    """The task that builds one table, and announces it; what is always built is built also where a check of silver failed."""
    rule = rule or ("all_done" if table in steps.list_builds("gold", "always") else "all_success")
    task_id = f"build__{table.replace('.', '__')}"
    made = step.override(task_id=task_id, trigger_rule=rule, max_active_tis_per_dag=1, **lineage("build", table))
    return made(name="build", target=table, late_s=late_s) if late_s else made(name="build", target=table)


def call(name: str, shards: int = 1, late_s: int = 0) -> XComArg:
    """The task of one step, one per shard where it is sharded; `late_s` as of `step`."""
    declared = steps.get(name)
    rule = "all_done" if declared.always else "all_success"
    made = step.override(task_id=name, trigger_rule=rule, **lineage(name))
    late: dict[str, Any] = {"late_s": late_s} if late_s else {}
    if not declared.sharded:
        return made(name=name, **late)
    mapped = made.override(map_index_template="shard {{ task.op_kwargs['shard'] }}")
    return mapped.partial(name=name, shards=shards, **late).expand(shard=list(range(shards)))


@task(trigger_rule="one_done")
def ended() -> None:
    """Stand for a build that ended, well or not, before what takes the rows that were published if it failed."""


def wait_for(made: Mapping[str, XComArg], waits: Mapping[str, tuple[str, ...]]) -> None:
    """Let tasks, by the name of their step or table, wait for those of them that they need, each in its turn."""
    served: dict[str, XComArg] = {}
    for table in (each for each in steps.SERVES_AS_IT_IS if each in made):
        served[table] = ended.override(task_id=f"ended__{table.replace('.', '__')}")()
        chain(made[table], served[table])
    for name, before in waits.items():
        needed = [(served if name in steps.SERVES_AS_IT_IS.get(each, ()) else made)[each] for each in before if each in made]
        if needed and name in made:
            chain(needed, made[name])


@task(trigger_rule="one_failed", retries=0)
def tell_failure() -> None:
    """Let the run fail where a task did, of which nothing that follows takes notice."""
    raise AirflowFailException("a task of this run failed: see which in the grid; what was published before it stays")


@task.short_circuit(show_return_value_in_logs=False)
def gate(name: str) -> bool:
    """Whether a step, or the person who triggered the run, asks for the tasks below; where nobody does, they are skipped."""
    return asks(name)


def asks(name: str, **options: Any) -> bool:
    """Whether a step asks for the tasks below; a person who triggered the run does in its place."""
    interval = run_interval()
    return by_hand() or bool(steps.perform(name, interval, **options))


def by_hand() -> bool:
    """Whether a person triggered the run that the calling task belongs to."""
    return str(get_current_context()["dag_run"].run_type) == "manual"
