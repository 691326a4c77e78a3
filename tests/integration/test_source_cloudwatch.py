"""CloudWatch's datapoints in bronze, asked of moto's server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest

from pipeline.errors import ConfigError
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.sources import Batch, cloudwatch
from pipeline.tables.usage import METRIC_SAMPLE
from tests.support.source_servers import moto_server

pytestmark = [pytest.mark.server]

TODAY = datetime.now(UTC).replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0)
DAY = Interval(TODAY - timedelta(days=1), TODAY)
NOON = DAY.start + timedelta(hours=12)
OWN = "123456789012"


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("AWS_ACCESS_KEY_ID", "testing"), ("AWS_SECRET_ACCESS_KEY", "testing"), ("AWS_SESSION_TOKEN", "testing")):
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)


def client(url: str, region: str, role: str | None = None) -> Any:
    import boto3

    session = boto3.Session(region_name=region)
    if role:
        granted = session.client("sts", endpoint_url=url).assume_role(RoleArn=role, RoleSessionName="given")["Credentials"]
        session = boto3.Session(granted["AccessKeyId"], granted["SecretAccessKey"], granted["SessionToken"], region_name=region)
    return session.client("cloudwatch", endpoint_url=url)


def given(cloud: Any, namespace: str, name: str, points: dict[datetime, float], unit: str = "Percent", **dimensions: str) -> None:
    # In order of their names, because moto's own sorting of dimensions does not find them otherwise.
    listed = [{"Name": key, "Value": value} for key, value in sorted(dimensions.items())]
    data = [
        {"MetricName": name, "Dimensions": listed, "Timestamp": ts.replace(tzinfo=UTC), "Value": value, "Unit": unit}
        for ts, value in points.items()
    ]
    cloud.put_metric_data(Namespace=namespace, MetricData=data)


def fetched(url: str, interval: Interval = DAY, **options: Any) -> dict[str, pa.Table]:
    batches: list[Batch] = list(cloudwatch.fetch(interval, cloudwatch.Options(endpoint_url=url, **options)))
    assert {batch.table for batch in batches} <= {"bronze.metric_sample"}
    assert len({batch.shard for batch in batches}) == len(batches)
    return {batch.shard: batch.data for batch in batches}


def values(data: pa.Table, **wanted: str) -> list[float]:
    return [row["value"] for row in data.to_pylist() if all(row[name] == value for name, value in wanted.items())]


def test_each_account_and_region_is_a_shard_of_its_own_entered_by_assuming_its_role(aws: str) -> None:
    roles = ["arn:aws:iam::111111111111:role/headroom", "arn:aws:iam::222222222222:role/path/headroom"]
    for number, role in enumerate(roles):
        for region in ("eu-west-1", "us-east-1"):
            cloud = client(aws, region, role)
            given(cloud, "AWS/EC2", "CPUUtilization", {NOON: 10.0 + number}, InstanceId=f"i-{region}-{number}")

    shards = fetched(aws, roles=roles, regions=["eu-west-1", "us-east-1"], services=["ec2"])

    assert sorted(shards) == [
        f"{account}/{region}/ec2" for account in ("1" * 12, "2" * 12) for region in ("eu-west-1", "us-east-1")
    ]
    assert (
        shards["222222222222/eu-west-1/ec2"].select(["account", "region", "resource_id", "value"]).to_pylist()
        == [{"account": "222222222222", "region": "eu-west-1", "resource_id": "i-eu-west-1-1", "value": 11.0}] * 2
    )


def test_statistics_follow_the_metric_and_a_sum_of_bytes_covers_the_period(aws: str) -> None:
    cloud = client(aws, "us-west-1")
    minutes = {NOON + timedelta(minutes=minute): float(minute) for minute in range(10)}
    given(cloud, "AWS/EC2", "CPUUtilization", minutes, InstanceId="i-1")
    given(cloud, "AWS/EC2", "NetworkIn", minutes, "Bytes", InstanceId="i-1")

    data = fetched(aws, regions=["us-west-1"], services=["ec2"])[f"{OWN}/us-west-1/ec2"]

    assert values(data, metric="CPUUtilization", statistic="Average") == [2.0, 7.0]
    assert values(data, metric="CPUUtilization", statistic="Maximum") == [4.0, 9.0]
    assert values(data, metric="NetworkIn") == values(data, metric="NetworkIn", statistic="Sum") == [10.0, 35.0]
    assert {(row["metric"], row["unit"]) for row in data.to_pylist()} == {("CPUUtilization", "Percent"), ("NetworkIn", "Bytes")}


def test_an_instance_under_basic_monitoring_that_is_asked_for_minutes_keeps_its_five(aws: str) -> None:
    cloud, region = client(aws, "eu-north-1"), "eu-north-1"
    given(
        cloud, "AWS/EC2", "NetworkIn", {NOON + timedelta(minutes=n): 3e8 for n in range(0, 30, 5)}, "Bytes", InstanceId="i-basic"
    )
    given(cloud, "AWS/EC2", "NetworkIn", {NOON + timedelta(minutes=n): 6e7 for n in range(30)}, "Bytes", InstanceId="i-detailed")

    rows = fetched(aws, regions=[region], services=["ec2"], period_s=60)[f"{OWN}/{region}/ec2"].to_pylist()

    assert {(row["resource_id"], row["period_s"], row["value"]) for row in rows} == {
        ("i-basic", 300, 3e8), ("i-detailed", 60, 6e7)
    }  # fmt: skip


def test_five_minutes_of_basic_monitoring_are_told_from_the_hour_before_so_that_the_day_says_the_same(aws: str) -> None:
    cloud, region = client(aws, "sa-east-1"), "sa-east-1"
    minutes = {NOON + timedelta(minutes=n): 3e8 for n in range(0, 30, 5)}
    given(cloud, "AWS/EC2", "NetworkIn", minutes, "Bytes", InstanceId="i-basic")
    part = Interval(NOON + timedelta(minutes=25), NOON + timedelta(minutes=30))

    rows = fetched(aws, part, regions=[region], services=["ec2"], period_s=60)[f"{OWN}/{region}/ec2"].to_pylist()

    assert [(row["ts"], row["period_s"], row["value"]) for row in rows if row["resource_id"] == "i-basic"] == [
        (part.start, 300, 3e8)
    ]


def test_every_service_has_its_values_under_the_names_that_the_inventory_gives_its_resources(aws: str) -> None:
    cloud = client(aws, "us-west-2")
    asked = (
        ("i-1", "AWS/EC2", "CPUCreditBalance", "Count", {"InstanceId": "i-1"}),
        ("db:orders", "AWS/RDS", "CPUUtilization", "Percent", {"DBInstanceIdentifier": "orders"}),
        ("vol-1", "AWS/EBS", "VolumeReadBytes", "Bytes", {"VolumeId": "vol-1"}),
        ("loadbalancer/app/web/50dc6c49", "AWS/ApplicationELB", "RequestCount", "Count", {"LoadBalancer": "app/web/50dc6c49"}),
        ("loadbalancer/net/in/1a2b", "AWS/NetworkELB", "ProcessedBytes", "Bytes", {"LoadBalancer": "net/in/1a2b"}),
        ("loadbalancer/old", "AWS/ELB", "RequestCount", "Count", {"LoadBalancerName": "old"}),
        ("function:resize", "AWS/Lambda", "Invocations", "Count", {"FunctionName": "resize"}),
        ("service/shop/cart", "AWS/ECS", "MemoryUtilization", "Percent", {"ClusterName": "shop", "ServiceName": "cart"}),
        ("nat-1", "AWS/NATGateway", "BytesOutToDestination", "Bytes", {"NatGatewayId": "nat-1"}),
    )
    for number, (_, namespace, name, unit, dimensions) in enumerate(asked, 1):
        given(cloud, namespace, name, {NOON: float(number), NOON + timedelta(minutes=1): number + 2.0}, unit, **dimensions)
    # Part of a load balancer's requests, which its own total already has.
    given(cloud, "AWS/ApplicationELB", "RequestCount", {NOON: 90.0}, "Count", LoadBalancer="app/web/50dc6c49", TargetGroup="t")

    found = [row for data in fetched(aws, regions=["us-west-2"]).values() for row in data.to_pylist()]

    statistics = {"Percent": ("Average", "Maximum"), "Bytes": ("Sum",), "Count": ("Sum",)}
    expected = {}
    for number, (resource, _, name, unit, _) in enumerate(asked, 1):
        figures = {"Average": number + 1.0, "Maximum": number + 2.0, "Minimum": float(number), "Sum": 2.0 * number + 2}
        for statistic in ("Average", "Minimum") if "Credit" in name else statistics[unit]:
            expected[resource, name, statistic, unit] = figures[statistic]
    assert {(row["resource_id"], row["metric"], row["statistic"], row["unit"]): row["value"] for row in found} == expected
    assert len(found) == len(expected)


def test_the_agents_disks_are_series_of_their_own_and_the_root_is_the_instances(aws: str) -> None:
    cloud = client(aws, "ap-south-1")
    for path, device, value in (("/", "nvme0n1p1", 40.0), ("/data", "nvme1n1", 80.0)):
        appended = {"InstanceId": "i-1", "ImageId": "ami-1", "path": path, "device": device, "fstype": "xfs"}
        given(cloud, "CWAgent", "disk_used_percent", {NOON: value}, **appended)
    given(cloud, "CWAgent", "mem_used_percent", {NOON: 60.0}, InstanceId="i-1", ImageId="ami-1", InstanceType="m5.large")
    given(cloud, "CWAgent", "mem_used_percent", {NOON: 55.0}, AutoScalingGroupName="whole-group")

    data = fetched(aws, regions=["ap-south-1"], services=["ec2"])[f"{OWN}/ap-south-1/ec2"]

    averages = {row["metric"]: row["value"] for row in data.to_pylist() if row["statistic"] == "Average"}
    assert averages == {"disk_used_percent": 40.0, "disk_used_percent:/data": 80.0, "mem_used_percent": 60.0}


def test_an_instance_that_was_resized_keeps_one_series_and_a_roll_up_stands_for_its_detail(aws: str) -> None:
    cloud = client(aws, "eu-west-3")
    later = NOON + timedelta(hours=1)
    given(cloud, "CWAgent", "mem_used_percent", {NOON: 60.0, later: 64.0}, InstanceId="i-1", InstanceType="m5.large")
    given(
        cloud,
        "CWAgent",
        "mem_used_percent",
        {later: 32.0, later + timedelta(hours=1): 30.0},
        InstanceId="i-1",
        InstanceType="m5.xlarge",
    )
    given(cloud, "CWAgent", "mem_used_percent", {NOON: 50.0}, InstanceId="i-2")
    given(cloud, "CWAgent", "mem_used_percent", {NOON: 51.0}, InstanceId="i-2", InstanceType="m5.large")

    data = fetched(aws, regions=["eu-west-3"], services=["ec2"])[f"{OWN}/eu-west-3/ec2"]

    assert values(data, resource_id="i-1", statistic="Average") == [60.0, 64.0, 30.0]
    assert values(data, resource_id="i-2", statistic="Average") == [50.0]


def test_resources_given_by_name_are_asked_for_without_being_listed_and_others_are_not(aws: str) -> None:
    cloud = client(aws, "sa-east-1")
    for instance in ("i-1", "i-2"):
        given(cloud, "AWS/EC2", "CPUUtilization", {NOON: 5.0}, InstanceId=instance)
        given(cloud, "CWAgent", "mem_used_percent", {NOON: 6.0}, InstanceId=instance)
    given(cloud, "AWS/ECS", "CPUUtilization", {NOON: 7.0}, ClusterName="c", ServiceName="s")

    shards = fetched(aws, regions=["sa-east-1"], services=["ec2", "ecs"], resources={"ec2": ["i-2", "i-gone"], "ecs": ["c/s"]})

    assert {(row["resource_id"], row["metric"]) for row in shards[f"{OWN}/sa-east-1/ec2"].to_pylist()} == {
        ("i-2", "CPUUtilization"),
        ("i-2", "mem_used_percent"),
    }
    assert values(shards[f"{OWN}/sa-east-1/ecs"], statistic="Average") == [7.0]
    with pytest.raises(ConfigError, match="expected ClusterName/ServiceName"):
        fetched(aws, regions=["sa-east-1"], services=["ecs"], resources={"ecs": ["only-a-name"]})


def test_an_interval_fetched_in_parts_that_cut_periods_gives_the_same_rows_as_at_once(aws: str) -> None:
    cloud = client(aws, "eu-north-1")
    points = {DAY.start + timedelta(minutes=7 * n): float(n) for n in range(200)}
    given(cloud, "AWS/EC2", "CPUUtilization", points, InstanceId="i-1")
    edges = [DAY.start, NOON, NOON + timedelta(minutes=67, seconds=30), DAY.end]

    whole = fetched(aws, regions=["eu-north-1"], services=["ec2"])
    parts = [fetched(aws, Interval(*edge), regions=["eu-north-1"], services=["ec2"]) for edge in pairwise(edges)]

    shard = f"{OWN}/eu-north-1/ec2"
    assert pa.concat_tables([part[shard] for part in parts]).equals(whole[shard])


def test_a_late_datapoint_is_landed_beside_the_first_answer_and_counts_once(aws: str, lake: Lake) -> None:
    cloud = client(aws, "eu-south-1")
    given(cloud, "AWS/EC2", "CPUUtilization", {NOON: 10.0}, InstanceId="i-1")

    def land(hour: int) -> bool:
        [(shard, data)] = fetched(aws, regions=["eu-south-1"], services=["ec2"]).items()
        at = DAY.end + timedelta(hours=hour)
        return lake.land(METRIC_SAMPLE, data, source="cloudwatch", shard=shard, ingested_at=at).changed

    assert land(3)
    assert not land(4)
    given(cloud, "AWS/EC2", "CPUUtilization", {NOON + timedelta(minutes=1): 30.0}, InstanceId="i-1")
    assert land(5)

    found = lake.query(
        "SELECT metric, value FROM views.metric_point WHERE rule IS NULL AND statistic = 'average' AND day = cast(:day AS date)",
        {"day": DAY.start},
    )
    assert found.to_pylist() == [{"metric": "cpu_utilization", "value": 20.0}]


def test_points_that_cloudwatch_no_longer_keeps_are_refused_or_taken_coarser_where_allowed(aws: str) -> None:
    old = Interval(TODAY - timedelta(days=70), TODAY - timedelta(days=69))
    cloud = client(aws, "ca-central-1")
    given(
        cloud, "AWS/EC2", "CPUUtilization", {old.start + timedelta(minutes=5 * n): float(n) for n in range(24)}, InstanceId="i-1"
    )

    with pytest.raises(
        ConfigError, match=r"70 days ago; points of 300 s are kept for 63 days: set period_s=3600 or past=coarser"
    ):
        fetched(aws, old, regions=["ca-central-1"], services=["ec2"])
    coarser = fetched(aws, old, regions=["ca-central-1"], services=["ec2"], past="coarser")[f"{OWN}/ca-central-1/ec2"]

    assert values(coarser, statistic="Average") == [5.5, 17.5]
    assert coarser["period_s"].unique().to_pylist() == [3600]
    with pytest.raises(ConfigError, match="keeps nothing that old"):
        fetched(aws, Interval.day("1999-01-01"), services=["ec2"], past="coarser")
    with pytest.raises(ConfigError, match="points of 60 s are kept for 15 days: set period_s=300"):
        fetched(aws, Interval(TODAY - timedelta(days=16), TODAY - timedelta(days=15)), services=["ec2"], period_s=60)


def test_of_a_table_and_its_indexes_and_of_the_nodes_of_a_cluster_the_largest_value_counts(aws: str) -> None:
    cloud = client(aws, "eu-south-1")
    later = NOON + timedelta(hours=1)
    given(cloud, "AWS/DynamoDB", "ConsumedReadCapacityUnits", {NOON: 2.0}, "Count", TableName="orders")
    index = {"TableName": "orders", "GlobalSecondaryIndexName": "by-day"}
    given(cloud, "AWS/DynamoDB", "ConsumedReadCapacityUnits", {NOON: 1.0, later: 7.0}, "Count", **index)
    for node, hits in (("0001-001", 3.0), ("0001-002", 4.0)):
        given(cloud, "AWS/MemoryDB", "KeyspaceHits", {NOON: hits}, "Count", ClusterName="ledger", NodeName=node)

    asked = {"regions": ["eu-south-1"], "services": ["dynamodb", "memorydb"], "period_s": 3600}
    shards = fetched(aws, **asked)
    [only] = fetched(aws, **asked, resources={"dynamodb": ["orders"], "memorydb": ["other"]}).values()

    tables, clusters = shards[f"{OWN}/eu-south-1/dynamodb"], shards[f"{OWN}/eu-south-1/memorydb"]
    assert values(tables, resource_id="table/orders", metric="ConsumedReadCapacityUnits") == [2.0, 7.0]
    assert values(clusters, resource_id="cluster/ledger", metric="KeyspaceHits") == [4.0]
    assert only == tables


def test_what_a_bucket_holds_is_asked_for_by_the_day_and_what_is_asked_of_it_by_the_period(aws: str) -> None:
    cloud = client(aws, "eu-north-1")
    given(cloud, "AWS/S3", "BucketSizeBytes", {DAY.start: 5e9}, "Bytes", BucketName="logs", StorageType="StandardStorage")
    given(cloud, "AWS/S3", "GetRequests", {NOON: 3.0}, "Count", BucketName="logs", FilterId="EntireBucket")

    shards = fetched(aws, regions=["eu-north-1"], services=["s3"], period_s=3600)

    rows = [
        (row["metric"], row["statistic"], row["period_s"], row["ts"], row["value"], row["unit"])
        for row in shards[f"{OWN}/eu-north-1/s3"].to_pylist()
    ]
    assert sorted(rows) == [
        ("BucketSizeBytes:StandardStorage", "Average", 86_400, DAY.start, 5e9, "Count"),
        ("GetRequests:EntireBucket", "Sum", 3600, NOON, 3.0, "Count"),
    ]


def test_lambda_insights_tell_of_a_function_and_not_of_each_of_its_versions(aws: str) -> None:
    cloud = client(aws, "eu-west-3")
    for more in ({}, {"version": "7"}):
        given(cloud, "LambdaInsights", "memory_utilization", {NOON: 40.0 + len(more)}, function_name="score", **more)

    shards = fetched(aws, regions=["eu-west-3"], services=["lambda"], period_s=3600)

    rows = shards[f"{OWN}/eu-west-3/lambda"].to_pylist()
    assert {(row["resource_id"], row["metric"], row["value"]) for row in rows} == {("function:score", "memory_utilization", 40.0)}
