"""How much of everything a synthetic estate uses, day by day: what is expected, what happened, and what went wrong.

What goes wrong is labelled: an *event* multiplies one stream for some days, or is a stream of its own that nobody needs. Planned
events look alike and are no anomaly.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.forecasting import calendars
from pipeline.sources._bill_estate import (
    ACCOUNTS,
    AR,
    BUCKET_REQUESTS,
    FUNCTION,
    LOGS,
    NAT_BYTES,
    SHARED_NOISE,
    SNAPSHOT,
    TRANSFER,
    Application,
    Kind,
    Stream,
    instance,
)
from pipeline.sources._realistic_demand import DAYS_PER_MONTH, Floats, generator
from pipeline.sources._reference import holiday_factor

#: What goes wrong: the usage it befalls, its factor (from, to) and how many days it lasts (from, to).
EVENTS: dict[str, tuple[Kind, tuple[float, float], tuple[int, int]]] = {
    "runaway_function": (FUNCTION, (2, 6), (3, 14)),
    "transfer_spike": (TRANSFER, (2, 6), (2, 10)),
    "gateway_loop": (NAT_BYTES, (2, 8), (3, 14)),
    "log_flood": (LOGS, (2, 8), (3, 14)),
    "request_storm": (BUCKET_REQUESTS, (2, 8), (2, 8)),
    "snapshots_kept": (SNAPSHOT, (2, 6), (10, 25)),
}
#: A machine that somebody forgot: a stream of its own.
FORGOTTEN, FORGOTTEN_TYPES, FORGOTTEN_DAYS = "forgotten_machines", ("m5.4xlarge", "r5.4xlarge", "c5.9xlarge"), (4, 21)
EVENTS_PER_YEAR, PLANNED = 14.0, 0.2
#: Months whose bill changes after it was closed: their share, the days after the month's end, what of the usage had been said.
RESTATED, RESTATED_AFTER, RESTATED_FROM, RESTATED_DAYS = 0.4, (18, 40), (0.6, 0.95), 3
#: Nothing goes wrong in the first days, in which nobody could tell.
QUIET_DAYS = 60


@dataclass(frozen=True)
class Event:
    """What was unusual about a stream.

    Attributes:
        kind: of `EVENTS`, or `FORGOTTEN`.
        stream: its place among the streams.
        first, last: day offsets, the last one included.
        factor: on the quantity; 1 where the stream itself is the event.
        planned: announced beforehand, and no anomaly.
    """

    kind: str
    stream: int
    first: int
    last: int
    factor: float
    planned: bool


@dataclass(frozen=True)
class Restatement:
    """Usage that a bill said wrongly until it was changed.

    Attributes:
        period: first day of the month.
        stream: its place among the streams.
        first, last: day offsets, the last one included.
        factor: on what was used, as the bill had it.
        published: the day from which exports say what was used.
    """

    period: date
    stream: int
    first: int
    last: int
    factor: float
    published: date


def draw_restatements(streams: list[Stream], start: date, days: int, seed: int) -> list[Restatement]:
    """What bills of some months said wrongly, in order of the months that lie within the estate's life."""
    draw = generator(seed, 16)
    found = []
    for month in pd.period_range(start, start + timedelta(days=days - 1), freq="M"):
        period, end = month.start_time.date(), month.end_time.date() + timedelta(days=1)
        first = max((period - start).days, 0) + int(draw.integers(0, 20))
        last = first + RESTATED_DAYS - 1
        chance, place, factor = draw.uniform(), draw.uniform(), float(draw.uniform(*RESTATED_FROM))
        published = end + timedelta(days=int(draw.integers(*RESTATED_AFTER)))
        alive = [number for number, each in enumerate(streams) if each.follows and each.first <= first and last <= each.last]
        if chance < RESTATED and alive and start + timedelta(days=last) < end and last < days:
            found.append(Restatement(period, alive[int(place * len(alive))], first, last, factor, published))
    return found


def as_said(used: Floats, restated: list[Restatement], exported: date) -> Floats:
    """Units per day and stream, (T, S), as bills have them on a day."""
    said = used.copy()
    for each in restated:
        if exported < each.published:
            said[each.first : each.last + 1, each.stream] *= each.factor
    return np.round(said, 6)


