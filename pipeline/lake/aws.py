"""AWS as the lake sees it: clients that try again within bounds, and refusals in words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from pipeline.errors import ConfigError, HeadroomError, SourceError
from pipeline.settings import Settings

# At 30 % of calls throttled, six in a million give up; with full jitter below 20 s between tries that is minutes, not hours.
ATTEMPTS = 10

_DENIED = re.compile(r"access.?denied|unauthori[sz]ed|not authorized|forbidden|http status 403", re.IGNORECASE)
UNGRANTED = (
    "Lake Formation refuses it, whatever IAM allows; set lake_formation = true in Terraform, or let its administrator grant "
    "the role what is asked for"
)
_MISSING = re.compile(r"no_?such_?bucket|bucket does not exist|workgroup .*(not found|does not exist)", re.IGNORECASE)
# What IAM calls the operations that have another name there.
_ACTIONS = {
    "HeadObject": "GetObject",
    "HeadBucket": "ListBucket",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "DeleteObjects": "DeleteObject",
    "CreateMultipartUpload": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
}
_SECRETS = re.compile(
    r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b|(?i:(?:X-Amz-(?:Signature|Security-Token|Credential)|aws_secret_access_key)\W+)[^\s&<>'\"]+"
)


def config() -> Any:
    """How often and how long a client tries."""
    from botocore.config import Config

    return Config(retries={"mode": "standard", "total_max_attempts": ATTEMPTS}, connect_timeout=10, read_timeout=60)


@lru_cache(maxsize=4)
def session(region: str) -> Any:
    """Credentials by the standard chain: environment, profile, container or instance role. They renew themselves."""
    import boto3

    return boto3.Session(region_name=region)


def client(service: str, settings: Settings) -> Any:
    return _client(service, settings.aws_region, settings.aws_endpoint_url)


@lru_cache(maxsize=16)
def _client(service: str, region: str, endpoint_url: str) -> Any:
    return session(region).client(service, endpoint_url=endpoint_url or None, config=config())


@contextmanager
def explain_errors(what: str) -> Iterator[None]:
    """Say in Headroom's errors what AWS refused or could not do, and about what.

    Raises:
        ConfigError: no credentials, access denied, with the action to allow, or a bucket or workgroup that is not there: waiting
            cannot help.
        SourceError: AWS did not answer as it should, to the last attempt.
    """
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

    try:
        yield
    except NoCredentialsError:
        raise ConfigError(f"{what}: no AWS credentials in the environment, a profile or a role") from None
    except ClientError as error:
        service = str(getattr(error, "operation_service", "") or _service(error))
        code = str(error.response.get("Error", {}).get("Code", ""))
        raise _error(
            what, f"{code}: {error.response.get('Error', {}).get('Message', '')}", service, error.operation_name
        ) from None
    except BotoCoreError as error:
        raise SourceError(f"{what}: {hidden(str(error))}") from None
    except OSError as error:
        # Arrow's file system reports every refusal of S3 as an OSError; pyiceberg says less and keeps it as the cause.
        said = next((str(each) for each in (error, error.__cause__) if "AWS Error" in str(each)), "")
        if not said:
            raise
        found = re.search(r"during (\w+) operation", said)
        raise _error(what, said, "s3", found.group(1) if found else "") from None


def is_lake_formation(trouble: str) -> bool:
    """Whether it was Lake Formation that refused, which decides beside IAM."""
    return re.search(r"lake ?formation", trouble, re.IGNORECASE) is not None


def hidden(text: str) -> str:
    """The text without anything that looks like a credential."""
    return _SECRETS.sub("***", text)


def _error(what: str, trouble: str, service: str, operation: str) -> HeadroomError:
    trouble = hidden(trouble)
    if is_lake_formation(trouble):
        return ConfigError(f"{what}: {service}:{operation}: {UNGRANTED}: {trouble}")
    if _DENIED.search(trouble):
        action = f"{service}:{_ACTIONS.get(operation, operation)}"
        return ConfigError(f"{what}: access denied; allow the action {action}: {trouble}")
    if _MISSING.search(trouble):
        return ConfigError(f"{what}: {trouble}")
    return SourceError(f"{what}: {operation} failed: {trouble}")


def _service(error: Any) -> str:
    """The service an operation belongs to, as IAM names it; botocore's error does not say."""
    operation = error.operation_name
    if operation.endswith(("Table", "Database", "Tables", "Databases")):
        return "glue"
    return "athena" if operation.endswith(("Execution", "WorkGroup", "Results")) else "s3"
