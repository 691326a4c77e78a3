"""The forecasts of one segment as rows of `gold.forecast`, and the series of which nothing is forecast."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from pipeline.forecasting.panel import STEP, Panel
from pipeline.forecasting.spec import Champion, forecast
from pipeline.forecasting.tier import tier
from pipeline.tables.arrow import TIMESTAMP
from pipeline.tables.columns import ENDED, QUANTILES, TOO_NEW, Granularity
from pipeline.tables.schema import bucket_of

#: A series that has been silent for longer has ended: nobody plans capacity for it.
SILENT: dict[Granularity, timedelta] = {"hour": timedelta(days=3), "day": timedelta(days=14)}
#: Observed periods without which a series is not forecast.
LEAST_OBSERVED = 3


def why_not(panel: Panel, as_of: datetime) -> npt.NDArray[np.str_]:
    """(n,) why a series is not forecast, empty where it is: it has ended, or is so new that any answer would be made up."""
    reasons = np.full(len(panel), "", dtype="<U8")
    reasons[observed_periods(panel) < LEAST_OBSERVED] = TOO_NEW
    reasons[panel.end < np.datetime64(as_of - SILENT[panel.step], "us")] = ENDED
    return reasons


def observed_periods(panel: Panel) -> npt.NDArray[np.int64]:
    count: npt.NDArray[np.int64] = np.count_nonzero(~np.isnan(panel.values), axis=1)
    return count


def not_forecast_rows(panel: Panel, units: list[str], as_of: datetime, reasons: Sequence[str]) -> pd.DataFrame:
    """The series of a panel as rows of `gold.not_forecast`, each with its reason."""
    return pd.DataFrame(
        {
            "as_of": np.datetime64(as_of, "us"),
            "series_id": panel.series_id,
            "metric": panel.metric,
            "unit": units,
            "granularity": panel.step,
            "reason": list(reasons),
            "observed": observed_periods(panel),
            "last_at": panel.end,
            "bucket": [bucket_of(name) for name in panel.series_id],
        }
    )


def forecast_rows(panel: Panel, units: list[str], as_of: datetime, periods: int, champion: Champion) -> pa.Table:
    """Forecasts of one segment from `as_of` on, as rows of `gold.forecast`.

    A series whose last samples are late is forecast across the gap, and the part that lies before `as_of` is left out.

    Args:
        panel: the segment's series; one at least.
        units: unit of each series.
        as_of: start of the first period published.
        periods: hours or days published.
        champion: what forecasts.
    """
    step, first = STEP[panel.step], np.datetime64(as_of, "us")
    late = int(max((first - panel.end).max() // step, 1)) - 1
    horizon = periods + late
    values, who = forecast(panel, horizon, QUANTILES, champion.forecaster, champion.params, champion.overrides)
    ts = panel.future(horizon)
    rows, columns = np.nonzero((ts >= first) & (ts < first + periods * step))
    levels = len(QUANTILES)
    series = np.repeat(rows, levels)
    one = np.zeros(len(series), dtype=np.int64)
    return pa.table(
        {
            "as_of": pa.array([as_of], TIMESTAMP).take(pa.array(one)),
            "series_id": _words(panel.series_id.tolist(), series),
            "metric": _words(panel.metric.tolist(), series),
            "unit": _words(units, series),
            "granularity": _words([panel.step], one),
            "ts": pa.array(np.repeat(ts[rows, columns], levels), TIMESTAMP),
            "quantile": np.tile(QUANTILES, len(rows)),
            "value": values[rows, columns].ravel(),
            "model": _words(who.tolist(), series),
            "model_version": _words([champion.version], one),
            "tier": _words(tier(panel).tolist(), series),
            "cutoff": pa.array(panel.end[series], TIMESTAMP),
            "bucket": np.array([bucket_of(name) for name in panel.series_id])[series],
            "soundness": _words([champion.soundness], one),
            "coverage_90": pa.array([champion.coverage_90], pa.float64()).take(pa.array(one)),
        }
    )


def _words(words: list[str], which: npt.NDArray[np.int64]) -> pa.Array:
    """Text by its place in a list: a million copies of a series' name would be most of the memory."""
    return pa.DictionaryArray.from_arrays(pa.array(which, pa.int32()), pa.array(words, pa.string()))
