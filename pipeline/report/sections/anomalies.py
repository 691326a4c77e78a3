"""Incidents of the interval as a list, and the anomalous hours of 30 days: one strip per series, the worst series close up."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import pandas as pd
from markupsafe import Markup

from pipeline.report import charts
from pipeline.report.cell import Cell, cell_of
from pipeline.report.findings import Findings
from pipeline.report.frames import floats, records
from pipeline.report.origin import kinds_by_series, with_kind
from pipeline.report.section import Content, Empty, Section
from pipeline.report.selection import AT_MOST, SHOWN, grade_hours, incidents_of_interval, sort_by_gravity, still_told
from pipeline.report.words import (
    SEVERITY_ORDER,
    UNIT_SIGNS,
    amount,
    decimals,
    lasted,
    metric_word,
    minute,
    percent,
    plural,
    series_label,
)
from pipeline.tables.columns import MISSING

_RECENT = timedelta(days=30)
# Series drawn as strips, and close up.
_STRIPS, _CLOSE_UPS = 12, 4


def anomalies(findings: Findings) -> Content | Empty:
    hours = findings.anomaly_point[findings.anomaly_point["ts"] >= pd.Timestamp(findings.as_of) - _RECENT]
    recent = grade_hours(hours, findings.anomaly)
    found = sort_by_gravity(incidents_of_interval(findings))
    if recent.empty and found.empty:
        but = "" if hours.empty else ", but for what people dismissed, planned or refuted"
        return Empty(
            f"No anomalous hour in this interval, nor in the 30 days before its end{but}.",
            f"{say_judged(findings.judged)} The setting `alert_votes` says how many detectors must agree.",
        )
    grave_first = sort_by_gravity(still_told(findings.anomaly))
    # An hour whose incident is older than what is grouped comes after all that are.
    worst_first = [*dict.fromkeys([*grave_first["series_id"], *recent.sort_values("score", ascending=False)["series_id"]])]
    rows = [_row(row) for row in records(found.head(AT_MOST))]
    return {
        "strips": _strips(findings, recent, worst_first) if len(recent) else "",
        "series": int(recent["series_id"].nunique()),
        "close_ups": _close_ups(findings, recent, worst_first),
        "rows": rows[:SHOWN],
        "more": rows[SHOWN:],
        "found": len(found),
        "recent": f"{len(recent):,}",
        "open": int(found["is_open"].sum()),
        "judged": say_judged(findings.judged),
    }


def say_judged(judged: pd.DataFrame) -> str:
    """How many series detectors judged; they judge no cost: silence about a series that nobody judged is no good news."""
    metrics = judged[judged["metric"] != "cost"]
    cost = int(judged.loc[judged["metric"] == "cost", "series"].sum())
    series = f" ({plural(cost, 'series', 'series')})" if cost else ""
    costs = f" They judge no cost{series}: see Cost for what is unusual in bills."
    if metrics.empty:
        return f"No series of metrics was there to judge.{costs}"
    seen, every = int(metrics["judged"].sum()), int(metrics["series"].sum())
    rest = "" if seen == every else "; the others have too short a history, no peaks, or fell silent"
    return f"Detectors judged {seen:,} of {plural(every, 'series', 'series')} of metrics ({percent(seen / every)}){rest}.{costs}"


def _strips(findings: Findings, recent: pd.DataFrame, worst_first: list[str]) -> Markup:
    """One strip for each of the worst series; the run's own interval is shaded."""
    rows, kinds = [], kinds_by_series(findings.series_source)
    drawn = [series_id for series_id in worst_first if (recent["series_id"] == series_id).any()]
    for series_id in drawn[:_STRIPS]:
        mine = recent[recent["series_id"] == series_id]
        label = with_kind(series_label(series_id, mine["metric"].iloc[0]), kinds.get(series_id, ""))
        rows.append((label, [_mark(row) for row in records(mine)]))
    end = findings.as_of
    start = max(min(recent["ts"].min().to_pydatetime(), findings.interval.start), end - _RECENT) - timedelta(hours=12)
    return charts.mark_strips(
        title="Anomalies by series over the last 30 days, UTC",
        rows=rows,
        start=start,
        end=end,
        shaded=(max(findings.interval.start, start), end),
    )


def _close_ups(findings: Findings, recent: pd.DataFrame, worst_first: list[str]) -> list[Content]:
    """The hours around the anomalies of the worst series whose hours are known."""
    shown: list[Content] = []
    kinds = kinds_by_series(findings.series_source)
    for series_id in worst_first:
        values = findings.anomaly_history
        values = values[values["series_id"] == series_id].sort_values("ts", kind="stable")
        if values.empty or len(shown) == _CLOSE_UPS:
            continue
        mine = recent[(recent["series_id"] == series_id) & (recent["ts"] >= values["ts"].min())].sort_values("ts")
        if mine.empty:
            continue
        metric, unit = str(mine["metric"].iloc[0]), str(mine["unit"].iloc[0])
        title, kind = series_label(series_id, metric), kinds.get(series_id, "")
        svg = charts.time_chart(
            with_kind(f"{title}: hours observed, anomalies marked", kind),
            charts.Curves([charts.Line(list(values["ts"]), floats(values["value"]), "observed", "observed")]),
            charts.Scale(f"{UNIT_SIGNS.get(unit, unit)}, by the hour", partial(amount, unit=unit)),
            marks=[_mark(row) for row in records(mine)],
            size=(530, 200),
        )
        shown.append({"title": title, "kind": kind, "svg": svg})
    return shown


def _mark(row: dict[str, Any]) -> charts.Mark:
    label = (
        f"{minute(row['ts'])} UTC, {row['severity']}: observed {amount(row['value'], row['unit'])}, "
        f"expected {amount(row['expected'], row['unit'])}, score {decimals(row['score'])}"
    )
    return charts.Mark(pd.Timestamp(row["ts"]), float(row["value"]), str(row["severity"]), label)


def _row(row: dict[str, Any]) -> Content:
    severity = str(row["severity"])
    return {
        "start": minute(row["started_at"]),
        "lasted": Cell(lasted(row["hours"]), float(row["hours"])),
        "open": bool(row["is_open"]),
        "resource": row["resource_id"],
        "metric": f"{metric_word(row['metric'])}{', no samples' if row['kind'] == MISSING else ''}",
        "beside": ", ".join(metric_word(name) for name in row["metrics"].split(",") if name != row["metric"]),
        "severity": Cell(severity, SEVERITY_ORDER.get(severity, len(SEVERITY_ORDER))),
        "value": cell_of(row["value"], amount, unit=row["unit"]),
        "expected": cell_of(row["expected"], amount, unit=row["unit"]),
        "impact": cell_of(row["impact_ratio"], percent),
        "confidence": cell_of(row["confidence"], percent),
        "criticality": row["criticality"] or "",
    }


SECTION = Section(anchor="anomalies", title="Anomalies", label="Anomalies", content=anomalies)
