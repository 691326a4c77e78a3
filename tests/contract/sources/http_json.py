"""An endpoint that gives all it has, on two pages, in no order and one sample twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.support.source_cases import Case
from tests.support.source_servers import Reply, Request, json_reply, serve

_ASKED = {
    "url": "PLACE/samples",
    "items_path": "items",
    "next_path": "next",
    "metric": "sessions",
    "unit": "count",
    "resource_path": "host",
    "period_s": 3600,
}


def _sample(hour: int, host: str) -> dict[str, Any]:
    return {"ts": f"{(datetime(2026, 3, 1) + timedelta(hours=hour)).isoformat()}Z", "value": hour / 3, "host": host}


_PAGES = [[_sample(hour, host) for hour in hours for host in ("web-2", "web-1")] for hours in ((5, 3, -1, 24, 0), (7, 5, 23))]


def _answer(request: Request) -> Reply:
    page = int(request.query.get("page", ["0"])[0])
    return json_reply({"items": _PAGES[page], "next": "/samples?page=1" if page == 0 else None})


@contextmanager
def set_up(folder: Path) -> Iterator[str]:
    with serve(_answer) as server:
        yield server.url


CASES = {"day": Case(_ASKED, "2026-03-01", "2026-03-02", ["2026-03-01T03:00", "2026-03-01T05:07"], {"bronze.metric_sample": 10})}
DOWN = {**_ASKED, "url": "http://127.0.0.1:9", "attempts": 2}
