"""Disks of instances that fill up: when, and how likely; a person must find out what fills them.

No larger disk is proposed: what fills a disk, often logs or a table that is never vacuumed, would fill that one too.
"""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from pipeline.advice.answer import recommendations
from pipeline.advice.case import Case, Row, cases
from pipeline.advice.estate import Estate
from pipeline.advice.risk import newest_risk

RULE_VERSION = "1"
SERVICES = frozenset({"ec2", "server"})

_METRIC = "disk_utilization"


class Options(BaseModel):
    """Thresholds of the rule."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    threshold_pct: float = Field(
        90, ge=50, le=100, description="A disk counts as full from here on, or the next threshold above."
    )
    min_probability: float = Field(
        0.2, gt=0, le=1, description="A chance to fill within 90 days, or as far as is forecast, above this is looked into."
    )


def recommend(estate: Estate, options: Options) -> pd.DataFrame:
    """One row for every EC2 instance, and every server that is one: investigate, keep or insufficient_data.

    What is known of the future of a disk is the capacity risk of its utilization, without the incidents that no forecast sees. Of
    a series forecast by the day and by the hour the day counts, which reaches further. `confidence` is the chance itself, or that
    it does not fill. There are no dollars: nobody knows what has to be done.
    """
    risk = newest_risk(estate)
    full = risk.loc[(risk["metric"] == _METRIC) & (risk["threshold_pct"] >= options.threshold_pct)] if len(risk) else risk
    if len(full):
        # "day" comes before "hour".
        full = full.sort_values(["granularity", "threshold_pct"], kind="stable").drop_duplicates("key")
    known = {row["key"]: row for _, row in full.iterrows()}
    return recommendations(
        [_judge(case, options, known.get(case.key)) for case in cases(estate, __name__, RULE_VERSION, SERVICES)]
    )


def _judge(case: Case, options: Options, risk: pd.Series | None) -> Row:
    if risk is None:
        return case.insufficient("Nothing is known of the future of its disk: it needs a forecast of disk utilization.")
    chances = {days: risk[f"p_cross_{days}d"] for days in (7, 30, 90) if pd.notna(risk[f"p_cross_{days}d"])}
    if not chances:
        return case.insufficient("Its disk is forecast for less than 7 days, too short to say when it is full.")
    chance, threshold = float(max(chances.values())), f"{risk['threshold_pct']:g} %"
    date = risk["first_crossing_at"]
    said = ", ".join(f"{chance:.0%} within {days} days" for days, chance in chances.items())
    case = replace(
        case,
        confidence=max(chance, 1 - chance),
        evidence={
            "observed": {f"p_cross_{days}d": round(float(one), 4) for days, one in chances.items()},
            "thresholds": {"threshold_pct": float(risk["threshold_pct"]), "p_cross": options.min_probability},
            "forecast_by": risk["granularity"],
            "first_crossing_at": None if pd.isna(date) else f"{date:%Y-%m-%d}",
        },
    )
    if chance <= options.min_probability:
        return case.keep(f"Its disk is not likely to reach {threshold}: {said}.")
    return case.investigate(f"Its disk fills: {_date(case, risk, threshold)}; chance of {threshold}: {said}.")


def _date(case: Case, risk: pd.Series, threshold: str) -> str:
    """When the dated quantile of the forecast crosses, and the range of the crossing."""
    at, early, late = (risk[name] for name in ("first_crossing_at", "crossing_p10_at", "crossing_p90_at"))
    if pd.isna(at):
        return f"it may reach {threshold} as far as is forecast, and the forecast's P{100 * risk['quantile']:g} does not"
    days = (at - pd.Timestamp(case.estate.as_of)).days
    spread = "" if pd.isna(early) else f" ({early:%Y-%m-%d} … {'later' if pd.isna(late) else f'{late:%Y-%m-%d}'})"
    return f"P{100 * risk['quantile']:g} reaches {threshold} on {at:%Y-%m-%d}, in {days} day{'' if days == 1 else 's'}{spread}"
