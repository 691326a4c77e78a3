"""Budgets that will more likely than not be exceeded: change what drives them, or the plan."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from pipeline.advice.answer import recommendations
from pipeline.advice.bill import BUDGET
from pipeline.advice.case import Case, Row, cases
from pipeline.advice.estate import Estate
from pipeline.tables.identifiers import make_safe

RULE_VERSION = "1"
SERVICES = frozenset({BUDGET})


class Options(BaseModel):
    """Thresholds of the rule."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_chance_pct: float = Field(
        50, gt=0, le=100, description="Chance that it is exceeded above which it is to be looked at (AWS Budgets: forecasted)."
    )


def recommend(estate: Estate, options: Options) -> pd.DataFrame:
    """One row for every budget whose period runs: investigate, keep or insufficient_data.

    Source: AWS Budgets, forecasted alerts, by the chance in place of the mean.
    """
    stands = estate.budgets.assign(name=estate.budgets["budget"].map(make_safe)).drop_duplicates("name").set_index("name")
    judged = cases(estate, __name__, RULE_VERSION, SERVICES)
    named = {str(name): one for name, one in stands.iterrows()}
    return recommendations([_judge(case, named.get(case.key[2]), options) for case in judged])


def _judge(case: Case, one: pd.Series | None, options: Options) -> Row:
    if one is None:
        return case.insufficient("The run has nothing of this budget.")
    chance, currency, amount = one["p_breach"], str(one["currency"]), float(one["amount"])
    case = replace(case, config=f"{amount:,.2f} {currency} to {one['period_end'] - pd.Timedelta(days=1):%Y-%m-%d}")
    if pd.isna(chance):
        return case.insufficient("How likely it is to be exceeded is not known: the bills have ended, or say too little.")
    evidence = {
        "observed": {"actual": round(float(one["actual"]), 2), "chance_of_breach": round(float(chance), 4)},
        "thresholds": {"chance_of_breach": options.min_chance_pct / 100},
    }
    case = replace(case, evidence=evidence, confidence=float(max(chance, 1 - chance)))
    said = f"{one['actual']:,.2f} of {amount:,.2f} {currency} are spent, and it is exceeded with a chance of {chance:.0%}"
    if 100 * chance <= options.min_chance_pct:
        return case.keep(f"{said}.")
    spent = one["spent_p50"]
    when = "" if pd.isna(spent) else f", more likely than not from {spent:%Y-%m-%d} on"
    return case.investigate(f"{said}{when}: change what drives it, or the plan.")
