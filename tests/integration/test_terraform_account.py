"""`infra/` in an account that has its own network, way out, rules for roles, key, and Lake Formation: applied on AWS on loopback.

What stands afterwards is what is looked at: where a step's container runs, under which role, and with which key and grants.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.aws_server import AwsServer
from tests.support.terraform import Terraform, aws_for_terraform

pytestmark = [pytest.mark.server, pytest.mark.system]

CIDR, PROXY = "172.20.0.0/16", "http://proxy.corp:3128"
NOBODY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}

# All that the account's own things touch, but for Airflow's database and what needs it: the provider waits 90 seconds for one.
TOUCHED = (
    "aws_ecs_cluster_capacity_providers.this",
    "aws_ecs_task_definition.step",
    "aws_iam_role_policy.airflow",
    "aws_iam_role_policy.start",
    "aws_iam_role_policy.this",
    "aws_lakeformation_permissions.catalog",
    "aws_lakeformation_permissions.database",
    "aws_lakeformation_permissions.tables",
    "aws_s3_bucket_server_side_encryption_configuration.this",
    "aws_subnet.private",
    "aws_vpc.this",
    "aws_vpc_endpoint.interface",
    "aws_vpc_endpoint.s3",
    "aws_vpc_security_group_egress_rule.endpoints",
    "aws_vpc_security_group_egress_rule.flow",
    "aws_vpc_security_group_egress_rule.out",
    "aws_vpc_security_group_egress_rule.s3",
    "terraform_data.egress",
    "terraform_data.settings",
)

WAYS_OUT = (
    "aws_eip.nat",
    "aws_nat_gateway.this",
    "aws_route.out",
    "aws_route_table_association.private",
    "aws_route_table_association.public",
    "aws_subnet.private",
    "aws_vpc_security_group_egress_rule.out",
    "terraform_data.egress",
)


@dataclass(frozen=True)
class Account:
    """What is there before anything is applied, and what Terraform says of where steps run."""

    server: AwsServer
    vpc: str
    subnets: list[str]
    boundary: str
    key: str
    secret: str
    run_task: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def planted(cls, server: AwsServer) -> Account:
        ec2 = server.client("ec2")
        vpc = ec2.create_vpc(CidrBlock=CIDR)["Vpc"]["VpcId"]
        subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"172.20.{number}.0/24", AvailabilityZone=f"us-east-1{zone}")["Subnet"][
                "SubnetId"
            ]
            for number, zone in enumerate("ab")
        ]
        boundary = server.client("iam").create_policy(PolicyName="boundary", PolicyDocument=json.dumps(NOBODY))
        key = server.client("kms").create_key(Description="ours")["KeyMetadata"]["Arn"]
        secret = server.client("secretsmanager").create_secret(Name="prometheus", SecretString='{"token": "t"}')["ARN"]
        return cls(server, vpc, subnets, boundary["Policy"]["Arn"], key, secret)

    def variables(self) -> dict[str, Any]:
        prometheus = {"url": "https://prometheus.corp", "token_env": "PROMETHEUS_TOKEN"}
        return {
            "vpc_id": self.vpc,
            "subnet_ids": self.subnets,
            "egress": "proxy",
            "egress_proxy": PROXY,
            "role_path": "/data/headroom/",
            "role_boundary_arn": self.boundary,
            "kms_key_arn": self.key,
            "lake_formation": True,
            "source_secrets": {"PROMETHEUS_TOKEN": f"{self.secret}:token::"},
            "settings": {"sources": ["cloudwatch", "prometheus"], "options": {"sources": {"prometheus": prometheus}}},
            "enable_mlflow": False,
        }


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """The account, once everything stands in it."""
    with aws_for_terraform() as server:
        found = Account.planted(server)
        applied = apply(server, tmp_path_factory.mktemp("terraform"), found.variables(), TOUCHED)
        yield replace(found, run_task=applied.outputs()["run_task"])


def apply(server: AwsServer, folder: Path, variables: dict[str, Any], targets: Iterable[str]) -> Terraform:
    """What stands once some of it was applied."""
    applied = Terraform.ready(folder).on(server)
    (applied.folder / "account.auto.tfvars.json").write_text(json.dumps(variables))
    only = [f"-target={it}" for it in targets]
    applied.run("apply", "-auto-approve", "-no-color", "-parallelism=30", *only, timeout_s=600)
    return applied


@pytest.fixture(scope="module")
def ingest(account: Account) -> dict[str, Any]:
    """The task definition of ingest, as ECS has it."""
    task: dict[str, Any] = account.server.client("ecs").describe_task_definition(taskDefinition="headroom-ingest")[
        "taskDefinition"
    ]
    return task


def test_a_steps_role_has_the_path_and_the_boundary_that_the_organisation_asks_for(
    account: Account, ingest: dict[str, Any]
) -> None:
    iam = account.server.client("iam")

    assert ingest["taskRoleArn"].endswith(":role/data/headroom/headroom-ingest")
    roles = [iam.get_role(RoleName=role["RoleName"])["Role"] for role in iam.list_roles(PathPrefix="/data/headroom/")["Roles"]]
    assert {"headroom-ingest", "headroom-start", "headroom-airflow-scheduler"} < {role["RoleName"] for role in roles}
    assert {role["PermissionsBoundary"]["PermissionsBoundaryArn"] for role in roles} == {account.boundary}
    assert len(iam.list_roles()["Roles"]) == len(roles), "every role is there"


def test_steps_run_in_the_network_that_is_there_and_reach_its_endpoints_s3_and_the_proxy(account: Account) -> None:
    ec2 = account.server.client("ec2")
    mine = [{"Name": "vpc-id", "Values": [account.vpc]}]

    assert {it["VpcId"] for it in ec2.describe_vpcs()["Vpcs"] if not it["IsDefault"]} == {account.vpc}
    assert {it["SubnetId"] for it in ec2.describe_subnets(Filters=mine)["Subnets"]} == set(account.subnets)
    assert ec2.describe_vpc_endpoints()["VpcEndpoints"] == []
    assert account.run_task["subnets"] == account.subnets
    [tasks] = ec2.describe_security_groups(Filters=[*mine, {"Name": "group-name", "Values": ["headroom-tasks"]}])[
        "SecurityGroups"
    ]
    assert tasks["GroupId"] in json.dumps(account.run_task)
    rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [tasks["GroupId"]]}])["SecurityGroupRules"]
    out = {(it.get("CidrIpv4") or "", it["FromPort"]) for it in rules if it["IsEgress"] and it["IpProtocol"] == "tcp"}
    assert (CIDR, 443) in out, "AWS's endpoints"
    assert any(port == 3128 and cidr for cidr, port in out), "the proxy"
    assert ("0.0.0.0/0", 443) not in out


def test_ingests_container_is_told_the_proxy_its_sources_and_where_its_secret_lies(
    account: Account, ingest: dict[str, Any]
) -> None:
    [container] = ingest["containerDefinitions"]
    told = {each["name"]: each["value"] for each in container["environment"]}

    assert (told["HTTPS_PROXY"], told["HEADROOM_SOURCES"]) == (PROXY, "cloudwatch,prometheus")
    assert container["secrets"] == [{"name": "PROMETHEUS_TOKEN", "valueFrom": f"{account.secret}:token::"}]
    start = account.server.client("iam").get_role_policy(RoleName="headroom-start", PolicyName="start")["PolicyDocument"]
    [handed] = [it for it in start["Statement"] if it["Sid"] == "HandOverSourceSecrets"]
    assert handed["Resource"] in (account.secret, [account.secret])


def test_the_key_that_is_there_encrypts_the_lake_and_no_other_is_made(account: Account) -> None:
    keys = account.server.client("kms").list_keys()["Keys"]
    lake = next(it["Name"] for it in account.server.client("s3").list_buckets()["Buckets"] if "-lake-" in it["Name"])
    rules = account.server.client("s3").get_bucket_encryption(Bucket=lake)["ServerSideEncryptionConfiguration"]["Rules"]

    assert {key["KeyArn"] for key in keys} == {account.key}
    assert [rule["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"] for rule in rules] == [account.key]
    aliases = account.server.client("kms").list_aliases()["Aliases"]
    assert [alias["AliasName"] for alias in aliases if "headroom" in alias["AliasName"]] == []


def test_lake_formation_has_granted_each_role_its_tables(account: Account) -> None:
    granted = account.server.client("lakeformation").list_permissions()["PrincipalResourcePermissions"]
    writers = {
        (it["Principal"]["DataLakePrincipalIdentifier"].rpartition("/")[2], it["Resource"]["Table"]["DatabaseName"])
        for it in granted
        if "Table" in it["Resource"] and "INSERT" in it["Permissions"]
    }

    assert writers == {
        ("headroom-transform", "headroom_silver"),
        ("headroom-publisher", "headroom_silver"),
        ("headroom-publisher", "headroom_gold"),
    }
    assert "headroom-ingest" not in {it["Principal"]["DataLakePrincipalIdentifier"].rpartition("/")[2] for it in granted}


#: What a way out is made of.
WAY_OUT = (
    "aws_nat_gateway.this",
    "aws_route.out",
    "aws_subnet.private",
    "aws_vpc_security_group_egress_rule.out",
    "terraform_data.egress",
)
PRICING = {"settings": {"sources": ["pricing"]}, "enable_mlflow": False}


@pytest.mark.parametrize("egress", ["nat", "network"])
def test_a_way_out_is_made_where_it_is_asked_for_and_taken_as_it_is_where_there_is_one(egress: str, tmp_path: Path) -> None:
    with aws_for_terraform() as server:
        there = Account.planted(server)
        network = {"vpc_id": there.vpc, "subnet_ids": there.subnets} if egress == "network" else {}
        applied = apply(server, tmp_path, PRICING | network | {"egress": egress}, WAY_OUT)
        ec2 = server.client("ec2")
        vpc = {it["values"]["vpc_id"] for it in applied.resources() if it["type"] == "aws_security_group"}
        gateways = ec2.describe_nat_gateways()["NatGateways"]
        routes = [it for table in ec2.describe_route_tables()["RouteTables"] for it in table["Routes"]]
        rules = ec2.describe_security_group_rules()["SecurityGroupRules"]

    out = {(it.get("CidrIpv4"), it["FromPort"]) for it in rules if it["IsEgress"] and it["IpProtocol"] == "tcp"}
    assert ("0.0.0.0/0", 443) in out
    through = {it["NatGatewayId"] for it in routes if it.get("DestinationCidrBlock") == "0.0.0.0/0" and "NatGatewayId" in it}
    assert through == {it["NatGatewayId"] for it in gateways}
    assert len(gateways) == (egress == "nat")
    assert (vpc == {there.vpc}) == (egress == "network")


def test_a_network_of_its_own_goes_out_through_its_nat_gateway_and_steps_alone_do(tmp_path: Path) -> None:
    """Applied, not planned: routes, the gateway's address, and the ports that steps may use."""
    with aws_for_terraform() as server:
        variables = {"egress": "nat", "egress_ports": [443, 9090], "enable_mlflow": False}
        apply(server, tmp_path, variables, WAYS_OUT)
        ec2 = server.client("ec2")
        [vpc] = [it["VpcId"] for it in ec2.describe_vpcs()["Vpcs"] if not it["IsDefault"]]
        mine = [{"Name": "vpc-id", "Values": [vpc]}]
        [nat] = ec2.describe_nat_gateways(Filter=mine)["NatGateways"]
        [internet] = ec2.describe_internet_gateways(Filters=[{"Name": "attachment.vpc-id", "Values": [vpc]}])["InternetGateways"]
        tables = ec2.describe_route_tables(Filters=mine)["RouteTables"]
        subnets = {it["SubnetId"]: _name(it) for it in ec2.describe_subnets(Filters=mine)["Subnets"]}
        out = {
            subnets[link["SubnetId"]]: route.get("NatGatewayId") or route.get("GatewayId")
            for table in tables
            for link in table["Associations"]
            if "SubnetId" in link
            for route in table["Routes"]
            if route.get("DestinationCidrBlock") == "0.0.0.0/0"
        }

        assert subnets[nat["SubnetId"]] == "headroom-public"
        assert out.pop("headroom-public") == internet["InternetGatewayId"]
        assert len(out) == len(subnets) - 1
        assert set(out.values()) == {nat["NatGatewayId"]}
        assert _ways_out(ec2, mine) == {("headroom-tasks", "0.0.0.0/0", 443), ("headroom-tasks", "0.0.0.0/0", 9090)}


