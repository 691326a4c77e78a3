"""How well a data set fits what the pipeline asks of one: six shares of each metric, one of the data set, and their mean.

| part | share |
|---|---|
| known | 1 where views and rules ask for the metric by name, in the unit that silver keeps; else 0 |
| validity | of the rows with a value, those that no rule refuses |
| completeness | of the periods of the days on which a series was observed, those with a sample |
| continuity | of the days from the first to the last, those with a sample |
| resolution | of the two grains, hour and day, those that its periods can fill: 1 up to an hour, 1/2 up to a day |
| length | days from the first to the last, of those that a forecast by the day needs; at most 1 |
| coverage | of the data set: of the five metrics of a server, those it has |

A metric's score is 100 times the mean of its six; a data set's, 100 times the mean of coverage and the six, each averaged over
the metrics. How metrics move together, with the hours and with the weekdays is shown, and counts for nothing: what is idle fits
as well.
"""

from __future__ import annotations

from collections.abc import Hashable
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from pipeline.exploration.observed import Floats
from pipeline.forecasting.diagnostics import strengths
from pipeline.forecasting.panel import SEASON
from pipeline.tables.columns import CANONICAL_METRICS

#: The metrics of a server, those of the reference fleet and of `views.server_metrics`.
OF_A_SERVER = ("cpu_utilization", "memory_utilization", "disk_utilization", "network_in", "network_out")
PARTS = ("known_ratio", "validity_ratio", "completeness_ratio", "continuity_ratio", "resolution_ratio", "length_ratio")
CPU = "cpu_utilization"
#: How the reference fleet's metrics are documented to move with its CPU, with 0.15 on either side.
DOCUMENTED = {"memory_utilization": (0.35, 0.85), "network_in": (0.25, 0.95), "network_out": (0.25, 0.95)}
#: Seasons that must have passed before one is told from chance.
LEAST_SEASONS = 4
HOURS, WEEKDAYS = SEASON["hour"], SEASON["day"]
#: The season of a day is told from the hours of the last four weeks.
HOURS_TOLD = timedelta(days=28)
#: A stated unit → the one of silver, and what a value is multiplied by; of bytes and counts per second the period counts as well.
SILVER_UNITS: dict[str, tuple[str, float]] = {
    "percent": ("percent", 1.0),
    "%": ("percent", 1.0),
    "ratio": ("percent", 100.0),
    "bytes": ("mbps", 8e-6),
    "bytes/second": ("mbps", 8e-6),
    "mbps": ("mbps", 1.0),
    "megabits/second": ("mbps", 1.0),
    "count": ("count", 1.0),
    "count/second": ("count", 1.0),
    "milliseconds": ("ms", 1.0),
    "ms": ("ms", 1.0),
    "seconds": ("ms", 1e3),
    "s": ("ms", 1e3),
    "usd": ("usd", 1.0),
}
_LEAN = ("average", "sum")


def rate(facts: pd.DataFrame, least_days: int) -> pd.DataFrame:
    """The same with the six parts, `score` and `lacks`, and of the data set `coverage_ratio` and `dataset_score`.

    Args:
        facts: a row per source and metric: source, metric, unit, rows, counted_rows, period_s, days, span_days, samples,
            expected_samples. Of a metric without a row that counts, the last five are 0.
        least_days: of history before a series is forecast by the day.
    """
    found = facts.reset_index(drop=True)
    named = [CANONICAL_METRICS.get(metric, ("",))[0] == unit for metric, unit in zip(found["metric"], found["unit"], strict=True)]
    period = found["period_s"].to_numpy(dtype=np.float64)
    found = found.assign(
        known_ratio=np.array(named, dtype=np.float64),
        validity_ratio=_share(found["counted_rows"], found["rows"]),
        completeness_ratio=_share(found["samples"], found["expected_samples"]),
        continuity_ratio=_share(found["days"], found["span_days"]),
        resolution_ratio=np.select([period <= 0, period <= 3600, period <= 86_400], [0.0, 1.0, 0.5], 0.0),
        length_ratio=np.minimum(found["span_days"].to_numpy(dtype=np.float64) / least_days, 1.0),
    )
    found["score"] = 100 * found[list(PARTS)].mean(axis=1)
    of_source = found.groupby("source")
    coverage = found["metric"].isin(OF_A_SERVER).groupby(found["source"]).transform("sum") / len(OF_A_SERVER)
    means = sum(of_source[part].transform("mean") for part in PARTS)
    found["coverage_ratio"] = coverage
    found["dataset_score"] = 100 * (coverage + means) / (len(PARTS) + 1)
    found["lacks"] = [_lacks(row, least_days) for row in found.to_dict("records")]
    return found


def _share(part: pd.Series, whole: pd.Series) -> Floats:
    of = whole.to_numpy(dtype=np.float64)
    ratio: Floats = np.minimum(np.divide(part.to_numpy(dtype=np.float64), of, out=np.zeros(len(of)), where=of > 0), 1.0)
    return ratio


def _lacks(row: dict[Hashable, Any], least_days: int) -> str | None:
    """What keeps a metric's score below 100, in words; None where nothing does."""
    said = {
        "known_ratio": "no metric that rules ask for, or in another unit",
        "validity_ratio": f"{row['rows'] - row['counted_rows']:,} of {row['rows']:,} rows are refused",
        "completeness_ratio": f"{row['samples']:,} of {row['expected_samples']:,} periods have a sample",
        "continuity_ratio": f"{row['days']} of {row['span_days']} days have a sample",
        "resolution_ratio": f"a sample is of {row['period_s']} s; hours cannot be filled",
        "length_ratio": f"{row['span_days']} of the {least_days} days that a forecast by the day needs",
    }
    return "; ".join(said[part] for part in PARTS if row[part] < 1) or None


