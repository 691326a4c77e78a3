"""How long a sample stands for, where nobody says so: told by each series for itself."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.errors import DataError

LONGEST_PERIOD_S = 86_400
SERIES = ["account", "region", "resource_id", "metric"]


def commonest_steps(path: str, samples: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Seconds that each sample stands for: the commonest step between consecutive samples of its own series and statistic, the
    shortest on a tie. A series of one sample has no step: it takes the commonest of the file."""
    if samples.empty:
        return np.ones(0, dtype=np.int64)
    series = samples.groupby([*SERIES, "statistic"], sort=False, observed=True).ngroup().to_numpy()
    moments = samples["ts"].to_numpy()
    order = np.lexsort((moments, series))
    same = np.diff(series[order]) == 0
    steps = np.round(np.diff(moments[order]) / np.timedelta64(1, "s")).astype(np.int64)
    counted = pd.DataFrame({"series": series[order][1:], "step": steps})[same & (steps >= 1)]
    if counted.empty:
        raise DataError(f"{path}: no series has two samples at different times, so their period is unknown; state period_s")
    # `mode` gives the shortest first.
    own = counted.groupby("series")["step"].agg(lambda each: each.mode().iloc[0])
    period: npt.NDArray[np.int64] = own.reindex(series).fillna(counted["step"].mode().iloc[0]).to_numpy(dtype=np.int64)
    if period.max() > LONGEST_PERIOD_S:
        odd = samples.iloc[int(period.argmax())]
        raise DataError(
            f"{path}: the commonest step of {odd['resource_id']} {odd['metric']} is {period.max()} s, expected at most "
            f"{LONGEST_PERIOD_S}; state period_s"
        )
    return period
