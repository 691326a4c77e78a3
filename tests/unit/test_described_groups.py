"""What ECS and EC2 Auto Scaling say of their services and groups, by AWS's own models of their answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pipeline.sources._described import Resource
from pipeline.sources._described_groups import container_services, instance_groups
from tests.support.stubbed import stubbed

MADE = datetime(2025, 6, 1, 8, tzinfo=UTC)
CLUSTER = "arn:aws:ecs:eu-west-1:123456789012:cluster/shop"
ARN = "arn:aws:ecs:eu-west-1:123456789012:service/shop/web"
TASK = "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:7"


def facts(one: Resource) -> dict[str, str]:
    return {name.removeprefix("headroom:"): value for name, value in one.tags.items() if name.startswith("headroom:")}


def service(policies: list[dict[str, Any]], *, defined: bool = True, **more: Any) -> Resource:
    """The one service web of the cluster shop."""
    described = {"serviceName": "web", "status": "ACTIVE", "desiredCount": 3, "createdAt": MADE}
    described |= {"taskDefinition": TASK} if defined else {}
    listing = ("list_services", {"cluster": CLUSTER}, {"serviceArns": [ARN]})
    asked = {"cluster": CLUSTER, "services": [ARN], "include": ["TAGS"]}
    task = {"cpu": "512", "memory": "1024", "runtimePlatform": {"cpuArchitecture": "ARM64"}}
    with stubbed(
        {
            "application-autoscaling": [
                ("describe_scaling_policies", {"ServiceNamespace": "ecs"}, {"ScalingPolicies": policies}),
            ],
            "ecs": [
                ("list_clusters", {}, {"clusterArns": [], "nextToken": "more"}),
                ("list_clusters", {"nextToken": "more"}, {"clusterArns": [CLUSTER]}),
                listing,
                ("describe_services", asked, {"services": [{**described, **more}]}),
                *([("describe_task_definition", {"taskDefinition": TASK}, {"taskDefinition": task})] if defined else []),
            ],
        }
    ) as place:
        [one] = container_services(place)
    return one


def policy(metric: str = "", **more: Any) -> dict[str, Any]:
    known = {
        "PolicyARN": "arn:aws:autoscaling:p",
        "PolicyName": "p",
        "ServiceNamespace": "ecs",
        "ResourceId": "service/shop/web",
        "ScalableDimension": "ecs:service:DesiredCount",
        "PolicyType": "TargetTrackingScaling" if metric else "StepScaling",
        "CreationTime": MADE,
    }
    tracked = {"TargetValue": 60.0, "PredefinedMetricSpecification": {"PredefinedMetricType": metric}}
    return {**known, **({"TargetTrackingScalingPolicyConfiguration": tracked} if metric else {}), **more}


def test_a_service_has_the_size_of_its_tasks_and_the_tags_that_it_has() -> None:
    one = service([], launchType="FARGATE", tags=[{"key": "app_name", "value": "shop"}])

    assert one[:5] == ("service/shop/web", "ecs", "512/1024", "active", datetime(2025, 6, 1, 8))
    assert one.tags["app_name"] == "shop"
    assert facts(one) == {
        "runs_on": "FARGATE",
        "tasks": "3",
        "architecture": "ARM64",
        "system": "LINUX",
        "scaled_by": "nothing",
    }


def test_a_service_whose_tasks_another_controller_makes_has_no_size() -> None:
    one = service([], defined=False)

    assert (one.resource_id, one.instance_type) == ("service/shop/web", None)


def test_a_service_says_what_its_scaling_policies_keep_and_through_which_providers_it_runs() -> None:
    cpu, memory = policy("ECSServiceAverageCPUUtilization"), policy("ECSServiceAverageMemoryUtilization")
    providers = [{"capacityProvider": name} for name in ("FARGATE_SPOT", "FARGATE")]

    assert facts(service([cpu, memory]))["scaled_by"] == "cpu,memory"
    assert facts(service([policy()]))["scaled_by"] == "other"
    assert facts(service([{**cpu, "ResourceId": "service/shop/other"}]))["scaled_by"] == "nothing"
    assert facts(service([], capacityProviderStrategy=providers))["runs_on"] == "FARGATE,FARGATE_SPOT"


def test_a_group_that_nothing_makes_larger_or_smaller_says_so_in_its_state() -> None:
    def group(name: str, least: int, most: int, *types: str) -> dict[str, Any]:
        members = [
            {
                "InstanceId": f"i-{number}",
                "InstanceType": kind,
                "AvailabilityZone": "eu-west-1a",
                "LifecycleState": "InService",
                "HealthStatus": "Healthy",
                "ProtectedFromScaleIn": False,
            }
            for number, kind in enumerate(types)
        ]
        return {
            "AutoScalingGroupName": name,
            "MinSize": least,
            "MaxSize": most,
            "DesiredCapacity": 2,
            "DefaultCooldown": 300,
            "AvailabilityZones": ["eu-west-1a", "eu-west-1b"],
            "HealthCheckType": "EC2",
            "CreatedTime": MADE,
            "Instances": members,
            "Tags": [{"Key": "app_name", "Value": "shop"}],
        }

    listed = [group("web", 2, 2, "m5.large", "m5.large"), group("batch", 1, 9, "m5.large", "m5.xlarge")]
    asked = {"MaxRecords": 100}
    with stubbed({"autoscaling": [("describe_auto_scaling_groups", asked, {"AutoScalingGroups": listed})]}) as place:
        web, batch = instance_groups(place)

    assert web[:5] == ("autoScalingGroupName/web", "autoscaling", "2 x m5.large", "fixed", datetime(2025, 6, 1, 8))
    assert facts(web) == {"desired": "2", "least": "2", "most": "2", "types": "m5.large", "zones": "2"}
    assert web.tags["app_name"] == "shop"
    assert (batch.state, batch.instance_type, facts(batch)["types"]) == ("scaling", None, "m5.large,m5.xlarge")
