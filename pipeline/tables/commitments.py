"""What the price of usage under a commitment is called in price lists: the terms that it is sold on, and what it is for.

`bronze.price` has it beside the price on demand, of the service `savings_plan` or `reservation`, in dollars of an hour (a
GB-second …) with what is paid upfront spread over the term.
"""

from __future__ import annotations

#: What may be bought: any compute under a plan, one family of instances in a region under a plan; a reservation for good, or one
#: that may be exchanged.
KINDS = COMPUTE_PLAN, INSTANCE_PLAN, STANDARD, CONVERTIBLE = ("compute", "ec2_instance", "standard", "convertible")
#: How it is paid: by the month, about half of it or all of it on the first day.
PAYMENTS = NO_UPFRONT, PARTIAL_UPFRONT, ALL_UPFRONT = ("no_upfront", "partial_upfront", "all_upfront")
#: Years that are sold.
TERMS = (1, 3)


def rate_item(kind: str, years: int, payment: str, item: str) -> str:
    """`standard 1yr no_upfront: m5.large`, of the item that is paid for on demand otherwise."""
    return f"{kind} {years}yr {payment}: {item}"
