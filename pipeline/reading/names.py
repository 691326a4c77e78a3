"""What the name of a series says: of a column, a label set, or CloudWatch's console."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

#: Labels that usually name the resource.
RESOURCE_LABELS = ("instance", "host", "hostname", "node", "server", "resource_id", "InstanceId")
#: What a statistic and a metric may be called.
STATISTIC = r"(?i:average|maximum|minimum|sum|samplecount|p\d{1,2}(\.\d{1,2})?)"
METRIC = r"[A-Za-z][A-Za-z0-9._:/-]{0,127}"
_LABELLED = re.compile(r"(?:(?:avg|min|max|sum):)?(?P<metric>[A-Za-z_:][\w:.]*)?\s*\{(?P<labels>.+)\}")
_LABEL = re.compile(r'([\w.-]+)\s*[=:]\s*(?:"([^"]*)"|([^,"]+))')
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")


class Named(NamedTuple):
    """One series as the file names it; None or empty is what it does not say.

    Attributes:
        raw: the name as it stands in the file.
        resource, metric, statistic, period_s, account, region: what it is of.
        namespace, dimensions: of a CloudWatch metric.
    """

    raw: str
    resource: str | None = None
    metric: str | None = None
    statistic: str | None = None
    period_s: int | None = None
    account: str | None = None
    region: str | None = None
    namespace: str = ""
    dimensions: tuple[tuple[str, str], ...] = ()


def check_template(template: str) -> None:
    """Raise a ValueError unless a template has {metric} or {resource}, each once at most, and nothing else in braces."""
    fields = re.findall(r"\{([^{}]*)\}", template)
    if not fields or set(fields) - {"metric", "resource"} or len(set(fields)) < len(fields):
        raise ValueError('expected {metric}, {resource} or both, as in "{metric} {resource}"')


@lru_cache(maxsize=16)
def _template(template: str) -> re.Pattern[str]:
    parts = re.split(r"(\{metric\}|\{resource\})", template)
    return re.compile("".join(f"(?P<{part[1:-1]}>.+?)" if part[:1] == "{" else re.escape(part) for part in parts))


def read_name(raw: str, template: str | None, resource_label: str | None) -> Named | None:
    """What a name says by a template or by its labels; None where it does not fit, or labels leave the resource open.

    A name that is neither says nothing but itself.
    """
    if template:
        fits = _template(template).fullmatch(raw)
        return Named(raw, resource=fits.groupdict().get("resource"), metric=fits.groupdict().get("metric")) if fits else None
    labelled = _LABELLED.fullmatch(raw.strip())
    if labelled is None:
        return Named(raw)
    labels = {key: quoted or bare.strip() for key, quoted, bare in _LABEL.findall(labelled["labels"])}
    metric = labels.pop("__name__", None) or labelled["metric"]
    known = (resource_label,) if resource_label else RESOURCE_LABELS
    found = [labels[label] for label in known if label in labels] or ([] if resource_label else list(labels.values()))
    return Named(raw, resource=found[0], metric=metric) if len(found) == 1 else None


def read_cloudwatch_label(column: str, label: str) -> Named:
    """What a full label of CloudWatch's console says, as in `us-east-1:AWS/EC2 InstanceId:i-0 CPUUtilization Average 300`.

    An expression has a label of its own and says nothing.
    """
    first, *words = label.split()
    places, _, namespace = f":{first}".rpartition(":")
    dimensions = [tuple(word.split(":", 1)) for word in words if ":" in word]
    rest = [word for word in words if ":" not in word]
    if len(rest) != 3 or not rest[2].isdigit() or not dimensions:
        return Named(column)
    known = places.split(":")
    return Named(
        column,
        resource="/".join(value for _, value in dimensions),
        metric=rest[0],
        statistic=rest[1],
        period_s=int(rest[2]),
        account=next((part for part in known if re.fullmatch(r"\d{12}", part)), None),
        region=next((part for part in known if _REGION.fullmatch(part)), None),
        namespace=namespace,
        dimensions=tuple((name, value) for name, value in dimensions),
    )
