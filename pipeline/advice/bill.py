"""What a bill says to rules: spending by the day, and what it lists that no inventory does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.advice.estate import Estate
from pipeline.advice.facts import facts_of, moment_of
from pipeline.tables.columns import UNNAMED
from pipeline.tables.identifiers import make_safe

#: Services of what the bill lists: what a payer's plans may cover, each commitment, the tags of an account, what of a payer can
#: be reserved, what costs unusually much, and budgets.
FROM_THE_BILL = SAVINGS_PLAN, COMMITMENT, TAGS, RESERVATION, COST_ANOMALY, BUDGET = (
    *("savings_plan", "commitment", "tags", "reservation"),
    *("cost_anomaly", "budget"),
)
#: By service, the usage types of which a reservation is sold; its family is what is alike for it. Of EC2 it is a family of
#: instances, of which sizes count by their weight, or where they do not (User Guide, instance size flexibility) one type.
RESERVED = {
    "ec2": r"(?:^|-)BoxUsage:(?P<family>(?:g4ad|g4dn|g5|g5g|inf1)\.[a-z0-9-]+|[a-z0-9-]+(?=\.))",
    "rds": r"(?:^|-)(?:InstanceUsage|Multi-AZUsage):(?P<family>db\.[a-z0-9-]+)\.",
    "elasticache": r"(?:^|-)NodeUsage:(?P<family>cache\.[a-z0-9-]+)\.",
    "opensearch": r"(?:^|-)ESInstance:(?P<family>[a-z0-9.-]+)$",
}
# Services with usage types of the same words, of which neither is sold: documents and graphs, and the fee of EMR beside EC2's.
_SAME_WORDS = re.compile(r"DocDB|DocumentDB|Neptune|MapReduce|\bEMR\b")
#: The usage types that a Compute Savings Plan may cover: EC2 at any tenancy but Spot, Fargate, and the time of Lambda.
COVERED_BY_PLANS = (
    r"(?:BoxUsage|DedicatedUsage|HostBoxUsage|UnusedBox|UnusedDed|ReservedHostUsage)\b|Fargate-|Lambda-(?:Provisioned-)?GB-Second"
)
#: What the ids of plans have in a bill, and those of reservations have not.
PLAN = "savingsplan"
#: What stands for the region of what has none.
EVERYWHERE = "global"
#: Days in a month, as hours are counted.
DAYS_PER_MONTH = 730.0 / 24
# A bill that ends so many days before the moment says nothing of now.
_OLDEST_DAYS = 10
# Days that must be there of those between the first and the last.
_LEAST_COVERAGE = 0.9


def add_billed(estate: Estate) -> Estate:
    """The estate whose resources are also what its bill lists, for rules that judge a payer, a commitment or an account.

    A commitment that the inventory lists, under the id that the bill has, is that of the inventory: it says when it ends.
    """
    bill, listed = estate.bill, estate.resources
    committed = bill.loc[bill["commitment_id"] != UNNAMED, ["payer", "commitment_id"]].sort_values(["payer", "commitment_id"])
    known = set(listed.loc[listed["service"] == COMMITMENT, "resource_id"]) if len(listed) else set()
    committed = committed[~committed["commitment_id"].isin(known)].drop_duplicates("commitment_id")
    payers, accounts = sorted(set(bill["payer"])), sorted(set(bill["account"]))
    rows = [
        *((payer, "compute", SAVINGS_PLAN) for payer in payers),
        *((payer, commitment, COMMITMENT) for payer, commitment in committed.itertuples(index=False)),
        *((account, "untagged", TAGS) for account in accounts),
        *(
            (payer, name, COST_ANOMALY)
            for payer, name in sorted(set(zip(estate.anomalies["payer"], estate.anomalies["anomaly_id"], strict=True)))
        ),
        *((EVERYWHERE, name, BUDGET) for name in sorted(set(estate.budgets["budget"].map(make_safe)))),
    ]
    if not rows:
        return estate
    everywhere = pd.DataFrame(rows, columns=["account", "resource_id", "service"]).assign(region=EVERYWHERE)
    billed = pd.concat([everywhere, _reservable(bill)], ignore_index=True)
    return replace(estate, resources=pd.concat([listed, billed], ignore_index=True) if len(listed) else billed)


def reserved_families(rows: pd.DataFrame) -> pd.Series:
    """`rds/db.r6g` of `USE1-InstanceUsage:db.r6g.large`, of rows of a bill; missing where no reservation is sold of it."""
    # A bill has each of few usage types on many days.
    known = pd.Series(rows["usage_type"].unique(), dtype="object")
    found = pd.Series(None, index=known.index, dtype="object")
    for service, pattern in RESERVED.items():
        family = known.str.extract(pattern, expand=True)["family"]
        found = found.where(family.isna(), f"{service}/" + family.astype("object"))
    families = rows["usage_type"].map(dict(zip(known, found, strict=True))).astype("object")
    return families.mask(has_same_words(rows))


def has_same_words(rows: pd.DataFrame) -> pd.Series:
    """Which rows of a bill are of a service that no commitment covers whose usage types say it does."""
    others = [name for name in rows["service"].unique() if _SAME_WORDS.search(str(name))]
    return rows["service"].isin(others)


def _reservable(bill: pd.DataFrame) -> pd.DataFrame:
    """What of each payer and region can be reserved, as resources: one for each family."""
    used = bill.loc[bill["charged_as"].isin(["on_demand", "covered"]), ["payer", "region", "service", "usage_type"]]
    used = used.drop_duplicates()
    used = used.assign(resource_id=reserved_families(used)).dropna(subset=["resource_id"])
    listed = used.drop_duplicates(["payer", "region", "resource_id"]).sort_values(["payer", "region", "resource_id"])
    return listed.rename(columns={"payer": "account"})[["account", "resource_id", "region"]].assign(service=RESERVATION)


def known_bill(estate: Estate) -> pd.DataFrame:
    """The bill before the moment."""
    return estate.bill.loc[estate.bill["ts"] < pd.Timestamp(estate.as_of)]


def days_of(bill: pd.DataFrame) -> pd.DatetimeIndex:
    """The days that the bill has, oldest first: of a day of which it has nothing at all it is not known what was spent."""
    return pd.DatetimeIndex(bill["ts"].drop_duplicates().sort_values())


def why_unknown(bill: pd.DataFrame, estate: Estate, least_days: int) -> str | None:
    """Why a bill does not tell what is spent, or None."""
    if bill.empty:
        return "The bill has nothing of it."
    seen = days_of(bill)
    first, last, days = seen[0], seen[-1], (seen[-1] - seen[0]).days + 1
    if (pd.Timestamp(estate.as_of) - last).days > _OLDEST_DAYS:
        return f"The bill ends on {last:%Y-%m-%d}."
    if days < least_days:
        return f"The bill has {days} days; {least_days} are needed."
    if len(seen) < _LEAST_COVERAGE * days:
        return f"The bill has {len(seen)} of the {days} days since {first:%Y-%m-%d}; {_LEAST_COVERAGE:.0%} are needed."
    return None


def by_day(rows: pd.DataFrame, amount: str, days: pd.DatetimeIndex) -> npt.NDArray[np.float64]:
    """An amount of some rows of a bill on each of the days; 0 on a day without one."""
    summed = rows.groupby("ts")[amount].sum()
    amounts: npt.NDArray[np.float64] = summed.reindex(days, fill_value=0.0).to_numpy(dtype=np.float64)
    return amounts


def last_days(bill: pd.DataFrame, days: int) -> pd.DataFrame:
    """The rows of the last days of a bill that has any."""
    last: pd.DataFrame = bill.loc[bill["ts"] > bill["ts"].max() - pd.Timedelta(days=days)]
    return last


def commitment_end(resource: Mapping[str, Any] | pd.Series) -> pd.Timestamp | None:
    """When a commitment ends, where the inventory says so (`headroom:ends`).

    Raises:
        DataError: that is no day and no moment.
    """
    return moment_of(facts_of(resource), "ends", str(resource["resource_id"]))
