"""What the demand of a realistic server depends on: its level by the day, the schedule, noise and spikes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.forecasting import calendars
from pipeline.sources._archetypes import Archetype
from pipeline.sources._reference import holiday_factor, quarter_end_factor

Floats = npt.NDArray[np.float64]
Moments = npt.NDArray[np.datetime64]

#: Order of the metrics in every array here.
METRICS = ("cpu_utilization", "memory_utilization", "disk_utilization", "network_in", "network_out")
CPU, MEM, DISK, NET_IN, NET_OUT = range(5)

AR = 0.8
#: Noise of log demand as a multiple of the archetype's sd / base, by cpu, mem, disk, net.
LOG_NOISE = (0.5, 0.25, 0.05, 0.7)
#: Own noise of network_out beside that it shares with network_in, in log demand.
OUT_NOISE = 0.1
#: How strongly each metric follows the schedule, as an exponent of the shape.
FOLLOWS = (1.0, 0.3, 0.0, 1.0, 1.0)
#: Load of what is off or at night in an office-hours server, as a multiple of its level; and the metrics that go off.
OFF = 0.03
SWITCHED = (CPU, NET_IN, NET_OUT)
DAYS_PER_MONTH = 30.4375
BACKUP_DAY, BACKUP_HOURS, BACKUP_FACTOR = 6, (2, 3), 3.0


@dataclass(frozen=True)
class Server:
    """Everything about one server that does not depend on time.

    Attributes:
        level: of the five metrics on the first day, before the schedule.
        growth: per month, as a ratio, of the five metrics.
        shifts: day offset and the factor on each metric's level from then on.
        bottleneck: index of the metric that outgrows the server, of a growing server.
        reaches_capacity_on: day offset on which the bottleneck's busiest hour of the week has its 90 % quantile at 85 %.
    """

    number: int
    name: str
    kind: Archetype
    behaviour: str
    instance_type: str
    tags_json: str
    level: tuple[float, ...]
    growth: tuple[float, ...]
    shifts: tuple[tuple[int, str, tuple[float, ...]], ...]
    bottleneck: int | None = None
    reaches_capacity_on: int | None = None


def generator(seed: int, *key: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, 3, *key])))


def week_shape(kind: Archetype, behaviour: str) -> Floats:
    """Factor on load for each hour of the week, Monday 0:00 first; shape (7, 24)."""
    busy = np.zeros(24)
    busy[9:18] = 1.0
    busy[[7, 8, 18, 19, 20]] = [0.3, 0.7, 0.7, 0.35, 0.15]
    day = 1 + (kind.business_hours - 1) * busy
    if kind.name == "batch":
        day[1:5] *= 1.8
    week = np.tile(day, (7, 1))
    # Business hours are half as visible at the weekend, and the whole day is quieter (or, for batch, busier).
    week[5:] = (1 + (day - 1) * 0.5) * kind.weekend
    if behaviour == "office_hours":
        week = np.full((7, 24), OFF)
        week[:5, 7:20] = day[7:20]
    if behaviour == "idle":
        week = np.ones((7, 24))
    return week


def on_probability(behaviour: str) -> Floats:
    """Chance that the load is on, for each hour of the week; shape (7, 24)."""
    on = np.ones((7, 24))
    if behaviour == "intermittent":
        on[:] = 0.05
        on[:5, 8:18] = 0.25
    return on


def schedule_factor(kind: Archetype, behaviour: str, when: Moments) -> Floats:
    """Factor of the schedule per moment and metric, (T, 5)."""
    hour, weekday = calendars.hour_of_day(when), calendars.day_of_week(when)
    week = week_shape(kind, behaviour)[weekday, hour]
    if behaviour != "idle":
        week = week * quarter_end_factor(when) * holiday_factor(when)
    shape: Floats = week[:, None] ** np.array(FOLLOWS)
    if kind.name == "database" and behaviour != "idle":
        backup = (weekday == BACKUP_DAY) & np.isin(hour, BACKUP_HOURS)
        shape[backup, NET_OUT] *= BACKUP_FACTOR
    return shape


def level_by_day(server: Server, days: npt.NDArray[np.int64]) -> Floats:
    """Level per day offset and metric, (T, 5)."""
    months = days[:, None] / DAYS_PER_MONTH
    level: Floats = np.array(server.level) * (1 + np.array(server.growth)) ** months
    for day, _, factor in server.shifts:
        level[days >= day] *= np.array(factor)
    return level


def noise_sd(kind: Archetype, behaviour: str) -> Floats:
    """σ of log demand by metric, (5,)."""
    if behaviour == "idle":
        # Background load hardly varies; the archetype's noise belongs to real work.
        return np.full(5, 0.1)
    cpu, mem, disk, net = (scale * sd / base for scale, sd, base in zip(LOG_NOISE, kind.sd, kind.base, strict=True))
    return np.array([cpu, mem, disk, net, np.hypot(net, OUT_NOISE)])


def spike_odds(kind: Archetype, behaviour: str) -> tuple[float, Floats]:
    """Probability of a spike in an hour, and its factor by metric, (5,)."""
    if behaviour == "idle":
        return 0.0, np.ones(5)
    network = max(1.0, 0.8 * kind.spike_factor)
    return kind.spike_probability, np.array([kind.spike_factor, 1.0, 1.0, network, network])
