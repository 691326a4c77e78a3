"""Servers on loopback for the tests of sources: one that answers as told, a proxy that spoils, and AWS's own errors."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit

import urllib3


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes

    @property
    def operation(self) -> str:
        """The AWS operation asked for, by either protocol; empty where it is none."""
        if "x-amz-target" in self.headers:
            return self.headers["x-amz-target"].rpartition(".")[2]
        return next(iter(parse_qs(self.body.decode("utf-8", "replace")).get("Action", [""])))

    @property
    def access_key(self) -> str:
        return self.headers.get("authorization", "").partition("Credential=")[2].partition("/")[0]

    @property
    def region(self) -> str:
        """The region that a request to AWS is signed for."""
        return [*self.headers.get("authorization", "").partition("Credential=")[2].split("/"), "", "", ""][2]

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut_at: int | None = None
    """Bytes after which the connection breaks off, though the whole length was announced."""


@dataclass
class Served:
    url: str
    requests: list[Request]

    def operations(self) -> list[str]:
        return [request.operation for request in self.requests]


@contextmanager
def serve(answer: Callable[[Request], Reply]) -> Iterator[Served]:
    """A server on a free port of loopback that keeps what it was asked."""
    served = Served("", [])
    guard = threading.Lock()

    class Answering(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def respond(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.command, parts.path, parse_qs(parts.query), headers, body)
            with guard:
                served.requests.append(request)
                reply = answer(request)
            self.send_response_only(reply.status)
            if "date" not in {name.lower() for name in reply.headers}:
                self.send_header("date", self.date_time_string())
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body[: reply.cut_at])
            if reply.cut_at is not None:
                self.close_connection = True

        do_GET = do_POST = do_PUT = do_HEAD = respond  # noqa: N815 the names http.server calls

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    server.daemon_threads = True
    # Else five may wait.
    server.socket.listen(128)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    served.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def moody(answer: Callable[[Request], Reply]) -> Callable[[Request], Reply]:
    """The same server with moods, by the first part of a path.

    `slow`: one and a half seconds for an answer, and before all else at AWS for who is asking. `flaky`: busy two times of three.
    `large`: JSON has more than a mebibyte. Any other path is answered as before.
    """
    turn = count()

    def in_its_mood(request: Request) -> Reply:
        mood, _, rest = request.path.lstrip("/").partition("/")
        if mood not in ("slow", "flaky", "large"):
            return answer(request)
        if mood == "flaky" and next(turn) % 3 < 2:
            return aws_error(request, 503, "ServiceUnavailable")
        if mood == "slow" and request.operation in ("", "GetCallerIdentity"):
            time.sleep(1.5)
        reply = answer(replace(request, path=f"/{rest}"))
        padding = b" " * (1 << 20) if mood == "large" and reply.body.startswith(b"{") else b""
        return replace(reply, body=reply.body + padding)

    return in_its_mood


@contextmanager
def spoiled(upstream: str, fault: Callable[[Request], Reply | None]) -> Iterator[Served]:
    """A proxy in front of `upstream` that answers itself whenever `fault` has a reply."""
    with urllib3.PoolManager(retries=False) as pool:

        def answer(request: Request) -> Reply:
            reply = fault(request)
            if reply is not None:
                return reply
            headers = {name: value for name, value in request.headers.items() if name not in ("connection", "content-length")}
            got = pool.request(request.method, upstream + request.path, body=request.body, headers=headers)
            kept = ("content-type", "date", "x-amzn-requestid", "x-amzn-errortype", "x-amzn-query-error")
            return Reply(got.status, got.data, {name: value for name, value in got.headers.items() if name.lower() in kept})

        with serve(answer) as served:
            yield served


def json_reply(answer: Any, **headers: str) -> Reply:
    return Reply(200, json.dumps(answer).encode(), {"content-type": "application/json", **headers})


def aws_error(request: Request, status: int, code: str, message: str = "as the test asked") -> Reply:
    """The error in the protocol of the request."""
    if "x-amz-target" in request.headers:
        return Reply(
            status, json.dumps({"__type": code, "message": message}).encode(), {"content-type": "application/x-amz-json-1.0"}
        )
    error = f"<Code>{code}</Code><Message>{message}</Message>"
    if b"Version=2016-11-15" in request.body:
        body = f"<Response><Errors><Error>{error}</Error></Errors><RequestID>r</RequestID></Response>"
    else:
        body = f"<ErrorResponse><Error><Type>Sender</Type>{error}</Error><RequestId>r</RequestId></ErrorResponse>"
    return Reply(status, body.encode(), {"content-type": "text/xml"})


@contextmanager
def moto_server() -> Iterator[str]:
    """moto's server, emptied, at its URL."""
    from moto import backends
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    # moto looks through its own folders for every request.
    with patch.object(backends, "list_of_moto_modules", return_value=tuple(backends.list_of_moto_modules())):
        server.start()
        host, port = server.get_host_and_port()
        url = f"http://{host}:{port}"
        # The first answer imports every service; three seconds, which is the default, are too few on a busy machine.
        urllib3.request("POST", f"{url}/moto-api/reset", timeout=60)
        try:
            yield url
        finally:
            server.stop()
