"""Range queries against a real Prometheus: over blocks of known counters, and of a node_exporter that it scrapes.

Debian's packages `prometheus` and `prometheus-node-exporter` bring the programs; without them these tests are skipped.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import urllib3

from pipeline.errors import ConfigError, SourceError
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.sources import _http, prometheus
from pipeline.sources._node_exporter import QUERIES, Query
from pipeline.tables.usage import METRIC_SAMPLE

PROGRAMS = {name: shutil.which(name) for name in ("prometheus", "promtool", "prometheus-node-exporter")}
ABSENT = sorted(name for name, path in PROGRAMS.items() if path is None)
pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(bool(ABSENT), reason=f"not installed: {ABSENT} (apt-get install prometheus prometheus-node-exporter)"),
]

DAY = Interval.day("2026-03-01")
GIB = 2**30
HOST = 'instance="web-1:9100"'


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_http, "pause", lambda *_: None)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def until(answers: Callable[[], bool], what: str, seconds: float = 60) -> None:
    for _ in range(int(seconds / 0.1)):
        try:
            if answers():
                return
        except urllib3.exceptions.HTTPError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"{what} did not come up in {seconds:g} s")


@contextmanager
def running(*command: str, log: Path) -> Iterator[None]:
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as process:
        try:
            yield
        finally:
            process.terminate()


@contextmanager
def prometheus_at(folder: Path, config: str) -> Iterator[str]:
    port = free_port()
    (folder / "prometheus.yml").write_text(config)
    with running(
        str(PROGRAMS["prometheus"]),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address=127.0.0.1:{port}",
        log=folder / "prometheus.log",
    ):
        url = f"http://127.0.0.1:{port}"
        until(lambda: urllib3.request("GET", f"{url}/-/ready", retries=False).status == 200, "prometheus")
        yield url


# What node_exporter would say of a host with known load: counters by their increase per second, and levels.
RATES: dict[str, float] = {
    **{
        f'node_cpu_seconds_total{{{HOST},cpu="{cpu}",mode="{mode}"}}': rate
        for cpu in (0, 1)
        for mode, rate in (("idle", 0.5), ("user", 0.25), ("system", 0.125), ("iowait", 0.0625), ("steal", 0.0625))
    },
    f"node_vmstat_pgmajfault{{{HOST}}}": 0.1,
    **{
        f'node_disk_{name}{{{HOST},device="{device}"}}': rate
        for device in ("nvme0n1", "dm-0")
        for name, rate in (
            ("read_bytes_total", 1e6),
            ("written_bytes_total", 2e6),
            ("reads_completed_total", 10.0),
            ("writes_completed_total", 20.0),
            ("io_time_seconds_total", 0.3),
        )
    },
    **{
        f'node_network_{name}{{{HOST},device="{device}"}}': rate
        for device in ("eth0", "lo")
        for name, rate in (
            ("receive_bytes_total", 1e6),
            ("transmit_bytes_total", 5e5),
            ("receive_errs_total", 0.0),
            ("transmit_errs_total", 0.1),
        )
    },
}
LEVELS: dict[str, float] = {
    f"node_load1{{{HOST}}}": 2.0,
    f"node_load5{{{HOST}}}": 1.5,
    f"node_load15{{{HOST}}}": 1.0,
    f"node_memory_MemAvailable_bytes{{{HOST}}}": 2.0 * GIB,
    f"node_memory_MemTotal_bytes{{{HOST}}}": 8.0 * GIB,
    f"node_memory_SwapFree_bytes{{{HOST}}}": 0.0,
    f"node_memory_SwapTotal_bytes{{{HOST}}}": 0.0,
    **{
        f'node_filesystem_{name}{{{HOST},mountpoint="{mount}",fstype="ext4",device="/dev/nvme0n1p1"}}': value
        for mount, share in (("/", 0.4), ("/data", 0.9))
        for name, value in (("avail_bytes", share * 100 * GIB), ("size_bytes", 100.0 * GIB), ("files_free", 9e5), ("files", 1e6))
    },
    f"node_netstat_Tcp_CurrEstab{{{HOST}}}": 40.0,
}


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus whose blocks hold `RATES` and `LEVELS` by the minute from 0:00 to 3:00, but no load from 1:00 to 2:00."""
    folder = tmp_path_factory.mktemp("known")
    start = int(DAY.start.replace(tzinfo=UTC).timestamp())
    lines: list[str] = []
    for series in sorted({**RATES, **LEVELS}):
        name = series.partition("{")[0]
        kind = f"# TYPE {name.removesuffix('_total')} {'counter' if name.endswith('_total') else 'unknown'}"
        lines += [kind] if kind not in lines else []
        minutes = [n for n in range(181) if not (name.startswith("node_load") and 60 < n <= 120)]
        lines += [f"{series} {LEVELS.get(series, 60 * n * RATES.get(series, 0.0))!r} {start + 60 * n}" for n in minutes]
    (folder / "known.txt").write_text("\n".join([*lines, "# EOF\n"]))
    subprocess.run(
        [str(PROGRAMS["promtool"]), "tsdb", "create-blocks-from", "openmetrics", folder / "known.txt", folder / "data"],
        check=True,
        capture_output=True,
    )
    with prometheus_at(folder, "scrape_configs: []\n") as url:
        yield url


