"""Which few of many rows a report shows, and in which order."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pandas as pd

from pipeline.report.findings import Findings
from pipeline.report.frames import json_object, records
from pipeline.report.words import SERVICE_WORDS, SEVERITY_ORDER, service_slug, service_word
from pipeline.tables.columns import DISMISSED, MISSING, PLANNED, REFUTED, SEVERITIES

# Rows shown at once, and behind a click; a page of thousands of rows helps no one, and the views have them all.
SHOWN, AT_MOST = 25, 200
CHARTED = 12
AT_RISK = ("critical", "high")
# A series with this share of its samples counts as complete.
COMPLETE = 0.995


def lacks(findings: Findings, kind: str) -> list[str]:
    """What the run had not, of one of the kinds `LACKS`: a sentence each, once."""
    results = findings.quality_result
    of_kind = results["rule"].astype("str").str.startswith(f"{kind}(") & ~results["success"].astype("bool")
    return sorted({str(note) for note in results.loc[of_kind, "note"]})


def worst_per_series(risk: pd.DataFrame) -> pd.DataFrame:
    """One row per series and granularity, that of the lowest threshold, the highest risk first."""
    if risk.empty:
        return risk
    lowest = risk.sort_values(["series_id", "granularity", "threshold_pct"], kind="stable").drop_duplicates(
        ["series_id", "granularity"]
    )
    rank = lowest.assign(
        _level=lowest["risk_level"].map(SEVERITY_ORDER).fillna(9), _priority=-pd.to_numeric(lowest["priority"]).fillna(-1.0)
    )
    return rank.sort_values(["_level", "_priority", "series_id", "granularity"], kind="stable").drop(
        columns=["_level", "_priority"]
    )


def charted_series(risk: pd.DataFrame, forecast: pd.DataFrame, charted: int = CHARTED) -> pd.DataFrame:
    """The series worth a chart: first those at risk, then the largest costs, then the rest by risk and by name.

    Args:
        risk: `gold.capacity_risk` of one run.
        forecast: one row per series and granularity forecast: series_id, metric, granularity, and level, its mean median.
        charted: at most so many.

    Returns:
        Columns series_id, metric, granularity, in the order in which to draw them.
    """
    columns, key = ["series_id", "metric", "granularity"], ["series_id", "granularity"]
    if forecast.empty:
        return pd.DataFrame({column: pd.Series(dtype="object") for column in columns})
    ranked = worst_per_series(risk)
    at_risk = ranked[ranked["risk_level"].isin(AT_RISK)].drop_duplicates("series_id")[columns].head(charted * 2 // 3)
    costs = forecast[forecast["metric"] == "cost"].sort_values(["level", "series_id"], ascending=[False, True], kind="stable")
    costs = costs[columns].head(max(charted // 3, 1))
    rest = forecast.sort_values(["metric", "series_id", "granularity"], kind="stable")[columns]
    wanted = pd.concat([at_risk, costs, ranked[columns], rest], ignore_index=True).drop_duplicates(key)
    known = forecast[key].drop_duplicates()
    return wanted.merge(known, on=key, how="inner").head(charted).reset_index(drop=True)


def portfolio_of(recommendation: pd.DataFrame) -> pd.DataFrame:
    """The recommendations whose savings add up, in the order in which to follow them."""
    counted = recommendation[recommendation["portfolio_rank"].notna()]
    return counted.sort_values(["portfolio_rank", "recommendation_id"], kind="stable")


def still_told(incidents: pd.DataFrame) -> pd.DataFrame:
    """Incidents without those that people dismissed, planned or refuted: of these the page says no more than alerts do."""
    return incidents[~(incidents["answer"].isin([DISMISSED, PLANNED]) | incidents["label"].isin([REFUTED]))]


def incidents_of_last_day(findings: Findings) -> pd.DataFrame:
    """The incidents that the key figure counts: above low, and going on in the last 24 hours, however long the interval."""
    found = still_told(findings.anomaly)
    return found[(found["severity"] != SEVERITIES[0]) & (found["ended_at"] > pd.Timestamp(findings.as_of) - timedelta(hours=24))]


def incidents_of_interval(findings: Findings) -> pd.DataFrame:
    """The incidents that went on in the run's interval, low ones as well."""
    found = still_told(findings.anomaly)
    return found[found["ended_at"] > pd.Timestamp(findings.interval.start)]


def grade_hours(points: pd.DataFrame, incidents: pd.DataFrame) -> pd.DataFrame:
    """Anomalous hours, in order of time, with the severity of their incident; with their own where they are in none.

    Those of an incident that people dismissed, planned or refuted are not told of.
    """
    hours, owner = points.sort_values(["ts", "series_id"], kind="stable"), ["account", "region", "resource_id"]
    incidents = incidents[incidents["kind"] != MISSING]
    graded = incidents.assign(_grave=incidents["severity"], _told=incidents.index.isin(still_told(incidents).index))
    graded = graded[[*owner, "started_at", "ended_at", "_grave", "_told"]]
    if hours.empty or graded.empty:
        return hours
    found = pd.merge_asof(hours, graded.sort_values("started_at"), left_on="ts", right_on="started_at", by=owner)
    inside = found["ts"] < found["ended_at"]
    severity = found["_grave"].where(inside).fillna(found["severity"])
    return found.assign(severity=severity).loc[~inside | found["_told"].eq(True), list(points.columns)]


def sort_by_gravity(incidents: pd.DataFrame) -> pd.DataFrame:
    """Incidents, the gravest first; equally grave ones that still go on, then by impact, score, and the newest."""
    ranked = incidents.assign(
        _rank=incidents["severity"].map(SEVERITY_ORDER).fillna(9), _impact=pd.to_numeric(incidents["impact_ratio"]).fillna(0.0)
    )
    by = {"_rank": True, "is_open": False, "_impact": False, "score": False, "started_at": False, "series_id": True}
    return ranked.sort_values([*by], ascending=[*by.values()], kind="stable").drop(columns=["_rank", "_impact"])


def service_names(cost_daily: pd.DataFrame) -> dict[str, str]:
    """How the page calls the services of the bills, by the slug in the ids of their cost series; one service has one name."""
    return SERVICE_WORDS | {service_slug(name): service_word(name) for name in sorted(cost_daily["service"].astype(str).unique())}


def newest_decisions(findings: Findings) -> dict[tuple[str, str], dict[str, Any]]:
    """Metric and granularity to the newest row of `gold.promotion` about them."""
    ordered = findings.promotion.sort_values(["metric", "granularity", "fence"], kind="stable")
    return {(str(row["metric"]), str(row["granularity"])): row for row in records(ordered)}


def assumed_resources(resource: pd.DataFrame) -> set[str]:
    """Resources whose instance type the inventory only assumes, by their tag `instance_type_assumed`."""
    return {
        str(name)
        for name, tags in zip(resource["resource_id"], resource["tags_json"], strict=True)
        if json_object(tags).get("instance_type_assumed") == "true"
    }
