"""AWS list prices with instance specifications, shipped with the project: us-east-1, Linux, shared tenancy, US dollars.

A row's `ts` is the day on which the price was first seen or changed (2023-09-18 … 2026-07-20), so a query for the price
as of a day takes the latest row before it. Specifications and CoreMark hold for a type's whole life. Prices of other
services carry the day on which their list was last touched. A type that is not in the list has no price: nothing here
guesses one.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from pathlib import Path

import pandas as pd
import pyarrow as pa

from pipeline.interval import Interval
from pipeline.sources import _bronze
from pipeline.sources._batch import Batch

NAME = "prices"
TABLES = ("bronze.price",)
# A price holds until it changes, so every run lands the list from here on.
BEGINNING = datetime(2023, 9, 1)
FOLDER = Path(__file__).resolve().parent.parent / "samples" / "prices"

# The list of other services has no date of its own; this is the day on which its origin last touched it.
_OTHER_SERVICES_AT = pd.Timestamp("2024-07-01")


def fetch(interval: Interval) -> Iterator[Batch]:
    """The prices first seen or changed in the interval."""
    yield from _bronze.batch("bronze.price", "us-east-1", _bronze.within(price_list(), interval))


@lru_cache(maxsize=1)
def price_list() -> pa.Table:
    """Every price ever seen, in the layout of `bronze.price`, ordered by day, service and item."""
    return _bronze.ordered(pa.concat_tables([_instances(), _other_services()]), ("ts", "service", "item", "unit"))


def _instances() -> pa.Table:
    seen = pd.read_csv(FOLDER / "ec2_us-east-1_ondemand_price_changes.csv", parse_dates=["effective_seen"])
    specs = pd.read_parquet(FOLDER / "ec2_us-east-1_linux_ondemand.parquet")
    coremark = pd.read_csv(FOLDER / "ec2_coremark.csv")
    known = seen.merge(specs, on="instance_type", how="left", suffixes=("", "_now"), validate="m:1")
    known = known.merge(coremark, on="instance_type", how="left", validate="m:1")
    return _bronze.rows(
        "bronze.price",
        {
            "source": NAME,
            "ts": known["effective_seen"].astype("datetime64[us]"),
            "provider": "aws",
            "service": "ec2",
            "region": "us-east-1",
            "item": known["instance_type"],
            "unit": "hour",
            "price_usd": known["price_usd_hour"],
            "instance_family": known["instance_type"].str.partition(".")[0],
            "vcpu": known["vcpu"],
            "memory_gib": known["memory_gib"],
            "arch": known["arch"],
            "network_mbps": (known["network_baseline_gbps"] * 1000).round(3),
            "ebs_mbps": known["ebs_baseline_mbps"],
            "hypervisor": known["hypervisor"],
            "burstable": known["burstable"],
            "instance_store": (known["instance_store_gb"] > 0).where(known["vcpu"].notna()),
            "gpu": known["gpu_count"],
            "coremark": known["coremark_it_s"],
        },
    )


def _other_services() -> pa.Table:
    listed = pd.read_csv(FOLDER / "other_services_us-east-1.csv")
    # "db.t3.large MySQL Single-AZ" is looked up by its class, as an instance is by its type.
    item = listed["item"].where(~listed["item"].str.startswith("db."), listed["item"].str.partition(" ")[0])
    return _bronze.rows(
        "bronze.price",
        {
            "source": NAME,
            "ts": _OTHER_SERVICES_AT,
            "provider": "aws",
            "service": listed["service"].str.lower(),
            "region": "us-east-1",
            "item": item,
            "unit": listed["unit"],
            "price_usd": listed["price_usd"],
        },
    )