def fetched(url: str, interval: Interval = DAY, **options: Any) -> pa.Table | None:
    batches = list(prometheus.fetch(interval, prometheus.Options(url=url, **options)))
    assert [(batch.table, batch.shard) for batch in batches] in ([], [("bronze.metric_sample", "samples")])
    return batches[0].data if batches else None


def at(data: pa.Table, moment: datetime) -> dict[str, tuple[float, str, str]]:
    return {
        row["metric"]: (round(row["value"], 6), row["unit"], row["statistic"]) for row in data.to_pylist() if row["ts"] == moment
    }


def test_the_23_queries_give_what_the_hosts_counters_say(known: str) -> None:
    data = fetched(known)

    assert at(data, DAY.start + timedelta(minutes=5)) == {
        "cpu_utilization": (50.0, "percent", "Average"),
        "cpu_user": (25.0, "percent", "Average"),
        "cpu_system": (12.5, "percent", "Average"),
        "cpu_iowait": (6.25, "percent", "Average"),
        "cpu_steal": (6.25, "percent", "Average"),
        "load_1m": (2.0, "count", "Average"),
        "load_5m": (1.5, "count", "Average"),
        "load_15m": (1.0, "count", "Average"),
        "load_per_cpu": (0.75, "count", "Average"),
        "memory_utilization": (75.0, "percent", "Average"),
        "major_page_faults": (30.0, "count", "Sum"),
        "disk_utilization": (60.0, "percent", "Average"),
        "inode_utilization": (10.0, "percent", "Average"),
        "disk_read": (1e6, "bytes/second", "Average"),
        "disk_write": (2e6, "bytes/second", "Average"),
        "disk_reads": (3000.0, "count", "Sum"),
        "disk_writes": (6000.0, "count", "Sum"),
        "disk_busy": (30.0, "percent", "Average"),
        "network_in": (1e6, "bytes/second", "Average"),
        "network_out": (5e5, "bytes/second", "Average"),
        "network_errors": (30.0, "count", "Sum"),
        "tcp_connections": (40.0, "count", "Average"),
    }
    # The host has no swap: a share of nothing is no sample.
    assert set(QUERIES) - set(data["metric"].to_pylist()) == {"swap_utilization"}
    assert set(data["resource_id"].to_pylist()) == {"web-1:9100"}


