"""What a person was told, and what fires without anybody being told, with why."""

from __future__ import annotations

from typing import Any

from pipeline.report.findings import Findings
from pipeline.report.frames import records
from pipeline.report.section import Content, Empty, Section
from pipeline.report.selection import SHOWN
from pipeline.report.words import minute, missing
from pipeline.tables.columns import ACKNOWLEDGED, CHECK_SEVERITIES, FIRING, SUPPRESSED


def alerts(findings: Findings) -> Content | Empty:
    found = findings.alert
    if found.empty:
        return Empty(
            "No alert fires.", "Rules are the files of `sql/alerts`; `python -m pipeline alert list` says what fires now."
        )
    rows = [_row(row) for row in records(found[found["state"] != SUPPRESSED])]
    suppressed = found[found["state"] == SUPPRESSED]
    why = suppressed["suppressed_by"].value_counts().sort_index()
    firing = found[found["state"] == FIRING]
    return {
        "fires": len(firing),
        "counts": [(severity, int((firing["severity"] == severity).sum())) for severity in CHECK_SEVERITIES],
        "taken": int((found["state"] == ACKNOWLEDGED).sum()),
        "rows": rows[:SHOWN],
        "more": rows[SHOWN:],
        "untold": len(suppressed),
        "why": [(str(reason), int(number)) for reason, number in why.items()],
        "waiting": int((found["waiting"] > 0).sum()),
    }


def _row(row: dict[str, Any]) -> Content:
    return {
        "severity": row["severity"],
        "subject": row["subject"],
        "cause": row["cause"],
        "rule": row["rule"],
        "since": minute(row["since"]),
        "seen": seen(row),
        "detail": "" if missing(row["detail"]) else row["detail"],
        "told": told(row),
        "alert_id": row["alert_id"],
    }


def seen(row: dict[str, Any]) -> str:
    """What was observed, and what it was held to."""
    if missing(row["observed"]):
        return ""
    unit = "" if missing(row["measured_in"]) else f" {row['measured_in']}"
    expected = "" if missing(row["expected"]) else f" (expected {row['expected']:,.4g})"
    return f"{row['observed']:,.4g}{unit}{expected}"


def told(row: dict[str, Any]) -> str:
    """Whether a person knows of an alert."""
    if row["state"] == ACKNOWLEDGED:
        return f"acknowledged: {row['reason']}"
    if row["waiting"]:
        return "a message waits"
    return "nobody" if missing(row["told_at"]) else f"as of {minute(row['told_at'])}"


SECTION = Section(anchor="alerts", title="Alerts", label="Alerts", content=alerts)
