"""AWS on loopback, for tests and `make demo-aws-local`: moto's server, with a Glue that refuses stale versions, conditional puts
that are atomic, an Athena that executes (see `tests.support.athena_api`), and faults on demand.

By hand: `python -m tests.support.aws_server --port 5566`.
"""

from __future__ import annotations

import io
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qs

from tests.support import trino_engine
from tests.support.athena_api import Athena

BUCKET = "lake"
WORKGROUP = "headroom-pipeline"
KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "us-east-1"}


@dataclass(frozen=True)
class Call:
    """One call of an AWS API: `s3 PutObject /lake/bronze/…`, `glue UpdateTable headroom_gold/forecast`.

    Attributes:
        path: what it is about: the path in S3, a database or table of Glue.
        context: the condition keys that it carries, as IAM names them.
    """

    service: str
    operation: str
    path: str = ""
    context: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Refusal:
    """An answer in the API's stead; `after` lets the call take effect first and loses its answer."""

    status: int
    code: str
    message: str = "as the test asked"
    after: bool = False


@dataclass
class AwsServer:
    """Where it answers, what it was asked, and what it refuses."""

    url: str = ""
    calls: list[Call] = field(default_factory=list)
    fault: Callable[[Call], Refusal | None] = lambda _call: None
    athena: Athena = field(default_factory=Athena)

    def settings(self, name: str = "headroom") -> dict[str, Any]:
        """The settings that put a lake of that name here."""
        return {
            "lake": f"s3://{BUCKET}/{name}",
            "catalog": "glue",
            "engine": "athena",
            "database": name,
            "aws_endpoint_url": self.url,
            "athena_workgroup": WORKGROUP,
        }

    def client(self, service: str) -> Any:
        import boto3

        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=KEYS["AWS_DEFAULT_REGION"],
            aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
        )

    def called(self, operation: str) -> int:
        return sum(call.operation == operation for call in self.calls)


@contextmanager
def aws_server(port: int = 0, trino: str = "") -> Iterator[AwsServer]:
    """Start the server on loopback with a bucket and a workgroup; everything in it is gone at the end.

    Its Athena executes on the Trino that answers at `trino`, else in DuckDB.
    """
    import moto.backends  # noqa: F401 its registry must exist before the first request
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    server = AwsServer()
    plain = DomainDispatcherApplication(create_backend_app)
    # moto looks through its own folders for every request.
    plain.get_backend_for_host = cache(plain.get_backend_for_host)
    with ExitStack() as stack:
        # Athena reads S3 as well; it is not to suffer from the faults meant for others.
        server.athena.s3_url = stack.enter_context(_listening(plain, 0))
        server.url = stack.enter_context(_listening(_Front(plain, server), port))
        for patched in (*_strict_glue(), *server.athena.patches()):
            stack.enter_context(patched)
        _reset(server.athena.s3_url)
        server.client("s3").create_bucket(Bucket=BUCKET)
        server.client("athena").create_work_group(
            Name=WORKGROUP,
            Configuration={
                "EnforceWorkGroupConfiguration": True,
                "ResultConfiguration": {"OutputLocation": f"s3://{BUCKET}/results/"},
                "BytesScannedCutoffPerQuery": 10**12,
            },
        )
        if trino:
            server.athena.executor = stack.enter_context(trino_engine.over(trino, server.athena.s3_url))
        server.calls.clear()
        yield server
        server.athena.join()
        _reset(server.athena.s3_url)


@contextmanager
def aws_for_tests() -> Iterator[AwsServer]:
    """The server, credentials for it in the environment, and no patience wasted on polling.

    Where the environment names a Trino (`make test-trino`), that executes.
    """
    import pytest

    from pipeline.lake import athena

    trino = os.environ.get("TRINO_URL", "")
    with pytest.MonkeyPatch.context() as patched, aws_server(trino=trino) as server:
        for name, value in KEYS.items():
            patched.setenv(name, value)
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
            patched.delenv(name, raising=False)
        patched.setattr(athena, "POLL_S", 0.08)
        if not trino:
            patched.setattr(athena, "WAIT_S", 0.02)
        yield server


class _Front:
    """In front of moto: notes each call, answers the faults, and lets one conditional put through at a time."""

    def __init__(self, app: Any, server: AwsServer) -> None:
        self._app, self._server, self._one_put = app, server, threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        call = _call(environ)
        self._server.calls.append(call)
        refusal = self._server.fault(call)
        if refusal is not None:
            if refusal.after:
                list(self._forwarded(environ, lambda *_: None))
            return _refused(refusal, call, start_response)
        return self._forwarded(environ, start_response)

    def _forwarded(self, environ: dict[str, Any], start_response: Any) -> Any:
        if "HTTP_IF_NONE_MATCH" in environ:
            with self._one_put:
                return self._app(environ, start_response)
        return self._app(environ, start_response)


