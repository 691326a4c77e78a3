"""CloudWatch on a bad day: throttled, cut into pages, incomplete, or with credentials that end."""

from __future__ import annotations

import logging
import random
import traceback
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from pipeline import steps
from pipeline.errors import ConfigError, HeadroomError, SourceError
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.sources import Batch, _aws, _http, cloudwatch
from pipeline.tables.operations import RUN_EVENT
from pipeline.tables.usage import METRIC_SAMPLE
from tests.support.aws_answers import IDENTITY, CloudWatch
from tests.support.source_servers import Reply, Request, aws_error, moto_server, serve, spoiled

pytestmark = [pytest.mark.server]

DAY = Interval.day("2026-03-01")


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The attempts after which a source waited; it does not wait in tests."""
    made: list[int] = []
    monkeypatch.setattr(_http, "pause", lambda attempt, *_: made.append(attempt))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAFIRSTFIRSTFIRST1")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the-secret-key")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "the-session-token")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    return made


def fetched(url: str, **options: Any) -> list[Batch]:
    wanted = {"services": ["ec2"], "period_s": 3600, **options}
    return list(cloudwatch.fetch(DAY, cloudwatch.Options(endpoint_url=url, **wanted)))


def test_all_pages_of_all_calls_arrive_with_at_most_500_queries_a_call() -> None:
    with serve(CloudWatch(instances=610)) as aws:
        [batch] = fetched(aws.url)

    calls = Counter(aws.operations())
    assert batch.data.num_rows == 610 * 2 * 24
    assert set(Counter(batch.data["resource_id"].to_pylist()).values()) == {48}
    assert calls["GetMetricData"] == 3 + 3 + 2


def test_a_page_whose_token_repeats_an_earlier_one_is_an_error_and_nothing_is_handed_over() -> None:
    cloud = CloudWatch(instances=250, page=100)
    cloud.repeat_token = True
    with (
        serve(cloud) as aws,
        pytest.raises(SourceError, match=r"cloudwatch get_metric_data.*page 3 repeats an earlier NextToken"),
    ):
        fetched(aws.url)


@pytest.mark.parametrize("status", ["PartialData", "InternalError"])
def test_metrics_that_come_back_incomplete_are_asked_for_again_and_only_they(status: str, pauses: list[int]) -> None:
    cloud = CloudWatch(instances=3)
    cloud.status = {"i-0001": [status, status, status]}
    cloud.left_out["i-0002"] = 1
    with serve(cloud) as aws:
        [batch] = fetched(aws.url)

    queries = [len(request.json()["MetricDataQueries"]) for request in aws.requests if request.operation == "GetMetricData"]
    assert Counter(batch.data["resource_id"].to_pylist()) == {"i-0000": 48, "i-0001": 48, "i-0002": 48}
    assert queries == [6, 3, 1]
    assert pauses == [0, 1]


def test_a_metric_that_stays_incomplete_fails_the_fetch_and_is_named() -> None:
    cloud = CloudWatch(instances=3)
    cloud.status = {"i-0001": ["PartialData"] * 99}
    with (
        serve(cloud) as aws,
        pytest.raises(
            SourceError, match=r"account 123456789012, us-east-1: i-0001 CPUUtilization Average: 2 of 6 metrics stayed incomplete"
        ),
    ):
        fetched(aws.url)


def test_metrics_that_may_not_be_read_are_named_and_not_asked_for_again() -> None:
    cloud = CloudWatch(instances=3)
    cloud.status = {"i-0001": ["Forbidden"] * 99}
    with (
        serve(cloud) as aws,
        pytest.raises(ConfigError, match="i-0001 CPUUtilization Average: access denied to 2 metrics of the call"),
    ):
        fetched(aws.url)
    assert aws.operations().count("GetMetricData") == 1


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture(scope="module")
def yesterday(moto: str) -> Interval:
    """A day with an instance's CPU, in moto."""
    import boto3

    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    cloud = boto3.client("cloudwatch", "us-east-1", endpoint_url=moto, aws_access_key_id="a", aws_secret_access_key="b")  # noqa: S106
    points = [
        {
            "MetricName": "CPUUtilization",
            "Dimensions": [{"Name": "InstanceId", "Value": f"i-{n}"}],
            "Timestamp": today - timedelta(hours=hour),
            "Value": float(hour),
        }
        for hour in range(1, 25)
        for n in range(3)
    ]
    cloud.put_metric_data(Namespace="AWS/EC2", MetricData=points)
    return Interval((today - timedelta(days=1)).replace(tzinfo=None), today.replace(tzinfo=None))


