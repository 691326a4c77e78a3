"""Tables, caches, desktops and endpoints as their services describe them. Tags, which are a call for each, are not asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipeline.interval import naive_utc
from pipeline.sources import _aws
from pipeline.sources._described import Resource, tagged


def dynamodb_tables(place: _aws.Place) -> Iterator[Resource]:
    """Tables, with the capacity that is provisioned for them and their indexes."""
    for name in place.listed("dynamodb", "list_tables", "TableNames"):
        answer = place.ask("dynamodb", "describe_table", absent=("ResourceNotFoundException",), TableName=name)
        if "Absent" in answer:
            # Deleted since it was listed.
            continue
        one = answer["Table"]
        billing = one.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED")
        capacities = [part.get("ProvisionedThroughput", {}) for part in (one, *one.get("GlobalSecondaryIndexes", []))]
        created = one.get("CreationDateTime")
        yield Resource(
            f"table/{name}",
            "dynamodb",
            None,
            one["TableStatus"].lower(),
            naive_utc(created) if created else None,
            tagged(
                None,
                billing={"PROVISIONED": "provisioned", "PAY_PER_REQUEST": "on_demand"}.get(billing, billing),
                read_units=sum(part.get("ReadCapacityUnits", 0) for part in capacities),
                write_units=sum(part.get("WriteCapacityUnits", 0) for part in capacities),
                table_class=one.get("TableClassSummary", {}).get("TableClass", "STANDARD"),
            ),
        )


def caches(place: _aws.Place) -> Iterator[Resource]:
    """Caches of nodes: with Redis or Valkey each is one node, and several are a replication group."""
    for one in place.listed("elasticache", "describe_cache_clusters", "CacheClusters", MaxRecords=100):
        created = one.get("CacheClusterCreateTime")
        yield Resource(
            f"cluster:{one['CacheClusterId']}",
            "elasticache",
            one.get("CacheNodeType"),
            one["CacheClusterStatus"],
            naive_utc(created) if created else None,
            tagged(
                None,
                engine=one.get("Engine"),
                engine_version=one.get("EngineVersion"),
                nodes=one.get("NumCacheNodes"),
                replication_group=one.get("ReplicationGroupId"),
            ),
        )


def memory_databases(place: _aws.Place) -> Iterator[Resource]:
    """Clusters of MemoryDB, with the nodes of all their shards; when one was made is not told."""
    for one in place.listed("memorydb", "describe_clusters", "Clusters", MaxResults=100, ShowShardDetails=True):
        yield Resource(
            f"cluster/{one['Name']}",
            "memorydb",
            one.get("NodeType"),
            one["Status"],
            None,
            tagged(
                None,
                engine=one.get("Engine", "redis"),
                nodes=sum(shard.get("NumberOfNodes", 0) for shard in one.get("Shards", [])) or None,
            ),
        )


def desktops(place: _aws.Place) -> Iterator[Resource]:
    """WorkSpaces, with when somebody last connected to each."""
    found = place.listed("workspaces", "describe_workspaces", "Workspaces")
    if not found:
        return
    states = place.listed("workspaces", "describe_workspaces_connection_status", "WorkspacesConnectionStatus")
    connected = {one["WorkspaceId"]: one.get("LastKnownUserConnectionTimestamp") for one in states}
    for one in found:
        properties, last = one.get("WorkspaceProperties", {}), connected.get(one["WorkspaceId"])
        yield Resource(
            one["WorkspaceId"],
            "workspaces",
            properties.get("ComputeTypeName"),
            one["State"].lower(),
            None,
            tagged(
                None,
                running_mode=properties.get("RunningMode"),
                operating_system=properties.get("OperatingSystemName"),
                root_gib=properties.get("RootVolumeSizeGib"),
                user_gib=properties.get("UserVolumeSizeGib"),
                last_connected=naive_utc(last).isoformat() if last else None,
            ),
        )


def model_endpoints(place: _aws.Place) -> Iterator[Resource]:
    """Endpoints of SageMaker, with the instances of all their variants; one whose instances differ states no type.

    A configuration may be deleted while its endpoint lives: then neither kind nor type is known.
    """
    gone = ("ValidationException",)
    for listed in place.listed("sagemaker", "list_endpoints", "Endpoints", MaxResults=100):
        one = place.ask("sagemaker", "describe_endpoint", absent=gone, EndpointName=listed["EndpointName"])
        if "Absent" in one:
            # Deleted since it was listed.
            continue
        config = place.ask("sagemaker", "describe_endpoint_config", absent=gone, EndpointConfigName=one["EndpointConfigName"])
        types = {variant.get("InstanceType") for variant in config.get("ProductionVariants", [])}
        yield Resource(
            f"endpoint/{one['EndpointName']}",
            "sagemaker",
            types.pop() if len(types) == 1 else None,
            one["EndpointStatus"],
            naive_utc(one["CreationTime"]),
            tagged(
                None,
                kind=_endpoint_kind(config),
                nodes=sum(variant.get("CurrentInstanceCount", 0) for variant in one.get("ProductionVariants", [])) or None,
            ),
        )


def _endpoint_kind(config: dict[str, Any]) -> str | None:
    if "Absent" in config:
        return None
    if config.get("AsyncInferenceConfig"):
        return "asynchronous"
    serverless = any("ServerlessConfig" in variant for variant in config.get("ProductionVariants", []))
    return "serverless" if serverless else "instances"
