"""Two instances with an hourly CPU metric, on a day that AWS's clock says was yesterday."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.aws_answers import GUARDED_ROLE, ROLE, CloudWatch, with_roles
from tests.support.options import Changed
from tests.support.source_cases import Case
from tests.support.source_servers import moody, serve

_ASKED = {"endpoint_url": "PLACE", "services": ["ec2"], "period_s": 3600}


@contextmanager
def set_up(folder: Path) -> Iterator[str]:
    with serve(moody(with_roles(CloudWatch(instances=2)))) as aws:
        yield aws.url


CASES = {
    "day": Case(
        _ASKED,
        "2026-03-01",
        "2026-03-02",
        ["2026-03-01T06:00", "2026-03-01T13:07:30"],
        {"bronze.metric_sample": 96},
        silent=("2026-02-20", "2026-02-21"),
    )
}
DOWN = {**_ASKED, "endpoint_url": "http://127.0.0.1:9", "attempts": 2}
_OWN = {"service": "own", "namespace": "Own", "name": "CPUUtilization", "unit": "percent", "statistics": ["Average"]}
_OWN |= {"dimensions": ["InstanceId"], "resource": "{InstanceId}"}
OPTIONS = {
    "regions": Changed(["eu-west-1"]),
    "roles": Changed([ROLE]),
    "external_id": Changed("known", beside={"roles": [GUARDED_ROLE]}),
    "endpoint_url": Changed("http://127.0.0.1:9", beside={"attempts": 1}),
    "timeout_s": Changed(1, beside={"endpoint_url": "PLACE/slow", "attempts": 1}),
    "attempts": Changed(2, beside={"endpoint_url": "PLACE/flaky"}),
    "services": Changed(["ebs"]),
    "resources": Changed({"ec2": ["i-0001"]}),
    "period_s": Changed(7200),
    # Points of a minute are kept for 15 days.
    "past": Changed("coarser", ("day", "2026-02-01", "2026-02-02"), {"period_s": 60}),
    "more_metrics": Changed([_OWN], beside={"services": ["ec2", "own"]}),
}
