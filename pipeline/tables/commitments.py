"""What the price of usage under a commitment is called in price lists: the terms that it is sold on, and what it is for.

`bronze.price` has it beside the price on demand, of the service `savings_plan` or `reservation`, in dollars of an hour (a
GB-second …) with what is paid upfront spread over the term.
"""

from __future__ import annotations

from typing import Literal, get_args

#: What may be bought: any compute under a plan; of one family of instances in a region a reservation for good, one that may be
#: exchanged, or a plan.
COMPUTE_PLAN = "compute"
OfInstances = Literal["standard", "convertible", "ec2_instance"]
STANDARD, CONVERTIBLE, INSTANCE_PLAN = get_args(OfInstances)
#: How it is paid: by the month, about half of it or all of it on the first day.
Payment = Literal["no_upfront", "partial_upfront", "all_upfront"]
NO_UPFRONT, PARTIAL_UPFRONT, ALL_UPFRONT = get_args(Payment)
#: Years that are sold.
TERMS = (1, 3)


def rate_item(kind: str, years: int, payment: str, item: str) -> str:
    """`standard 1yr no_upfront: m5.large`, of the item that is paid for on demand otherwise."""
    return f"{kind} {years}yr {payment}: {item}"
