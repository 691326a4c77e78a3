"""One price list file as AWS publishes it: a preamble, a header, and a line per price; here, which lines count as what.

Of what is reserved a file has a line for what is paid upfront and one for each hour; here they are one price, of an hour.

An item has the name that the shipped list gives it (`m5.large`, `gp3 storage`, `NAT gateway` …), so that either list
answers the same question. What is not recognised is left out: no price is better than another thing's.

Source: the columns and usage types of the bulk files under /offers/v1.0/aws and /savingsPlan/v1.0/aws; an instance on demand as
in "CapacityStatus = Used", with the tenancy, operating system and software that its operation has (`_price_systems`).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from datetime import datetime
from typing import IO, Any, NamedTuple

from pipeline.errors import DataError
from pipeline.interval import naive_utc
from pipeline.sources import _price_desktops, _price_systems
from pipeline.tables.commitments import (
    ALL_UPFRONT,
    COMPUTE_PLAN,
    CONVERTIBLE,
    INSTANCE_PLAN,
    NO_UPFRONT,
    OTHER_INSTANCES,
    OTHER_PLANS,
    PARTIAL_UPFRONT,
    STANDARD,
    TERMS,
    rate_item,
)

# A usage type begins with its region's short name, except in us-east-1; other beginnings (TS-, Outposts-) are other things.
_REGION = r"(?:[A-Z]{3,4}\d-|EU-)?"
_SHORTEST_PREAMBLE = 2


class _Sold(NamedTuple):
    """How one item is recognised by its usage type and operation, and what a unit of it is called."""

    usage: str
    service: str
    item: str
    unit: str
    listed_unit: str
    operation: str = ".*"
    divide_by: float = 1.0


_SOLD = (
    *(
        _Sold(rf"EBS:VolumeUsage\.{kind}", "ebs", f"{kind} storage", "GB-month", "GB-Mo")
        for kind in ("gp2", "gp3", "io2", "st1", "sc1")
    ),
    _Sold(r"EBS:VolumeUsage\.piops", "ebs", "io1 storage", "GB-month", "GB-Mo"),
    _Sold(r"EBS:VolumeUsage", "ebs", "magnetic storage", "GB-month", "GB-Mo"),
    _Sold(r"EBS:VolumeP-IOPS\.gp3", "ebs", "gp3 provisioned IOPS above 3000", "IOPS-month", "IOPS-Mo"),
    _Sold(r"EBS:VolumeP-IOPS\.piops", "ebs", "io1 IOPS", "IOPS-month", "IOPS-Mo"),
    _Sold(r"EBS:VolumeP-IOPS\.io2", "ebs", "io2 IOPS first tier", "IOPS-month", "IOPS-Mo"),
    # Listed per GiB/s, sold and measured by the MiB/s.
    _Sold(
        r"EBS:VolumeP-Throughput\.gp3", "ebs", "gp3 provisioned throughput above 125", "MBps-month", "GiBps-mo", divide_by=1024
    ),
    _Sold(r"EBS:VolumeP-Throughput\.gp3", "ebs", "gp3 provisioned throughput above 125", "MBps-month", "MiBps-Mo"),
    _Sold(r"EBS:SnapshotUsage", "ebs", "snapshot standard", "GB-month", "GB-Mo"),
    _Sold(r"NatGateway-Hours", "vpc", "NAT gateway", "hour", "Hrs"),
    _Sold(r"NatGateway-Bytes", "vpc", "NAT gateway data processed", "GB", "GB"),
    _Sold(r"PublicIPv4:IdleAddress", "vpc", "public IPv4 / unused EIP", "hour", "Hrs"),
    _Sold(r"LoadBalancerUsage", "elb", "ALB", "hour", "Hrs", "LoadBalancing:Application"),
    _Sold(r"LCUUsage", "elb", "ALB LCU", "LCU-hour", "LCU-Hrs|Hrs", "LoadBalancing:Application"),
    _Sold(r"LoadBalancerUsage", "elb", "NLB", "hour", "Hrs", "LoadBalancing:Network"),
    _Sold(r"LCUUsage", "elb", "NLB LCU", "LCU-hour", "LCU-Hrs|Hrs", "LoadBalancing:Network"),
    _Sold(r"LoadBalancerUsage", "elb", "classic", "hour", "Hrs", "LoadBalancing"),
    _Sold(r"Lambda-GB-Second", "lambda", "duration x86 first tier", "GB-second", "Lambda-GB-Second|Second"),
    _Sold(r"Lambda-GB-Second-ARM", "lambda", "duration arm64 first tier", "GB-second", "Lambda-GB-Second|Second"),
    *(
        _Sold(
            rf"ExtendedSupport:{years}:{engine}[\d.]+",
            "rds",
            f"extended support year {year} {engine}",
            "vCPU-hour",
            "vCPU-[Hh]ours?",
        )
        for years, year in (("Yr1-Yr2", 1), ("Yr3", 3))
        for engine in ("MySQL", "PostgreSQL")
    ),
    _Sold(r"ReadCapacityUnit-Hrs", "dynamodb", "read capacity unit", "hour", "ReadCapacityUnit-Hrs"),
    _Sold(r"WriteCapacityUnit-Hrs", "dynamodb", "write capacity unit", "hour", "WriteCapacityUnit-Hrs"),
    *(
        _Sold(rf"Fargate-{arch}{usage}", "ecs", f"Fargate {kind} {part}", "hour", "[Hh]ours?|Hrs")
        for arch, kind in (("", "x86"), ("ARM-", "arm64"))
        for usage, part in (("vCPU-Hours:perCPU", "vCPU"), ("GB-Hours", "GB"))
    ),
)
# The first of them are free, in a range of their own that costs nothing.
_FREE_AT_FIRST = re.compile(r"(?:Read|Write)CapacityUnit-Hrs$")
# Of nine in ten lines, which are reservations, those of which one is looked at.
_RESERVED = re.compile(r"(?:^|-)(?:BoxUsage|InstanceUsage|Multi-AZUsage|NodeUsage):")
_CLASSES = {"standard": STANDARD, "convertible": CONVERTIBLE}
_PLANS = {"ComputeSavingsPlans": COMPUTE_PLAN, "EC2InstanceSavingsPlans": INSTANCE_PLAN}
_PAYMENTS = {"No Upfront": NO_UPFRONT, "Partial Upfront": PARTIAL_UPFRONT, "All Upfront": ALL_UPFRONT}
# What of a payment must be in a file: the line of an hour, and that of the first day.
_LINES = {NO_UPFRONT: {"Hrs"}, PARTIAL_UPFRONT: {"Hrs", "Quantity"}, ALL_UPFRONT: {"Quantity"}}
_HOURS_PER_YEAR = 8760
# By deployment option: how the usage type begins, and what the item's name ends with.
# MySQL in one zone has the class's name alone.
_DEPLOYMENTS = {"Single-AZ": ("InstanceUsage", ""), "Multi-AZ": ("Multi-AZUsage", " Multi-AZ")}
_ENGINES = {"MySQL": "", **{name: f" {name}" for name in ("PostgreSQL", "MariaDB", "Aurora MySQL", "Aurora PostgreSQL")}}


def read(name: str, file: IO[str], region: str) -> tuple[datetime, list[dict[str, Any]]]:
    """The day and time of publication, and the prices of one region, in the layout of `bronze.price` without its `ts`.

    Args:
        name: of the file, for errors.
        file: as published, in CSV.

    Raises:
        DataError: the file is not a price list, its prices are not in US dollars, or it prices an item twice.
    """
    found = _Prices(name, region)
    reserved: dict[_Terms, dict[str, float]] = {}
    try:
        lines = csv.reader(file)
        published, header = _preamble(name, lines)
        term, usage = header.index("TermType"), header.index("usageType")
        for values in lines:
            # Nine in ten lines are reservations; most are passed over before anything else is looked at.
            if len(values) <= max(term, usage) or not _is_looked_at(values[term], values[usage]):
                continue
            line = dict(zip(header, values + [""] * (len(header) - len(values)), strict=False))
            if line.get("Location Type", "AWS Region") != "AWS Region" or line.get("Region Code", region) != region:
                continue
            is_first = line.get("StartingRange", "0") in ("", "0")
            if line["TermType"] == "Reserved":
                _reserve(name, line, reserved)
            elif (is_first or _FREE_AT_FIRST.search(line["usageType"])) and (recognised := _recognised(line)):
                item, divide_by = recognised
                price = _dollars(name, line["PricePerUnit"], line.get("Currency", "USD"), item["item"]) / divide_by
                found.add({**item, "price_usd": round(price, 12)})
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{name}: not a price list: {error}") from error
    for terms, parts in reserved.items():
        if set(parts) >= _LINES[terms.payment]:
            hourly = parts.get("Hrs", 0.0) + parts.get("Quantity", 0.0) / (_HOURS_PER_YEAR * terms.years)
            found.add({"service": "reservation", "item": rate_item(*terms), "unit": "hour", "price_usd": round(hourly, 12)})
    return published, found.listed()


def read_plans(name: str, file: IO[str], region: str) -> tuple[datetime, list[dict[str, Any]]]:
    """What usage costs under Savings Plans in one region, as `read` gives prices: instances, Fargate, and the time of functions.

    Raises:
        DataError: as `read`.
    """
    found = _Prices(name, region)
    try:
        lines = csv.reader(file)
        published, header = _preamble(name, lines, "DiscountedUsageType", "DiscountedRate")
        usage, place = header.index("DiscountedUsageType"), header.index("DiscountedRegionCode")
        for values in lines:
            if len(values) != len(header) or values[place] != region or not _is_plannable(values[usage]):
                continue
            line = dict(zip(header, values, strict=True))
            item, kind = _planned_item(line), _PLANS.get(line["Product Family"])
            years, payment = _years(line["LeaseContractLength"]), _PAYMENTS.get(line["PurchaseOption"])
            if item is None or kind is None or years is None or payment is None:
                continue
            service, named, unit = item
            terms = {"service": service, "item": rate_item(kind, years, payment, named), "unit": unit}
            found.add({**terms, "price_usd": _dollars(name, line["DiscountedRate"], line["Currency"], named)})
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{name}: not a price list: {error}") from error
    except (KeyError, ValueError) as error:
        raise DataError(f"{name}: not a price list of Savings Plans: {error}") from error
    return published, found.listed()


class _Terms(NamedTuple):
    """What is reserved, on which terms: as `rate_item` takes them."""

    kind: str
    years: int
    payment: str
    item: str


class _Prices:
    """The prices of a file, each of which is one. Of what is no Linux two prices are none: the others are good without it."""

    def __init__(self, name: str, region: str) -> None:
        self.name, self.region = name, region
        self.found: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.unknown: set[tuple[str, str, str]] = set()

    def add(self, price: dict[str, Any]) -> None:
        if price["price_usd"] <= 0:
            return
        key = (price["service"], price["item"], price["unit"])
        if self.found.setdefault(key, {**price, "region": self.region})["price_usd"] != price["price_usd"]:
            if price["service"] in (OTHER_INSTANCES, OTHER_PLANS):
                self.unknown.add(key)
                return
            both = f"{self.found[key]['price_usd']} and {price['price_usd']}"
            raise DataError(f"{self.name}: {' '.join(key[1:])} in {self.region} costs {both}; which is unknown")

    def listed(self) -> list[dict[str, Any]]:
        return [self.found[key] for key in sorted(self.found) if key not in self.unknown]


def _is_looked_at(term: str, usage: str) -> bool:
    return term == "OnDemand" or (term == "Reserved" and _RESERVED.search(usage) is not None)


def _reserve(name: str, line: dict[str, str], reserved: dict[_Terms, dict[str, float]]) -> None:
    """Add a line of a reservation to the others of the same terms, by its unit: an hour, or the first day."""
    recognised = _recognised({**line, "Unit": "Hrs"})
    years, payment = _years(line.get("LeaseContractLength", "")), _PAYMENTS.get(line.get("PurchaseOption", ""))
    kind = _CLASSES.get(line.get("OfferingClass") or "standard")
    if recognised is None or recognised[0]["service"] == OTHER_INSTANCES:
        return
    if years is None or payment is None or kind is None or line["Unit"] not in ("Hrs", "Quantity"):
        return
    terms = _Terms(kind, years, payment, recognised[0]["item"])
    usd = _dollars(name, line["PricePerUnit"], line.get("Currency", "USD"), rate_item(*terms))
    if (known := reserved.setdefault(terms, {}).setdefault(line["Unit"], usd)) != usd:
        raise DataError(f"{name}: {rate_item(*terms)} costs {known} and {usd}; which is unknown")


def _years(text: str) -> int | None:
    """`1yr`, `3 yr` or `1`."""
    matched = re.fullmatch(r"(\d)\s*(?:yr)?", text)
    return int(matched[1]) if matched and int(matched[1]) in TERMS else None


def _is_plannable(usage: str) -> bool:
    return "BoxUsage:" in usage or "DedicatedUsage:" in usage or "Fargate-" in usage or "Lambda-GB-Second" in usage


def _planned_item(line: dict[str, str]) -> tuple[str, str, str] | None:
    """The service of the rate, what a line of a plan takes the place of as it is called on demand, and its unit; None for
    everything else."""
    usage = re.sub(f"^{_REGION}", "", line["DiscountedUsageType"])
    if instance := _price_systems.instance_of(usage, line["DiscountedOperation"]):
        return "savings_plan" if instance[0] == instance[1] else OTHER_PLANS, instance[1], "hour"
    for sold in _SOLD:
        if sold.service in ("ecs", "lambda") and re.fullmatch(sold.usage, usage):
            return "savings_plan", sold.item, sold.unit
    return None


def _preamble(name: str, lines: Iterator[list[str]], *needed: str) -> tuple[datetime, list[str]]:
    stated: dict[str, str] = {}
    for values in lines:
        if len(values) > _SHORTEST_PREAMBLE:
            absent = set(needed or ("SKU", "TermType", "Unit", "PricePerUnit", "usageType")) - set(values)
            if absent or "Publication Date" not in stated:
                raise DataError(f"{name}: not a price list: no {sorted(absent) or 'Publication Date'}")
            try:
                return naive_utc(datetime.fromisoformat(stated["Publication Date"])), values
            except ValueError as error:
                raise DataError(f"{name}: publication date {stated['Publication Date']!r} is not a moment") from error
        if len(values) == _SHORTEST_PREAMBLE:
            stated[values[0]] = values[1]
    raise DataError(f"{name}: not a price list: it has no header")


def _recognised(line: dict[str, str]) -> tuple[dict[str, Any], float] | None:
    """What a line is the price of, and of how many units."""
    usage = re.sub(f"^{_REGION}", "", line["usageType"])
    if instance := _instance(line, usage):
        if instance[0] != instance[1]:
            return {"service": OTHER_INSTANCES, "item": instance[1], "unit": "hour"}, 1.0
        return {"service": "ec2", "item": instance[0], "unit": "hour", **_specification(line)}, 1.0
    if database := _database(line, usage):
        return {"service": "rds", "item": database, "unit": "hour"}, 1.0
    if line["Unit"] == "Hrs" and (node := _node(line, usage)):
        return {"service": node[0], "item": node[1], "unit": "hour"}, 1.0
    if line["Unit"] == "Month" and (desktop := _price_desktops.desktop_of(line)):
        return {"service": "workspaces", "item": desktop, "unit": "month"}, 1.0
    for sold in _SOLD:
        if (
            re.fullmatch(sold.usage, usage)
            and re.fullmatch(sold.listed_unit, line["Unit"])
            and re.fullmatch(sold.operation, line.get("operation", ""))
        ):
            return {"service": sold.service, "item": sold.item, "unit": sold.unit}, sold.divide_by
    return None


def _dollars(name: str, price: str, currency: str, item: str) -> float:
    if currency != "USD":
        raise DataError(f"{name}: {item} is priced in {currency}, expected USD")
    try:
        return float(price)
    except ValueError as error:
        raise DataError(f"{name}: {item} costs {price!r}, expected a number") from error


def _instance(line: dict[str, str], usage: str) -> tuple[str, str] | None:
    """As `_price_systems.instance_of`, of an instance that is used by the hour and on demand; None for everything else."""
    instance = _price_systems.instance_of(usage, line.get("operation", ""))
    is_sold = (
        instance is not None
        and line.get("CapacityStatus") == "Used"
        and line.get("MarketOption", "OnDemand") in ("", "OnDemand")
        and line["Unit"] == "Hrs"
        and _price_systems.is_as_stated(usage, line)
    )
    return instance if is_sold else None


def _database(line: dict[str, str], usage: str) -> str | None:
    """What the class of a database without a licence is called; None for everything else."""
    begins, zones = _DEPLOYMENTS.get(line.get("Deployment Option", ""), ("", ""))
    engine = _ENGINES.get(line.get("Database Engine", ""))
    name = line.get("Instance Type")
    if engine is None or usage != f"{begins}:{name}" or line["Unit"] != "Hrs":
        return None
    return f"{name}{engine}{zones}"


def _node(line: dict[str, str], usage: str) -> tuple[str, str] | None:
    """The service and name of what is paid for by the hour of a node: of a cache with its engine; None for everything else.

    Of MemoryDB the engine is told in words alone; where it is not, the price may be of either, and there is none.
    """
    if hosted := re.fullmatch(r"Host:(ml\.[a-z0-9.-]+)", usage):
        return "sagemaker", hosted[1]
    if (document := re.fullmatch(r"InstanceUsage:(db\.[a-z0-9.-]+)", usage)) and line.get("serviceCode") == "AmazonDocDB":
        return "docdb", document[1]
    node = re.fullmatch(r"NodeUsage:((?:cache|db)\.[a-z0-9.-]+)", usage)
    engine = re.search("valkey|redis|memcached", (line.get("Cache Engine") or line.get("PriceDescription", "")).lower())
    if node is None or engine is None:
        return None
    return "elasticache" if node[1].startswith("cache.") else "memorydb", f"{node[1]} {engine[0]}"


def _specification(line: dict[str, str]) -> dict[str, Any]:
    """What a line says of its instance type; a bandwidth "up to" something is no baseline, and left out."""
    processor, storage = line.get("Physical Processor", ""), line.get("Storage", "")
    arch = "arm64" if "Graviton" in processor else "x86_64" if re.search("Intel|AMD", processor) else None
    return {
        "instance_family": line["Instance Type"].partition(".")[0],
        "vcpu": _number(line.get("vCPU"), ""),
        "memory_gib": _number(line.get("Memory"), " GiB"),
        "arch": arch,
        "network_mbps": _number(line.get("Network Performance"), " Megabit")
        or _number(line.get("Network Performance"), " Gigabit", 1000),
        "ebs_mbps": _number(line.get("Dedicated EBS Throughput"), " Mbps"),
        "instance_store": None if storage in ("", "NA") else storage.lower() != "ebs only",
        "gpu": _number(line.get("GPU"), ""),
    }


def _number(text: str | None, unit: str, times: float = 1.0) -> float | None:
    matched = re.fullmatch(rf"(\d[\d,]*(?:\.\d+)?){unit}", text or "")
    return float(matched[1].replace(",", "")) * times if matched else None
