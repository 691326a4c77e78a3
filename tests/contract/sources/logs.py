"""Access logs of one server in two files whose lines interleave, and in buckets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from tests.support.options import Changed
from tests.support.s3_answers import changes_in_s3, serve_object
from tests.support.source_cases import Case


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

    with serve_object(folder / "a.log") as server:
        yield {"PLACE": str(folder), "SERVER": server}


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
    **changes_in_s3("files", "*.log", {}),
}
