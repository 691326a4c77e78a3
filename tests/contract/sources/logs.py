"""Access logs of one server in two files whose lines interleave."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from tests.support.source_cases import Case


@contextmanager
def set_up(folder: Path) -> Iterator[str]:
    for name, offset in (("a.log", 0), ("b.log", 31)):
        lines = []
        for n in range(900):
            moment = datetime(2026, 3, 1) + timedelta(seconds=97 * n + offset)
            status, seconds = 200 + n % 4 * 100, n / 7
            lines.append(
                f'10.0.0.1 - - [{moment:%d/%b/%Y:%H:%M:%S} +0000] "GET / HTTP/1.1" {status} {n} "-" "curl/8" {seconds:.3f}'
            )
        (folder / name).write_text("\n".join(lines))
    yield str(folder)


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
