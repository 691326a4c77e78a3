"""Airflow's cluster policy: a step's task runs in the container, and so under the role, of its step.

On ECS the executor starts the task definition that a task names, and `headroom-plain`, which may do nothing, where it names none.
On managed Airflow a worker starts the step's container in place of the step. What a DAG says of its tasks does not matter here:
a task can only become one of the pipeline's roles, and only by the step it calls.
"""

from __future__ import annotations

import os
from typing import Any

__all__ = ["task_policy"]  # Airflow takes over every other name it finds


def task_policy(task: Any) -> None:
    """Called by Airflow for every task of every DAG that it reads."""
    mapped = getattr(task, "partial_kwargs", None)
    given = mapped if mapped is not None else vars(task)
    arguments = given.get("op_kwargs") or {}
    if "name" not in arguments:
        return
    from pipeline.steps import PLAIN, role_of

    fallback = os.environ.get("AIRFLOW__AWS_ECS_EXECUTOR__TASK_DEFINITION", "")
    if fallback.endswith(PLAIN):
        definition = fallback.removesuffix(PLAIN) + role_of(str(arguments["name"]), str(arguments.get("target", "")))
        given["executor_config"] = {**(given.get("executor_config") or {}), "taskDefinition": definition}
    if "AIRFLOW__HEADROOM__CLUSTER" in os.environ:
        from containers import run_step

        given["python_callable"] = run_step
