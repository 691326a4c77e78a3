"""Alertmanagers on loopback: a real one, where it is installed, and one that holds a body to what the API documents."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import urllib3

from tests.support.people import free_port

PROGRAM = shutil.which("prometheus-alertmanager")
#: `api/v2/openapi.yaml`: of `postableAlert`, required and optional.
_MEMBERS = {"labels", "annotations", "startsAt", "endsAt", "generatorURL"}


def check_body(text: str) -> list[dict[str, Any]]:
    """The alerts of a POST to `/api/v2/alerts`, which are as its documentation says."""
    alerts: list[dict[str, Any]] = json.loads(text)
    assert isinstance(alerts, list)
    for alert in alerts:
        assert set(alert) <= _MEMBERS, alert
        assert alert["labels"]["alertname"], alert
        for name, value in [*alert["labels"].items(), *alert.get("annotations", {}).items()]:
            assert re.fullmatch("[a-zA-Z_][a-zA-Z0-9_]*", name), name
            assert value, name
            assert isinstance(value, str), name
        starts, ends = (datetime.fromisoformat(alert[name]) for name in ("startsAt", "endsAt"))
        assert starts.utcoffset() is not None, alert
        assert starts <= ends, alert
        assert re.match("[a-z0-9]+://|$", alert["generatorURL"]), alert
    return alerts


@contextmanager
def alertmanager_at(folder: Path, inhibit: str = "") -> Iterator[str]:
    """A real Alertmanager that tells nobody; its address.

    Args:
        folder: for its files.
        inhibit: YAML of its `inhibit_rules`.
    """
    port = free_port()
    (folder / "config.yml").write_text(f"route: {{receiver: nobody}}\nreceivers: [{{name: nobody}}]\n{inhibit}")
    command = [str(PROGRAM), f"--config.file={folder / 'config.yml'}", f"--storage.path={folder / 'data'}"]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="]
    with (folder / "log").open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as process:
        try:
            _wait_for(f"http://127.0.0.1:{port}/-/ready")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def _wait_for(url: str) -> None:
    for _ in range(300):
        try:
            if urllib3.request("GET", url, retries=False).status == 200:
                return
        except urllib3.exceptions.HTTPError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"{url} did not come up in 30 s")
