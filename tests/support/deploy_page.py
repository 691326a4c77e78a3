"""docs/deploy.md typed as printed, against AWS on loopback: its blocks, and stand-ins for what cannot run here."""

from __future__ import annotations

import gzip
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.support.aws_server import AwsServer
from tests.support.terraform import ROOT, Begun, Terraform, begin, environment, plugin_folder

PAGE = ROOT / "docs" / "deploy.md"
STATE_BUCKET = "my-terraform-state"
# What stands for a command that cannot run here: a script that notes what was typed, or asks the server in its own way.
STAND_INS = {
    "docker": 'echo "docker $*" >> "$NOTED"; if [ "$1" = login ]; then cat > /dev/null; fi',
    "curl": 'echo "curl $*" >> "$NOTED"; echo \'{"access_token": "nobody asks"}\'',
    "aws": f'echo "aws $1 $2" >> "$NOTED"; PYTHONPATH={ROOT} exec {sys.executable} -m tests.support.aws_cli "$@"',
}
# What a user has, but for models whose quality is not asked here.
LEAN = {"HEADROOM_HORIZON_HOURS": "24", "HEADROOM_FALLBACK_FORECASTER": "seasonal_naive", "HEADROOM_DETECTORS": "zscore"}


def blocks() -> list[str]:
    """The shell blocks of the page, in order."""
    return re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)


def stand_ins() -> set[str]:
    """What the page says cannot run on loopback."""
    table = PAGE.read_text().partition("| command | in its stead |\n")[2].partition("\n\n")[0]
    return {line.split("|")[1].strip(" `") for line in table.splitlines()[1:]}


@dataclass(frozen=True)
class Folder:
    """The repository's folder as someone who follows the page has it; what is written there stays out of the repository."""

    root: Path
    terraform: Terraform
    environ: Mapping[str, str]

    @classmethod
    def prepared(cls, root: Path, server: AwsServer) -> Folder:
        terraform = Terraform.copied(root)
        for name in ("pipeline", "tools", "tests"):
            (root / name).symlink_to(ROOT / name)
        (root / ".venv").symlink_to(sys.prefix)
        home = root / "var"
        home.mkdir()
        for name, script in STAND_INS.items():
            command = root / "bin" / name
            command.parent.mkdir(exist_ok=True)
            command.write_text(f"#!/bin/sh\n{script}\n")
            command.chmod(0o755)
        plugins = plugin_folder()
        told = environment(server) | LEAN | {
            "CONTAINER_HOME": str(home),
            "GX_ANALYTICS_ENABLED": "false",
            "HEADROOM_HOME": str(home),
            "NOTED": str(root / "noted"),
            "PATH": f"{root / 'bin'}:{os.environ['PATH']}",
            "TF_CLI_ARGS": "-no-color",
            "TF_CLI_ARGS_apply": "-auto-approve -parallelism=30",
            "TF_CLI_ARGS_init": f"-plugin-dir={plugins}" if plugins else "",
        }  # fmt: skip
        return cls(root, terraform, told)

    def type(self, *blocks: str) -> Begun:
        """Begin to type blocks into one shell, which stops at the first command that fails."""
        return begin(["bash", "-euo", "pipefail", "-c", "\n".join(blocks)], self.root, self.environ)

    def noted(self) -> list[str]:
        """The commands that something stood for, in the order in which they were typed."""
        return (self.root / "noted").read_text().splitlines()


# ---------------------------------------------------------------- what the user has

YESTERDAY = datetime.now(UTC).replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
BILL = {"Amazon Elastic Compute Cloud": 42.5, "Amazon Simple Storage Service": 1.25}
# An image that moto knows.
AMI = "ami-12c6146b"


def plant_account(server: AwsServer) -> list[str]:
    """Two instances in the user's account, with the CPU of yesterday's hours in CloudWatch; returns their ids."""
    ec2, cloudwatch = server.client("ec2"), server.client("cloudwatch")
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "app_name", "Value": "shop"}]}]
    made = ec2.run_instances(ImageId=AMI, InstanceType="m5.large", MinCount=2, MaxCount=2, TagSpecifications=tags)
    instances = [each["InstanceId"] for each in made["Instances"]]
    for number, instance in enumerate(instances):
        points: list[dict[str, Any]] = [
            {
                "MetricName": "CPUUtilization",
                "Dimensions": [{"Name": "InstanceId", "Value": instance}],
                "Timestamp": (YESTERDAY + timedelta(hours=hour)).replace(tzinfo=UTC),
                "Value": 20.0 + 30 * number + hour,
                "Unit": "Percent",
            }
            for hour in range(24)
        ]
        cloudwatch.put_metric_data(Namespace="AWS/EC2", MetricData=points)
    return instances


def write_bill(file: Path, account: str) -> None:
    """A FOCUS 1.0 export of two services' yesterday."""
    moment = "%Y-%m-%dT00:00:00Z"
    fixed = {
        "BillingAccountId": account,
        "SubAccountId": account,
        "BillingCurrency": "USD",
        "ChargeCategory": "Usage",
        "ChargePeriodStart": YESTERDAY.strftime(moment),
        "ChargePeriodEnd": (YESTERDAY + timedelta(days=1)).strftime(moment),
        "BillingPeriodStart": YESTERDAY.replace(day=1).strftime(moment),
        "BillingPeriodEnd": (YESTERDAY.replace(day=28) + timedelta(days=4)).replace(day=1).strftime(moment),
        "ServiceCategory": "Compute",
        "ProviderName": "AWS",
        "RegionId": "us-east-1",
    }
    money = ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost")
    lines = [{**fixed, "ServiceName": service, **dict.fromkeys(money, str(usd))} for service, usd in BILL.items()]
    text = "\n".join([",".join(lines[0]), *(",".join(line.values()) for line in lines)])
    file.write_bytes(gzip.compress(f"{text}\n".encode()))


# ---------------------------------------------------------------- afterwards


def empty_lake(server: AwsServer, bucket: str) -> None:
    """Forget what was landed and published, and every table and view, so that others begin with the lake as it was applied."""
    from moto.s3.models import s3_backends

    [lake] = [backend["global"].buckets[bucket] for backend in s3_backends.values() if bucket in backend["global"].buckets]
    # Not by deleting: a bucket that keeps versions would keep them, and moto takes what was deleted for something that is there.
    lake.keys = type(lake.keys)()
    glue = server.client("glue")
    for database in glue.get_databases()["DatabaseList"]:
        for page in glue.get_paginator("get_tables").paginate(DatabaseName=database["Name"]):
            for table in page["TableList"]:
                glue.delete_table(DatabaseName=database["Name"], Name=table["Name"])
