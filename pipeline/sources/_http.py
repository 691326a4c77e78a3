"""Asking a server over HTTP: bounded retries, answers of bounded size, one origin, and no secret in an error's text."""

from __future__ import annotations

import json
import os
import random
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlencode, urlsplit
from urllib.request import getproxies_environment, proxy_bypass_environment  # type: ignore[attr-defined]

import urllib3
from pydantic import BaseModel, ConfigDict, Field

from pipeline.errors import ConfigError, SourceError, holds_secret, redacted

#: Answers that another attempt may turn into a good one.
BUSY = frozenset({429, 500, 502, 503, 504})
LONGEST_PAUSE_S = 20.0


class Patience(BaseModel):
    """Options of every source that asks a server over HTTP."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    timeout_s: int = Field(default=30, ge=1, le=600, description="Seconds to wait for a connection, and between two reads.")
    attempts: int = Field(default=5, ge=1, le=10, description="Attempts per request where the server is busy or unreachable.")
    max_answer_mib: int = Field(default=64, ge=1, le=4096, description="Largest answer that is read, in MiB.")


class Asked(Patience):
    """Options of every source that asks a user's own server."""

    token_env: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$",
        description="Environment variable that holds the bearer token; the token itself is never an option.",
    )
    token_file: Path | None = Field(
        default=None, description="File that holds the bearer token, such as a mounted secret; read at every run."
    )


def check_address(url: str) -> str:
    """The address, where it holds no secret; a validator of options.

    Raises:
        ValueError: it does.
    """
    if holds_secret(url):
        raise ValueError("an address holds no user, password or key; name a token by token_env or token_file")
    return url


def place(url: str) -> str:
    """A URL as errors may show it: without user, password and query, which may hold keys."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"


def origin(url: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def pause(attempt: int, at_least_s: float = 0.0) -> None:
    """Wait before the next attempt: full jitter over a ceiling that doubles from half a second to 20 s."""
    ceiling = min(LONGEST_PAUSE_S, 0.5 * 2**attempt)
    time.sleep(max(random.uniform(0, ceiling), min(at_least_s, LONGEST_PAUSE_S)))  # noqa: S311 jitter, not a secret


def bearer(options: Asked) -> str | None:
    """The token that the options refer to, or None where they refer to none.

    Raises:
        ConfigError: both references are given, or the one given holds nothing.
    """
    if options.token_env and options.token_file:
        raise ConfigError("token_env and token_file are both given; name one place for the token")
    if options.token_env:
        where, token = f"environment variable {options.token_env}", os.environ.get(options.token_env, "").strip()
    elif options.token_file:
        where = f"token_file {options.token_file}"
        try:
            token = options.token_file.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{where} cannot be read: {type(error).__name__}") from None
    else:
        return None
    if not re.fullmatch(r"[!-~]+", token):
        raise ConfigError(f"the {where} holds no token: it is not set, empty, or has characters that no token has")
    return token


@dataclass(frozen=True)
class Server:
    """Who is asked, and how patiently.

    Attributes:
        name: of the source, for errors.
        options: timeouts, attempts and limits.
        headers: sent with every request; never shown.
        token: bearer token, sent over https or to this machine only.
    """

    name: str
    options: Patience
    headers: Mapping[str, str] = field(default_factory=dict)
    token: str | None = None

    def json(self, url: str, params: Iterable[tuple[str, str]] = ()) -> Any:
        """The answer, parsed.

        Raises:
            SourceError: as `get`, or the answer is not JSON.
        """
        body = self.get(url, params)
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            raise SourceError(f"{self.name}: {place(url)} did not answer JSON: {error}") from None

    def get(self, url: str, params: Iterable[tuple[str, str]] = ()) -> bytes:
        """The whole answer.

        Raises:
            SourceError: the server stayed busy or unreachable, refused, sent elsewhere, or said too much.
        """
        parts: list[bytes] = []
        self._ask(url, params, parts.append, parts.clear)
        return b"".join(parts)

    def download(self, url: str, into: IO[bytes]) -> None:
        """The whole answer written to a file, from its beginning at every attempt. Raises as `get`."""

        def restart() -> None:
            into.seek(0)
            into.truncate()

        self._ask(url, (), into.write, restart)
        into.seek(0)

    def _ask(self, url: str, params: Iterable[tuple[str, str]], keep: Any, restart: Any) -> None:
        """Read the answer piece by piece into `keep`; `restart` forgets what a failed attempt has read."""
        if not urlsplit(url).scheme.startswith("http"):
            raise ConfigError(f"{self.name}: {place(url)}: expected http:// or https://")
        if self.token and origin(url)[0] != "https" and origin(url)[1] not in ("127.0.0.1", "::1", "localhost"):
            raise ConfigError(f"{self.name}: {place(url)}: a bearer token is sent over https only")
        headers = {"accept-encoding": "gzip", **self.headers}
        if self.token:
            headers["authorization"] = f"Bearer {self.token}"
        query = urlencode(list(params))
        asked = f"{url}{'&' if '?' in url else '?'}{query}" if query else url
        trouble = ""
        with _pool(url, self.options.timeout_s) as pool:
            for attempt in range(self.options.attempts):
                restart()
                wait_s = 0.0
                try:
                    answer = pool.request("GET", asked, headers=headers, preload_content=False, redirect=False)
                    if answer.status == 200:
                        self._read(answer, url, keep)
                        return
                    trouble = f"HTTP {answer.status}"
                    if answer.status not in BUSY:
                        said = redacted(answer.read(2000, decode_content=True).decode("utf-8", "replace"), self.token)
                        raise SourceError(f"{self.name}: {place(url)} answered {trouble}: {said[:300]}")
                    wait_s = _retry_after_s(answer.headers.get("retry-after"))
                except urllib3.exceptions.HTTPError as error:
                    trouble = redacted(f"{type(error).__name__}: {error}", self.token)
                if attempt + 1 < self.options.attempts:
                    pause(attempt, wait_s)
        raise SourceError(f"{self.name}: {place(url)}: gave up after {self.options.attempts} attempts: {trouble}") from None

    def _read(self, answer: urllib3.BaseHTTPResponse, url: str, keep: Any) -> None:
        limit = self.options.max_answer_mib << 20
        seen = 0
        for piece in answer.stream(1 << 16, decode_content=True):
            seen += len(piece)
            if seen > limit:
                raise SourceError(f"{self.name}: {place(url)} answered more than max_answer_mib={self.options.max_answer_mib}")
            keep(piece)


def _retry_after_s(text: str | None) -> float:
    return float(text) if text and text.isdigit() else 0.0


def _pool(url: str, timeout_s: int) -> urllib3.PoolManager:
    """Connections to a server, by the proxy that the environment names for it: HTTPS_PROXY, HTTP_PROXY, but for NO_PROXY."""
    parts = urlsplit(url)
    proxy = None if proxy_bypass_environment(parts.netloc) else getproxies_environment().get(parts.scheme)
    timeout = urllib3.Timeout(total=None, connect=timeout_s, read=timeout_s)
    if proxy:
        return urllib3.ProxyManager(proxy, retries=False, timeout=timeout)
    return urllib3.PoolManager(retries=False, timeout=timeout)
