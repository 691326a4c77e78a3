"""AWS accounts and regions as sources see them: who asks, what is asked, all pages of the answer, and errors in words.

Credentials come from the environment that boto3 reads (variables, profile, container or instance role). Each role in
`roles` is assumed from there. Expired credentials are renewed once per call; a call that is refused with new ones fails.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import IO, Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from pipeline.errors import ConfigError, SourceError, redacted
from pipeline.interval import naive_utc
from pipeline.sources import _http

T = TypeVar("T")
Region = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]
Role = Annotated[str, StringConstraints(pattern=r"^arn:aws[a-z-]*:iam::\d{12}:role/[A-Za-z0-9_+=,.@/-]+$", max_length=600)]

_THROTTLED = frozenset(
    {
        "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled", "RequestThrottledException",
        "TooManyRequestsException", "RequestLimitExceeded", "LimitExceededException", "BandwidthLimitExceeded",
        "SlowDown", "PriorRequestNotComplete", "EC2ThrottledException", "RequestTimeout", "RequestTimeoutException",
        "InternalServiceFault", "InternalServiceError", "InternalFailure", "InternalError", "ServiceUnavailable",
    }
)  # fmt: skip
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
_REFUSED = frozenset(
    {
        "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError", "UnauthorizedException",
        "NotAuthorized", "Forbidden",
    }
)  # fmt: skip
_BAD_KEYS = frozenset(
    {
        "InvalidClientTokenId", "UnrecognizedClientException", "AuthFailure", "InvalidAccessKeyId", "SignatureDoesNotMatch",
        "InvalidSignatureException", "IncompleteSignature", "MissingAuthenticationToken",
    }
)  # fmt: skip
# Where a service's API does not call its paging token NextToken: (the request's name, the answer's name).
_TOKENS = {
    "rds": ("Marker", "Marker"),
    "elb": ("Marker", "NextMarker"),
    "elbv2": ("Marker", "NextMarker"),
    "lambda": ("Marker", "NextMarker"),
    "dynamodb": ("ExclusiveStartTableName", "LastEvaluatedTableName"),
    "elasticache": ("Marker", "Marker"),
    "ecs": ("nextToken", "nextToken"),
    "s3": ("ContinuationToken", "NextContinuationToken"),
    "s3.list_buckets": ("ContinuationToken", "ContinuationToken"),
}
_ACTION_PREFIX = {"elbv2": "elasticloadbalancing", "elb": "elasticloadbalancing"}
# Where the action that a policy allows has another name than the operation.
_ACTION_NAME = {
    "ListObjectsV2": "ListBucket",
    "ListBuckets": "ListAllMyBuckets",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "ListBucketMetricsConfigurations": "GetMetricsConfiguration",
    "ListMultipartUploads": "ListBucketMultipartUploads",
}
_MOST_PAGES = 10_000


class AwsOptions(BaseModel):
    """Options of every source that asks AWS."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    regions: tuple[Region, ...] = Field(default=("us-east-1",), min_length=1, max_length=40, description="Regions to ask.")
    roles: tuple[Role, ...] = Field(
        default=(),
        max_length=500,
        description="ARNs of roles to assume, one per account. Empty: the account of one's own credentials.",
    )
    external_id: str | None = Field(
        default=None, min_length=2, max_length=1224, description="External id that the roles' trust policies ask for."
    )
    endpoint_url: str = Field(
        default="", pattern=r"^(https?://\S+)?$", description="Another address for every AWS API, for emulators; empty means AWS."
    )
    timeout_s: int = Field(default=30, ge=1, le=600, description="Seconds to wait for a connection, and for an answer.")
    attempts: int = Field(default=6, ge=1, le=15, description="Attempts per call where AWS throttles or fails.")


