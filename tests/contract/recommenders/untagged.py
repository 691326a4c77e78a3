"""Accounts whose resources have tags, and those of which many have none."""

from __future__ import annotations

import pytest

from tests.support.options import Changed
from tests.support.rule_cases import Says, Situation
from tests.support.spending import charged, spending

BARE = [charged(80.0), charged(15.0, is_tagged=False), charged(5.0, is_tagged=False, service="AmazonS3")]
#: Support and taxes have no tags, and are of no resource.
NO_RESOURCE = charged(100.0, is_tagged=False, has_resource=False)

SITUATIONS = {
    "a fifth without": Situation(
        spending(*BARE),
        {
            "untagged": Says(
                "tag",
                r"20.0 % .* \$608.33 a month, has no tag: AmazonEC2 75 %, AmazonS3 25 %",
                {"monthly_cost_usd": pytest.approx(20 * 730 / 24)},
            )
        },
    ),
    "a tenth without, and support": Situation(
        spending(charged(90.0), charged(10.0, is_tagged=False), NO_RESOURCE), {"untagged": Says("keep", "10.0 %")}
    ),
    "cents": Situation(spending(charged(0.1, is_tagged=False)), {"untagged": Says("keep", "100.0 %")}),
    "nothing of a resource": Situation(spending(NO_RESOURCE), {"untagged": Says("keep", "nothing for resources")}),
    "ten days": Situation(spending(charged(1.0, 10)), {"untagged": Says("insufficient_data", "10 days; 14 are needed")}),
}
OPTIONS = {
    "max_untagged_pct": Changed(25, spending(*BARE)),
    "min_untagged_usd": Changed(700, spending(*BARE)),
}
