"""What S3 says of its buckets, by AWS's own models of its answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pipeline.sources._described import Resource
from pipeline.sources._described_buckets import buckets
from tests.support.stubbed import stubbed

MADE = datetime(2025, 6, 1, 8, tzinfo=UTC)
_REGION = {"BucketRegion": "eu-west-1", "MaxBuckets": 1000}
_BARE = ("list_multipart_uploads", {"Bucket": "b", "MaxUploads": 1000}, {})
_UNCOUNTED = ("list_bucket_metrics_configurations", {"Bucket": "b"}, {})


def facts(one: Resource) -> dict[str, str]:
    return {name.removeprefix("headroom:"): value for name, value in one.tags.items()}


def described(state: Any, lifecycle: Any, uploads: Any) -> Resource:
    """The one bucket b, of which these are answered."""
    listed = ("list_buckets", _REGION, {"Buckets": [{"Name": "b", "CreationDate": MADE, "BucketRegion": "eu-west-1"}]})
    with stubbed({"s3": [listed, state, lifecycle, uploads]}) as place:
        [one] = buckets(place)
    return one


def rules(*listed: dict[str, Any]) -> Any:
    known = [{"Status": "Enabled", "Filter": {"Prefix": ""}, **rule} for rule in listed]
    return "get_bucket_lifecycle_configuration", {"Bucket": "b"}, {"Rules": known}


def test_only_buckets_of_the_region_are_described_and_all_pages_are_read() -> None:
    page = {"Buckets": [{"Name": "far", "BucketRegion": "us-east-1"}], "ContinuationToken": "more"}
    with stubbed(
        {"s3": [("list_buckets", _REGION, page), ("list_buckets", {**_REGION, "ContinuationToken": "more"}, {"Buckets": []})]}
    ) as place:
        assert list(buckets(place)) == []


def test_a_bucket_without_a_lifecycle_says_so_and_which_uploads_were_not_ended() -> None:
    uploads = [{"Key": key, "Initiated": MADE.replace(day=day)} for key, day in (("a", 9), ("z", 3))]
    one = described(
        _UNCOUNTED,
        ("get_bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration"),
        ("list_multipart_uploads", {"Bucket": "b", "MaxUploads": 1000}, {"Uploads": uploads}),
    )

    assert one[:5] == ("b", "s3", None, "uncounted", datetime(2025, 6, 1, 8))
    assert facts(one) == {"lifecycle": "none", "uploads": "2", "oldest_upload": "2025-06-03T08:00:00"}


def test_of_a_lifecycle_only_rules_in_force_count_and_of_those_that_abort_only_such_of_the_whole_bucket() -> None:
    abort = {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 3}}
    moves = {"Transitions": [{"Days": 60, "StorageClass": "GLACIER"}]}

    whole = described(_UNCOUNTED, rules(abort, moves, {**moves, "Status": "Disabled"}), _BARE)
    part = described(_UNCOUNTED, rules({**abort, "Filter": {"Prefix": "logs/"}}), _BARE)

    assert facts(whole) == {"lifecycle": "stated", "moves_to": "GLACIER", "aborts_after_days": "3", "uploads": "0"}
    assert facts(part) == {"lifecycle": "stated", "uploads": "0"}


def test_requests_are_counted_where_the_whole_bucket_has_metrics_of_the_name_that_is_asked_for() -> None:
    def state(**more: Any) -> str:
        configured = {"MetricsConfigurationList": [{"Id": "EntireBucket", **more}]}
        return described(("list_bucket_metrics_configurations", {"Bucket": "b"}, configured), rules(), _BARE).state

    assert state() == "counted"
    assert state(Filter={"Prefix": "logs/"}) == "uncounted"
    assert state(Id="web") == "uncounted"


def test_what_a_buckets_own_policy_forbids_is_unknown_and_stops_nothing() -> None:
    denied = [
        (operation, "AccessDenied")
        for operation in ("list_bucket_metrics_configurations", "get_bucket_lifecycle_configuration", "list_multipart_uploads")
    ]

    one = described(*denied)

    assert (one.state, facts(one)) == ("active", {})
