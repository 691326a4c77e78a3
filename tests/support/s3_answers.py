"""S3 as a source of files meets it: one object in two buckets of us-east-1, of which one is open to an assumed role only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.aws_answers import ROLE, with_roles
from tests.support.options import Changed
from tests.support.source_servers import Reply, Request, aws_error, moody, serve

_LISTED = """<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>false</IsTruncated>
<Contents><Key>{key}</Key><Size>1</Size><LastModified>2026-03-01T00:00:00.000Z</LastModified></Contents></ListBucketResult>"""


@contextmanager
def serve_object(path: Path) -> Iterator[str]:
    """A server whose buckets `open` and `private` have the file as their one object, at its URL."""

    def answer(request: Request) -> Reply:
        if request.region != "us-east-1" or (request.path.startswith("/private") and not request.access_key.startswith("ASIA")):
            return aws_error(request, 403, "AccessDenied")
        if "list-type" in request.query:
            return Reply(200, _LISTED.format(key=path.name).encode(), {"content-type": "text/xml"})
        return Reply(200, path.read_bytes())

    with serve(moody(with_roles(answer))) as aws:
        yield aws.url


def changes_in_s3(where: str, name: str, beside: Mapping[str, Any]) -> dict[str, Changed]:
    """A case for each option that says how S3 is asked.

    Args:
        where: the option that names the place.
        name: of the object, or a pattern of it.
        beside: other options, as `serve_object` stands at SERVER.
    """

    def asked(bucket: str = "open") -> dict[str, Any]:
        place = f"s3://{bucket}/{name}"
        return {**beside, where: [place] if where == "files" else place, "endpoint_url": "SERVER"}

    return {
        "s3_region": Changed("eu-west-1", beside=asked()),
        "s3_role": Changed(ROLE, beside=asked("private")),
        "endpoint_url": Changed("http://127.0.0.1:9", beside={**asked(), "attempts": 1}),
        "timeout_s": Changed(1, beside={**asked(), "endpoint_url": "SERVER/slow", "attempts": 1}),
        "attempts": Changed(2, beside={**asked(), "endpoint_url": "SERVER/flaky"}),
    }