def draw_events(streams: list[Stream], days: int, seed: int) -> tuple[list[Stream], list[Event]]:
    """The streams with those that nobody needs behind them, and all events in order of their days."""
    draw = generator(seed, 13)
    kinds = [*EVENTS, FORGOTTEN]
    grown, events = list(streams), []
    for _ in range(draw.poisson(EVENTS_PER_YEAR * days / 365)):
        kind = kinds[int(draw.integers(len(kinds)))]
        planned = bool(draw.uniform() < PLANNED)
        first = int(draw.integers(min(QUIET_DAYS, days - 1), days))
        if kind == FORGOTTEN:
            last = min(first + int(draw.integers(*FORGOTTEN_DAYS)), days - 1)
            owner = streams[int(draw.integers(len(streams)))]
            used = instance(FORGOTTEN_TYPES[int(draw.integers(len(FORGOTTEN_TYPES)))])
            name = f"i-{draw.integers(16**8):08x}"
            machines = 24.0 * int(draw.integers(1, 5))
            left = replace(owner, kind=used, resource_id=name, size=machines, first=first, last=last)
            grown.append(replace(left, growth=0.0, follows=0.0, noise=0.0))
            events.append(Event(kind, len(grown) - 1, first, last, 1.0, planned))
            continue
        used, factors, lengths = EVENTS[kind]
        last = min(first + int(draw.integers(*lengths)), days - 1)
        taken = {each.stream for each in events if each.first <= last and first <= each.last}
        befallen = [
            place
            for place, each in enumerate(streams)
            if each.kind == used and each.first <= first and last <= each.last and place not in taken
        ]
        if befallen:
            place = befallen[int(draw.integers(len(befallen)))]
            events.append(Event(kind, place, first, last, float(draw.uniform(*factors)), planned))
    return grown, sorted(events, key=lambda event: (event.first, event.stream))


def quantities(
    apps: list[Application], streams: list[Stream], events: list[Event], start: date, days: int, seed: int
) -> tuple[Floats, Floats]:
    """Units per day offset and stream, each (T, S): what was to be expected, its mean over the noise, and what was used."""
    when = np.datetime64(start, "D") + np.arange(days)
    month = when.astype("datetime64[M]")
    days_in_month = ((month + 1).astype("datetime64[D]") - month.astype("datetime64[D]")).astype(np.float64)
    months = np.arange(days) / DAYS_PER_MONTH
    shapes = {app.name: _shape(app, when) for app in apps}
    shared = {app.name: _wandering(days, generator(seed, 14, number)) for number, app in enumerate(apps)}
    forgotten = {event.stream for event in events if event.kind == FORGOTTEN and not event.planned}
    expected, used = np.zeros((days, len(streams))), np.zeros((days, len(streams)))
    for place, stream in enumerate(streams):
        alive = (np.arange(days) >= stream.first) & (np.arange(days) <= stream.last)
        level = stream.size * (1 + stream.growth) ** months * shapes[stream.app] ** stream.follows * alive
        if stream.kind.unit == "GB-Mo":
            level = level / days_in_month
        own = _wandering(days, generator(seed, 15, place)) if stream.noise else np.zeros(days)
        sd = SHARED_NOISE if stream.follows else 0.0
        noise = np.exp(sd * shared[stream.app] + stream.noise * own)
        expected[:, place] = 0.0 if place in forgotten else level * np.exp((sd**2 + stream.noise**2) / 2)
        used[:, place] = level * noise
    for event in events:
        span = slice(event.first, event.last + 1)
        used[span, event.stream] *= event.factor
        if event.planned:
            expected[span, event.stream] *= event.factor
    return expected, np.round(used, 6)


def _shape(app: Application, when: npt.NDArray[np.datetime64]) -> Floats:
    weekend = np.where(calendars.weekend(when), app.weekend, 1.0)
    month = when.astype("datetime64[M]")
    left = ((month + 1).astype("datetime64[D]") - when).astype(np.int64)
    shape: Floats = weekend * np.where(left <= 3, app.month_end, 1.0) * holiday_factor(when) ** 0.5
    return shape


def _wandering(days: int, draw: np.random.Generator) -> Floats:
    """A stationary AR(1) with unit variance."""
    noise = draw.normal(size=days)
    result = np.empty(days)
    result[0] = noise[0]
    for day in range(1, days):
        result[day] = AR * result[day - 1] + np.sqrt(1 - AR**2) * noise[day]
    return result


def label(events: list[Event], streams: list[Stream], expected: Floats, used: Floats, start: date) -> pd.DataFrame:
    """The events as an evaluation wants them, one row each, in order of their first day.

    Returns:
        kind, planned, first_day and last_day (dates, the last one included), account, service, usage_type, resource_id, app,
        team, impact (dollars at list price, used minus expected, over all its days).
    """
    rows = []
    for event in events:
        stream = streams[event.stream]
        span = slice(event.first, event.last + 1)
        beyond = (used[span, event.stream] - expected[span, event.stream]).sum()
        rows.append(
            {
                "kind": event.kind,
                "planned": event.planned,
                "first_day": start + timedelta(days=event.first),
                "last_day": start + timedelta(days=event.last),
                "account": ACCOUNTS[stream.environment][0],
                "service": stream.kind.service,
                "usage_type": stream.kind.usage_type,
                "resource_id": stream.resource_id,
                "app": stream.app,
                "team": stream.team,
                "impact": float(beyond * stream.kind.price),
            }
        )
    return pd.DataFrame(rows)
