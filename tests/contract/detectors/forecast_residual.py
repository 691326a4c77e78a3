"""The cases of the residual of a forecast."""

from __future__ import annotations

import numpy as np

from pipeline.anomalies.detection import Forecast, arrival_clock, finite, usual_of_hour
from tests.support.options import Changed
from tests.support.series import spiked


def beside(ts: np.ndarray, values: np.ndarray) -> dict[str, Forecast]:
    """A forecast that knows what is usual of each hour, with a band that is far too sure."""
    expected, spread = usual_of_hour(ts, arrival_clock(ts), finite(values), "14D")
    return {"forecast": Forecast(expected - 0.1 * spread, expected, expected + 0.1 * spread)}


OPTIONS = {
    "alert_deviations": Changed(2, spiked({})),
    # One error that was far larger than all others is forgotten.
    "history_days": Changed(2, spiked({300: 20_000, 800: 80})),
}
