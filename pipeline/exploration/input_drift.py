"""Whether what is measured is distributed as it was: of the same series, lately and before."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from pipeline.exploration.observed import Floats
from pipeline.forecasting.drift import stability_index

#: Lately, and the reference before it.
RECENT, REFERENCE = timedelta(days=28), timedelta(days=84)
#: Days of series that each needs: with fewer, chance alone moves the figures.
LEAST = 200
BINS = 10
#: Of the days that a metric of a source has in each window, as many a series must have: who works from Monday to Friday does.
COVERED = 2 / 3


def judge_inputs(values: pd.DataFrame, sources: pd.DataFrame, as_of: datetime, most_psi: float) -> Iterator[dict[str, Any]]:
    """A row per metric and source, with the columns of `gold.input_drift`.

    Only series that have most days of both windows are compared: what came or went is no drift of what stayed.

    Args:
        values: series_id, metric, ts, value, of the two windows before `as_of`; a row per series and day.
        sources: series_id, source; series that no source delivered in the run are left out.
        most_psi: above which a distribution has drifted.
    """
    known = values.merge(sources, on="series_id", validate="m:1")
    known = known.assign(recent=known["ts"] >= pd.Timestamp(as_of - RECENT))
    for (metric, source), all_rows in known.groupby(["metric", "source"], sort=True):
        rows = all_rows[all_rows["series_id"].isin(_stayed(all_rows))]
        if rows.empty:
            continue
        recent, before = (
            np.sort(rows.loc[rows["recent"] == lately, "value"].to_numpy(dtype=np.float64)) for lately in (True, False)
        )
        yield {"as_of": as_of, "metric": metric, "source": source, **_compare(before, recent, most_psi)}


def _stayed(rows: pd.DataFrame) -> pd.Index:
    """The series of one metric and source that have most of its days, in each window."""
    days = rows.groupby("recent")["ts"].nunique().reindex([False, True], fill_value=0)
    of_series = rows.groupby(["series_id", "recent"]).size().unstack(fill_value=0).reindex(columns=[False, True], fill_value=0)
    return of_series.index[((of_series > 0) & (of_series >= COVERED * days)).all(axis=1)]


def _compare(before: Floats, recent: Floats, most_psi: float) -> dict[str, Any]:
    found: dict[str, Any] = {"days": len(recent), "days_before": len(before), "psi": None, "ks": None}
    found |= {"median": float(np.median(recent)), "median_before": float(np.median(before)), "drifted": False}
    if min(len(recent), len(before)) < LEAST:
        return found | {"reason": f"{len(recent)} days lately and {len(before)} before; {LEAST} of each are needed"}
    psi = stability_index(*_histograms(before, recent))
    drifted = psi > most_psi
    told = f"PSI {psi:.2f} is {'above' if drifted else 'at most'} {most_psi:g}"
    return found | {"psi": psi, "ks": two_sample_distance(before, recent), "drifted": drifted, "reason": told}


def _histograms(before: Floats, recent: Floats) -> tuple[Floats, Floats]:
    """Counts of both in tenths of what was before, (bins,) each; bins that have nothing of either are left out.

    A value that more than a tenth have, such as 100 % or 0, is a bin of its own, so that what falls below it is told from it.
    """
    quantiles = np.quantile(before, np.linspace(0, 1, BINS + 1))
    often = quantiles[1:][np.diff(quantiles) == 0]
    edges = np.unique(np.concatenate([quantiles[1:-1], often, np.nextafter(often, -np.inf)]))
    counts = [np.bincount(np.searchsorted(edges, each), minlength=len(edges) + 1).astype(np.float64) for each in (before, recent)]
    filled = counts[0] + counts[1] > 0
    return counts[0][filled], counts[1][filled]


def two_sample_distance(before: Floats, recent: Floats) -> float:
    """Kolmogorov's and Smirnov's distance: the largest difference of two distribution functions, 0 to 1.

    Its p is not stated: days of one series depend on each other.

    Args:
        before: (n,) sorted.
        recent: (m,) sorted.
    """
    points = np.concatenate([before, recent])
    shares = [np.searchsorted(each, points, side="right") / len(each) for each in (before, recent)]
    return float(np.abs(shares[0] - shares[1]).max())
