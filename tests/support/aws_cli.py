"""The few commands of the AWS CLI that docs/deploy.md types, asked of the server on loopback: `python -m tests.support.aws_cli`.

A container that is to run is a process of this machine instead, with exactly the environment of its task definition.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
# What ECS gives every container by itself, its role's credentials among it, and the image: see the Dockerfile.
FROM_OUTSIDE = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL", "PATH")


def main(arguments: list[str]) -> int:
    match arguments:
        case ["ecr", "get-login-password"]:
            print("nobody asks")  # noqa: T201
        case ["secretsmanager", "get-secret-value", "--secret-id", name, "--query", "SecretString", "--output", "text"]:
            print(client("secretsmanager").get_secret_value(SecretId=name)["SecretString"])  # noqa: T201
        case ["s3", "cp", source, target] if source.startswith("s3://"):
            bucket, _, key = source.removeprefix("s3://").partition("/")
            client("s3").download_file(bucket, key, target)
        case ["ecs", "run-task", *flags]:
            return run_task(dict(zip(flags[::2], flags[1::2], strict=True)))
        case _:
            print(f"no stand-in for aws {' '.join(arguments)}", file=sys.stderr)  # noqa: T201
            return 2
    return 0


def run_task(flags: dict[str, str]) -> int:
    """Run what a container would, and return how it ended."""
    definition = client("ecs").describe_task_definition(taskDefinition=flags["--task-definition"])["taskDefinition"]
    [container] = definition["containerDefinitions"]
    [override] = json.loads(flags["--overrides"])["containerOverrides"]
    if override["name"] != container["name"]:
        raise ValueError(f"{flags['--task-definition']} has no container named {override['name']}")
    told = {variable["name"]: variable["value"] for variable in container["environment"]}
    outside = {name: os.environ[name] for name in FROM_OUTSIDE}
    home = {"HEADROOM_HOME": os.environ["CONTAINER_HOME"], "PYTHONPATH": str(ROOT)}
    command = [sys.executable if word == "python" else word for word in override["command"]]
    return subprocess.run(command, env=told | outside | home, cwd=os.environ["CONTAINER_HOME"], check=False).returncode


def client(service: str) -> Any:
    import boto3

    return boto3.client(service, region_name="us-east-1")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
