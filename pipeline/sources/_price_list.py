"""One price list file as AWS publishes it: a preamble, a header, and a line per price; here, which lines count as what.

An item has the name that the shipped list gives it (`m5.large`, `gp3 storage`, `NAT gateway` …), so that either list
answers the same question. What is not recognised is left out: no price is better than another thing's.

Source: the columns and usage types of the bulk files under /offers/v1.0/aws; Linux on shared tenancy as in "Tenancy =
Shared, CapacityStatus = Used, preInstalledSw = NA, operation RunInstances".
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from datetime import datetime
from typing import IO, Any, NamedTuple

from pipeline.errors import DataError
from pipeline.interval import naive_utc

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
)
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
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    try:
        lines = csv.reader(file)
        published, header = _preamble(name, lines)
        term = header.index("TermType")
        for values in lines:
            # Nine in ten lines are reservations; they are passed over before anything else is looked at.
            if len(values) <= term or values[term] != "OnDemand":
                continue
            line = dict(zip(header, values + [""] * (len(header) - len(values)), strict=False))
            if line.get("Location Type", "AWS Region") != "AWS Region" or line.get("Region Code", region) != region:
                continue
            if line.get("StartingRange", "0") not in ("", "0"):
                continue
            for price in _priced(name, line, region):
                key = (price["service"], price["item"], price["unit"])
                if found.setdefault(key, price)["price_usd"] != price["price_usd"]:
                    both = f"{found[key]['price_usd']} and {price['price_usd']}"
                    raise DataError(f"{name}: {' '.join(key)} in {region} costs {both}; which is unknown")
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{name}: not a price list: {error}") from error
    return published, [found[key] for key in sorted(found)]


def _preamble(name: str, lines: Iterator[list[str]]) -> tuple[datetime, list[str]]:
    stated: dict[str, str] = {}
    for values in lines:
        if len(values) > _SHORTEST_PREAMBLE:
            absent = {"SKU", "TermType", "Unit", "PricePerUnit", "usageType"} - set(values)
            if absent or "Publication Date" not in stated:
                raise DataError(f"{name}: not a price list: no {sorted(absent) or 'Publication Date'}")
            try:
                return naive_utc(datetime.fromisoformat(stated["Publication Date"])), values
            except ValueError as error:
                raise DataError(f"{name}: publication date {stated['Publication Date']!r} is not a moment") from error
        if len(values) == _SHORTEST_PREAMBLE:
            stated[values[0]] = values[1]
    raise DataError(f"{name}: not a price list: it has no header")


def _priced(name: str, line: dict[str, str], region: str) -> Iterator[dict[str, Any]]:
    usage = re.sub(f"^{_REGION}", "", line["usageType"])
    item: dict[str, Any] | None = None
    divide_by = 1.0
    if _is_linux(line, usage):
        item = {"service": "ec2", "item": line["Instance Type"], "unit": "hour", **_specification(line)}
    elif database := _database(line, usage):
        item = {"service": "rds", "item": database, "unit": "hour"}
    else:
        for sold in _SOLD:
            if (
                re.fullmatch(sold.usage, usage)
                and re.fullmatch(sold.listed_unit, line["Unit"])
                and re.fullmatch(sold.operation, line.get("operation", ""))
            ):
                item, divide_by = {"service": sold.service, "item": sold.item, "unit": sold.unit}, sold.divide_by
    if item is None:
        return
    if line.get("Currency", "USD") != "USD":
        raise DataError(f"{name}: {item['item']} is priced in {line['Currency']}, expected USD")
    try:
        price = float(line["PricePerUnit"]) / divide_by
    except ValueError as error:
        raise DataError(f"{name}: {item['item']} costs {line['PricePerUnit']!r}, expected a number") from error
    if price > 0:
        yield {**item, "region": region, "price_usd": round(price, 12)}


def _is_linux(line: dict[str, str], usage: str) -> bool:
    return (
        usage == f"BoxUsage:{line.get('Instance Type')}"
        and line.get("Operating System") == "Linux"
        and line.get("Tenancy") == "Shared"
        and line.get("CapacityStatus") == "Used"
        and line.get("Pre Installed S/W", "NA") == "NA"
        and line.get("operation") == "RunInstances"
        and line.get("MarketOption", "OnDemand") in ("", "OnDemand")
        and line["Unit"] == "Hrs"
    )


def _database(line: dict[str, str], usage: str) -> str | None:
    """What the class of a database without a licence is called; None for everything else."""
    begins, zones = _DEPLOYMENTS.get(line.get("Deployment Option", ""), ("", ""))
    engine = _ENGINES.get(line.get("Database Engine", ""))
    name = line.get("Instance Type")
    if engine is None or usage != f"{begins}:{name}" or line["Unit"] != "Hrs":
        return None
    return f"{name}{engine}{zones}"


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
