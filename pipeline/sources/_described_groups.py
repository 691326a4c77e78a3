"""Services of containers, and groups of instances, as ECS and EC2 Auto Scaling describe them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.interval import naive_utc
from pipeline.sources import _aws
from pipeline.sources._described import Resource, tagged

# ECS describes so many services at once.
_DESCRIBED_AT_ONCE = 10
#: State of a group whose size nothing changes.
FIXED = "fixed"


def container_services(place: _aws.Place) -> Iterator[Resource]:
    """Services of ECS, with the size of their tasks and what they are scaled by."""
    scaled = _scaled_by(place)
    for cluster in place.listed("ecs", "list_clusters", "clusterArns"):
        arns = place.listed("ecs", "list_services", "serviceArns", cluster=cluster)
        for first in range(0, len(arns), _DESCRIBED_AT_ONCE):
            some = arns[first : first + _DESCRIBED_AT_ONCE]
            for one in place.ask("ecs", "describe_services", cluster=cluster, services=some, include=["TAGS"])["services"]:
                # A service whose tasks another controller makes has no definition.
                task = one.get("taskDefinition")
                definition = place.ask("ecs", "describe_task_definition", taskDefinition=task)["taskDefinition"] if task else {}
                name = f"service/{cluster.rpartition('/')[2]}/{one['serviceName']}"
                yield _service(name, one, definition, scaled.get(name, ""))


def _service(name: str, one: Mapping[str, Any], definition: Mapping[str, Any], scaled_by: str) -> Resource:
    cpu, memory, platform = definition.get("cpu"), definition.get("memory"), definition.get("runtimePlatform", {})
    created = one.get("createdAt")
    providers = sorted({part["capacityProvider"] for part in one.get("capacityProviderStrategy", [])})
    tags = [{"Key": tag["key"], "Value": tag.get("value", "")} for tag in one.get("tags", [])]
    return Resource(
        name,
        "ecs",
        # A change of it is a change of what the metrics are shares of.
        f"{cpu}/{memory}" if cpu and memory else None,
        str(one.get("status", "unknown")).lower(),
        naive_utc(created) if created else None,
        tagged(
            tags,
            runs_on=providers or one.get("launchType"),
            tasks=one.get("desiredCount"),
            architecture=platform.get("cpuArchitecture", "X86_64"),
            system=platform.get("operatingSystemFamily", "LINUX"),
            scaled_by=scaled_by or "nothing",
        ),
    )


def _scaled_by(place: _aws.Place) -> dict[str, str]:
    """By service, what its scaling policies keep: cpu, memory, or something else."""
    keeps = {"ECSServiceAverageCPUUtilization": "cpu", "ECSServiceAverageMemoryUtilization": "memory"}
    found: dict[str, set[str]] = {}
    for policy in place.listed("application-autoscaling", "describe_scaling_policies", "ScalingPolicies", ServiceNamespace="ecs"):
        target = policy.get("TargetTrackingScalingPolicyConfiguration", {}).get("PredefinedMetricSpecification", {})
        found.setdefault(policy["ResourceId"], set()).add(keeps.get(target.get("PredefinedMetricType", ""), "other"))
    return {name: ",".join(sorted(what)) for name, what in found.items()}


def instance_groups(place: _aws.Place) -> Iterator[Resource]:
    """Auto Scaling groups; one that is as large at least as at most says so in its state."""
    for one in place.listed("autoscaling", "describe_auto_scaling_groups", "AutoScalingGroups", MaxRecords=100):
        desired, least, most = (one.get(name) for name in ("DesiredCapacity", "MinSize", "MaxSize"))
        types = sorted({member["InstanceType"] for member in one.get("Instances", []) if member.get("InstanceType")})
        tags = [{"Key": tag["Key"], "Value": tag.get("Value", "")} for tag in one.get("Tags", [])]
        yield Resource(
            f"autoScalingGroupName/{one['AutoScalingGroupName']}",
            "autoscaling",
            # A change of it is a change of what the metrics are means of.
            f"{desired} x {types[0]}" if len(types) == 1 else None,
            FIXED if desired == least == most else "scaling",
            naive_utc(one["CreatedTime"]),
            tagged(tags, desired=desired, least=least, most=most, types=types, zones=len(one.get("AvailabilityZones", []))),
        )
