"""WorkSpaces to which somebody connected lately, long ago, and nobody knows when."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.support.activity import AS_OF, active, resource
from tests.support.options import Changed
from tests.support.rule_cases import Says, Situation


def desktop(name: str, days: float | None, mode: str | None = "ALWAYS_ON", **more: Any) -> dict[str, Any]:
    last = None if days is None else (AS_OF - timedelta(days=days)).isoformat()
    return resource(name, "workspaces", "available", instance_type="STANDARD", running_mode=mode, last_connected=last, **more)


SITUATIONS = {
    "desktops": Situation(
        active(
            [
                desktop("ws-left", 63),
                desktop("ws-used", 62.9),
                desktop("ws-asleep", 200, "AUTO_STOP"),
                desktop("ws-never", None),
                desktop("ws-unsaid", 90, None),
            ]
        ),
        {
            "ws-left": Says("stop", "for 63 days", {"target_config": "AUTO_STOP", "current_config": "STANDARD, ALWAYS_ON"}),
            "ws-used": Says("keep", "somebody connected 62 days ago"),
            "ws-asleep": Says("keep", "not always on"),
            "ws-never": Says("insufficient_data", "not known"),
            "ws-unsaid": Says("insufficient_data", "whether it is always on"),
        },
    )
}
OPTIONS = {"idle_days": Changed(30, active([desktop("ws-1", 40)]))}
