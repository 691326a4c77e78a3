"""Simulated paths of demand through the quantiles of a forecast, and when they first reach a limit."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from pipeline.forecasting.panel import Floats

#: Paths per series; the standard error of a chance is at most 0.5 / sqrt(PATHS).
PATHS = 1000
#: Nothing was measured beyond 90 days; a forecast whose whole error lasts would be a single draw.
_MOST_LASTING = 0.5


@dataclass(frozen=True)
class QuantileFunction:
    """What a forecast says of each of its steps, as a function of the normal score.

    Linear between the given quantiles; beyond them it continues with the slope of its outermost piece, so that tails are
    Gaussian and finite.

    Attributes:
        scores: (q,) normal scores of the quantiles, ascending; two at least.
        values: (steps, q) the forecast at each score, sorted along both axes.
    """

    scores: Floats
    values: Floats

    def value_at(self, level: float) -> Floats:
        """(steps,) the forecast at one quantile level, 0–1."""
        score, scores = float(ndtri(level)), self.scores
        piece = int(np.clip(np.searchsorted(scores, score) - 1, 0, len(scores) - 2))
        share = (score - scores[piece]) / (scores[piece + 1] - scores[piece])
        value: Floats = self.values[:, piece] + share * (self.values[:, piece + 1] - self.values[:, piece])
        return value

    def score_at(self, limit: float) -> Floats:
        """(steps,) the smallest normal score at which demand reaches `limit`; ±inf where it always or never does."""
        scores, values = self.scores, self.values
        below = (values < limit).sum(axis=1)
        piece = np.clip(below - 1, 0, values.shape[1] - 2)
        rows = np.arange(len(values))
        low, high = values[rows, piece], values[rows, piece + 1]
        with np.errstate(divide="ignore", invalid="ignore"):
            reached: Floats = scores[piece] + (limit - low) / (high - low) * (scores[piece + 1] - scores[piece])
        # A flat outermost piece never gets further: it stays on its side of the limit.
        flat = high == low
        reached[flat & (below == 0)] = -np.inf
        reached[flat & (below > 0)] = np.inf
        return reached


# Most series of one forecast have equally many steps, and share their paths.
@lru_cache(maxsize=4)
def normal_paths(steps: int, rho: float, drift: float, paths: int = PATHS) -> npt.NDArray[np.float32]:
    """(paths, steps) standard normal scores, correlated along each path; not to be written to. Each comes with its mirror image.

    A score is the sum of a lasting miss of the level, the same all along a path, and of a stationary AR(1).

    Args:
        steps: of a path.
        rho: correlation of the AR(1) between neighbouring steps, 0 to below 1. 0 overstates the chance of ever crossing a
            limit, 1 understates it.
        drift: by how much the share of the variance that lasts grows with each step ahead, up to one half.
        paths: how many.
    """
    from scipy.signal import lfilter  # takes a second to import

    half = (paths + 1) // 2
    random = np.random.default_rng(0)
    noise = random.standard_normal((half, steps))
    noise[:, 1:] *= np.sqrt(1 - rho**2)
    drawn = lfilter([1.0], [1.0, -rho], noise, axis=1)
    share = np.minimum(drift * np.arange(1, steps + 1), _MOST_LASTING)
    drawn = np.sqrt(1 - share) * drawn + np.sqrt(share) * random.standard_normal((half, 1))
    scores = np.concatenate([drawn, -drawn])[:paths].astype(np.float32)
    scores.setflags(write=False)
    return scores


def first_passage(scores: npt.NDArray[np.float32], reached: Floats) -> npt.NDArray[np.int64]:
    """(paths,) the step at which each path first reaches the limit; the number of steps when it never does.

    Args:
        scores: (paths, steps) from `normal_paths`.
        reached: (steps,) from `QuantileFunction.score_at`.
    """
    crossed = scores >= reached.astype(np.float32)
    passage: npt.NDArray[np.int64] = np.where(crossed.any(axis=1), crossed.argmax(axis=1), scores.shape[1])
    return passage


@lru_cache(maxsize=1)
def surprise_times(paths: int = PATHS) -> Floats:
    """(paths,) when each path meets its surprise, where the rate is one a day; divide by any other rate.

    Exponential, by equal shares, in an order that owes nothing to the paths.
    """
    shares = (np.random.default_rng([0, 1]).permutation(paths) + 0.5) / paths
    times: Floats = -np.log(shares)
    times.setflags(write=False)
    return times
