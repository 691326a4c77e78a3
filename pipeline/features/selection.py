"""Which features a model keeps, by what they told in the rows that it learns from."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.features.windows import Floats

#: Rows that mutual information is estimated on, spread evenly: it takes a second for a hundred features.
_ROWS = 1_500


def select(
    names: tuple[str, ...], features: Floats, target: Floats, gain: Floats, always: int, most: int
) -> tuple[npt.NDArray[np.int64], pd.DataFrame]:
    """Features of a fold's own rows, best by importance and mutual information together.

    Args:
        names: of the features.
        features: (rows, features), of the training part of a fold and of nothing after it; NaN is missing.
        target: (rows,) what is learnt.
        gain: (features,) how much a first model's splits by each lowered its loss.
        always: the first features, which are kept whatever they tell.
        most: how many of the others are chosen, those with the lowest sum of both ranks.

    Returns:
        Which features are kept, ascending, and a row per feature: feature, importance (share of the gain), mutual_information
        (nats; a missing value counts as the feature's median), importance_rank by the sum of ranks, chosen.

    Source: Kraskov, Stögbauer & Grassberger (2004), Estimating mutual information, as scikit-learn's mutual_info_regression.
    """
    from sklearn.feature_selection import mutual_info_regression

    rows = np.unique(np.linspace(0, len(target) - 1, _ROWS).astype(np.int64))
    told = mutual_info_regression(fill(features[rows]), target[rows], random_state=1)
    place = _rank(gain) + _rank(told)
    rest = always + np.argsort(place[always:], kind="stable")[:most]
    kept = np.sort(np.concatenate([np.arange(always), rest]))
    table = pd.DataFrame(
        {
            "feature": names,
            "importance": gain / max(float(gain.sum()), 1e-12),
            "mutual_information": told,
            "importance_rank": _rank(-place.astype(np.float64)),
            "chosen": np.isin(np.arange(len(names)), kept),
        }
    )
    return kept, table


def fill(features: Floats) -> Floats:
    """The same with what is missing at the median of its column; at 0 where nothing is known of it."""
    seen = np.isfinite(features)
    middle = [np.median(column[known]) if known.any() else 0.0 for column, known in zip(features.T, seen.T, strict=True)]
    return np.where(seen, features, np.array(middle))


def _rank(values: Floats) -> npt.NDArray[np.int64]:
    """1 for the highest; of equals the first comes first."""
    ranks = np.empty(len(values), dtype=np.int64)
    ranks[np.argsort(-values, kind="stable")] = np.arange(1, len(values) + 1)
    return ranks
