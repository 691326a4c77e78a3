"""What lies where samples are rare beside where its neighbours lie: the local outlier factor, by the weeks before alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pydantic import Field

from pipeline.anomalies.detection import Detection
from pipeline.anomalies.learned import LEAST_SAMPLES, Floats, LearnedOptions, detect_by


class Options(LearnedOptions):
    """The neighbours, what they are taken from, and when the factor is an alert."""

    neighbours: int = Field(
        20, ge=2, le=LEAST_SAMPLES - 1, description="Nearest samples of the training that one is compared with."
    )


DEFAULTS = Options()


def detect(ts: npt.NDArray[np.datetime64], values: npt.NDArray[np.float64], options: Options = DEFAULTS) -> Detection:
    """Score each value by how much rarer samples are around it than around its nearest neighbours of the weeks before.

    Args, returns and errors are those of `learned.detect_by`: an alert is `alert_ratio` times what the highest hundredth of the
    training's factors is above their median.

    Source: Breunig et al. (2000), LOF: identifying density-based local outliers; scikit-learn's LocalOutlierFactor.
    """
    from sklearn.neighbors import LocalOutlierFactor

    def learn(training: Floats, judged: Floats, _: np.random.Generator) -> tuple[Floats, Floats]:
        factor = LocalOutlierFactor(n_neighbors=options.neighbours, novelty=True).fit(training)
        return -factor.negative_outlier_factor_, -factor.score_samples(judged)

    return detect_by(learn, ts, values, options)
