"""What an exporter, a load balancer and a database would say of a realistic server beside its five metrics, made from these.

Each is a formula of the hour's five values and noise of its own that has no memory. The generator's true quantiles do not know
them, and an incident strikes them as it strikes the five. How programs, the system and disks share the processor differs from
hour to hour; together they are what the processor does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from pipeline.sources._realistic_demand import CPU, DISK, MEM, METRICS, NET_IN, NET_OUT, Floats, Server, generator
from pipeline.tables.columns import CANONICAL_METRICS

#: Of all servers, of those that answer requests, and of those that are databases.
SYSTEM = (
    *("cpu_user", "cpu_system", "cpu_iowait", "cpu_steal", "load_1m", "load_5m", "load_15m", "load_per_cpu"),
    *("swap_utilization", "major_page_faults", "inode_utilization"),
    *("disk_read", "disk_write", "disk_reads", "disk_writes", "disk_busy", "ebs_read", "ebs_write"),
    *("network_errors", "tcp_connections"),
)
REQUESTS = ("request_count", "error_rate", "response_time", "throughput")
DATABASE = ("DatabaseConnections", "ReadThroughput", "WriteThroughput")
#: Counted over the period.
SUMS = ("major_page_faults", "disk_reads", "disk_writes", "network_errors", "request_count")
UNITS = {name: CANONICAL_METRICS[name][0] for name in (*SYSTEM, *REQUESTS, *DATABASE)}
_ANSWERING = ("web", "application")
_CPUS = {"large": 2, "xlarge": 4, "2xlarge": 8}
#: Shares of the processor's work: programs, system, waiting for disks, given to others by the host.
_SHARES, _SHARES_OF_DATABASE = (0.72, 0.18, 0.07, 0.03), (0.60, 0.17, 0.20, 0.03)
#: Operations an hour of so many KiB that one Mbps is, and of requests of so many kB.
_READS, _WRITES, _ASKED = (1e6 / 8 * 3600 / size for size in (16 * 1024, 8 * 1024, 50_000))


def add(servers: Sequence[Server], values: Floats, units: dict[str, str], seed: int) -> tuple[Floats, dict[str, str]]:
    """The values and units of all metrics, by name; NaN where nothing was reported or a server has no such metric.

    Args:
        servers: S of them.
        values: (T, S, 5), what was observed by the hour over their whole lives.
        units: of the five, in their order.
        seed: of the fleet.
    """
    five = values[..., [list(units).index(name) for name in METRICS]]
    more = np.full((*values.shape[:2], len(UNITS)), np.nan)
    for place, server in enumerate(servers):
        for name, said in _measure(server, five[:, place], seed).items():
            more[:, place, list(UNITS).index(name)] = said
    every = units | UNITS
    order = sorted(every)
    return np.concatenate([values, more], axis=2)[..., [list(every).index(name) for name in order]], {
        name: every[name] for name in order
    }


def _measure(server: Server, values: Floats, seed: int) -> dict[str, Floats]:
    draw = generator(seed, 7, server.number)
    noise = dict(zip(UNITS, draw.standard_normal((len(UNITS), len(values))), strict=True))

    def about(name: str, level: Floats, spread: float) -> Floats:
        varied: Floats = level * np.exp(spread * noise[name])
        return np.round(varied) if name in SUMS or name in ("tcp_connections", "DatabaseConnections") else np.round(varied, 6)

    busy = values[:, CPU] / 100
    said = _processor(server, values[:, CPU], about)
    swapped = np.clip(about("swap_utilization", 1 + 60 * np.clip(values[:, MEM] / 100 - 0.3, 0, 1) ** 2, 0.2), 0, 100)
    said |= {
        "swap_utilization": swapped,
        "major_page_faults": about("major_page_faults", 20 * np.exp(swapped / 20), 0.5),
        "inode_utilization": np.clip(about("inode_utilization", 0.4 * values[:, DISK], 0.05), 0, 100),
        "disk_read": about("disk_read", 0.3 * values[:, NET_OUT], 0.3),
        "disk_write": about("disk_write", 0.4 * values[:, NET_IN], 0.3),
        "network_errors": about("network_errors", 0.5 + 0.01 * values[:, NET_IN], 1.0),
        "tcp_connections": about("tcp_connections", 20 + 3 * values[:, NET_IN], 0.2),
    }
    moved = said["disk_read"] + said["disk_write"]
    said |= {
        "disk_reads": about("disk_reads", _READS * said["disk_read"], 0.1),
        "disk_writes": about("disk_writes", _WRITES * said["disk_write"], 0.1),
        "disk_busy": np.clip(about("disk_busy", 100 * (1 - np.exp(-moved / 200)), 0.1), 0, 100),
        "ebs_read": about("ebs_read", 0.6 * said["disk_read"], 0.1),
        "ebs_write": about("ebs_write", 0.6 * said["disk_write"], 0.1),
    }
    if server.kind.name in _ANSWERING:
        said |= {
            "request_count": about("request_count", _ASKED * values[:, NET_IN], 0.1),
            "error_rate": np.clip(about("error_rate", 0.05 + np.clip(busy - 0.85, 0, 1) ** 2 * 200, 0.5), 0, 100),
            "response_time": about("response_time", 40 * (1 + 2 * busy**2 / (1 - np.minimum(busy, 0.95))), 0.1),
            "throughput": about("throughput", 0.9 * values[:, NET_OUT], 0.05),
        }
    if server.kind.name == "database":
        said |= {
            "DatabaseConnections": about("DatabaseConnections", 20 + 200 * busy, 0.2),
            "ReadThroughput": about("ReadThroughput", 0.8 * said["disk_read"], 0.1),
            "WriteThroughput": about("WriteThroughput", 0.8 * said["disk_write"], 0.1),
        }
    return said


def _processor(server: Server, cpu: Floats, about: Callable[[str, Floats, float], Floats]) -> dict[str, Floats]:
    """What the processor's time goes to, which is all of it, and how many tasks run or wait."""
    names = ("cpu_user", "cpu_system", "cpu_iowait", "cpu_steal")
    shares = _SHARES_OF_DATABASE if server.kind.name == "database" else _SHARES
    weights = np.stack([about(name, np.full(len(cpu), share), 0.1) for name, share in zip(names, shares, strict=True)])
    parts = np.round(weights / weights.sum(axis=0) * cpu, 6)
    cpus = _CPUS[server.instance_type.partition(".")[2]]
    load = about("load_5m", 0.05 + cpus * cpu / 100, 0.1)
    return dict(zip(names, parts, strict=True)) | {
        "load_1m": about("load_1m", load, 0.15),
        "load_5m": load,
        "load_15m": about("load_15m", load, 0.05),
        "load_per_cpu": np.round(load / cpus, 6),
    }
