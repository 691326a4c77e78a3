"""E-mail through an SMTP server, one for all recipients.

The id is the `Message-ID`, so that a mail that is sent again is the same mail; all mails about one group are one thread.
"""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import parseaddr
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from pipeline.alerting.message import TAKEN, Message, Outcome, refused, unanswered
from pipeline.errors import redacted
from pipeline.notifiers._environment import read_secret

_VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]{0,127}$"


class Options(BaseModel):
    """The server, and who writes to whom."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = Field(pattern=r"^[A-Za-z0-9.:-]{1,253}$", description="The SMTP server.")
    port: int = Field(default=587, ge=1, le=65_535, description="Its port.")
    encryption: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="From the first byte, after STARTTLS, or none, which takes no password."
    )
    sender: str = Field(description="Address that mails come from.")
    recipients: tuple[str, ...] = Field(min_length=1, max_length=50, description="Addresses that they go to.")
    user: str | None = Field(default=None, description="Who logs in; nobody does where it is unset.")
    password_env: str | None = Field(
        default=None, pattern=_VARIABLE, description="Environment variable that holds the password; itself it is never an option."
    )
    timeout_s: int = Field(default=20, ge=1, le=60, description="Seconds to wait for the server.")

    @field_validator("sender", "recipients")
    @classmethod
    def _is_an_address(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        for each in (value,) if isinstance(value, str) else value:
            name, address = parseaddr(each)
            if "@" not in address or not each.isprintable():
                raise ValueError(f"{name or each!r} is no address, such as oncall@example.com")
        return value

    @model_validator(mode="after")
    def _password_is_encrypted(self) -> Self:
        if (self.user is None) != (self.password_env is None):
            raise ValueError("user and password_env belong together")
        if self.user and self.encryption == "none":
            raise ValueError("a password is sent over an encrypted connection alone")
        return self


def notify(message: Message, options: Options) -> Outcome:
    """Hand the mail to the server, for all recipients at once.

    Raises:
        ConfigError: the password is not in the environment.
    """
    password = read_secret(options.password_env, "the SMTP password") if options.password_env else None
    mail = compose(message, options)
    handed_over = False
    try:
        with _connect(options) as server:
            if password is not None:
                server.login(str(options.user), password)
            handed_over = True
            failed = server.send_message(mail)
    except OSError as error:
        # smtplib's own errors, too. Who has answered with one has not taken the mail; of a broken connection that is not known.
        answered = smtplib.SMTPResponseException | smtplib.SMTPRecipientsRefused | smtplib.SMTPNotSupportedError
        unknown = handed_over and not isinstance(error, answered)
        return (unanswered if unknown else refused)(redacted(f"{type(error).__name__}: {error}", password))
    if failed:
        return Outcome(TAKEN.state, f"the server refused {', '.join(sorted(failed))}")
    return TAKEN


def compose(message: Message, options: Options) -> EmailMessage:
    """The mail, its Message-ID made of the message's id and of the sender's domain."""
    domain = parseaddr(options.sender)[1].rpartition("@")[2]
    mail = EmailMessage()
    mail["Message-ID"] = f"<{message.message_id}@{domain}>"
    mail["References"] = f"<{message.group_id}@{domain}>"
    mail["From"], mail["To"] = options.sender, ", ".join(options.recipients)
    mail["Subject"] = message.title
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(message.body)
    return mail


def _connect(options: Options) -> smtplib.SMTP:
    where = options.host, options.port
    if options.encryption == "tls":
        return smtplib.SMTP_SSL(*where, timeout=options.timeout_s, context=ssl.create_default_context())
    server = smtplib.SMTP(*where, timeout=options.timeout_s)
    if options.encryption == "starttls":
        server.starttls(context=ssl.create_default_context())
    return server
