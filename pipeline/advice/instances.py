"""What rules about instances have in common: which of them are judged by their own load."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pipeline.advice.case import Case, Row
from pipeline.advice.estate import Estate, Key, Listed, optional_text, resources_of, tags_of
from pipeline.advice.measures import MEASURES
from pipeline.advice.prices import Price

_GROUP_TAGS = ("aws:autoscaling:groupName", "eks:cluster-name", "eks:nodegroup-name", "karpenter.sh/nodepool")
_GROUP_TAG_PREFIXES = ("kubernetes.io/cluster/", "alpha.eksctl.io/")
# What the price list is for: EC2 calls Linux without a licence so, others just "linux".
_LISTED_PLATFORMS = ("linux/unix", "linux")
_LISTED_PURCHASES = ("on-demand", "on_demand", "ondemand", "normal")


def priced(case: Case, price: Price | None) -> Case:
    """The case with a list price, which is of Linux on demand; without one, and with the reason, where the inventory says that
    the instance is bought otherwise, or runs something else that is paid for."""
    platform, purchase = (str(tags_of(case.resource).get(f"headroom:{name}", "")) for name in ("platform", "lifecycle"))
    others = [
        said
        for said, listed in ((platform, _LISTED_PLATFORMS), (purchase, _LISTED_PURCHASES))
        if said and said.lower() not in listed
    ]
    if not others:
        return replace(case, price=price)
    return replace(
        case, price=None, remark=f"No dollars: the price list is of Linux on demand, and this is {' and '.join(others)}."
    )


@dataclass(frozen=True)
class _Settled:
    """How an instance is answered for that is not judged, and why, and what else its row has."""

    action: str
    reason: str
    fields: Mapping[str, object] = field(default_factory=dict)


def settled(case: Case, min_coverage_pct: float) -> Row | None:
    """The answer for an instance that needs no judgement, or allows none by its own load; None for one to be judged.

    It does not run, is a member of a group, is too young or was resized lately, its CPU was seen too little, or what was seen is
    nothing but zeros, which an exporter writes that measures nothing. It is worked out once for all rules that ask the same.
    """
    asked = ("settled", case.resource["service"], case.key, min_coverage_pct)
    found = case.estate.once(asked, lambda: _settle(case, min_coverage_pct))
    if found is None:
        return None
    return case.unchanged(found.action, found.reason, **found.fields)


def _settle(case: Case, min_coverage_pct: float) -> _Settled | None:
    # An inventory without states lists running ones.
    state = optional_text(case.resource.get("state"))
    if state is not None and state != "running":
        return _Settled("keep", f"Already {state}.", {"monthly_cost_usd": 0.0, "price_as_of": None})
    group = _group_of(case.resource)
    if group:
        return _Settled("insufficient_data", f"Member of {group}: its size belongs to the group, not to one member.")
    unknown = case.too_young() or case.resized() or case.seen_too_little("cpu_utilization", "CPU utilization", min_coverage_pct)
    if unknown:
        return _Settled("insufficient_data", unknown)
    measured = [case.usage[name] for name, one in MEASURES.items() if one.zero == "filler" and name in case.usage]
    if any(one.max.any() or one.mean.any() for one in measured):
        return None
    return _Settled(
        "investigate",
        f"Every sample of the last {case.days} days is exactly 0, of CPU, memory and network as far as they are known: "
        "a running instance is never that still, so nothing was measured. Look at its exporter.",
    )


def members_of(case: Case) -> list[Listed]:
    """The instances of an Auto Scaling group that its account's inventory lists as running, in the order of their ids."""
    groups = case.estate.once("running_members", lambda: _running_members(case.estate))
    return groups.get((*case.key[:2], case.key[2].rpartition("/")[2]), [])


def _running_members(estate: Estate) -> dict[Key, list[Listed]]:
    """By account, region and group."""
    found: dict[Key, list[Listed]] = {}
    for (account, region, _), resource in resources_of(estate, ("ec2",)):
        group = tags_of(resource).get(_GROUP_TAGS[0])
        if isinstance(group, str) and optional_text(resource.get("state")) in (None, "running"):
            found.setdefault((account, region, group), []).append(resource)
    return found


def _group_of(resource: Mapping[str, Any]) -> str | None:
    for name, value in sorted(tags_of(resource).items()):
        if name in _GROUP_TAGS:
            return f"{name}={value}"
        if name.startswith(_GROUP_TAG_PREFIXES):
            return name
    return None
