"""What managed databases are and cost, and how long their engines are supported.

Source: Amazon RDS User Guide, "Supported engine versions" and "Amazon RDS Extended Support" of MySQL, PostgreSQL, read in 2026.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import pandas as pd

from pipeline.advice.case import Case, Row
from pipeline.advice.estate import optional_text
from pipeline.advice.facts import facts_of
from pipeline.advice.prices import HOURS_PER_MONTH, monthly_price

#: Engines as inventories call them → as price lists do; those with a licence in their price have none here.
ENGINES = {
    "mysql": "MySQL",
    "mariadb": "MariaDB",
    "postgres": "PostgreSQL",
    "aurora-mysql": "Aurora MySQL",
    "aurora-postgresql": "Aurora PostgreSQL",
}


@dataclass(frozen=True)
class Support:
    """The end of a major version's standard support, after which extended support is paid for.

    Attributes:
        ends: the day after the last of standard support.
        dearer: the day from which extended support costs more, its third year.
        newer: the major version to go to, with long support ahead.
    """

    ends: datetime
    dearer: datetime
    newer: str


#: By engine and major version, of those whose standard support ends before 2028.
SUPPORT: dict[tuple[str, str], Support] = {
    ("mysql", "5.7"): Support(datetime(2024, 3, 1), datetime(2026, 3, 1), "8.4"),
    ("mysql", "8.0"): Support(datetime(2026, 8, 1), datetime(2028, 8, 1), "8.4"),
    ("postgres", "11"): Support(datetime(2024, 4, 1), datetime(2026, 4, 1), "17"),
    ("postgres", "12"): Support(datetime(2025, 3, 1), datetime(2027, 3, 1), "17"),
    ("postgres", "13"): Support(datetime(2026, 3, 1), datetime(2028, 3, 1), "17"),
    ("postgres", "14"): Support(datetime(2027, 3, 1), datetime(2029, 3, 1), "17"),
}


def priced_item(instance_class: str, engine: str | None, is_multi_az: bool) -> str | None:
    """What a database's class is called in the price list (of MySQL in one zone the class alone); None where it has a licence."""
    listed = ENGINES.get(engine or "")
    if listed is None:
        return None
    suffix = ("" if listed == "MySQL" else f" {listed}") + (" Multi-AZ" if is_multi_az else "")
    return f"{instance_class}{suffix}"


def priced(case: Case, prices: Mapping[str, pd.DataFrame]) -> Case:
    """The case with the list price of its class; without one, and with the reason, where its engine or zones have none."""
    facts = facts_of(case.resource)
    engine = facts.get("engine")
    item = None if case.config is None else priced_item(case.config, engine, facts.get("multi_az") == "true")
    price = monthly_price(prices, case.region, item, HOURS_PER_MONTH)
    what = f"{engine or 'an engine that is not stated'}{', in two zones' if facts.get('multi_az') == 'true' else ''}"
    remark = "" if price is not None else f"No dollars: there is no list price of {case.config or 'its class'} with {what}."
    return replace(case, price=price, remark=remark)


def major_version(engine: str, version: str) -> str:
    """8.0 of MySQL 8.0.36, 13 of PostgreSQL 13.14."""
    found = re.match(r"(\d+)(?:\.(\d+))?", version)
    if not found:
        return version
    return f"{found[1]}.{found[2]}" if engine in ("mysql", "mariadb") and found[2] else found[1]


def settled(case: Case) -> Row | None:
    """The answer for a database that needs no judgement, or allows none by its own load; None for one to be judged."""
    state, facts = optional_text(case.resource.get("state")), facts_of(case.resource)
    if state == "stopped":
        return case.keep("Already stopped.", monthly_cost_usd=0.0, price_as_of=None)
    if state is not None and state != "available":
        return case.insufficient(f"Its state is {state}, not available.")
    if "cluster" in facts:
        return case.insufficient(f"Member of the cluster {facts['cluster']}: it is judged as a cluster, not by one member.")
    return None
