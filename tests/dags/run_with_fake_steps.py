"""Run DAGs in this process with steps that only note their call, one run after the other.

Takes a JSON list of objects `name, dag, date, conf, failure`; prints one JSON object: by name, the run's state, the calls, and
each task's state and number of tries.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import Any

sys.path.insert(0, "dags")

from pipeline import errors, steps

calls: list[list[Any]] = []
failure: dict[str, str] = {}


def perform(step: str, interval: Any, *, target: str = "", shard: int = 0, shards: int = 1) -> int:
    calls.append([step, target, shard, shards, str(interval)])
    if step in failure:
        raise getattr(errors, failure[step])("made to fail")
    return len(calls)


def run(asked: dict[str, Any]) -> dict[str, Any]:
    dag = getattr(__import__(asked["dag"]), asked["dag"])()
    for task in dag.tasks:
        task.retry_delay, task.retry_exponential_backoff = task.retry_delay * 0, 0
    calls.clear()
    failure.clear()
    failure.update(asked.get("failure", {}))
    date = asked.get("date")
    logical_date = datetime.fromisoformat(date).replace(tzinfo=UTC) if date else None
    result = dag.test(logical_date=logical_date, run_conf=asked.get("conf"))
    tasks = {f"{ti.task_id}[{ti.map_index}]": [str(ti.state), ti.try_number] for ti in result.get_task_instances()}
    return {"state": str(result.state), "calls": list(calls), "tasks": tasks}


steps.perform = perform
results = {asked["name"]: run(asked) for asked in json.loads(sys.argv[1])}
sys.stdout.write(json.dumps(results) + "\n")
