"""Servers on loopback that stand for the people's side: what they were handed, and how they answer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller


@dataclass
class Inbox:
    """What arrived, oldest first: each as `id`, `text` and `headers`."""

    where: tuple[str, int]
    arrived: list[dict[str, Any]] = field(default_factory=list)

    @property
    def ids(self) -> list[str]:
        return [each["id"] for each in self.arrived]


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def web(*answers: tuple[int, dict[str, str]] | None, body: bytes = b"thanks") -> Iterator[Inbox]:
    """An HTTP server that gives the answers one by one, the last one for ever; None takes the message and never answers."""
    script, done = list(answers), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            answer = script.pop(0) if len(script) > 1 else script[0]
            inbox.arrived.append(
                {"id": self.headers.get("Idempotency-Key", ""), "text": content.decode(), "headers": dict(self.headers)}
            )
            if answer is None:
                done.wait(20)
                return
            self.send_response(answer[0])
            for name, value in answer[1].items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads, server.block_on_close = True, False
    inbox = Inbox(("127.0.0.1", server.server_address[1]))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield inbox
    finally:
        done.set()
        server.shutdown()
        server.server_close()


@contextmanager
def post(answer: str = "250 OK") -> Iterator[Inbox]:
    """An SMTP server that answers each mail so; `never` takes it and never answers."""
    import asyncio

    class Handler:
        async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 the library names it
            mail = message_from_bytes(envelope.content, policy=policy.default)
            headers = {name: str(value) for name, value in mail.items()} | {"To": ", ".join(envelope.rcpt_tos)}
            inbox.arrived.append({"id": headers["Message-ID"], "text": mail.get_content(), "headers": headers})
            if answer == "never":
                await asyncio.sleep(20)
            return "250 OK" if answer == "never" else answer

    controller = Controller(Handler(), hostname="127.0.0.1", port=free_port())
    inbox = Inbox(("127.0.0.1", controller.port))
    controller.start()
    try:
        yield inbox
    finally:
        controller.stop(no_assert=True)
