"""The CloudWatch metrics that are asked for unless an option says otherwise.

Byte counters are asked for by Sum only: their Average is per sample, and how many samples a period has depends on whether
detailed monitoring is on. Latencies and other units that silver cannot convert are left to the option `more_metrics`.

Source: the metric lists of the services' CloudWatch pages, and of the CloudWatch agent for memory and disk.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator

STATISTIC = r"^(Average|Maximum|Minimum|Sum|SampleCount|p\d{1,2}(\.\d{1,2})?)$"


class Metric(BaseModel):
    """One metric of one kind of resource."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    service: str = Field(pattern=r"^[a-z][a-z0-9-]{0,31}$", description="Kind of resource: ec2, rds, alb …")
    namespace: str = Field(pattern=r"^[A-Za-z0-9_./#:-]{1,255}$", description="CloudWatch namespace, such as AWS/EC2.")
    name: str = Field(pattern=r"^[A-Za-z0-9_./#:-]{1,255}$", description="Name of the metric in CloudWatch.")
    unit: str = Field(pattern=r"^[A-Za-z/]{1,32}$", description="Unit; CloudWatch does not repeat it with the data.")
    statistics: tuple[str, ...] = Field(min_length=1, max_length=8, description="Statistics asked for.")
    dimensions: tuple[str, ...] = Field(min_length=1, max_length=30, description="Dimensions that a metric has, and no others.")
    resource: str = Field(
        pattern=r"^[A-Za-z0-9_:/{}-]{1,255}$",
        description="Form of resource_id over the dimensions, such as db:{DBInstanceIdentifier}.",
    )
    optional: tuple[str, ...] = Field(default=(), max_length=30, description="Dimensions that a metric may have as well.")
    part: str | None = Field(
        default=None, description="Optional dimension that tells parts of a resource apart; the part `/` is the metric itself."
    )
    period_s: int | None = Field(
        default=None,
        ge=60,
        le=86_400,
        description="Period of its points, where the service has no finer ones; of S3's sizes a day.",
    )
    is_whole: bool = Field(
        default=True,
        description="Whether of what is told with fewer and with more dimensions the former is all there is; if not, as of a "
        "table and its indexes, the largest value counts.",
    )

    @field_validator("statistics")
    @classmethod
    def _statistics_exist(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        import re

        unknown = [statistic for statistic in value if not re.fullmatch(STATISTIC, statistic)]
        if unknown:
            raise ValueError(f"no statistics named {unknown}; expected Average, Maximum, Minimum, Sum, SampleCount or p95 …")
        return value


def _of(
    service: str, namespace: str, dimensions: tuple[str, ...], resource: str, *metrics: tuple[str, str, str]
) -> tuple[Metric, ...]:
    return tuple(
        Metric(
            service=service,
            namespace=namespace,
            name=name,
            unit=unit,
            statistics=tuple(statistics.split()),
            dimensions=dimensions,
            resource=resource,
        )
        for name, unit, statistics in metrics
    )


_LEVEL = "Average Maximum"


def _of_parts(metrics: tuple[Metric, ...], *optional: str) -> tuple[Metric, ...]:
    """The same where parts, told by these dimensions, are told beside the whole or instead of it."""
    return tuple(metric.model_copy(update={"optional": optional, "is_whole": False}) for metric in metrics)


METRICS: tuple[Metric, ...] = (
    *_of(
        "ec2",
        "AWS/EC2",
        ("InstanceId",),
        "{InstanceId}",
        ("CPUUtilization", "Percent", _LEVEL),
        ("NetworkIn", "Bytes", "Sum"),
        ("NetworkOut", "Bytes", "Sum"),
        ("DiskReadBytes", "Bytes", "Sum"),
        ("DiskWriteBytes", "Bytes", "Sum"),
        ("EBSReadBytes", "Bytes", "Sum"),
        ("EBSWriteBytes", "Bytes", "Sum"),
        ("CPUCreditBalance", "Count", "Average Minimum"),
        ("CPUSurplusCreditBalance", "Count", "Average Maximum"),
    ),
    # The agent's metrics carry what its configuration appends; listing finds the exact dimensions.
    *(
        Metric(
            service="ec2",
            namespace="CWAgent",
            name=name,
            unit="Percent",
            statistics=("Average", "Maximum"),
            dimensions=("InstanceId",),
            resource="{InstanceId}",
            optional=("ImageId", "InstanceType", "AutoScalingGroupName", *disk),
            part="path" if disk else None,
        )
        for name, disk in (("mem_used_percent", ()), ("disk_used_percent", ("path", "device", "fstype")))
    ),
    *_of(
        "ebs",
        "AWS/EBS",
        ("VolumeId",),
        "{VolumeId}",
        ("VolumeReadBytes", "Bytes", "Sum"),
        ("VolumeWriteBytes", "Bytes", "Sum"),
        ("VolumeReadOps", "Count", "Sum"),
        ("VolumeWriteOps", "Count", "Sum"),
        ("BurstBalance", "Percent", "Average Minimum"),
    ),
    *_of(
        "rds",
        "AWS/RDS",
        ("DBInstanceIdentifier",),
        "db:{DBInstanceIdentifier}",
        ("CPUUtilization", "Percent", _LEVEL),
        ("DatabaseConnections", "Count", _LEVEL),
        ("ReadThroughput", "Bytes/Second", _LEVEL),
        ("WriteThroughput", "Bytes/Second", _LEVEL),
        ("NetworkReceiveThroughput", "Bytes/Second", _LEVEL),
        ("NetworkTransmitThroughput", "Bytes/Second", _LEVEL),
        ("CPUCreditBalance", "Count", "Average Minimum"),
    ),
    *_of(
        "alb",
        "AWS/ApplicationELB",
        ("LoadBalancer",),
        "loadbalancer/{LoadBalancer}",
        ("RequestCount", "Count", "Sum"),
        ("ProcessedBytes", "Bytes", "Sum"),
        ("ActiveConnectionCount", "Count", "Sum"),
        ("HTTPCode_Target_5XX_Count", "Count", "Sum"),
        ("HTTPCode_ELB_5XX_Count", "Count", "Sum"),
        ("ConsumedLCUs", "Count", "Sum"),
    ),
    *_of(
        "nlb",
        "AWS/NetworkELB",
        ("LoadBalancer",),
        "loadbalancer/{LoadBalancer}",
        ("ActiveFlowCount", "Count", _LEVEL),
        ("NewFlowCount", "Count", "Sum"),
        ("ProcessedBytes", "Bytes", "Sum"),
        ("ConsumedLCUs", "Count", "Sum"),
    ),
    *_of(
        "elb",
        "AWS/ELB",
        ("LoadBalancerName",),
        "loadbalancer/{LoadBalancerName}",
        ("RequestCount", "Count", "Sum"),
        ("EstimatedProcessedBytes", "Bytes", "Sum"),
        ("HTTPCode_Backend_5XX", "Count", "Sum"),
        ("HealthyHostCount", "Count", _LEVEL),
    ),
    *_of(
        "lambda",
        "AWS/Lambda",
        ("FunctionName",),
        "function:{FunctionName}",
        ("Invocations", "Count", "Sum"),
        ("Errors", "Count", "Sum"),
        ("Throttles", "Count", "Sum"),
        ("ConcurrentExecutions", "Count", "Maximum"),
        ("Duration", "Milliseconds", _LEVEL),
    ),
    # Lambda Insights, where a function has it.
    *_of(
        "lambda",
        "LambdaInsights",
        ("function_name",),
        "function:{function_name}",
        ("memory_utilization", "Percent", _LEVEL),
        ("cpu_total_time", "Milliseconds", _LEVEL),
    ),
    *_of(
        "ecs",
        "AWS/ECS",
        ("ClusterName", "ServiceName"),
        "service/{ClusterName}/{ServiceName}",
        ("CPUUtilization", "Percent", _LEVEL),
        ("MemoryUtilization", "Percent", _LEVEL),
    ),
    *_of(
        "nat",
        "AWS/NATGateway",
        ("NatGatewayId",),
        "{NatGatewayId}",
        ("BytesOutToDestination", "Bytes", "Sum"),
        ("BytesInFromDestination", "Bytes", "Sum"),
        ("ActiveConnectionCount", "Count", "Maximum"),
        ("ErrorPortAllocation", "Count", "Sum"),
    ),
    *_of(
        "docdb",
        "AWS/DocDB",
        ("DBInstanceIdentifier",),
        "db:{DBInstanceIdentifier}",
        ("CPUUtilization", "Percent", _LEVEL),
        ("DatabaseConnections", "Count", _LEVEL),
    ),
    *_of_parts(
        _of(
            "dynamodb",
            "AWS/DynamoDB",
            ("TableName",),
            "table/{TableName}",
            ("ConsumedReadCapacityUnits", "Count", "Sum"),
            ("ConsumedWriteCapacityUnits", "Count", "Sum"),
            ("ProvisionedReadCapacityUnits", "Count", _LEVEL),
            ("ProvisionedWriteCapacityUnits", "Count", _LEVEL),
        ),
        "GlobalSecondaryIndexName",
    ),
    *_of(
        "elasticache",
        "AWS/ElastiCache",
        ("CacheClusterId",),
        "cluster:{CacheClusterId}",
        ("EngineCPUUtilization", "Percent", _LEVEL),
        *((name, "Count", "Sum") for name in ("NewConnections", "CacheHits", "CacheMisses", "GetTypeCmds", "SetTypeCmds")),
    ),
    *_of_parts(
        _of(
            "memorydb",
            "AWS/MemoryDB",
            ("ClusterName",),
            "cluster/{ClusterName}",
            ("EngineCPUUtilization", "Percent", _LEVEL),
            *((name, "Count", "Sum") for name in ("NewConnections", "KeyspaceHits", "KeyspaceMisses")),
        ),
        "NodeName",
        "NodeId",
    ),
    *_of(
        "sagemaker", "AWS/SageMaker", ("EndpointName", "VariantName"), "endpoint/{EndpointName}", ("Invocations", "Count", "Sum")
    ),
    # What EC2 tells of all instances of a group together.
    *_of(
        "autoscaling",
        "AWS/EC2",
        ("AutoScalingGroupName",),
        "autoScalingGroupName/{AutoScalingGroupName}",
        ("CPUUtilization", "Percent", _LEVEL),
    ),
    # Sizes by storage class, in bytes, and objects: a point a day, of its midnight.
    *(
        Metric(
            service="s3",
            namespace="AWS/S3",
            name=name,
            unit="Count",
            statistics=("Average",),
            dimensions=("BucketName",),
            resource="{BucketName}",
            optional=("StorageType",),
            part="StorageType",
            period_s=86_400,
        )
        for name in ("BucketSizeBytes", "NumberOfObjects")
    ),
    # Requests, of buckets that count them; the filter EntireBucket is all of the bucket.
    *(
        Metric(
            service="s3",
            namespace="AWS/S3",
            name=name,
            unit=unit,
            statistics=("Sum",),
            dimensions=("BucketName",),
            resource="{BucketName}",
            optional=("FilterId",),
            part="FilterId",
        )
        for name, unit in (("GetRequests", "Count"), ("BytesDownloaded", "Bytes"), ("BytesUploaded", "Bytes"))
    ),
    # Reported for as long as an endpoint has instances.
    *_of(
        "sagemaker",
        "/aws/sagemaker/Endpoints",
        ("EndpointName", "VariantName"),
        "endpoint/{EndpointName}",
        ("DiskUtilization", "Percent", _LEVEL),
    ),
)

SERVICES: tuple[str, ...] = tuple(dict.fromkeys(metric.service for metric in METRICS))
