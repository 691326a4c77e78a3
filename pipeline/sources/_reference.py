"""The documented fleet: independent daily (or hourly) draws around archetypes, with the documented factors."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.forecasting import calendars
from pipeline.sources import _archetypes
from pipeline.sources._archetypes import ARCHETYPES, Archetype
from pipeline.tables.columns import CRITICALITIES, Granularity

# Documented metadata. app_name is an archetype's name and a running number: only that it is text is documented.
BUSINESS_UNITS = ("Trading", "Retail", "Compliance", "IT")
REGIONS = ("US-East", "US-West", "EU", "Asia")
APPS_PER_ARCHETYPE = 5


def reference_frame(
    servers: int = 120,
    start: date = date(2022, 1, 1),
    days: int = 1461,
    seed: int = 42,
    granularity: Granularity = "day",
    archetypes: Sequence[Archetype] = ARCHETYPES,
) -> pd.DataFrame:
    """The fleet in the documented wide form.

    Args:
        servers: how many; at least 1.
        start: first day.
        days: how many days.
        seed: equal seeds give equal frames, in every process.
        archetypes: kinds of servers.
        granularity: rows per day or per hour. By the day the business-hours factor never applies: midnight is not 9 to 17.

    Returns:
        `servers × days` (or `× 24`) rows, ordered by server, then time; index `timestamp`; 18 columns: server_id, cpu_p95,
        mem_p95, disk_p95 (percent), net_in_p95, net_out_p95 (Mbps), app_name, business_unit, criticality, region,
        server_type, year, month, quarter, dayofweek, is_weekend, is_eoq, is_holiday.
    """
    when = moments(start, days, granularity)
    noise = np.random.Generator(np.random.PCG64(seed)).standard_normal((servers, len(when), 4))
    spike_draw = np.random.Generator(np.random.PCG64([seed, 1])).random((servers, len(when)))
    kinds = _archetypes.assigned(servers, archetypes)
    growth_share = np.arange(len(when)) / len(when)
    quarter_end = quarter_end_factor(when)
    holiday = holiday_factor(when)
    columns = {name: np.empty((servers, len(when))) for name in ("cpu", "mem", "disk", "net", "net_out")}
    for number, kind in enumerate(archetypes):
        block = np.flatnonzero(kinds == number)
        if not len(block):
            continue
        rows = slice(block[0], block[-1] + 1)
        hours, weekend = calendars.hour_of_day(when), calendars.weekend(when)
        time = np.where((hours >= 9) & (hours <= 17), kind.business_hours, 1.0) * np.where(weekend, kind.weekend, 1.0)
        time = time * quarter_end * holiday
        growth = 1 + growth_share * kind.growth_pct / 100
        mean = (kind.base[0] * time * growth, kind.base[1] * time * growth, kind.base[2] * growth, kind.base[3] * time)
        drawn = _archetypes.correlated(noise[rows], kind.correlation())
        spiked = spike_draw[rows] < kind.spike_probability
        spikes = (kind.spike_factor, 0.7 * kind.spike_factor, 1.0, 0.8 * kind.spike_factor)
        for place, name in enumerate(_archetypes.QUANTITIES):
            value = drawn[..., place] * kind.sd[place] + mean[place]
            if spikes[place] != 1.0:
                value = np.where(spiked, value * spikes[place], value)
            columns[name][rows] = value
    columns["net_out"] = np.clip(0.6 * columns["net"], 0, 600)
    columns["net"] = np.clip(columns["net"], 0, 1000)
    for name in ("cpu", "mem", "disk"):
        columns[name] = np.clip(columns[name], 0, 100)
    values = {name: np.round(value, 2).ravel() for name, value in columns.items()}
    return _with_metadata(values, when, kinds, metadata(servers, seed, archetypes))


def moments(start: date, days: int, granularity: Granularity) -> npt.NDArray[np.datetime64]:
    """Every period's start, microseconds."""
    first = np.datetime64(start, "D")
    hours = 24 if granularity == "day" else 1
    offsets = np.arange(0, days * 24, hours).astype("timedelta64[h]")
    starts: npt.NDArray[np.datetime64] = np.add(first, offsets).astype("datetime64[us]")
    return starts


