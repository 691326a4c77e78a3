"""What lies outside the smallest region that holds nearly all of the weeks before: a one-class support vector machine."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pydantic import Field

from pipeline.anomalies.detection import Detection
from pipeline.anomalies.learned import Floats, LearnedOptions, detect_by


class Options(LearnedOptions):
    """The region, what it is learned from, and when a sample is far enough outside."""

    nu: float = Field(0.05, ge=0.001, le=0.5, description="Share of the training that may lie outside, at most.")
    gamma: float = Field(0.1, ge=1e-4, le=100, description="How closely the region follows the samples: 1 ÷ (2 × squared width).")
    alert_ratio: float = Field(
        1.25,
        ge=0.5,
        le=100,
        description="Score that is an alert, as a multiple of the way from the median to the 99th percentile of the training's.",
    )


DEFAULTS = Options()


def detect(ts: npt.NDArray[np.datetime64], values: npt.NDArray[np.float64], options: Options = DEFAULTS) -> Detection:
    """Score each value by how far it lies outside a region that holds nearly all samples of the weeks before its training.

    A sample is its value, its distance from the usual one of its hour, its change, and its distance from the mean of a day.

    Args:
        ts: one timestamp per row, UTC; duplicates, gaps and steps backwards are allowed.
        values: the series in any unit; NaN is missing and scores 0.
        options: of the region, the training and the threshold.

    Returns:
        An alert at `alert_ratio` times what the highest hundredth of the training's scores is above their median. `expected` is
        the usual value of the hour. Nothing is judged before a week was seen.

    Raises:
        ValueError: a missing timestamp.

    Source: Schölkopf et al. (2001), Estimating the support of a high-dimensional distribution; scikit-learn's OneClassSVM with
    a radial kernel. Far outside the kernel is nothing, so what is very far is no graver than what is far.
    """
    from sklearn.svm import OneClassSVM

    def learn(training: Floats, judged: Floats, _: np.random.Generator) -> tuple[Floats, Floats]:
        region = OneClassSVM(nu=options.nu, gamma=options.gamma).fit(training)
        return -region.decision_function(training), -region.decision_function(judged)

    return detect_by(learn, ts, values, options)
