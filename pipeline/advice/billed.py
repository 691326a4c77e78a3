"""Which charges of a bill are a resource's: a bill names it by an id of its own, or by an ARN, an inventory by what ends that."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd

from pipeline.tables.columns import BILL_BASIS

Key: TypeAlias = tuple[str, str, str]
"""Account, region and resource id."""
CHARGED = ("ts", "usage_type", "unit", "quantity", "list_cost", "cost", "commitment_id")
_ARN = re.compile(r"^arn:[^:]*:([^:]*):[^:]*:[^:]*:(.*)$")
#: What ARNs call the services of inventories; a service of no cloud may be any.
_ARN_SERVICES = {"ebs": "ec2", "ebs-snapshot": "ec2", "nat": "ec2", "address": "ec2", "elb": "elasticloadbalancing"}
_ARN_SERVICES |= {each: each for each in ("ec2", "rds", "lambda", "dynamodb", "elasticache", "memorydb", "workspaces")}
_ARN_SERVICES |= {each: each for each in ("sagemaker", "s3", "ecs", "autoscaling")}
_TYPE = re.compile(r"(?:db\.|cache\.)?[a-z0-9-]+\.[a-z0-9-]+")
_BY_DAY = ["ts", "usage_type", "unit", "commitment_id"]


@dataclass(frozen=True)
class Bill:
    """What a resource was charged: by whose bill, in which currency, and through which day that is complete.

    Attributes:
        unknown: days of which nobody can say what was charged, where no bill has the resource.
    """

    source: str | None
    currency: str
    basis: str
    charges: pd.DataFrame
    through: np.datetime64
    unknown: frozenset[np.datetime64] = frozenset()


def tail(name: str) -> str:
    """What follows the last `/` or `:` of an id: charges are asked for by it."""
    return re.sub(r"^.*[/:]", "", name)


def split_usage_type(name: str) -> tuple[str, str | None]:
    """`BoxUsage` and `m5.large` of `BoxUsage:m5.large`; without a type what it is of, and None."""
    kind, _, of = name.rpartition(":")
    return kind or name, of if kind and _TYPE.fullmatch(of) else None


def match_resources(billed: pd.DataFrame, services: Mapping[Key, str]) -> tuple[dict[Key, pd.DataFrame], frozenset[Key]]:
    """The rows of a bill that each of some resources has, and the resources of which the bill does not say which rows are theirs.

    A row is a resource's where account, region and tail are the same; of an ARN the service too, and the kind where the id of the
    resource names one (`db:orders`). Where rows are of several resources, or ARNs of several kinds of one, nobody knows.

    Args:
        billed: account, region, resource_id (as the bill has it) and more.
        services: of the resources, as inventories name them.
    """
    found: dict[Key, list[tuple[str, str, str]]] = {}
    claimed: dict[tuple[str, str, str], list[Key]] = {}
    by_tail: dict[Key, list[tuple[str, str, str]]] = {}
    groups = {_three(owner): rows for owner, rows in billed.groupby(["account", "region", "resource_id"], sort=True)}
    for account, region, name in groups:
        by_tail.setdefault((account, region, tail(name)), []).append((account, region, name))
    for key, service in services.items():
        mine = [each for each in by_tail.get((key[0], key[1], tail(key[2])), []) if _is_named(each[2], key[2], service)]
        # A bill names machines and volumes in both ways; beside another resource's ARN a bare name is a bucket's.
        by_arn = [each for each in mine if (_kind_of(each[2]) or ("ec2", ""))[0] != "ec2"]
        found[key] = by_arn or mine
        for each in found[key]:
            claimed.setdefault(each, []).append(key)
    several = {key for keys in claimed.values() if len(keys) > 1 for key in keys}
    several |= {key for key, names in found.items() if len({_kind_of(name) for *_, name in names} - {None}) > 1}
    rows = {key: pd.concat([groups[each] for each in mine]) for key, mine in found.items() if mine and key not in several}
    return rows, frozenset(several)


def choose_bills(
    charges: pd.DataFrame, through: Mapping[tuple[str, str, str], np.datetime64], services: Mapping[Key, str]
) -> tuple[dict[Key, Bill], frozenset[Key]]:
    """The bill of each resource, of several that which charges it the most; and the resources whose charges nobody tells apart.

    Args:
        charges: rows of `inputs.resource_charges`.
        through: last complete day by source, provider and payer.
        services: of all resources that recommendations are about.
    """
    matched, several = match_resources(charges, services)
    found: dict[Key, tuple[float, Bill]] = {}
    for key, mine in matched.items():
        for owner, rows in mine.groupby(["source", "provider", "payer", "currency"], sort=True):
            source, provider, payer, currency = map(str, owner)
            last = through.get((source, provider, payer))
            if last is None:
                continue
            listed = float(rows["list_cost"].sum())
            by_day = rows.groupby(_BY_DAY, sort=True)[["quantity", "list_cost", "cost"]].sum().reset_index()
            if key not in found or listed > found[key][0]:
                found[key] = (listed, Bill(source, currency, BILL_BASIS, by_day[list(CHARGED)], last))
    return {key: bill for key, (_, bill) in found.items()}, several


def _is_named(billed: str, resource_id: str, service: str) -> bool:
    match = _ARN.match(billed)
    if match is None or billed == resource_id:
        return True
    own = resource_id[: len(resource_id) - len(tail(resource_id))]
    return match[1] == _ARN_SERVICES.get(service, match[1]) and match[2].endswith(own + tail(resource_id))


def _kind_of(billed: str) -> tuple[str, str] | None:
    """Service and kind of an ARN; None of an id that is none."""
    match = _ARN.match(billed)
    return None if match is None else (match[1], match[2][: len(match[2]) - len(tail(match[2]))])


def _three(owner: Iterable[object]) -> tuple[str, str, str]:
    account, region, name = owner
    return (str(account), str(region), str(name))
