"""From the rows of what was observed to a matrix, and from features back to rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.errors import DataError
from pipeline.features.compute import compute, split_resources
from pipeline.features.windows import Floats
from pipeline.forecasting.panel import STEP
from pipeline.tables.catalogue import BASE_METRICS, list_features
from pipeline.tables.columns import Granularity

RESOURCE = ["account", "region", "resource_id"]


@dataclass(frozen=True)
class Matrix:
    """Demand of some resources on a regular grid.

    Attributes:
        resources: account, region, resource_id; one row per resource.
        when: (periods) the moments at which the periods begin.
        x: (metrics of the catalogue, resources, periods); NaN is missing.
    """

    resources: pd.DataFrame
    when: npt.NDArray[np.datetime64]
    x: Floats


def lay_out(rows: pd.DataFrame, start: datetime, end: datetime, granularity: Granularity) -> Matrix:
    """Lay rows out on the grid of [start, end).

    Args:
        rows: account, region, resource_id, ts, and a column per metric of the catalogue; at most one row per resource and period.
        start: the first period.
        end: not included.
        granularity: length of the periods.

    Raises:
        DataError: a row that lies in no period of the grid, or two of one.
    """
    when = np.arange(np.datetime64(start, "us"), np.datetime64(end, "us"), STEP[granularity])
    ts = rows["ts"].to_numpy(dtype="datetime64[us]")
    column = np.searchsorted(when, ts)
    if len(rows) and ((column == len(when)).any() or (when[np.minimum(column, len(when) - 1)] != ts).any()):
        raise DataError(f"features: a row lies in no {granularity} from {start} to {end}; the first is of {ts.min()}")
    by_resource = rows.groupby(RESOURCE, sort=True)
    number = by_resource.ngroup().to_numpy()
    if len(np.unique(number * len(when) + column)) < len(rows):
        raise DataError(f"features: two rows of one resource and {granularity}")
    resources = rows.drop_duplicates(RESOURCE)[RESOURCE].sort_values(RESOURCE).reset_index(drop=True)
    x = np.full((len(BASE_METRICS), len(resources), len(when)), np.nan)
    for place, name in enumerate(BASE_METRICS):
        x[place, number, column] = rows[name].to_numpy(dtype=np.float64)
    return Matrix(resources, when, x)


def list_rows(matrix: Matrix, granularity: Granularity, keep: int) -> Iterator[pd.DataFrame]:
    """The features of the last periods, in rows: account, region, resource_id, ts, metrics, and a column per feature.

    A period in which no metric of a resource was observed has no row.

    Args:
        matrix: what was observed.
        granularity: length of its periods.
        keep: how many last periods.

    Yields:
        The rows of some of the resources at a time.
    """
    when = matrix.when[len(matrix.when) - keep :]
    names = [feature.name for feature in list_features(granularity)]
    for part in split_resources(len(matrix.resources), keep):
        x = matrix.x[:, part]
        metrics = (~np.isnan(x[:, :, x.shape[2] - keep :])).sum(axis=0)
        resource, period = np.nonzero(metrics)
        found = compute(x, matrix.when, granularity, keep)[:, resource, period]
        about = matrix.resources.iloc[part].iloc[resource].reset_index(drop=True)
        about = about.assign(ts=when[period], metrics=metrics[resource, period])
        yield pd.concat([about, pd.DataFrame(found.T, columns=names)], axis=1)
