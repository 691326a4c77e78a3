"""How recommenders answer: one row for every resource, with a reason."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping

import pandas as pd

from pipeline.advice.estate import Estate, Key, optional_text, resources_of
from pipeline.tables.advice import RECOMMENDATION
from pipeline.tables.columns import ACTIONS

_FIELDS = frozenset(RECOMMENDATION.names)
# As `json.dumps` would be asked, which makes one for every row.
_EVIDENCE = json.JSONEncoder(sort_keys=True, default=float)
_NO_CHANGE = {
    "confidence": 0.0,
    "risk_level": 0,
    "effort": "very_low",
    "restart_needed": False,
    "rollback_possible": True,
    "rollback_note": "Nothing changes.",
}


def recommendation_id(rule_id: str, key: Key) -> str:
    """The same for the same rule and resource whatever is recommended: targets and amounts change from day to day."""
    account, region, resource_id = key
    return hashlib.sha256(f"{rule_id}|{resource_id}|{account}|{region}".encode()).hexdigest()[:16]


def answer(
    estate: Estate,
    rule: tuple[str, str],
    key: Key,
    service: str,
    action: str,
    reason: str,
    evidence: Mapping[str, object] | None = None,
    **fields: object,
) -> dict[str, object]:
    """One row of recommendations; what is not given is unknown, and a row without a change needs no restart."""
    rule_id, rule_version = rule
    if action not in ACTIONS or not fields.keys() <= _FIELDS:
        raise ValueError(f"action {action!r} or fields {sorted(fields.keys() - _FIELDS)} are not part of a recommendation")
    return {
        **_NO_CHANGE,
        **fields,
        "as_of": estate.as_of,
        "recommendation_id": recommendation_id(rule_id, key),
        "rule_id": rule_id,
        "rule_version": rule_version,
        "account": key[0],
        "region": key[1],
        "service": service,
        "resource_id": key[2],
        "action": action,
        "reason": reason,
        "evidence_json": _EVIDENCE.encode(evidence or {}),
    }


def recommendations(rows: list[dict[str, object]]) -> pd.DataFrame:
    """The rows as a frame in the columns and types of `gold.recommendation`, also when there is no row."""
    return RECOMMENDATION.frame(rows)


def not_covered(estate: Estate, services: Iterable[str]) -> pd.DataFrame:
    """A row for every resource whose service no rule covers, so that every resource is answered for.

    Args:
        services: those that the rules in use cover.
    """
    others = set(estate.resources["service"].dropna()) - set(services)
    return recommendations(
        [
            answer(
                estate,
                ("coverage", "1"),
                key,
                str(resource["service"]),
                "insufficient_data",
                f"No rule judges the service {resource['service']}.",
                current_config=optional_text(resource.get("instance_type")),
            )
            for key, resource in resources_of(estate, others)
        ]
    )