def test_a_value_lands_at_the_start_of_the_period_it_describes_and_a_gap_stays_a_gap(known: str) -> None:
    data = fetched(known, queries={"load": QUERIES["load_1m"]}, step_s=600)

    moments = [(moment - DAY.start) // timedelta(minutes=10) for moment in data["ts"].to_pylist()]
    # The window of the period from 1:00 begins with the sample of 1:00; the last begins with the last sample, at 3:00.
    assert moments == [0, 1, 2, 3, 4, 5, 6, 12, 13, 14, 15, 16, 17, 18]
    assert set(data["period_s"].to_pylist()) == {600}


def test_an_interval_asked_for_in_parts_or_in_small_requests_gives_the_same_rows(known: str) -> None:
    whole = fetched(known, step_s=60)
    edges = [DAY.start, DAY.start + timedelta(minutes=61, seconds=7), DAY.start + timedelta(hours=2), DAY.end]
    parts = [fetched(known, Interval(*edge), step_s=60) for edge in pairwise(edges)]

    assert pa.concat_tables(parts).equals(whole)
    assert fetched(known, step_s=60, points_per_request=37).equals(whole)


def test_more_points_than_prometheus_gives_at_once_are_asked_for_in_several_requests(known: str) -> None:
    months = Interval.days("2026-03-01", "2026-05-01")
    assert (months.end - months.start) / timedelta(minutes=5) > prometheus.MOST_POINTS

    assert fetched(known, months).equals(fetched(known))


def test_a_query_that_prometheus_refuses_is_an_error_with_its_words(known: str) -> None:
    with pytest.raises(SourceError, match=r"query_range answered HTTP 400.*parse error"):
        fetched(known, queries={"broken": Query(promql="sum(", unit="count")})


def test_a_query_whose_series_do_not_tell_resources_apart_is_refused(known: str) -> None:
    with pytest.raises(ConfigError, match=r"query cpu gives several series for local/local/web-1:9100; aggregate it by"):
        fetched(known, queries={"cpu": Query(promql="rate(node_cpu_seconds_total[$step])", unit="count")})
    with pytest.raises(ConfigError, match=r"query total gives a series without the labels that name its resource: \[\]"):
        fetched(known, queries={"total": Query(promql="sum(node_load1)", unit="count")})


def test_bytes_per_second_become_megabits_in_silver_and_every_unit_is_known_there(known: str, lake: Lake) -> None:
    data = fetched(known)
    lake.land(METRIC_SAMPLE, data, source="prometheus", shard="samples", ingested_at=DAY.end + timedelta(hours=3))

    points = lake.query("SELECT metric, unit, value, rule FROM views.metric_point").to_pylist()

    assert {(row["unit"], round(row["value"], 9)) for row in points if row["metric"] == "network_in" and row["value"] > 7.9} == {
        ("mbps", 8.0)
    }
    assert Counter(row["rule"] for row in points) == {None: data.num_rows}


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus that scrapes this machine's node_exporter every second, with a whole period behind it."""
    folder = tmp_path_factory.mktemp("live")
    port = free_port()
    exporter = running(
        str(PROGRAMS["prometheus-node-exporter"]), f"--web.listen-address=127.0.0.1:{port}", log=folder / "exporter.log"
    )
    config = f"""
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs: [{{job_name: node, static_configs: [{{targets: ["127.0.0.1:{port}"]}}]}}]
"""
    with exporter, prometheus_at(folder, config) as url:

        def scraped() -> bool:
            asked = {"query": "min(count_over_time(node_load1[20s]))"}
            result = urllib3.request("GET", f"{url}/api/v1/query", fields=asked, retries=False, timeout=60).json()["data"][
                "result"
            ]
            return bool(result) and float(result[0]["value"][1]) >= 12

        until(scraped, "twelve scrapes of the node_exporter")
        yield url


def test_a_scraped_node_exporter_answers_the_shipped_queries_within_their_bounds(live: str) -> None:
    now = datetime.now(UTC).replace(tzinfo=None)

    rows = fetched(live, Interval(now - timedelta(minutes=1), now), step_s=10).to_pylist()

    metrics = {row["metric"] for row in rows}
    # What a container hides (its root's file system, its disks, its network) may be missing; nothing else is.
    hidden = {name for name in QUERIES if name.startswith(("disk", "inode", "network", "swap"))}
    assert set(QUERIES) - hidden <= metrics <= set(QUERIES)
    assert all(0 <= row["value"] <= 100 for row in rows if row["unit"] == "percent")
    assert all(row["value"] >= 0 for row in rows)


def received(host: str, minute: int) -> float:
    """Bytes that a host has received by then, at 125,000 a second: a terabyte at first, and a little less or nothing at 0:32."""
    since = 60 * 125_000.0
    if host == "reboot-1" and minute >= 32:
        return since * (minute - 32)
    return 1e12 + since * minute - (4096.0 + since if host == "jitter-1" and minute == 32 else 0.0)


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A host that two jobs scrape, one whose counters step back a little at 0:32, and one that begins anew at that moment."""
    folder, start = tmp_path_factory.mktemp("odd"), int(DAY.start.replace(tzinfo=UTC).timestamp())
    texts: dict[str, list[str]] = {"node_cpu_seconds": [], "node_network_receive_bytes": []}
    for host, jobs in (("dup-1", ("node", "kubernetes-node")), ("jitter-1", ("node",)), ("reboot-1", ("node",))):
        for job in jobs:
            labels = f'instance="{host}",job="{job}"'
            for mode, rate in (("idle", 0.7), ("user", 0.3)):
                back = {n: 50.0 if (host, mode) == ("jitter-1", "idle") and n == 32 else 0.0 for n in range(61)}
                texts["node_cpu_seconds"] += [
                    f'node_cpu_seconds_total{{{labels},cpu="0",mode="{mode}"}} {864e4 + 60 * n * rate - back[n]} {start + 60 * n}'
                    for n in range(61)
                ]
            texts["node_network_receive_bytes"] += [
                f'node_network_receive_bytes_total{{{labels},device="eth0"}} {received(host, n)} {start + 60 * n}'
                for n in range(61)
            ]
    lines = [line for name, each in texts.items() for line in (f"# TYPE {name} counter", *each)]
    (folder / "odd.txt").write_text("\n".join([*lines, "# EOF\n"]))
    subprocess.run(
        [str(PROGRAMS["promtool"]), "tsdb", "create-blocks-from", "openmetrics", folder / "odd.txt", folder / "data"],
        check=True,
        capture_output=True,
    )
    with prometheus_at(folder, "scrape_configs: []\n") as url:
        yield url


def test_a_host_scraped_by_two_jobs_counts_once_and_a_counter_that_steps_back_is_no_sample(odd: str) -> None:
    data = fetched(odd)
    assert data is not None
    found = data.to_pylist()

    network = {
        host: [round(row["value"] / 1000) for row in found if row["metric"] == "network_in" and host in row["resource_id"]]
        for host in ("dup", "jitter", "reboot")
    }
    cpu = {
        host: [row for row in found if row["metric"] == "cpu_utilization" and host in row["resource_id"]]
        for host in ("dup", "jitter")
    }

    assert set(network["dup"] + network["jitter"]) == {125}
    assert len(network["jitter"]) == len(network["dup"]) - 1
    assert len(network["reboot"]) == len(network["dup"]), "to begin anew is no fault"
    assert 100 <= min(network["reboot"]) <= max(network["reboot"]) == 125
    assert {round(row["value"]) for rows in cpu.values() for row in rows} == {30}
    assert len(cpu["jitter"]) == len(cpu["dup"]) - 1