def asked(url: str, interval: Interval, **options: Any) -> pa.Table:
    wanted = {"services": ["ec2"], "endpoint_url": url, **options}
    [batch] = cloudwatch.fetch(interval, cloudwatch.Options(**wanted))
    return batch.data


def test_throttling_of_a_third_of_all_calls_changes_nothing_but_the_time(
    moto: str, yesterday: Interval, pauses: list[int]
) -> None:
    draw = random.Random(26)
    errors = [(400, "ThrottlingException"), (400, "Throttling"), (503, "ServiceUnavailable"), (500, "InternalFailure"), (429, "")]

    def fault(request: Request) -> Reply | None:
        return aws_error(request, *draw.choice(errors)) if draw.random() < 0.3 else None

    expected = asked(moto, yesterday)
    with spoiled(moto, fault) as aws:
        throttled = asked(aws.url, yesterday, attempts=12)

    assert throttled.equals(expected)
    assert len(pauses) > 3


def test_a_service_that_throttles_for_good_is_given_up_after_the_attempts_allowed(moto: str, yesterday: Interval) -> None:
    def fault(request: Request) -> Reply | None:
        return aws_error(request, 400, "ThrottlingException") if request.operation == "GetMetricData" else None

    with (
        spoiled(moto, fault) as aws,
        pytest.raises(SourceError, match=r"cloudwatch:GetMetricData in us-east-1.*after 4 attempts"),
    ):
        asked(aws.url, yesterday, attempts=4)
    assert aws.operations().count("GetMetricData") == 4


def test_access_denied_fails_at_once_and_names_the_action_to_allow(moto: str, yesterday: Interval) -> None:
    def fault(request: Request) -> Reply | None:
        return aws_error(request, 400, "AccessDeniedException") if request.operation == "GetMetricData" else None

    with (
        spoiled(moto, fault) as aws,
        pytest.raises(
            ConfigError, match=r"in us-east-1 as account 123456789012: access denied; allow the action cloudwatch:GetMetricData"
        ),
    ):
        asked(aws.url, yesterday)
    assert aws.operations().count("GetMetricData") == 1


def test_a_role_that_may_not_be_assumed_is_named(moto: str, yesterday: Interval) -> None:
    def fault(request: Request) -> Reply | None:
        return aws_error(request, 403, "AccessDenied") if request.operation == "AssumeRole" else None

    with spoiled(moto, fault) as aws, pytest.raises(ConfigError, match="allow the action sts:AssumeRole"):
        asked(aws.url, yesterday, roles=["arn:aws:iam::123456789012:role/headroom"])
    assert aws.operations() == ["AssumeRole"]


def test_a_role_that_leads_into_another_account_is_refused(moto: str, yesterday: Interval) -> None:
    def fault(request: Request) -> Reply | None:
        return Reply(200, IDENTITY, {"content-type": "text/xml"}) if request.operation == "GetCallerIdentity" else None

    with (
        spoiled(moto, fault) as aws,
        pytest.raises(SourceError, match="role arn:aws:iam::222222222222:role/headroom led into account 123456789012"),
    ):
        asked(aws.url, yesterday, roles=["arn:aws:iam::222222222222:role/headroom"])


def test_the_external_id_that_a_role_asks_for_goes_with_the_request(moto: str, yesterday: Interval) -> None:
    with spoiled(moto, lambda _: None) as aws:
        asked(aws.url, yesterday, roles=["arn:aws:iam::123456789012:role/headroom"], external_id="shop-42")

    [assumed] = [request for request in aws.requests if request.operation == "AssumeRole"]
    assert b"ExternalId=shop-42" in assumed.body
    assert b"RoleSessionName=headroom-cloudwatch" in assumed.body


