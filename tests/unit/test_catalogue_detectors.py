"""Detectors that learn from the feature catalogue know of a sample what gold says of its hour, and nothing that came later."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from pipeline import plugs
from pipeline.anomalies.catalogued import choose, measure
from pipeline.features.matrix import lay_out, list_rows
from pipeline.features.series import kinds, names, of_samples
from tests.support.series import half_hourly

LEARNED = ("autoencoder", "isolation_forest", "local_outlier_factor", "one_class_svm")
START = datetime(2026, 3, 1)
PLACE = {name: place for place, name in enumerate(names("hour"))}


def by_the(minutes: int, days: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Moments so many minutes apart, and positive values of a skewed kind."""
    ts = np.datetime64(START, "us") + np.arange(days * 24 * 60 // minutes) * np.timedelta64(minutes, "m")
    return ts, np.random.default_rng(seed).gamma(4, 8, len(ts))


def test_a_sample_by_the_hour_has_the_features_that_gold_has_of_its_hour() -> None:
    ts, values = by_the(60, 20)
    values[[200, 201, 340]] = np.nan
    rows = pd.DataFrame({"account": "1", "region": "r", "resource_id": "i", "ts": ts, "cpu": values}).assign(
        memory=np.nan, network=np.nan
    )

    found = of_samples(ts, values)

    matrix = lay_out(rows, START, START + timedelta(days=20), "hour")
    gold = pd.concat(list_rows(matrix, "hour", keep=len(ts)))
    places = np.searchsorted(ts, gold["ts"].to_numpy(dtype="datetime64[us]"))
    assert len(places) == len(ts) - 3
    np.testing.assert_array_equal(found[places], gold[[f"cpu_{name}" for name in names("hour")]].to_numpy())


@pytest.mark.parametrize("minutes", [1, 5, 10, 30, 60])
def test_windows_are_of_time_however_often_a_series_is_sampled(minutes: int) -> None:
    ts, values = by_the(minutes, 9)
    same_minute = pd.Series(values).groupby(np.arange(len(ts)) % (60 // minutes))

    found = of_samples(ts, values)

    a_day_before = pd.Series(values).shift(24 * 60 // minutes)
    np.testing.assert_array_equal(found[:, PLACE["lag_24"]], a_day_before)
    a_day = same_minute.transform(lambda of: of.rolling(24, min_periods=12).mean())
    np.testing.assert_allclose(found[:, PLACE["mean_24"]], a_day, rtol=1e-12)
    before = [pd.Series(values).shift(days * 24 * 60 // minutes) for days in (1, 2, 3, 4)]
    residual = values - pd.concat(before, axis=1).mean(axis=1).where(pd.concat(before, axis=1).count(axis=1) > 1)
    np.testing.assert_allclose(found[:, PLACE["residual"]], residual, rtol=1e-9, atol=1e-9)


def test_the_features_of_a_prefix_are_the_prefix_of_the_features_whatever_the_moments() -> None:
    ts, values = by_the(10, 12)
    drawn = np.random.default_rng(2)
    ts = np.sort(ts + drawn.integers(0, 1_500, len(ts)) * np.timedelta64(1, "s"))
    # Silences of five hours and of three years, samples at one moment, and some that are missing.
    ts[400:] += np.timedelta64(5, "h")
    ts[900:] += np.timedelta64(1095, "D")
    ts[1000:1007] = ts[1000]
    values[drawn.random(len(values)) < 0.1] = np.nan

    whole = of_samples(ts, values)

    assert np.isfinite(whole[800]).any()
    assert np.isnan(whole[900, PLACE["lag_1"]])
    for rows in (1, 2, 399, 401, 905, 1003, 1500):
        np.testing.assert_array_equal(of_samples(ts[:rows], values[:rows]), whole[:rows])


def test_a_silence_longer_than_any_window_is_as_good_as_a_longer_one() -> None:
    ts, values = by_the(60, 30)
    years = np.where(np.arange(len(ts)) < 300, ts, ts + np.timedelta64(24 * 3650, "h"))
    nine_days = np.where(np.arange(len(ts)) < 300, ts, ts + np.timedelta64(24 * 9, "h"))

    np.testing.assert_array_equal(of_samples(years, values), of_samples(nine_days, values))


def test_of_a_series_by_the_day_only_what_looks_back_by_whole_days_is_known() -> None:
    ts = np.datetime64(START, "us") + np.arange(100) * np.timedelta64(1, "D")
    values = np.random.default_rng(4).gamma(4, 8, 100)

    found = of_samples(ts, values)

    known = {name for name, place in PLACE.items() if np.isfinite(found[60:, place]).all()}

    assert {"lag_24", "diff_24", "pct_48", "residual"} <= known
    assert not {"mean_24", "p95", "lag_1"} & known


def test_features_are_chosen_by_what_they_tell_of_how_unusual_samples_are() -> None:
    drawn = np.random.default_rng(5)
    training = drawn.normal(0, 1, (700, len(PLACE)))
    training[:, PLACE["mean_3"]], training[:, PLACE["std_96"]] = np.nan, 7.0
    training[:100, PLACE["cv"]] = np.nan
    surprise = np.abs(training[:, PLACE["p95"]]) + np.where(training[:, PLACE["diff_24"]] > 1, 3.0, 0.0)

    chosen = choose(training, surprise, 2)

    assert {names("hour")[place] for place in chosen} == {"p95", "diff_24"}
    every = {names("hour")[place] for place in choose(training, surprise, 107)}
    assert every == set(PLACE) - {"mean_3", "std_96", "cv"}


def test_a_training_in_which_no_feature_is_known_chooses_none() -> None:
    assert not len(choose(np.full((200, len(PLACE)), np.nan), np.arange(200.0), 12))


def test_what_is_missing_lies_in_the_middle_and_nothing_is_farther_off_than_twenty_deviations() -> None:
    chosen = np.array([PLACE["mean_3"], PLACE["pct_1"], PLACE["cv"]])
    training, judged = np.zeros((100, len(PLACE))), np.full((3, len(PLACE)), np.nan)
    training[::2, chosen] = 4.0
    judged[0, chosen], judged[1, chosen] = 2.0, 1e9

    past, new = measure(training, judged, chosen, level=500.0)

    # A level of 500 varies by 5 at least, a percentage by 1 and a ratio by .01.
    np.testing.assert_allclose(past[0], [0.4, 1.0, 1.0])
    np.testing.assert_allclose(new, [[0.0] * 3, [20.0] * 3, [0.0] * 3])
    assert [each[chosen].tolist() for each in kinds("hour")] == [[True, False, False], [False] * 3, [False, True, False]]


@pytest.mark.parametrize("name", LEARNED)
def test_with_the_catalogue_too_what_was_said_before_is_what_is_said_without_what_follows(name: str) -> None:
    ts, values = half_hourly(20)
    values[600:610] += 50
    values[700:720] = np.nan
    detect = plugs.bind("detectors", name, plugs.check_options("detectors", name, {"catalogue": 6}))

    whole = detect(ts, values)

    for rows in (611, 830):
        np.testing.assert_allclose(detect(ts[:rows], values[:rows]).excess, whole.excess[:rows], rtol=0, atol=1e-9)
    assert not np.allclose(whole.excess, plugs.load("detectors", name).detect(ts, values).excess, rtol=0, atol=1e-6)
    in_another_unit = detect(ts, values / 128)
    np.testing.assert_allclose(in_another_unit.score, whole.score, atol=1e-6)


@pytest.mark.parametrize("name", LEARNED)
def test_a_sample_is_judged_with_the_catalogue_where_it_is_without(name: str) -> None:
    ts, values = half_hourly(20)
    values[500:560] = np.nan
    alone, told = (
        plugs.bind("detectors", name, plugs.check_options("detectors", name, {"catalogue": most}))(ts, values) for most in (0, 6)
    )

    np.testing.assert_array_equal(alone.judged, told.judged)
    assert alone.judged.sum() > 300
