"""Buckets with uploads that nobody ended, and with a rule that ends them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.support.activity import AS_OF, active, resource
from tests.support.options import Changed
from tests.support.rule_cases import Says, Situation


def bucket(name: str, days: float | None = None, uploads: int | None = 0, **more: Any) -> dict[str, Any]:
    oldest = None if days is None else (AS_OF - timedelta(days=days)).isoformat()
    return resource(name, "s3", "uncounted", **{"lifecycle": "none", "uploads": uploads, "oldest_upload": oldest, **more})


SITUATIONS = {
    "buckets": Situation(
        active(
            [
                bucket("left", 7, 3),
                bucket("one", 200, 1, lifecycle="stated", moves_to="GLACIER"),
                bucket("many", 30, 1000),
                bucket("going-on", 6.9, 2),
                bucket("none"),
                bucket("ruled", 300, 3, lifecycle="stated", aborts_after_days=14),
                bucket("forbidden", lifecycle=None),
                bucket("unlisted", uploads=None),
            ]
        ),
        {
            "left": Says("rightsize", "3 uploads to it not ended, the oldest begun 7 days ago", {"exclusive_group": "uploads"}),
            "one": Says("rightsize", "1 upload to it not ended, the oldest begun 200 days ago"),
            "many": Says("rightsize", "1,000 and more uploads"),
            "going-on": Says("keep", "No upload to it was begun 7 days ago"),
            "none": Says("keep", "No rule would end one"),
            "ruled": Says("keep", "aborts an upload 14 days after"),
            "forbidden": Says("insufficient_data", "what its lifecycle does"),
            "unlisted": Says("insufficient_data", "which uploads"),
        },
    )
}
OPTIONS = {"abort_after_days": Changed(1, active([bucket("1", 3, 2)]))}
