"""The cases of the joint distance."""

from __future__ import annotations

import numpy as np

from tests.support.options import Changed
from tests.support.series import spiked


def beside(ts: np.ndarray, values: np.ndarray) -> dict[str, dict[str, np.ndarray]]:
    """Another metric of the machine, with a day of its own and noise; it does not know what the series does."""
    hour = (np.asarray(ts).astype("datetime64[m]").astype(np.int64) % 1440) / 60
    noise = np.random.default_rng(5).normal(0, 2, len(values))
    return {"others": {"memory": 50 + 10 * np.sin(2 * np.pi * hour / 24) + noise}}


OPTIONS = {
    "alert_deviations": Changed(1, spiked({})),
    "catalogue": Changed(6, spiked({}), {"alert_deviations": 1}),
    "history_days": Changed(7, spiked({}), {"alert_deviations": 1}),
    "retrain_hours": Changed(24, spiked({}), {"alert_deviations": 1}),
}
