"""Two volumes, seen yesterday and today by AWS's clock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.aws_answers import DATE, IDENTITY, page_of_volumes
from tests.support.source_cases import Case
from tests.support.source_servers import Reply, Request, serve

_ASKED = {"endpoint_url": "PLACE", "services": ["ebs"]}


def _answer(request: Request) -> Reply:
    if request.operation == "GetCallerIdentity":
        return Reply(200, IDENTITY, {"content-type": "text/xml", **DATE})
    return page_of_volumes(["vol-2", "vol-1"], "")


@contextmanager
def set_up(folder: Path) -> Iterator[str]:
    with serve(_answer) as aws:
        yield aws.url


CASES = {
    "two-days": Case(
        _ASKED, "2026-02-20", "2026-03-03", ["2026-03-01T00:00", "2026-03-01T12:00"], {"bronze.resource_snapshot": 4}
    )
}
DOWN = {**_ASKED, "endpoint_url": "http://127.0.0.1:9", "attempts": 2}
