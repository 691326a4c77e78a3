"""Anomalous hours of one series as incidents: how long each went on, how far it went, and how grave that is."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.tables.anomalies import INCIDENT
from pipeline.tables.columns import CRITICALITIES, SEVERITIES

#: A deviation goes on while this share of it is left.
HOLDS_RATIO = 0.5
#: One that went on for so long is the new level, and no incident any more.
NEW_LEVEL = np.timedelta64(7, "D")
#: Hours of one series that begin this soon after an incident belong to it.
APART = np.timedelta64(6, "h")
#: What is not known to go on within this time is not open, however it was left.
STALE = np.timedelta64(24, "h")

#: From which share of the capacity on, and from how many hours on, an incident may be as grave as that.
IMPACT_RATIO = {"low": 0.0, "medium": 0.05, "high": 0.15, "critical": 0.3}
HOURS = {"low": 0, "medium": 1, "high": 2, "critical": 4}
# Where no capacity is declared nobody knows what an amount does to the resource: at most this, and only for so much of the larger
# of what was observed and expected.
_WITHOUT_CAPACITY = SEVERITIES.index("medium")
_MUCH_RATIO = 0.5
_RAISED = dict(zip(CRITICALITIES, (1, 0, -1), strict=True))

_HOUR = np.timedelta64(1, "h")


def group_hours(anomalies: pd.DataFrame, observed: pd.DataFrame, criticality: pd.Series, as_of: datetime) -> pd.DataFrame:
    """The incidents that anomalous hours make up, as known at a moment.

    An hour's deviation goes on while at least half of it is left, for seven days at most. Hours that begin within six hours of
    what went on before them are the same incident. What an incident says of its value is of its hour furthest from what was
    expected.

    Args:
        anomalies: anomalous hours before `as_of`, in the columns of `gold.anomaly`.
        observed: what was observed before `as_of`: series_id, ts, value, one row per series and hour.
        criticality: a word of `CRITICALITIES` or nothing, by account/region/resource_id; it may lack resources.
        as_of: naive UTC.

    Returns:
        Rows of `gold.incident`, without `bucket`, in the order of series and start.
    """
    if anomalies.empty:
        return INCIDENT.empty()
    hours = anomalies.sort_values(["series_id", "ts"], ignore_index=True)
    seen = {str(name): rows for name, rows in observed.dropna(subset="value").sort_values("ts").groupby("series_id")}
    parts = [_group(rows, seen.get(str(name)), as_of) for name, rows in hours.groupby("series_id", sort=True)]
    found = pd.concat(parts, ignore_index=True)
    owner = found["account"] + "/" + found["region"] + "/" + found["resource_id"]
    known = [word if word in CRITICALITIES else None for word in owner.map(criticality)]
    found = found.assign(as_of=as_of, criticality=pd.Series(known, index=found.index, dtype="object"))
    return found.assign(severity=grade(found))


def grade(found: pd.DataFrame) -> list[str]:
    """The severity of incidents: the mildest of how unusual, how far and how long, and then how much the resource matters.

    How far is the share of the capacity; where there is none it is medium at most, and low below half of the larger of observed
    and expected. An incident of a resource of high criticality is one graver, of low criticality one milder; what is low as such
    stays low.

    Args:
        found: `severity` (of the gravest hour), `value`, `expected`, `impact_ratio`, `hours`, `criticality`.
    """
    unusual = found["severity"].map(SEVERITIES.index).to_numpy()
    deviation, largest = (found["value"] - found["expected"]).abs(), np.fmax(found["value"].abs(), found["expected"].abs())
    amount = np.where(deviation < _MUCH_RATIO * largest, 0, _WITHOUT_CAPACITY)
    far = np.where(found["impact_ratio"].isna(), amount, _reached(found["impact_ratio"], IMPACT_RATIO))
    mildest = np.minimum(np.minimum(unusual, far), _reached(found["hours"], HOURS))
    raised = found["criticality"].map(_RAISED).fillna(0).to_numpy(dtype=np.int64)
    grave = np.where(mildest > 0, np.clip(mildest + raised, 0, len(SEVERITIES) - 1), 0)
    return [SEVERITIES[place] for place in grave]


def _reached(values: pd.Series, limits: dict[str, float] | dict[str, int]) -> npt.NDArray[np.int64]:
    """Place of the gravest severity whose limit a value reaches."""
    ascending = np.array([limits[name] for name in SEVERITIES], dtype=np.float64)
    # Half of a tenth is not quite 0.05.
    return np.searchsorted(ascending, values.to_numpy(dtype=np.float64) + 1e-9, side="right").clip(1) - 1


def _group(hours: pd.DataFrame, seen: pd.DataFrame | None, as_of: datetime) -> pd.DataFrame:
    """The incidents of one series, from its anomalous hours in order."""
    ts = hours["ts"].to_numpy("datetime64[us]")
    ends = ts + _HOUR if seen is None else _ends(hours, seen)
    last = ts[-1] if seen is None else seen["ts"].to_numpy("datetime64[us]")[-1]
    before = np.maximum.accumulate(ends)
    begins = np.concatenate([[True], ts[1:] > before[:-1] + APART])
    return pd.DataFrame(
        [_describe(rows, ends[rows.index - hours.index[0]].max(), last, as_of) for _, rows in hours.groupby(begins.cumsum())]
    )


def _describe(hours: pd.DataFrame, end: np.datetime64, last: np.datetime64, as_of: datetime) -> dict[str, Any]:
    """One incident, from its anomalous hours."""
    deviation = (hours["value"] - hours["expected"]).abs()
    furthest = hours.assign(_far=deviation.fillna(-1.0)).sort_values(["_far", "score", "ts"], ascending=[False, False, True])
    worst, start = furthest.iloc[0], hours["ts"].min()
    is_percent = worst["unit"] == "percent"
    return {
        **{name: worst[name] for name in ("series_id", "account", "region", "resource_id", "metric", "unit")},
        "started_at": start,
        "ended_at": pd.Timestamp(end),
        "is_open": bool(end > last and end > np.datetime64(as_of, "us") - STALE),
        "hours": round((pd.Timestamp(end) - start) / pd.Timedelta(hours=1)),
        "anomalous_hours": len(hours),
        "worst_at": worst["ts"],
        "value": worst["value"],
        "expected": worst["expected"],
        "impact_ratio": min(deviation.max() / 100, 1.0) if is_percent else np.nan,
        "score": hours["score"].max(),
        "severity": SEVERITIES[hours["severity"].map(SEVERITIES.index).max()],
    }


def _ends(hours: pd.DataFrame, seen: pd.DataFrame) -> npt.NDArray[np.datetime64]:
    """When the deviation of each anomalous hour was over: the end of the last observed hour in which it went on."""
    at, values = seen["ts"].to_numpy("datetime64[us]"), seen["value"].to_numpy(dtype=np.float64)
    ts = hours["ts"].to_numpy("datetime64[us]")
    expected = hours["expected"].to_numpy(dtype=np.float64)
    deviation = hours["value"].to_numpy(dtype=np.float64) - expected
    ends = (ts + _HOUR).astype("datetime64[us]")
    for number in np.flatnonzero(np.isfinite(deviation) & (deviation != 0)):
        first, beyond = np.searchsorted(at, [ts[number] + _HOUR, ts[number] + NEW_LEVEL])
        left = (values[first:beyond] - expected[number]) / deviation[number]
        over = np.flatnonzero(left < HOLDS_RATIO)
        held = over[0] if len(over) else len(left)
        if held:
            ends[number] = at[first + held - 1] + _HOUR
    return ends
