"""Where Airflow makes everyone admin, it answers to its own names alone.

Without a login the browser of whoever runs it must not become the way in: a page of another site can name its own server
127.0.0.1 and then talk to this one as its own (DNS rebinding), or send it a form. Both show in `Host` and `Origin`.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin

LOOPBACK = ("127.0.0.1", "localhost", "::1")


class OwnNames:
    """ASGI middleware that refuses requests for, or from, another host than those named."""

    def __init__(self, app: Any, hosts: tuple[str, ...]) -> None:
        self.app = app
        self.hosts = hosts

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] not in ("http", "websocket") or self.is_own(dict(scope["headers"])):
            await self.app(scope, receive, send)
            return
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        await send({"type": "http.response.start", "status": 421, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b"This Airflow has no login, so it answers to its own names only.\n"})

    def is_own(self, headers: dict[bytes, bytes]) -> bool:
        """Whether the request names one of our hosts, and comes from no page of another."""
        named = f"//{headers.get(b'host', b'').decode('latin-1')}"
        origin = headers.get(b"origin", named.encode()).decode("latin-1")
        return all(_host(address) in self.hosts for address in (named, origin))


def _host(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


def own_hosts() -> tuple[str, ...]:
    """Loopback, and how Airflow's own settings name this server."""
    named = (conf.get("api", "base_url", fallback=""), conf.get("core", "execution_api_server_url", fallback=""))
    return (*LOOPBACK, *(host for address in named if (host := _host(address))))


class OwnNamesPlugin(AirflowPlugin):
    """Puts the middleware before every page and API, where there is no login."""

    name = "headroom_own_names"
    fastapi_root_middlewares = (
        [{"name": "own names", "middleware": OwnNames, "kwargs": {"hosts": own_hosts()}}]
        if conf.getboolean("core", "simple_auth_manager_all_admins", fallback=False)
        else []
    )
