"""AWS's bulk price files, as a server on loopback gives them."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from tests.support.aws_answers import IDENTITY
from tests.support.source_servers import Reply, Request, json_reply

VERSION = "20260918174747"
PUBLISHED = datetime(2026, 9, 18, 17, 47, 47)
# The columns of the published files that tell one price from another, in their order.
HEADER = (
    "SKU", "OfferTermCode", "RateCode", "TermType", "PriceDescription", "EffectiveDate", "StartingRange", "EndingRange", "Unit",
    "PricePerUnit", "Currency", "Product Family", "serviceCode", "Location", "Location Type", "Instance Type", "vCPU",
    "Physical Processor", "Memory", "Storage", "Network Performance", "Database Engine", "Deployment Option", "Tenancy",
    "Operating System", "License Model", "usageType", "operation", "CapacityStatus", "Dedicated EBS Throughput", "GPU",
    "MarketOption", "Pre Installed S/W", "Region Code",
)  # fmt: skip


def line(price: str, unit: str, usage: str, operation: str = "", **more: str) -> dict[str, str]:
    given = {name.replace("_", " "): value for name, value in more.items()}
    return {
        "SKU": "S", "TermType": "OnDemand", "StartingRange": "0", "EndingRange": "Inf", "Unit": unit, "PricePerUnit": price,
        "Currency": "USD", "Location Type": "AWS Region", "Region Code": "eu-west-2", "usageType": usage, "operation": operation,
        **given,
    }  # fmt: skip


def linux(instance: str, price: str, **more: str) -> dict[str, str]:
    described = {
        "Instance_Type": instance, "vCPU": "2", "Physical_Processor": "Intel Xeon Platinum 8175", "Memory": "8 GiB",
        "Storage": "EBS only", "Network_Performance": "Up to 10 Gigabit", "Dedicated_EBS_Throughput": "Up to 2120 Mbps",
        "Tenancy": "Shared", "Operating_System": "Linux", "CapacityStatus": "Used", "MarketOption": "OnDemand",
    }  # fmt: skip
    made = line(price, "Hrs", f"EUW2-BoxUsage:{instance}", "RunInstances", **{**described, **more})
    return {"Pre Installed S/W": "NA", **made}


EC2 = [
    linux("m5.large", "0.1110000000"),
    linux("m5.large", "0.0690000000", TermType="Reserved"),
    linux("m5.large", "0.2030000000", Operating_System="Windows"),
    linux("m5.large", "0.1180000000", Tenancy="Dedicated"),
    linux("m5.large", "0.0000000000", CapacityStatus="AllocatedCapacityReservation"),
    {**linux("m5.large", "0.5910000000"), "Pre Installed S/W": "SQL Std", "operation": "RunInstances:0004"},
    linux("m5.large", "0.1500000000", Location_Type="AWS Local Zone"),
    linux("m5.large", "0.0960000000", Region_Code="us-east-1"),
    linux("p5.48xlarge", "0.0000000000", MarketOption="CapacityBlock"),
    linux(
        "z9.metal", "7.2500000000", vCPU="192", Memory="1,536 GiB", Physical_Processor="AWS Graviton4 Processor",
        Storage="2 x 1900 NVMe SSD", Network_Performance="50 Gigabit", Dedicated_EBS_Throughput="40000 Mbps",
    ),
    line("0.0928", "GB-Mo", "EUW2-EBS:VolumeUsage.gp3"),
    line("0.116", "GB-Mo", "EUW2-EBS:VolumeUsage.gp2"),
    line("0.0058", "IOPS-Mo", "EUW2-EBS:VolumeP-IOPS.gp3"),
    line("47.5136", "GiBps-mo", "EUW2-EBS:VolumeP-Throughput.gp3"),
    line("0.053", "GB-Mo", "EUW2-EBS:SnapshotUsage"),
    line("0.0125", "GB-Mo", "EUW2-EBS:SnapshotArchiveStorage"),
    line("0.05", "Hrs", "EUW2-NatGateway-Hours", "NatGateway"),
    line("0.07", "Hrs", "EUW2-RegionalNatGateway-Hours", "RegionalNatGateway"),
    line("0.05", "GB", "EUW2-NatGateway-Bytes", "NatGateway"),
]  # fmt: skip
ELB = [
    line("0.0059", "Hrs", "EUW2-TS-LoadBalancerUsage", "LoadBalancing:Application"),
    line("0.02646", "Hrs", "EUW2-LoadBalancerUsage", "LoadBalancing:Application"),
    line("0.0294", "Hrs", "EUW2-LoadBalancerUsage", "LoadBalancing"),
    line("0.02646", "Hrs", "EUW2-LoadBalancerUsage", "LoadBalancing:Network"),
    line("0.0084", "LCU-Hrs", "EUW2-LCUUsage", "LoadBalancing:Application"),
]
VPC = [line("0.005", "Hrs", "EUW2-PublicIPv4:InUseAddress"), line("0.005", "Hrs", "EUW2-PublicIPv4:IdleAddress")]
RDS = [
    line(
        "0.179",
        "Hrs",
        "EUW2-InstanceUsage:db.m6g.large",
        Instance_Type="db.m6g.large",
        Database_Engine=engine,
        Deployment_Option=option,
    )
    for engine, option in (("MySQL", "Single-AZ"), ("PostgreSQL", "Single-AZ"))
] + [
    line(
        "0.358",
        "Hrs",
        "EUW2-Multi-AZUsage:db.m6g.large",
        Instance_Type="db.m6g.large",
        Database_Engine="MySQL",
        Deployment_Option="Multi-AZ",
    ),
    line(
        "0.902",
        "Hrs",
        "EUW2-InstanceUsage:db.m6g.large",
        Instance_Type="db.m6g.large",
        Database_Engine="SQL Server",
        Deployment_Option="Single-AZ",
    ),
    line("0.112", "vCPU-hour", "EUW2-ExtendedSupport:Yr1-Yr2:MySQL8.0", "CreateDBInstance:0002", Database_Engine="MySQL"),
    line(
        "0.112", "vCPU-hour", "EUW2-ExtendedSupport:Yr1-Yr2:PostgreSQL12", "CreateDBInstance:0014", Database_Engine="PostgreSQL"
    ),
    line(
        "0.112", "vCPU-hour", "EUW2-ExtendedSupport:Yr1-Yr2:PostgreSQL13", "CreateDBInstance:0014", Database_Engine="PostgreSQL"
    ),
    line("0.224", "vCPU-hour", "EUW2-ExtendedSupport:Yr3:MySQL5.7", "CreateDBInstance:0002", Database_Engine="MySQL"),
    line("0.09", "vCPU-hour", "EUW2-ExtendedSupport:Yr1-Yr2:ASv2:AuroraMySQL3", "CreateDBInstance:0016"),
]
LAMBDA = [
    line("0.0000166667", "Lambda-GB-Second", "EUW2-Lambda-GB-Second", "Invoke"),
    line("0.0000150000", "Lambda-GB-Second", "EUW2-Lambda-GB-Second", "Invoke", StartingRange="6000000000"),
    line("0.0000133334", "Lambda-GB-Second", "EUW2-Lambda-GB-Second-ARM", "Invoke"),
]
OFFERS = {"AmazonEC2": EC2, "AWSELB": ELB, "AmazonVPC": VPC, "AmazonRDS": RDS, "AWSLambda": LAMBDA}


def price_list(offer: str, lines: list[dict[str, str]], published: str = "2026-09-18T17:47:47Z") -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerows([
        ["FormatVersion", "v1.0"], ["Disclaimer", "This pricing list is for informational purposes only."],
        ["Publication Date", published], ["Version", VERSION], ["OfferCode", offer], HEADER,
    ])  # fmt: skip
    writer.writerows([[one.get(name, "") for name in HEADER] for one in lines])
    return text.getvalue().encode()


class Files:
    """The bulk files of the offers for eu-west-2."""

    def __init__(self, **offers: list[dict[str, str]]) -> None:
        self.offers = {**OFFERS, **offers}
        self.cut: list[int] = []
        """Bytes after which the next downloads break off."""

    def __call__(self, request: Request) -> Reply:
        match request.path.strip("/").split("/"):
            case ["offers", "v1.0", "aws", offer, "current", "region_index.json"]:
                path = f"/offers/v1.0/aws/{offer}/{VERSION}/eu-west-2/index.json"
                regions = {"eu-west-2": {"regionCode": "eu-west-2", "currentVersionUrl": path}}
                return json_reply({"formatVersion": "v1.0", "publicationDate": "2026-09-18T17:47:47Z", "regions": regions})
            case ["offers", "v1.0", "aws", offer, "20260918174747", "eu-west-2", "index.csv"]:
                return Reply(200, price_list(offer, self.offers[offer]), cut_at=self.cut.pop(0) if self.cut else None)
        return Reply(404, b"<Error><Code>NoSuchKey</Code></Error>")


class Api:
    """The Price List API, a page for each list; the files lie on the same server."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[dict[str, Any]] = []

    def __call__(self, request: Request) -> Reply:
        date = {"date": format_datetime(datetime(2026, 10, 5, tzinfo=UTC), usegmt=True)}
        match request.operation:
            case "GetCallerIdentity":
                return Reply(200, IDENTITY, {"content-type": "text/xml", **date})
            case "ListPriceLists":
                asked = request.json()
                self.asked.append(asked)
                if "NextToken" not in asked and asked["ServiceCode"] == "AWSELB":
                    return json_reply({"PriceLists": [], "NextToken": "more"})
                arn = f"arn:aws:pricing:::price-list/aws/{asked['ServiceCode']}/USD/{VERSION}/{asked['RegionCode']}"
                return json_reply(
                    {"PriceLists": [{"PriceListArn": arn, "RegionCode": asked["RegionCode"], "CurrencyCode": "USD"}]}
                )
            case "GetPriceListFileUrl":
                _, offer, _, version, region = request.json()["PriceListArn"].split(":::")[1].split("/", 1)[1].split("/")
                return json_reply(
                    {"Url": f"{self.url}/offers/v1.0/aws/{offer}/{version}/{region}/index.csv?X-Amz-Signature=s3cret"}
                )
        return Files()(request)
