"""What runs in AWS, described by moto's server."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from pipeline.errors import ConfigError, SourceError
from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake
from pipeline.settings import Settings
from pipeline.sources import _http, inventory
from pipeline.steps import perform
from pipeline.tables.usage import RESOURCE_SNAPSHOT
from tests.support.aws_answers import page_of_volumes
from tests.support.source_servers import Reply, Request, aws_error, moto_server, spoiled

pytestmark = [pytest.mark.server, pytest.mark.system]

OWN = "123456789012"
TODAY = datetime.now(UTC).replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0)
YESTERDAY = Interval(TODAY - timedelta(days=1), TODAY)
# An image that moto knows.
AMI = "ami-12c6146b"


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setattr(_http, "pause", lambda *_: None)


def client(url: str, service: str, region: str) -> Any:
    import boto3

    return boto3.client(service, region, endpoint_url=url)


def fetched(url: str, interval: Interval = YESTERDAY, **options: Any) -> pa.Table:
    batches = list(inventory.fetch(interval, inventory.Options(endpoint_url=url, **options)))
    return pa.concat_tables([batch.data for batch in batches]) if batches else None


def by_id(data: pa.Table) -> dict[str, dict[str, Any]]:
    return {row["resource_id"]: {**row, "tags": json.loads(row["tags_json"])} for row in data.to_pylist()}


def test_instances_have_their_type_state_launch_and_tags_with_the_group_they_belong_to(aws: str) -> None:
    ec2 = client(aws, "ec2", "eu-west-1")
    tags = [{"Key": "app_name", "Value": "shöp"}, {"Key": "aws:autoscaling:groupName", "Value": "web"}]
    specification = [{"ResourceType": "instance", "Tags": tags}]
    started = ec2.run_instances(ImageId=AMI, InstanceType="m5.large", MinCount=2, MaxCount=2, TagSpecifications=specification)
    first, second = (one["InstanceId"] for one in started["Instances"])
    ec2.stop_instances(InstanceIds=[second])

    found = by_id(fetched(aws, regions=["eu-west-1"], services=["ec2"]))

    assert set(found) == {first, second}
    assert found[first]["account"] == OWN
    assert found[first]["ts"] == YESTERDAY.start
    assert (found[first]["service"], found[first]["instance_type"], found[first]["state"]) == ("ec2", "m5.large", "running")
    assert found[second]["state"] == "stopped"
    assert abs(found[first]["launched_at"] - datetime.now(UTC).replace(tzinfo=None)) < timedelta(minutes=5)
    assert found[first]["tags"]["aws:autoscaling:groupName"] == "web"
    assert found[first]["tags"]["app_name"] == "shöp"
    assert found[first]["tags"]["headroom:availability_zone"] == "eu-west-1a"


def test_volumes_snapshots_and_addresses_say_what_they_are_attached_to(aws: str) -> None:
    ec2 = client(aws, "ec2", "us-east-2")
    volume = ec2.create_volume(AvailabilityZone="us-east-2a", Size=100, VolumeType="gp3", Iops=4000, Throughput=250)["VolumeId"]
    snapshot = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    instance = ec2.run_instances(ImageId=AMI, InstanceType="t3.micro", MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    idle, used = (ec2.allocate_address(Domain="vpc")["AllocationId"] for _ in range(2))
    ec2.associate_address(AllocationId=used, InstanceId=instance)
    ec2.attach_volume(VolumeId=volume, InstanceId=instance, Device="/dev/sdf")

    found = by_id(fetched(aws, regions=["us-east-2"], services=["ebs", "ebs-snapshot", "address"]))

    assert found[volume]["service"] == "ebs"
    assert found[volume]["state"] == "in-use"
    assert found[volume]["tags"] == {
        "headroom:volume_type": "gp3",
        "headroom:size_gib": "100",
        "headroom:iops": "4000",
        "headroom:throughput_mibps": "250",
        "headroom:attached_to": instance,
        "headroom:encrypted": "false",
    }
    assert found[snapshot]["service"] == "ebs-snapshot"
    assert found[snapshot]["tags"]["headroom:volume"] == volume
    assert (found[idle]["state"], found[used]["state"]) == ("unassociated", "associated")
    assert found[used]["tags"]["headroom:attached_to"] == instance
    assert found[idle]["launched_at"] is None


def test_databases_load_balancers_and_gateways_are_described_beside_each_other_though_they_share_a_name(aws: str) -> None:
    region = "eu-central-1"
    client(aws, "rds", region).create_db_instance(
        DBInstanceIdentifier="orders",
        DBInstanceClass="db.m6g.large",
        Engine="mysql",
        AllocatedStorage=50,
        Tags=[{"Key": "environment", "Value": "prod"}],
    )
    ec2 = client(aws, "ec2", region)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"{region}{zone}")["Subnet"]["SubnetId"]
        for n, zone in enumerate("ab")
    ]
    tags = [{"Key": "app_name", "Value": "shop"}]
    client(aws, "elbv2", region).create_load_balancer(Name="orders", Subnets=subnets, Type="application", Tags=tags)
    client(aws, "elb", region).create_load_balancer(
        LoadBalancerName="orders",
        Listeners=[{"Protocol": "http", "LoadBalancerPort": 80, "InstancePort": 80}],
        AvailabilityZones=[f"{region}a"],
        Tags=tags,
    )
    gateway = ec2.create_nat_gateway(SubnetId=subnets[0], ConnectivityType="private")["NatGateway"]["NatGatewayId"]

    found = by_id(fetched(aws, regions=[region], services=["rds", "elb", "nat"]))

    [application] = [name for name in found if name.startswith("loadbalancer/app/orders/")]
    assert set(found) == {"db:orders", application, "loadbalancer/orders", gateway}
    assert (found["db:orders"]["instance_type"], found["db:orders"]["state"]) == ("db.m6g.large", "available")
    assert found["db:orders"]["tags"]["environment"] == "prod"
    assert found["db:orders"]["tags"]["headroom:engine"] == "mysql"
    assert found[application]["tags"]["headroom:type"] == "application"
    assert found[application]["tags"]["app_name"] == found["loadbalancer/orders"]["tags"]["app_name"] == "shop"
    assert found["loadbalancer/orders"]["tags"]["headroom:type"] == "classic"
    assert found["loadbalancer/orders"]["tags"]["headroom:targets"] == "0"
    assert found[gateway]["service"] == "nat"
    assert found[gateway]["tags"]["headroom:vpc"] == vpc


def test_the_present_stands_for_yesterday_and_today_but_for_no_older_day(aws: str) -> None:
    client(aws, "ec2", "us-west-2").create_volume(AvailabilityZone="us-west-2a", Size=1)
    ask = {"regions": ["us-west-2"], "services": ["ebs"]}

    month = fetched(aws, Interval(TODAY - timedelta(days=30), TODAY + timedelta(days=1)), **ask)
    reaching = fetched(aws, Interval(TODAY - timedelta(days=30), TODAY), reach_days=3, **ask)

    assert month["ts"].to_pylist() == [TODAY - timedelta(days=1), TODAY]
    assert reaching["ts"].to_pylist() == [TODAY - timedelta(days=back) for back in (3, 2, 1)]
    assert fetched(aws, Interval(TODAY - timedelta(days=2), TODAY - timedelta(days=1)), **ask) is None
    assert fetched(aws, Interval(TODAY + timedelta(days=1), TODAY + timedelta(days=2)), **ask) is None


def test_a_snapshot_becomes_the_resources_of_the_day_in_silver(aws: str, lake: Lake) -> None:
    ec2 = client(aws, "ec2", "sa-east-1")
    tags = [{"Key": "app_name", "Value": "shop"}, {"Key": "environment", "Value": "test"}]
    volume = ec2.create_volume(
        AvailabilityZone="sa-east-1a", Size=8, TagSpecifications=[{"ResourceType": "volume", "Tags": tags}]
    )["VolumeId"]
    options = inventory.Options(endpoint_url=aws, regions=("sa-east-1",), services=("ebs",))
    [batch] = inventory.fetch(YESTERDAY, options)
    lake.land(RESOURCE_SNAPSHOT, batch.data, source="inventory", shard=batch.shard, ingested_at=TODAY + timedelta(hours=3))

    from pipeline.lake import sql

    rows = lake.query(sql.text("silver.resource"), {"start": YESTERDAY.start, "end": YESTERDAY.end}).to_pylist()

    assert [(row["resource_id"], row["ts"], row["app_name"], row["environment"]) for row in rows] == [
        (volume, YESTERDAY.start, "shop", "test")
    ]


def test_all_pages_are_read_though_some_are_throttled_and_a_resource_on_two_of_them_counts_once(aws: str) -> None:
    pages = {b"": page_of_volumes(["vol-1", "vol-2"], "two"), b"two": page_of_volumes(["vol-2", "vol-3"], "three")}
    pages[b"three"] = page_of_volumes(["vol-4"], "")
    calls: list[bytes] = []

    def fault(request: Request) -> Reply | None:
        if request.operation != "DescribeVolumes":
            return None
        calls.append(request.body)
        if len(calls) % 2:
            return aws_error(request, 503, "RequestLimitExceeded")
        return pages[request.body.partition(b"NextToken=")[2].partition(b"&")[0]]

    with spoiled(aws, fault) as throttled:
        found = fetched(throttled.url, regions=["ap-northeast-1"], services=["ebs"])

    assert found["resource_id"].to_pylist() == ["vol-1", "vol-2", "vol-3", "vol-4"]
    assert len(calls) == 6


@pytest.mark.parametrize(
    ("cut", "error"),
    [
        pytest.param(("DescribeVolumes", 503, "RequestLimitExceeded"), SourceError, id="page 2 of the volumes never comes"),
        pytest.param(("DescribeAddresses", 403, "UnauthorizedOperation"), ConfigError, id="another service may not be read"),
    ],
)
def test_what_a_cut_listing_lacks_is_not_gone(
    aws: str, settings: Settings, cut: tuple[str, int, str], error: type[Exception]
) -> None:
    pages = {b"": page_of_volumes(["vol-1"], "two"), b"two": page_of_volumes(["vol-2"], "")}
    broken = []

    def fault(request: Request) -> Reply | None:
        operation, status, code = cut
        page = request.body.partition(b"NextToken=")[2].partition(b"&")[0]
        if broken and request.operation == operation and (page or operation != "DescribeVolumes"):
            return aws_error(request, status, code)
        return pages[page] if request.operation == "DescribeVolumes" else None

    def judged(day: Interval) -> set[str]:
        perform("recommend", day, settings=settings)
        return set(open_lake(settings).query("SELECT resource_id FROM gold.recommendation")["resource_id"].to_pylist())

    with spoiled(aws, fault) as listing:
        asked = {
            "endpoint_url": listing.url,
            "regions": ["eu-west-3"],
            "services": ["ebs", "address"],
            "reach_days": 2,
            "attempts": 2,
        }
        settings = settings.model_copy(update={"options": {"sources": {"inventory": asked}}})
        before = Interval(YESTERDAY.start - timedelta(days=1), YESTERDAY.start)
        perform("ingest", before, target="inventory", settings=settings)
        landed = open_lake(settings).content(RESOURCE_SNAPSHOT)
        broken.append(True)
        with pytest.raises(error):
            perform("ingest", YESTERDAY, target="inventory", settings=settings)

    assert open_lake(settings).content(RESOURCE_SNAPSHOT) == landed
    perform("build", before, target="silver.resource", settings=settings)
    assert judged(YESTERDAY) == {"vol-1", "vol-2"}


def test_a_service_that_is_not_asked_for_any_more_is_unknown_and_not_gone(
    aws: str, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    ec2 = client(aws, "ec2", "ap-south-1")
    volume = ec2.create_volume(AvailabilityZone="ap-south-1a", Size=8)["VolumeId"]
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    before = Interval(YESTERDAY.start - timedelta(days=1), YESTERDAY.start)
    for day, services in ((before, ["ebs", "address"]), (YESTERDAY, ["ebs"])):
        asked = {"endpoint_url": aws, "regions": ["ap-south-1"], "services": services, "reach_days": 2}
        settings = settings.model_copy(update={"options": {"sources": {"inventory": asked}}})
        perform("ingest", day, target="inventory", settings=settings)
        perform("build", day, target="silver.resource", settings=settings)

    with caplog.at_level(logging.WARNING):
        perform("recommend", YESTERDAY, settings=settings)

    rows = open_lake(settings).query("SELECT resource_id, reason FROM gold.recommendation").to_pylist()
    assert {row["resource_id"] for row in rows} == {volume, address}
    [said] = [row["reason"] for row in rows if row["resource_id"] == address]
    assert "has no address at all" in said
    assert said in caplog.text


def test_a_page_whose_token_repeats_an_earlier_one_hands_over_nothing(aws: str) -> None:
    def fault(request: Request) -> Reply | None:
        return page_of_volumes(["vol-1"], "again") if request.operation == "DescribeVolumes" else None

    with spoiled(aws, fault) as endless, pytest.raises(SourceError, match="page 2 repeats an earlier NextToken"):
        fetched(endless.url, regions=["ap-northeast-1"], services=["ebs"])
    assert endless.operations().count("DescribeVolumes") == 2


def test_a_service_that_may_not_be_described_is_named_and_nothing_is_handed_over(aws: str) -> None:
    def fault(request: Request) -> Reply | None:
        return aws_error(request, 403, "AccessDenied") if request.operation == "DescribeDBInstances" else None

    with (
        spoiled(aws, fault) as denied,
        pytest.raises(ConfigError, match="allow the action rds:DescribeDBInstances"),
    ):
        fetched(denied.url, regions=["eu-west-1"])
    assert denied.operations().count("DescribeDBInstances") == 1
