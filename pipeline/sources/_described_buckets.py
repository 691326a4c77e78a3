"""S3's buckets as it describes them: what their lifecycle does, and which uploads were begun and never ended.

What a bucket's own policy forbids is not known of it, and stops nothing. Tags are not asked for, which is a call for each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.interval import naive_utc
from pipeline.sources import _aws
from pipeline.sources._described import Resource, tagged

#: The name that the console gives to request metrics of a whole bucket.
ENTIRE_BUCKET = "EntireBucket"
#: State of a bucket whose requests are counted.
COUNTED = "counted"
_DENIED = "AccessDenied"


def buckets(place: _aws.Place) -> Iterator[Resource]:
    """The buckets of the region."""
    for one in place.listed("s3", "list_buckets", "Buckets", BucketRegion=place.region, MaxBuckets=1000):
        if one.get("BucketRegion", place.region) != place.region:
            continue
        created, name = one.get("CreationDate"), one["Name"]
        yield Resource(
            name,
            "s3",
            None,
            _state(place, name),
            naive_utc(created) if created else None,
            tagged(None, **_lifecycle(place, name), **_uploads(place, name)),
        )


def _lifecycle(place: _aws.Place, bucket: str) -> Mapping[str, Any]:
    """What those of its rules do that are in force."""
    none = "NoSuchLifecycleConfiguration"
    answer = place.ask("s3", "get_bucket_lifecycle_configuration", absent=(_DENIED, none), Bucket=bucket)
    if "Absent" in answer:
        return {"lifecycle": "none"} if answer["Absent"] == none else {}
    rules = [rule for rule in answer.get("Rules", []) if rule.get("Status") == "Enabled"]
    aborts = [
        rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"]
        for rule in rules
        if "AbortIncompleteMultipartUpload" in rule and _is_of_all(rule)
    ]
    moves = {step["StorageClass"] for rule in rules for step in rule.get("Transitions", [])}
    return {"lifecycle": "stated", "moves_to": sorted(moves), "aborts_after_days": min(aborts, default=None)}


def _is_of_all(rule: Mapping[str, Any]) -> bool:
    """Whether a rule is of all of the bucket, not of a prefix, a tag or a size."""
    conditions = rule.get("Filter", {"Prefix": rule.get("Prefix", "")})
    return all(value == "" for value in conditions.values())


def _uploads(place: _aws.Place, bucket: str) -> Mapping[str, Any]:
    """How many uploads of the first thousand were not ended, and the oldest of these."""
    answer = place.ask("s3", "list_multipart_uploads", absent=(_DENIED,), Bucket=bucket, MaxUploads=1000)
    if "Absent" in answer:
        return {}
    begun = [naive_utc(upload["Initiated"]) for upload in answer.get("Uploads", [])]
    return {"uploads": len(begun), "oldest_upload": min(begun).isoformat() if begun else None}


def _state(place: _aws.Place, bucket: str) -> str:
    """Whether the requests of the whole bucket are counted, under the name that is asked for: since when, inventories tell."""
    answer = place.ask("s3", "list_bucket_metrics_configurations", absent=(_DENIED,), Bucket=bucket)
    if "Absent" in answer:
        return "active"
    named = {one["Id"] for one in answer.get("MetricsConfigurationList", []) if "Filter" not in one}
    return COUNTED if ENTIRE_BUCKET in named else "uncounted"
