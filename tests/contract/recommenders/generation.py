"""Instances for which another family is cheaper, and those for which none is."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from tests.support.instances import HOURS, PRICES, mixed_estate, one, rest, series
from tests.support.options import Changed
from tests.support.rule_cases import Says, Situation

_NEWER = PRICES.loc[PRICES["item"] == "m8a.large"].assign(
    item="m8a.xlarge", vcpu=4, memory_gib=16, price_usd=0.15, coremark=180_000
)
_OLD = one("m5.xlarge", series("cpu_utilization", 30), *rest(memory_utilization=30.0))
_FOUR_OF_FIVE_HOURS = replace(_OLD, usage=_OLD.usage.loc[_OLD.usage["hour"].isin(HOURS[HOURS.hour % 5 > 0])])
SITUATIONS = {
    "graviton-is-cheaper": Situation(
        _OLD,
        {
            "i-1": Says(
                "migrate",
                "m7g.xlarge, newer generation.*for its architecture",
                {"target_config": "m7g.xlarge", "effort": "very_high"},
            )
        },
    ),
    "a-newer-family-of-the-same-architecture-is-cheaper": Situation(
        replace(_OLD, prices=pd.concat([PRICES, _NEWER])),
        {"i-1": Says("upgrade", "m8a.xlarge, newer generation", {"target_config": "m8a.xlarge", "effort": "medium"})},
    ),
    "windows-does-not-run-on-graviton": Situation(
        one("m5.xlarge", series("cpu_utilization", 30), *rest(), tags='{"headroom:platform": "Windows"}'),
        {"i-1": Says("keep", "No family that is no older")},
    ),
    "what-is-too-small-grows-first": Situation(
        one("m5.xlarge", series("cpu_utilization", 92), *rest()), {"i-1": Says("keep", "too small in cpu")}
    ),
    "the-newest-is-kept": Situation(
        one("m7g.xlarge", series("cpu_utilization", 30), *rest(memory_utilization=30.0)), {"i-1": Says("keep", "No family")}
    ),
    "every-kind-of-instance": Situation(
        mixed_estate(),
        {
            "i-unseen": Says("insufficient_data", "No CPU utilization"),
            "i-gpu": Says("insufficient_data", "GPU"),
            "i-member": Says("insufficient_data", "autoscaling"),
            "i-stopped": Says("keep", "Already stopped"),
        },
    ),
}
OPTIONS = {
    "min_coverage_pct": Changed(70, _FOUR_OF_FIVE_HOURS),
    "allow_arch_change": Changed(False, _OLD),
    "max_breach_probability": Changed(0.0, _OLD),
    "min_savings_pct": Changed(20, _OLD),
}
