"""Airflow's cluster policy on ECS: a step's task runs in the container, and so under the role, of its step.

The executor starts the task definition that a task names, and `headroom-plain`, which may do nothing, where it names none. What a
DAG says about its tasks does not matter here: a task can only become one of the pipeline's roles, and only by the step it calls.
"""

from __future__ import annotations

import os
from typing import Any

# Terraform's roles, see infra/roles.tf; every other step publishes.
ROLES = {"ingest": "ingest", "build": "transform", "train": "trainer"}
PUBLISHER = "publisher"


def role_of(step: str, target: str) -> str:
    """The role of a step; what it builds in gold is published."""
    return PUBLISHER if target.startswith("gold.") else ROLES.get(step, PUBLISHER)


def task_policy(task: Any) -> None:
    """Called by Airflow for every task of every DAG that it reads."""
    prefix = os.environ.get("HEADROOM_TASK_DEFINITION_PREFIX", "")
    mapped = getattr(task, "partial_kwargs", None)
    given = mapped if mapped is not None else vars(task)
    arguments = given.get("op_kwargs") or {}
    if not prefix or "name" not in arguments:
        return
    definition = prefix + role_of(str(arguments["name"]), str(arguments.get("target", "")))
    given["executor_config"] = {**(given.get("executor_config") or {}), "taskDefinition": definition}