def _call(environ: dict[str, Any]) -> Call:
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    if target:
        service, _, operation = target.rpartition(".")
        service = {"AWSGlue": "glue", "AmazonAthena": "athena"}.get(service, service)
        return Call(service, operation, _glue_path(environ) if service == "glue" else "")
    method, path, query = (
        environ["REQUEST_METHOD"],
        environ["PATH_INFO"],
        parse_qs(environ["QUERY_STRING"], keep_blank_values=True),
    )
    whole_bucket = not path.strip("/").partition("/")[2]
    if method == "POST" and "delete" in query:
        operation = "DeleteObjects"
    elif method == "POST" or "partNumber" in query or "uploads" in query:
        operation = "UploadPart" if "partNumber" in query else "CreateMultipartUpload"
    elif method == "GET" and whole_bucket:
        operation = "ListObjectsV2"
    else:
        operation = {"GET": "GetObject", "PUT": "PutObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"}[method]
    named = {"s3:if-none-match": environ.get("HTTP_IF_NONE_MATCH"), "s3:prefix": query.get("prefix", [None])[0]}
    return Call("s3", operation, path, tuple((key, value) for key, value in named.items() if value is not None))


def _glue_path(environ: dict[str, Any]) -> str:
    """The database, and the table where there is one, that a call is about; its body is put back for who answers it."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    told = json.loads(body or "{}")
    inputs = (told, told.get("TableInput", {}), told.get("DatabaseInput", {}))
    return "/".join(filter(None, [told.get("DatabaseName"), next((each["Name"] for each in inputs if "Name" in each), None)]))


def _refused(refusal: Refusal, call: Call, start_response: Any) -> list[bytes]:
    if call.service == "s3":
        body = f"<Error><Code>{refusal.code}</Code><Message>{refusal.message}</Message></Error>"
        kind = "application/xml"
    else:
        body, kind = (
            json.dumps({"__type": refusal.code, "message": refusal.message, "Message": refusal.message}),
            "application/x-amz-json-1.1",
        )
    start_response(f"{refusal.status} Refused", [("Content-Type", kind), ("Content-Length", str(len(body)))])
    return [body.encode()]


@contextmanager
def _listening(app: Any, port: int) -> Iterator[str]:
    from moto.moto_server.werkzeug_app import MotoRequestHandler
    from werkzeug.serving import make_server

    class Quiet(MotoRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_request(self, *_args: Any) -> None:
            pass

    server = make_server("127.0.0.1", port, app, threaded=True, request_handler=Quiet)
    server.daemon_threads = True  # type: ignore[attr-defined]
    # A real engine looks into all days of a month at once; whoever does not get in within two seconds fails.
    server.socket.listen(1024)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _reset(url: str) -> None:
    import urllib3

    urllib3.request("POST", f"{url}/moto-api/reset", timeout=60)


def _strict_glue() -> list[Any]:
    """moto's Glue overwrites whatever is there; the real one refuses an update of a version that is no longer current."""
    from moto.core.exceptions import JsonRESTError
    from moto.glue.responses import GlueResponse

    one_update = threading.Lock()
    update_table = GlueResponse.update_table

    def checked(self: Any) -> Any:
        with one_update:
            based_on = self.parameters.get("VersionId")
            table = self.glue_backend.get_table(self.parameters["DatabaseName"], self.parameters["TableInput"]["Name"])
            if based_on is not None and str(based_on) != str(table.as_dict()["VersionId"]):
                raise JsonRESTError("ConcurrentModificationException", f"version {based_on} is not the current one")
            return update_table(self)

    def no_statistics(_self: Any) -> str:
        return json.dumps({"ColumnStatisticsList": [], "Errors": []})

    unknown = ("get_column_statistics_for_table", "get_column_statistics_for_partition")
    return [
        patch.object(GlueResponse, "update_table", checked),
        # moto knows none of these calls, and Trino repeats them for seconds.
        *(patch.object(GlueResponse, name, no_statistics, create=True) for name in unknown),
    ]


def main() -> None:
    import argparse
    import time

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=5566)
    os.environ.update(KEYS)
    with aws_server(parser.parse_args().port) as server:
        print(server.url, flush=True)  # noqa: T201
        while True:
            time.sleep(3600)


if __name__ == "__main__":
    main()
