"""A resource as one of AWS's services describes it, before it becomes a row of `bronze.resource_snapshot`."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from pipeline.sources import _aws


class Resource(NamedTuple):
    """One resource as described."""

    resource_id: str
    service: str
    instance_type: str | None
    state: str
    launched_at: datetime | None
    tags: dict[str, str]


def tagged(listed: Any, **facts: Any) -> dict[str, str]:
    """The tags, and what else is known of the resource; a fact that a service does not state is left out."""
    stated = {f"headroom:{name}": _text(value) for name, value in facts.items() if value not in (None, "", [])}
    return {**stated, **_aws.tags(listed)}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(value) if isinstance(value, list) else str(value)
