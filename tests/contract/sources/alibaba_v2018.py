"""Two machines in the trace's layout, made up: every minute for three hours, from the file's first to its last second."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.options import Changed
from tests.support.source_cases import Case


@contextmanager
def set_up(folder: Path) -> Iterator[str]:
    lines = [
        f"m_{machine},{second},{20 + machine + second % 7},{60 + second % 5},{second % 30},{second % 4},{second % 11}.5,3,"
        f"{101 if second % 120 else 12}"
        for machine in (2, 1)
        for second in range(0, 3 * 3600, 60)
    ]
    (folder / "machine_usage.csv").write_text("\n".join(lines) + "\n")
    yield str(folder)


CASES = {
    "usage": Case(
        {"path": "PLACE/machine_usage.csv", "start": "2026-02-01"},
        "2026-02-01",
        "2026-02-02",
        ["2026-02-01T01:00", "2026-02-01T02:07:30"],
        {"bronze.metric_sample": 2 * 36 * 7},
    )
}
DOWN = {"path": "PLACE/absent.csv"}
OPTIONS = {
    "path": Changed("PLACE/absent.csv"),
    "start": Changed("2026-01-31"),
    "period_s": Changed(600),
    "machines": Changed(1),
    "account": Changed("2"),
    "region": Changed("eu-west-1"),
}