def test_credentials_that_expire_during_the_run_are_renewed_by_assuming_the_role_again(moto: str, yesterday: Interval) -> None:
    expired: set[str] = set()

    def fault(request: Request) -> Reply | None:
        if request.operation == "GetMetricData" and not expired:
            expired.add(request.access_key)
        return aws_error(request, 400, "ExpiredTokenException") if request.access_key in expired else None

    with spoiled(moto, fault) as aws:
        data = asked(aws.url, yesterday, roles=["arn:aws:iam::123456789012:role/headroom"])

    assert data.num_rows == 2 * 3 * 24
    assert aws.operations().count("AssumeRole") == 2
    assert aws.operations().count("GetMetricData") == 2


def test_credentials_that_stay_expired_fail_after_one_renewal_with_a_clear_message(moto: str, yesterday: Interval) -> None:
    def fault(request: Request) -> Reply | None:
        if request.operation == "GetMetricData":
            return aws_error(
                request, 400, "ExpiredTokenException", "the token the-session-token of AKIAFIRSTFIRSTFIRST1 has expired"
            )
        return None

    with (
        spoiled(moto, fault) as aws,
        pytest.raises(
            SourceError,
            match=r"credentials have expired, renewing them did not help: ExpiredTokenException: the token \[redacted\] of",
        ) as failure,
    ):
        asked(aws.url, yesterday)
    assert aws.operations().count("GetMetricData") == 2
    assert "the-session-token" not in str(failure.value)
    assert "AKIAFIRST" not in str(failure.value)
    assert failure.value.__cause__ is None
    assert failure.value.__suppress_context__


def test_a_service_that_is_down_is_an_error_and_never_data(pauses: list[int]) -> None:
    with serve(lambda _: Reply()) as gone:
        pass
    with pytest.raises(SourceError, match=r"sts:GetCallerIdentity in us-east-1.*gave up after 3 attempts: Could not connect"):
        fetched(gone.url, attempts=3)
    assert pauses == [0, 1]


def test_without_any_credentials_the_error_says_where_they_are_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with serve(lambda _: Reply()) as aws, pytest.raises(ConfigError, match="no AWS credentials found"):
        fetched(aws.url)


@pytest.mark.parametrize(
    ("operation", "status", "code", "kind"),
    [
        ("ListMetrics", 500, "InternalFailure", SourceError),
        ("GetMetricData", 400, "ThrottlingException", SourceError),
        ("GetMetricData", 400, "ExpiredTokenException", SourceError),
        # Airflow tries these no second time.
        ("GetMetricData", 400, "AccessDeniedException", ConfigError),
        ("GetCallerIdentity", 403, "InvalidClientTokenId", ConfigError),
    ],
)
def test_an_ingest_that_fails_names_table_and_interval_lands_nothing_and_logs_no_secret(
    moto: str,
    yesterday: Interval,
    lake: Lake,
    caplog: pytest.LogCaptureFixture,
    operation: str,
    status: int,
    code: str,
    kind: type[HeadroomError],
) -> None:
    said = "the-session-token of AKIAFIRSTFIRSTFIRST1 signed with the-secret-key is no good"

    def fault(request: Request) -> Reply | None:
        return aws_error(request, status, code, said) if request.operation == operation else None

    caplog.set_level(logging.INFO)
    with spoiled(moto, fault) as aws:
        options = {"cloudwatch": {"services": ["ec2"], "endpoint_url": aws.url, "attempts": 3}}
        configured = lake.settings.model_copy(update={"options": {"sources": options}})
        with pytest.raises(kind) as failure:
            steps.perform("ingest", yesterday, target="cloudwatch", settings=configured)

    assert str(failure.value).startswith(f"bronze.metric_sample {yesterday}: cloudwatch: ")
    assert aws.operations().count(operation) <= 3
    assert lake.bronze_files(METRIC_SAMPLE) == []
    assert lake.read(RUN_EVENT)["outcome"].to_pylist() == ["failed"]
    printed = caplog.text + "".join(traceback.format_exception(failure.value))
    for secret in ("the-session-token", "the-secret-key", "AKIAFIRSTFIRSTFIRST1"):
        assert secret not in printed


def test_accounts_share_what_is_known_of_a_service_and_not_their_keys() -> None:
    one, other = _aws._open_session("key-1", "secret-1", "token-1"), _aws._open_session("key-2", "secret-2", "token-2")

    first, second = (
        session._session.get_component("data_loader").load_data("sts/2011-06-15/service-2") for session in (one, other)
    )
    assert first is second
    assert [session.get_credentials().access_key for session in (one, other)] == ["key-1", "key-2"]
