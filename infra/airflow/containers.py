"""On managed Airflow: a step runs in its own container and under its own role; the worker starts it and waits for the end."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping
from typing import Any

POLL_S = 10.0
# How a container ends whose step failed for a reason that waiting does not mend, see sysexits.h.
DATA_ERROR = 65
# How the container of a gate ends that asks for nothing; the code that Airflow's own operators take for a skip.
NOT_ASKED = 99
RUN = f"""
import json, logging, sys
from datetime import datetime
from pipeline import steps
from pipeline.errors import ConfigError, DataError
from pipeline.interval import Interval

logging.basicConfig(format="%(message)s")
logging.getLogger("pipeline").setLevel(logging.INFO)

def show(did):
    for table, done in did.items():
        print(f"{{table}}: {{done}}")

asked = json.loads(sys.argv[1])
name = asked.pop("name")
start, end = (datetime.fromisoformat(asked.pop(at)) for at in ("start", "end"))
try:
    rows = steps.perform(name, Interval(start, end), **asked, tell=show)
except (ConfigError, DataError) as error:
    print(f"{{type(error).__name__}}: {{error}}", file=sys.stderr)
    sys.exit({DATA_ERROR})
if steps.get(name).gate and not rows:
    sys.exit({NOT_ASKED})
"""


def run_step(name: str, target: str = "", shard: int = 0, shards: int = 1, period: str = "", late_s: int = 0) -> bool:
    """In place of `common.step` and `common.gate`, with their arguments: the run's interval, worked on in a container.

    Airflow leaves out, without a word, what a task is given and this does not name.

    Returns:
        Whether the tasks below are asked for; only a gate may say no.

    Raises:
        DataError: the step refused its data or settings; the container's log says why.
        RuntimeError: the container did not start, or ended otherwise than well.
    """
    from airflow.sdk import get_current_context
    from common import by_hand, run_interval

    from pipeline import steps

    interval, cluster = run_interval(late_s), os.environ["AIRFLOW__HEADROOM__CLUSTER"]
    if steps.get(name).gate and by_hand():
        return True
    asked = {
        "name": name,
        "start": interval.start.isoformat(),
        "end": interval.end.isoformat(),
        "target": target,
        "shard": shard,
        "shards": shards,
    } | ({"period": period} if period else {})
    command, token = ["python", "-c", RUN, json.dumps(asked)], token_of(get_current_context())
    return run_container(cluster, f"{cluster}-{steps.role_of(name, target)}", command, token)


def token_of(context: Mapping[str, Any]) -> str:
    """What tells one execution of a task from others, whichever worker it is on.

    A worker that takes up a try of one that died finds that try's container, and starts no second one. A sensor that looks again
    is on the same try, and starts its own: what tells its looks apart is how often it was rescheduled.
    """
    task = context["ti"]
    parts = task.dag_id, task.run_id, task.task_id, task.map_index, task.try_number, context.get("task_reschedule_count", 0)
    return hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()


def run_container(cluster: str, definition: str, command: list[str], token: str, ecs: Any = None) -> bool:
    """Start one container of a task definition and wait until it has ended well; stop it when interrupted.

    Returns:
        False where it ended as a gate that asks for nothing.
    """
    from pipeline.errors import DataError

    ecs = ecs or _ecs()
    started = ecs.run_task(
        cluster=cluster,
        taskDefinition=definition,
        launchType="FARGATE",
        clientToken=token[:64],
        networkConfiguration={
            "awsvpcConfiguration": {
                "subnets": os.environ["AIRFLOW__HEADROOM__SUBNETS"].split(","),
                "securityGroups": [os.environ["AIRFLOW__HEADROOM__SECURITY_GROUP"]],
                "assignPublicIp": "DISABLED",
            }
        },
        overrides={"containerOverrides": [{"name": "step", "command": command}]},
    )
    if started["failures"] or not started["tasks"]:
        raise RuntimeError(f"{definition} did not start: {started['failures']}")
    arn = started["tasks"][0]["taskArn"]
    print(f"{definition} runs as {arn}")  # noqa: T201 a task's log
    try:
        ended = _ended(ecs, cluster, arn)
    except BaseException:
        ecs.stop_task(cluster=cluster, task=arn, reason="Airflow's task was stopped")
        raise
    code = ended["containers"][0].get("exitCode")
    if code == DATA_ERROR:
        raise DataError(f"{definition}: the step refused its data or its settings; the log of {arn} says why")
    if code not in (0, NOT_ASKED):
        raise RuntimeError(
            f"{definition} ended with {code}: {ended.get('stoppedReason', 'no reason given')}; see the log of {arn}"
        )
    return bool(code == 0)


def _ended(ecs: Any, cluster: str, arn: str) -> dict[str, Any]:
    while True:
        described = ecs.describe_tasks(cluster=cluster, tasks=[arn])
        if described["failures"]:
            raise RuntimeError(f"{arn} is gone: {described['failures']}")
        task: dict[str, Any] = described["tasks"][0]
        if task["lastStatus"] == "STOPPED":
            return task
        time.sleep(POLL_S)


def _ecs() -> Any:
    import boto3

    return boto3.client("ecs")
