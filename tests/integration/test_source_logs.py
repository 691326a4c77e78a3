"""Rates told by logs, from files and from S3."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from pipeline.errors import ConfigError, DataError, SourceError
from pipeline.interval import Interval
from pipeline.sources import _http, logs
from pipeline.sources._log_patterns import Pattern
from tests.support.source_servers import Reply, Request, aws_error, moto_server, spoiled

pytestmark = [pytest.mark.server]

DAY = Interval.day("2026-03-01")


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setattr(_http, "pause", lambda *_: None)


def combined(moment: datetime, status: int = 200, size: int = 1000, seconds: float | None = None) -> str:
    line = f'10.0.0.1 - - [{moment:%d/%b/%Y:%H:%M:%S} +0000] "GET /?token=s3cret HTTP/1.1" {status} {size} "-" "curl/8"'
    return line if seconds is None else f"{line} {seconds:.3f}"


def fetched(*files: Any, interval: Interval = DAY, **options: Any) -> pa.Table | None:
    batches = list(logs.fetch(interval, logs.Options(files=[str(file) for file in files], **options)))
    assert [(batch.table, batch.shard) for batch in batches] in ([], [("bronze.metric_sample", "logs")])
    return batches[0].data if batches else None


def rates(data: pa.Table) -> dict[tuple[int, str, str], tuple[float, str]]:
    """Value and unit by minute of the day, metric and statistic."""
    return {
        ((row["ts"] - DAY.start) // timedelta(minutes=1), row["metric"], row["statistic"]): (row["value"], row["unit"])
        for row in data.to_pylist()
    }


def test_access_lines_give_requests_failures_times_and_bytes_by_the_period(tmp_path: Path) -> None:
    lines = [combined(DAY.start + timedelta(seconds=n), 503 if n < 5 else 404, 300, n / 100) for n in range(20)]
    lines += [combined(DAY.start + timedelta(minutes=10), 200, 600, 2.5)]
    (tmp_path / "access.log").write_text("\n".join(lines) + "\n")

    data = fetched(tmp_path / "access.log", resource_id="web-1")

    assert rates(data) == {
        (0, "request_count", "Sum"): (20.0, "count"),
        (0, "error_rate", "Average"): (25.0, "percent"),
        (0, "response_time", "Average"): (95.0, "milliseconds"),
        (0, "response_time", "p95"): (180.0, "milliseconds"),
        (0, "response_time", "Maximum"): (190.0, "milliseconds"),
        (0, "throughput", "Average"): (20.0, "bytes/second"),
        (10, "request_count", "Sum"): (1.0, "count"),
        (10, "error_rate", "Average"): (0.0, "percent"),
        (10, "response_time", "Average"): (2500.0, "milliseconds"),
        (10, "response_time", "p95"): (2500.0, "milliseconds"),
        (10, "response_time", "Maximum"): (2500.0, "milliseconds"),
        (10, "throughput", "Average"): (2.0, "bytes/second"),
    }
    assert set(data["resource_id"].to_pylist()) == {"web-1"}


def test_a_load_balancers_lines_name_it_as_the_inventory_does_and_a_request_without_target_took_no_time(tmp_path: Path) -> None:
    after = (
        '"GET http://www.example.com:80/ HTTP/1.1" "curl/7.46.0" - - arn:aws:elasticloadbalancing:us-east-2:123456789012:x "-"'
    )
    lines = [
        f"http 2026-03-01T00:00:01.186641Z app/web/50dc6c49 192.168.131.39:2817 10.0.0.1:80 0.0 0.25 0.0 200 200 34 366 {after}",
        f"h2 2026-03-01T00:00:02.186641Z app/web/50dc6c49 192.168.131.39:2817 - -1 -1 -1 502 - 34 134 {after}",
    ]
    with gzip.open(tmp_path / "alb.log.gz", "wt") as file:
        file.write("\n".join(lines))

    data = fetched(tmp_path / "*.gz", period_s=60)

    assert set(data["resource_id"].to_pylist()) == {"loadbalancer/app/web/50dc6c49"}
    found = rates(data)
    assert found[0, "request_count", "Sum"] == (2.0, "count")
    assert found[0, "error_rate", "Average"] == (50.0, "percent")
    assert found[0, "response_time", "Average"] == (250.0, "milliseconds")
    assert found[0, "throughput", "Average"] == (pytest.approx(500 / 60), "bytes/second")


@pytest.mark.parametrize(
    ("line", "failed"),
    [
        ("2026-03-01 00:00:05,123 ERROR worker: boom", 100.0),
        ("2026-03-01T00:00:05.123Z [worker-1] WARN slow", 0.0),
        ("[2026-03-01T02:00:05+02:00] shop.checkout.CRITICAL: gone", 100.0),
        ("2026-03-01 00:00:05 INFO no ERROR in here", 0.0),
    ],
)
def test_a_services_own_lines_are_judged_by_their_level(tmp_path: Path, line: str, failed: float) -> None:
    (tmp_path / "app.log").write_text(line)

    assert rates(fetched(tmp_path / "app.log", resource_id="app")) == {
        (0, "log_lines", "Sum"): (1.0, "count"),
        (0, "error_rate", "Average"): (failed, "percent"),
    }


@pytest.mark.parametrize(
    ("stamp", "interval", "ts"),
    [
        ("Mar  1 05:06:07", DAY, "2026-03-01T05:05:00"),
        ("Dec 31 23:59:59", Interval.days("2025-12-31", "2026-01-02"), "2025-12-31T23:55:00"),
        ("Jan  1 00:00:01", Interval.days("2025-12-31", "2026-01-02"), "2026-01-01T00:00:00"),
        ("Feb 29 12:00:00", Interval.day("2024-02-29"), "2024-02-29T12:00:00"),
    ],
)
def test_syslogs_lines_have_the_year_of_the_interval_asked_for_which_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, stamp: str, interval: Interval, ts: str
) -> None:
    (tmp_path / "syslog").write_text(f"<13>{stamp} web-1 cron[7]: job\n{stamp} web-1 cron[7]: job\n")

    [row] = fetched(tmp_path / "syslog", interval=interval).to_pylist()

    assert (row["ts"].isoformat(), row["resource_id"], row["metric"], row["value"]) == (ts, "web-1", "log_lines", 2.0)
    assert f"2 lines have no year; it is taken from the interval asked for, {interval}" in caplog.text


def test_lines_without_a_year_are_refused_where_the_interval_has_them_twice(tmp_path: Path) -> None:
    (tmp_path / "syslog").write_text("Mar  1 05:06:07 web-1 cron[7]: job\n")

    with pytest.raises(ConfigError, match="lines have no year, and .* is longer than one"):
        fetched(tmp_path / "syslog", interval=Interval.days("2025-01-01", "2026-06-01"))
    assert fetched(tmp_path / "syslog", interval=Interval.day("2026-02-28")) is None


def test_lines_that_match_no_pattern_are_counted_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "access.log").write_text("\n".join([combined(DAY.start)] * 3 + ["noise"]))

    fetched(tmp_path / "access.log", resource_id="web-1")

    assert "1 of 4 lines match no pattern, and are not counted" in caplog.text


def test_a_pattern_of_ones_own_names_the_resource_the_time_zone_and_the_unit_of_durations(tmp_path: Path) -> None:
    own = {
        "regex": r"(?P<ts>\d{8} \d{6}) (?P<resource>[\w-]+) volume full=(?P<level>\w+) "
        r"wrote (?P<bytes>\d+) in (?P<duration>\d+)us",
        "time_format": "%Y%m%d %H%M%S",
        "timezone": "Europe/Berlin",
        "duration_unit": "us",
        "failed_levels": ["YES"],
        "counts": "writes",
    }
    (tmp_path / "disk.log").write_text(
        "20260301 010000 vol-1 volume full=no wrote 100 in 1500us\n20260301 010100 vol-2 volume full=yes wrote 200 in 500us\n"
    )

    data = fetched(tmp_path / "disk.log", patterns=[own])

    by_resource = {(row["resource_id"], row["metric"], row["statistic"]): row["value"] for row in data.to_pylist()}
    assert by_resource["vol-1", "response_time", "Average"] == 1.5
    assert by_resource["vol-2", "error_rate", "Average"] == 100.0
    assert by_resource["vol-1", "writes", "Sum"] == 1.0
    assert set(data["ts"].to_pylist()) == {DAY.start}


def test_files_give_the_same_rows_in_any_order(tmp_path: Path) -> None:
    for file, offset in (("a.log", 0), ("b.log", 31)):
        lines = [combined(DAY.start + timedelta(seconds=97 * n + offset), 200 + n % 4 * 100, n, n / 7) for n in range(900)]
        (tmp_path / file).write_text("\n".join(lines))

    whole = fetched(tmp_path / "*.log", resource_id="web-1")

    assert fetched(tmp_path / "b.log", tmp_path / "a.log", resource_id="web-1").equals(whole)


def test_dated_names_are_read_for_the_hours_of_the_interval_and_the_one_after(tmp_path: Path) -> None:
    for hour in range(24):
        folder = tmp_path / f"2026/03/01/{hour:02d}"
        folder.mkdir(parents=True)
        (folder / "x.log").write_text(combined(DAY.start + timedelta(hours=hour)))
    late = tmp_path / "2026/03/02/00"
    late.mkdir(parents=True)
    (late / "x.log").write_text(combined(DAY.end - timedelta(seconds=1)))
    (tmp_path / "2026/03/01/05/x.log").unlink()

    files = tmp_path / "%Y/%m/%d/%H/*.log"
    data = fetched(files, resource_id="web-1")
    morning = fetched(files, interval=Interval(DAY.start, DAY.start + timedelta(hours=2)), resource_id="web-1")

    counted = data.filter(pa.compute.equal(data["metric"], "request_count"))
    assert sum(counted["value"].to_pylist()) == 24
    assert counted["ts"].to_pylist()[-1] == datetime(2026, 3, 1, 23, 55)
    assert max(morning["ts"].to_pylist()) == datetime(2026, 3, 1, 1)


def test_a_changed_format_is_an_error_that_shows_no_line(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("\n".join([combined(DAY.start)] + ["password=s3cret of another kind"] * 2))

    with pytest.raises(DataError, match=r"2 of 3 lines match no pattern; max_unmatched_pct=50 are allowed") as failure:
        fetched(tmp_path / "a.log", resource_id="web-1")
    assert "s3cret" not in str(failure.value)
    assert fetched(tmp_path / "a.log", resource_id="web-1", max_unmatched_pct=70) is not None


def test_a_resource_that_is_named_nowhere_or_no_identifier_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text(combined(DAY.start))
    with pytest.raises(ConfigError, match="its lines name no resource; set resource_id"):
        fetched(tmp_path / "a.log")
    (tmp_path / "b.log").write_text("2026-03-01T00:00:00Z ../../etc ok")
    with pytest.raises(DataError, match="a line's resource is not a plain name") as failure:
        fetched(tmp_path / "b.log", patterns=[{"regex": r"(?P<ts>\S+) (?P<resource>\S+)"}])
    assert "etc" not in str(failure.value).partition("like")[0]


def test_files_that_are_missing_or_cut_off_are_errors_and_never_data(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no file matches .*absent\*\.log"):
        fetched(tmp_path / "absent*.log", resource_id="web-1")
    whole = gzip.compress("\n".join([combined(DAY.start)] * 5000).encode())
    for name, content in (
        ("cut.gz", whole[: len(whole) // 2]),
        ("no.gz", b"not packed"),
        ("flipped.gz", whole[:-9] + b"\0" + whole[-8:]),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(SourceError, match=rf"{name} is cut off or no gzip file"):
            fetched(tmp_path / name, resource_id="web-1")


def test_overlong_lines_and_files_are_bounded(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text(combined(DAY.start) + " " + "x" * 1_000_000 + "\n" + combined(DAY.start) + "\n\xff\xfe")
    data = fetched(tmp_path / "a.log", resource_id="web-1", max_line_chars=200)
    assert rates(data)[0, "request_count", "Sum"] == (2.0, "count")

    with gzip.open(tmp_path / "bomb.gz", "wb") as file:
        file.write(b"\n" * (3 << 20))
    with pytest.raises(SourceError, match="larger than max_unpacked_mib=2"):
        fetched(tmp_path / "bomb.gz", resource_id="web-1", max_unpacked_mib=2)


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ({"regex": "("}, "not a regular expression"),
        ({"regex": r"(?P<status>\d+)"}, "expected a group `ts`"),
        ({"regex": r"(?P<ts>\S+) (?P<user>\S+)"}, "expected a group `ts` and others of"),
        ({"regex": r"(?P<ts>\S+)", "timezone": "Mars/Olympus"}, "no IANA time zone"),
    ],
)
def test_a_pattern_that_cannot_work_is_refused(pattern: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Pattern(**pattern)


def test_local_times_follow_the_change_to_summer_time_and_an_hour_that_does_not_exist_is_no_moment() -> None:
    berlin = Pattern(regex=r"(?P<ts>\S+ \S+)", timezone="Europe/Berlin")

    read = {
        text: line.ts if (line := berlin.read(text, Interval.day("2026-03-29"))) else None
        for text in ("2026-03-29 01:30:00", "2026-03-29 02:30:00", "2026-03-29 03:30:00")
    }

    assert list(read.values()) == [datetime(2026, 3, 29, 0, 30), None, datetime(2026, 3, 29, 1, 30)]


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture(scope="module")
def bucket(aws: str) -> str:
    import boto3

    s3 = boto3.client("s3", "us-east-1", endpoint_url=aws, aws_access_key_id="a", aws_secret_access_key="b")  # noqa: S106
    s3.create_bucket(Bucket="the-logs")
    for hour in range(3):
        body = gzip.compress("\n".join(combined(DAY.start + timedelta(hours=hour, seconds=n)) for n in range(10)).encode())
        s3.put_object(Bucket="the-logs", Key=f"web/2026/03/01/{hour:02d}.log.gz", Body=body)
    s3.put_object(Bucket="the-logs", Key="web/2026/03/01/readme.txt", Body=b"not a log")
    return "s3://the-logs/web/%Y/%m/%d/*.log.gz"


def test_objects_in_s3_are_found_by_pattern_and_read_like_files(aws: str, bucket: str) -> None:
    data = fetched(bucket, resource_id="web-1", endpoint_url=aws)

    assert [rates(data)[60 * hour, "request_count", "Sum"][0] for hour in range(3)] == [10.0] * 3
    with pytest.raises(SourceError, match=r"no object matches s3://the-logs/absent/\*"):
        fetched("s3://the-logs/absent/*", resource_id="web-1", endpoint_url=aws)
    with pytest.raises(SourceError, match="s3:ListBucket.*NoSuchBucket"):
        fetched("s3://no-such-bucket-here/*", resource_id="web-1", endpoint_url=aws)


def test_an_object_that_breaks_off_is_read_again_from_its_beginning(aws: str, bucket: str) -> None:
    import urllib3

    cut: list[str] = []

    def fault(request: Request) -> Reply | None:
        if request.path.endswith("01.log.gz") and len(cut) < 2:
            cut.append(request.path)
            headers = {name: value for name, value in request.headers.items() if name != "connection"}
            got = urllib3.request("GET", aws + request.path, headers=headers, timeout=60)
            return Reply(200, got.data, {"content-type": "application/gzip"}, cut_at=20)
        return None

    with spoiled(aws, fault) as spoiling:
        data = fetched(bucket, resource_id="web-1", endpoint_url=spoiling.url)

    assert rates(data)[60, "request_count", "Sum"] == (10.0, "count")
    assert len(cut) == 2


def test_an_object_that_always_breaks_off_or_may_not_be_read_is_an_error(aws: str, bucket: str) -> None:
    with (
        spoiled(aws, lambda one: Reply(200, b"x" * 100, cut_at=20) if one.path.endswith("01.log.gz") else None) as spoiling,
        pytest.raises(SourceError, match=r"s3://the-logs/web/2026/03/01/01\.log\.gz broke off 3 times"),
    ):
        fetched(bucket, resource_id="web-1", endpoint_url=spoiling.url, attempts=3)
    with (
        spoiled(aws, lambda one: aws_error(one, 403, "AccessDenied") if one.path.endswith(".gz") else None) as denied,
        pytest.raises(ConfigError, match="access denied; allow the action s3:GetObject"),
    ):
        fetched(bucket, resource_id="web-1", endpoint_url=denied.url)
