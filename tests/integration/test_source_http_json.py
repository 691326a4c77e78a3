"""Samples from a JSON endpoint, asked over HTTP on loopback."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from pipeline.errors import ConfigError, DataError, SourceError
from pipeline.interval import Interval
from pipeline.sources import _http, http_json
from tests.support.source_servers import Reply, Request, json_reply, serve

pytestmark = [pytest.mark.server]

DAY = Interval.day("2026-03-01")
PLAIN = {"metric": "sessions", "unit": "count", "resource_path": "host", "period_s": 3600}


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_http, "pause", lambda *_: None)


def fetched(url: str, interval: Interval = DAY, **options: Any) -> pa.Table | None:
    batches = list(http_json.fetch(interval, http_json.Options(url=url, **{**PLAIN, **options})))
    assert [(batch.table, batch.shard) for batch in batches] in ([], [("bronze.metric_sample", "samples")])
    return batches[0].data if batches else None


def item(hour: int, value: Any = 1.0, host: Any = "web-1", **more: Any) -> dict[str, Any]:
    return {"ts": (DAY.start + timedelta(hours=hour)).isoformat() + "Z", "value": value, "host": host, **more}


def test_paths_lead_to_time_value_resource_and_metric_and_the_unit_follows_the_metric() -> None:
    points = [
        {"at": 1772323200, "labels": {"host": "db-1", "names": ["cpu", "x"]}, "v": "0.5"},
        {"at": 1772326800, "labels": {"host": "db-1", "names": ["queue", "x"]}, "v": 12},
    ]
    with serve(lambda _: json_reply({"data": {"points": points}})) as server:
        data = fetched(
            server.url,
            items_path="data.points",
            time_path="at",
            time_format="epoch_s",
            value_path="v",
            resource_path="labels.host",
            metric=None,
            metric_path="labels.names.0",
            units={"cpu": "ratio"},
            statistic="Maximum",
            account="shop",
        )

    assert data.to_pylist() == [
        {
            "source": "http_json",
            "account": "shop",
            "region": "local",
            "resource_id": "db-1",
            "metric": metric,
            "statistic": "Maximum",
            "period_s": 3600,
            "ts": DAY.start + timedelta(hours=hour),
            "value": value,
            "unit": unit,
        }
        for metric, hour, value, unit in (("cpu", 0, 0.5, "ratio"), ("queue", 1, 12.0, "count"))
    ]


@pytest.mark.parametrize(
    ("form", "start", "end"),
    [
        ("iso", "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z"),
        ("epoch_s", "1772323200", "1772409600"),
        ("epoch_ms", "1772323200000", "1772409600000"),
        ("epoch_us", "1772323200000000", "1772409600000000"),
    ],
)
def test_the_interval_is_sent_where_parameters_take_it_beside_those_of_the_address(form: str, start: str, end: str) -> None:
    with serve(lambda _: json_reply([item(1)])) as server:
        fetched(f"{server.url}/v1?team=shop", start_parameter="from", end_parameter="to", parameter_format=form)

    assert server.requests[0].query == {"team": ["shop"], "from": [start], "to": [end]}


def test_all_pages_are_followed_by_relative_or_absolute_link() -> None:
    def pages(request: Request) -> Reply:
        page = int(request.query.get("page", ["1"])[0])
        links = {1: "/samples?page=2", 2: f"http://{request.headers['host']}/samples?page=3", 3: None}
        return json_reply({"items": [item(page), item(page, host="web-2")], "next": links[page]})

    with serve(pages) as server:
        data = fetched(f"{server.url}/samples", items_path="items", next_path="next")

    assert [(row["ts"].hour, row["resource_id"]) for row in data.to_pylist()] == [
        (h, f"web-{n}") for h in (1, 2, 3) for n in (1, 2)
    ]


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ("/samples", r"the page after 1 pages was there before"),
        ("http://elsewhere.example/samples?page=2", r"the next page lies on http://elsewhere.example/samples, another server"),
    ],
)
def test_pages_that_come_round_or_lead_to_another_server_are_errors_and_the_token_does_not_follow(
    link: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "s3cret-token")
    with (
        serve(lambda _: json_reply({"items": [item(1)], "next": link})) as server,
        pytest.raises(SourceError, match=words),
    ):
        fetched(f"{server.url}/samples", items_path="items", next_path="next", token_env="SHOP_TOKEN")  # noqa: S106
    assert [request.headers["authorization"] for request in server.requests] == ["Bearer s3cret-token"]


def test_pages_without_end_are_given_up() -> None:
    def endless(request: Request) -> Reply:
        return json_reply({"items": [], "next": f"/?page={int(request.query.get('page', ['1'])[0]) + 1}"})

    with serve(endless) as server, pytest.raises(SourceError, match="more than max_pages=5 pages"):
        fetched(server.url, items_path="items", next_path="next", max_pages=5)
    assert len(server.requests) == 5


def test_a_fault_on_a_later_page_hands_over_nothing() -> None:
    def pages(request: Request) -> Reply:
        return Reply(500, b"boom") if request.query else json_reply({"items": [item(1)], "next": "/?page=2"})

    with serve(pages) as server, pytest.raises(SourceError, match="gave up after 2 attempts: HTTP 500"):
        fetched(server.url, items_path="items", next_path="next", attempts=2)


def test_samples_count_once_and_one_without_a_value_does_not_but_is_said(caplog: pytest.LogCaptureFixture) -> None:
    given = [item(5), item(2, None), item(-1), item(24), item(0), item(5), item(3, host="web-0")]
    with serve(lambda _: json_reply(given)) as server:
        whole = fetched(server.url)

    assert [(row["ts"].hour, row["resource_id"]) for row in whole.to_pylist()] == [(0, "web-1"), (3, "web-0"), (5, "web-1")]
    assert caplog.messages == ["http_json: 1 of 7 samples have no value"]


@pytest.mark.parametrize("unit", ["%", "ms", "s"])
def test_samples_may_count_microseconds_and_state_units_as_people_write_them(unit: str) -> None:
    given = [{**item(1), "ts": 1_772_323_200_000_001}]
    with serve(lambda _: json_reply(given)) as server:
        [row] = fetched(server.url, time_format="epoch_us", unit=unit).to_pylist()

    assert (row["ts"], row["unit"]) == (DAY.start + timedelta(microseconds=1), unit)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (item(1, "much"), "sample 2: value is 'much', expected a finite number"),
        (item(1, True), "value is True, expected a finite number"),
        (item(1, 10**400), "expected a finite number"),
        (item(1, float("inf")), "value is inf, expected a finite number"),
        ({**item(1), "ts": "yesterday"}, "sample 2: ts is 'yesterday', expected iso"),
        ({**item(1), "ts": None}, "ts is None"),
        (item(1, host="'; DROP TABLE x"), "the resource at host is"),
        (item(1, host="../../etc"), "the resource at host is"),
        (item(1, host=None), "the resource at host is None"),
        (item(0, 2.0), r"sample 2: sessions of web-1 at 2026-03-01T00:00:00 is 1.0 and 2.0; which is unknown"),
        ("what", "sample 2 is 'what', expected an object"),
    ],
)
def test_a_sample_that_is_not_what_the_paths_promise_is_an_error_that_says_which(bad: Any, words: str) -> None:
    with serve(lambda _: json_reply([item(0), bad])) as server, pytest.raises(DataError, match=words):
        fetched(server.url)


def test_an_answer_without_the_list_is_an_error() -> None:
    with serve(lambda _: json_reply({"error": "maintenance"})) as server:
        with pytest.raises(DataError, match="expected a list at data, got NoneType"):
            fetched(server.url, items_path="data")
        with pytest.raises(DataError, match="expected a list at the top, got dict"):
            fetched(server.url)


def test_a_metric_without_a_unit_is_a_matter_of_configuration() -> None:
    with (
        serve(lambda _: json_reply([item(0, name="latency")])) as server,
        pytest.raises(ConfigError, match="unit of metric latency"),
    ):
        fetched(server.url, metric=None, metric_path="name", unit=None, units={"other": "count"})


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("url", "https://me:pw@example.com/"),
        ("url", "https://example.com/?api_key=abc"),
        ("url", "file:///etc/passwd"),
        ("headers", {"X-Api-Key": "abc"}),
        ("headers", {"X-Team": "shop\r\nX-Other: 1"}),
        ("resource_id", "web-1"),
        ("metric", None),
        ("metric", "a metric"),
        ("period_s", 0),
    ],
)
def test_a_secret_in_an_option_or_a_name_from_two_places_is_refused(option: str, value: Any) -> None:
    with pytest.raises(ValidationError):
        http_json.Options(**{"url": "https://example.com", **PLAIN, option: value})


def every(seconds: int, host: str, value: float) -> list[dict[str, Any]]:
    moments = [DAY.start + timedelta(seconds=second) for second in range(0, 3600, seconds)]
    return [{"ts": f"{ts.isoformat()}Z", "value": value, "host": host} for ts in moments]


def test_each_series_has_a_period_of_its_own_where_none_is_stated() -> None:
    """Basic beside detailed monitoring: 300 MB in five minutes are as much as 60 MB in one."""
    items = [*every(300, "basic", 3e8), *every(60, "detailed", 6e7)]
    with serve(lambda _: json_reply(items)) as server:
        data = fetched(server.url, period_s=None, unit="bytes")

        assert data is not None
        assert {(row["resource_id"], row["period_s"]) for row in data.to_pylist()} == {("basic", 300), ("detailed", 60)}
        with pytest.raises(DataError, match=r"sessions of detailed follow each other after 60 s, and period_s=300 says"):
            fetched(server.url, period_s=300, unit="bytes")


def test_a_part_of_a_day_does_not_tell_a_period_and_is_asked_for_with_one_stated() -> None:
    part = Interval(DAY.start, DAY.start + timedelta(hours=2))
    with serve(lambda _: json_reply([item(0), item(1), item(2)])) as server:
        with pytest.raises(ConfigError, match="state period_s for .* a part of a day"):
            fetched(server.url, part, period_s=None)
        assert fetched(server.url, part)["period_s"].to_pylist() == [3600, 3600]


def test_an_empty_list_is_no_rows() -> None:
    with serve(lambda _: json_reply([])) as server:
        assert fetched(server.url) is None


def test_the_days_samples_are_those_that_start_in_it_to_the_microsecond() -> None:
    stamps = ["2026-02-28T23:59:59.999999Z", "2026-03-01T00:00:00Z", "2026-03-02T00:59:59.999999+01:00", "2026-03-02T00:00:00Z"]
    with serve(lambda _: json_reply([{"ts": ts, "value": 1, "host": "h"} for ts in stamps])) as server:
        data = fetched(server.url)
    assert data["ts"].to_pylist() == [datetime(2026, 3, 1), datetime(2026, 3, 1, 23, 59, 59, 999999)]
