"""What lies outside the smallest region that holds nearly all of the weeks before: a one-class support vector machine."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pydantic import Field

from pipeline.anomalies.detection import Detection
from pipeline.anomalies.learned import Floats, LearnedOptions, alert_at, detect_by


class Options(LearnedOptions):
    """The region, what it is learned from, and when a sample is far enough outside."""

    nu: float = Field(0.05, ge=0.001, le=0.5, description="Share of the training that may lie outside, at most.")
    gamma: float = Field(0.1, ge=1e-4, le=100, description="How closely the region follows the samples: 1 ÷ (2 × squared width).")
    alert_ratio: float = alert_at(1.25)


DEFAULTS = Options()


def detect(ts: npt.NDArray[np.datetime64], values: npt.NDArray[np.float64], options: Options = DEFAULTS) -> Detection:
    """Score each value by how far it lies outside a region that holds nearly all samples of the weeks before its training.

    Args, returns and errors are those of `learned.detect_by`: an alert is `alert_ratio` times what the highest hundredth of the
    training's scores is above their median.

    Source: Schölkopf et al. (2001), Estimating the support of a high-dimensional distribution; scikit-learn's OneClassSVM with
    a radial kernel. Far outside the kernel is nothing, so what is very far is no graver than what is far.
    """
    from sklearn.svm import OneClassSVM

    def learn(training: Floats, judged: Floats, _: np.random.Generator) -> tuple[Floats, Floats]:
        region = OneClassSVM(nu=options.nu, gamma=options.gamma).fit(training)
        return -region.decision_function(training), -region.decision_function(judged)

    return detect_by(learn, ts, values, options)
