"""What was charged, as it was believed at a moment: what a bill said otherwise only later is taken back."""

from __future__ import annotations

import logging
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pandas as pd

from pipeline.inputs import read
from pipeline.interval import Interval
from pipeline.tables.columns import BILLED, COST_MEANINGS, EFFECTIVE

if TYPE_CHECKING:
    from pipeline.lake import Lake

log = logging.getLogger(__name__)
_BILL = ["provider", "account", "currency"]
_KEY = ["provider", "account", "service", "currency", "category", "item", "ts"]


def read_charges(lake: Lake, since: datetime, as_of: datetime) -> pd.DataFrame:
    """Charges of the days in [since, as_of), as of `spend.outlook.foresee`, of closed months as bills said them before `as_of`.

    So a forecast that is made again for a past day learns nothing that was restated later. Of a month whose every landing is of
    later than `as_of`, nothing else was ever said.
    """
    charges = read(lake, "cost_charges", since=since, as_of=as_of)
    months = [
        Interval.month(f"{each:%Y-%m}") for each in read(lake, "cost_restated_later", since=since, as_of=as_of)["billing_period"]
    ]
    asked = [read(lake, "cost_unlearnt", start=each.start, end=each.end, as_of=as_of) for each in months]
    unlearnt = pd.concat(asked) if asked else charges.head(0)
    unlearnt = unlearnt[unlearnt["ts"] >= since]
    if unlearnt.empty:
        return charges
    log.info("as of %s: %d closed months as bills said them then; they were restated later", as_of, len(months))
    return take_back(charges, unlearnt)


def read_allocated(lake: Lake, dimension: str, since: datetime, as_of: datetime) -> pd.DataFrame:
    """What each value of a dimension of the allocation was charged; as of `inputs.allocated_charges`."""
    return read(lake, "allocated_charges", since=since, as_of=as_of, dimension=dimension)


def take_back(charges: pd.DataFrame, unlearnt: pd.DataFrame) -> pd.DataFrame:
    """Charges with the differences added; what comes to nothing by them was not charged.

    Args:
        charges: as of `inputs.cost_charges`.
        unlearnt: as of `inputs.cost_unlearnt`.
    """
    through = charges.groupby(_BILL)["complete_through"].max()
    added = unlearnt.join(through, on=_BILL)
    added["complete_through"] = added["complete_through"].fillna(added.groupby(_BILL)["ts"].transform("max"))
    both = pd.concat([charges.assign(later=False), added.assign(later=True)])
    amounts = {name: (name, lambda values: sum(values, Decimal(0))) for name in COST_MEANINGS}
    summed = both.groupby(_KEY, as_index=False, sort=True).agg(
        **amounts, complete_through=("complete_through", "max"), later=("later", "any")
    )
    nothing = summed["later"] & (summed[BILLED] == 0) & (summed[EFFECTIVE] == 0)
    return summed.loc[~nothing, list(charges.columns)].reset_index(drop=True)
