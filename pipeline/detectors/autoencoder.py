"""What a small network that has learned the weeks before cannot reproduce: scikit-learn's MLPRegressor as an auto-encoder."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field

from pipeline.anomalies.detection import Detection
from pipeline.anomalies.learned import Floats, LearnedOptions, alert_at, detect_by


class Options(LearnedOptions):
    """The network, what it is trained on, and when an error is an alert."""

    window_samples: int = Field(
        12, ge=2, le=500, description="Samples, the judged one last, that the network reproduces together."
    )
    hidden_units: int = Field(16, ge=1, le=500, description="Units of the layers before and after the narrowest.")
    bottleneck_units: int = Field(3, ge=1, le=100, description="Units of the narrowest layer: how much of a window can be kept.")
    iterations: int = Field(60, ge=1, le=5000, description="Passes over the training at most.")
    alert_ratio: float = alert_at(3.0)


DEFAULTS = Options()


def detect(ts: npt.NDArray[np.datetime64], values: npt.NDArray[np.float64], options: Options = DEFAULTS) -> Detection:
    """Score each value by how badly it is reproduced, with the samples before it, through a layer too narrow to copy them.

    Args, returns and errors are those of `learned.detect_by`: an alert is `alert_ratio` times what the highest hundredth of the
    training's errors is above their median.

    Source: Hawkins et al. (2002), Outlier detection using replicator neural networks; scikit-learn's MLPRegressor (tanh, Adam),
    which needs no library beside those that are there; no recurrent network.
    """

    def tell(_: npt.NDArray[np.datetime64], observed: Floats, usual: Floats) -> Floats:
        window = _windows(np.asarray(pd.Series(observed).ffill(), dtype=np.float64), options.window_samples)
        window[np.isnan(observed)] = np.nan
        return np.column_stack([window, observed - usual])

    return detect_by(partial(_learn, options), ts, values, options, tell)


def _windows(values: Floats, length: int) -> Floats:
    """(rows, length) the last samples up to each row; NaN where there are fewer."""
    padded = np.concatenate([np.full(length - 1, np.nan), values])
    return np.array(np.lib.stride_tricks.sliding_window_view(padded, length)) if len(values) else np.empty((0, length))


def _learn(options: Options, training: Floats, judged: Floats, drawn: np.random.Generator) -> tuple[Floats, Floats]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPRegressor

    network = MLPRegressor(
        hidden_layer_sizes=(options.hidden_units, options.bottleneck_units, options.hidden_units),
        activation="tanh",
        batch_size=min(128, len(training)),
        learning_rate_init=0.005,
        max_iter=options.iterations,
        random_state=int(drawn.integers(2**31)),
    )
    with warnings.catch_warnings():
        # So many passes are what is asked for.
        warnings.simplefilter("ignore", ConvergenceWarning)
        network.fit(training, training)
    return _error(network, training), _error(network, judged)


def _error(network: Any, told: Floats) -> Floats:
    """How far off the judged sample is, as such and from the usual value of its hour: the last two columns."""
    wrong = (told - np.asarray(network.predict(told), dtype=np.float64))[:, -2:]
    return np.asarray(np.sqrt((wrong**2).mean(axis=1)))
