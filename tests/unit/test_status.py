"""The page of what is so now: what it counts, draws and says, and that no older one takes its place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from pipeline import settings, tables
from pipeline.inputs.status import read_status
from pipeline.interval import Interval
from pipeline.lake import duckdb, open_lake, sql
from pipeline.report.status import DRAWN, choose_drawn, render_status
from pipeline.steps.status import status_at
from pipeline.tables.identifiers import as_given
from pipeline.tables.usage import METRIC_5MIN, METRIC_HOURLY
from tests.support.report_estate import rows
from tests.support.status_estate import NOW, status, status_estate


@pytest.fixture(scope="module")
def page() -> str:
    return render_status(status())


def attributes(page: str, table: str) -> list[Mapping[str, str]]:
    """What the rows of a table say of themselves, by attribute."""
    body = page.split(f'data-table="{table}"')[1].split("</table>")[0]
    return [dict(re.findall(r'data-([a-z-]+)="([^"]*)"', tag)) for tag in re.findall(r"<tr( data-host[^>]*)>", body)]


def view(name: str) -> list[dict[str, Any]]:
    given: dict[str, pa.Table] = {key: rows(tables.get(key), records) for key, records in status_estate().items()}
    empty = {table.name: table.arrow_schema.empty_table() for table in tables.ALL.values()}
    return duckdb.query(sql.text(f"views.{name}"), {}, (empty | given).__getitem__).to_pylist()


def test_the_gravest_series_comes_first_and_each_says_whether_it_is_above_its_forecast_or_silent(page: str) -> None:
    shown = {row["host"]: row["status"] for row in attributes(page, "status")}

    assert list(shown)[:2] == ["i-web02", "i-app02"]
    assert shown == {row["resource_id"]: row["status"] for row in view("status_now")}
    assert (shown["i-web02"], shown["i-app02"], shown["i-web01"], shown["i-db01"]) == ("above", "stale", "normal", "unknown")


def test_the_page_adds_up_what_the_views_say_of_the_last_hour_and_of_24(page: str) -> None:
    rate = view("anomaly_rate_24h")
    anomalous, observed = (sum(row[name] for row in rate) for name in ("anomalous_hours", "observed_hours"))

    assert (anomalous, observed) == (4, 144)
    assert f'<span class="detail" id="rate-of">{anomalous} of {observed} hours</span>' in page
    assert f'id="last-hour">{sum(row["anomalous_last_hour"] for row in rate)}<' in page
    listed = {row["host"]: int(row["anomalous"]) for row in attributes(page, "status")}
    assert listed == {row["resource_id"]: row["anomalous_hours"] for row in rate}


def test_where_detectors_judged_some_series_of_their_last_hour_alone_the_page_says_of_how_many(page: str) -> None:
    judged = [row["judged_last_hour"] for row in view("status_now")]
    every = render_status(status(now=status().now.assign(judged_last_hour=1)))

    assert sorted(judged) == [0, 0, 0, 0, 0, 1]
    assert ", of the last one 1 of 6 series (17\N{NO-BREAK SPACE}%)</span>" in page
    assert "of the last one" not in every


def test_the_bars_of_the_timeline_are_the_stretches_of_the_view(page: str) -> None:
    drawn = {
        (host.split(" ")[0], moment, word)
        for host, svg in re.findall(r'<div class="strip"[^>]*><span>([^<]+)</span>(.*?)</svg>', page, re.DOTALL)
        for moment, word in re.findall(r"<title>(\S+ \S+) UTC: (\w+)</title>", svg)
    }
    stated = {
        (row["resource_id"], f"{row['started_at'] + timedelta(hours=back):%Y-%m-%d %H:%M}", row["status"])
        for row in view("status_timeline")
        for back in range(row["hours"])
    }

    assert drawn == stated
    assert ("i-web02", "2026-04-16 10:00", "above") in drawn
    assert len([each for each in drawn if each[2] == "anomalous"]) == 3, "the fourth lies before the 24 hours"


def test_a_range_of_minutes_shows_minutes_one_of_a_day_quarters_of_an_hour_and_one_of_days_hours(page: str) -> None:
    figure = next(part for part in page.split("<figure")[1:] if "<strong>i-web02</strong>" in part)
    moments = {
        hours: re.findall(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC\\nobserved", chart)
        for hours, chart in re.findall(r'<div data-range="(\d+)"[^>]*>(.*?)</div>', figure, re.DOTALL)
    }

    assert {hours: len(found) for hours, found in moments.items()} == {"1": 12, "6": 72, "24": 13 + 43, "168": 157}


def test_an_anomalous_hour_is_marked_in_its_charts_and_listed_with_how_long_ago_it_was(page: str) -> None:
    listed = attributes(page, "points")

    assert [row["host"] for row in listed] == ["i-app02", "i-web01", "i-web01", "i-batch01", "i-web01"]
    assert float(listed[0]["ago"]) == pytest.approx(14 + 35 / 60)
    environments = {row["host"]: row["environment"] for row in attributes(page, "status")}
    assert [row["environment"] for row in listed] == [environments[row["host"]] for row in listed]
    assert len({*environments.values()}) > 1
    figure = next(part for part in page.split("<figure")[1:] if "<strong>i-app02</strong>" in part)
    assert "2026-04-15 19:00 UTC, high anomaly" in figure


def test_a_confidence_is_a_gauge_and_where_nobody_calibrated_it_the_page_says_so() -> None:
    found = status()
    known = found.incident.sort_values("started_at", ascending=False)
    known = known.assign(confidence=[0.87, *[None] * (len(known) - 1)])

    said = render_status(replace(found, incident=known))

    assert 'value="0.87" aria-label="confidence of the incident on i-app02"' in said
    assert said.count("not calibrated") == 4
    assert "<meter" not in render_status(found), "no run calibrated any"


def test_an_incident_of_missing_data_says_that_there_are_no_samples() -> None:
    found = status()
    newest = found.incident["started_at"].idxmax()
    silent = found.incident.assign(kind=found.incident["kind"].mask(found.incident.index == newest, "missing"))

    assert "no samples" not in render_status(found)
    assert render_status(replace(found, incident=silent)).count("CPU, no samples") == 1


def test_a_name_in_the_data_is_text_and_nothing_is_loaded() -> None:
    found = status()
    named = {"resource_id": "<script>alert(1)</script>", "environment": '"><img src=x>'}
    changed = {name: getattr(found, name).assign(**named) for name in ("now", "course", "point")}

    said = render_status(replace(found, **changed))

    assert "<script>alert" not in said
    assert "<img" not in said
    assert not re.search(r'(?:src|href)="(?:https?:)?//', said)


def test_every_series_of_which_the_course_was_read_is_drawn_also_where_its_name_comes_later_as_it_was_given() -> None:
    found = status()
    one = found.now.head(1)
    mine, suffix = found.course[found.course["series_id"] == one["series_id"].iloc[0]], f"/{one['metric'].iloc[0]}"
    names = [f"1/r/{host}{suffix}" for host in ("%7Ea", *(f"i-{number:02d}" for number in range(DRAWN)))]
    chosen = choose_drawn(pd.concat([one.assign(series_id=name) for name in names]))["series_id"]
    now, course = (
        pd.concat([rows.assign(series_id=as_given(name)) for name in known]) for rows, known in ((one, names), (mine, chosen))
    )

    said = render_status(replace(found, now=now, course=course))

    assert len(chosen) == said.count("<figure") == DRAWN


def test_without_any_sample_the_page_says_what_to_do() -> None:
    found = status()

    said = render_status(replace(found, **{name: getattr(found, name).head(0) for name in ("now", "course", "point")}))

    assert "No sample was observed in the seven days before" in said
    assert "python -m pipeline monitor" in said


def test_equal_findings_give_equal_bytes_whatever_order_the_rows_lie_in(page: str) -> None:
    found = status()
    turned = {name: getattr(found, name).iloc[::-1].reset_index(drop=True) for name in ("now", "course", "point")}

    assert render_status(replace(found, **turned)) == page


def test_the_step_writes_the_page_and_an_older_run_leaves_it(tmp_path: Path) -> None:
    home = settings.load({}, home=tmp_path)
    lake = open_lake(home)
    found = status_estate()
    for table, day in ((METRIC_HOURLY, NOW - timedelta(days=1)), (METRIC_5MIN, NOW)):
        of_day = [row for row in found[table.name] if row["ts"].date() == day.date()]
        lake.replace(table, rows(table, of_day), table.scope(Interval.day(day.date())))
    last = Interval(NOW - timedelta(minutes=5), NOW)

    assert status_at(last, lake, home, NOW) == 6
    written = Path(home.status_address)
    assert written == tmp_path / "lake" / "reports" / "status.html"
    before = written.read_bytes()
    assert b"As of <time>2026-04-16 10:35</time>" in before

    status_at(Interval(last.start - timedelta(minutes=5), last.start), lake, home, NOW)
    assert written.read_bytes() == before

    status_at(Interval(last.end, last.end + timedelta(minutes=5)), lake, home, NOW + timedelta(minutes=5))
    assert b"2026-04-16 10:40" in written.read_bytes()
    assert pd.Timestamp(re.findall(r'as-of" content="([^"]+)"', written.read_text())[0]) == last.end + timedelta(minutes=5)


def test_a_page_of_a_moment_that_is_still_to_come_gives_way_to_one_of_now(tmp_path: Path) -> None:
    home = settings.load({}, home=tmp_path)
    lake = open_lake(home)
    mistaken = Interval.day((NOW + timedelta(days=400)).date())
    status_at(mistaken, lake, home, NOW)

    status_at(Interval(NOW - timedelta(minutes=5), NOW), lake, home, NOW)

    assert f'as-of" content="{NOW.isoformat()}"' in Path(home.status_address).read_text()


def test_of_many_series_all_are_counted_and_only_those_that_are_drawn_are_read_by_five_minutes(tmp_path: Path) -> None:
    lake = open_lake(settings.load({}, home=tmp_path))
    one = next(row for row in status_estate()["silver.metric_5min"] if row["ts"] == NOW - timedelta(minutes=5))
    records = [
        {**one, **_named(number), "ts": NOW - timedelta(minutes=5 * back)}
        for number in range(DRAWN + 6)
        # The last six fell silent, which is graver than what nobody knows.
        for back in range(1 if number < DRAWN else 7, 13)
    ]
    lake.replace(METRIC_5MIN, rows(METRIC_5MIN, records), METRIC_5MIN.scope(Interval.day(NOW.date())))

    found = read_status(lake, NOW)

    assert len(found.now) == DRAWN + 6
    silent = {row["series_id"] for row in records if row["ts"] == NOW - timedelta(minutes=60)} - {
        row["series_id"] for row in records if row["ts"] == NOW - timedelta(minutes=5)
    }
    assert found.course["series_id"].nunique() == DRAWN
    assert silent <= {*found.course["series_id"]}
    said = render_status(found)
    assert (said.count("<figure"), f'data-status-count="stale">{6}<' in said) == (DRAWN, True)


def _named(number: int) -> dict[str, str]:
    name = f"i-{number:03d}"
    return {"resource_id": name, "series_id": f"1/us-east-1/{name}/cpu_utilization", "account": "1", "region": "us-east-1"}


def test_what_a_series_is_now_is_the_newest_row_of_its_course() -> None:
    shared = ("series_id", "ts", "resolution_s", "minutes_behind", "value", "expected", "lower", "upper", "status", "severity")
    newest = [row for row in view("status_course") if row["is_newest"]]

    assert len(newest) == 6
    assert sorted(repr([row[name] for name in shared]) for row in view("status_now")) == sorted(
        repr([row[name] for name in shared]) for row in newest
    )


def test_of_each_series_that_was_not_measured_here_the_page_says_what_it_is_and_above_all_how_many_are_of_which_kind() -> None:
    [series] = {each for each in status().course["series_id"] if "/i-web02/cpu" in each}
    seen = pd.DataFrame({"series_id": [series, "1/us/other/cpu_utilization"], "source": ["fleet", "cloudwatch"]})
    mix = pd.DataFrame({"source": ["fleet"], "resources": [6], "kind": ["synthetic"]})

    shown = render_status(status(series_source=seen, mix=mix))

    assert '<p class="lead" data-origin>All 6 resources with metrics are synthetic (fleet).</p>' in shown
    assert '<td>i-web02 <span class="tag">synthetic</span></td>' in shown
    assert '<strong>i-web02</strong> <span class="tag">synthetic</span>' in shown
    assert "i-web02 CPU, last 6 hours: observed, forecast and anomalies (synthetic)" in shown
    assert "<td>i-web01</td>" in shown
    assert "data-origin" not in render_status(status())
