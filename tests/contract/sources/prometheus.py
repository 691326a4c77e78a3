"""Two hosts whose load is known by the minute, but for an hour in which nothing was scraped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from tests.support.options import Changed
from tests.support.source_cases import Case
from tests.support.source_servers import Reply, Request, json_reply, moody, serve

_ASKED = {
    "url": "PLACE",
    "queries": {"load": {"promql": "avg by ($by) (avg_over_time(node_load1[$step]))", "unit": "count"}},
    "step_s": 600,
    "points_per_request": 10,
}
_FIRST = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp())


def _answer(request: Request) -> Reply:
    first, last, step = (int(request.query[name][0]) for name in ("start", "end", "step"))
    if request.path.startswith("/private") and "authorization" not in request.headers:
        return Reply(401)
    if request.path.startswith("/small") and last - first > 20 * step:
        return Reply(422)
    known = [at for at in range(first, last + 1, step) if _FIRST < at <= _FIRST + 86_400 and (at - _FIRST) // 3600 != 5]
    result = [
        {
            "metric": {"instance": f"web-{host}:9100", "host": f"h{host}", "tenant": "7", "zone": "b"},
            "values": [[at, str((at - _FIRST) / 600 + host)] for at in known],
        }
        for host in (2, 1)
    ]
    return json_reply({"status": "success", "data": {"resultType": "matrix", "result": result if known else []}})


@contextmanager
def set_up(folder: Path) -> Iterator[str]:
    with serve(moody(_answer)) as server:
        yield server.url


CASES = {
    "day": Case(_ASKED, "2026-03-01", "2026-03-02", ["2026-03-01T04:00", "2026-03-01T13:07:30"], {"bronze.metric_sample": 276})
}
DOWN = {**_ASKED, "url": "http://127.0.0.1:9", "attempts": 2}
_AT_ONCE = {"points_per_request": 1000}
_PRIVATE = {"url": "PLACE/private"}
OPTIONS = {
    "timeout_s": Changed(1, beside={**_AT_ONCE, "url": "PLACE/slow", "attempts": 1}),
    "attempts": Changed(2, beside={**_AT_ONCE, "url": "PLACE/flaky"}),
    "max_answer_mib": Changed(1, beside={**_AT_ONCE, "url": "PLACE/large"}),
    # Both hold what no secret is, and what a token may look like.
    "token_env": Changed("AWS_ACCESS_KEY_ID", beside=_PRIVATE),
    "token_file": Changed(str(Path(__file__).with_name("token.txt")), beside=_PRIVATE),
    "url": Changed("PLACE/private"),
    "queries": Changed({"load": {"promql": "node_load1", "unit": "percent"}}),
    "step_s": Changed(300),
    "points_per_request": Changed(1000, beside={"url": "PLACE/small"}),
    "resource_label": Changed("host"),
    "account_label": Changed("tenant"),
    "region_label": Changed("zone"),
    "account": Changed("2"),
    "region": Changed("eu-west-1"),
}
