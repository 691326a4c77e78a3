"""What every source that asks a server promises: bounded waiting, and no secret in an error's text."""

from __future__ import annotations

import pytest

from pipeline.sources import _aws, _http


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("key AKIAABCDEFGHIJKLMNOP is unknown", "AKIAABCDEFGHIJKLMNOP"),
        ("key ASIAABCDEFGHIJKLMNOP is unknown", "ASIAABCDEFGHIJKLMNOP"),
        ("GET https://me:hunter2@example.com/x failed", "hunter2"),
        ("Authorization: Bearer abc.def-ghi_jkl= was sent", "abc.def-ghi_jkl"),
        ("x-amz-security-token:IQoJb3JpZ2luX2VjEJf host:sts", "IQoJb3JpZ2luX2VjEJf"),
        ("https://bucket/key?X-Amz-Signature=0a1b2c3d&x=1", "0a1b2c3d"),
        ('{"password": "hunter2", "user": "me"}', "hunter2"),
        ("api_key=0123456789 in the query", "0123456789"),
        ("AWS_SECRET_ACCESS_KEY='wJalrXUtnFEMI'", "wJalrXUtnFEMI"),
    ],
)
def test_whatever_looks_like_a_key_a_token_or_a_password_is_cut_out_of_a_text(text: str, secret: str) -> None:
    assert secret not in _http.redacted(text)
    assert "[redacted]" in _http.redacted(text)


def test_a_known_secret_is_cut_out_wherever_it_stands_and_ordinary_words_stay() -> None:
    words = "AccessDenied: User: arn:aws:iam::123456789012:user/u is not authorized to perform: cloudwatch:GetMetricData"
    assert _http.redacted(words) == words
    assert (
        _http.redacted("it said plain-words twice: plain-words", "plain-words", None, "")
        == "it said [redacted] twice: [redacted]"
    )


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:pw@example.com:8443/api/x?token=abc#y", "https://example.com:8443/api/x"),
        ("http://127.0.0.1:9090/api/v1/query_range", "http://127.0.0.1:9090/api/v1/query_range"),
    ],
)
def test_an_address_is_shown_without_user_password_and_query(url: str, shown: str) -> None:
    assert _http.place(url) == shown


def test_servers_are_told_apart_by_scheme_host_and_port() -> None:
    assert _http.origin("https://example.com/a") == _http.origin("https://example.com:443/b?c")
    assert len({_http.origin(url) for url in ("https://a", "http://a", "https://a:8443", "https://b")}) == 4


def test_pauses_are_drawn_from_all_of_a_ceiling_that_doubles_and_never_exceed_20_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(_http.time, "sleep", slept.append)

    for attempt in range(12):
        for _ in range(200):
            _http.pause(attempt)

    by_attempt = [slept[200 * attempt : 200 * attempt + 200] for attempt in range(12)]
    ceilings = [min(20.0, 0.5 * 2**attempt) for attempt in range(12)]
    assert all(max(drawn) <= ceiling for drawn, ceiling in zip(by_attempt, ceilings, strict=True))
    assert all(
        min(drawn) < 0.1 * ceiling and max(drawn) > 0.9 * ceiling for drawn, ceiling in zip(by_attempt, ceilings, strict=True)
    )


def test_a_server_that_names_a_time_to_wait_is_obeyed_up_to_20_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(_http.time, "sleep", slept.append)

    _http.pause(0, 7.0)
    _http.pause(0, 3600.0)

    assert slept == [7.0, 20.0]


@pytest.mark.parametrize("text", [None, "", "soon", "Wed, 21 Oct 2026 07:28:00 GMT", "-5"])
def test_a_time_to_wait_that_is_no_number_of_seconds_is_none(text: str | None) -> None:
    assert _http._retry_after_s(text) == 0.0


def test_tags_are_read_by_name_and_an_answer_says_when_it_was_given() -> None:
    from datetime import datetime

    assert _aws.tags([{"Key": "a", "Value": "1"}, {"Key": "b"}]) == {"a": "1", "b": ""}
    assert _aws.tags(None) == {}
    answer = {"ResponseMetadata": {"HTTPHeaders": {"date": "Mon, 02 Mar 2026 03:00:00 GMT"}}}
    assert _aws.answered_at(answer) == datetime(2026, 3, 2, 3)


def test_an_address_is_asked_by_the_proxy_that_the_environment_names_but_for_those_it_excepts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("https_proxy", "http_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.corp:3128")
    monkeypatch.setenv("NO_PROXY", "localhost,.amazonaws.com")
    asked = ("https://example.com/a", "https://s3.us-east-1.amazonaws.com/b", "http://127.0.0.1:9090/c")

    through = [getattr(_http._pool(url, 3).proxy, "host", None) for url in asked]

    assert through == ["proxy.corp", None, None]
