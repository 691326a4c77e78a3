"""Parts of a bill that cost unusually much: somebody must find out why, for every day of it is paid."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from pipeline.advice.answer import recommendations
from pipeline.advice.bill import COST_ANOMALY
from pipeline.advice.case import Case, Row, cases
from pipeline.advice.estate import Estate, optional_text

RULE_VERSION = "1"
SERVICES = frozenset({COST_ANOMALY})


class Options(BaseModel):
    """Thresholds of the rule."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_impact: float = Field(
        100, ge=0, le=1e9, description="What it costs too much at least, in the bill's currency (Cost Anomaly Detection: 100)."
    )


def recommend(estate: Estate, options: Options) -> pd.DataFrame:
    """One row for every anomaly of the run of which no person has said that it is none: investigate or keep.

    Source: AWS Cost Anomaly Detection, whose default subscription tells of an impact of 100 dollars and more.
    """
    found = estate.anomalies.drop_duplicates("anomaly_id").set_index("anomaly_id")
    judged = cases(estate, __name__, RULE_VERSION, SERVICES)
    named = {str(name): one for name, one in found.iterrows()}
    return recommendations([_judge(case, named.get(case.key[2]), options) for case in judged])


def _judge(case: Case, one: pd.Series | None, options: Options) -> Row:
    if one is None:
        return case.insufficient("The run has nothing of this anomaly.")
    parts = [optional_text(one[name]) for name in ("account", "service", "usage_type", "resource_id")]
    what = ", ".join(part for part in parts if part) or "All of the bill"
    impact, currency, days = float(one["impact_cost"]), str(one["currency"]), int(one["days"])
    evidence = {
        "window_days": days,
        "observed": {"actual_cost": round(float(one["actual_cost"]), 2), "expected_cost": round(float(one["expected_cost"]), 2)},
        "thresholds": {"impact_cost": options.min_impact},
    }
    case = replace(case, config=what, evidence=evidence, confidence=1.0)
    goes_on = "and it goes on" if one["is_open"] else "and it is over"
    said = f"{what}: {one['actual_cost']:,.2f} {currency} in {days} days from {one['first_day']:%Y-%m-%d} on, {goes_on}"
    if not one["is_open"]:
        return case.keep(f"{said}.")
    if impact < options.min_impact:
        return case.keep(f"{said}, {impact:,.2f} more than expected: too little to look at.")
    return case.investigate(f"{said}, {impact:,.2f} more than the {one['expected_cost']:,.2f} expected.")
