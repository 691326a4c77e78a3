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
from datetime import date
from typing import NamedTuple

import numpy as np
import pandas as pd

from pipeline.forecasting import calendars
from pipeline.sources import _archetypes
from pipeline.sources._archetypes import ARCHETYPES, Archetype
from pipeline.sources._realistic_demand import (
    AR,
    CPU,
    DAYS_PER_MONTH,
    DISK,
    MEM,
    NET_IN,
    NET_OUT,
    OFF,
    SWITCHED,
    Floats,
    Moments,
    Server,
    generator,
    level_by_day,
    noise_sd,
    on_probability,
    schedule_factor,
    spike_odds,
)
from pipeline.sources._realistic_incidents import draw_incidents, strike, unreported_hours
from pipeline.sources._realistic_truth import weekly_peak
from pipeline.sources._reference import APPS_PER_ARCHETYPE, BUSINESS_UNITS

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

#: Typical utilisation as a multiple of the archetype's documented base, which describes a fleet run hot.
SCALE = (0.6, 0.8, 1.0, 0.6, 0.6)
CAPACITY_REACHED = 85.0
SHIFTS_PER_YEAR = 0.4


class _Place(NamedTuple):
    """What the draw over the whole fleet gives one server."""

    number: int
    name: str
    kind: Archetype
    behaviour: str
    environment: str
    criticality: str


def fleet(servers: int, days: int, seed: int) -> list[Server]:
    """The servers, in order of their number, of a fleet that lives `days` days."""
    draw = generator(seed, 0)
    kinds = _archetypes.assigned(servers)
    behaviours = draw.permutation(_behaviours(servers))
    environments = draw.choice(["production", "staging", "development"], size=servers, p=[0.7, 0.15, 0.15])
    criticality = draw.choice(list(CRITICALITY), size=servers, p=list(CRITICALITY.values()))
    names = _archetypes.server_names(servers)
    result = []
    for number in range(servers):
        behaviour = str(behaviours[number])
        environment = "development" if behaviour == "office_hours" else str(environments[number])
        place = _Place(number, names[number], ARCHETYPES[kinds[number]], behaviour, environment, str(criticality[number]))
        result.append(_server(place, days, seed))
    return result


def _behaviours(servers: int) -> list[str]:
    given = [name for name, share in BEHAVIOURS.items() for _ in range(round(servers * share))]
    return given[:servers] + ["steady"] * (servers - len(given))


def _server(place: _Place, days: int, seed: int) -> Server:
    number, name, kind, behaviour, environment, criticality = place
    draw = generator(seed, 1, number)
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
        peak = weekly_peak(kind, behaviour, bottleneck)
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


def simulate(server: Server, start: date, days: int, seed: int) -> tuple[Floats, pd.DataFrame]:
    """One server's whole life.

    Returns:
        Observed values (days · 24, 5), NaN in missing runs; and its incidents: `hour`, `end_hour` (offsets), `kind`, `severity`.
    """
    when = np.datetime64(start, "h") + np.arange(days * 24)
    offset = np.arange(days * 24) // 24
    values = (
        level_by_day(server, offset) * schedule_factor(server.kind, server.behaviour, when) * _fluctuation(server, when, seed)
    )
    incidents = draw_incidents(server, when, seed)
    for hour, end, kind, strength in incidents[["hour", "end_hour", "kind", "strength"]].itertuples(index=False):
        strike(values[hour:end], kind, strength)
    values[:, :3] = np.clip(values[:, :3], 0, 100)
    values[:, :3] = np.round(values[:, :3], 2)
    # An idle server moves 0.0001 Mbps; percentages are never reported that finely.
    values[:, 3:] = np.round(values[:, 3:], 6)
    values[unreported_hours(server, len(when), seed)] = np.nan
    return values, incidents.drop(columns="strength")


def _fluctuation(server: Server, when: Moments, seed: int) -> Floats:
    """exp(σ·e)·spike·switch per moment and metric, (T, 5)."""
    from scipy.signal import lfilter

    draw = generator(seed, 2, server.number)
    hours = len(when)
    innovation = _archetypes.correlated(draw.standard_normal((hours, 4)), server.kind.correlation())
    innovation[1:] *= np.sqrt(1 - AR**2)
    shared = lfilter([1.0], [1.0, -AR], innovation, axis=0)
    own = draw.standard_normal(hours)
    sigma = noise_sd(server.kind, server.behaviour)
    log = np.empty((hours, 5))
    log[:, :4] = shared * sigma[:4]
    net = sigma[NET_IN]
    log[:, NET_OUT] = shared[:, 3] * net + own * np.sqrt(max(sigma[NET_OUT] ** 2 - net**2, 0.0))
    result: Floats = np.exp(log)
    probability, factor = spike_odds(server.kind, server.behaviour)
    result[draw.random(hours) < probability] *= factor
    on = on_probability(server.behaviour)[calendars.day_of_week(when), calendars.hour_of_day(when)]
    off = draw.random(hours) >= on
    for metric in SWITCHED:
        result[off, metric] *= OFF
    return result