def fits(metric: str, correlation: float | None) -> bool | None:
    """Whether a metric moves with the CPU as the reference fleet's does; None where nothing is documented or known."""
    if metric not in DOCUMENTED or correlation is None or np.isnan(correlation):
        return None
    least, most = DOCUMENTED[metric]
    return bool(least <= correlation <= most)


def season_strength(series: pd.Series, season: int) -> float | None:
    """How much of what the trend leaves is season, 0 to 1; None below four seasons, or where half of them are missing.

    Args:
        series: by moment, in steps of which `season` make one; those without a value may be absent.
    """
    if series.empty:
        return None
    values = series.asfreq("h" if season == HOURS else "D").to_numpy(dtype=np.float64)
    known = int(np.isfinite(values).sum())
    if known < max(LEAST_SEASONS * season, -(-len(values) // 2)):
        return None
    return strengths(values, season)[0]


def in_silver(samples: pd.DataFrame) -> pd.DataFrame:
    """Samples as silver takes them: `unit` and `value` are its own, and `rule` says why it refuses one.

    Args:
        samples: resource, metric, unit (as stated), statistic, period_s, ts, value.
    """
    stated = samples["unit"].astype("str").str.lower()
    period = samples["period_s"].to_numpy(dtype=np.float64)
    value = samples["value"].to_numpy(dtype=np.float64) * stated.map({name: by for name, (_, by) in SILVER_UNITS.items()})
    value = np.where(stated == "bytes", value / np.where(period > 0, period, np.nan), value)
    value = np.where(stated == "count/second", value * period, value)
    unit = stated.map({name: its for name, (its, _) in SILVER_UNITS.items()})
    bounded = (value < 0) & (unit != "usd").to_numpy() | (value > 100) & (unit == "percent").to_numpy()
    tests = [samples["resource"].astype("str") == "", (period < 1) | (period > 86_400), ~np.isfinite(value), bounded]
    rule = np.select(tests, ["bad_identifier", "bad_period", "not_finite", "out_of_bounds"], "").astype("object")
    # What is refused supersedes nothing, and of one landing the largest of the same moment counts.
    said = samples.assign(statistic=samples["statistic"].astype("str").str.lower(), stated=samples["value"])[rule == ""]
    ordered = said.sort_values("stated", kind="stable")
    twice = ordered.index[ordered.duplicated(["resource", "metric", "statistic", "period_s", "ts"], keep="last")]
    rule[samples.index.get_indexer(twice)] = "superseded"
    return samples.assign(unit=unit, value=value, rule=rule)


def gather(taken: pd.DataFrame, source: str) -> pd.DataFrame:
    """The facts of each metric of a file, as `rate` takes them, with its range, correlation and seasons.

    Args:
        taken: as `in_silver` gives it.
        source: what the data set is called.
    """
    return pd.DataFrame([{"source": source, "metric": metric, **_of_metric(rows)} for metric, rows in taken.groupby("metric")])


def _of_metric(rows: pd.DataFrame) -> dict[str, object]:
    good = rows[rows["rule"] == ""]
    main = _main(good)
    found: dict[str, object] = {
        "unit": rows["unit"].iloc[0],
        "resources": good["resource"].nunique(),
        "rows": len(rows),
        "counted_rows": int(rows["rule"].isin(["", "superseded"]).sum()),
    }
    if good.empty:
        nothing = dict.fromkeys(("period_s", "days", "span_days", "samples", "expected_samples"), 0)
        return found | nothing | dict.fromkeys(("lowest", "highest", "daily_strength", "weekly_strength"))
    shortest = int(main["period_s"].min())
    day = main["ts"].dt.floor("D")
    by_day = main.groupby([main["resource"].astype("str"), day]).agg(
        ts=("ts", "nunique"), rows=("ts", "size"), seconds=("period_s", "sum"), value=("value", "mean")
    )
    # As silver counts: what a day has of periods as long as these are on average.
    expected = (86_400 * by_day["rows"] // by_day["seconds"]).clip(lower=1)
    days = day.drop_duplicates()
    late = main[main["ts"] >= days.max() + timedelta(days=1) - HOURS_TOLD]
    hourly = late.groupby([late["resource"].astype("str"), late["ts"].dt.floor("h")])["value"].mean().groupby(level=1).mean()
    return found | {
        "period_s": shortest,
        "days": len(days),
        "span_days": (days.max() - days.min()).days + 1,
        "samples": int(np.minimum(by_day["ts"], expected).sum()),
        "expected_samples": int(expected.sum()),
        "lowest": float(good["value"].min()),
        "highest": float(good["value"].max()),
        "daily_strength": season_strength(hourly, HOURS) if shortest <= 3600 else None,
        "weekly_strength": season_strength(by_day["value"].groupby(level=1).mean(), WEEKDAYS),
    }


def _main(good: pd.DataFrame) -> pd.DataFrame:
    """Of one metric's samples those that silver makes a mean of, where there are any: extremes of the same periods are none."""
    lean = good[good["statistic"].str.lower().isin(_LEAN)]
    return lean if len(lean) else good


def correlate(taken: pd.DataFrame) -> pd.DataFrame:
    """Pearson's correlation of each pair of metrics over days of resources, each the mean of its samples that count."""
    parts = [_main(rows) for _, rows in taken[taken["rule"] == ""].groupby("metric")]
    if not parts:
        return pd.DataFrame()
    good = pd.concat(parts)
    keys = [good["resource"].astype("str"), good["ts"].dt.floor("D"), good["metric"]]
    # Below a millionth nothing changes, as in inputs.dataset_correlation: means of what never does differ in their last digits.
    return good.groupby(keys)["value"].mean().round(6).unstack("metric").corr(min_periods=3)
