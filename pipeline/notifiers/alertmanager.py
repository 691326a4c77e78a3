"""Prometheus' Alertmanager, by its API v2: it is posted all that fires in every run, and tells people by its own configuration.

An alert is told apart by its labels: `alertname` is the rule, `subject` and `cause` are what it is about, and a resource has
`resource`, `account`, `region` too. `endsAt` is when it was over or, while it fires, three periods ahead: who is posted nothing
any more lets it go. What is silenced or inhibited there is read back.

Source: `api/v2/openapi.yaml` of Alertmanager.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Self

import urllib3
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from pipeline.alerting.message import Outcome, Standing
from pipeline.errors import DataError, holds_secret, redacted
from pipeline.notifiers._environment import read_secret
from pipeline.notifiers._post import post_json
from pipeline.tables.columns import CANONICAL_METRICS
from pipeline.tables.identifiers import as_given

_VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]{0,127}$"
#: It is told how all alerts stand in every run, and no messages.
TAKES_STATE = True
#: What `suppressed_by` of `gold.alert` begins with where it was read back.
QUIET = ("silenced in Alertmanager", "inhibited in Alertmanager")


class Options(BaseModel):
    """Where it is, and who asks."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(pattern=r"^https?://\S+$", description="Address of Alertmanager, before `/api/v2`.")
    user: str | None = Field(default=None, description="Who asks, of a server or proxy that wants a password.")
    password_env: str | None = Field(
        default=None, pattern=_VARIABLE, description="Environment variable that holds the password; itself it is never an option."
    )
    token_env: str | None = Field(
        default=None,
        pattern=_VARIABLE,
        description="Environment variable that holds a bearer token instead of user and password.",
    )
    job: str = Field(
        default="headroom",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$",
        description="Label `job` of all that is posted, by which it is found again; two that post to one Alertmanager have two.",
    )
    timeout_s: int = Field(default=20, ge=1, le=60, description="Seconds to wait for a connection, and for an answer.")

    @field_validator("url")
    @classmethod
    def _holds_no_secret(cls, value: str) -> str:
        if holds_secret(value):
            raise ValueError("an address holds no user, password or key; name them by user and password_env, or token_env")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _one_who_asks(self) -> Self:
        if (self.user is None) != (self.password_env is None):
            raise ValueError("user and password_env belong together")
        if self.user and self.token_env:
            raise ValueError("who asks has a password or a token, not both")
        return self


def notify(standing: Sequence[Standing], options: Options) -> Outcome:
    """Post how the alerts stand, all at once; the same again changes nothing there.

    Raises:
        ConfigError: the password or the token is not in the environment.
    """
    headers, secret = _authorize(options)
    body = json.dumps([_describe(each, options.job) for each in standing])
    return post_json(f"{options.url}/api/v2/alerts", body, headers, options.timeout_s, secret)


def read_quiet(options: Options) -> dict[tuple[str, str, str, str], str | None]:
    """Of each alert that it has of Headroom why it tells nobody of it, or None, by rule, subject, cause and severity.

    Raises:
        ConfigError: as `notify`.
        DataError: it gave no answer, or one that cannot be read.
    """
    headers, secret = _authorize(options)
    pool = urllib3.PoolManager(timeout=options.timeout_s, retries=False)
    url, asked = f"{options.url}/api/v2/alerts", {"filter": f'job="{options.job}"'}
    try:
        answer = pool.request("GET", url, fields=asked, headers=headers, redirect=False)
        if answer.status != 200:
            raise DataError(redacted(f"it answered {answer.status}: {answer.data[:200].decode('utf-8', 'replace')}", secret))
        return dict(_read_why(each) for each in json.loads(answer.data))
    except urllib3.exceptions.HTTPError as error:
        raise DataError(redacted(f"{type(error).__name__}: {error}", secret)) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"it answered what is no list of alerts: {type(error).__name__}") from None


def _read_why(alert: Mapping[str, Any]) -> tuple[tuple[str, str, str, str], str | None]:
    labels, status = alert["labels"], alert["status"]
    why = None
    if silences := sorted(status["silencedBy"]):
        why = f"{QUIET[0]}: {', '.join(silences)}"
    elif others := sorted(status["inhibitedBy"]):
        why = f"{QUIET[1]}: {', '.join(others)}"
    return (labels["alertname"], labels["subject"], labels["cause"], labels["severity"]), why


def _authorize(options: Options) -> tuple[dict[str, str], str | None]:
    """The headers of who asks, and the secret in them."""
    if options.token_env:
        token = read_secret(options.token_env, "the bearer token")
        return {"Authorization": f"Bearer {token}"}, token
    if options.password_env:
        password = read_secret(options.password_env, "the password")
        return dict(urllib3.make_headers(basic_auth=f"{options.user}:{password}")), password
    return {}, None


def _describe(standing: Standing, job: str) -> dict[str, Any]:
    """One `postableAlert`; a label or annotation that says nothing is left out."""
    labels = {
        "alertname": standing.rule,
        "job": job,
        "severity": standing.severity,
        "subject": standing.subject,
        "cause": standing.cause,
        "team": standing.team,
        **_name_resource(standing),
    }
    annotations = {
        "summary": standing.title,
        "description": standing.body,
        "action": standing.to_do,
        "alert_id": standing.alert_id,
    }
    return {
        "labels": {name: value for name, value in labels.items() if value},
        "annotations": {name: value for name, value in annotations.items() if value},
        "startsAt": _moment(standing.starts_at),
        "endsAt": _moment(standing.ends_at),
        "generatorURL": f"file://{standing.report}" if standing.report.startswith("/") else standing.report,
    }


def _name_resource(standing: Standing) -> dict[str, str]:
    """What a resource is called where the alert is about one; other subjects begin with a word and a blank."""
    parts = standing.subject.split("/")
    if len(parts) < 3 or " " in standing.subject:
        return {}
    metric = standing.cause.removesuffix(" now")
    named = {"account": parts[0], "region": parts[1], "resource": "/".join(parts[2:])}
    return {name: as_given(each) for name, each in named.items()} | ({"metric": metric} if metric in CANONICAL_METRICS else {})


def _moment(at: datetime) -> str:
    """RFC 3339 of a moment of UTC, with or without its zone."""
    return at.replace(tzinfo=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
