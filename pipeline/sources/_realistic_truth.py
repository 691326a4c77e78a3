"""The true quantiles of the demand of realistic servers: what a forecaster that knew the generator would publish."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import lru_cache

import numpy as np

from pipeline.forecasting import calendars
from pipeline.sources._archetypes import Archetype
from pipeline.sources._realistic_demand import (
    AR,
    FOLLOWS,
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
    week_shape,
)
from pipeline.sources._reference import holiday_factor, quarter_end_factor

TRUTH_PATHS = 4000


def hourly_truth(server: Server, start: date, when: Moments, quantiles: Sequence[float]) -> Floats:
    """True quantiles of each hour's demand, (T, 5, Q); see the module's text for what they are conditional on."""
    offset = ((when - np.datetime64(start, "us")) // np.timedelta64(1, "D")).astype(np.int64)
    median = level_by_day(server, offset) * schedule_factor(server.kind, server.behaviour, when)
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

    probability, spike = spike_odds(kind, behaviour)
    result = np.empty((5, len(quantiles)))
    levels = np.asarray(quantiles, dtype=np.float64)
    for metric, sigma in enumerate(noise_sd(kind, behaviour)):
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


def weekly_peak(kind: Archetype, behaviour: str, metric: int) -> float:
    """The 90 % quantile of the busiest hour of an ordinary week, as a multiple of the level."""
    busiest = float(week_shape(kind, behaviour).max() ** FOLLOWS[metric])
    return busiest * float(_factors(kind, behaviour, 1.0, (0.9,))[metric, 0])


def daily_truth(server: Server, start: date, when: Moments, quantiles: Sequence[float], seed: int) -> Floats:
    """True quantiles of each day's P95, the 23rd of its 24 hours by nearest rank, (D, 5, Q).

    Within a day the level is constant, so the P95 of a day is its level times that of a day with level 1, of which
    `TRUTH_PATHS` are simulated per day of the week.
    """
    offset = ((when - np.datetime64(start, "us")) // np.timedelta64(1, "D")).astype(np.int64)
    level = level_by_day(server, offset)
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
    draw = generator(seed, 6, weekday)
    noise = draw.standard_normal((TRUTH_PATHS, 24, 5))
    noise[:, 1:] *= np.sqrt(1 - AR**2)
    for hour in range(1, 24):
        noise[:, hour] += AR * noise[:, hour - 1]
    sigma = noise_sd(kind, behaviour)
    log = noise * sigma
    net = sigma[NET_IN]
    own = draw.standard_normal((TRUTH_PATHS, 24)) * np.sqrt(max(sigma[NET_OUT] ** 2 - net**2, 0.0))
    log[..., NET_OUT] = noise[..., NET_OUT] * net + own
    demand = np.exp(log) * schedule_factor(kind, behaviour, hours)
    probability, factor = spike_odds(kind, behaviour)
    spiked = draw.random((TRUTH_PATHS, 24)) < probability
    off = draw.random((TRUTH_PATHS, 24)) >= on_probability(behaviour)[weekday]
    for metric in range(5):
        demand[spiked, metric] *= factor[metric]
        if metric in SWITCHED:
            demand[off, metric] *= OFF
    quantile: Floats = np.quantile(np.quantile(demand, 0.95, axis=1, method="inverted_cdf"), quantiles, axis=0).T
    return quantile
