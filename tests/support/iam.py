"""What IAM would say: policies evaluated as AWS documents it, for the operators that `infra/` uses.

Nothing is allowed unless a statement allows it, and a statement that denies wins over all that allow.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Statement = Mapping[str, Any]


@dataclass(frozen=True)
class Request:
    """One call: an action on a resource, with the condition keys that it carries.

    A key that is absent from `context` is absent from the call: `Null` sees that, and every other operator fails on it.
    """

    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)
    principal: str = "*"


def allowed(request: Request, policies: Iterable[Mapping[str, Any]]) -> bool:
    """Whether the policies together let a request through."""
    return effects(request, policies) == {"Allow"}


def effects(request: Request, policies: Iterable[Mapping[str, Any]]) -> set[str]:
    """What the statements that concern a request say to it: Allow, Deny, both, or nothing."""
    return {s["Effect"] for policy in policies for s in statements(policy) if _matches(s, request)}


def statements(policy: Mapping[str, Any]) -> list[Statement]:
    found = policy["Statement"]
    return found if isinstance(found, list) else [found]


def many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def like(pattern: str, value: str) -> bool:
    """IAM's wildcards: `*` is anything, slashes and colons included; `?` is one character."""
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), value, re.DOTALL) is not None


def _matches(statement: Statement, request: Request) -> bool:
    if unknown := set(statement) - {"Sid", "Effect", "Action", "Resource", "Condition", "Principal"}:
        raise NotImplementedError(f"the evaluator knows no {sorted(unknown)}")
    return (
        any(like(action.lower(), request.action.lower()) for action in many(statement["Action"]))
        # An identity's policy names no principal, a bucket's names no other resource than its own.
        and any(like(resource, request.resource) for resource in many(statement["Resource"]))
        and _concerns(statement.get("Principal", "*"), request.principal)
        and all(_holds(*condition, request.context) for condition in statement.get("Condition", {}).items())
    )


def _concerns(principal: Any, who: str) -> bool:
    names = many(principal) if not isinstance(principal, Mapping) else [n for group in principal.values() for n in many(group)]
    return any(name in ("*", who) for name in names)


def _holds(operator: str, wanted: Mapping[str, Any], context: Mapping[str, str]) -> bool:
    known = {key.lower(): value for key, value in context.items()}
    return all(_compares(operator, many(values), known.get(key.lower())) for key, values in wanted.items())


def _compares(operator: str, wanted: list[Any], given: str | None) -> bool:
    if operator == "Null":
        return [str(given is None).lower()] == [str(value).lower() for value in wanted]
    if given is None:
        return False
    if operator in ("StringEquals", "Bool"):
        return given in [str(value) for value in wanted]
    if operator in ("StringLike", "ArnLike", "ArnEquals"):
        return any(like(value, given) for value in wanted)
    raise NotImplementedError(f"the evaluator knows no {operator}")
