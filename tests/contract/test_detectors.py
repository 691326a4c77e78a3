"""What every file in pipeline/detectors promises."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline import plugs
from pipeline.anomalies.detection import ALERT, Detection, announced_score
from tests.support.options import answers, every_option
from tests.support.plug_cases import cases_of
from tests.support.series import Series, half_hourly

#: What was worked out, by what was asked.
ALERTS: dict[tuple[object, ...], NDArray[np.bool_]] = {}


def awkward() -> dict[str, Series]:
    ts, values = half_hourly(12)
    gappy, infinite, repeated, backwards = values.copy(), values.copy(), ts.copy(), ts.copy()
    gappy[100:200] = np.nan
    gappy[::7] = np.nan
    infinite[[50, 300]] = np.inf, -np.inf
    repeated[101:110] = repeated[100]
    backwards[[200, 201]] = backwards[[201, 200]]
    backwards[300] -= np.timedelta64(3, "D")
    return {
        "no row": (ts[:0], values[:0]),
        "one row": (ts[:1], values[:1]),
        "constant": (ts, np.full(len(ts), 42.0)),
        "all zero": (ts, np.zeros(len(ts))),
        "all missing": (ts, np.full(len(ts), np.nan)),
        "gaps": (ts, gappy),
        "infinite": (ts, infinite),
        "repeated timestamps": (repeated, values),
        "timestamps that run backwards": (backwards, values),
        "irregular": (ts + np.random.default_rng(1).integers(0, 3_000, len(ts)) * np.timedelta64(1, "s"), values),
        "nanosecond timestamps": (ts.astype("datetime64[ns]"), values),
        "tiny": (ts, values * 1e-12),
        "huge": (ts, values * 1e12),
        "negative": (ts, -values),
        "daily": (np.datetime64("2026-01-01", "us") + np.arange(120) * np.timedelta64(1, "D"), values[:120]),
        "a month of silence": (np.where(np.arange(len(ts)) < 200, ts, ts + np.timedelta64(40, "D")), values),
    }


def told(name: str, detect: Callable[..., Detection]) -> Callable[..., Detection]:
    """The detector with what it declares beside a series, as its cases make it from the past of that."""
    if not plugs.declared_inputs("detectors", name):
        return detect
    beside = cases_of("detectors", name).beside
    return lambda ts, values: detect(ts, values, **beside(ts, values))


@pytest.fixture(params=plugs.names("detectors"))
def detector(request: pytest.FixtureRequest):
    return SimpleNamespace(name=request.param, detect=told(request.param, plugs.load("detectors", request.param).detect))


@cache
def found_in(name: str, kind: str) -> Detection:
    """What a detector says of an awkward series, which it must leave as it was."""
    ts, values = awkward()[kind]
    ts_before, values_before = ts.copy(), values.copy()
    found = told(name, plugs.load("detectors", name).detect)(ts, values)
    assert (ts == ts_before).all()
    assert np.array_equal(values, values_before, equal_nan=True), "the input was written to"
    return found


def test_there_is_a_default_detector_beside_the_yardsticks() -> None:
    assert set(plugs.names("detectors")) >= {"default", "seasonal_mad", "zscore", "iqr"}


@pytest.mark.parametrize("kind", sorted(awkward()))
def test_whatever_the_series_scores_lie_between_0_and_1_and_missing_values_score_0(detector, kind: str) -> None:
    _, values = awkward()[kind]

    found = found_in(detector.name, kind)

    assert isinstance(found, Detection)
    assert found.score.shape == found.expected.shape == values.shape
    assert found.score.dtype == found.expected.dtype == np.float64
    assert ((found.score >= 0) & (found.score <= 1)).all()
    assert (found.score[~np.isfinite(values)] == 0).all()
    assert not np.isinf(found.expected).any()
    assert (np.isnan(found.lower) == np.isnan(found.upper)).all()
    banded = ~np.isnan(found.lower)
    assert ((found.lower <= found.expected) & (found.expected <= found.upper))[banded].all()


@pytest.mark.parametrize("kind", sorted(awkward()))
def test_the_scores_of_a_prefix_are_the_prefix_of_the_scores(detector, kind: str) -> None:
    ts, values = awkward()[kind]
    whole = found_in(detector.name, kind)
    for rows in (1, 60, 150, 201, 333, len(ts) - 1):
        if rows >= len(ts) or rows < 0:
            continue

        prefix = detector.detect(ts[:rows], values[:rows])

        np.testing.assert_allclose(prefix.score, whole.score[:rows], rtol=0, atol=1e-9)
        np.testing.assert_allclose(prefix.expected, whole.expected[:rows], rtol=1e-9)


def test_nothing_is_an_alert_in_the_first_day_nor_among_the_first_values(detector) -> None:
    ts, values = half_hourly(3)
    values[[0, 5, 23, 47]] = 1e6

    assert (detector.detect(ts, values).score[:48] == 0).all()

    daily = np.datetime64("2026-01-01", "us") + np.arange(60) * np.timedelta64(1, "D")
    assert (detector.detect(daily, np.where(np.arange(60) == 20, 1e6, values[:60])).score[:24] == 0).all()


def test_a_constant_series_never_alerts_until_it_changes(detector) -> None:
    ts, _ = half_hourly(12)
    values = np.full(len(ts), 42.0)
    values[500] = 60.0

    score = detector.detect(ts, values).score

    assert (score[:500] == 0).all()
    assert score[500] >= ALERT


def test_scores_do_not_depend_on_the_unit(detector) -> None:
    ts, values = half_hourly(12)

    as_percent, as_ratio = detector.detect(ts, values), detector.detect(ts, values / 128)

    np.testing.assert_allclose(as_percent.score, as_ratio.score, atol=1e-6)
    np.testing.assert_allclose(as_percent.expected / 128, as_ratio.expected, rtol=1e-9)


def test_the_same_series_scores_the_same_twice(detector) -> None:
    ts, values = half_hourly(12)

    first, second = detector.detect(ts, values), detector.detect(ts, values)

    assert np.array_equal(first.score, second.score)
    assert np.array_equal(first.expected, second.expected, equal_nan=True)


def test_an_obvious_spike_alerts_and_a_calm_series_hardly_ever_does(detector) -> None:
    ts, values = half_hourly(20)
    calm = detector.detect(ts, values).score
    values[800] += 80

    spiked = detector.detect(ts, values).score

    assert spiked[800] >= ALERT
    assert (calm[336:] >= ALERT).mean() < 0.01


def test_a_lasting_incident_is_announced_once_not_at_every_sample(detector) -> None:
    ts, values = half_hourly(20)
    values[800:820] = 200.0

    found = detector.detect(ts, values)
    alerts = announced_score(found, ts)[800:820] >= ALERT

    assert alerts[0]
    assert alerts.sum() <= 3
    assert (found.score[800:820] >= ALERT).sum() >= alerts.sum()


def test_a_missing_timestamp_is_refused(detector) -> None:
    ts, values = half_hourly(3)
    ts[10] = np.datetime64("NaT")

    with pytest.raises(ValueError, match="row 10 has no timestamp"):
        detector.detect(ts, values)


@pytest.mark.parametrize("name", [name for name in plugs.names("detectors") if plugs.declared_inputs("detectors", name)])
def test_who_is_not_told_what_it_declares_judges_nothing(name: str) -> None:
    ts, values = half_hourly(12)
    values[500] = 1e3

    found = plugs.load("detectors", name).detect(ts, values)

    assert not found.judged.any()
    assert (found.score == 0).all()
    assert np.isnan(found.expected).all()


def alerts_of(
    name: str, detect: Callable[..., Detection], ts: NDArray[np.datetime64], values: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Which samples are alerts; most options of a detector are held against the same answer to the same series."""
    asked = (name, repr(getattr(detect, "keywords", {})), ts.tobytes(), values.tobytes())
    if asked not in ALERTS:
        ALERTS[asked] = announced_score(told(name, detect)(ts, values), ts) >= ALERT
    return ALERTS[asked]


@pytest.mark.parametrize(("name", "option"), every_option("detectors"))
def test_every_option_changes_which_samples_are_alerts(name: str, option: str) -> None:
    by_default, changed = answers("detectors", name, option, lambda detect, series: alerts_of(name, detect, *series))

    assert not np.array_equal(by_default, changed)
