"""Anomalous samples of a resource as incidents: what belongs together, how long and how far it went, and how grave it is."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.tables.anomalies import ANOMALY
from pipeline.tables.columns import CRITICALITIES, DEVIATION, SEVERITIES

#: Samples of one resource that begin this soon after an incident belong to it.
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
#: Columns that are added to what was grouped.
LATER = ("bucket", "confidence", "answer", "answer_reason", "label")
OWNER = ["account", "region", "resource_id"]


def group_points(points: pd.DataFrame, criticality: pd.Series, as_of: datetime) -> pd.DataFrame:
    """The incidents that anomalous samples make up, as known at a moment.

    Samples of one resource, of whatever metric, that begin within six hours of what was anomalous before them are the same
    incident. It is as grave as its gravest series, and what it says of a value is of that one's sample furthest from what was
    expected.

    Args:
        points: anomalous samples before `as_of`, as `inputs.anomalous_points` gives them: those of `gold.anomaly_point`, each
            with `last_at`, the last sample of its series that was judged.
        criticality: a word of `CRITICALITIES` or nothing, by account/region/resource_id; it may lack resources.
        as_of: naive UTC.

    Returns:
        Rows of `gold.anomaly`, without `bucket` and what people say of them, in the order of resource and start.
    """
    if points.empty:
        return ANOMALY.empty().drop(columns=[*LATER])
    rows = points.sort_values([*OWNER, "ts", "series_id"], ignore_index=True)
    rows = rows.assign(end=rows["ts"] + _HOUR, owner=rows["account"] + "/" + rows["region"] + "/" + rows["resource_id"])
    before = rows.groupby("owner")["end"].shift()
    rows["event"] = (before.isna() | (rows["ts"] > before + APART)).cumsum()
    known = [word if word in CRITICALITIES else None for word in rows["owner"].map(criticality)]
    rows["criticality"] = pd.Series(known, index=rows.index, dtype="object")
    parts = _describe_series(rows, as_of)
    grave = parts["severity"].map(SEVERITIES.index)
    by = {"_grave": False, "impact_ratio": False, "score": False, "peak_at": True, "series_id": True}
    ranked = parts.assign(_grave=grave).sort_values([*by], ascending=[*by.values()], kind="stable")
    found = ranked.drop_duplicates("event").set_index("event").sort_index()
    events = rows.groupby("event")
    found["anomaly_id"] = [name_incident(*first) for first in zip(events["owner"].first(), events["ts"].first(), strict=True)]
    told = rows[rows["is_alert"].astype("bool")].groupby("event")["ts"]
    found = found.assign(
        as_of=as_of,
        kind=DEVIATION,
        metrics=events["metric"].agg(_names),
        detectors=events["detectors"].agg(_names),
        started_at=events["ts"].min(),
        ended_at=events["end"].max(),
        is_open=parts.groupby("event")["is_open"].any(),
        anomalous_hours=events.size(),
        first_alert_at=told.min(),
        alerts=told.size().reindex(found.index, fill_value=0),
    )
    found = found.assign(hours=_hours(found["started_at"], found["ended_at"]))
    return found[[name for name in ANOMALY.names if name not in LATER]].reset_index(drop=True)


def reach_back(since: datetime, before: pd.DataFrame) -> datetime:
    """From when on samples are taken together: what went on at `since` is seen from where the run before saw it begin.

    Args:
        since: from when on incidents count.
        before: the incidents of the run before; of these started_at and ended_at.
    """
    begun = before.loc[before["ended_at"] > since, "started_at"]
    first: datetime = min([pd.Timestamp(since), *begun]).to_pydatetime()
    return first


def keep_names(found: pd.DataFrame, before: pd.DataFrame) -> pd.DataFrame:
    """Incidents, each with the id of the one that it overlaps in what the run before believed; the others have their own.

    Where two have become one, it has the id of the older; where one has become two, the older of them has it.

    Args:
        found: rows of `gold.anomaly`.
        before: those of the run before; of these account, region, resource_id, kind, anomaly_id, started_at and ended_at.
    """
    taken: set[str] = set()
    named: dict[Any, str] = {}
    same_kind = [*OWNER, "kind"]
    known = {owner: rows.sort_values("started_at") for owner, rows in before.groupby(same_kind)}
    for place, row in found.sort_values("started_at").iterrows():
        same = known.get(tuple(row[same_kind]), before.head(0))
        overlapping = same.loc[(same["started_at"] < row["ended_at"]) & (same["ended_at"] > row["started_at"]), "anomaly_id"]
        # Its own is another's where that one began here once, and was found to have begun earlier.
        own = row["anomaly_id"], name_incident(row["anomaly_id"], row["started_at"])
        named[place] = next(each for each in (*overlapping, *own) if each not in taken)
        taken.add(named[place])
    return found.assign(anomaly_id=pd.Series(named, dtype="object"))


def name_incident(owner: str, started_at: datetime) -> str:
    """The id of an incident by account/region/resource_id and its first anomalous sample."""
    return hashlib.sha256(f"{owner} {started_at:%Y-%m-%dT%H:%M:%S}".encode()).hexdigest()[:16]


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
    return raise_severity(mildest, found["criticality"])


def raise_severity(mildest: npt.NDArray[np.int64], criticality: pd.Series) -> list[str]:
    """The severity of incidents, by the place among `SEVERITIES` that they have without how much their resources matter."""
    raised = criticality.map(_RAISED).fillna(0).to_numpy(dtype=np.int64)
    grave = np.where(mildest > 0, np.clip(mildest + raised, 0, len(SEVERITIES) - 1), 0)
    return [SEVERITIES[place] for place in grave]


def _reached(values: pd.Series, limits: dict[str, float] | dict[str, int]) -> npt.NDArray[np.int64]:
    """Place of the gravest severity whose limit a value reaches."""
    ascending = np.array([limits[name] for name in SEVERITIES], dtype=np.float64)
    # Half of a tenth is not quite 0.05.
    return np.searchsorted(ascending, values.to_numpy(dtype=np.float64) + 1e-9, side="right").clip(1) - 1


def _describe_series(rows: pd.DataFrame, as_of: datetime) -> pd.DataFrame:
    """One row for each series of each incident: its peak, and how grave it is by itself."""
    deviation = (rows["value"] - rows["expected"]).abs()
    rows = rows.assign(_deviation=deviation, _far=deviation.fillna(-1.0), _unusual=rows["severity"].map(SEVERITIES.index))
    part = ["event", "series_id"]
    furthest = rows.sort_values(["_far", "score", "ts"], ascending=[False, False, True], kind="stable").drop_duplicates(part)
    peaks = furthest.rename(columns={"ts": "peak_at"}).set_index(part).drop(columns=["score", "severity"])
    series = rows.groupby(part)
    largest = series["_deviation"].max().reindex(peaks.index)
    ended_at = series["end"].max().reindex(peaks.index)
    is_last = series["ts"].max().reindex(peaks.index) == peaks["last_at"]
    peaks = peaks.assign(
        score=series["score"].max(),
        severity=series["_unusual"].max().map(dict(enumerate(SEVERITIES))),
        hours=_hours(series["ts"].min().reindex(peaks.index), ended_at),
        impact_ratio=(largest / 100).clip(upper=1.0).where(peaks["unit"] == "percent"),
        is_open=is_last & (ended_at > np.datetime64(as_of, "us") - STALE),
    ).reset_index()
    return peaks.assign(severity=grade(peaks))


def _hours(start: pd.Series, end: pd.Series) -> npt.NDArray[np.int64]:
    """Whole hours from start to end."""
    return np.rint((end - start).to_numpy() / _HOUR).astype(np.int64)


def _names(values: pd.Series) -> str:
    """The names in texts of names by comma, each once, in their order."""
    return ",".join(sorted({name for value in values.unique() for name in str(value).split(",")}))
