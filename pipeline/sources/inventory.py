"""What runs in AWS, by describe-calls, into `bronze.resource_snapshot`: one row per resource and day.

**Which day.** AWS describes the present only. A snapshot stands for today (UTC) and for the `reach_days` before, so that
the run of a day, which starts after its midnight, has one; an interval further back has no rows, because nobody can ask
what ran then. AWS's own clock decides what today is.

**Complete.** What is landed of an account and region has all pages of all `services` that are asked for: one that does not
answer, or that may not be asked, lands nothing of anywhere, and what was landed before goes on being the newest. A service that
is left out of `services` is unknown from then on, and not gone: `recommend` says so.

**Tags.** `tags_json` holds the resource's tags under their own names, `aws:autoscaling:groupName` among them, and what else
a service says under names that begin with `headroom:`

- ec2: `lifecycle` (spot …), `platform`, `architecture`, `availability_zone`, `image`
- ebs: `volume_type`, `size_gib`, `iops`, `throughput_mibps`, `attached_to` (instance ids), `encrypted`
- ebs-snapshot: `size_gib` (of the volume), `full_gib` (all that it refers to), `volume`, `tier`, `image` (ids of the own images
  that need it, or none)
- rds: `engine`, `engine_version`, `size_gib`, `volume_type`, `iops`, `multi_az`, `replica_of`, `cluster`, `extended_support`
- elb: `type` (application, network, gateway, classic), `scheme`, `targets` (how many are registered, healthy or not)
- nat: `connectivity`, `vpc`
- lambda: `memory_mib`, `architecture`, `runtime`, `package` (Zip or Image); tags are not asked for, which is a call for each
- address: `public_ip`, `attached_to`, `pool` (amazon, or an own range), `managed_by` (a service of AWS)
- docdb, which RDS lists: as rds
- dynamodb: `billing` (provisioned, on_demand), `read_units` and `write_units` (of the table and its indexes), `table_class`
- elasticache: `engine`, `engine_version`, `nodes`, `replication_group`; memorydb: `engine`, `nodes` (of all shards)
- workspaces: `running_mode`, `last_connected` (when somebody last was)
- sagemaker: `kind` (instances, serverless, asynchronous), `nodes`
- s3: `lifecycle` (none, stated), `moves_to` (storage classes), `aborts_after_days` (uploads), `uploads` (begun and not ended, of
  the first thousand) and `oldest_upload`; its state is counted or uncounted, as its requests are, by a filter named EntireBucket
- ecs: `runs_on` (FARGATE, EC2, or its capacity providers), `tasks` (wanted), `architecture`, `system`, `scaled_by` (nothing, or
  what policies keep: cpu, memory, other); its type is CPU units/MiB of a task
- autoscaling: `desired`, `least`, `most`, `types`, `zones`; its state is fixed or scaling, its type their number x theirs

Of dynamodb, elasticache, memorydb, workspaces, sagemaker and s3 tags are not asked for either.

A `resource_id` is the cloud's own id, or the resource part of the ARN where that is only a name: `db:orders`,
`loadbalancer/app/web/50dc6c49`, `loadbalancer/old`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

from pydantic import Field

from pipeline.interval import Interval, naive_utc
from pipeline.sources import _aws, _bronze, _described_buckets, _described_groups, _described_stores
from pipeline.sources._batch import Batch
from pipeline.sources._described import Resource, tagged

NAME = "inventory"
TABLES = ("bronze.resource_snapshot",)

Service = Literal[
    "ec2", "ebs", "ebs-snapshot", "rds", "elb", "nat", "address", "lambda",
    "dynamodb", "elasticache", "memorydb", "workspaces", "sagemaker", "s3",
    "ecs", "autoscaling",
]  # fmt: skip
SERVICES: tuple[Service, ...] = get_args(Service)
# What AWS does not have in every region; where it is not, there is none.
_NOT_EVERYWHERE = frozenset({"memorydb", "workspaces", "sagemaker"})
# elbv2's and elb's DescribeTags take this many load balancers at once.
_TAGGED_AT_ONCE = 20


class Options(_aws.AwsOptions):
    """Which resources to describe, and whose."""

    services: tuple[Service, ...] = Field(
        default=SERVICES,
        min_length=1,
        max_length=len(SERVICES),
        description="Kinds of resources to describe.",
    )
    reach_days: int = Field(
        default=1, ge=0, le=7, description="Days before today that what is described now may stand for; 1 serves a daily run."
    )


def fetch(interval: Interval, options: Options) -> Iterator[Batch]:
    """Every resource once per day of the interval that the present may stand for; one shard per account and region.

    Raises:
        ConfigError: access denied.
        SourceError: AWS has not answered in full. Nothing is handed over.
    """
    answers: list[Batch] = []
    for place in _aws.places(NAME, options):
        days = _days(interval, place.now, options.reach_days)
        if not days:
            continue
        # A resource may move between two pages of one listing; the later page knows better.
        asked = [name for name in options.services if name not in _NOT_EVERYWHERE or place.offers(name)]
        found = {resource.resource_id: resource for name in asked for resource in _DESCRIBED[name](place)}
        answers += _bronze.batch(
            "bronze.resource_snapshot", f"{place.account}/{place.region}", _rows(place, days, list(found.values()))
        )
    yield from answers


def _days(interval: Interval, now: datetime, reach_days: int) -> list[datetime]:
    """The midnights in the interval that begin today or a day within reach."""
    today = datetime.combine(now.date(), datetime.min.time())
    days = [today - timedelta(days=back) for back in range(reach_days, -1, -1)]
    return [day for day in days if day in interval]


def _rows(place: _aws.Place, days: list[datetime], found: list[Resource]) -> Any:
    lines = [(day, resource) for day in days for resource in sorted(found, key=lambda one: one.resource_id)]
    return _bronze.rows(
        "bronze.resource_snapshot",
        {
            "source": NAME,
            "account": place.account,
            "region": place.region,
            "ts": [day for day, _ in lines],
            **{name: [getattr(resource, name) for _, resource in lines] for name in Resource._fields if name != "tags"},
            "tags_json": [json.dumps(resource.tags, sort_keys=True, ensure_ascii=False) for _, resource in lines],
        },
    )


def describe_instance(one: Mapping[str, Any]) -> Resource:
    """An instance as `DescribeInstances` describes it."""
    return Resource(
        one["InstanceId"],
        "ec2",
        one["InstanceType"],
        one["State"]["Name"],
        naive_utc(one["LaunchTime"]),
        tagged(
            one.get("Tags"),
            lifecycle=one.get("InstanceLifecycle"),
            platform=one.get("PlatformDetails") or one.get("Platform"),
            architecture=one.get("Architecture"),
            availability_zone=one.get("Placement", {}).get("AvailabilityZone"),
            image=one.get("ImageId"),
        ),
    )


def _instances(place: _aws.Place) -> Iterator[Resource]:
    for reservation in place.listed("ec2", "describe_instances", "Reservations", MaxResults=1000):
        yield from map(describe_instance, reservation["Instances"])


def _volumes(place: _aws.Place) -> Iterator[Resource]:
    for one in place.listed("ec2", "describe_volumes", "Volumes", MaxResults=500):
        yield Resource(
            one["VolumeId"],
            "ebs",
            None,
            one["State"],
            naive_utc(one["CreateTime"]),
            tagged(
                one.get("Tags"),
                volume_type=one.get("VolumeType"),
                size_gib=one.get("Size"),
                iops=one.get("Iops"),
                throughput_mibps=one.get("Throughput"),
                attached_to=sorted(attachment["InstanceId"] for attachment in one.get("Attachments", [])),
                encrypted=one.get("Encrypted"),
            ),
        )


def _snapshots(place: _aws.Place) -> Iterator[Resource]:
    images: dict[str, list[str]] = {}
    for image in place.listed("ec2", "describe_images", "Images", Owners=["self"], IncludeDeprecated=True, IncludeDisabled=True):
        for device in image.get("BlockDeviceMappings", []):
            images.setdefault(device.get("Ebs", {}).get("SnapshotId", ""), []).append(image["ImageId"])
    for one in place.listed("ec2", "describe_snapshots", "Snapshots", OwnerIds=["self"], MaxResults=1000):
        full = one.get("FullSnapshotSizeInBytes")
        yield Resource(
            one["SnapshotId"],
            "ebs-snapshot",
            None,
            one["State"],
            naive_utc(one["StartTime"]),
            tagged(
                one.get("Tags"),
                size_gib=one.get("VolumeSize"),
                full_gib=None if full is None else round(full / 2**30, 3),
                volume=one.get("VolumeId"),
                tier=one.get("StorageTier"),
                image=sorted(images.get(one["SnapshotId"], [])) or "none",
            ),
        )


def _databases(place: _aws.Place) -> Iterator[Resource]:
    for one in place.listed("rds", "describe_db_instances", "DBInstances", MaxRecords=100):
        created = one.get("InstanceCreateTime")
        yield Resource(
            f"db:{one['DBInstanceIdentifier']}",
            # RDS lists the instances of DocumentDB as well.
            "docdb" if one.get("Engine") == "docdb" else "rds",
            one["DBInstanceClass"],
            one["DBInstanceStatus"],
            naive_utc(created) if created else None,
            tagged(
                one.get("TagList"),
                engine=one.get("Engine"),
                engine_version=one.get("EngineVersion"),
                size_gib=one.get("AllocatedStorage"),
                volume_type=one.get("StorageType"),
                iops=one.get("Iops"),
                multi_az=one.get("MultiAZ"),
                replica_of=one.get("ReadReplicaSourceDBInstanceIdentifier") or one.get("ReadReplicaSourceDBClusterIdentifier"),
                cluster=one.get("DBClusterIdentifier"),
                extended_support=one.get("EngineLifecycleSupport"),
            ),
        )


def _load_balancers(place: _aws.Place) -> Iterator[Resource]:
    listed = place.listed("elbv2", "describe_load_balancers", "LoadBalancers", PageSize=400)
    tags: dict[str, Any] = {}
    for first in range(0, len(listed), _TAGGED_AT_ONCE):
        arns = [one["LoadBalancerArn"] for one in listed[first : first + _TAGGED_AT_ONCE]]
        described = place.ask("elbv2", "describe_tags", ResourceArns=arns)["TagDescriptions"]
        tags |= {one["ResourceArn"]: one["Tags"] for one in described}
    targets = _targets(place) if listed else {}
    for one in listed:
        yield Resource(
            f"loadbalancer/{one['LoadBalancerArn'].partition(':loadbalancer/')[2]}",
            "elb",
            None,
            one.get("State", {}).get("Code", "unknown"),
            naive_utc(one["CreatedTime"]),
            tagged(
                tags.get(one["LoadBalancerArn"]),
                type=one.get("Type"),
                scheme=one.get("Scheme"),
                targets=targets.get(one["LoadBalancerArn"], 0),
            ),
        )


def _targets(place: _aws.Place) -> dict[str, int]:
    """How many targets are registered behind each load balancer that has a target group, healthy or not."""
    behind: dict[str, int] = {}
    for group in place.listed("elbv2", "describe_target_groups", "TargetGroups", PageSize=400):
        balancers = group.get("LoadBalancerArns", [])
        if balancers:
            health = place.ask("elbv2", "describe_target_health", TargetGroupArn=group["TargetGroupArn"])
            for balancer in balancers:
                behind[balancer] = behind.get(balancer, 0) + len(health["TargetHealthDescriptions"])
    return behind


def _classic_load_balancers(place: _aws.Place) -> Iterator[Resource]:
    listed = place.listed("elb", "describe_load_balancers", "LoadBalancerDescriptions", PageSize=400)
    tags: dict[str, Any] = {}
    for first in range(0, len(listed), _TAGGED_AT_ONCE):
        names = [one["LoadBalancerName"] for one in listed[first : first + _TAGGED_AT_ONCE]]
        described = place.ask("elb", "describe_tags", LoadBalancerNames=names)["TagDescriptions"]
        tags |= {one["LoadBalancerName"]: one["Tags"] for one in described}
    for one in listed:
        yield Resource(
            f"loadbalancer/{one['LoadBalancerName']}",
            "elb",
            None,
            "active",  # a classic load balancer has no other state
            naive_utc(one["CreatedTime"]),
            tagged(
                tags.get(one["LoadBalancerName"]), type="classic", scheme=one.get("Scheme"), targets=len(one.get("Instances", []))
            ),
        )


def _nat_gateways(place: _aws.Place) -> Iterator[Resource]:
    for one in place.listed("ec2", "describe_nat_gateways", "NatGateways", MaxResults=1000):
        yield Resource(
            one["NatGatewayId"],
            "nat",
            None,
            one["State"],
            naive_utc(one["CreateTime"]),
            tagged(one.get("Tags"), connectivity=one.get("ConnectivityType"), vpc=one.get("VpcId")),
        )


def _addresses(place: _aws.Place) -> Iterator[Resource]:
    for one in place.listed("ec2", "describe_addresses", "Addresses"):
        attached_to = one.get("InstanceId") or one.get("NetworkInterfaceId")
        yield Resource(
            one.get("AllocationId") or one["PublicIp"],
            "address",
            None,
            "associated" if one.get("AssociationId") or attached_to else "unassociated",
            None,
            tagged(
                one.get("Tags"),
                public_ip=one.get("PublicIp"),
                attached_to=attached_to,
                pool=one.get("PublicIpv4Pool"),
                managed_by=one.get("ServiceManaged"),
            ),
        )


def _functions(place: _aws.Place) -> Iterator[Resource]:
    for one in place.listed("lambda", "list_functions", "Functions"):
        yield Resource(
            f"function:{one['FunctionName']}",
            "lambda",
            None,
            one.get("State", "Active"),
            None,
            tagged(
                None,
                memory_mib=one.get("MemorySize"),
                architecture=(one.get("Architectures") or ["x86_64"])[0],
                runtime=one.get("Runtime"),
                package=one.get("PackageType"),
            ),
        )


def _both_kinds_of_load_balancers(place: _aws.Place) -> Iterator[Resource]:
    yield from _load_balancers(place)
    yield from _classic_load_balancers(place)


_DESCRIBED: dict[str, Callable[[_aws.Place], Iterator[Resource]]] = {
    "ec2": _instances,
    "ebs": _volumes,
    "ebs-snapshot": _snapshots,
    "rds": _databases,
    "elb": _both_kinds_of_load_balancers,
    "nat": _nat_gateways,
    "address": _addresses,
    "lambda": _functions,
    "dynamodb": _described_stores.dynamodb_tables,
    "elasticache": _described_stores.caches,
    "memorydb": _described_stores.memory_databases,
    "workspaces": _described_stores.desktops,
    "sagemaker": _described_stores.model_endpoints,
    "s3": _described_buckets.buckets,
    "ecs": _described_groups.container_services,
    "autoscaling": _described_groups.instance_groups,
}
