"""How far the metrics of one resource lie together from what is usual of them together, and how much of that each makes up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import chi2
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from pipeline.anomalies.catalogued import choose, measure
from pipeline.anomalies.detection import finite, usual_of_hour
from pipeline.anomalies.learned import LEAST_SAMPLES, CataloguedOptions, trainings
from pipeline.features.series import of_samples

Floats = npt.NDArray[np.float64]
Stamps = npt.NDArray[np.datetime64]
Rows = npt.NDArray[np.int64]

#: What is told of a training is cut off so many deviations out: a few outliers make no covariance.
_CUT = 4.0
#: A metric of which a larger share of the samples is missing is left out of a training and what follows it.
_MISSING_RATIO = 0.1
_LEVEL = 0.99


class Joint(NamedTuple):
    """Of each sample of one metric of a resource.

    Attributes:
        excess: its part of the distance of all metrics, in multiples of what is an alert; all of it where it is the largest part.
            NaN where the metrics were not judged together.
        share: of the squared distance; of all metrics they sum to 1. Below 0 where the metric makes the others less unusual.
        usual: the usual value of its hour.
    """

    excess: Floats
    share: Floats
    usual: Floats


def judge_together(
    ts: Stamps, clock: Stamps, own: Floats, others: Mapping[str, Floats], options: CataloguedOptions, alert_deviations: float
) -> Joint:
    """The Mahalanobis distance of the metrics' deviations from the usual values of their hours, and of what features say of each.

    Args:
        ts: one timestamp per row, UTC.
        clock: as `arrival_clock` gives it.
        own: the metric that is judged, NaN where missing.
        others: name → other metrics at the same moments.
        options: of training; covariances are made at fixed moments, of what came before each. A metric's `catalogue` features
            are coordinates beside its deviation, and what they make up of the distance is its part.
        alert_deviations: deviations of one metric that are an alert; of more the distance that is as rare.

    Source: Mahalanobis (1936), with the shrunk covariance of Ledoit & Wolf (2004), A well-conditioned estimator; parts as in
    Garthwaite & Koch (2016), by variable r · (Σ⁻¹ r), which sum to the squared distance.
    """
    columns = [own, *(finite(others[name]) for name in sorted(others))]
    usual = [usual_of_hour(ts, clock, each, f"{options.history_days}D") for each in columns]
    deviations = np.column_stack([(each - middle) / spread for each, (middle, spread) in zip(columns, usual, strict=True)])
    excess, share = np.full(len(own), np.nan), np.full(len(own), np.nan)
    told: list[_Series] = []
    if options.catalogue:
        told = [
            _Series(each, np.abs(each - middle), of_samples(clock, each))
            for each, (middle, _) in zip(columns, usual, strict=True)
        ]
    # Sums of linear algebra depend on how many threads share them.
    with threadpool_limits(limits=1):
        for known, block in trainings(clock, np.isfinite(deviations[:, 0]), options.history_days, options.retrain_hours):
            used = np.flatnonzero(np.isnan(deviations[known]).mean(axis=0) <= _MISSING_RATIO)
            learned = known[np.isfinite(deviations[known][:, used]).all(axis=1)]
            new = block[np.isfinite(deviations[block][:, used]).all(axis=1)]
            if len(used) < 2 or len(learned) < LEAST_SAMPLES or not len(new):
                continue
            coordinates = [_Coordinates(used, deviations[learned][:, used], deviations[new][:, used])]
            if told:
                coordinates += [_of_features(int(place), told[place], learned, new, options.catalogue) for place in used]
            owner, past, judged = (np.concatenate(each, axis=-1) for each in zip(*coordinates, strict=True))
            distance, parts = _distance(judged, _precision(past))
            parts = np.column_stack([parts[:, owner == place].sum(axis=1) for place in used])
            excess[new], share[new] = _part(distance / (alert_deviations * _widening(len(owner))), parts)
    return Joint(excess, share, usual[0][0])


class _Series(NamedTuple):
    """Of one metric: its values, how far each lies from the usual one of its hour, (rows, features) what the catalogue says."""

    values: Floats
    surprise: Floats
    features: Floats


class _Coordinates(NamedTuple):
    """What is told of samples: which metric each coordinate is of, and its values in a training and in what is judged by it."""

    owner: Rows
    past: Floats
    judged: Floats


def _of_features(place: int, series: _Series, learned: Rows, new: Rows, most: int) -> _Coordinates:
    """The features of one metric that tell most of it in a training."""
    chosen = choose(series.features[learned], series.surprise[learned], most)
    level = float(np.median(np.abs(series.values[learned])))
    past, judged = measure(series.features[learned], series.features[new], chosen, level)
    return _Coordinates(np.full(len(chosen), place), past, judged)


def _widening(metrics: int) -> float:
    """By how many times the distance of so many metrics is larger than that of one, where nothing is unusual."""
    return float(np.sqrt(chi2.ppf(_LEVEL, metrics) / chi2.ppf(_LEVEL, 1)))


def _precision(past: Floats) -> Floats:
    from sklearn.covariance import LedoitWolf

    cut = np.clip(past, -_CUT, _CUT)
    if not cut.any():
        return np.eye(cut.shape[1])
    return np.asarray(LedoitWolf(assume_centered=True).fit(cut).precision_, dtype=np.float64)


def _distance(deviations: Floats, precision: Floats) -> tuple[Floats, Floats]:
    """(n,) distances, and (n, metrics) the parts of their squares."""
    parts = deviations * (deviations @ precision)
    return np.sqrt(np.fmax(parts.sum(axis=1), 0.0)), parts


def _part(excess: Floats, parts: Floats) -> tuple[Floats, Floats]:
    """What the first metric has of the excess, and of the squared distance."""
    whole = parts.sum(axis=1)
    share = np.divide(parts[:, 0], whole, out=np.zeros(len(whole)), where=whole > 0)
    is_largest = (parts[:, 0] >= parts.max(axis=1)) & (whole > 0)
    return np.where(is_largest, excess, excess * np.sqrt(np.clip(share, 0.0, 1.0))), share
