"""Two volumes, seen yesterday and today by AWS's clock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.aws_answers import GUARDED_ROLE, ROLE, page_of_volumes, with_roles
from tests.support.options import Changed
from tests.support.source_cases import Case
from tests.support.source_servers import moody, serve

_ASKED = {"endpoint_url": "PLACE", "services": ["ebs"]}


@contextmanager
def set_up(folder: Path) -> Iterator[str]:
    with serve(moody(with_roles(lambda _: page_of_volumes(["vol-2", "vol-1"], "")))) as aws:
        yield aws.url


CASES = {
    "two-days": Case(
        _ASKED, "2026-02-20", "2026-03-03", ["2026-03-01T00:00", "2026-03-01T12:00"], {"bronze.resource_snapshot": 4}
    )
}
DOWN = {**_ASKED, "endpoint_url": "http://127.0.0.1:9", "attempts": 2}
OPTIONS = {
    "regions": Changed(["eu-west-1"]),
    "roles": Changed([ROLE]),
    "external_id": Changed("known", beside={"roles": [GUARDED_ROLE]}),
    "endpoint_url": Changed("http://127.0.0.1:9", beside={"attempts": 1}),
    "timeout_s": Changed(1, beside={"endpoint_url": "PLACE/slow", "attempts": 1}),
    "attempts": Changed(2, beside={"endpoint_url": "PLACE/flaky"}),
    "services": Changed(["ec2"]),
    "reach_days": Changed(0),
}
