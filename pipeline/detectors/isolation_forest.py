"""What few random cuts set apart from the weeks before: an isolation forest, trained anew each week on the past alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pydantic import Field

from pipeline.anomalies.detection import Detection
from pipeline.anomalies.learned import Floats, LearnedOptions, alert_at, detect_by


class Options(LearnedOptions):
    """The forest, what it is trained on, and when its score is an alert."""

    trees: int = Field(100, ge=10, le=1000, description="Trees of a forest; time follows them.")
    samples_per_tree: int = Field(256, ge=16, le=10_000, description="Samples that each tree is grown from.")
    alert_ratio: float = alert_at(1.1)


DEFAULTS = Options()


def detect(ts: npt.NDArray[np.datetime64], values: npt.NDArray[np.float64], options: Options = DEFAULTS) -> Detection:
    """Score each value by how few cuts at random places set it apart from the samples of the weeks before its training.

    Args, returns and errors are those of `learned.detect_by`: an alert is `alert_ratio` times what the highest hundredth of the
    training's scores is above their median.

    Source: Liu, Ting & Zhou (2008), Isolation Forest; scikit-learn's IsolationForest. Its score cannot exceed 1, so what is far
    out is hardly graver than what is just outside.
    """
    from sklearn.ensemble import IsolationForest

    def learn(training: Floats, judged: Floats, drawn: np.random.Generator) -> tuple[Floats, Floats]:
        forest = IsolationForest(
            n_estimators=options.trees,
            max_samples=min(options.samples_per_tree, len(training)),
            random_state=int(drawn.integers(2**31)),
        ).fit(training)
        return -forest.score_samples(training), -forest.score_samples(judged)

    return detect_by(learn, ts, values, options)
