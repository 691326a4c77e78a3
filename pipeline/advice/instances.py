"""What rules about instances have in common: which of them are judged by their own load."""

from __future__ import annotations

import pandas as pd

from pipeline.advice.case import Case, Row
from pipeline.advice.estate import optional_text, tags_of

_GROUP_TAGS = ("aws:autoscaling:groupName", "eks:cluster-name", "eks:nodegroup-name", "karpenter.sh/nodepool")
_GROUP_TAG_PREFIXES = ("kubernetes.io/cluster/", "alpha.eksctl.io/")


def settled(case: Case, min_coverage_pct: float) -> Row | None:
    """The answer for an instance that needs no judgement, or allows none by its own load; None for one to be judged.

    It does not run, is a member of a group, is too young, or its CPU was seen too little.
    """
    # An inventory without states lists running ones.
    state = optional_text(case.resource.get("state"))
    if state is not None and state != "running":
        return case.keep(f"Already {state}.", monthly_cost_usd=0.0, price_as_of=None)
    group = _group_of(case.resource)
    if group:
        return case.insufficient(f"Member of {group}: its size belongs to the group, not to one member.")
    unknown = case.too_young() or case.seen_too_little("cpu_utilization", "CPU utilization", min_coverage_pct)
    return case.insufficient(unknown) if unknown else None


def _group_of(resource: pd.Series) -> str | None:
    for name, value in sorted(tags_of(resource).items()):
        if name in _GROUP_TAGS:
            return f"{name}={value}"
        if name.startswith(_GROUP_TAG_PREFIXES):
            return name
    return None