@dataclass
class _Login:
    """The credentials of one account: one's own, or those of an assumed role."""

    name: str
    options: AwsOptions
    role: str | None
    _session: Any = None
    _secrets: tuple[str, ...] = ()
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict)

    def renew(self) -> None:
        """Forget the credentials; the next call reads or assumes them anew."""
        self._session = None
        self._clients.clear()

    def client(self, service: str, region: str) -> Any:
        if (service, region) not in self._clients:
            from botocore.config import Config

            if self._session is None:
                self._session = self._open()
            # boto3's own retries are off: the loop in `Place.ask` is the only one, and it counts.
            config = Config(
                retries={"total_max_attempts": 1, "mode": "standard"},
                connect_timeout=self.options.timeout_s,
                read_timeout=self.options.timeout_s,
            )
            self._clients[service, region] = self._session.client(
                service, region_name=region, endpoint_url=self.options.endpoint_url or None, config=config
            )
        return self._clients[service, region]

    def hide(self, text: str) -> str:
        return redacted(text, *self._secrets)

    def _open(self) -> Any:
        if self.role is None:
            session = _open_session()
            known = session.get_credentials()
            self._secrets = tuple(filter(None, (known.secret_key, known.token))) if known else ()
            return session
        asked = {"RoleArn": self.role, "RoleSessionName": f"headroom-{self.name}"}
        if self.options.external_id:
            asked["ExternalId"] = self.options.external_id
        own = Place(self.options.regions[0], _Login(self.name, self.options, None))
        granted = own.ask("sts", "assume_role", **asked)["Credentials"]
        self._secrets = (granted["SecretAccessKey"], granted["SessionToken"])
        return _open_session(granted["AccessKeyId"], granted["SecretAccessKey"], granted["SessionToken"])


def _open_session(*keys: str) -> Any:
    import boto3
    from botocore.session import get_session

    plain = get_session()
    plain.get_component("data_loader").file_loader = _open_descriptions()
    return boto3.Session(*keys, botocore_session=plain)


@cache
def _open_descriptions() -> Any:
    """Reads botocore's descriptions of services once for all accounts: EC2's alone takes 70 ms."""
    from botocore.loaders import JSONFileLoader

    loader = JSONFileLoader()
    loader.load_file = cache(loader.load_file)
    return loader


@dataclass
class Place:
    """One account in one region. `account` and `now`, AWS's own clock, are known once `_aws.places` has asked."""

    region: str
    login: _Login
    account: str = ""
    now: datetime = datetime.min

    def ask(self, service: str, operation: str, *, absent: Collection[str] = (), **given: Any) -> dict[str, Any]:
        """One API call, repeated while AWS throttles or fails.

        Args:
            absent: codes of errors that are an answer, {"Absent": code}.

        Raises:
            ConfigError: access denied, or no credentials that AWS knows.
            SourceError: failed, for good or after the last attempt. Both name the action, account and region.
        """
        from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError, NoCredentialsError

        trouble, renewed, attempts = "", False, self.login.options.attempts
        action = f"{service}:{operation}"
        for attempt in range(attempts):
            try:
                client = self.login.client(service, self.region)
                name = client.meta.method_to_api_mapping[operation]
                action = f"{_ACTION_PREFIX.get(service, service)}:{_ACTION_NAME.get(name, name)}"
                answer: dict[str, Any] = getattr(client, operation)(**given)
                return answer
            except ClientError as error:
                code = str(error.response.get("Error", {}).get("Code", ""))
                if code in absent:
                    return {"Absent": code}
                status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
                trouble = f"{code}: {self.login.hide(str(error.response.get('Error', {}).get('Message', '')))}"
                if code in _EXPIRED:
                    if renewed or attempt + 1 == attempts:
                        raise self._failed(
                            action, f"the credentials have expired, renewing them did not help: {trouble}"
                        ) from None
                    self.login.renew()
                    renewed = True
                    continue
                if why := _why_refused(code, action):
                    raise self._refused(action, f"{why}: {trouble}") from None
                if code not in _THROTTLED and status not in _http.BUSY:
                    raise self._failed(action, trouble) from None
            except NoCredentialsError:
                raise self._refused(action, "no AWS credentials found in the environment, a profile or a role") from None
            except (ConnectionError, HTTPClientError) as error:
                trouble = self.login.hide(str(error))
            except BotoCoreError as error:
                raise self._failed(action, self.login.hide(str(error))) from None
            if attempt + 1 < attempts:
                _http.pause(attempt)
        raise self._failed(action, f"gave up after {attempts} attempts: {trouble}")

    def offers(self, service: str) -> bool:
        """Whether AWS has the service in this region, as far as botocore knows; an emulator is taken to have all."""
        return bool(self.login.options.endpoint_url) or self.region in _regions_of(service)

    def listed(self, service: str, operation: str, items: str, **given: Any) -> list[Any]:
        """What all pages of a listing hold under `items`.

        Raises:
            ConfigError: as `ask`.
            SourceError: as `ask`, or the paging token repeats itself, so that the listing would never end.
        """
        return [item for page in self.pages(service, operation, **given) for item in page.get(items, [])]

    def pages(self, service: str, operation: str, **given: Any) -> Iterator[dict[str, Any]]:
        """The pages of a listing. Raises as `listed`."""
        sent, received = _TOKENS.get(f"{service}.{operation}") or _TOKENS.get(service, ("NextToken", "NextToken"))
        seen: set[str] = set()
        while len(seen) < _MOST_PAGES:
            page = self.ask(service, operation, **given)
            yield page
            token = page.get(received)
            if not token:
                return
            if token in seen:
                raise self._failed(
                    f"{service} {operation}", f"page {len(seen) + 1} repeats an earlier {received}; nothing is complete"
                )
            seen.add(token)
            given[sent] = token
        raise self._failed(f"{service} {operation}", f"more than {_MOST_PAGES} pages")

    def download(self, bucket: str, key: str, into: IO[bytes]) -> None:
        """An S3 object written to a file, from its beginning at every attempt. Raises as `ask`."""

        def write(body: Any) -> None:
            into.seek(0)
            into.truncate()
            for piece in body.iter_chunks(1 << 16):
                into.write(piece)
            into.seek(0)

        self._read_body(bucket, key, write)

    def read_range(self, bucket: str, key: str, first: int, end: int) -> bytes:
        """The bytes [first, end) of an S3 object. Raises as `ask`."""
        return self._read_body(bucket, key, lambda body: bytes(body.read()), Range=f"bytes={first}-{end - 1}")

    def _read_body(self, bucket: str, key: str, read: Callable[[Any], T], **given: str) -> T:
        from botocore.exceptions import IncompleteReadError, ResponseStreamingError
        from botocore.exceptions import ReadTimeoutError as ReadTimeout

        attempts = self.login.options.attempts
        for attempt in range(attempts):
            body = self.ask("s3", "get_object", Bucket=bucket, Key=key, **given)["Body"]
            try:
                return read(body)
            except (IncompleteReadError, ResponseStreamingError, ReadTimeout):
                if attempt + 1 < attempts:
                    _http.pause(attempt)
        raise self._failed("s3:GetObject", f"s3://{bucket}/{key} broke off {attempts} times")

    def _failed(self, action: str, why: str) -> SourceError:
        return SourceError(self._said(action, why))

    def _refused(self, action: str, why: str) -> ConfigError:
        """What no later try will be allowed either, until someone changes a policy or a setting."""
        return ConfigError(self._said(action, why))

    def _said(self, action: str, why: str) -> str:
        who = self.login.role or (f"account {self.account}" if self.account else "one's own account")
        return f"{self.login.name}: {action} in {self.region} as {who}: {why}"


