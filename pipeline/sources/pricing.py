"""AWS list prices as AWS publishes them, region by region, into `bronze.price`.

**Since when.** A row's `ts` is its list's publication, and an interval has the newest list published in it by then. A list
holds until the next one, so a run asks from `BEGINNING` on and finds the one in force; landing it again is no change.

**What.** EC2 for Linux on shared tenancy with the instance type's specification, and by services of their own for Windows,
RHEL, SUSE, Ubuntu Pro, SQL Server and dedicated tenancy; EBS, snapshots, NAT gateways, public IPv4 addresses, load
balancers; RDS in one zone or two for engines without a licence, and their extended support; the time of Lambda functions;
Fargate; nodes of ElastiCache, MemoryDB and DocumentDB; SageMaker's endpoints; DynamoDB's provisioned capacity; WorkSpaces by
the month. Of EC2, databases and caches also what an hour costs that is reserved, and of what Compute Savings Plans cover
what it costs under one, for each term and payment (`pipeline.tables.commitments`). What the list does not state of an
instance type (baselines of bandwidth, hypervisor, CoreMark) is added from the shipped specifications, which hold for a type
in every region. A price that is not in the list has no row: nothing here guesses one.

**From where.** The bulk files over https, which need no credentials, or the Price List API (`pricing:ListPriceLists` and
`pricing:GetPriceListFileUrl`), which also knows the lists of the past.
"""

from __future__ import annotations

import io
import re
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import IO, Any, Literal, get_args

from pydantic import Field

from pipeline.errors import SourceError, redacted
from pipeline.interval import Interval
from pipeline.sources import _aws, _bronze, _http, _price_list, prices
from pipeline.sources._batch import Batch

NAME = "pricing"
TABLES = ("bronze.price",)
BEGINNING = datetime(2023, 9, 1)

Offer = Literal[
    "AmazonEC2", "AWSELB", "AmazonVPC", "AmazonRDS", "AWSLambda", "AmazonECS", "AmazonElastiCache", "AmazonMemoryDB",
    "AmazonDocDB", "AmazonDynamoDB", "AmazonSageMaker", "AmazonWorkSpaces", "AWSComputeSavingsPlan",
]  # fmt: skip
#: The offer of plans, whose files lie elsewhere and have another form; the API calls it by another name.
_PLANS, _PLANS_OF_THE_API = "AWSComputeSavingsPlan", "ComputeSavingsPlans"
Reader = Callable[[str, IO[str], str], tuple[datetime, list[dict[str, Any]]]]
_SPECIFICATION = (
    "vcpu", "memory_gib", "arch", "network_mbps", "ebs_mbps", "hypervisor", "burstable", "instance_store", "gpu", "coremark",
)  # fmt: skip


class Options(_http.Patience):
    """Which lists to read, and from where."""

    regions: tuple[_aws.Region, ...] = Field(
        default=("us-east-1",), min_length=1, max_length=40, description="Regions whose prices are read."
    )
    offers: tuple[Offer, ...] = Field(
        default=get_args(Offer), min_length=1, max_length=len(get_args(Offer)), description="Price lists, by AWS's offer code."
    )
    via: Literal["files", "api"] = Field(default="files", description="The bulk files over https, or the Price List API.")
    files_url: str = Field(
        default="https://pricing.us-east-1.amazonaws.com", pattern=r"^https?://\S+$", description="Where the bulk files lie."
    )
    api_region: _aws.Region = Field(default="us-east-1", description="Region whose Price List API is asked.")
    endpoint_url: str = Field(
        default="", pattern=r"^(https?://\S+)?$", description="Another address for the AWS APIs, for emulators; empty means AWS."
    )
    max_answer_mib: int = Field(default=2048, ge=1, le=16_384, description="Largest price list that is read, in MiB.")


def fetch(interval: Interval, options: Options) -> Iterator[Batch]:
    """The lists in force at the interval's end, if they were published in it; one shard per offer and region.

    Raises:
        SourceError: a list cannot be had, or no offer has a list for a region; nothing is handed over.
        DataError: a file is not a price list, or prices an item twice.
    """
    server = _http.Server(NAME, options)
    answers: list[Batch] = []
    urls = _urls_of_the_api if options.via == "api" else _urls_of_the_files
    listed = list(urls(server, options, interval))
    absent = set(options.regions) - {region for _, region, _, _ in listed}
    if absent:
        raise SourceError(f"{NAME}: none of {', '.join(options.offers)} has a price list for {sorted(absent)}")
    for offer, region, version, url in listed:
        if version not in interval:
            continue
        published, found = _downloaded(server, url, region, _price_list.read_plans if offer == _PLANS else _price_list.read)
        if found and published in interval:
            answers += _bronze.batch("bronze.price", f"{offer}/{region}", _rows(found, published))
    yield from answers


