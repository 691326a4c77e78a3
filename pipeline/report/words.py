"""How figures read: money, shares, amounts and moments, always with their unit and never more digits than they deserve."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import pandas as pd

from pipeline.tables.columns import ACTIONS, BILLED, DEGREES, EFFECTIVE, SEVERITIES, UNKNOWN

DASH = "–"
NBSP = "\u00a0"
COST_WORDS = {BILLED: "as billed", EFFECTIVE: "amortised"}
UNIT_SIGNS = {"percent": "%", "mbps": "Mbps", "count": "count", "ms": "ms", "usd": "USD"}
METRIC_WORDS = {
    "cpu_utilization": "CPU",
    "memory_utilization": "memory",
    "disk_utilization": "disk",
    "network_in": "network in",
    "network_out": "network out",
    "disk_read": "disk read",
    "disk_write": "disk write",
    "ebs_read": "EBS read",
    "ebs_write": "EBS write",
    "response_time": "response time",
    "request_count": "requests",
    "cost": "cost",
}
_SERVICES = {
    "Amazon Elastic Compute Cloud": "AmazonEC2",
    "Amazon Simple Storage Service": "AmazonS3",
    "Amazon Relational Database Service": "AmazonRDS",
    "Amazon Virtual Private Cloud": "AmazonVPC",
    "Amazon CloudWatch": "AmazonCloudWatch",
    "Amazon CloudFront": "AmazonCloudFront",
    "Amazon DynamoDB": "AmazonDynamoDB",
    "Amazon Athena": "AmazonAthena",
    "Amazon Elastic Container Service": "AmazonECS",
    "Amazon Elastic Kubernetes Service": "AmazonEKS",
    "Amazon EC2 Container Registry (ECR)": "AmazonECR",
    "Amazon Elastic File System": "AmazonEFS",
    "Amazon ElastiCache": "AmazonElastiCache",
    "Amazon Simple Queue Service": "AWSQueueService",
    "Amazon Simple Notification Service": "AmazonSNS",
    "Amazon Route 53": "AmazonRoute53",
    "AWS CloudTrail": "AWSCloudTrail",
    "AWS Data Transfer": "AWSDataTransfer",
    "AWS Glue": "AWSGlue",
    "AWS Key Management Service": "awskms",
    "AWS Lambda": "AWSLambda",
    "AWS Secrets Manager": "AWSSecretsManager",
    "Elastic Load Balancing": "AWSELB",
}
#: A service's name by the slugs of its name and of its code in bills.
SERVICE_WORDS = {re.sub(r"[^a-z0-9._-]+", "-", each.lower()): name for name, code in _SERVICES.items() for each in (name, code)}
ACTION_WORDS = {action: action.capitalize() for action in ACTIONS} | {"insufficient_data": "Not enough data"}
RISK_WORDS = tuple(degree.replace("_", " ") for degree in DEGREES)
# Place of each severity where the gravest comes first, and what cannot be told last.
SEVERITY_ORDER = {severity: place for place, severity in enumerate((*reversed(SEVERITIES), UNKNOWN))}


def missing(value: Any) -> bool:
    """None, NaN and NaT, which pandas mixes."""
    return bool(pd.isna(value))


def usd(value: Any) -> str:
    """`$1,234`, `$12.30`, `$0.0042`."""
    if missing(value):
        return DASH
    amount = float(value)
    size = abs(amount)
    digits = 0 if size >= 1000 or size == 0 else 2 if size >= 0.005 else 4
    text = f"${size:,.{digits}f}"
    return f"−{text}" if amount < 0 and float(f"{size:.{digits}f}") else text


def percent(ratio: Any, *, sign: bool = False) -> str:
    """A ratio 0–1 as percent. Chances that are neither 0 nor 1 are never rounded to them."""
    if missing(ratio):
        return DASH
    value = 100 * float(ratio)
    if 0 < value < 0.5 and not sign:
        return f"<1{NBSP}%"
    if 99.5 <= value < 100 and not sign:
        return f">99{NBSP}%"
    text = f"{abs(value):.1f}" if sign and abs(value) < 10 else f"{abs(value):.0f}"
    mark = "−" if value < 0 and float(text) else "+" if sign and float(text) else ""
    return f"{mark}{text}{NBSP}%"


def share(ratio: Any) -> str:
    """A share of rows or samples with one decimal; only a whole is 100 %, only nothing is 0 %."""
    if missing(ratio):
        return DASH
    value = 100 * float(ratio)
    text = f"{min(max(value, 0.1), 99.9):.1f}" if 0 < value < 100 else f"{value:.0f}"
    return f"{text}{NBSP}%"


def amount(value: Any, unit: str = "") -> str:
    """A measurement with three significant digits and its unit."""
    if missing(value):
        return DASH
    if unit == "usd":
        return usd(value)
    number = float(value)
    size = abs(number)
    whole = unit == "count" and number == int(number)
    digits = 0 if size >= 100 or whole or number == 0 else 1 if size >= 10 else 2 if size >= 0.1 else 3
    text = f"{number:,.{digits}f}".replace("-", "−")
    sign = UNIT_SIGNS.get(unit, unit)
    return f"{text}{NBSP}{sign}" if sign and sign != "count" else text


def decimals(value: Any, digits: int = 2) -> str:
    return DASH if missing(value) else f"{float(value):.{digits}f}".replace("-", "−")


def whole(value: Any) -> str:
    """`1,234`."""
    return DASH if missing(value) else f"{float(value):,.0f}"


def text_or_dash(value: Any) -> str:
    return DASH if missing(value) else str(value)


def capitalize(text: str) -> str:
    """The first letter as a capital, all others as they are."""
    return text[:1].upper() + text[1:]


def list_names(names: Iterable[Any], shown: int = 5) -> str:
    """`a, b, c, d, e and 3 more`: distinct names in their order, the first few of them."""
    distinct = sorted({str(name) for name in names})
    rest = len(distinct) - shown
    return ", ".join(distinct[:shown]) + (f" and {rest} more" if rest > 0 else "")


def plural(number: int, word: str, many: str | None = None) -> str:
    """`1 anomaly`, `3 anomalies`."""
    return f"{number:,} {word if number == 1 else many or word + 's'}"


def day(moment: Any) -> str:
    return DASH if missing(moment) else f"{pd.Timestamp(moment):%Y-%m-%d}"


def minute(moment: Any) -> str:
    return DASH if missing(moment) else f"{pd.Timestamp(moment):%Y-%m-%d %H:%M}"


def until(moment: Any, as_of: datetime) -> str:
    """How far ahead a moment lies: `today`, `in 12 days`."""
    if missing(moment):
        return ""
    days = (pd.Timestamp(moment) - pd.Timestamp(as_of)).days
    return "today" if days <= 0 else f"in {plural(days, 'day')}"


def age(moment: Any, as_of: datetime) -> str:
    """How long ago a moment was: `3 days old`, `5 months old`, `2.6 years old`."""
    if missing(moment):
        return ""
    days = (pd.Timestamp(as_of) - pd.Timestamp(moment)).days
    if days < 60:
        return f"{plural(max(days, 0), 'day')} old"
    return f"{days / 30.44:.0f} months old" if days < 365 else f"{days / 365.25:.1f} years old"


def lasted(hours: Any) -> str:
    """`1 hour`, `38 hours`, `5 days`."""
    number = int(hours)
    return plural(number, "hour") if number < 72 else plural(round(number / 24), "day")


def service_slug(name: str) -> str:
    """How the ids of cost series write a service's name, as `views.demand_daily` does."""
    return re.sub(r"[^a-z0-9._-]+", "-", name.lower())


