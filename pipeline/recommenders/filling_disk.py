"""Disks of instances that fill up: when, and how likely; a person must find out what fills them.

No larger disk is proposed: what fills a disk, often logs or a table that is never vacuumed, would fill that one too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from pipeline.advice.answer import recommendations
from pipeline.advice.case import Case, Row, cases
from pipeline.advice.estate import Estate, Key
from pipeline.advice.risk import newest_risk

RULE_VERSION = "1"
SERVICES = frozenset({"ec2", "server"})

_METRIC = "disk_utilization"


class Options(BaseModel):
    """Thresholds of the rule."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    threshold_pct: float = Field(
        90, ge=50, le=100, description="A disk is looked at from this threshold of the capacity risk on."
    )
    min_probability: float = Field(
        0.2, gt=0, le=1, description="A chance to fill within 90 days, or as far as is forecast, above this is looked into."
    )


def recommend(estate: Estate, options: Options) -> pd.DataFrame:
    """One row for every EC2 instance, and every server that is one: investigate, keep or insufficient_data.

    What is known of the future of a disk is the capacity risk of its utilization, without the incidents that no forecast sees: of
    the lowest threshold that it does not cross in the first day. Of a series forecast by the day and by the hour the day counts,
    which reaches further. `confidence` is the chance itself, or that it does not fill. There are no dollars: nobody knows what
    has to be done.
    """
    risk = newest_risk(estate)
    full = risk.loc[(risk["metric"] == _METRIC) & (risk["threshold_pct"] >= options.threshold_pct)]
    # "day" comes before "hour".
    nearest = full.loc[full["granularity"] == full.groupby("series_id")["granularity"].transform("min")]
    known: dict[Key, list[Row]] = {}
    for row in nearest.sort_values(["series_id", "threshold_pct"]).to_dict("records"):
        known.setdefault(row["key"], []).append(cast(Row, row))
    return recommendations(
        [_judge(case, options, known.get(case.key)) for case in cases(estate, __name__, RULE_VERSION, SERVICES)]
    )


def _judge(case: Case, options: Options, risk: Sequence[Mapping[str, Any]] | None) -> Row:
    if risk is None:
        return case.insufficient("Nothing is known of the future of its disk: it needs a forecast of disk utilization.")
    crossed_by = case.estate.as_of + timedelta(days=1)
    is_crossed = [row["first_crossing_at"] < crossed_by for row in risk]
    now = max((row["threshold_pct"] for row, crossed in zip(risk, is_crossed, strict=True) if crossed), default=np.nan)
    # The next threshold; where all are crossed, the last.
    row = risk[-1] if all(is_crossed) else risk[is_crossed.index(False)]
    chances = {days: row[f"p_cross_{days}d"] for days in (7, 30, 90) if pd.notna(row[f"p_cross_{days}d"])}
    if not chances and pd.isna(now):
        return case.insufficient("Its disk is forecast for less than 7 days, too short to say when it is full.")
    chance = max([0.0 if pd.isna(now) else 1.0, *(float(one) for one in chances.values())])
    case = replace(case, confidence=max(chance, 1 - chance), evidence=_evidence(options, row, now, chances))
    next_one = f"{row['threshold_pct']:g} %"
    said = ", ".join(f"{one:.0%} within {days} days" for days, one in chances.items())
    if chance <= options.min_probability:
        return case.keep(f"Its disk is not likely to reach {next_one}: {said}.")
    state = "Its disk fills" if pd.isna(now) else f"Its disk is at {now:g} % or more"
    if row["threshold_pct"] == now:
        return case.investigate(f"{state}.")
    return case.investigate(f"{state}: {_date(case, row, next_one)}; chance of {next_one}: {said or 'not known'}.")


def _evidence(options: Options, row: Mapping[str, Any], now: float, chances: Mapping[int, float]) -> dict[str, object]:
    date = row["first_crossing_at"]
    return {
        "observed": {
            "is_at_pct": None if pd.isna(now) else float(now),
            **{f"p_cross_{days}d": round(float(one), 4) for days, one in chances.items()},
        },
        "thresholds": {"disk_pct": float(row["threshold_pct"]), "p_cross": options.min_probability},
        "forecast_by": row["granularity"],
        "first_crossing_at": None if pd.isna(date) else f"{date:%Y-%m-%d}",
    }


def _date(case: Case, risk: Mapping[str, Any], threshold: str) -> str:
    """When the dated quantile of the forecast crosses, and the range of the crossing."""
    at, early, late = (risk[name] for name in ("first_crossing_at", "crossing_p10_at", "crossing_p90_at"))
    quantile = f"P{100 * risk['quantile']:g}"
    if pd.isna(at):
        return f"the forecast's {quantile} does not reach {threshold}"
    days = (at - pd.Timestamp(case.estate.as_of)).days
    spread = "" if pd.isna(early) else f" ({early:%Y-%m-%d} … {'later' if pd.isna(late) else f'{late:%Y-%m-%d}'})"
    return f"{quantile} reaches {threshold} on {at:%Y-%m-%d}, in {days} day{'' if days == 1 else 's'}{spread}"
