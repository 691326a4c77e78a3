"""A topic with a queue that is subscribed to it; what SNS answers when it is in trouble, from a plain server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

from tests.contract.notifiers.webhook import ANSWERS
from tests.contract.test_notifiers import Side
from tests.support.people import free_port, web

ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "s3cret-of-aws", "AWS_EC2_METADATA_DISABLED": "true"}
SECRET = ENVIRONMENT["AWS_SECRET_ACCESS_KEY"]
TROUBLE = b"<ErrorResponse><Error><Code>Trouble</Code><Message>as the test asked</Message></Error></ErrorResponse>"
TOPIC = "arn:aws:sns:us-east-1:123456789012:alerts"


@contextmanager
def serve(answer: str) -> Iterator[Side]:
    if answer == "taken":
        yield from _moto()
        return
    if answer == "nobody":
        yield Side({"topic_arn": TOPIC, "endpoint_url": f"http://127.0.0.1:{free_port()}"}, ENVIRONMENT, list)
        return
    with web(ANSWERS[answer], body=TROUBLE) as inbox:
        options = {"topic_arn": TOPIC, "endpoint_url": f"http://127.0.0.1:{inbox.where[1]}", "timeout_s": 1}
        yield Side(options, ENVIRONMENT, lambda: inbox.arrived)


def _moto() -> Iterator[Side]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        sns, sqs = (
            boto3.client(
                service,
                region_name="us-east-1",
                endpoint_url=f"http://{host}:{port}",
                aws_access_key_id="testing",
                aws_secret_access_key="testing",  # noqa: S106 a test's own
            )
            for service in ("sns", "sqs")
        )
        topic = sns.create_topic(Name="alerts")["TopicArn"]
        queue = sqs.create_queue(QueueName="oncall")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

        def arrived() -> list[dict[str, Any]]:
            got = [json.loads(each["Body"]) for _ in range(2) for each in sqs.receive_message(QueueUrl=queue).get("Messages", [])]
            return [{"id": each["MessageAttributes"]["message_id"]["Value"], "text": each["Message"]} for each in got]

        yield Side({"topic_arn": topic, "endpoint_url": f"http://{host}:{port}"}, ENVIRONMENT, arrived)
    finally:
        server.stop()
