"""What AWS describes and counts becomes advice with dollars: from the sources over silver to the recommendation."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake
from pipeline.settings import Settings
from pipeline.steps import perform
from tests.support.source_servers import Reply, Request, json_reply, moto_server, spoiled

pytestmark = [pytest.mark.server, pytest.mark.system]

TODAY = datetime.now(UTC).replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0)
YESTERDAY = Interval(TODAY - timedelta(days=1), TODAY)
REGION = "us-east-1"
AMI = "ami-12c6146b"
#: One day is all that moto remembers: what has to be so for weeks must be so for a day here.
A_DAY = {
    "idle_volume": {"unattached_days": 1, "idle_days": 1},
    "idle_load_balancer": {"idle_days": 1},
    "idle_nat_gateway": {"idle_days": 1},
    "idle_database": {"idle_days": 1},
    "idle_table": {"idle_days": 1},
    "idle_cache": {"idle_days": 1},
    "idle_document_database": {"idle_days": 1},
}
LAUNCHED = f"{TODAY - timedelta(days=400):%Y-%m-%dT%H:%M:%S}.000Z"


def client(url: str, service: str) -> Any:
    return boto3.client(service, REGION, endpoint_url=url)


def counted(url: str, namespace: str, name: str, unit: str, value: float, days: int = 7, **dimensions: str) -> None:
    """The same value at the beginning of each hour of the days before today: moto looks at all of them for each metric."""
    points = [
        {
            "MetricName": name,
            "Dimensions": [{"Name": key, "Value": given} for key, given in dimensions.items()],
            "Timestamp": TODAY - timedelta(hours=hour) + timedelta(minutes=1),
            "Value": value,
            "Unit": unit,
        }
        for hour in range(1, days * 24 + 1)
    ]
    client(url, "cloudwatch").put_metric_data(Namespace=namespace, MetricData=points)


def snapshots(request: Request) -> Reply | None:
    """A snapshot that is older than any that moto can make."""
    if request.operation != "DescribeSnapshots":
        return None
    item = (
        "<snapshotId>snap-old</snapshotId><volumeId>vol-gone</volumeId><status>completed</status><volumeSize>100</volumeSize>"
        f"<startTime>{LAUNCHED}</startTime><storageTier>standard</storageTier>"
        f"<fullSnapshotSizeInBytes>{40 * 2**30}</fullSnapshotSizeInBytes>"
    )
    body = f"<DescribeSnapshotsResponse><snapshotSet><item>{item}</item></snapshotSet></DescribeSnapshotsResponse>"
    return Reply(200, body.encode(), {"content-type": "text/xml"})


def databases(request: Request) -> Reply | None:
    """Databases that were there before yesterday."""
    if request.operation != "DescribeDBInstances":
        return None
    items = "".join(
        f"<DBInstance><DBInstanceIdentifier>{name}</DBInstanceIdentifier><DBInstanceClass>db.t3.large</DBInstanceClass>"
        f"<DBInstanceStatus>available</DBInstanceStatus><InstanceCreateTime>{LAUNCHED}</InstanceCreateTime>"
        f"<Engine>{engine}</Engine><EngineVersion>{version}</EngineVersion><MultiAZ>false</MultiAZ></DBInstance>"
        for name, engine, version in (("idle", "mysql", "8.4.3"), ("used", "mysql", "8.4.3"), ("old", "postgres", "12.17"))
    ) + "".join(
        f"<DBInstance><DBInstanceIdentifier>{name}</DBInstanceIdentifier><DBInstanceClass>db.t3.medium</DBInstanceClass>"
        f"<DBInstanceStatus>available</DBInstanceStatus><InstanceCreateTime>{LAUNCHED}</InstanceCreateTime>"
        f"<Engine>docdb</Engine><EngineVersion>5.0.0</EngineVersion><DBClusterIdentifier>of-{name}</DBClusterIdentifier></DBInstance>"
        for name in ("forgotten", "asked")
    )
    body = (
        "<DescribeDBInstancesResponse><DescribeDBInstancesResult>"
        f"<DBInstances>{items}</DBInstances></DescribeDBInstancesResult></DescribeDBInstancesResponse>"
    )
    return Reply(200, body.encode(), {"content-type": "text/xml"})


def caches(request: Request) -> Reply | None:
    """Two caches of a type that the shipped prices have."""
    if request.operation != "DescribeCacheClusters":
        return None
    items = "".join(
        f"<CacheCluster><CacheClusterId>{name}</CacheClusterId><CacheNodeType>cache.m6g.12xlarge</CacheNodeType>"
        f"<CacheClusterStatus>available</CacheClusterStatus><CacheClusterCreateTime>{LAUNCHED}</CacheClusterCreateTime>"
        "<Engine>redis</Engine><EngineVersion>7.1.0</EngineVersion><NumCacheNodes>1</NumCacheNodes></CacheCluster>"
        for name in ("cold", "warm")
    )
    body = (
        "<DescribeCacheClustersResponse><DescribeCacheClustersResult>"
        f"<CacheClusters>{items}</CacheClusters></DescribeCacheClustersResult></DescribeCacheClustersResponse>"
    )
    return Reply(200, body.encode(), {"content-type": "text/xml"})


def functions(request: Request) -> Reply | None:
    """Some functions; to make one, moto wants a role and code."""
    if not request.path.startswith("/2015-03-31/functions"):
        return None
    named = (("busy", "x86_64", 2048), ("modern", "arm64", 2048), ("roomy", "x86_64", 1024), ("snug", "x86_64", 1024))
    listed = [
        {"FunctionName": name, "MemorySize": memory, "Architectures": [kind], "PackageType": "Zip"}
        for name, kind, memory in named
    ]
    return json_reply({"Functions": listed})


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    with (
        moto_server() as url,
        spoiled(url, lambda request: snapshots(request) or databases(request) or caches(request) or functions(request)) as served,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        yield served.url


@pytest.fixture(scope="module")
def estate(aws: str) -> dict[str, str]:
    """What is there, by what it is: of each kind one that is to be changed, and a twin that is not."""
    # It takes two seconds to import, which every worker would spend that only collects this file.
    from moto.dynamodb.models import dynamodb_backends
    from moto.ec2.models import ec2_backends
    from moto.ecs.models import ecs_backends
    from moto.elbv2.models import elbv2_backends

    ec2 = client(aws, "ec2")
    [machine] = ec2.run_instances(ImageId=AMI, InstanceType="m5.large", MinCount=1, MaxCount=1)["Instances"]
    made = {}
    volumes = {
        "loose": ("gp2", {}),
        "used": ("gp2", {}),
        "modern": ("gp3", {"Iops": 3000, "Throughput": 125}),
        "quick": ("io1", {"Iops": 5000}),
    }
    for name, (kind, more) in volumes.items():
        made[name] = ec2.create_volume(AvailabilityZone=f"{REGION}a", Size=100, VolumeType=kind, **more)["VolumeId"]
        ec2_backends["123456789012"][REGION].volumes[made[name]].create_time = LAUNCHED
    for name, device in (("used", "f"), ("modern", "g"), ("quick", "h")):
        ec2.attach_volume(VolumeId=made[name], InstanceId=machine["InstanceId"], Device=f"/dev/sd{device}")
        counted(aws, "AWS/EBS", "VolumeReadOps", "Count", 3600.0, VolumeId=made[name])
        counted(aws, "AWS/EBS", "VolumeWriteOps", "Count", 3600.0, VolumeId=made[name])
        counted(aws, "AWS/EBS", "VolumeReadBytes", "Bytes", 1e9, VolumeId=made[name])
        counted(aws, "AWS/EBS", "VolumeWriteBytes", "Bytes", 1e9, VolumeId=made[name])
    made["free"], made["taken"] = (ec2.allocate_address(Domain="vpc")["AllocationId"] for _ in range(2))
    ec2.associate_address(AllocationId=made["taken"], InstanceId=machine["InstanceId"])
    subnets = [subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"]]
    for name, connections in (("silent", 0.0), ("busy", 7.0)):
        made[name] = ec2.create_nat_gateway(SubnetId=subnets[0], ConnectivityType="private")["NatGateway"]["NatGatewayId"]
        counted(aws, "AWS/NATGateway", "ActiveConnectionCount", "Count", connections, 2, NatGatewayId=made[name])
        counted(aws, "AWS/NATGateway", "BytesOutToDestination", "Bytes", connections, 2, NatGatewayId=made[name])
    elb, balancers = client(aws, "elbv2"), elbv2_backends["123456789012"][REGION].load_balancers
    for name, requests in (("quiet", 1.0), ("loud", 1000.0)):
        arn = elb.create_load_balancer(Name=name, Subnets=subnets[:2])["LoadBalancers"][0]["LoadBalancerArn"]
        balancers[arn].created_time = LAUNCHED
        made[name] = f"loadbalancer/{arn.partition(':loadbalancer/')[2]}"
        dimension = {"LoadBalancer": arn.partition(":loadbalancer/")[2]}
        counted(aws, "AWS/ApplicationELB", "RequestCount", "Count", requests, 2, **dimension)
        counted(aws, "AWS/ApplicationELB", "ConsumedLCUs", "Count", 0.01, 2, **dimension)
    for name in ("busy", "modern", "roomy", "snug"):
        counted(aws, "AWS/Lambda", "Invocations", "Count", 6000.0, FunctionName=name)
        counted(aws, "AWS/Lambda", "Duration", "Milliseconds", 500.0, FunctionName=name)
    for name, memory in (("roomy", 20.0), ("snug", 79.0)):
        counted(aws, "LambdaInsights", "memory_utilization", "Percent", memory, function_name=name)
        counted(aws, "LambdaInsights", "cpu_total_time", "Milliseconds", 20.0, function_name=name)
    containers = client(aws, "ecs")
    containers.create_cluster(clusterName="shop")
    containers.register_task_definition(
        family="task", containerDefinitions=[], cpu="1024", memory="4096", requiresCompatibilities=["FARGATE"]
    )
    for name, used in (("wide", 15.0), ("full", 79.0)):
        containers.create_service(cluster="shop", serviceName=name, taskDefinition="task", desiredCount=2, launchType="FARGATE")
        for metric in ("CPUUtilization", "MemoryUtilization"):
            counted(aws, "AWS/ECS", metric, "Percent", used, ClusterName="shop", ServiceName=name)
    for one in ecs_backends["123456789012"][REGION].services.values():
        one.created_at = TODAY - timedelta(days=400)
    for name, asked in (("cold", 0.0), ("warm", 9.0)):
        counted(aws, "AWS/ElastiCache", "EngineCPUUtilization", "Percent", 0.3, 2, CacheClusterId=name)
        counted(aws, "AWS/ElastiCache", "NewConnections", "Count", asked, 2, CacheClusterId=name)
    for name, connections in (("forgotten", 0.0), ("asked", 3.0)):
        counted(aws, "AWS/DocDB", "DatabaseConnections", "Count", connections, 2, DBInstanceIdentifier=name)
    tables = client(aws, "dynamodb")
    for name, reads in (("unread", 0.0), ("read", 2.0)):
        tables.create_table(
            TableName=name,
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            ProvisionedThroughput={"ReadCapacityUnits": 30, "WriteCapacityUnits": 20},
        )
        dynamodb_backends["123456789012"][REGION].tables[name].created_at = TODAY - timedelta(days=400)
        for kind in ("Read", "Write"):
            counted(aws, "AWS/DynamoDB", f"Provisioned{kind}CapacityUnits", "Count", 20.0, 2, TableName=name)
        if reads:
            counted(aws, "AWS/DynamoDB", "ConsumedReadCapacityUnits", "Count", reads, 2, TableName=name)
    for name, connections in (("idle", 0.0), ("used", 3.0), ("old", 3.0)):
        counted(aws, "AWS/RDS", "DatabaseConnections", "Count", connections, 2, DBInstanceIdentifier=name)
    return made


@pytest.fixture(scope="module")
def lake(aws: str, estate: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """The lake after one day's run of these sources, and what it recommends."""
    from pipeline import settings

    asked = {"endpoint_url": aws, "regions": [REGION], "timeout_s": 120}
    made: Settings = settings.load({}, home=tmp_path_factory.mktemp("home")).model_copy(
        update={
            "sources": ("inventory", "cloudwatch", "prices"),
            "lookback_days": 7,
            "options": {
                "sources": {"inventory": {**asked, "reach_days": 7}, "cloudwatch": {**asked, "period_s": 3600}},
                "recommenders": A_DAY,
            },
        }
    )
    everything = Interval(TODAY - timedelta(days=7), TODAY)
    perform("ingest", Interval(datetime(2023, 9, 1), TODAY), target="prices", settings=made)
    perform("build", Interval(datetime(2023, 9, 1), TODAY), target="silver.price", settings=made)
    for source in ("inventory", "cloudwatch"):
        perform("ingest", everything, target=source, settings=made)
    for table in ("silver.resource", "silver.metric_hourly", "silver.metric_daily"):
        perform("build", everything, target=table, settings=made)
    perform("recommend", YESTERDAY, settings=made)
    return open_lake(made)


