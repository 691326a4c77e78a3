"""Incidents of missing data: a resource that is heard of each hour was silent for some, while others were heard."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from pipeline.anomalies.detection import score_of_excess
from pipeline.anomalies.incidents import APART, LATER, OWNER, name_incident, raise_severity
from pipeline.anomalies.state import NEW_LEVEL
from pipeline.tables.anomalies import ANOMALY
from pipeline.tables.columns import MISSING

#: What finds it, where other incidents name their detectors.
FOUND_BY = "missing_data"
#: A series of which fewer of its hours are there is not expected each hour.
REGULAR_RATIO = 0.8
#: What was silent in the same hours so many days before is silent by habit.
HABIT = (pd.Timedelta(days=1), pd.Timedelta(days=7))
#: From so many hours on it is more than low, as far as one can tell without a value.
MUCH_HOURS = 12

_HOUR = pd.Timedelta(hours=1)


def find_missing(
    silences: pd.DataFrame, ended: pd.DataFrame, criticality: pd.Series, as_of: datetime, least_hours: int, min_history: int
) -> pd.DataFrame:
    """Silences as incidents of missing data, one for what belongs together on one resource.

    A silence counts where the series was there in at least `REGULAR_RATIO` of its hours before, was not silent in the same hours
    the day or the week before, others of the account and region were heard of in `least_hours` of it, and no inventory
    says that the resource was stopped or gone. After seven days it is the new level, and over.

    Args:
        silences: as `inputs.silences` gives them: a row for each stretch without a sample, of a series that had samples before.
        ended: as `inputs.ended` gives them: days on which an inventory says that a resource was stopped or gone.
        criticality: as `group_points` takes it.
        as_of: naive UTC; a silence until then is open.
        least_hours: hours that are missing data.
        min_history: observed hours before it.

    Returns:
        Rows of `gold.anomaly`, as `group_points` gives them; their score is 0.5 for `least_hours`, and they have no value.
    """
    silences = silences.assign(until=silences["next_at"].fillna(pd.Timestamp(as_of)))
    counted = silences[_counts(silences, ended, least_hours, min_history)]
    if counted.empty:
        return ANOMALY.empty().drop(columns=[*LATER])
    start, until = counted["last_at"] + _HOUR, counted["until"]
    capped = np.minimum(until, start + NEW_LEVEL)
    rows = counted.assign(started_at=start, end=capped, open=counted["next_at"].isna() & (until == capped))
    rows = rows.assign(missing=((rows["end"] - start) / _HOUR).round().astype("int64"))
    rows = rows.sort_values([*OWNER, "started_at", "series_id"], ignore_index=True)
    key = [rows[name] for name in OWNER]
    reached = rows.groupby(OWNER)["end"].cummax().groupby(key).shift()
    rows["event"] = (reached.isna() | (rows["started_at"] > reached + APART)).cumsum()
    found = [_describe(event, criticality, as_of, least_hours) for _, event in rows.groupby("event")]
    return ANOMALY.frame(found).drop(columns=[*LATER])


def end_heard(known: pd.DataFrame, heard: pd.DataFrame) -> pd.DataFrame:
    """What was missing as of a midnight, as the hours that were heard of since say: over where all of its series were.

    It lasted until the first hour of the last of them, seven days at most. A series that was not heard of may be one that nobody
    asked for: of that nothing changes. How grave it is stays as it was found.

    Args:
        known: incidents of missing data, those that are open until that midnight.
        heard: `series_id` and `ts` of the hours observed since.
    """
    if known.empty:
        return known
    rows = known.reset_index(drop=True)
    metrics = rows["metrics"].str.split(",").explode().astype("str")
    owner = rows["account"] + "/" + rows["region"] + "/" + rows["resource_id"]
    first = (owner.reindex(metrics.index) + "/" + metrics).map(heard.groupby("series_id")["ts"].min())
    over = rows["is_open"] & first.notna().groupby(level=0).all()
    ended_at, latest = rows["ended_at"], (rows["started_at"] + NEW_LEVEL).reindex(first.index)
    until = latest.where(first > latest, first)
    longer = ((until - ended_at.reindex(until.index)).dt.total_seconds() / 3600).clip(lower=0).groupby(level=0).sum()
    last = until.groupby(level=0).max()
    ended = last.where(over & (last > ended_at), ended_at)
    return rows.assign(
        is_open=rows["is_open"] & ~over,
        ended_at=ended,
        hours=((ended - rows["started_at"]).dt.total_seconds() / 3600).round().astype("int64"),
        anomalous_hours=(rows["anomalous_hours"] + longer.where(over, 0).round()).astype("int64"),
    )


def _counts(silences: pd.DataFrame, ended: pd.DataFrame, least_hours: int, min_history: int) -> pd.Series:
    """Which silences nothing explains."""
    known = (silences["last_at"] - silences["first_at"]).dt.total_seconds() / 3600 + 1
    regular = (silences["observed"] >= min_history) & (silences["observed"] >= REGULAR_RATIO * known)
    counts: pd.Series = regular & (silences["heard"] >= least_hours) & ~_is_explained(silences, ended) & ~_is_habit(silences)
    return counts


def _is_habit(silences: pd.DataFrame) -> pd.Series:
    """Whether a series was silent in at least half of the same hours a day or a week before."""
    if silences.empty:
        return pd.Series(index=silences.index, dtype="bool")
    found = np.zeros(len(silences), dtype=np.bool_)
    start, until = ((silences[name].to_numpy().astype("datetime64[us]")) for name in ("last_at", "until"))
    start = start + _HOUR.to_numpy()
    order = np.argsort(silences["series_id"].to_numpy(dtype=str), kind="stable")
    names = silences["series_id"].to_numpy(dtype=str)[order]
    # Of machines that are off each night there are many: by the series, and not one by one.
    for rows in np.split(order, np.flatnonzero(names[1:] != names[:-1]) + 1):
        earlier = until[rows] < until[rows][:, None]
        for ago in HABIT:
            first, end = (each[rows][:, None] - ago.to_numpy() for each in (start, until))
            both = np.minimum(end, until[rows]) - np.maximum(first, start[rows])
            found[rows] |= (earlier & (both >= (end - first) / 2)).any(axis=1)
    return pd.Series(found, index=silences.index)


def _is_explained(silences: pd.DataFrame, ended: pd.DataFrame) -> pd.Series:
    """Whether the inventory says for a day of the silence that the resource was stopped, or was gone from one on."""
    days = {name: rows["day"].to_numpy() for name, rows in ended.groupby(OWNER)}

    def said(row: Any) -> bool:
        of = days.get((row.account, row.region, row.resource_id))
        return of is not None and bool(((of >= row.last_at.floor("D").to_datetime64()) & (of <= row.until.to_datetime64())).any())

    return pd.Series([said(row) for row in silences.itertuples()], index=silences.index, dtype="bool")


def _describe(event: pd.DataFrame, criticality: pd.Series, as_of: datetime, least_hours: int) -> dict[str, Any]:
    longest = event.sort_values(["missing", "series_id"], ascending=[False, True], kind="stable").iloc[0]
    owner = "/".join(str(longest[name]) for name in OWNER)
    started_at, ended_at = event["started_at"].min(), event["end"].max()
    hours = round((ended_at - started_at) / _HOUR)
    word = criticality.get(owner)
    mildest = np.array([int(longest["missing"] >= MUCH_HOURS)])
    return {
        **{name: longest[name] for name in (*OWNER, "series_id", "metric", "unit")},
        "as_of": as_of,
        # What deviates and what is missing may begin in one hour.
        "anomaly_id": name_incident(f"{owner} {MISSING}", started_at),
        "kind": MISSING,
        "bucket": 0,
        "metrics": ",".join(sorted(event["metric"].unique())),
        "started_at": started_at,
        "ended_at": ended_at,
        "is_open": bool(event["open"].any()),
        "hours": hours,
        "anomalous_hours": int(event["missing"].sum()),
        "first_alert_at": None,
        "alerts": 0,
        "detectors": FOUND_BY,
        "peak_at": longest["started_at"],
        "value": None,
        "expected": None,
        "impact_ratio": None,
        "score": float(score_of_excess(np.array([longest["missing"] / least_hours]))[0]),
        "severity": raise_severity(mildest, pd.Series([word]))[0],
        "criticality": word,
        "model_version": None,
    }
