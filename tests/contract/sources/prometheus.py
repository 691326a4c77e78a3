"""Two hosts whose load is known by the minute, but for an hour in which nothing was scraped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from tests.support.source_cases import Case
from tests.support.source_servers import Reply, Request, json_reply, serve

_ASKED = {
    "url": "PLACE",
    "queries": {"load": {"promql": "avg by ($by) (avg_over_time(node_load1[$step]))", "unit": "count"}},
    "step_s": 600,
    "points_per_request": 10,
}
_FIRST = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp())


def _answer(request: Request) -> Reply:
    first, last, step = (int(request.query[name][0]) for name in ("start", "end", "step"))
    known = [at for at in range(first, last + 1, step) if _FIRST < at <= _FIRST + 86_400 and (at - _FIRST) // 3600 != 5]
    result = [
        {"metric": {"instance": f"web-{host}:9100"}, "values": [[at, str((at - _FIRST) / 600 + host)] for at in known]}
        for host in (2, 1)
    ]
    return json_reply({"status": "success", "data": {"resultType": "matrix", "result": result if known else []}})


@contextmanager
def set_up(folder: Path) -> Iterator[str]:
    with serve(_answer) as server:
        yield server.url


CASES = {
    "day": Case(_ASKED, "2026-03-01", "2026-03-02", ["2026-03-01T04:00", "2026-03-01T13:07:30"], {"bronze.metric_sample": 276})
}
DOWN = {**_ASKED, "url": "http://127.0.0.1:9", "attempts": 2}
