"""What each step took at its latest execution, slowest first."""

from __future__ import annotations

from typing import Any

from pipeline.report import charts
from pipeline.report.cell import cell_of
from pipeline.report.findings import Findings
from pipeline.report.frames import numbers, records
from pipeline.report.section import Content, Empty, Section
from pipeline.report.words import seconds


def run_times(findings: Findings) -> Content | Empty:
    stats = findings.run_stat
    if stats.empty:
        return Empty("No step of this run has been recorded yet.", "Run times appear once a step has ended.")
    ordered = stats.sort_values(["wall_s", "step", "target", "shard"], ascending=[False, True, True, True], kind="stable")
    by_step = stats.groupby("step")["wall_s"].sum().sort_values(ascending=False, kind="stable")
    return {
        "rows": [_row(row) for row in records(ordered)],
        "svg": charts.bars(
            title="Wall-clock time by step, seconds",
            rows=[(str(step), float(wall), seconds(wall)) for step, wall in by_step.items()],
        ),
        "total": seconds(numbers(stats["wall_s"]).sum()),
        "cpu": seconds(numbers(stats["cpu_s"]).sum()),
        "peak": _mebibytes(numbers(stats["peak_rss_mib"]).max()),
        "failed": int((stats["outcome"] == "failed").sum()),
    }


def _row(row: dict[str, Any]) -> Content:
    return {
        "step": row["step"],
        "target": row["target"],
        "shard": f"{int(row['shard'])}",
        "outcome": row["outcome"],
        "rows": f"{int(row['rows']):,}",
        "wall": cell_of(row["wall_s"], seconds),
        "cpu": cell_of(row["cpu_s"], seconds),
        "memory": cell_of(row["peak_rss_mib"], _mebibytes),
    }


def _mebibytes(value: Any) -> str:
    return f"{float(value):,.0f} MiB"


SECTION = Section(anchor="run-times", title="Run times", label="Run times", content=run_times, telemetry=True)