def places(name: str, options: AwsOptions, regions: tuple[str, ...] | None = None) -> Iterator[Place]:
    """Every account in every region, each with its account id and AWS's time.

    Args:
        name: of the source, for errors and session names.
        regions: instead of the options' own.

    Raises:
        ConfigError: access denied.
        SourceError: an account cannot be entered.
    """
    for role in options.roles or (None,):
        login = _Login(name, options, role)
        for region in regions or options.regions:
            place = Place(region, login)
            identity = place.ask("sts", "get_caller_identity")
            place.account = identity["Account"]
            place.now = answered_at(identity)
            if role and not re.search(rf"::{place.account}:", role):
                raise SourceError(f"{name}: role {role} led into account {place.account}")
            yield place


def _why_refused(code: str, action: str) -> str:
    """Why no later try will be allowed either; empty where one may be."""
    if code in _REFUSED:
        return f"access denied; allow the action {action}"
    return "AWS does not accept the credentials" if code in _BAD_KEYS else ""


@cache
def _regions_of(service: str) -> frozenset[str]:
    from botocore.session import get_session

    session = get_session()
    return frozenset(
        region
        for partition in session.get_available_partitions()
        for region in session.get_available_regions(service, partition_name=partition)
    )


def answered_at(answer: dict[str, Any]) -> datetime:
    """When AWS gave an answer, by its own clock, as naive UTC.

    Raises:
        SourceError: the answer does not say.
    """
    text = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
    try:
        return naive_utc(parsedate_to_datetime(text))
    except ValueError:
        raise SourceError(f"an AWS answer without a date: {text!r}") from None


def tags(listed: list[dict[str, str]] | None) -> dict[str, str]:
    """AWS's list of tags as a mapping."""
    return {tag["Key"]: tag.get("Value", "") for tag in listed or []}
