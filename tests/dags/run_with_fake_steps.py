"""Run DAGs in this process with steps that only note their call, one run after the other.

Takes a JSON list of objects `name, dag, date, conf, failure, nothing, environ, answer`; prints one JSON object: by name, the
run's state, the calls, and each task's state and number of tries. `nothing` names steps that find nothing, in a run that nobody
triggered. `answer` is what a person says to a task that waits for approval; `nothing` there lets the time pass until the
scheduler answers for them. `wait_s` is how long a sensor waits, looking each second.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import traceback
from datetime import UTC, datetime, timedelta
from typing import Any

sys.path += ["dags", "infra/airflow"]

import common

from pipeline import errors, steps

calls: list[list[Any]] = []
failure: dict[str, str] = {}
nothing: list[str] = []
waiting: list[int] = []


def perform(
    step: str, interval: Any, *, target: str = "", shard: int = 0, shards: int = 1, tell: Any = None, period: str = ""
) -> int:
    calls.append([step, target, shard, shards, str(interval), *([period] if period else [])])
    for what in (step, f"{step} {target}", f"{step} {period}"):
        if what in failure:
            raise getattr(errors, failure[what])("made to fail")
    return 0 if step in nothing else len(calls)


def answer(chosen: str, done: threading.Event) -> None:
    """Do to a waiting task what Airflow's API does with a person's answer, or its scheduler once the time has passed."""
    from airflow.jobs.job import Job
    from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
    from airflow.models.hitl import HITLDetail
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.trigger import handle_event_submit
    from airflow.sdk.timezone import utcnow
    from airflow.triggers.base import TriggerEvent
    from airflow.utils.session import create_session

    while not done.wait(0.2):
        with create_session() as session:
            task = session.query(TaskInstance).filter(TaskInstance.state == "awaiting_input").one_or_none()
            if task is None:
                continue
            waiting.append(round((task.trigger_timeout - utcnow()).total_seconds() / 3600))
            if chosen == "nothing":
                task.trigger_timeout = utcnow() - timedelta(seconds=1)
                session.commit()
                SchedulerJobRunner(Job()).check_awaiting_input_timeouts(session=session)
                return
            detail = session.get(HITLDetail, task.id)
            detail.chosen_options, detail.params_input, detail.responded_at = [chosen], {}, utcnow()
            detail.responded_by = {"id": "1", "name": "someone on call"}
            handle_event_submit(TriggerEvent(detail.as_resume_event_payload()), task_instance=task, session=session)
            return


def answer_or_stop(chosen: str, done: threading.Event) -> None:
    try:
        answer(chosen, done)
    except BaseException:
        # Without an answer the run would wait for ever.
        traceback.print_exc()
        os._exit(1)


def run(asked: dict[str, Any]) -> dict[str, Any]:
    os.environ.update(asked.get("environ", {}))
    done = threading.Event()
    person = threading.Thread(target=answer_or_stop, args=(asked["answer"], done)) if "answer" in asked else None
    if person:
        person.start()
    try:
        return perform_run(asked)
    finally:
        done.set()
        if person:
            person.join()
        for name in asked.get("environ", {}):
            del os.environ[name]


def perform_run(asked: dict[str, Any]) -> dict[str, Any]:
    dag = getattr(__import__(asked["dag"]), asked["dag"])()
    for task in dag.tasks:
        task.retry_delay, task.retry_exponential_backoff = task.retry_delay * 0, 0
        if "wait_s" in asked and hasattr(task, "poke_interval"):
            task.poke_interval, task.timeout = 1, asked["wait_s"]
    calls.clear()
    failure.clear()
    waiting.clear()
    failure.update(asked.get("failure", {}))
    nothing[:] = asked.get("nothing", [])
    # `dag.test()` is a person's run; whether one is decides only if a gate is asked.
    common.by_hand = lambda: "nothing" not in asked
    date = asked.get("date")
    logical_date = datetime.fromisoformat(date).replace(tzinfo=UTC) if date else None
    result = dag.test(logical_date=logical_date, run_conf=asked.get("conf"))
    tasks = {f"{ti.task_id}[{ti.map_index}]": [str(ti.state), ti.try_number] for ti in result.get_task_instances()}
    return {"state": str(result.state), "calls": list(calls), "tasks": tasks, "waited_at_most_h": list(waiting)}


steps.perform = perform
results = {asked["name"]: run(asked) for asked in json.loads(sys.argv[1])}
sys.stdout.write(json.dumps(results) + "\n")
