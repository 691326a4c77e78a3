"""What a synthetic estate uses and pays for: the realistic fleet's servers, and what stands around them.

A *stream* is one kind of usage of one resource; its quantity of day t is

    q(t) = size · (1 + growth)^months · shape(t)^follows · exp(σ_app · a(t) + σ · e(t))

where `shape` is the weekday, the month's end and the holidays of its application, `a` an AR(1) that all streams of it share
and `e` one of its own, both with unit variance and 0.5 from one day to the next. What simply runs (hours of machines,
gigabytes of disks) neither follows the shape nor varies. Weekly strength and noise are what the shipped traces of real bills have
(`tests/data/traces/cloud_cost`: a week spans 22 % of the level, noise of a project's day is 9 % with 0.5 from day to day).

Prices are the list prices that are shipped (`samples/prices`), so that a change of the fleet moves the bill by what is
recommended.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from pipeline.sources import _realistic
from pipeline.sources._realistic_demand import Server, generator

PRICES = Path(__file__).resolve().parent.parent / "samples" / "prices" / "ec2_us-east-1_linux_ondemand.parquet"
#: One ten-thousandth of a millionth of a dollar: all money here is in whole ones, so that parts add up to the last digit.
PER_USD = 10_000_000_000
ACCOUNTS = {
    "production": ("100000000001", "prod"),
    "staging": ("100000000002", "staging"),
    "development": ("100000000003", "dev"),
}
PAYER = ("100000000000", "estate")
TEAMS = ("checkout", "search", "data", "platform", "mobile")
#: Share of resources without a team's tag, and of those whose tag is spelled in a way of its own.
UNTAGGED, MISSPELLED = 0.08, 0.12
#: Growth per month of an application's traffic: from, to.
GROWTH = (-0.01, 0.035)
SHARED_NOISE, OWN_NOISE, AR = 0.07, 0.06, 0.5
#: Applications that appear later, as a share, and that go.
LAUNCHED, RETIRED = 0.2, 0.05


class Kind(NamedTuple):
    """A kind of usage, as the price list has it; price in dollars per unit."""

    service: str
    category: str
    usage_type: str
    unit: str
    price: float
    resource: str


EC2, RDS, VPC = "Amazon Elastic Compute Cloud", "Amazon Relational Database Service", "Amazon Virtual Private Cloud"
GP2 = Kind(EC2, "Storage", "EBS:VolumeUsage.gp2", "GB-Mo", 0.10, "volume")
GP3 = Kind(EC2, "Storage", "EBS:VolumeUsage.gp3", "GB-Mo", 0.08, "volume")
SNAPSHOT = Kind(EC2, "Storage", "EBS:SnapshotUsage", "GB-Mo", 0.05, "snapshot")
BALANCER = Kind("Elastic Load Balancing", "Networking", "LoadBalancerUsage", "Hrs", 0.0225, "load_balancer")
LCU = Kind("Elastic Load Balancing", "Networking", "LCUUsage", "LCU-Hrs", 0.008, "load_balancer")
NAT = Kind(EC2, "Networking", "NatGateway-Hours", "Hrs", 0.045, "nat_gateway")
NAT_BYTES = Kind(EC2, "Networking", "NatGateway-Bytes", "GB", 0.045, "nat_gateway")
ADDRESS = Kind(VPC, "Networking", "PublicIPv4:InUseAddress", "Hrs", 0.005, "address")
TRANSFER = Kind(EC2, "Networking", "DataTransfer-Out-Bytes", "GB", 0.09, "balancer_traffic")
DATABASE = Kind(RDS, "Databases", "InstanceUsage:db.t3.large", "Hrs", 0.136, "database")
DATABASE_DISK = Kind(RDS, "Databases", "RDS:GP2-Storage", "GB-Mo", 0.115, "database")
BUCKET = Kind("Amazon Simple Storage Service", "Storage", "TimedStorage-ByteHrs", "GB-Mo", 0.023, "bucket")
BUCKET_REQUESTS = Kind("Amazon Simple Storage Service", "Storage", "Requests-Tier1", "1k Requests", 0.005, "bucket")
FUNCTION = Kind("AWS Lambda", "Compute", "Lambda-GB-Second", "GB-Seconds", 0.0000166667, "function")
LOGS = Kind("AmazonCloudWatch", "Management and Governance", "DataProcessing-Bytes", "GB", 0.50, "log_group")


@dataclass(frozen=True)
class Stream:
    """One kind of usage of one resource.

    Attributes:
        kind: what is used, and its price.
        resource_id: whose.
        environment: of `ACCOUNTS`.
        app, team: whom it serves; the team is the true one, whatever `tags_json` says.
        tags_json: as on the resource; empty where it has none.
        size: quantity of the first day, in units a day; gigabyte-months for what is stored, over the days of the month.
        growth: per month, as a ratio.
        follows: exponent of the application's shape; 0 for what simply runs.
        noise: σ of its own.
        first, last: day offsets of its life, the last one included.
    """

    kind: Kind
    resource_id: str
    environment: str
    app: str
    team: str
    tags_json: str
    size: float
    growth: float = 0.0
    follows: float = 0.0
    noise: float = 0.0
    first: int = 0
    last: int = 10**6


@dataclass(frozen=True)
class Application:
    """What the streams of one application share.

    Attributes:
        weekend: factor on Saturday and Sunday.
        month_end: factor on the last three days of a month.
        first, last: day offsets of its life.
    """

    name: str
    team: str
    growth: float
    weekend: float
    month_end: float
    first: int
    last: int


@lru_cache(maxsize=1)
def list_prices() -> dict[str, float]:
    """Dollars per hour of an instance type, Linux, on demand, us-east-1, as shipped."""
    table = pd.read_parquet(PRICES, columns=["instance_type", "price_usd_hour"])
    return dict(zip(table["instance_type"], table["price_usd_hour"], strict=True))


def instance(instance_type: str) -> Kind:
    """An hour of a machine on demand."""
    return Kind(EC2, "Compute", f"BoxUsage:{instance_type}", "Hrs", list_prices()[instance_type], "instance")


def estate(servers: int, days: int, seed: int) -> tuple[list[Application], list[Stream]]:
    """The applications, and all that they use, of an estate that lives `days` days around the fleet of the same seed."""
    fleet = _realistic.fleet(servers, days, seed)
    apps = _applications(sorted({_tags(server)["app_name"] for server in fleet}), days, seed)
    streams: list[Stream] = []
    for server in fleet:
        streams += _around_server(server, apps[_tags(server)["app_name"]], seed)
    for number, app in enumerate(apps.values()):
        streams += _around_application(app, generator(seed, 12, number))
    return list(apps.values()), streams


def _applications(names: list[str], days: int, seed: int) -> dict[str, Application]:
    result = {}
    for number, name in enumerate(names):
        draw = generator(seed, 10, number)
        fate = draw.uniform()
        first = int(draw.uniform(0.3, 0.8) * days) if fate < LAUNCHED else 0
        last = int(draw.uniform(0.5, 0.9) * days) if fate > 1 - RETIRED else days
        batch = name.startswith("batch")
        weekend, month_end = (draw.uniform(0.95, 1.1), 1.3) if batch else (draw.uniform(0.6, 0.95), draw.uniform(1.0, 1.08))
        team = TEAMS[int(draw.integers(len(TEAMS)))]
        result[name] = Application(name, team, float(draw.uniform(*GROWTH)), float(weekend), float(month_end), first, last)
    return result


def _tags(server: Server) -> dict[str, str]:
    tags: dict[str, str] = json.loads(server.tags_json)
    return tags


def tagged(draw: np.random.Generator, app: Application, environment: str) -> str:
    """Tags as people write them: mostly right, sometimes under another key or in another spelling, sometimes not at all."""
    tags = {"app_name": app.name, "environment": environment, "team": app.team}
    luck = draw.uniform()
    if luck < UNTAGGED:
        del tags["team"]
        if luck < UNTAGGED / 2:
            tags = {}
    elif luck < UNTAGGED + MISSPELLED:
        del tags["team"]
        key, value = [("Team", app.team), ("team", app.team.upper()), ("owner_team", app.team), ("team", f" {app.team} ")][
            int(draw.integers(4))
        ]
        tags[key] = value
    return json.dumps(tags, sort_keys=True) if tags else ""


def _around_server(server: Server, app: Application, seed: int) -> list[Stream]:
    """A machine's hours, its disk, and the snapshots of it. The fleet's own life decides: its machines run throughout."""
    draw = generator(seed, 11, server.number)
    environment = _tags(server)["environment"]
    tags = tagged(draw, app, environment)
    disk = float(draw.choice([50, 100, 200, 500]))

    def stream(kind: Kind, name: str, size: float, growth: float = 0.0) -> Stream:
        return Stream(kind, name, environment, app.name, app.team, tags, size, growth)

    streams = [
        stream(instance(server.instance_type), server.name, 24.0),
        stream(GP2 if draw.uniform() < 0.4 else GP3, f"vol-{server.name}", disk),
    ]
    if draw.uniform() < 0.5:
        streams.append(
            stream(SNAPSHOT, f"snap-{server.name}", disk * float(draw.uniform(0.3, 1.5)), float(draw.uniform(0, 0.04)))
        )
    return streams


def _around_application(app: Application, draw: np.random.Generator) -> list[Stream]:
    """What serves an application in production: balancer, gateway, addresses, database, bucket, functions, logs."""
    name = app.name
    traffic = float(np.exp(draw.normal(np.log(120.0), 0.7)))

    def stream(kind: Kind, resource_id: str, size: float, follows: float = 0.0, growth: float = 0.0) -> Stream:
        tags = tagged(draw, app, "production")
        noise = OWN_NOISE if follows else 0.0
        life = (app.first, app.last)
        return Stream(kind, resource_id, "production", name, app.team, tags, size, growth, follows, noise, *life)

    grows = app.growth
    streams = [
        stream(BALANCER, f"app/{name}", 24.0),
        stream(LCU, f"app/{name}", 24.0 * traffic / 30, 1.0, grows),
        stream(NAT, f"nat-{name}", 24.0),
        stream(NAT_BYTES, f"nat-{name}", 0.6 * traffic, 1.0, grows),
        stream(ADDRESS, f"eipalloc-{name}", 24.0),
        stream(TRANSFER, f"app/{name}", traffic, 1.0, grows),
        stream(BUCKET, f"{name}-objects", 20 * traffic, 0.0, max(grows, 0.0) + 0.01),
        stream(BUCKET_REQUESTS, f"{name}-objects", 12 * traffic, 1.0, grows),
        stream(LOGS, f"/app/{name}", 0.15 * traffic, 0.8, grows),
    ]
    if draw.uniform() < 0.6:
        streams += [stream(DATABASE, f"db-{name}", 24.0), stream(DATABASE_DISK, f"db-{name}", 200.0, 0.0, 0.01)]
    if draw.uniform() < 0.5:
        streams.append(stream(FUNCTION, f"{name}-worker", 5_000 * traffic, 1.2, grows))
    return streams
