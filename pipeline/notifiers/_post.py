"""One POST of JSON over HTTP, and how far it got."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

import urllib3

from pipeline.alerting.message import TAKEN, Outcome, refused, unanswered
from pipeline.errors import redacted


def post_json(url: str, body: str, headers: Mapping[str, str], timeout_s: int, secret: str | None) -> Outcome:
    """Post the body once; what answers 2xx has taken it, a redirection is followed nowhere, and no error shows the secret."""
    pool = urllib3.PoolManager(timeout=timeout_s, retries=False)
    sent = {"Content-Type": "application/json", **headers}
    try:
        answer = pool.request("POST", url, body=body.encode(), headers=sent, redirect=False)
    except (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError) as error:
        return refused(redacted(f"{type(error).__name__}: {error}", secret))
    except urllib3.exceptions.HTTPError as error:
        return unanswered(redacted(f"{type(error).__name__}: {error}", secret))
    if 200 <= answer.status < 300:
        return TAKEN
    said = answer.data[:200].decode("utf-8", "replace")
    wait_s = _wait_s(answer.headers.get("Retry-After", ""), answer.headers.get("Date", ""))
    # A server that failed may have done so after it took the message.
    return (unanswered if answer.status >= 500 else refused)(redacted(f"it answered {answer.status}: {said}", secret), wait_s)


def _wait_s(retry_after: str, date: str) -> float:
    """Seconds that the server asks to wait, from either form of the header; 0 where it says nothing that can be read."""
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        until, since = (parsedate_to_datetime(each).replace(tzinfo=UTC) for each in (retry_after, date))
    except (TypeError, ValueError):
        return 0.0
    return max(0.0, (until - since).total_seconds())