def advice(lake: Lake, rule: str) -> dict[str, tuple[str, float | None]]:
    rows = lake.query(
        "SELECT resource_id, action, savings_monthly_usd FROM gold.recommendation WHERE rule_id = :rule", {"rule": rule}
    )
    return {row["resource_id"]: (row["action"], row["savings_monthly_usd"]) for row in rows.to_pylist()}


_COMPUTES = 0.02 * 1769 / 1024
OF_ROOMY = 6000 * 730 * 0.0000166667 * (0.5 - 0.25 * (0.5 + 3 * _COMPUTES))
CASES = [
    ("gp2_volume", "loose", ("upgrade", 2.0), "modern", "keep"),
    ("idle_volume", "loose", ("delete", 5.0), "used", "keep"),
    # 7,200 reads and writes in five minutes are 24 a second; 100 are the least, and 4,900 of 0.065 USD are not needed.
    ("oversized_volume", "quick", ("rightsize", 318.5), "modern", "keep"),
    ("old_snapshot", "snap-old", ("delete", 2.0), None, None),
    ("idle_address", "free", ("delete", 3.65), "taken", "keep"),
    ("idle_load_balancer", "quiet", ("delete", 16.425), "loud", "keep"),
    ("idle_nat_gateway", "silent", ("delete", 32.85), "busy", "keep"),
    ("idle_database", "db:idle", ("stop", 99.28), "db:used", "keep"),
    # 30 read units and 20 write units by the hour.
    ("idle_table", "table/unread", ("rightsize", 12.337), "table/read", "keep"),
    # 6,000 calls of half a second with 2 GiB in an hour.
    ("function_architecture", "function:busy", ("migrate", 6000 * 730 * 0.0000033333), "function:modern", "keep"),
    ("extended_support", "db:old", ("upgrade", 146.0), "db:idle", "keep"),
    ("idle_cache", "cluster:cold", ("delete", 3.557 * 730), "cluster:warm", "keep"),
    ("idle_document_database", "db:forgotten", ("stop", 0.078 * 730), "db:asked", "keep"),
    # Two tasks of 1 vCPU and 4 GiB become ones of a quarter of either.
    ("task_size", "service/shop/wide", ("rightsize", 2 * 730 * (0.75 * 0.04048 + 3 * 0.004445)), "service/shop/full", "keep"),
    # A quarter of the memory has what it uses; the 20 ms that it computes take four times as long.
    ("function_memory", "function:roomy", ("rightsize", OF_ROOMY), "function:snug", "keep"),
]


@pytest.mark.parametrize(("rule", "name", "said", "twin", "of_twin"), CASES, ids=[case[0] for case in CASES])
def test_what_aws_describes_and_counts_becomes_advice_with_dollars(
    lake: Lake, estate: dict[str, str], rule: str, name: str, said: tuple[str, float], twin: str | None, of_twin: str | None
) -> None:
    found = advice(lake, rule)

    action, saving = found[estate.get(name, name)]
    assert action == said[0]
    assert saving == pytest.approx(said[1])
    if twin is not None:
        assert found[estate.get(twin, twin)][0] == of_twin
