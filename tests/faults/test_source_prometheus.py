"""Prometheus on a bad day: down, overloaded, answering in part, or asked with a token."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline.errors import ConfigError, SourceError
from pipeline.interval import Interval
from pipeline.sources import _http, prometheus
from pipeline.sources._node_exporter import Query
from tests.support.source_servers import Reply, Request, json_reply, serve

pytestmark = [pytest.mark.server]

DAY = Interval.day("2026-03-01")
START = 1_772_323_200
ONE = {"load": Query(promql="max by ($by) (avg_over_time(node_load1[$step]))", unit="count")}


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the server asked the source to wait, per pause; it does not wait in tests."""
    made: list[float] = []
    monkeypatch.setattr(_http, "pause", lambda _, at_least_s=0.0: made.append(at_least_s))
    return made


def matrix(*values: list[Any], **more: Any) -> Reply:
    result = [{"metric": {"instance": "web-1:9100"}, "values": list(values)}]
    return json_reply({"status": "success", "data": {"resultType": "matrix", "result": result}, **more})


GOOD = matrix([START + 300, "1.5"], [START + 600, "NaN"], [START + 900, "2.5"])


def fetched(url: str, **options: Any) -> pa.Table:
    [batch] = prometheus.fetch(DAY, prometheus.Options(url=url, queries=ONE, **options))
    return batch.data


def test_a_query_is_asked_for_the_ends_of_the_intervals_periods_with_step_and_labels_filled_in() -> None:
    with serve(lambda _: GOOD) as server:
        data = fetched(server.url)

    [request] = server.requests
    assert request.path == "/api/v1/query_range"
    assert request.query == {
        "query": ["max by (instance) (avg_over_time(node_load1[300s]))"],
        "start": [str(START + 300)],
        "end": [str(START + 86_400)],
        "step": ["300"],
    }
    assert data["value"].to_pylist() == [1.5, 2.5]


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_an_overloaded_server_is_asked_again_after_the_time_it_names(status: int, pauses: list[float]) -> None:
    replies = [Reply(status, b"busy", {"retry-after": "7"}), Reply(status, b"busy"), GOOD]
    with serve(lambda _: replies.pop(0)) as server:
        assert len(fetched(server.url)) == 2
    assert pauses == [7.0, 0.0]


def test_a_server_that_is_down_is_an_error_and_never_data(pauses: list[float]) -> None:
    with serve(lambda _: GOOD) as server:
        gone = server.url
    with pytest.raises(SourceError, match=r"prometheus: http://127\.0\.0\.1:\d+/api/v1/query_range: gave up after 3 attempts"):
        fetched(gone, attempts=3)
    assert len(pauses) == 2


def test_a_server_that_accepts_and_never_answers_is_given_up_after_the_time_allowed() -> None:
    done = threading.Event()

    def silent(_: Request) -> Reply:
        done.wait(30)
        return GOOD

    with serve(silent) as server:
        with pytest.raises(SourceError, match=r"gave up after 1 attempts: ReadTimeoutError"):
            fetched(server.url, attempts=1, timeout_s=1)
        done.set()


def test_an_answer_that_breaks_off_is_asked_for_again() -> None:
    replies = [Reply(200, GOOD.body, cut_at=40), GOOD]
    with serve(lambda _: replies.pop(0)) as server:
        assert len(fetched(server.url)) == 2


@pytest.mark.parametrize(
    "reply",
    [matrix([START + 300, "1"], warnings=["store 10.0.0.7:10901 is unavailable"]), matrix([START + 300, "1"], isPartial=True)],
)
def test_a_partial_answer_is_an_error(reply: Reply) -> None:
    with serve(lambda _: reply) as server, pytest.raises(SourceError, match="query load was answered in part"):
        fetched(server.url)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (json_reply({"status": "error", "errorType": "execution", "error": "too many samples"}), "failed: too many samples"),
        (
            json_reply({"status": "success", "data": {"resultType": "vector", "result": []}}),
            "answers a vector, expected a matrix",
        ),
        (json_reply(["what"]), "failed"),
        (Reply(200, b"<html>log in</html>"), "did not answer JSON"),
        (Reply(302, b"", {"location": "http://127.0.0.1:1/login?token=s3cret"}), "answered HTTP 302"),
        (matrix([START + 301, "1"]), "which was not asked for"),
        (matrix([START + 300, "much"]), "no pairs of a time and a number"),
    ],
)
def test_an_answer_of_another_kind_is_an_error_at_once(reply: Reply, words: str) -> None:
    with serve(lambda _: reply) as server, pytest.raises(SourceError, match=words) as failure:
        fetched(server.url)
    assert len(server.requests) == 1
    assert "s3cret" not in str(failure.value)


def test_an_answer_larger_than_allowed_is_an_error() -> None:
    with serve(lambda _: Reply(200, b" " * (3 << 20))) as server, pytest.raises(SourceError, match="more than max_answer_mib=2"):
        fetched(server.url, max_answer_mib=2)


def test_a_token_comes_from_the_environment_or_a_file_and_never_shows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PROMETHEUS_TOKEN", "tok-3n5ecret\n")
    (tmp_path / "token").write_text("from-file-9876")

    def guarded(request: Request) -> Reply:
        if request.headers.get("authorization") in ("Bearer tok-3n5ecret", "Bearer from-file-9876"):
            return GOOD
        return Reply(401, f"no entry for {request.headers.get('authorization')}".encode())

    with serve(guarded) as server:
        assert len(fetched(server.url, token_env="PROMETHEUS_TOKEN")) == 2  # noqa: S106 the variable's name
        assert len(fetched(server.url, token_file=tmp_path / "token")) == 2
        with pytest.raises(SourceError, match="answered HTTP 401"):
            fetched(server.url)
        monkeypatch.setenv("PROMETHEUS_TOKEN", "revoked-tok-77")
        with pytest.raises(SourceError, match="HTTP 401: no entry for") as failure:
            fetched(server.url, token_env="PROMETHEUS_TOKEN")  # noqa: S106
    assert "revoked-tok-77" not in str(failure.value)
    assert failure.value.__cause__ is None


def test_a_token_that_cannot_be_found_or_would_travel_in_clear_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("PROMETHEUS_TOKEN", raising=False)
    with pytest.raises(ConfigError, match="environment variable PROMETHEUS_TOKEN holds no token: it is not set"):
        fetched("http://127.0.0.1:9", token_env="PROMETHEUS_TOKEN")  # noqa: S106
    with pytest.raises(ConfigError, match="cannot be read"):
        fetched("http://127.0.0.1:9", token_file=tmp_path / "absent")
    monkeypatch.setenv("PROMETHEUS_TOKEN", "two\r\nlines")
    with pytest.raises(ConfigError, match="characters that no token has") as failure:
        fetched("http://127.0.0.1:9", token_env="PROMETHEUS_TOKEN")  # noqa: S106
    assert "lines" not in str(failure.value)
    monkeypatch.setenv("PROMETHEUS_TOKEN", "t")
    with pytest.raises(ConfigError, match="both given; name one place"):
        fetched("http://127.0.0.1:9", token_env="PROMETHEUS_TOKEN", token_file=tmp_path / "token")  # noqa: S106
    with pytest.raises(ConfigError, match="over https only"):
        fetched("http://prometheus.example", token_env="PROMETHEUS_TOKEN")  # noqa: S106
