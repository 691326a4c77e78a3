"""The bulk files of the offers, published on 18 September 2026 at 17:47:47."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.options import Changed
from tests.support.price_files import Api
from tests.support.source_cases import Case
from tests.support.source_servers import Reply, Request, aws_error, moody, serve

_ASKED = {"files_url": "PLACE", "regions": ["eu-west-2"]}


@contextmanager
def set_up(folder: Path) -> Iterator[str]:
    api = Api()

    def answer(request: Request) -> Reply:
        # The Price List API is in a few regions only.
        return aws_error(request, 403, "AccessDenied") if request.region not in ("", "us-east-1") else api(request)

    with serve(moody(answer)) as aws:
        api.url = aws.url
        yield aws.url


CASES = {
    "month": Case(
        _ASKED,
        "2026-09-01",
        "2026-10-01",
        ["2026-09-18T17:47:47", "2026-09-18T17:47:48"],
        {"bronze.price": 56},
        silent=("2026-09-19", "2026-09-30"),
    )
}
DOWN = {**_ASKED, "files_url": "http://127.0.0.1:9", "attempts": 2}
_BY_API = {"via": "api", "endpoint_url": "PLACE", "attempts": 1}
OPTIONS = {
    "timeout_s": Changed(1, beside={"files_url": "PLACE/slow", "offers": ["AmazonVPC"], "attempts": 1}),
    "attempts": Changed(2, beside={"files_url": "PLACE/flaky"}),
    "max_answer_mib": Changed(1, beside={"files_url": "PLACE/large"}),
    "regions": Changed(["eu-west-1"]),
    "offers": Changed(["AmazonEC2"]),
    "via": Changed("api", beside={"endpoint_url": "http://127.0.0.1:9", "attempts": 1}),
    "files_url": Changed("PLACE/none"),
    "api_region": Changed("eu-west-2", beside=_BY_API),
    "endpoint_url": Changed("http://127.0.0.1:9", beside=_BY_API),
}
