"""Slack, PagerDuty, Teams, Telegram and a hundred more, through Apprise and its addresses.

An address holds who sends and often a password, so it is in the environment: `slack://…`, `pagerduty://…`, `json://…`. PagerDuty
makes one incident of a group, and ends it where the group is over; others carry the id in their last line.
"""

from __future__ import annotations

import logging
import re
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from pipeline.alerting.message import TAKEN, Message, Outcome, refused, unanswered
from pipeline.errors import ConfigError, redacted
from pipeline.notifiers._environment import read_secret
from pipeline.tables.columns import FIRING


class Options(BaseModel):
    """Where messages go."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    address_env: str = Field(
        pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$",
        description="Environment variable that holds Apprise's address; the address itself is never an option.",
    )
    timeout_s: int = Field(default=20, ge=1, le=60, description="Seconds to wait for a connection, and for an answer.")


class _Complaints(logging.Handler):
    """What Apprise logs instead of raising it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


def notify(message: Message, options: Options) -> Outcome:
    """Hand the message to what the address names.

    Raises:
        ConfigError: the variable is empty, or holds no address that Apprise knows.
    """
    address = read_secret(options.address_env, "an address of Apprise, such as slack://…")
    service = _open(address, options, message)
    complaints = _Complaints()
    logger = logging.getLogger("apprise")
    propagated, logger.propagate = logger.propagate, False
    logger.addHandler(complaints)
    try:
        taken = service.notify(title=message.title, body=_body(message), notify_type=_kind(message), body_format="text")
    finally:
        logger.removeHandler(complaints)
        logger.propagate = propagated
    if taken:
        return TAKEN
    said = redacted(" ".join(complaints.said) or "Apprise says no more than that it failed", address, service.password)
    # Who has answered 4xx has not taken it; of a server that failed, or of a broken connection, that is not known.
    return refused(said) if re.search(r"error=4\d\d", said) else unanswered(said)


def _open(address: str, options: Options, message: Message) -> Any:
    import apprise
    from apprise.plugins.pagerduty import NotifyPagerDuty, PagerDutyAction

    # Timeouts are parameters of an address. A second try is ours to make, under the same id.
    address += f"{'&' if '?' in address else '?'}cto={options.timeout_s}&rto={options.timeout_s}"
    service: Any = apprise.Apprise.instantiate(address, suppress_exceptions=True)
    if service is None:
        raise ConfigError(f"the environment variable {options.address_env} holds no address that Apprise knows")
    if isinstance(service, NotifyPagerDuty):
        # What is over ends the incident, everything else raises it.
        service.dedup, service.action = message.group_id, PagerDutyAction.MAP
    return service


def _body(message: Message) -> str:
    return f"{message.body}\nMessage      {message.message_id}\n"


def _kind(message: Message) -> Any:
    import apprise

    if message.kind != FIRING:
        return apprise.NotifyType.SUCCESS
    kinds = {"critical": "FAILURE", "warning": "WARNING", "info": "INFO"}
    return apprise.NotifyType[kinds[message.severity]]
