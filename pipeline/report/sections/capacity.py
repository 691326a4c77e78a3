"""Which series meet their capacity, when, and how likely."""

from __future__ import annotations

from typing import Any

import pandas as pd

from pipeline.report.cell import cell_of
from pipeline.report.findings import Findings
from pipeline.report.frames import records
from pipeline.report.section import Content, Empty, Section
from pipeline.report.selection import AT_MOST, assumed_resources
from pipeline.report.words import (
    SEVERITY_ORDER,
    amount,
    day,
    decimals,
    metric_word,
    minute,
    missing,
    percent,
    series_parts,
    until,
)

# Series shown at once; the rest stand behind a click.
_SHOWN = 15


def capacity(findings: Findings) -> Content | Empty:
    risk = findings.capacity_risk
    if risk.empty:
        return Empty(
            "No capacity risk in this run.",
            "The step `risk` needs forecasts of a metric in percent; other units have no declared capacity to cross.",
        )
    # One line per series, as the view of the same name says; all thresholds are in `capacity_risk_current`.
    worst = findings.capacity_next
    assumed = assumed_resources(findings.resource)
    rows = [_row(row, findings, assumed) for row in records(worst.head(AT_MOST))]
    levels = worst["risk_level"].value_counts()
    return {
        "rows": rows[:_SHOWN],
        "more": rows[_SHOWN:],
        "beyond": len(worst) - len(rows),
        "levels": [(level, int(levels[level])) for level in SEVERITY_ORDER if level in levels],
        "quantile": f"P{100 * float(risk['quantile'].iloc[0]):.0f}",
        "quantile_share": percent(risk["quantile"].iloc[0]),
        "trust": _trust(findings.risk_backtest),
    }


def _row(row: dict[str, Any], findings: Findings, assumed: set[str]) -> Content:
    account, region, resource = series_parts(row["series_id"], row["metric"])
    early, late = row["crossing_p10_at"], row["crossing_p90_at"]
    return {
        "resource": resource,
        "metric": metric_word(row["metric"]),
        "where": f"{account} · {region}",
        "assumed": resource in assumed,
        "level": row["risk_level"],
        "priority": cell_of(row["priority"], decimals, digits=0),
        "headroom": cell_of(row["headroom_ratio"], percent),
        "peak": "" if missing(row["peak_p95"]) else f"P95 {amount(row['peak_p95'], 'percent')} on {day(row['peak_at'])}",
        "reason": "" if missing(row["reason"]) else row["reason"],
        "threshold": f"{row['threshold_pct']:.0f} %",
        "crossed": bool(row["is_crossed"]),
        "crossing": (minute if row["granularity"] == "hour" else day)(row["first_crossing_at"]),
        "crossing_in": until(row["first_crossing_at"], findings.as_of),
        "spread": "" if missing(early) else f"{day(early)} … {day(late) if not missing(late) else 'later'}",
        "chances": [_chance(row[f"p_cross_{days}d"]) for days in (7, 30, 90)],
    }


def _chance(ratio: Any) -> Content:
    """A chance, and how far it fills its cell, in percent."""
    return {"chance": cell_of(ratio, percent), "width": 0 if missing(ratio) else round(100 * float(ratio))}


def _trust(judged: pd.DataFrame) -> Content | None:
    """How the chances that the newest training's backtest would have stated came true, all metrics and thresholds together."""
    if judged.empty:
        return None
    weighted = judged[["stated", "observed", "brier", "base_rate_brier"]].mul(judged["forecasts"], axis=0)
    weighted = weighted.assign(forecasts=judged["forecasts"], bin=judged["bin"])
    total = weighted.sum()
    summed = records(weighted.groupby("bin", as_index=False).sum())
    bins = [
        {
            "chance": f"{10 * row['bin']:.0f}–{10 * (row['bin'] + 1):.0f} %",
            "forecasts": f"{row['forecasts']:,.0f}",
            "stated": percent(row["stated"] / row["forecasts"]),
            "observed": cell_of(row["observed"] / row["forecasts"], percent),
        }
        for row in summed
    ]
    return {
        "as_of": day(judged["as_of"].max()),
        "forecasts": f"{total['forecasts']:,.0f}",
        "stated": percent(total["stated"] / total["forecasts"]),
        "observed": percent(total["observed"] / total["forecasts"]),
        "brier": decimals(total["brier"] / total["forecasts"], 3),
        "base_rate_brier": decimals(total["base_rate_brier"] / total["forecasts"], 3),
        "bins": bins,
    }


SECTION = Section(anchor="capacity", title="Capacity risk", label="Capacity", content=capacity)
