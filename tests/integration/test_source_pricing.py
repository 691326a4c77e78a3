"""List prices as AWS publishes them, from a server on loopback with files of AWS's form."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from pipeline.advice.estate import no_bill
from pipeline.errors import ConfigError, DataError, SourceError
from pipeline.inputs.estate import read_prices
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.settings import Settings
from pipeline.sources import _http, pricing
from pipeline.steps.build import build
from pipeline.tables.money import PRICE, PRICE_HELD
from tests.support.price_files import EC2, PLANS, PUBLISHED, VPC, Api, Files, line, linux, planned, reserved
from tests.support.source_servers import Reply, Request, aws_error, serve

pytestmark = [pytest.mark.server]

MONTH = Interval.days("2026-09-01", "2026-10-01")


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_http, "pause", lambda *_: None)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_PROFILE", raising=False)


def fetched(interval: Interval = MONTH, **options: Any) -> dict[str, pa.Table]:
    wanted = {"regions": ["eu-west-2"], **options}
    return {batch.shard: batch.data for batch in pricing.fetch(interval, pricing.Options(**wanted))}


def by_item(data: pa.Table) -> dict[tuple[str, str], float]:
    return {(row["item"], row["unit"]): row["price_usd"] for row in data.to_pylist()}


def test_an_instance_price_is_of_linux_on_shared_tenancy_on_demand_and_another_system_has_one_of_its_own() -> None:
    with serve(Files()) as aws:
        shards = fetched(files_url=aws.url)

    ec2 = shards["AmazonEC2/eu-west-2"]
    others = ec2.filter(pc.equal(ec2["service"], "ec2_other"))
    assert by_item(others) == {
        ("m5.large Windows", "hour"): 0.203,
        ("m5.large RHEL", "hour"): 0.1398,
        ("m5.large Windows SQL Std", "hour"): 0.683,
        ("m5.large SQL Std", "hour"): 0.591,
        ("m5.large dedicated", "hour"): 0.118,
        ("m5.large dedicated Windows", "hour"): 0.21,
    }
    # No rule that looks for a type to change to sees one.
    assert others["vcpu"].null_count == len(others)
    assert by_item(ec2.filter(pc.not_equal(ec2["service"], "ec2_other"))) == {
        ("m5.large", "hour"): 0.111,
        ("z9.metal", "hour"): 7.25,
        ("gp3 storage", "GB-month"): 0.0928,
        ("gp2 storage", "GB-month"): 0.116,
        ("gp3 provisioned IOPS above 3000", "IOPS-month"): 0.0058,
        ("gp3 provisioned throughput above 125", "MBps-month"): 0.0464,
        ("snapshot standard", "GB-month"): 0.053,
        ("NAT gateway", "hour"): 0.05,
        ("NAT gateway data processed", "GB"): 0.05,
        ("standard 1yr no_upfront: m5.large", "hour"): 0.07,
        ("standard 3yr partial_upfront: m5.large", "hour"): 0.04,
        ("convertible 1yr all_upfront: m5.large", "hour"): 0.065,
    }
    assert by_item(shards["AWSELB/eu-west-2"]) == {
        ("ALB", "hour"): 0.02646,
        ("ALB LCU", "LCU-hour"): 0.0084,
        ("NLB", "hour"): 0.02646,
        ("classic", "hour"): 0.0294,
    }
    assert by_item(shards["AmazonVPC/eu-west-2"]) == {("public IPv4 / unused EIP", "hour"): 0.005}
    assert by_item(shards["AmazonRDS/eu-west-2"]) == {
        ("db.m6g.large", "hour"): 0.179,
        ("db.m6g.large PostgreSQL", "hour"): 0.179,
        ("db.m6g.large Multi-AZ", "hour"): 0.358,
        ("extended support year 1 MySQL", "vCPU-hour"): 0.112,
        ("extended support year 1 PostgreSQL", "vCPU-hour"): 0.112,
        ("extended support year 3 MySQL", "vCPU-hour"): 0.224,
    }
    assert by_item(shards["AWSLambda/eu-west-2"]) == {
        ("duration x86 first tier", "GB-second"): 0.0000166667,
        ("duration arm64 first tier", "GB-second"): 0.0000133334,
    }
    assert by_item(shards["AmazonElastiCache/eu-west-2"]) == {
        ("cache.m6g.large redis", "hour"): 0.158,
        ("cache.m6g.large valkey", "hour"): 0.1264,
        ("standard 1yr no_upfront: cache.m6g.large redis", "hour"): 0.108,
    }
    assert by_item(shards["AmazonMemoryDB/eu-west-2"]) == {
        ("db.r6g.large redis", "hour"): 0.368,
        ("db.r6g.large valkey", "hour"): 0.2576,
    }
    assert by_item(shards["AmazonSageMaker/eu-west-2"]) == {("ml.m5.large", "hour"): 0.136}
    assert by_item(shards["AmazonWorkSpaces/eu-west-2"]) == {
        ("STANDARD Windows 80/50 GB ALWAYS_ON", "month"): 37.0,
        ("STANDARD Windows 80/50 GB AUTO_STOP", "month"): 11.0,
        ("POWER Windows 175/100 GB ALWAYS_ON", "month"): 128.0,
        ("POWER Windows 80/10 GB ALWAYS_ON", "month"): 119.0,
        ("STANDARD Amazon Linux 80/50 GB ALWAYS_ON", "month"): 33.0,
        ("STANDARD Amazon Linux 80/50 GB AUTO_STOP", "month"): 11.0,
    }
    assert by_item(shards["AmazonDocDB/eu-west-2"]) == {("db.r6g.large", "hour"): 0.319}
    assert by_item(shards["AmazonDynamoDB/eu-west-2"]) == {
        ("read capacity unit", "hour"): 0.000147,
        ("write capacity unit", "hour"): 0.000735,
    }
    assert by_item(shards["AmazonECS/eu-west-2"]) == {("Fargate x86 vCPU", "hour"): 0.04656, ("Fargate arm64 GB", "hour"): 0.0037}
    assert set(ec2["region"].to_pylist()) == {"eu-west-2"}
    assert set(ec2["ts"].to_pylist()) == {PUBLISHED}


def test_under_a_plan_usage_costs_what_its_file_says_of_each_system_in_the_region_for_each_term_and_payment() -> None:
    with serve(Files()) as aws:
        plans = fetched(files_url=aws.url, offers=["AWSComputeSavingsPlan"])["AWSComputeSavingsPlan/eu-west-2"]

    assert by_item(plans) == {
        ("compute 1yr no_upfront: m5.large", "hour"): 0.085,
        ("ec2_instance 1yr no_upfront: m5.large", "hour"): 0.072,
        ("compute 3yr all_upfront: m5.large", "hour"): 0.058,
        ("compute 1yr no_upfront: duration x86 first tier", "GB-second"): 0.0000146667,
        ("compute 1yr no_upfront: Fargate x86 vCPU", "hour"): 0.0372,
        ("compute 1yr no_upfront: m5.large Windows", "hour"): 0.177,
        ("ec2_instance 1yr no_upfront: m5.large Windows", "hour"): 0.164,
        ("compute 1yr no_upfront: m5.large dedicated", "hour"): 0.092,
    }
    others = [row["item"] for row in plans.to_pylist() if row["service"] == "savings_plan_other"]
    assert others == [item for item in plans["item"].to_pylist() if item.endswith((" Windows", " dedicated"))]
    assert set(plans["service"].to_pylist()) == {"savings_plan", "savings_plan_other"}


def test_a_reservation_with_two_prices_and_a_plan_with_two_rates_have_none_that_is_known() -> None:
    dearer = [*EC2, *reserved(linux("m5.large", ""), "1yr", "No Upfront", "0.0800000000")]
    with serve(Files(AmazonEC2=dearer)) as aws, pytest.raises(DataError, match=r"no_upfront: m5\.large costs 0\.07 and 0\.08"):
        fetched(files_url=aws.url, offers=["AmazonEC2"])
    # Of another system it is left out alone: the prices of Linux are good without it.
    both = [*PLANS, planned("0.1780000000", "BoxUsage:m5.large", "RunInstances:0002")]
    with serve(Files(AWSComputeSavingsPlan=both)) as aws:
        [plans] = fetched(files_url=aws.url, offers=["AWSComputeSavingsPlan"]).values()
    assert ("compute 1yr no_upfront: m5.large Windows", "hour") not in by_item(plans)
    assert by_item(plans)["compute 1yr no_upfront: m5.large", "hour"] == 0.085
    twice = [*PLANS, planned("0.0860000000", "BoxUsage:m5.large", "RunInstances")]
    with serve(Files(AWSComputeSavingsPlan=twice)) as aws, pytest.raises(DataError, match=r"costs 0\.085 and 0\.086"):
        fetched(files_url=aws.url, offers=["AWSComputeSavingsPlan"])


def test_items_are_named_as_in_the_shipped_list_so_that_either_answers_the_same_question() -> None:
    from pipeline.sources import prices

    shipped = {(row["service"], row["item"], row["unit"]) for row in prices.price_list().to_pylist()}
    with serve(Files()) as aws:
        rows = [row for data in fetched(files_url=aws.url).values() for row in data.to_pylist()]

    # Each class of a database or node is listed by its own name; what is sold on terms is not shipped at all.
    by_class = ("rds", "elasticache", "docdb", "memorydb", "sagemaker", "reservation", "savings_plan")
    by_class += ("ec2_other", "savings_plan_other", "workspaces")
    unknown = {(row["service"], row["item"], row["unit"]) for row in rows if row["service"] not in by_class} - shipped
    assert unknown == {("ec2", "z9.metal", "hour"), ("elb", "classic", "hour"), ("ecs", "Fargate arm64 GB", "hour")}
    assert {("dynamodb", "read capacity unit", "hour"), ("ecs", "Fargate x86 vCPU", "hour")} <= shipped


def test_a_type_is_described_by_its_line_and_where_that_is_silent_by_the_shipped_specifications() -> None:
    with serve(Files()) as aws:
        rows = {row["item"]: row for row in fetched(files_url=aws.url)["AmazonEC2/eu-west-2"].to_pylist()}

    known, new = rows["m5.large"], rows["z9.metal"]
    assert (known["vcpu"], known["memory_gib"], known["arch"], known["instance_store"]) == (2, 8, "x86_64", False)
    # "Up to 10 Gigabit" is no baseline.
    assert (known["network_mbps"], known["ebs_mbps"], known["hypervisor"]) == (750, 650, "nitro")
    assert known["coremark"] is not None
    assert (new["vcpu"], new["memory_gib"], new["arch"], new["instance_store"]) == (192, 1536, "arm64", True)
    assert (new["network_mbps"], new["ebs_mbps"]) == (50_000, 40_000)
    assert (new["hypervisor"], new["coremark"], new["burstable"]) == (None, None, None)
    assert rows["gp3 storage"]["vcpu"] is None


def test_a_list_is_not_downloaded_for_an_interval_it_was_not_published_in() -> None:
    with serve(Files()) as aws:
        assert fetched(Interval.days("2026-09-19", "2026-09-30"), files_url=aws.url) == {}
        assert not [request for request in aws.requests if request.path.endswith(".csv")]


def test_the_list_in_force_is_found_from_the_beginning_on_but_never_one_of_the_future() -> None:
    with serve(Files()) as aws:
        later = fetched(Interval(pricing.BEGINNING, datetime(2026, 11, 20)), files_url=aws.url)
        earlier = fetched(Interval(pricing.BEGINNING, datetime(2026, 9, 18)), files_url=aws.url)

    assert set(later["AWSELB/eu-west-2"]["ts"].to_pylist()) == {PUBLISHED}
    assert earlier == {}


def test_a_download_that_breaks_off_is_begun_again_and_one_that_never_ends_well_is_an_error() -> None:
    files = Files()
    files.cut = [700, 900]
    with serve(files) as aws:
        assert len(fetched(files_url=aws.url)["AmazonEC2/eu-west-2"]) == 18
        files.cut = [700] * 99
        with pytest.raises(SourceError, match=r"index\.csv: gave up after 3 attempts"):
            fetched(files_url=aws.url, attempts=3)


def test_a_region_without_a_list_is_an_error() -> None:
    with (
        serve(Files()) as aws,
        pytest.raises(SourceError, match=r"none of AmazonEC2.* has a price list for \['eu-nowhere-9'\]"),
    ):
        fetched(files_url=aws.url, regions=["eu-west-2", "eu-nowhere-9"])


def test_an_item_with_two_prices_has_none_that_is_known() -> None:
    with (
        serve(Files(AmazonVPC=[*VPC, line("0.006", "Hrs", "EUW2-PublicIPv4:IdleAddress")])) as aws,
        pytest.raises(DataError, match=r"public IPv4 / unused EIP hour in eu-west-2 costs 0\.005 and 0\.006"),
    ):
        fetched(files_url=aws.url)


def test_what_is_not_a_price_list_in_dollars_is_refused() -> None:
    yuan = [{**line("0.156", "Hrs", "CNN1-PublicIPv4:IdleAddress"), "Currency": "CNY"}]
    with serve(Files(AmazonVPC=yuan)) as aws, pytest.raises(DataError, match="priced in CNY, expected USD"):
        fetched(files_url=aws.url)

    def page(request: Request) -> Reply:
        return Reply(200, b"<html>,maintenance,</html>\n") if request.path.endswith(".csv") else Files()(request)

    with serve(page) as aws, pytest.raises(DataError, match="not a price list"):
        fetched(files_url=aws.url)


def test_the_price_list_api_gives_the_list_that_was_in_effect_at_the_intervals_end() -> None:
    api = Api()
    with serve(api) as aws:
        api.url = aws.url
        through_api = fetched(via="api", endpoint_url=aws.url)
        through_files = fetched(files_url=aws.url)

    assert sorted(through_api) == sorted(through_files)
    assert all(through_api[shard].equals(data) for shard, data in through_files.items())
    assert {asked["EffectiveDate"] for asked in api.asked} == {datetime(2026, 9, 30, 23, 59, 59, tzinfo=UTC).timestamp()}
    assert {(asked["CurrencyCode"], asked["RegionCode"]) for asked in api.asked} == {("USD", "eu-west-2")}


def test_the_api_is_asked_about_no_moment_of_the_future_and_for_no_list_of_another_interval() -> None:
    api = Api()
    with serve(api) as aws:
        api.url = aws.url
        assert fetched(Interval.days("2026-10-01", "2027-01-01"), via="api", endpoint_url=aws.url) == {}

    assert {asked["EffectiveDate"] for asked in api.asked} == {datetime(2026, 10, 5, tzinfo=UTC).timestamp()}
    assert "GetPriceListFileUrl" not in aws.operations()


def test_a_denied_price_list_api_is_named_and_a_signed_address_never_shows() -> None:
    with (
        serve(
            lambda one: aws_error(one, 400, "AccessDeniedException") if one.operation == "ListPriceLists" else Api()(one)
        ) as aws,
        pytest.raises(ConfigError, match="allow the action pricing:ListPriceLists"),
    ):
        fetched(via="api", endpoint_url=aws.url)

    api = Api()
    with serve(lambda one: Reply(403, b"expired X-Amz-Signature=s3cret") if one.path.endswith(".csv") else api(one)) as aws:
        api.url = aws.url
        with pytest.raises(SourceError, match="answered HTTP 403") as failure:
            fetched(via="api", endpoint_url=aws.url)
    assert "s3cret" not in str(failure.value)


def test_a_price_is_what_was_known_on_the_day_and_landing_a_list_twice_changes_nothing(lake: Lake) -> None:
    with serve(Files()) as aws:
        shards = fetched(files_url=aws.url)
    at = datetime(2026, 9, 19, 3)

    landed = [
        lake.land(PRICE, data, source="pricing", shard=shard, ingested_at=at).changed
        for _ in range(2)
        for shard, data in shards.items()
    ]

    assert landed == [True] * 13 + [False] * 13
    build(MONTH, lake, Settings(), target=PRICE_HELD.name)
    bill = no_bill().assign(usage_type=pd.Series(["EUW2-BoxUsage:m5.large", "EUW2-DedicatedUsage:c5.large"], dtype="object"))
    read = [read_prices(lake, rows, MONTH.end) for rows in (no_bill(), bill)]
    others = [set(rows.loc[rows["service"].isin(["ec2_other", "savings_plan_other"]), "item"]) for rows in read]
    assert others[0] == set()
    assert {"m5.large Windows", "compute 1yr no_upfront: m5.large Windows", "m5.large dedicated"} <= others[1]
    assert len(read[1]) == len(read[0]) + len(others[1])
    known = lake.query("SELECT price_usd FROM bronze.price WHERE item = 'm5.large' AND ts <= :at", {"at": PUBLISHED})
    assert known["price_usd"].to_pylist() == [0.111]
