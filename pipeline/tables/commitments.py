"""What the price of usage under a commitment is called in price lists: the terms that it is sold on, and what it is for.

`bronze.price` has it beside the price on demand, of the service `savings_plan` or `reservation`, in dollars of an hour (a
GB-second …) with what is paid upfront spread over the term.

An instance of Linux on shared tenancy is of the services `ec2` and `savings_plan`. One that runs something else, or on tenancy of
its own, is of `ec2_other` and `savings_plan_other`: no machine may be changed to it, and there are ten times as many.
"""

from __future__ import annotations

from typing import Literal, get_args

#: What may be bought: any compute under a plan; of one family of instances in a region a reservation for good, one that may be
#: exchanged, or a plan.
COMPUTE_PLAN = "compute"
OfInstances = Literal["standard", "convertible", "ec2_instance"]
STANDARD, CONVERTIBLE, INSTANCE_PLAN = get_args(OfInstances)
#: Services of prices of instances that run something else than Linux, or not on shared tenancy: on demand, and under a plan.
OTHER_INSTANCES, OTHER_PLANS = "ec2_other", "savings_plan_other"
#: How it is paid: by the month, about half of it or all of it on the first day.
Payment = Literal["no_upfront", "partial_upfront", "all_upfront"]
NO_UPFRONT, PARTIAL_UPFRONT, ALL_UPFRONT = get_args(Payment)
#: Years that are sold.
TERMS = (1, 3)


def rate_item(kind: str, years: int, payment: str, item: str) -> str:
    """`standard 1yr no_upfront: m5.large`, of the item that is paid for on demand otherwise."""
    return f"{kind} {years}yr {payment}: {item}"
