"""What to look at before anything else: what fills first and what to do about it, what cost rose most and why."""

from __future__ import annotations

from typing import Any

import pandas as pd

from pipeline.report.cell import cell_of
from pipeline.report.findings import Findings
from pipeline.report.frames import numbers, records
from pipeline.report.section import Content, Section
from pipeline.report.selection import AT_RISK
from pipeline.report.words import (
    ACTION_WORDS,
    day,
    list_names,
    metric_word,
    minute,
    missing,
    percent,
    series_parts,
    service_word,
    until,
    usd,
)
from pipeline.tables.columns import PASSIVE

# Rows of each list, and the least rise worth a row, in US dollars.
_SHOWN, _WORTH = 3, 0.005


def first(findings: Findings) -> Content:
    ahead = findings.capacity_next
    filling = ahead[ahead["risk_level"].isin(AT_RISK)]
    rises = sum_rises(findings.cost_rises)
    return {
        "filling": [_filling(row, findings) for row in records(filling.head(_SHOWN))],
        "more_filling": max(len(filling) - _SHOWN, 0),
        "judged": len(ahead),
        "rising": [_rising(row) for row in records(rises.head(_SHOWN))],
        "compared": not findings.cost_rises.empty,
        "billed": not findings.cost_daily.empty,
    }


def sum_rises(rises: pd.DataFrame) -> pd.DataFrame:
    """The services whose cost rose, the largest rise first.

    Args:
        rises: `inputs.cost_rises`.

    Returns:
        One row per service as people call it: service, recent_usd, before_usd, rise_usd, and of the account and region that
        rose most account, region, part_usd (its rise), places (how many there are), jumped_at, jumped_to_usd, jumped_from_usd.
    """
    named = rises.assign(service=rises["service"].map(service_word), places=1)
    named = named.sort_values(["rise_usd", "account", "region"], ascending=[False, True, True], kind="stable")
    by_service = named.groupby("service", sort=True)
    summed = by_service[["recent_usd", "before_usd", "rise_usd", "places"]].sum()
    most = by_service[["account", "region", "rise_usd", "jumped_at", "jumped_to_usd", "jumped_from_usd"]].first()
    joined = summed.join(most.rename(columns={"rise_usd": "part_usd"})).reset_index()
    risen: pd.DataFrame = joined[numbers(joined["rise_usd"]) >= _WORTH]
    return risen.sort_values(["rise_usd", "service"], ascending=[False, True], kind="stable").reset_index(drop=True)


def _filling(row: dict[str, Any], findings: Findings) -> Content:
    account, region, resource = series_parts(row["series_id"], row["metric"])
    crossing = row["first_crossing_at"]
    when = (minute if row["granularity"] == "hour" else day)(crossing)
    return {
        "what": f"{resource} {metric_word(row['metric'])}",
        "level": row["risk_level"],
        "threshold": f"{row['threshold_pct']:.0f} %",
        "when": "no date in the forecast" if missing(crossing) else f"{when}, {until(crossing, findings.as_of)}",
        "crossed": bool(row["is_crossed"]),
        "quantile": f"P{100 * float(row['quantile']):.0f}",
        "month": cell_of(row["p_cross_30d"], percent),
        "quarter": cell_of(row["p_cross_90d"], percent),
        "do": _advice(findings.recommendation, account, region, resource),
    }


def _advice(advice: pd.DataFrame, account: str, region: str, resource: str) -> str:
    """What the rules advise for one resource: the change that counts first, then other changes, then why there is none."""
    mine = advice[(advice["account"] == account) & (advice["region"] == region) & (advice["resource_id"] == resource)]
    if mine.empty:
        return "No rule judges it: plan its capacity yourself."
    active = mine[~mine["action"].isin(PASSIVE)].sort_values(["portfolio_rank", "recommendation_id"], kind="stable")
    if active.empty:
        no_data = bool((mine["action"] == "insufficient_data").any())
        return "Too little data to advise a change." if no_data else "No rule advises a change: look at its forecast."
    best = active.iloc[0]
    word = ACTION_WORDS.get(best["action"], best["action"])
    return f"{word}." if missing(best["target_config"]) else f"{word} to {best['target_config']}."


def _rising(row: dict[str, Any]) -> Content:
    before, rise, places = float(row["before_usd"]), float(row["rise_usd"]), int(row["places"])
    where = list_names([p for p in (row["account"], row["region"]) if not missing(p)])
    most = f"{usd(row['part_usd'])} of it in {where}" if places > 1 else f"all in {where}"
    jump = "" if missing(row["jumped_at"]) else _jump(row)
    return {
        "service": row["service"],
        "rise": cell_of(rise, usd),
        "share": percent(rise / before, sign=True) if before > 0 else "new",
        "from": usd(before),
        "to": usd(row["recent_usd"]),
        "why": f"{most}{jump}.",
    }


def _jump(row: dict[str, Any]) -> str:
    to, start = row["jumped_to_usd"], row["jumped_from_usd"]
    if float(to) - float(start) < _WORTH:
        return ""
    return f"; largest jump {day(row['jumped_at'])}: {usd(to)} that day, {usd(start)} a week before"


SECTION = Section(anchor="first", title="Look first at", label="First", content=first)
