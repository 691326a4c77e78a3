"""What the feature catalogue tells a detector that learns: which features, chosen in a training alone, and in which measure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipeline.anomalies.detection import smallest_scale
from pipeline.features.selection import fill, select
from pipeline.features.series import kinds, names

Floats = npt.NDArray[np.float64]

#: A feature of which a larger share of a training is missing is not chosen.
_MISSING_RATIO = 0.1
#: Deviations beyond which a feature is as far off as this: a share of a value near 0 says nothing of how far.
_LIMIT = 20.0
#: What a ratio or a number of periods varies by at least, and a percentage.
_LEAST_RATIO, _LEAST_SHARE = 0.01, 1.0
#: Rows of a training, spread evenly, that features are chosen by, and trees of the first model that tells their importance.
_ROWS, _TREES = 500, 60


def choose(training: Floats, surprise: Floats, most: int) -> npt.NDArray[np.int64]:
    """Which features tell most of how far samples of a training lie from the usual value of their hour; ascending.

    Args:
        training: (rows, features) as `of_samples` gives them; NaN is missing.
        surprise: (rows,) the distance.
        most: how many at most. Those that are missing in more than a tenth of the rows, or do not vary, are not chosen.

    Source: importance by extremely randomised trees (Geurts, Ernst & Wehenkel 2006), with mutual information as `select` says.
    """
    from sklearn.ensemble import ExtraTreesRegressor

    seen = np.isfinite(training)
    usable = np.flatnonzero((seen.mean(axis=0) >= 1 - _MISSING_RATIO) & _varies(training))
    if not len(usable):
        return usable
    rows = np.unique(np.linspace(0, len(surprise) - 1, _ROWS).astype(np.int64))
    features, surprise = fill(training[rows][:, usable]), surprise[rows]
    first = ExtraTreesRegressor(_TREES, min_samples_leaf=3, random_state=1).fit(features, surprise)
    named = tuple(names("hour")[place] for place in usable)
    kept, _ = select(named, features, surprise, np.asarray(first.feature_importances_, dtype=np.float64), 0, most)
    return usable[kept]


def measure(training: Floats, judged: Floats, chosen: npt.NDArray[np.int64], level: float) -> tuple[Floats, Floats]:
    """Chosen features in deviations of the training from its mean: what is missing lies in the middle, nothing more than 20 off.

    Args:
        training, judged: (rows, features) as `of_samples` gives them.
        chosen: from `choose`.
        level: of the series: in its unit nothing varies by less than 1 % of it.
    """
    in_level, in_distance, in_share = (each[chosen] for each in kinds("hour"))
    least = np.where(in_share, _LEAST_SHARE, _LEAST_RATIO)
    least = np.where(in_level | in_distance, smallest_scale(np.array(level)), least)
    past = fill(training[:, chosen])
    centre, spread = past.mean(axis=0), np.fmax(past.std(axis=0), least)
    new = np.where(np.isfinite(judged[:, chosen]), judged[:, chosen], centre)
    return np.clip((past - centre) / spread, -_LIMIT, _LIMIT), np.clip((new - centre) / spread, -_LIMIT, _LIMIT)


def _varies(training: Floats) -> npt.NDArray[np.bool_]:
    known = np.where(np.isfinite(training), training, np.nan)
    return np.asarray(np.fmax.reduce(known) > np.fmin.reduce(known))
