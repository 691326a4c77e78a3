"""The realistic fleet: hourly demand with a schedule, memory in its noise, growth, shifts, incidents, and known quantiles.

Demand of one metric of one server in hour t, in percent or Mbps:

    y(t) = level(day) · shape(t) · exp(σ · e(t)) · spike(t)        clipped to 0 … 100 where it is a percentage

`level` is the server's own size of load, growing by a percentage per month that compounds, with level shifts; it changes
at midnight. `shape` is the schedule: hour of the week, quarter end, holidays. `e` is a stationary AR(1) with unit variance,
correlated between metrics as the archetype says. `spike` multiplies with a small probability, independently per hour. The
load of an intermittent server is switched on and off per hour with probabilities that follow the schedule. The business
day of the fleet is UTC.

**Truth.** The true quantiles are those of y(t) given the server's parameters and the schedule, marginal over noise, spikes
and switching, without incidents and missing runs: what a forecaster that knew the generator would publish for a lead time
at which the noise is forgotten (0.8 per hour: under 1 % after a day). Level shifts are part of the level, so the truth
knows them; no forecaster can. Weekly backups are labelled, but recur by schedule and so belong to the shape.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.forecasting import calendars
from pipeline.sources import _archetypes
from pipeline.sources._archetypes import ARCHETYPES, Archetype
from pipeline.sources._reference import APPS_PER_ARCHETYPE, BUSINESS_UNITS, holiday_factor, quarter_end_factor

Floats = npt.NDArray[np.float64]
Moments = npt.NDArray[np.datetime64]

#: Order of the metrics in every array here.
METRICS = ("cpu_utilization", "memory_utilization", "disk_utilization", "network_in", "network_out")
CPU, MEM, DISK, NET_IN, NET_OUT = range(5)

#: How a server departs from its archetype, and the share of such servers; the rest is steady.
BEHAVIOURS = {"growing": 0.15, "oversized": 0.20, "idle": 0.05, "intermittent": 0.05, "office_hours": 0.10}

#: Documented shares: High, Medium, Low.
CRITICALITY = {"High": 0.2, "Medium": 0.5, "Low": 0.3}

#: Types that fit the archetype, from an older and a newer generation, so that moving to the newer one is worth finding.
INSTANCE_TYPES = {
    "web": ("m5.large", "c5.large", "m6i.large", "m5.xlarge"),
    "application": ("m5.xlarge", "m5.2xlarge", "m6i.xlarge", "c5.2xlarge"),
    "database": ("r5.xlarge", "r5.2xlarge", "r6i.xlarge"),
    "batch": ("c5.2xlarge", "c5.xlarge", "c6i.2xlarge"),
}

AR = 0.8
#: Noise of log demand as a multiple of the archetype's sd / base, by cpu, mem, disk, net.
LOG_NOISE = (0.5, 0.25, 0.05, 0.7)
#: Own noise of network_out beside that it shares with network_in, in log demand.
OUT_NOISE = 0.1
#: How strongly each metric follows the schedule, as an exponent of the shape.
FOLLOWS = (1.0, 0.3, 0.0, 1.0, 1.0)
#: Typical utilisation as a multiple of the archetype's documented base, which describes a fleet run hot.
SCALE = (0.6, 0.8, 1.0, 0.6, 0.6)
#: Load of what is off or at night in an office-hours server, as a multiple of its level; and the metrics that go off.
OFF = 0.03
SWITCHED = (CPU, NET_IN, NET_OUT)
CAPACITY_REACHED = 85.0
DAYS_PER_MONTH = 30.4375

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
BACKUP_DAY, BACKUP_HOURS, BACKUP_FACTOR = 6, (2, 3), 3.0

SHIFTS_PER_YEAR = 0.4
MISSING_RUNS_PER_DAY = 1 / 45
MISSING_RUN_HOURS = 5


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


def fleet(servers: int, days: int, seed: int) -> list[Server]:
    """The servers, in order of their number, of a fleet that lives `days` days."""
    draw = _draw(seed, 0)
    kinds = _archetypes.assigned(servers)
    behaviours = draw.permutation(_behaviours(servers))
    environments = draw.choice(["production", "staging", "development"], size=servers, p=[0.7, 0.15, 0.15])
    criticality = draw.choice(list(CRITICALITY), size=servers, p=list(CRITICALITY.values()))
    names = _archetypes.server_names(servers)
    result = []
    for number in range(servers):
        behaviour = str(behaviours[number])
        environment = "development" if behaviour == "office_hours" else str(environments[number])
        result.append(
            _server(
                number, names[number], ARCHETYPES[kinds[number]], behaviour, environment, str(criticality[number]), days, seed
            )
        )
    return result


def _behaviours(servers: int) -> list[str]:
    given = [name for name, share in BEHAVIOURS.items() for _ in range(round(servers * share))]
    return given[:servers] + ["steady"] * (servers - len(given))


def _draw(seed: int, *key: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, 3, *key])))


def _server(
    number: int, name: str, kind: Archetype, behaviour: str, environment: str, criticality: str, days: int, seed: int
) -> Server:
    draw = _draw(seed, 1, number)
    types = INSTANCE_TYPES[kind.name]
    instance_type = types[int(draw.integers(len(types)))]
    app = f"{kind.name}-app-{draw.integers(1, APPS_PER_ARCHETYPE + 1)}"
    unit = BUSINESS_UNITS[int(draw.integers(len(BUSINESS_UNITS)))]
    tags = {
        "app_name": app,
        "business_unit": unit,
        "criticality": criticality,
        "environment": environment,
        "server_type": kind.name,
    }
    base = np.array([*kind.base[:3], kind.base[3], kind.base[3] * draw.uniform(0.4, 0.8)])
    level = base * np.array(SCALE) * np.exp(draw.normal(0, [0.2, 0.15, 0.2, 0.3, 0.3]))
    level[[MEM, DISK]] = np.minimum(level[[MEM, DISK]], 75)
    growth = np.full(5, kind.growth_pct / 100) * np.array([1, 0.5, 1, 1, 1])
    shifts: list[tuple[int, str, tuple[float, ...]]] = []
    bottleneck = reaches = None
    if behaviour == "oversized":
        level *= [0.3, 0.45, 0.6, 0.5, 0.5]
    elif behaviour == "idle":
        # Peak CPU under 5 % and under 5 MB of traffic a day: 0.0004 Mbps on average is 4.3 MB.
        level = np.array([draw.uniform(0.8, 1.6), level[MEM] * 0.4, level[DISK], 0.00012, 0.00008])
        growth[:] = 0
    elif behaviour == "growing":
        bottleneck = int(draw.choice([CPU, MEM, DISK], p=[0.5, 0.2, 0.3]))
        growth[bottleneck] = draw.uniform(0.03, 0.07)
        reaches = int(draw.integers(min(60, days // 3), max(days, 2)))
        peak = _weekly_peak(kind, behaviour, bottleneck)
        level[bottleneck] = CAPACITY_REACHED / (peak * (1 + growth[bottleneck]) ** (reaches / DAYS_PER_MONTH))
        relief = np.ones(5)
        relief[bottleneck] = 0.5
        shifts.append((reaches + 60, "scale_out", tuple(relief)))
    else:
        for day in sorted(draw.integers(14, max(days, 15), draw.poisson(SHIFTS_PER_YEAR * days / 365)).tolist()):
            factor = float(np.clip(np.exp(draw.normal(0, 0.25)), 0.6, 1.6))
            shifts.append((day, "level_shift", (factor, factor**0.5, 1.0, factor, factor)))
    return Server(
        number=number,
        name=name,
        kind=kind,
        behaviour=behaviour,
        instance_type=instance_type,
        tags_json=json.dumps(tags, sort_keys=True),
        level=tuple(level.tolist()),
        growth=tuple(growth.tolist()),
        shifts=tuple(shift for shift in shifts if shift[0] < days),
        bottleneck=bottleneck,
        reaches_capacity_on=reaches,
    )


# ---------------------------------------------------------------- the schedule


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


def _shape(kind: Archetype, behaviour: str, when: Moments) -> Floats:
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


def _levels(server: Server, days: npt.NDArray[np.int64]) -> Floats:
    """Level per day offset and metric, (T, 5)."""
    months = days[:, None] / DAYS_PER_MONTH
    level: Floats = np.array(server.level) * (1 + np.array(server.growth)) ** months
    for day, _, factor in server.shifts:
        level[days >= day] *= np.array(factor)
    return level


def _sigma(kind: Archetype, behaviour: str) -> Floats:
    """σ of log demand by metric, (5,)."""
    if behaviour == "idle":
        # Background load hardly varies; the archetype's noise belongs to real work.
        return np.full(5, 0.1)
    cpu, mem, disk, net = (scale * sd / base for scale, sd, base in zip(LOG_NOISE, kind.sd, kind.base, strict=True))
    return np.array([cpu, mem, disk, net, np.hypot(net, OUT_NOISE)])


def _spikes(kind: Archetype, behaviour: str) -> tuple[float, Floats]:
    """Probability of a spike in an hour, and its factor by metric, (5,)."""
    if behaviour == "idle":
        return 0.0, np.ones(5)
    network = max(1.0, 0.8 * kind.spike_factor)
    return kind.spike_probability, np.array([kind.spike_factor, 1.0, 1.0, network, network])


# ---------------------------------------------------------------- what is observed


def simulate(server: Server, start: date, days: int, seed: int) -> tuple[Floats, pd.DataFrame]:
    """One server's whole life.

    Returns:
        Observed values (days · 24, 5), NaN in missing runs; and its incidents: `hour`, `end_hour` (offsets), `kind`, `severity`.
    """
    when = np.datetime64(start, "h") + np.arange(days * 24)
    offset = np.arange(days * 24) // 24
    values = _levels(server, offset) * _shape(server.kind, server.behaviour, when) * _fluctuation(server, when, seed)
    incidents = _incidents(server, when, seed)
    for hour, end, kind, strength in incidents[["hour", "end_hour", "kind", "strength"]].itertuples(index=False):
        _strike(values[hour:end], kind, strength)
    values[:, :3] = np.clip(values[:, :3], 0, 100)
    values[:, :3] = np.round(values[:, :3], 2)
    # An idle server moves 0.0001 Mbps; percentages are never reported that finely.
    values[:, 3:] = np.round(values[:, 3:], 6)
    values[_missing(server, len(when), seed)] = np.nan
    return values, incidents.drop(columns="strength")


def _fluctuation(server: Server, when: Moments, seed: int) -> Floats:
    """exp(σ·e)·spike·switch per moment and metric, (T, 5)."""
    from scipy.signal import lfilter

    draw = _draw(seed, 2, server.number)
    hours = len(when)
    innovation = _archetypes.correlated(draw.standard_normal((hours, 4)), server.kind.correlation())
    innovation[1:] *= np.sqrt(1 - AR**2)
    shared = lfilter([1.0], [1.0, -AR], innovation, axis=0)
    own = draw.standard_normal(hours)
    sigma = _sigma(server.kind, server.behaviour)
    log = np.empty((hours, 5))
    log[:, :4] = shared * sigma[:4]
    net = sigma[NET_IN]
    log[:, NET_OUT] = shared[:, 3] * net + own * np.sqrt(max(sigma[NET_OUT] ** 2 - net**2, 0.0))
    result: Floats = np.exp(log)
    probability, factor = _spikes(server.kind, server.behaviour)
    result[draw.random(hours) < probability] *= factor
    on = on_probability(server.behaviour)[calendars.day_of_week(when), calendars.hour_of_day(when)]
    off = draw.random(hours) >= on
    for metric in SWITCHED:
        result[off, metric] *= OFF
    return result


def _incidents(server: Server, when: Moments, seed: int) -> pd.DataFrame:
    """Every labelled event of one server, ordered by hour and kind."""
    draw = _draw(seed, 4, server.number)
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


def _strike(values: Floats, kind: str, strength: float) -> None:
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


def _missing(server: Server, hours: int, seed: int) -> npt.NDArray[np.int64]:
    """Hours that the agent did not report."""
    draw = _draw(seed, 5, server.number)
    runs = draw.poisson(MISSING_RUNS_PER_DAY * hours / 24)
    begin = draw.integers(0, hours, runs)
    length = draw.geometric(1 / MISSING_RUN_HOURS, runs)
    gone = [np.arange(first, min(first + size, hours)) for first, size in zip(begin, length, strict=True)]
    return np.unique(np.concatenate(gone)) if gone else np.empty(0, dtype=np.int64)


# ---------------------------------------------------------------- what is true


def hourly_truth(server: Server, start: date, when: Moments, quantiles: Sequence[float]) -> Floats:
    """True quantiles of each hour's demand, (T, 5, Q); see the module's text for what they are conditional on."""
    offset = ((when - np.datetime64(start, "us")) // np.timedelta64(1, "D")).astype(np.int64)
    median = _levels(server, offset) * _shape(server.kind, server.behaviour, when)
    on = on_probability(server.behaviour)[calendars.day_of_week(when), calendars.hour_of_day(when)]
    factors = np.empty((len(when), 5, len(quantiles)))
    for chance in np.unique(on):
        factors[on == chance] = _factors(server.kind, server.behaviour, float(chance), tuple(quantiles))
    truth = median[..., None] * factors
    truth[:, :3] = np.clip(truth[:, :3], 0, 100)
    return truth


@lru_cache(maxsize=256)
def _factors(kind: Archetype, behaviour: str, on: float, quantiles: tuple[float, ...]) -> Floats:
    """Quantiles of exp(σ·e)·spike·switch, (5, Q): a mixture of log-normals, inverted by bisection."""
    from scipy.special import ndtr

    probability, spike = _spikes(kind, behaviour)
    result = np.empty((5, len(quantiles)))
    levels = np.asarray(quantiles, dtype=np.float64)
    for metric, sigma in enumerate(_sigma(kind, behaviour)):
        switched = on if metric in SWITCHED else 1.0
        parts = [
            (weight * chance, np.log(factor * state))
            for state, weight in ((1.0, switched), (OFF, 1 - switched))
            for factor, chance in ((1.0, 1 - probability), (spike[metric], probability))
            if weight * chance > 0
        ]
        low = np.full(len(levels), min(place for _, place in parts) - 9 * sigma)
        high = np.full(len(levels), max(place for _, place in parts) + 9 * sigma)
        for _ in range(60):
            middle = (low + high) / 2
            below = sum(weight * ndtr((middle - place) / sigma) for weight, place in parts) < levels
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        result[metric] = np.exp((low + high) / 2)
    return result


def _weekly_peak(kind: Archetype, behaviour: str, metric: int) -> float:
    """The 90 % quantile of the busiest hour of an ordinary week, as a multiple of the level."""
    busiest = float(week_shape(kind, behaviour).max() ** FOLLOWS[metric])
    return busiest * float(_factors(kind, behaviour, 1.0, (0.9,))[metric, 0])


TRUTH_PATHS = 4000


def daily_truth(server: Server, start: date, when: Moments, quantiles: Sequence[float], seed: int) -> Floats:
    """True quantiles of each day's P95, the 23rd of its 24 hours by nearest rank, (D, 5, Q).

    Within a day the level is constant, so the P95 of a day is its level times that of a day with level 1, of which
    `TRUTH_PATHS` are simulated per day of the week.
    """
    offset = ((when - np.datetime64(start, "us")) // np.timedelta64(1, "D")).astype(np.int64)
    level = _levels(server, offset)
    weekday = calendars.day_of_week(when)
    # Quarter end and holidays are the same all day, so they scale the day as the level does.
    calendar = np.ones(len(when))
    if server.behaviour != "idle":
        calendar = quarter_end_factor(when) * holiday_factor(when)
    result = np.empty((len(when), 5, len(quantiles)))
    for day in np.unique(weekday):
        result[weekday == day] = _daily_factors(server.kind, server.behaviour, int(day), tuple(quantiles), seed)
    result *= (level * calendar[:, None] ** np.array(FOLLOWS))[..., None]
    result[:, :3] = np.clip(result[:, :3], 0, 100)
    return result


@lru_cache(maxsize=256)
def _daily_factors(kind: Archetype, behaviour: str, weekday: int, quantiles: tuple[float, ...], seed: int) -> Floats:
    """Quantiles of the P95 of a day with level 1 on an ordinary week's `weekday`, (5, Q)."""
    # Monday 2024-01-08 begins a week without quarter end and holiday.
    hours = np.datetime64("2024-01-08T00", "h") + 24 * weekday + np.arange(24)
    draw = _draw(seed, 6, weekday)
    noise = draw.standard_normal((TRUTH_PATHS, 24, 5))
    noise[:, 1:] *= np.sqrt(1 - AR**2)
    for hour in range(1, 24):
        noise[:, hour] += AR * noise[:, hour - 1]
    sigma = _sigma(kind, behaviour)
    log = noise * sigma
    net = sigma[NET_IN]
    own = draw.standard_normal((TRUTH_PATHS, 24)) * np.sqrt(max(sigma[NET_OUT] ** 2 - net**2, 0.0))
    log[..., NET_OUT] = noise[..., NET_OUT] * net + own
    demand = np.exp(log) * _shape(kind, behaviour, hours)
    probability, factor = _spikes(kind, behaviour)
    spiked = draw.random((TRUTH_PATHS, 24)) < probability
    off = draw.random((TRUTH_PATHS, 24)) >= on_probability(behaviour)[weekday]
    for metric in range(5):
        demand[spiked, metric] *= factor[metric]
        if metric in SWITCHED:
            demand[off, metric] *= OFF
    quantile: Floats = np.quantile(np.quantile(demand, 0.95, axis=1, method="inverted_cdf"), quantiles, axis=0).T
    return quantile
