"""What DynamoDB, ElastiCache, MemoryDB, WorkSpaces and SageMaker say of their resources, by AWS's own models of their answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pipeline.sources import _aws
from pipeline.sources import _described_stores as stores
from pipeline.sources._described import Resource
from tests.support.stubbed import stubbed

MADE = datetime(2025, 6, 1, 8, tzinfo=UTC)


def facts(one: Resource) -> dict[str, str]:
    return {name.removeprefix("headroom:"): value for name, value in one.tags.items()}


def _table(name: str, **more: Any) -> tuple[str, dict[str, Any], dict[str, Any]]:
    return "describe_table", {"TableName": name}, {"Table": {"TableStatus": "ACTIVE", "CreationDateTime": MADE, **more}}


def test_a_table_has_the_capacity_of_its_indexes_and_all_pages_of_names_are_read() -> None:
    units = {"ReadCapacityUnits": 10, "WriteCapacityUnits": 5}
    with stubbed(
        {
            "dynamodb": [
                ("list_tables", {}, {"TableNames": ["orders"], "LastEvaluatedTableName": "orders"}),
                ("list_tables", {"ExclusiveStartTableName": "orders"}, {"TableNames": ["sessions"]}),
                _table(
                    "orders",
                    ProvisionedThroughput=units,
                    GlobalSecondaryIndexes=[{"IndexName": "by-day", "ProvisionedThroughput": {**units, "ReadCapacityUnits": 20}}],
                ),
                _table("sessions", BillingModeSummary={"BillingMode": "PAY_PER_REQUEST"}),
            ]
        }
    ) as place:
        orders, sessions = stores.dynamodb_tables(place)

    assert orders[:5] == ("table/orders", "dynamodb", None, "active", datetime(2025, 6, 1, 8))
    assert facts(orders) == {"billing": "provisioned", "read_units": "30", "write_units": "10", "table_class": "STANDARD"}
    assert facts(sessions)["billing"] == "on_demand"


def test_a_node_of_a_cache_says_which_replication_group_it_belongs_to() -> None:
    node = {
        "CacheClusterId": "shop-001",
        "CacheNodeType": "cache.m6g.large",
        "Engine": "redis",
        "EngineVersion": "7.1.0",
        "CacheClusterStatus": "available",
        "NumCacheNodes": 1,
        "CacheClusterCreateTime": MADE,
        "ReplicationGroupId": "shop",
    }
    asked = {"MaxRecords": 100}
    with stubbed(
        {
            "elasticache": [
                ("describe_cache_clusters", asked, {"CacheClusters": [node], "Marker": "more"}),
                ("describe_cache_clusters", {**asked, "Marker": "more"}, {"CacheClusters": []}),
            ]
        }
    ) as place:
        [one] = stores.caches(place)

    assert one[:5] == ("cluster:shop-001", "elasticache", "cache.m6g.large", "available", datetime(2025, 6, 1, 8))
    assert facts(one) == {"engine": "redis", "engine_version": "7.1.0", "nodes": "1", "replication_group": "shop"}


def test_a_memory_database_has_the_nodes_of_all_its_shards() -> None:
    cluster = {
        "Name": "ledger",
        "Status": "available",
        "NodeType": "db.r6g.large",
        "Engine": "valkey",
        "Shards": [{"Name": "0001", "NumberOfNodes": 2}, {"Name": "0002", "NumberOfNodes": 3}],
    }
    asked = {"MaxResults": 100, "ShowShardDetails": True}
    with stubbed({"memorydb": [("describe_clusters", asked, {"Clusters": [cluster]})]}) as place:
        [one] = stores.memory_databases(place)

    assert one[:5] == ("cluster/ledger", "memorydb", "db.r6g.large", "available", None)
    assert facts(one) == {"engine": "valkey", "nodes": "5"}


def test_a_desktop_says_when_somebody_last_connected_and_nothing_is_asked_where_there_is_none() -> None:
    def desktop(name: str) -> dict[str, Any]:
        properties: dict[str, Any] = {"RunningMode": "ALWAYS_ON", "ComputeTypeName": "STANDARD"}
        if name == "ws-used0001":
            properties |= {"OperatingSystemName": "WINDOWS_SERVER_2022", "RootVolumeSizeGib": 80, "UserVolumeSizeGib": 50}
        return {"WorkspaceId": name, "State": "AVAILABLE", "WorkspaceProperties": properties}

    status = [{"WorkspaceId": "ws-used0001", "LastKnownUserConnectionTimestamp": MADE}]
    with stubbed(
        {
            "workspaces": [
                ("describe_workspaces", {}, {"Workspaces": [desktop("ws-used0001"), desktop("ws-never001")]}),
                ("describe_workspaces_connection_status", {}, {"WorkspacesConnectionStatus": status}),
            ]
        }
    ) as place:
        used, never = stores.desktops(place)
    with stubbed({"workspaces": [("describe_workspaces", {}, {"Workspaces": []})]}) as place:
        assert list(stores.desktops(place)) == []

    assert used[:5] == ("ws-used0001", "workspaces", "STANDARD", "available", None)
    of_bundle = {"operating_system": "WINDOWS_SERVER_2022", "root_gib": "80", "user_gib": "50"}
    assert facts(used) == {"running_mode": "ALWAYS_ON", "last_connected": "2025-06-01T08:00:00", **of_bundle}
    assert facts(never) == {"running_mode": "ALWAYS_ON"}


def test_an_endpoint_has_the_instances_of_all_its_variants_and_a_type_only_where_they_are_alike() -> None:
    listed = {
        "EndpointName": "score",
        "EndpointArn": "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/score",
        "CreationTime": MADE,
        "LastModifiedTime": MADE,
        "EndpointStatus": "InService",
    }

    def endpoint(*variants: dict[str, Any]) -> Resource:
        running = [{"VariantName": one["VariantName"], "CurrentInstanceCount": 2} for one in variants]
        configured = {"EndpointConfigName": "v1", "EndpointConfigArn": listed["EndpointArn"], "CreationTime": MADE}
        with stubbed(
            {
                "sagemaker": [
                    ("list_endpoints", {"MaxResults": 100}, {"Endpoints": [listed]}),
                    (
                        "describe_endpoint",
                        {"EndpointName": "score"},
                        {**listed, "EndpointConfigName": "v1", "ProductionVariants": running},
                    ),
                    (
                        "describe_endpoint_config",
                        {"EndpointConfigName": "v1"},
                        {**configured, "ProductionVariants": list(variants)},
                    ),
                ]
            }
        ) as place:
            [one] = stores.model_endpoints(place)
        return one

    def variant(name: str, **more: Any) -> dict[str, Any]:
        return {"VariantName": name, "ModelName": "m", **more}

    alike = endpoint(variant("a", InstanceType="ml.m5.large"), variant("b", InstanceType="ml.m5.large"))
    mixed = endpoint(variant("a", InstanceType="ml.m5.large"), variant("b", InstanceType="ml.m5.xlarge"))
    serverless = endpoint(variant("a", ServerlessConfig={"MemorySizeInMB": 2048, "MaxConcurrency": 5}))

    assert alike[:5] == ("endpoint/score", "sagemaker", "ml.m5.large", "InService", datetime(2025, 6, 1, 8))
    assert facts(alike) == {"kind": "instances", "nodes": "4"}
    assert mixed.instance_type is None
    assert facts(serverless)["kind"] == "serverless"


def test_what_was_deleted_since_it_was_listed_is_not_there_and_stops_nothing_else() -> None:
    listed = {"EndpointName": "gone", "EndpointArn": "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/gone"}
    listed |= {"CreationTime": MADE, "LastModifiedTime": MADE, "EndpointStatus": "InService"}
    with stubbed(
        {
            "dynamodb": [
                ("list_tables", {}, {"TableNames": ["gone", "orders"]}),
                ("describe_table", "ResourceNotFoundException"),
                _table("orders"),
            ],
            "sagemaker": [
                ("list_endpoints", {"MaxResults": 100}, {"Endpoints": [listed]}),
                ("describe_endpoint", "ValidationException"),
            ],
        }
    ) as place:
        assert [one.resource_id for one in stores.dynamodb_tables(place)] == ["table/orders"]
        assert list(stores.model_endpoints(place)) == []


def test_an_endpoint_whose_configuration_was_deleted_states_neither_kind_nor_type() -> None:
    listed = {"EndpointName": "score", "EndpointArn": "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/score"}
    listed |= {"CreationTime": MADE, "LastModifiedTime": MADE, "EndpointStatus": "InService"}
    running = [{"VariantName": "a", "CurrentInstanceCount": 2}]
    with stubbed(
        {
            "sagemaker": [
                ("list_endpoints", {"MaxResults": 100}, {"Endpoints": [listed]}),
                (
                    "describe_endpoint",
                    {"EndpointName": "score"},
                    {**listed, "EndpointConfigName": "v1", "ProductionVariants": running},
                ),
                ("describe_endpoint_config", "ValidationException"),
            ]
        }
    ) as place:
        [one] = stores.model_endpoints(place)

    assert (one.instance_type, facts(one)) == (None, {"nodes": "2"})


def test_a_service_that_aws_does_not_have_in_a_region_is_not_asked_for_there() -> None:
    with stubbed({}, region="eu-north-1") as place:
        assert place.offers("memorydb")
        assert not place.offers("workspaces")
    emulator = _aws.Place("eu-north-1", _aws._Login("test", _aws.AwsOptions(endpoint_url="http://127.0.0.1:9"), None))
    assert emulator.offers("workspaces")
