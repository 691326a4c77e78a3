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
    "PricePerUnit", "Currency", "LeaseContractLength", "PurchaseOption", "OfferingClass",
    "Product Family", "serviceCode", "Location", "Location Type", "Instance Type", "vCPU",
    "Physical Processor", "Memory", "Storage", "Network Performance", "Cache Engine", "Database Engine", "Deployment Option",
    "Tenancy", "Operating System", "License Model", "usageType", "operation", "CapacityStatus", "Dedicated EBS Throughput", "GPU",
    "MarketOption", "Pre Installed S/W", "Region Code", "Bundle", "License", "Running Mode",
)  # fmt: skip
#: Those of the files of Savings Plans.
PLAN_HEADER = (
    "SKU", "RateCode", "Unit", "EffectiveDate", "DiscountedRate", "Currency", "DiscountedSKU", "DiscountedServiceCode",
    "DiscountedUsageType", "DiscountedOperation", "PurchaseOption", "LeaseContractLength", "LeaseContractLengthUnit",
    "ServiceCode", "usageType", "operation", "Description", "Instance Family", "Location", "Location Type", "Granularity",
    "Product Family", "DiscountedRegionCode", "DiscountedInstanceType",
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


def other(instance: str, price: str, code: str, system: str = "Linux", software: str = "NA", dedicated: bool = False) -> Any:
    """The line of an instance with another system, software or tenancy."""
    usage, tenancy = ("DedicatedUsage", "Dedicated") if dedicated else ("BoxUsage", "Shared")
    return {
        **linux(instance, price, Operating_System=system, Tenancy=tenancy),
        "Pre Installed S/W": software,
        "operation": f"RunInstances{code}",
        "usageType": f"EUW2-{usage}:{instance}",
    }


def reserved(line: dict[str, str], years: str, payment: str, hourly: str = "", upfront: str = "", of: str = "standard") -> Any:
    """The lines of a reservation of what a line is the price of, on one payment's terms."""
    terms = {"TermType": "Reserved", "StartingRange": "", "LeaseContractLength": years, "PurchaseOption": payment} | {
        "OfferingClass": of
    }
    parts = [("Hrs", hourly), ("Quantity", upfront)]
    return [{**line, **terms, "Unit": unit, "PricePerUnit": price} for unit, price in parts if price]


def planned(rate: str, usage: str, operation: str = "", **more: str) -> dict[str, str]:
    """A line of the file of Compute Savings Plans: for a year, paid by the month."""
    return {
        "Unit": "Hrs", "DiscountedRate": rate, "Currency": "USD", "DiscountedUsageType": f"EUW2-{usage}",
        "DiscountedOperation": operation, "PurchaseOption": "No Upfront", "LeaseContractLength": "1",
        "LeaseContractLengthUnit": "year", "Product Family": "ComputeSavingsPlans", "DiscountedRegionCode": "eu-west-2",
    } | {name.replace("_", " "): value for name, value in more.items()}  # fmt: skip


EC2 = [
    linux("m5.large", "0.1110000000"),
    linux("m5.large", "0.0690000000", TermType="Reserved"),
    *reserved(linux("m5.large", ""), "1yr", "No Upfront", "0.0700000000"),
    *reserved(linux("m5.large", ""), "3yr", "Partial Upfront", "0.0200000000", "525.6"),
    *reserved(linux("m5.large", ""), "1 yr", "All Upfront", "0.0000000000", "569.4", of="convertible"),
    # Of a payment of which the first day is missing it is not known what an hour costs.
    *reserved(linux("m5.large", ""), "1yr", "Partial Upfront", "0.0340000000"),
    *reserved(other("m5.large", "", ":0002", "Windows"), "1yr", "No Upfront", "0.1600000000"),
    other("m5.large", "0.2030000000", ":0002", "Windows"),
    other("m5.large", "0.1398000000", ":0010", "RHEL"),
    other("m5.large", "0.6830000000", ":0006", "Windows", "SQL Std"),
    other("m5.large", "0.1180000000", "", dedicated=True),
    other("m5.large", "0.2100000000", ":0002", "Windows", dedicated=True),
    # What brings its licence costs what Linux does; of the others system, software or tenancy are not what the operation says.
    other("m5.large", "0.1110000000", ":0800", "Windows"),
    linux("m5.large", "0.2030000000", Operating_System="Windows"),
    other("m5.large", "0.9990000000", ":000g", "RHEL"),
    # Two prices of one thing are none.
    other("m5.large", "0.1670000000", ":0g00", "Ubuntu Pro"),
    other("m5.large", "0.1680000000", ":0g00", "Ubuntu Pro"),
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
CONTAINERS = [line("0.04656", "hours", "EUW2-Fargate-vCPU-Hours:perCPU"), line("0.0037", "hours", "EUW2-Fargate-ARM-GB-Hours")]
CACHES = [
    line("0.158", "Hrs", "EUW2-NodeUsage:cache.m6g.large", Cache_Engine="Redis"),
    line("0.1264", "Hrs", "EUW2-NodeUsage:cache.m6g.large", Cache_Engine="Valkey"),
    line("0.126", "Hrs", "EUW2-ExtendedSupportYr1_Yr2-NodeUsage:cache.m6g.large", Cache_Engine="Redis"),
    *reserved(line("", "Hrs", "EUW2-NodeUsage:cache.m6g.large", Cache_Engine="Redis"), "1yr", "No Upfront", "0.108"),
]
_NODE = "per General purpose r6g.large node hour in Europe (London)"
MEMORY = [
    line("0.368", "Hrs", "EUW2-NodeUsage:db.r6g.large", PriceDescription=f"$0.368 {_NODE} running Redis"),
    line("0.2576", "Hrs", "EUW2-NodeUsage:db.r6g.large", PriceDescription=f"$0.2576 {_NODE} running Valkey"),
    line("0.3", "Hrs", "EUW2-NodeUsage:db.r6g.large", PriceDescription=f"$0.3 {_NODE}"),
    line("0.2", "GB", "EUW2-DataWritten"),
]
ENDPOINTS = [
    line("0.136", "Hrs", "EUW2-Host:ml.m5.large", "RunInstance"),
    line("0.15", "Hrs", "EUW2-Processing:ml.m5.large", "RunInstance"),
]
DOCUMENTS = [line("0.319", "Hrs", "EUW2-InstanceUsage:db.r6g.large", Database_Engine="Amazon DocDB", serviceCode="AmazonDocDB")]
TABLES = [
    line("0", "ReadCapacityUnit-Hrs", "EUW2-ReadCapacityUnit-Hrs", "CommittedThroughput"),
    line("0.000147", "ReadCapacityUnit-Hrs", "EUW2-ReadCapacityUnit-Hrs", "CommittedThroughput", StartingRange="18600"),
    line("0.000735", "WriteCapacityUnit-Hrs", "EUW2-WriteCapacityUnit-Hrs", "CommittedThroughput", StartingRange="18600"),
    line("0.0002", "ReadCapacityUnit-Hrs", "EUW2-IA-ReadCapacityUnit-Hrs", "CommittedThroughput"),
]
PLANS = [
    planned("0.0850000000", "BoxUsage:m5.large", "RunInstances"),
    planned("0.0720000000", "BoxUsage:m5.large", "RunInstances", Product_Family="EC2InstanceSavingsPlans"),
    planned("0.0580000000", "BoxUsage:m5.large", "RunInstances", PurchaseOption="All Upfront", LeaseContractLength="3"),
    planned("0.1770000000", "BoxUsage:m5.large", "RunInstances:0002"),
    planned("0.1640000000", "BoxUsage:m5.large", "RunInstances:0002", Product_Family="EC2InstanceSavingsPlans"),
    planned("0.0920000000", "DedicatedUsage:m5.large", "RunInstances"),
    planned("0.0910000000", "BoxUsage:m5.large", "RunInstances:zzzz"),
    planned("0.0900000000", "UnusedBox:m5.large", "RunInstances"),
    planned("0.0700000000", "BoxUsage:m5.large", "RunInstances", DiscountedRegionCode="us-east-1"),
    planned("0.0000146667", "Lambda-GB-Second", Unit="Lambda-GB-Second"),
    planned("0.0372", "Fargate-vCPU-Hours:perCPU", Unit="hours"),
]


def desktop(price: str, bundle: str, mode: str, usage: str, unit: str = "Month", **more: str) -> dict[str, str]:
    said = {"Bundle": bundle, "Running_Mode": mode, "License": "Included", "Operating_System": "Windows"}
    said |= {"Product_Family": "Enterprise Applications", "Storage": "Root:80 GB,User:50 GB"}
    return line(price, unit, f"EUW2-AW-HW-{usage}", **said | more)


DESKTOPS = [
    desktop("37.0000000000", "Standard", "AlwaysOn", "2"),
    desktop("11.0000000000", "Standard", "AutoStop", "2-AutoStop-User"),
    desktop("0.3200000000", "Standard", "AutoStop", "2-AutoStop-Usage", "Hour"),
    desktop("0.0000000000", "Standard", "AlwaysOn", "SW-2"),
    desktop("33.0000000000", "Standard", "AlwaysOn", "B-2", License="Bring Your Own License"),
    desktop("31.0000000000", "Standard", "AlwaysOn", "C-2", Product_Family="WorkSpaces Core"),
    desktop("128.0000000000", "Power", "AlwaysOn", "8", Storage="Root:175 GB,User:100 GB"),
    desktop("119.0000000000", "Power-0", "AlwaysOn", "8-0", Storage="Root:80 GB,User:10 GB"),
    desktop("33.0000000000", "Standard", "AlwaysOn", "L-2", License="None", Operating_System="Amazon Linux"),
    desktop("11.0000000000", "Standard", "AutoStop", "L-2-AutoStop-User", License="None", Operating_System="Amazon Linux"),
]
OFFERS = {"AmazonEC2": EC2, "AWSELB": ELB, "AmazonVPC": VPC, "AmazonRDS": RDS, "AWSLambda": LAMBDA}
OFFERS |= {"AmazonECS": CONTAINERS, "AmazonElastiCache": CACHES, "AmazonMemoryDB": MEMORY, "AmazonDocDB": DOCUMENTS}
OFFERS |= {"AmazonDynamoDB": TABLES, "AmazonSageMaker": ENDPOINTS, "AmazonWorkSpaces": DESKTOPS}
OFFERS |= {"AWSComputeSavingsPlan": PLANS}


def price_list(offer: str, lines: list[dict[str, str]], published: str = "2026-09-18T17:47:47Z") -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    header = PLAN_HEADER if offer == "AWSComputeSavingsPlan" else HEADER
    writer.writerows([
        ["FormatVersion", "v1.0"], ["Disclaimer", "This pricing list is for informational purposes only."],
        ["Publication Date", published], ["Version", VERSION], ["OfferCode", offer], header,
    ])  # fmt: skip
    writer.writerows([[one.get(name, "") for name in header] for one in lines])
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
            case ["savingsPlan", "v1.0", "aws", offer, "current", "region_index.json"]:
                path = f"/savingsPlan/v1.0/aws/{offer}/{VERSION}/eu-west-2/index.json"
                listed = [{"regionCode": "eu-west-2", "versionUrl": path}]
                return json_reply({"disclaimer": "", "publicationDate": "2026-09-18T17:47:47Z", "regions": listed})
            case ["offers" | "savingsPlan", "v1.0", "aws", offer, "20260918174747", "eu-west-2", "index.csv"]:
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
                _, code, _, version, region = request.json()["PriceListArn"].split(":::")[1].split("/", 1)[1].split("/")
                # The API has another name for plans than the files have.
                offer = "AWSComputeSavingsPlan" if code == "ComputeSavingsPlans" else code
                return json_reply(
                    {"Url": f"{self.url}/offers/v1.0/aws/{offer}/{version}/{region}/index.csv?X-Amz-Signature=s3cret"}
                )
        return Files()(request)
