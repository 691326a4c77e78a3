"""Access logs of one server in two files whose lines interleave, and in buckets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from tests.support.aws_answers import ROLE, with_roles
from tests.support.options import Changed
from tests.support.source_cases import Case
from tests.support.source_servers import Reply, Request, aws_error, moody, serve

_LISTED = b"""<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>false</IsTruncated>
<Contents><Key>a.log</Key><Size>1</Size></Contents></ListBucketResult>"""


@contextmanager
def set_up(folder: Path) -> Iterator[dict[str, str]]:
    for name, offset in (("a.log", 0), ("b.log", 31)):
        lines = []
        for n in range(900):
            moment = datetime(2026, 3, 1) + timedelta(seconds=97 * n + offset)
            status, seconds = 200 + n % 4 * 100, n / 7
            lines.append(
                f'10.0.0.1 - - [{moment:%d/%b/%Y:%H:%M:%S} +0000] "GET / HTTP/1.1" {status} {n} "-" "curl/8" {seconds:.3f}'
            )
        (folder / name).write_text("\n".join(lines))
    line = lines[0]
    (folder / "noisy.txt").write_text("\n".join([line] * 8 + ["?"]))
    (folder / "wide.txt").write_text(line.replace("GET /", f"GET /{'x' * 200}"))
    (folder / "large.txt").write_text("\n".join([line] * 15_000))

    def buckets(request: Request) -> Reply:
        """One object in two buckets in us-east-1; one of them is open to an assumed role only."""
        if request.region != "us-east-1" or (request.path.startswith("/private") and not request.access_key.startswith("ASIA")):
            return aws_error(request, 403, "AccessDenied")
        if "list-type" in request.query:
            return Reply(200, _LISTED, {"content-type": "text/xml"})
        return Reply(200, (folder / "a.log").read_bytes())

    with serve(moody(with_roles(buckets))) as aws:
        yield {"PLACE": str(folder), "SERVER": aws.url}


CASES = {
    "access": Case(
        {"files": ["PLACE/*.log"], "resource_id": "web-1"},
        "2026-03-01",
        "2026-03-02",
        ["2026-03-01T06:00", "2026-03-01T13:07:30"],
        {"bronze.metric_sample": 1728},
    )
}
DOWN = {"files": ["PLACE/absent*.log"], "resource_id": "web-1"}
_OBJECTS = {"files": ["s3://logs/*.log"], "endpoint_url": "SERVER"}
_OWN = {"regex": r"\S+ \S+ \S+ \[(?P<ts>[^\]]+)\]", "time_format": "%d/%b/%Y:%H:%M:%S %z"}
OPTIONS = {
    "files": Changed(["PLACE/a.log"]),
    "patterns": Changed([_OWN]),
    "resource_id": Changed("web-2"),
    "period_s": Changed(600),
    "max_unmatched_pct": Changed(1, beside={"files": ["PLACE/noisy.txt"]}),
    "max_line_chars": Changed(100, beside={"files": ["PLACE/wide.txt"]}),
    "max_unpacked_mib": Changed(1, beside={"files": ["PLACE/large.txt"]}),
    "account": Changed("2"),
    "region": Changed("eu-west-1"),
    "s3_region": Changed("eu-west-1", beside=_OBJECTS),
    "s3_role": Changed(ROLE, beside={**_OBJECTS, "files": ["s3://private/*.log"]}),
    "endpoint_url": Changed("http://127.0.0.1:9", beside={**_OBJECTS, "attempts": 1}),
    "timeout_s": Changed(1, beside={**_OBJECTS, "endpoint_url": "SERVER/slow", "attempts": 1}),
    "attempts": Changed(2, beside={**_OBJECTS, "endpoint_url": "SERVER/flaky"}),
}
