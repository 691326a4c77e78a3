"""EC2 instances outside production that are quiet at the same hours of every week: switch them off then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from pipeline.advice.answer import recommendations
from pipeline.advice.case import Case, Change, Row, cases
from pipeline.advice.estate import Demand, Estate, optional_text, tags_of
from pipeline.advice.hindsight import Missed
from pipeline.advice.instances import priced, settled
from pipeline.advice.prices import HOURS_PER_MONTH, Price, monthly_prices, price_lists
from pipeline.advice.weeks import HOURS_OF_WEEK, MOST_WEEKS, blocks, hours_of_week, weeks_of, write_block

RULE_VERSION = "1"
SERVICES = frozenset({"ec2", "server"})

_NOTE = "Start it at any hour; what runs on it must bear to be stopped, and its public address changes."
_SHOWN = 3


class Options(BaseModel):
    """Thresholds of the rule."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    environments: tuple[str, ...] = Field(
        ("dev", "development", "test", "testing", "qa", "uat", "stage", "staging", "sandbox", "demo", "integration"),
        max_length=40,
        description="Values of the tag `environment` that may be switched off (cloud-custodian: opt-in by tag).",
    )
    min_weeks: int = Field(4, ge=2, le=MOST_WEEKS, description="Whole weeks of hours that must be known.")
    quiet_cpu_pct: float = Field(5, gt=0, le=20, description="An hour is quiet whose P95 of CPU utilization lies below this.")
    min_block_hours: int = Field(8, ge=1, le=72, description="Shortest time without a break that is worth switching off for.")
    min_quiet_pct: float = Field(90, ge=50, le=100, description="Share of the weeks in which an hour of the week must be quiet.")
    min_coverage_pct: float = Field(90, ge=50, le=100, description="Share of the hours needed to judge.")


def recommend(estate: Estate, options: Options) -> pd.DataFrame:
    """One row for every EC2 instance, and every server that is one: schedule, keep or insufficient_data.

    Hours are UTC. The saving is the price of the hours off; volumes stay and are still paid for. What is always quiet is not
    scheduled: it is idle.

    Source: AWS Instance Scheduler; cloud-custodian's off hours.
    """
    prices, weeks = monthly_prices(price_lists(estate, "ec2", "hour"), HOURS_PER_MONTH), weeks_of(estate)
    judged = cases(estate, __name__, RULE_VERSION, SERVICES)
    return recommendations([_judge(case, options, prices, weeks.get(case.key)) for case in judged])


def _judge(
    case: Case,
    options: Options,
    prices: Mapping[tuple[str, str | None], Price],
    weeks: npt.NDArray[np.float64] | None,
) -> Row:
    case = priced(case, prices.get((case.region, case.config)))
    environment = optional_text(tags_of(case.resource).get("environment"))
    if environment is None or environment.lower() not in options.environments:
        said = f"is {environment}" if environment else "is not stated"
        return case.keep(f"Its environment {said}: only what is marked as one of {', '.join(options.environments)} is scheduled.")
    without_judgement = settled(case, options.min_coverage_pct)
    if without_judgement is not None:
        return without_judgement
    # A week of which too little was seen is none; the newest come last.
    seen = np.empty((0, HOURS_OF_WEEK)) if weeks is None else weeks
    seen = seen[np.isfinite(seen).mean(axis=1) * 100 >= options.min_coverage_pct]
    if len(seen) < options.min_weeks:
        return case.insufficient(f"{len(seen)} whole weeks of its hours are known; {options.min_weeks} are needed.")
    return _schedule(case, options, seen)


def _schedule(case: Case, options: Options, seen: npt.NDArray[np.float64]) -> Row:
    is_quiet = np.isnan(seen) | (seen < options.quiet_cpu_pct)
    share = (seen < options.quiet_cpu_pct).sum(axis=0) / np.maximum(np.isfinite(seen).sum(axis=0), 1)
    found = blocks(100 * share >= options.min_quiet_pct, options.min_block_hours)
    off = sum(length for _, length in found)
    case = replace(
        case,
        evidence={
            "weeks": len(seen),
            "coverage": round(float(np.isfinite(seen).mean()), 4),
            "off_hours_of_week": found,
            "observed": {"quiet_hours_of_week": off},
            "thresholds": {"cpu_pct": options.quiet_cpu_pct, "quiet_pct": options.min_quiet_pct},
        },
    )
    if off == HOURS_OF_WEEK:
        return case.keep(f"Quiet at every hour of {len(seen)} weeks: it is not to be scheduled but idle.")
    if not found:
        return case.keep(
            f"No {options.min_block_hours} hours on end are quiet in {options.min_quiet_pct:g} % of {len(seen)} weeks."
        )
    # How often, in these weeks, a block was quiet as a whole.
    holds = float(np.mean([is_quiet[:, _hours_of(block)].all(axis=1).mean() for block in found]))
    times = ", ".join(write_block(start, length) for start, length in found[:_SHOWN])
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    change = Change(
        target=f"off {times}{more} UTC",
        saving_usd=None if case.price is None else case.price.monthly_usd * off / HOURS_OF_WEEK,
        chance=holds,
        confidence=holds,
        risk_level=1,
        effort="low",
        restart_needed=True,
        rollback_note=_NOTE,
    )
    return case.recommend("schedule", f"Quiet for {off} of 168 hours in each of {len(seen)} weeks: {times}{more} UTC.", change)


def missed(answer: Mapping[str, Any], evidence: Mapping[str, Any], seen: Mapping[str, Demand], options: Options) -> Missed:
    """In which hours of the days after it what was to be switched off would have been missed: hours off that were not quiet."""
    off = np.zeros(HOURS_OF_WEEK, dtype=bool)
    for block in evidence["off_hours_of_week"]:
        off[_hours_of(block)] = True
    cpu = seen["cpu_utilization"]
    return Missed(off[hours_of_week(cpu.hours)] & (cpu.p95 >= options.quiet_cpu_pct), stated=1 - float(answer["confidence"]))


def _hours_of(block: Sequence[int]) -> npt.NDArray[np.int64]:
    """The hours of the week in a block, given by its first one and how many there are."""
    start, length = block
    hours: npt.NDArray[np.int64] = np.arange(start, start + length) % HOURS_OF_WEEK
    return hours