def service_word(name: str) -> str:
    """A service as people call it, whether a bill names it by its code or by its name; others as they are."""
    return SERVICE_WORDS.get(service_slug(name), name)


def seconds(value: Any) -> str:
    if missing(value):
        return DASH
    number = float(value)
    return f"{number:.2f}{NBSP}s" if number < 10 else f"{number:.1f}{NBSP}s" if number < 100 else f"{number:,.0f}{NBSP}s"


def metric_word(metric: str) -> str:
    return METRIC_WORDS.get(metric, metric)


def series_parts(series_id: str, metric: str) -> tuple[str, str, str]:
    """Account, region and resource of a series; only a resource's own id may contain a slash."""
    parts = series_id.removesuffix(f"/{metric}").split("/", 2)
    account, region, resource = (["", "", *parts] if len(parts) == 1 else ["", *parts] if len(parts) == 2 else parts)[-3:]
    return account, region, resource


def series_label(series_id: Any, metric: Any) -> str:
    """Resource and metric: `i-web01 CPU`."""
    return f"{series_parts(str(series_id), str(metric))[2]} {metric_word(str(metric))}"


def without_figures(reason: str) -> str:
    """A reason with its figures blanked, so that the same reason for many resources counts as one."""
    return re.sub(r"[-−+]?\d[\d.,:]*", "…", reason)
