"""What can go wrong, by what the reader can do about it."""

import difflib
import re
from collections.abc import Iterable
from urllib.parse import parse_qsl, urlsplit

#: Words that name secrets in an address or a header; `sslkey` names a file.
SECRET_WORDS = r"(?i)auth|cookie|token|secret|(?<!ssl)key|passw|signature"  # noqa: S105
_SECRETS = (
    re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b"),
    # A password may have a slash in it, so that no path can be told from it.
    re.compile(r"(?i)(?<=://)(?:[^/\s:@]*:[^\s@]+|[^/\s@]+)(?=@)"),
    re.compile(r"(?i)\b(?:bearer|basic)\s+[A-Za-z0-9._~+/=-]{4,}"),
    # Not the variable or file that a secret is in.
    re.compile(
        r"(?i)\b(?![\w-]*_(?:env|file)\b)[\w-]*(?:token|secret|password|passwd|api[_-]?key|signature|credential|authorization)"
        # A sentence goes on behind a colon: "ExpiredToken: The token" shows none.
        r"[\w-]*(?:[\"']\s*[:=]|\s*=|:(?! )|(?<=password):|(?<=secret):|:(?=\s+[\"']|\s+\S*\d|\s+\S{16}))"
        r"\s*[\"']?[^\s\"'&,;]+"
    ),
)


def redacted(text: str, *secrets: str | None) -> str:
    """The text without the secrets given, and without whatever looks like an access key, a token or a password."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "[redacted]")
    for pattern in _SECRETS:
        text = pattern.sub("[redacted]", text)
    return text


def holds_secret(address: str) -> bool:
    """Whether an address names who asks, or has a parameter that is called like a secret."""
    parts = urlsplit(address)
    return bool(parts.username or parts.password) or any(re.search(SECRET_WORDS, name) for name, _ in parse_qsl(parts.query))


class HeadroomError(Exception):
    """Base of every error that Headroom raises on purpose; its text is meant for people, and shows no secret."""

    def __str__(self) -> str:
        return redacted(super().__str__())


class ConfigError(HeadroomError):
    """A setting, option or argument is unknown or out of bounds. Fix it and start again."""


class DataError(HeadroomError):
    """The data is not what its table declares. Retrying cannot help; nothing was published."""


class ResourceError(HeadroomError):
    """This machine has not enough memory or disk, or may not write. Nothing was published; make room and run it again."""


class GoneError(DataError):
    """A file that something names is not there. Nothing was landed; what was landed of it before stays."""


class DamagedError(DataError):
    """A stored file is missing or is not what was written. Nothing is read from it; write it again.

    Attributes:
        location: the file.
    """

    def __init__(self, location: str, trouble: str) -> None:
        super().__init__(f"{location} {trouble}: the file is damaged")
        self.location = location


class PartialError(HeadroomError):
    """Some parts of a step's work failed; all others are published, and of these the last good rows. No retry is needed for them.

    Attributes:
        rows: that the step stands for all the same.
    """

    def __init__(self, message: str, rows: int) -> None:
        super().__init__(message)
        self.rows = rows


class ConflictError(HeadroomError):
    """Another writer published the same scope meanwhile. Run the step again on what it published."""


class SourceError(HeadroomError):
    """A source is down or answered in part. Retrying later may help; nothing was landed."""


def suggestion(given: str, known: Iterable[str], rest: str = "") -> str:
    """The end of a message about a name that is not known: what may have been meant, and `rest`, which tells what there is."""
    close = difflib.get_close_matches(given, list(known), n=1)
    if not close:
        return f"; {rest}" if rest else ""
    return f"; did you mean {close[0]!r}? {rest[:1].upper()}{rest[1:]}".rstrip()
