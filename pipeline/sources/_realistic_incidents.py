"""What happens to realistic servers beside their demand: labelled incidents, planned work, and hours that nobody reported."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.forecasting import calendars
from pipeline.sources._realistic_demand import (
    BACKUP_DAY,
    BACKUP_HOURS,
    CPU,
    DAYS_PER_MONTH,
    DISK,
    MEM,
    NET_IN,
    NET_OUT,
    Floats,
    Moments,
    Server,
    generator,
)

#: Labelled incidents: rate per server and month, and the shortest and longest duration in hours.
INCIDENTS = {
    "memory_leak": (0.04, 6, 48),
    "cpu_throttling": (0.04, 2, 12),
    "disk_exhaustion": (0.03, 12, 72),
    "network_saturation": (0.04, 1, 6),
    "deploy": (1.0, 1, 1),
}
ROOT_CAUSES = {
    "memory_leak": "software",
    "cpu_throttling": "capacity",
    "disk_exhaustion": "capacity",
    "network_saturation": "traffic",
    "deploy": "planned_change",
    "backup": "scheduled_work",
    "level_shift": "workload_change",
    "scale_out": "capacity_added",
}

MISSING_RUNS_PER_DAY = 1 / 45
MISSING_RUN_HOURS = 5


def draw_incidents(server: Server, when: Moments, seed: int) -> pd.DataFrame:
    """Every labelled event of one server, ordered by hour and kind."""
    draw = generator(seed, 4, server.number)
    hours = len(when)
    found: list[tuple[int, int, str, str, float]] = []
    for kind, (rate, shortest, longest) in INCIDENTS.items():
        count = draw.poisson(rate * hours / 24 / DAYS_PER_MONTH) if server.behaviour != "idle" else 0
        begin = np.sort(draw.integers(0, hours, count))
        length = draw.integers(shortest, longest + 1, count)
        strength = draw.uniform(0, 1, count)
        if kind == "deploy":
            # People deploy in working hours: moved to 14:00, and from the weekend to Monday.
            begin = begin // 24 * 24 + 14
            begin = begin + 24 * np.maximum(0, 7 - calendars.day_of_week(when[np.minimum(begin, hours - 1)])) * (
                calendars.weekend(when[np.minimum(begin, hours - 1)])
            )
        last_end = -1
        for first, duration, force in zip(begin.tolist(), length.tolist(), strength.tolist(), strict=True):
            end = min(first + duration, hours)
            if first >= end or first < last_end:
                continue
            severity = "info" if kind == "deploy" else "critical" if kind == "disk_exhaustion" or force > 0.6 else "warning"
            found.append((first, end, kind, severity, force))
            last_end = end
    found += [(day * 24, day * 24 + 1, kind, "info", 0.0) for day, kind, _ in server.shifts]
    if server.kind.name == "database" and server.behaviour != "idle":
        at_backup = (calendars.day_of_week(when) == BACKUP_DAY) & (calendars.hour_of_day(when) == BACKUP_HOURS[0])
        found += [(hour, hour + len(BACKUP_HOURS), "backup", "info", 0.0) for hour in np.flatnonzero(at_backup).tolist()]
    found.sort()
    frame = pd.DataFrame(found, columns=["hour", "end_hour", "kind", "severity", "strength"])
    return frame.astype({"hour": "int64", "end_hour": "int64", "strength": "float64"})


def strike(values: Floats, kind: str, strength: float) -> None:
    """Change the hours of one incident in place; `values` is (hours, 5), `strength` 0 to 1."""
    ramp = np.linspace(0, 1, len(values) + 1)[1:]
    if kind == "memory_leak":
        values[:, MEM] += ramp * (25 + 25 * strength)
    elif kind == "cpu_throttling":
        values[:, CPU] = np.maximum(values[:, CPU], 96 + 4 * strength)
        values[:, NET_OUT] *= 0.5
    elif kind == "disk_exhaustion":
        values[:, DISK] = np.maximum(values[:, DISK], values[:, DISK] + ramp * (97 + 2 * strength - values[:, DISK]))
    elif kind == "network_saturation":
        values[:, NET_IN] *= 4 + 4 * strength
        values[:, NET_OUT] *= 2 + 2 * strength
    elif kind == "deploy":
        values[:, CPU] *= 1.5
        values[:, MEM] *= 0.8


def unreported_hours(server: Server, hours: int, seed: int) -> npt.NDArray[np.int64]:
    """Hours that the agent did not report."""
    draw = generator(seed, 5, server.number)
    runs = draw.poisson(MISSING_RUNS_PER_DAY * hours / 24)
    begin = draw.integers(0, hours, runs)
    length = draw.geometric(1 / MISSING_RUN_HOURS, runs)
    gone = [np.arange(first, min(first + size, hours)) for first, size in zip(begin, length, strict=True)]
    return np.unique(np.concatenate(gone)) if gone else np.empty(0, dtype=np.int64)