def test_a_network_that_has_a_way_out_gets_no_gateway_and_steps_may_use_it(tmp_path: Path) -> None:
    with aws_for_terraform() as server:
        planted = Account.planted(server)
        variables = {"vpc_id": planted.vpc, "subnet_ids": planted.subnets, "egress": "network", "enable_mlflow": False}
        apply(server, tmp_path, variables, WAYS_OUT)
        ec2 = server.client("ec2")
        mine = [{"Name": "vpc-id", "Values": [planted.vpc]}]

        assert ec2.describe_nat_gateways(Filter=mine)["NatGateways"] == []
        assert (
            ec2.describe_internet_gateways(Filters=[{"Name": "attachment.vpc-id", "Values": [planted.vpc]}])["InternetGateways"]
            == []
        )
        assert _ways_out(ec2, mine) == {("headroom-tasks", "0.0.0.0/0", 443)}


def _name(thing: dict[str, Any]) -> str:
    return next(tag["Value"] for tag in thing["Tags"] if tag["Key"] == "Name")


def _ways_out(ec2: Any, mine: list[dict[str, Any]]) -> set[tuple[str, str, int]]:
    """Group, addresses and port of every rule that lets something out of the network."""
    groups = {it["GroupId"]: it["GroupName"] for it in ec2.describe_security_groups(Filters=mine)["SecurityGroups"]}
    rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": sorted(groups)}])["SecurityGroupRules"]
    return {
        (groups[it["GroupId"]], it["CidrIpv4"], it["FromPort"])
        for it in rules
        if it["IsEgress"] and it.get("CidrIpv4") == "0.0.0.0/0" and it["IpProtocol"] == "tcp"
    }


