"""A server of one's own that takes JSON by POST.

The id is the header `Idempotency-Key`, and in the body with the message's other parts, so that the server can tell a repetition.
"""

from __future__ import annotations

import json
from dataclasses import asdict

from pydantic import BaseModel, ConfigDict, Field, field_validator

from pipeline.alerting.message import Message, Outcome
from pipeline.errors import holds_secret
from pipeline.notifiers._environment import read_secret
from pipeline.notifiers._post import post_json


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
    headers = {"Idempotency-Key": message.message_id} | ({"Authorization": f"Bearer {token}"} if token else {})
    return post_json(options.url, json.dumps(asdict(message)), headers, options.timeout_s, token)
