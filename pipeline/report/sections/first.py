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
        # Why it is grave whatever its next threshold is.
        "over": "" if missing(row["over_pct"]) else f"{row['over_pct']:.0f} %",
        "quantile": f"P{100 * float(row['quantile']):.0f}",
        # None where the forecast does not reach that far.
        "chances": [
            (days, cell_of(row[f"p_cross_{days}d"], percent)) for days in (7, 30, 90) if not missing(row[f"p_cross_{days}d"])
        ],
        "do": _advice(findings.recommendation, (account, region, resource), str(row["metric"])),
    }


def _advice(advice: pd.DataFrame, owner: tuple[str, str, str], metric: str) -> str:
    """What the rules advise against a resource's filling up; a change that only saves money is none.

    Args:
        advice: `gold.recommendation` of one run.
        owner: account, region and resource.
        metric: what fills. No other instance type helps a disk.
    """
    account, region, resource = owner
    mine = advice[(advice["account"] == account) & (advice["region"] == region) & (advice["resource_id"] == resource)]
    if mine.empty:
        return "No rule judges it: plan its capacity yourself."
    helps = ("investigate",) if metric == "disk_utilization" else ("upsize", "investigate")
    for action in helps:
        for target in mine.loc[mine["action"] == action, "target_config"]:
            return f"{ACTION_WORDS[action]}." if missing(target) else f"{ACTION_WORDS[action]} to {target}."
    if metric == "disk_utilization":
        return "Free or grow its volume: no rule does."
    no_data = bool((mine["action"] == "insufficient_data").any())
    return "Too little data to advise a change." if no_data else "No rule advises more capacity: look at its forecast."


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
