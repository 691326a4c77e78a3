"""Instances that rest at night, that do not, that always do, and that must not."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.advice.estate import Estate
from tests.support.instances import AS_OF, one, rest, series
from tests.support.options import Changed
from tests.support.rule_cases import Says, Situation

_HOURS = pd.date_range(end=AS_OF, periods=6 * 168, freq="h", inclusive="left").astype("datetime64[us]")
#: Mondays to Fridays from 8 to 18 o'clock.
_OFFICE = np.asarray((_HOURS.dayofweek < 5) & (_HOURS.hour >= 8) & (_HOURS.hour < 18))


def working(
    busy: np.ndarray = _OFFICE, weeks: int = 6, environment: str | None = "dev", quiet: float = 2.0, **more: Any
) -> Estate:
    """An instance that is at 40 % where it is busy."""
    given = one("m5.xlarge", series("cpu_utilization", 20, 40), *rest(), tags=json.dumps({"environment": environment}), **more)
    hours = _HOURS[-weeks * 168 :]
    p95 = np.where(busy, 40.0, quiet)[-weeks * 168 :]
    key = {"account": "1", "region": "us-east-1", "resource_id": "i-1"}
    return replace(given, weeks=pd.DataFrame({**key, "hour": hours, "p95": p95}))


_ALL = np.ones(len(_HOURS), dtype=bool)
# Once in six weeks somebody works at night; in the six weeks of a batch it runs every night at two.
_ONCE, _BATCH = _OFFICE.copy(), _OFFICE | np.asarray(_HOURS.hour == 2)
_ONCE[50] = True
SITUATIONS = {
    # 118 hours a week: the nights of five days and the weekend.
    "office-hours": Situation(
        working(),
        {
            "i-1": Says(
                "schedule",
                "Quiet for 118 of 168 hours in each of 6 weeks: Mon 18:00 – Tue 08:00, Tue 18:00 – Wed 08:00.* and 2 more UTC",
                {"savings_monthly_usd": pytest.approx(0.192 * 730 * 118 / 168), "exclusive_group": "schedule"},
            )
        },
    ),
    "a-batch-splits-the-night": Situation(working(_BATCH), {"i-1": Says("schedule", "Quiet for 86 of")}),
    "never-at-rest": Situation(working(_ALL), {"i-1": Says("keep", "No 8 hours on end")}),
    "always-at-rest": Situation(working(~_ALL), {"i-1": Says("keep", "but idle")}),
    "production": Situation(working(environment="production"), {"i-1": Says("keep", "is production")}),
    "unmarked": Situation(working(environment=None), {"i-1": Says("keep", "not stated")}),
    "too-few-weeks": Situation(working(weeks=3), {"i-1": Says("insufficient_data", "3 whole weeks")}),
    "stopped": Situation(working(state="stopped"), {"i-1": Says("keep", "Already stopped")}),
}
_GAPS = working()
_GAPS.weeks.drop(_GAPS.weeks.index[_GAPS.weeks["hour"].dt.hour % 8 == 7], inplace=True)
OPTIONS = {
    "environments": Changed(("production",), working(environment="production")),
    "min_weeks": Changed(3, working(weeks=3)),
    "quiet_cpu_pct": Changed(10, working(quiet=7)),
    "min_block_hours": Changed(5, working(_BATCH)),
    "min_quiet_pct": Changed(80, working(_ONCE)),
    "min_coverage_pct": Changed(80, _GAPS),
}
