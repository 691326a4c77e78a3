"""A server of one's own that takes JSON by POST.

The id is the header `Idempotency-Key`, and in the body with the message's other parts, so that the server can tell a repetition.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC
from email.utils import parsedate_to_datetime

import urllib3
from pydantic import BaseModel, ConfigDict, Field, field_validator

from pipeline.alerting.message import TAKEN, Message, Outcome, refused, unanswered
from pipeline.errors import holds_secret, redacted
from pipeline.notifiers._environment import read_secret


class Options(BaseModel):
    """Where the server is, and its token."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(pattern=r"^https?://\S+$", description="Address that is posted to.")
    token_env: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$",
        description="Environment variable that holds the bearer token; the token itself is never an option.",
    )
    timeout_s: int = Field(default=20, ge=1, le=60, description="Seconds to wait for a connection, and for the answer.")

    @field_validator("url")
    @classmethod
    def _holds_no_secret(cls, value: str) -> str:
        if holds_secret(value):
            raise ValueError("an address holds no user, password or key; name a token by token_env")
        return value


def notify(message: Message, options: Options) -> Outcome:
    """Post the message once; what answers 2xx has taken it, a redirection is followed nowhere.

    Raises:
        ConfigError: the token is not in the environment.
    """
    token = read_secret(options.token_env, "the bearer token") if options.token_env else None
    headers = {"Content-Type": "application/json", "Idempotency-Key": message.message_id}
    headers |= {"Authorization": f"Bearer {token}"} if token else {}
    pool = urllib3.PoolManager(timeout=options.timeout_s, retries=False)
    try:
        answer = pool.request("POST", options.url, body=json.dumps(asdict(message)).encode(), headers=headers, redirect=False)
    except (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError) as error:
        return refused(redacted(f"{type(error).__name__}: {error}", token))
    except urllib3.exceptions.HTTPError as error:
        return unanswered(redacted(f"{type(error).__name__}: {error}", token))
    if 200 <= answer.status < 300:
        return TAKEN
    said = answer.data[:200].decode("utf-8", "replace")
    wait_s = _wait_s(answer.headers.get("Retry-After", ""), answer.headers.get("Date", ""))
    # A server that failed may have done so after it took the message.
    return (unanswered if answer.status >= 500 else refused)(redacted(f"it answered {answer.status}: {said}", token), wait_s)


def _wait_s(retry_after: str, date: str) -> float:
    """Seconds that the server asks to wait, from either form of the header; 0 where it says nothing that can be read."""
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        until, since = (parsedate_to_datetime(each).replace(tzinfo=UTC) for each in (retry_after, date))
    except (TypeError, ValueError):
        return 0.0
    return max(0.0, (until - since).total_seconds())
