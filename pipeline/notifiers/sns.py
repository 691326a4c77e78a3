"""A topic of Amazon SNS, and through its subscriptions e-mail, queues, functions and pagers.

The message is its body as plain text; id, group, severity and kind are attributes, by which a subscription can filter. A topic
whose name ends in `.fifo` tells a repetition by the id within five minutes, and keeps the messages of a group in order.
"""

from __future__ import annotations

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, EndpointConnectionError, NoCredentialsError
from botocore.parsers import ResponseParserError
from pydantic import BaseModel, ConfigDict, Field

from pipeline.alerting.message import TAKEN, Message, Outcome, refused, unanswered
from pipeline.errors import redacted


class Options(BaseModel):
    """The topic."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    topic_arn: str = Field(
        pattern=r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,251}(\.fifo)?$", description="ARN of the topic."
    )
    endpoint_url: str = Field(
        default="", pattern=r"^(https?://\S+)?$", description="Another address of SNS, for emulators; empty means AWS."
    )
    timeout_s: int = Field(default=20, ge=1, le=60, description="Seconds to wait for a connection, and for the answer.")


def notify(message: Message, options: Options) -> Outcome:
    """Publish the message once, under the standard chain's credentials."""
    settled = Config(connect_timeout=options.timeout_s, read_timeout=options.timeout_s, retries={"total_max_attempts": 1})
    region = options.topic_arn.split(":")[3]
    client = boto3.client("sns", region_name=region, endpoint_url=options.endpoint_url or None, config=settled)
    said = {"message_id": message.message_id, "group_id": message.group_id, "severity": message.severity, "kind": message.kind}
    fifo = {"MessageGroupId": message.group_id, "MessageDeduplicationId": message.message_id}
    try:
        client.publish(
            TopicArn=options.topic_arn,
            # SNS takes 100 printable ASCII characters, and shows the subject of e-mail alone.
            Subject=message.title.encode("ascii", "replace").decode()[:100],
            Message=f"{message.title}\n\n{message.body}",
            MessageAttributes={name: {"DataType": "String", "StringValue": value} for name, value in said.items()},
            **(fifo if options.topic_arn.endswith(".fifo") else {}),
        )
    except ClientError as error:
        # SNS has answered. Of its own failures it may say so after it took the message.
        failed_there = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= 500
        return (unanswered if failed_there else refused)(redacted(str(error)))
    except (EndpointConnectionError, ConnectTimeoutError, NoCredentialsError) as error:
        return refused(redacted(str(error)))
    except (BotoCoreError, ResponseParserError) as error:
        return unanswered(redacted(str(error)))
    return TAKEN
