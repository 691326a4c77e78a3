"""Every feature of the catalogue for a matrix of resources and periods."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from pipeline.errors import DataError
from pipeline.features.change import find_change, lag, rate
from pipeline.features.joint import correlate, interact
from pipeline.features.residual import leave
from pipeline.features.rolling import roll
from pipeline.features.shape import entropy, peak, spectrum
from pipeline.features.temporal import tell_time
from pipeline.features.windows import Floats
from pipeline.forecasting.panel import STEP
from pipeline.tables.catalogue import BASE_METRICS, FAMILIES, SEASON, SPECTRUM, list_features, reach
from pipeline.tables.columns import Granularity

#: What the features of one part of the resources may take.
PART_BYTES = 16 * 2**20


def compute(
    x: Floats, when: npt.NDArray[np.datetime64], granularity: Granularity, keep: int | None = None
) -> npt.NDArray[np.float64]:
    """The features of the last periods of some resources.

    Pure and causal: a period's features depend on it and on the `reach` of the catalogue before it, never on a later one, nor on
    another resource. Time and memory follow resources times periods kept.

    Args:
        x: (metrics of the catalogue, resources, periods), the demand of each metric; NaN is missing, a whole metric as well.
        when: (periods) the moments at which the periods begin, each one step after the last, so that a column is a time.
        granularity: length of the periods.
        keep: how many last periods; all by default. The others are history alone.

    Returns:
        (features, resources, periods kept), in the order of the catalogue; NaN is null.

    Raises:
        DataError: of other shapes, moments with gaps, or infinite values.
    """
    _check(x, when, granularity)
    keep = x.shape[2] if keep is None else min(keep, x.shape[2])
    first = max(reach(granularity) + 1, x.shape[2] - keep)
    lacking = first - (x.shape[2] - keep)
    x = np.concatenate([np.full((*x.shape[:2], lacking), np.nan), x], axis=2)
    out = np.empty((len(list_features(granularity)), x.shape[1], keep))
    parts = dict(_parts(out))
    parts["temporal"][:] = tell_time(when[len(when) - keep :], granularity)[:, None, :]
    longs = []
    for place, row in enumerate(x):
        part = {family: rows[place * len(rows) // 3 : (place + 1) * len(rows) // 3] for family, rows in parts.items()}
        longs.append(long := roll(row, first, part["rolling"], part["distribution"]))
        lag(row, first, part["lag"])
        rate(row, first, part["rate of change"])
        peak(row, first, long, part["peak"])
        find_change(row, first, part["rolling"], long, part["change point"])
        spectrum(row, first, part["spectrum"], SEASON[granularity], SPECTRUM[granularity])
        entropy(row, first, long, part["entropy"])
        leave(row, first, part["residual"], SEASON[granularity])
    correlate(x, first, parts["rolling"], parts["cross-correlation"])
    interact(x, first, np.stack(longs, axis=1), parts["interaction"])
    return out


def _parts(out: Floats) -> Iterator[tuple[str, Floats]]:
    """The rows of each family."""
    begin = 0
    for family, count in FAMILIES.items():
        yield family, out[begin : begin + count]
        begin += count


def _check(x: Floats, when: npt.NDArray[np.datetime64], granularity: Granularity) -> None:
    if x.ndim != 3 or len(x) != len(BASE_METRICS) or x.shape[2] != len(when):
        raise DataError(f"features need ({len(BASE_METRICS)} metrics, resources, {len(when)} periods), got {x.shape}")
    if (np.diff(when) != STEP[granularity]).any():
        raise DataError(f"features need moments one {granularity} apart: a period that was not observed is NaN, not left out")
    if np.isinf(x).any():
        raise DataError("features need finite values, or NaN where none was observed")


def split_resources(count: int, keep: int) -> Iterator[slice]:
    """The resources in parts whose features take little memory, so that what one part took is used again by the next."""
    per_part = max(1, PART_BYTES // (8 * sum(FAMILIES.values()) * max(keep, 1)))
    yield from (slice(begin, begin + per_part) for begin in range(0, count, per_part))
