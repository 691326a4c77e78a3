"""Two instances with an hourly CPU metric, on a day that AWS's clock says was yesterday."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.aws_answers import CloudWatch
from tests.support.source_cases import Case
from tests.support.source_servers import serve

_ASKED = {"endpoint_url": "PLACE", "services": ["ec2"], "period_s": 3600}


@contextmanager
def set_up(folder: Path) -> Iterator[str]:
    with serve(CloudWatch(instances=2)) as aws:
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