def test_a_monitor_that_is_switched_on_is_missed_by_an_alarm_on_its_page(tmp_path: Path) -> None:
    chosen = {"sources": ["cloudwatch"], "monitor_sources": ["cloudwatch"], "monitor_period_s": 900}
    with aws_for_terraform() as server:
        told = {"settings": chosen, "monitor_missed_runs": 4, "orchestrator": "none", "enable_mlflow": False}
        apply(server, tmp_path, told, ("aws_cloudwatch_metric_alarm.monitor", "aws_cloudwatch_metric_alarm.stale"))
        alarms = {each["AlarmName"]: each for each in server.client("cloudwatch").describe_alarms()["MetricAlarms"]}
        topics = [each["TopicArn"] for each in server.client("sns").list_topics()["Topics"]]

    found = alarms["headroom-monitor-silent"]
    assert (found["Namespace"], found["MetricName"], found["Statistic"]) == ("AWS/S3", "PutRequests", "Sum")
    assert (found["Period"], found["EvaluationPeriods"], found["DatapointsToAlarm"]) == (900, 4, 4)
    assert (found["ComparisonOperator"], found["Threshold"], found["TreatMissingData"]) == ("LessThanThreshold", 1, "breaching")
    assert {each["Name"]: each["Value"] for each in found["Dimensions"]}["FilterId"] == "monitor"
    assert found["AlarmActions"] == found["OKActions"] == [topic for topic in topics if topic.endswith(":headroom-operations")]
    assert len(alarms) == 4, "beside the three of tables that nobody writes"


def test_a_call_that_a_client_sends_again_hears_what_it_heard_first(account: Account) -> None:
    ec2 = account.server.client("ec2")
    group = ec2.create_security_group(GroupName="asked-twice", Description="asked twice")["GroupId"]
    rule = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}

    def ask(call: str) -> str:
        ec2.meta.events.register(
            "before-send", lambda request, **_: request.headers.update({"amz-sdk-invocation-id": call}), "id"
        )
        try:
            answer = ec2.authorize_security_group_egress(GroupId=group, IpPermissions=[rule])
        finally:
            ec2.meta.events.unregister("before-send", unique_id="id")
        return str(answer["SecurityGroupRules"][0]["SecurityGroupRuleId"])

    assert ask("one") == ask("one")
    with pytest.raises(ec2.exceptions.ClientError, match="Duplicate"):
        ask("another")
