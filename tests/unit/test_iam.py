"""The evaluator that the roles' tests rely on says what AWS documents."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.iam import Request, allowed

OBJECT = "arn:aws:s3:::lake/bronze/metric_sample/a.parquet"


def policy(effect: str, action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": effect, "Action": action, "Resource": resource, **more}]}


def test_what_no_statement_allows_is_refused() -> None:
    assert not allowed(Request("s3:GetObject", OBJECT), [])
    assert not allowed(Request("s3:GetObject", OBJECT), [policy("Allow", "s3:PutObject")])


def test_a_denial_wins_over_every_permission() -> None:
    request = Request("s3:GetObject", OBJECT)

    assert allowed(request, [policy("Allow", "s3:*")])
    assert not allowed(request, [policy("Allow", "s3:*"), policy("Deny", ["s3:GetObject"])])


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("arn:aws:s3:::lake/bronze/*", True),
        ("arn:aws:s3:::lake/*", True),
        ("arn:aws:s3:::lake", False),
        ("arn:aws:s3:::lake/silver/*", False),
        ("arn:aws:s3:::lak?/bronze/*", True),
        ("arn:aws:s3:::lake.bronze/*", False),
    ],
)
def test_a_wildcard_spans_slashes_and_a_dot_is_a_dot(pattern: str, matches: bool) -> None:
    assert allowed(Request("s3:GetObject", OBJECT), [policy("Allow", "s3:GetObject", pattern)]) is matches


def test_actions_are_compared_without_case() -> None:
    assert allowed(Request("S3:getobject", OBJECT), [policy("Allow", "s3:Get*")])


def test_a_condition_on_a_key_that_the_call_lacks_does_not_hold() -> None:
    only_https = policy("Allow", "s3:*", Condition={"Bool": {"aws:SecureTransport": "true"}})

    assert not allowed(Request("s3:GetObject", OBJECT), [only_https])
    assert not allowed(Request("s3:GetObject", OBJECT, {"aws:SecureTransport": "false"}), [only_https])
    assert allowed(Request("s3:GetObject", OBJECT, {"aws:SecureTransport": "true"}), [only_https])


def test_null_asks_whether_the_call_carries_the_key() -> None:
    put_new = policy("Allow", "s3:PutObject", Condition={"Null": {"s3:if-none-match": "false"}})

    assert allowed(Request("s3:PutObject", OBJECT, {"s3:if-none-match": "*"}), [put_new])
    assert not allowed(Request("s3:PutObject", OBJECT), [put_new])


def test_all_conditions_must_hold_and_any_value_will_do() -> None:
    both = policy(
        "Allow",
        "s3:ListBucket",
        Condition={"StringLike": {"s3:prefix": ["gold", "gold/*"]}, "StringEquals": {"aws:SourceAccount": "1"}},
    )

    assert allowed(Request("s3:ListBucket", "b", {"s3:prefix": "gold/forecast", "aws:SourceAccount": "1"}), [both])
    assert not allowed(Request("s3:ListBucket", "b", {"s3:prefix": "silver", "aws:SourceAccount": "1"}), [both])
    assert not allowed(Request("s3:ListBucket", "b", {"s3:prefix": "gold", "aws:SourceAccount": "2"}), [both])


def test_a_resources_own_policy_speaks_to_its_principals_only() -> None:
    to_logging = policy("Allow", "s3:PutObject", Principal={"Service": "logging.s3.amazonaws.com"})

    assert allowed(Request("s3:PutObject", OBJECT, principal="logging.s3.amazonaws.com"), [to_logging])
    assert not allowed(Request("s3:PutObject", OBJECT, principal="arn:aws:iam::1:role/other"), [to_logging])


def test_an_operator_that_the_evaluator_does_not_know_is_an_error_not_a_guess() -> None:
    by_address = policy("Allow", "*", Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})

    with pytest.raises(NotImplementedError, match="IpAddress"):
        allowed(Request("s3:GetObject", OBJECT, {"aws:SourceIp": "10.0.0.1"}), [by_address])
