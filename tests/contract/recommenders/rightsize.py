"""Instances that are too large, too small, right, or not to be judged by their load."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tests.support.instances import HOURS, mixed_estate, one, rest, risk_of, series
from tests.support.options import Changed
from tests.support.rule_cases import Says, Situation

_UNJUDGED = {
    "i-unseen": Says("insufficient_data", "No CPU utilization in the last 14 days"),
    "i-young": Says("insufficient_data", "Launched 3.0 days ago; 14 days"),
    "i-gaps": Says("insufficient_data", r"50.0 % of the last 14 days \(168 of 336 hours\); 90 %"),
    "i-member": Says("insufficient_data", "aws:autoscaling:groupName=web"),
    "i-stopped": Says("keep", "Already stopped", {"monthly_cost_usd": 0.0}),
    "i-unlisted": Says("insufficient_data", "The price list of us-east-1 does not describe m9.colossal"),
    "i-untyped": Says("insufficient_data", "does not describe an unnamed type"),
    "i-gpu": Says("insufficient_data", "1 GPU, whose use is not measured"),
    "i-elsewhere": Says("insufficient_data", "The price list of mars-1 does not describe m5.large"),
}
_MIXED = mixed_estate()
SITUATIONS = {
    "every-kind-of-instance": Situation(
        _MIXED,
        {
            **_UNJUDGED,
            "i-busy": Says("upsize", "too small in cpu.*How much cpu is wanted is not known", {"target_config": "c5.xlarge"}),
            "i-big": Says("rightsize", "m5.xlarge serves the demand", {"target_config": "m5.xlarge"}),
            "i-bigblind": Says("keep", "not measured: memory, network, ebs"),
            "i-idle": Says("keep", "No cheaper type"),
        },
    ),
    "nothing-was-measured": Situation(
        replace(_MIXED, usage=_MIXED.usage.iloc[:0]),
        {name: Says("insufficient_data", "No CPU utilization") for name in ("i-busy", "i-big", "i-gpu")}
        | {"i-stopped": _UNJUDGED["i-stopped"]},
    ),
    "nothing-has-a-price": Situation(
        replace(_MIXED, prices=_MIXED.prices.assign(price_usd=np.nan)),
        {"i-big": Says("rightsize", "m5.xlarge serves the demand", {"target_config": "m5.xlarge"})},
    ),
}
_LARGE = one("m5.2xlarge", series("cpu_utilization", 26), *rest())
_BREACHED = one("m5.2xlarge", series("cpu_utilization", 33), *rest())
_FOUR_OF_FIVE_HOURS = replace(_LARGE, usage=_LARGE.usage.loc[_LARGE.usage["hour"].isin(HOURS[HOURS.hour % 5 > 0])])
# In one hour of 50 the maximum, but never the P95, is far above the rest.
_SHORT_PEAKS = series("cpu_utilization", 26, np.where(np.arange(len(HOURS)) % 50 == 0, 70.0, 26.0)).assign(p95=26.0)
_ELSEWHERE = one("m5.2xlarge", series("cpu_utilization", 15), *rest(memory_utilization=30.0))
_GROWING = one(
    "m5.2xlarge",
    series("cpu_utilization", 20),
    *rest(memory_utilization=30.0),
    risk=risk_of("cpu_utilization", headroom_ratio=0.05, p_cross_90d=0.6),
)
OPTIONS = {
    "min_coverage_pct": Changed(70, _FOUR_OF_FIVE_HOURS),
    "quantile_pct": Changed(95, one("m5.2xlarge", _SHORT_PEAKS, *rest())),
    "cpu_headroom_pct": Changed(50, _LARGE),
    "memory_headroom_pct": Changed(75, one("m5.2xlarge", series("cpu_utilization", 10), *rest(memory_utilization=16.0))),
    "bandwidth_headroom_pct": Changed(0, one("m5.2xlarge", series("cpu_utilization", 10), *rest(network_in=900.0))),
    "unmeasured_bandwidth_ratio": Changed(1, one("m5.4xlarge", series("cpu_utilization", 5), series("memory_utilization", 5))),
    "max_coremark_credit": Changed(1, _LARGE),
    "preset": Changed("max_savings", one("m5.2xlarge", _SHORT_PEAKS, *rest())),
    "max_breach_probability": Changed(0.2, _BREACHED),
    "upsize_probability": Changed(0.9, _GROWING),
    "saturated_growth_ratio": Changed(3, one("m5.large", series("cpu_utilization", 90, 100), *rest())),
    "allow_arch_change": Changed(True, _ELSEWHERE),
    "allow_burstable": Changed(True, _ELSEWHERE),
    "min_savings_usd": Changed(250, _LARGE),
    "min_savings_pct": Changed(90, _LARGE),
}
