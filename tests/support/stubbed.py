"""An account and region whose AWS APIs are botocore's Stubber: answers and questions are checked against AWS's own models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from typing import Any

import boto3
from botocore.stub import Stubber

from pipeline.sources import _aws

#: Operation, what is asked, what is answered.
Exchange = tuple[str, dict[str, Any], dict[str, Any]]


class _Login(_aws._Login):
    def __init__(self, clients: dict[str, Any]) -> None:
        super().__init__("test", _aws.AwsOptions(), None)
        self.known = clients

    def client(self, service: str, region: str) -> Any:  # noqa: ARG002 the clients know theirs
        return self.known[service]


@contextmanager
def stubbed(exchanges: dict[str, Sequence[Exchange | tuple[str, str]]], region: str = "eu-west-1") -> Iterator[_aws.Place]:
    """A place that is asked, by service, exactly these things in this order; an operation and a code alone are an error.

    Raises:
        AssertionError: something was not asked.
    """
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    clients = {service: boto3.client(service, region, **keys) for service in exchanges}
    with ExitStack() as stack:
        stubs = []
        for service, wanted in exchanges.items():
            stub = stack.enter_context(Stubber(clients[service]))
            for one in wanted:
                if len(one) == 2:
                    stub.add_client_error(one[0], service_error_code=one[1], http_status_code=404)
                else:
                    operation, asked, answered = one
                    stub.add_response(operation, answered, asked)
            stubs.append(stub)
        yield _aws.Place(region, _Login(clients), "123456789012", datetime(2026, 3, 2, 3))
        for stub in stubs:
            stub.assert_no_pending_responses()
