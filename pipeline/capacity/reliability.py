"""Stated chances beside what happened."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.forecasting.panel import Floats


def bin_chances(stated: Floats, observed: npt.NDArray[np.bool_], bins: int = 10) -> pd.DataFrame:
    """Stated probabilities against observed frequencies.

    Args:
        stated: probabilities 0–1; NaN entries are left out.
        observed: whether each event happened.
        bins: equal widths over 0–1; 1 belongs to the last.

    Returns:
        One row per bin that holds a forecast: bin_low, bin_high, forecasts, stated_mean, observed_rate, the mean squared
        difference of probability and outcome, brier, the same had each probability been the rate over all bins,
        base_rate_brier, and the 95 % Wilson interval of the bin's rate, observed_low and observed_high.

    Raises:
        ValueError: lengths differ, or a probability lies outside 0–1.

    Source: Wilson (1927); Brier (1950); reliability diagrams as in Murphy & Winkler (1977).
    """
    stated, happened = _pairs(stated, observed)
    index = np.minimum((stated * bins).astype(int), bins - 1)
    table = (
        pd.DataFrame({"bin": index, "stated": stated, "happened": happened})
        .assign(brier=(stated - happened) ** 2, base_rate_brier=(happened.mean() - happened) ** 2 if len(happened) else happened)
        .groupby("bin", as_index=False)
        .agg(
            forecasts=("stated", "size"),
            stated_mean=("stated", "mean"),
            observed_rate=("happened", "mean"),
            brier=("brier", "mean"),
            base_rate_brier=("base_rate_brier", "mean"),
        )
    )
    n, rate, z = table["forecasts"], table["observed_rate"], 1.959963984540054
    centre = (rate + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(rate * (1 - rate) / n + z**2 / (4 * n**2))
    table.insert(0, "bin_low", table["bin"] / bins)
    table.insert(1, "bin_high", (table["bin"] + 1) / bins)
    table["observed_low"] = (centre - half).clip(lower=0.0)
    table["observed_high"] = (centre + half).clip(upper=1.0)
    return table.drop(columns="bin")


def brier_score(stated: Floats, observed: npt.NDArray[np.bool_]) -> float:
    """Mean squared difference of probability and outcome; 0 is perfect, the base rate p alone scores p(1 - p).

    Raises:
        ValueError: no pair, lengths differ, or a probability outside 0–1.

    Source: Brier (1950).
    """
    stated, happened = _pairs(stated, observed)
    if len(stated) == 0:
        raise ValueError("no pair of a probability and an outcome")
    return float(np.mean((stated - happened) ** 2))


def _pairs(stated: Floats, observed: npt.NDArray[np.bool_]) -> tuple[Floats, Floats]:
    probability, happened = np.asarray(stated, dtype=np.float64), np.asarray(observed, dtype=np.float64)
    if probability.shape != happened.shape or probability.ndim != 1:
        raise ValueError(f"{probability.shape} probabilities and {happened.shape} outcomes do not pair up")
    known = ~np.isnan(probability)
    probability, happened = probability[known], happened[known]
    if ((probability < 0) | (probability > 1)).any():
        raise ValueError(f"probabilities lie in 0–1, got {probability.min()} to {probability.max()}")
    return probability, happened