def quarter_end_factor(when: npt.NDArray[np.datetime64]) -> npt.NDArray[np.float64]:
    """1.06, 1.12, 1.18, 1.24, 1.30 over the last five days of a quarter, else 1."""
    return 1 + 0.3 * calendars.quarter_end_ramp(when)


def holiday_factor(when: npt.NDArray[np.datetime64]) -> npt.NDArray[np.float64]:
    """A multiplier of load: 0.5 on 1 January, 0.6 from 25 to 31 December, 0.7 on 4 July, 22 to 28 November, 24 December."""
    days = when.astype("datetime64[D]")
    month = days.astype("datetime64[M]").astype(np.int64) % 12 + 1
    day = (days - days.astype("datetime64[M]")).astype(np.int64) + 1
    slow = ((month == 7) & (day == 4)) | ((month == 11) & (day >= 22) & (day <= 28)) | ((month == 12) & (day == 24))
    return np.select([(month == 1) & (day == 1), (month == 12) & (day >= 25), slow], [0.5, 0.6, 0.7], default=1.0)


def metadata(servers: int, seed: int, archetypes: Sequence[Archetype] = ARCHETYPES) -> pd.DataFrame:
    """One row per server: server_id, app_name, business_unit, criticality, region, server_type; drawn uniformly."""
    draw = np.random.Generator(np.random.PCG64([seed, 2]))
    kinds = _archetypes.assigned(servers, archetypes)
    names = np.array([kind.name for kind in archetypes])[kinds]
    app = draw.integers(1, APPS_PER_ARCHETYPE + 1, servers)
    return pd.DataFrame(
        {
            "server_id": _archetypes.server_names(servers),
            "app_name": [f"{name}-app-{number}" for name, number in zip(names, app, strict=True)],
            "business_unit": np.array(BUSINESS_UNITS)[draw.integers(0, len(BUSINESS_UNITS), servers)],
            "criticality": np.array(CRITICALITIES)[draw.integers(0, len(CRITICALITIES), servers)],
            "region": np.array(REGIONS)[draw.integers(0, len(REGIONS), servers)],
            "server_type": names,
        }
    )


def _with_metadata(
    values: dict[str, npt.NDArray[np.float64]],
    when: npt.NDArray[np.datetime64],
    kinds: npt.NDArray[np.int64],
    about: pd.DataFrame,
) -> pd.DataFrame:
    servers, periods = len(kinds), len(when)
    days = when.astype("datetime64[D]")
    month = days.astype("datetime64[M]").astype(np.int64) % 12 + 1
    weekday = calendars.day_of_week(when)
    by_time = {
        "year": days.astype("datetime64[Y]").astype(np.int64) + 1970,
        "month": month,
        "quarter": (month - 1) // 3 + 1,
        "dayofweek": weekday,
        "is_weekend": weekday >= 5,
        "is_eoq": calendars.quarter_end_ramp(when) > 0,
        "is_holiday": holiday_factor(when) < 1,
    }
    columns: dict[str, object] = {
        "server_id": _repeated(about["server_id"], periods),
        "cpu_p95": values["cpu"],
        "mem_p95": values["mem"],
        "disk_p95": values["disk"],
        "net_in_p95": values["net"],
        "net_out_p95": values["net_out"],
    }
    columns |= {name: _repeated(about[name], periods) for name in about.columns if name != "server_id"}
    columns |= {name: np.tile(value, servers) for name, value in by_time.items()}
    return pd.DataFrame(columns, index=pd.DatetimeIndex(np.tile(when, servers), name="timestamp"))


def _repeated(per_server: pd.Series, periods: int) -> pd.Categorical:
    """Text per server as a column of the frame; codes, because 175,320 Python strings cost more than all the numbers."""
    codes, words = pd.factorize(per_server, sort=True)
    repeated: Any = np.repeat(codes, periods)
    return pd.Categorical.from_codes(repeated, categories=words)
