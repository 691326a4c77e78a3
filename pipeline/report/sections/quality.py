"""Which expectations failed, how good each source is, which rows were refused, and which series have holes."""

from __future__ import annotations

from typing import Any

import pandas as pd

from pipeline.report.cell import Cell, cell_of
from pipeline.report.findings import Findings
from pipeline.report.frames import numbers, records
from pipeline.report.section import Content, Empty, Section
from pipeline.report.selection import COMPLETE, SHOWN
from pipeline.report.words import day, decimals, missing, series_label, share
from pipeline.tables.columns import CHECK_SEVERITIES, DATASET_CHECKS

_ORDER = {severity: place for place, severity in enumerate(CHECK_SEVERITIES)}
_HOLES = 10
_ASKED = {
    "completeness": "Periods of the day that have a sample",
    "missing": "Samples without a value",
    "duplicates": "Samples given twice in one landing",
    "range": "Samples within what can be",
    "correlation": "Largest change of a correlation of metrics in 28 days",
    "seasonality": "CPU's variance that the weekday explains",
    "separability": "Variance between servers that their type explains",
}


def quality(findings: Findings) -> Content:
    results = findings.quality_result
    is_load = results["subject"].astype("str").str.fullmatch("[0-9a-f]{64}").astype("bool")
    loads, checks = results[is_load], results[~is_load]
    imperfect = loads[numbers(loads["score"]) < 1].sort_values(["score", "table_name", "subject"], kind="stable")
    holes = _with_holes(findings.completeness)
    unchecked = Empty(
        "No check was recorded for this run.", "The step build writes them: `python -m pipeline build gold.quality_result`."
    )
    return {
        "unchecked": unchecked if results.empty else None,
        "checked": len(checks),
        "tables": int(checks["table_name"].nunique()),
        "failed": _failed(checks[~checks["success"].astype("bool")]),
        "loads": len(loads),
        "refused": len(imperfect),
        "sources": _sources(findings.dataset_check),
        "load_rows": _loads(imperfect.head(SHOWN)),
        "quarantine": _quarantine(findings.quarantine),
        "holes": _holes(holes.head(_HOLES)),
        "holes_total": len(holes),
        "series": len(findings.completeness),
    }


def _failed(checks: pd.DataFrame) -> list[Content]:
    """The checks that failed, the most severe first."""
    ordered = checks.assign(_order=checks["severity"].map(_ORDER))
    ordered = ordered.sort_values(["_order", "table_name", "subject", "rule"], kind="stable")
    return [
        {
            "table": row["table_name"],
            "subject": row["subject"],
            "rule": row["rule"],
            "severity": row["severity"],
            "rows": Cell(f"{int(row['failed_rows']):,} of {int(row['rows']):,}", int(row["failed_rows"])),
            "score": cell_of(row["score"], share),
            "note": row["note"],
        }
        for row in records(ordered)
    ]


def _sources(checks: pd.DataFrame) -> list[Content]:
    """The seven checks of each source, in the order of their declaration."""
    order = {rule: place for place, rule in enumerate(DATASET_CHECKS)}
    ordered = checks.assign(_order=checks["check_name"].map(order)).sort_values(["source", "_order"], kind="stable")
    return [
        {
            "source": row["source"],
            "day": day(row["ts"]),
            "asked": _ASKED[row["check_name"]],
            "found": cell_of(row["observed"], decimals if row["check_name"] == "correlation" else share),
            "expected": _expected(row),
            "said": "not judged" if missing(row["success"]) else "holds" if row["success"] else "fails",
            "level": "warning" if not missing(row["success"]) and not row["success"] else "",
            "reason": "" if missing(row["reason"]) else row["reason"],
        }
        for row in records(ordered)
    ]


def _expected(row: dict[Any, Any]) -> str:
    word, bound = ("at most", row["most"]) if missing(row["least"]) else ("at least", row["least"])
    return f"{word} {decimals(bound) if row['check_name'] == 'correlation' else share(bound)}"


def _loads(loads: pd.DataFrame) -> list[Content]:
    return [
        {
            "table": row["table_name"],
            "load": str(row["subject"])[:12],
            "rows": f"{int(row['rows']):,}",
            "refused": f"{int(row['failed_rows']):,}",
            "score": cell_of(row["score"], share),
        }
        for row in records(loads)
    ]


def _quarantine(quarantine: pd.DataFrame) -> list[Content]:
    return [
        {"table": row["table_name"], "rule": row["rule"], "rows": f"{int(row['rows']):,}", "example": row["example"]}
        for row in records(quarantine.sort_values(["table_name", "rule"], kind="stable"))
    ]


def _with_holes(completeness: pd.DataFrame) -> pd.DataFrame:
    """Series of which samples are missing, with `ratio`, the share that arrived; the worst first."""
    ratio = numbers(completeness["samples"]) / numbers(completeness["expected_samples"])
    ordered = completeness.assign(ratio=ratio).sort_values(["ratio", "series_id"], kind="stable")
    return ordered[ordered["ratio"] < COMPLETE]


def _holes(series: pd.DataFrame) -> list[Content]:
    return [
        {
            "series": series_label(row["series_id"], row["metric"]),
            "days": f"{int(row['days']):,}",
            "ratio": cell_of(row["ratio"], share),
            "missing": f"{int(row['missing_days']):,}",
            "flagged": f"{int(row['flagged_days']):,}",
        }
        for row in records(series)
    ]


SECTION = Section(anchor="quality", title="Data quality", label="Data quality", content=quality)
