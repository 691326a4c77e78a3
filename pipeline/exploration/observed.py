"""What is explored: days of resources, the hours of their week, and whose they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.errors import ConfigError

Floats = npt.NDArray[np.float64]
LABELS = ("server_type", "business_unit", "criticality")
#: Metrics that are explored where none is named, those first that most is known of.
MOST_METRICS = 5


@dataclass(frozen=True)
class Observed:
    """What was observed of some resources.

    Attributes:
        title: what it is, for people.
        days: resource, metric, unit, ts (midnight), value, complete (share of the day observed); one row per day observed.
        hours: metric, day_of_week (0 is Monday), hour_of_day, mean, hours; no rows where nothing is known by the hour.
        labels: resource, server_type, business_unit, criticality, of a file that says it region; None where nobody says.
    """

    title: str
    days: pd.DataFrame
    hours: pd.DataFrame
    labels: pd.DataFrame

    @property
    def metrics(self) -> list[str]:
        return list(self._by_metric)

    @cached_property
    def _by_metric(self) -> dict[str, pd.DataFrame]:
        return {str(metric): rows for metric, rows in self.days.groupby("metric", sort=False)}

    def rows(self, metric: str) -> pd.DataFrame:
        """The days of one metric."""
        return self._by_metric[metric]

    def of(self, metric: str) -> pd.DataFrame:
        """The same with their labels."""
        return self.rows(metric).merge(self.labels, how="left", on="resource")

    def mean_by_day(self, metric: str) -> pd.Series:
        """The mean over all resources by the day, with NaN where none was observed."""
        mean: pd.Series = self.rows(metric).groupby("ts")["value"].mean()
        return mean.asfreq("D")

    def wide(self) -> pd.DataFrame:
        """One row per resource and day, a column per metric."""
        return self.days.pivot_table(index=["resource", "ts"], columns="metric", values="value")[self.metrics]


def choose(observed: Observed, metrics: Sequence[str] = ()) -> Observed:
    """The same with these metrics alone, in this order; by default the five that most is known of, those in percent first.

    Raises:
        ConfigError: one of them was not observed; the message names those that were.
    """
    known = observed.days.groupby("metric").agg(rows=("value", "size"), unit=("unit", "first"))
    if unknown := [metric for metric in metrics if metric not in known.index]:
        raise ConfigError(f"--metric {unknown[0]}: not observed; there are {', '.join(known.index) or 'none'}")
    order = known.assign(other=known["unit"] != "percent").sort_values(["other", "rows"], ascending=[True, False], kind="stable")
    names = list(metrics) or [str(name) for name in order.index[:MOST_METRICS]]
    place = {name: number for number, name in enumerate(names)}
    days = observed.days[observed.days["metric"].isin(names)]
    days = days.assign(_place=days["metric"].map(place)).sort_values(["_place", "resource", "ts"]).drop(columns="_place")
    return replace(observed, days=days.reset_index(drop=True), hours=observed.hours[observed.hours["metric"].isin(names)])


def from_samples(title: str, samples: pd.DataFrame) -> Observed:
    """Samples of any period, as days and hours of the week.

    Args:
        samples: resource, metric, unit, ts, value; those without a value are left out.
    """
    samples = samples.dropna(subset="value").sort_values(["metric", "resource", "ts"], ignore_index=True)
    day = samples["ts"].dt.floor("D")
    groups = samples.assign(day=day).groupby(["metric", "resource", "unit", "day"], sort=False)["value"]
    days = pd.DataFrame({"value": groups.quantile(0.95, interpolation="higher"), "seen": groups.size()}).reset_index()
    # A complete day has as many samples as most days of its series.
    usual = days.groupby(["metric", "resource"])["seen"].transform("median")
    days = days.assign(complete=np.minimum(days["seen"] / usual, 1.0)).rename(columns={"day": "ts"}).drop(columns="seen")
    by_hour = samples.assign(day_of_week=samples["ts"].dt.dayofweek, hour_of_day=samples["ts"].dt.hour)
    hours = by_hour.groupby(["metric", "day_of_week", "hour_of_day"])["value"].agg(mean="mean", hours="size").reset_index()
    if (samples["ts"] == day).all():
        hours = hours.head(0)
    resources = days["resource"].drop_duplicates()
    labels = pd.DataFrame({"resource": resources, **dict.fromkeys(LABELS)})
    return Observed(title, days, hours, labels)