def _urls_of_the_files(
    server: _http.Server,
    options: Options,
    interval: Interval,  # noqa: ARG001 the files know the present only
) -> Iterator[tuple[str, str, datetime, str]]:
    """Offer, region, version and address of each list."""
    base = options.files_url.rstrip("/")
    for offer in options.offers:
        folder = "savingsPlan" if offer == _PLANS else "offers"
        index = f"{base}/{folder}/v1.0/aws/{offer}/current/region_index.json"
        paths = _paths(index, server.json(index))
        for region in options.regions:
            if region in paths:
                path = re.sub(r"\.json$", ".csv", paths[region])
                yield offer, region, _version(path), f"{base}/{path.lstrip('/')}"


def _paths(index: str, known: Any) -> dict[str, str]:
    """By region where its list lies; an index of plans is a list of regions, any other an object."""
    try:
        if isinstance(known["regions"], list):
            return {str(entry["regionCode"]): str(entry["versionUrl"]) for entry in known["regions"]}
        return {code: str(entry["currentVersionUrl"]) for code, entry in known["regions"].items()}
    except (KeyError, TypeError, AttributeError):
        raise SourceError(f"{NAME}: {_http.place(index)} is not an index of regions") from None


def _urls_of_the_api(server: _http.Server, options: Options, interval: Interval) -> Iterator[tuple[str, str, datetime, str]]:
    aws = _aws.AwsOptions(endpoint_url=options.endpoint_url, timeout_s=options.timeout_s, attempts=options.attempts)
    [place] = _aws.places(server.name, aws, (options.api_region,))
    effective = min(interval.end - timedelta(seconds=1), place.now)
    for offer in options.offers:
        for region in options.regions:
            lists = place.listed(
                "pricing",
                "list_price_lists",
                "PriceLists",
                ServiceCode=_PLANS_OF_THE_API if offer == _PLANS else offer,
                EffectiveDate=effective.replace(tzinfo=UTC),
                CurrencyCode="USD",
                RegionCode=region,
            )
            for one in lists:
                arn = one["PriceListArn"]
                version = _version(arn)
                # Asking where a list lies is a call of its own; one that does not count is not asked for.
                url = ""
                if version in interval:
                    url = place.ask("pricing", "get_price_list_file_url", PriceListArn=arn, FileFormat="csv")["Url"]
                yield offer, region, version, url


def _version(text: str) -> datetime:
    """A list's version is the moment of its publication, to the second: …/20260925174521/…"""
    matched = re.search(r"/(\d{14})(?:/|$)", text)
    if not matched:
        raise SourceError(f"{NAME}: {redacted(text)} names no version")
    return datetime.strptime(matched[1], "%Y%m%d%H%M%S")


def _downloaded(server: _http.Server, url: str, region: str, read: Reader) -> tuple[datetime, list[dict[str, Any]]]:
    with tempfile.TemporaryFile() as file:
        server.download(url, file)
        with io.TextIOWrapper(file, encoding="utf-8", newline="") as text:
            return read(_http.place(url), text, region)


def _rows(found: list[dict[str, Any]], ts: datetime) -> Any:
    known = _specifications()
    columns: dict[str, list[Any]] = {
        name: [price.get(name) for price in found]
        for name in ("service", "region", "item", "unit", "price_usd", "instance_family")
    }
    for name in _SPECIFICATION:
        columns[name] = [
            price[name] if price.get(name) is not None or price["service"] != "ec2" else known.get(price["item"], {}).get(name)
            for price in [{**dict.fromkeys(_SPECIFICATION), **price} for price in found]
        ]
    return _bronze.rows("bronze.price", {"source": NAME, "provider": "aws", "ts": ts, **columns})


@lru_cache(maxsize=1)
def _specifications() -> dict[str, dict[str, Any]]:
    """What the shipped list knows of each instance type, by type."""
    rows = prices.price_list().select(["service", "item", *_SPECIFICATION]).to_pylist()
    return {row["item"]: row for row in rows if row["service"] == "ec2" and row["vcpu"] is not None}
