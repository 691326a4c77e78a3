"""The 23 system metrics of Prometheus' node_exporter: one query each, per host, over one period.

`$step` is the length of a period and `$by` the labels that tell hosts apart. Rates are clamped where extrapolation could
take a share beyond its bounds. Bonded, bridged and virtual devices are left out, because they count the same bytes twice.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Query(BaseModel):
    """One metric and how to ask for it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    promql: str = Field(
        min_length=1, max_length=4000, description="PromQL that gives one series per resource; $step and $by are filled in."
    )
    unit: str = Field(
        pattern=r"^[A-Za-z/]{1,32}$", description="Unit of the values: percent, ratio, mbps, bytes/second, count, usd."
    )
    statistic: str = Field(
        default="Average",
        pattern=r"^(Average|Maximum|Minimum|Sum|SampleCount|p\d{1,2}(\.\d{1,2})?)$",
        description="What a value is of its period.",
    )


_DISKS = 'device!~"(loop|ram|zram|dm-|md|sr|fd).*"'
_NETWORKS = 'device!~"(lo|veth.*|docker.*|br-.*|virbr.*|cni.*|flannel.*|cali.*|tun.*|tap.*|bond.*|team.*|dummy.*)"'
_BUSY = f"node_disk_io_time_seconds_total{{{_DISKS}}}"
_ROOT = 'mountpoint="/",fstype!="rootfs"'


# A CPU's modes add up to 1. A counter that steps back a little, as idle and iowait do, looks like one that began anew, whose
# whole value came within the period: such a rate is no sample. Two jobs that
# scrape one host say the same twice: one of them counts.
_PLAUSIBLE = "max by ($by) (sum by ($by, cpu) (max by ($by, cpu, mode) (rate(node_cpu_seconds_total[$step])))) <= 1.1"

# A host's CPUs are those of which it counted idle time in the period.
_PER_CPU = (
    "max by ($by) (avg_over_time(node_load5[$step]))"
    ' / count by ($by) (count by ($by, cpu) (count_over_time(node_cpu_seconds_total{mode="idle"}[$step])))'
)


def _cpu(mode: str, share: str = "{}") -> Query:
    mean = f'avg by ($by) (rate(node_cpu_seconds_total{{mode="{mode}"}}[$step]))'
    return Query(promql=f"100 * clamp(({share.format(mean)}) and {_PLAUSIBLE}, 0, 1)", unit="percent")


def _level(name: str) -> Query:
    return Query(promql=f"max by ($by) (avg_over_time({name}[$step]))", unit="count")


def _used(free: str, size: str, labels: str = "") -> Query:
    """The share that is not free; no value where there is nothing to fill, such as no swap."""
    pick = f"{{{labels}}}" if labels else ""
    return Query(
        promql=f"100 * clamp(1 - max by ($by) (avg_over_time({free}{pick}[$step]))"
        f" / (max by ($by) (avg_over_time({size}{pick}[$step])) > 0), 0, 1)",
        unit="percent",
    )


def _sound(value: str, *counters: str) -> str:
    """A host's value, but none where one of its counters stepped back without beginning anew: its whole value would count."""
    back = " or ".join(
        f"max by ($by) (resets({name}[$step]) > 0 and min_over_time({name}[$step]) > 0.5 * max_over_time({name}[$step]))"
        for name in counters
    )
    return f"({value}) unless ({back})"


def _flow(name: str, labels: str) -> Query:
    counter = f"{name}{{{labels}}}"
    return Query(promql=_sound(f"sum by ($by) (max by ($by, device) (rate({counter}[$step])))", counter), unit="bytes/second")


def _events(*names: str) -> Query:
    return Query(
        promql=_sound(" + ".join(f"sum by ($by) (max by ($by, device) (increase({name}[$step])))" for name in names), *names),
        unit="count",
        statistic="Sum",
    )


QUERIES: dict[str, Query] = {
    "cpu_utilization": _cpu("idle", "1 - {}"),
    "cpu_user": _cpu("user"),
    "cpu_system": _cpu("system"),
    "cpu_iowait": _cpu("iowait"),
    "cpu_steal": _cpu("steal"),
    "load_1m": _level("node_load1"),
    "load_5m": _level("node_load5"),
    "load_15m": _level("node_load15"),
    "load_per_cpu": Query(promql=_PER_CPU, unit="count"),
    "memory_utilization": _used("node_memory_MemAvailable_bytes", "node_memory_MemTotal_bytes"),
    "swap_utilization": _used("node_memory_SwapFree_bytes", "node_memory_SwapTotal_bytes"),
    "major_page_faults": _events("node_vmstat_pgmajfault"),
    "disk_utilization": _used("node_filesystem_avail_bytes", "node_filesystem_size_bytes", _ROOT),
    "inode_utilization": _used("node_filesystem_files_free", "node_filesystem_files", _ROOT),
    "disk_read": _flow("node_disk_read_bytes_total", _DISKS),
    "disk_write": _flow("node_disk_written_bytes_total", _DISKS),
    "disk_reads": _events(f"node_disk_reads_completed_total{{{_DISKS}}}"),
    "disk_writes": _events(f"node_disk_writes_completed_total{{{_DISKS}}}"),
    "disk_busy": Query(
        promql=_sound(f"100 * clamp(max by ($by) (rate({_BUSY}[$step])), 0, 1)", _BUSY),
        unit="percent",
    ),
    "network_in": _flow("node_network_receive_bytes_total", _NETWORKS),
    "network_out": _flow("node_network_transmit_bytes_total", _NETWORKS),
    "network_errors": _events(
        f"node_network_receive_errs_total{{{_NETWORKS}}}", f"node_network_transmit_errs_total{{{_NETWORKS}}}"
    ),
    "tcp_connections": _level("node_netstat_Tcp_CurrEstab"),
}
