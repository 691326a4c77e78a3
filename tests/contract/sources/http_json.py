"""An endpoint that gives all it has, on two pages, in no order and one sample twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zlib import crc32

from tests.support.options import Changed
from tests.support.source_cases import Case
from tests.support.source_servers import Reply, Request, json_reply, moody, serve

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
    ts = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=hour)
    others = {"until": (ts + timedelta(hours=1)).isoformat(), "epoch": ts.timestamp(), "half": hour / 6, "rack": f"rack-{host}"}
    return {"ts": ts.isoformat(), "value": hour / 3, "host": host, "kind": "logins", **others}


_PAGES = [[_sample(hour, host) for hour in hours for host in ("web-2", "web-1")] for hours in ((5, 3, -1, 24, 0), (7, 5, 23))]


def _answer(request: Request) -> Reply:
    if request.path == "/echo":
        told = sorted(request.query.items()), request.headers.get("authorization"), request.headers.get("x-tenant")
        return json_reply({"items": [_sample(1, "web-1") | {"value": crc32(repr(told).encode())}]})
    page = int(request.query.get("page", ["0"])[0])
    return json_reply({"items": _PAGES[page], "next": "/samples?page=1" if page == 0 else None})


@contextmanager
def set_up(folder: Path) -> Iterator[str]:
    with serve(moody(_answer)) as server:
        yield server.url


CASES = {"day": Case(_ASKED, "2026-03-01", "2026-03-02", ["2026-03-01T03:00", "2026-03-01T05:07"], {"bronze.metric_sample": 10})}
DOWN = {**_ASKED, "url": "http://127.0.0.1:9", "attempts": 2}
_ECHO = {"url": "PLACE/echo"}
OPTIONS = {
    "timeout_s": Changed(1, beside={"url": "PLACE/slow/samples", "attempts": 1}),
    "attempts": Changed(2, beside={"url": "PLACE/flaky/samples"}),
    "max_answer_mib": Changed(1, beside={"url": "PLACE/large/samples"}),
    # Both hold what no secret is, and what a token may look like.
    "token_env": Changed("AWS_ACCESS_KEY_ID", beside=_ECHO),
    "token_file": Changed(str(Path(__file__).with_name("token.txt")), beside=_ECHO),
    "url": Changed("PLACE/echo"),
    "headers": Changed({"x-tenant": "7"}, beside=_ECHO),
    "start_parameter": Changed("from", beside=_ECHO),
    "end_parameter": Changed("to", beside=_ECHO),
    "parameter_format": Changed("epoch_s", beside={**_ECHO, "start_parameter": "from"}),
    "items_path": Changed("rest"),
    "next_path": Changed(None),
    "max_pages": Changed(1),
    "time_path": Changed("until"),
    "time_format": Changed("epoch_s", beside={"time_path": "epoch"}),
    "value_path": Changed("half"),
    "resource_path": Changed("rack"),
    "resource_id": Changed("web-9", beside={"resource_path": None}),
    "metric_path": Changed("kind", beside={"metric": None}),
    "metric": Changed("logins"),
    "unit": Changed("bytes"),
    "units": Changed({"sessions": "bytes"}),
    "statistic": Changed("Maximum"),
    "period_s": Changed(60),
    "account": Changed("2"),
    "region": Changed("eu-west-1"),
}
