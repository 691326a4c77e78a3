"""How each forecaster did in the backtest, per segment, and which one serves."""

from __future__ import annotations

from typing import Any

import pandas as pd

from pipeline.report.cell import Cell, cell_of
from pipeline.report.findings import Findings
from pipeline.report.frames import records
from pipeline.report.section import Content, Empty, Section
from pipeline.report.selection import newest_decisions
from pipeline.report.words import capitalize, decimals, metric_word, minute, missing, percent, plural
from pipeline.tables.columns import UNSOUND


def accuracy(findings: Findings) -> Content | Empty:
    scores = findings.model_metric
    if scores.empty:
        return Empty(
            "No training has been recorded up to this moment.",
            "Run the DAG `model_training`, or `python -m pipeline train`; until then the fallback forecaster serves.",
        )
    decisions = newest_decisions(findings)
    segments = [
        _segment(str(metric), str(granularity), group, decisions.get((str(metric), str(granularity))))
        for (metric, granularity), group in scores.groupby(["metric", "granularity"], sort=True)
    ]
    return {"segments": segments, "trained": minute(scores["as_of"].max())}


def _segment(metric: str, granularity: str, scores: pd.DataFrame, decision: dict[str, Any] | None) -> Content:
    """One metric at one granularity: its forecasters, the lowest loss first."""
    ordered = scores.sort_values(["scaled_pinball", "model"], kind="stable", na_position="last")
    return {
        "title": capitalize(f"{metric_word(metric)} by the {granularity}"),
        "series": plural(int(scores["series"].max()), "series", "series"),
        "windows": plural(int(scores["windows"].max()), "window"),
        "decision": "" if decision is None else f"{decision['decision']}: {decision['reason']}",
        "rows": [
            {
                "model": row["model"],
                "champion": decision is not None and row["model"] == decision["champion"],
                "unsound": decision is not None and row["model"] == decision["serves"] and decision["soundness"] == UNSOUND,
                "figures": _figures(row),
            }
            for row in records(ordered)
        ],
    }


def _figures(row: dict[str, Any]) -> list[tuple[str, Cell]]:
    """Columns of `gold.model_metric` by name, in the order of the page's."""
    losses = [(name, cell_of(row[name], decimals)) for name in ("mase", "wape", "scaled_pinball")]
    coverages = [(name, cell_of(row[name], percent)) for name in ("coverage_50", "coverage_80", "coverage_90")]
    skill = ("skill", cell_of(row["skill"], percent, sign=True))
    return [*losses, *coverages, skill, ("cpu_s_per_series", cell_of(row["cpu_s_per_series"], _cpu_seconds))]


def _cpu_seconds(value: Any) -> str:
    return "<0.001" if not missing(value) and 0 < float(value) < 0.001 else decimals(value, 3)


SECTION = Section(anchor="accuracy", title="Model accuracy", label="Accuracy", content=accuracy)
