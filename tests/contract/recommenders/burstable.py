"""Instances that rest most of the day, that never do, and that are on credits already."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tests.support.instances import HOURS, mixed_estate, one, rest, series
from tests.support.options import Changed
from tests.support.rule_cases import Says, Situation

_ONE_HOUR = np.where(np.asarray(HOURS.hour) == 12, 50.0, 10.0)
_RESTING = one("m5.xlarge", series("cpu_utilization", _ONE_HOUR), *rest(memory_utilization=30.0))
# The hours of each day in which it is above the baseline come first, before anything is saved up.
_EARLY = one(
    "m5.xlarge", series("cpu_utilization", np.where(np.asarray(HOURS.hour) < 6, 60.0, 10.0)), *rest(memory_utilization=30.0)
)
_FOUR_OF_FIVE_HOURS = replace(_RESTING, usage=_RESTING.usage.loc[_RESTING.usage["hour"].isin(HOURS[HOURS.hour % 5 > 0])])
SITUATIONS = {
    "rests-most-of-the-day": Situation(
        _RESTING,
        {"i-1": Says("rightsize", r"t3.xlarge.*run out in 30 days: 0.0%", {"target_config": "t3.xlarge", "effort": "medium"})},
    ),
    "busy-all-day": Situation(
        one("m5.xlarge", series("cpu_utilization", 60), *rest()), {"i-1": Says("keep", "No burstable type")}
    ),
    "busy-before-anything-is-earned": Situation(_EARLY, {"i-1": Says("keep", "No burstable type")}),
    "already-on-credits": Situation(
        one("t3.xlarge", series("cpu_utilization", 10), *rest()), {"i-1": Says("keep", "burstable already")}
    ),
    "too-small": Situation(one("m5.xlarge", series("cpu_utilization", 92), *rest()), {"i-1": Says("keep", "too small in cpu")}),
    "every-kind-of-instance": Situation(
        mixed_estate(),
        {"i-unseen": Says("insufficient_data", "No CPU utilization"), "i-gpu": Says("insufficient_data", "GPU")},
    ),
}
OPTIONS = {
    "min_coverage_pct": Changed(70, _FOUR_OF_FIVE_HOURS),
    "max_exhaustion_probability": Changed(1.0, _EARLY),
    "min_savings_pct": Changed(20, _RESTING),
}
