"""What confidence says is what is true: of incidents of other categories than those that it was made from."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from pipeline import plugs
from pipeline.anomalies.confidence import (
    CURVES,
    LEAST_INCIDENTS,
    Curve,
    Incidents,
    add_up,
    calibration_error,
    find_incidents,
    fit,
    hourly,
    say_confidence,
)
from pipeline.own_files._labelled import Labelled
from pipeline.own_files.evaluate import evaluate_series
from tests.support.series import spiked
from tools.bench_confidence import by_curve, incidents_by_category, leave_out

HOUR = np.timedelta64(1, "h")


@pytest.mark.parametrize("name", ["default", "bounded"])
def test_the_shipped_curve_is_that_of_the_labelled_sets_and_holds_on_categories_that_are_left_out(name: str) -> None:
    by_category = incidents_by_category(name)
    every = add_up(list(by_category.values()))

    stated = leave_out(by_category, by_curve)

    np.testing.assert_allclose(CURVES[name], fit(every), atol=5e-5)
    assert calibration_error(stated, every.true) <= 0.1
    assert np.mean((stated - every.true) ** 2) < 0.9 * every.true.mean() * (1 - every.true.mean())


@pytest.mark.parametrize("name", sorted(CURVES))
def test_what_deviates_more_or_lasts_longer_is_never_less_sure(name: str) -> None:
    excess, hours = np.linspace(1, 20, 50), np.arange(1.0, 51.0)

    assert (np.diff(CURVES[name].of(excess, np.full(50, 3.0))) >= 0).all()
    assert (np.diff(CURVES[name].of(np.full(50, 2.0), hours)) >= 0).all()


def test_a_slope_that_would_fall_is_none_and_threads_change_nothing() -> None:
    rng = np.random.default_rng(0)
    excess, hours = rng.uniform(1, 5, 400), rng.integers(1, 9, 400).astype(np.float64)
    true = rng.random(400) < 1 / (1 + np.exp(-(1.0 - 1.5 * np.log(excess) + 0.5 * np.log(hours))))

    with threadpool_limits(limits=1):
        one = fit(Incidents(excess, hours, true))
    with threadpool_limits(limits=2):
        two = fit(Incidents(excess, hours, true))

    assert one.by_excess == 0
    assert one.by_hours > 0
    np.testing.assert_allclose(one, two, rtol=0, atol=1e-9)


def test_the_error_is_how_far_what_was_stated_lies_from_what_was_true_part_by_part() -> None:
    stated = np.repeat([0.2, 0.9], 20)
    true = np.concatenate([np.arange(20) < 4, np.arange(20) < 10])

    assert calibration_error(stated, true, 2) == pytest.approx((0.0 + 0.4) / 2)
    assert np.isnan(calibration_error(stated[: LEAST_INCIDENTS - 1], true[: LEAST_INCIDENTS - 1]))
    assert np.isnan(calibration_error(np.full(40, np.nan), true))


def test_an_hour_is_its_p95_and_labelled_where_any_of_its_samples_is() -> None:
    ts = np.datetime64("2026-03-01T00:00", "us") + np.arange(24) * np.timedelta64(5, "m")
    values, labels = np.arange(24.0), np.zeros(24, dtype=np.bool_)
    labels[13], values[3] = True, np.nan

    hours, highest, marked = hourly(ts, values, labels)

    assert hours.tolist() == [ts[0].item(), ts[12].item()]
    assert highest.tolist() == [11.0, 23.0]
    assert marked.tolist() == [False, True]


def test_hours_six_apart_are_one_incident_and_the_first_week_has_none() -> None:
    ts = np.datetime64("2026-03-01T00:00", "us") + np.arange(24 * 21) * HOUR
    values = 30 + 10 * np.sin(np.arange(len(ts)) / 24 * 2 * np.pi) + np.random.default_rng(0).normal(0, 0.2, len(ts))
    values[[100, 400, 406, 450]] = 90.0
    labels = np.isin(np.arange(len(ts)), [404])

    found = find_incidents((ts, values, labels), plugs.bind("detectors", "zscore"))

    assert found.hours.tolist() == [7.0, 1.0]
    assert found.true.tolist() == [True, False]
    assert (found.excess > 1).all()


def test_confidence_is_stated_of_what_one_measured_detector_found_as_it_was_measured() -> None:
    found = pd.DataFrame({"detectors": ["default", "default,iqr", "missing_data", "ewma"], "score": 0.75, "hours": 4})

    stated = say_confidence(found, {"default", "ewma"})

    assert stated[0] == pytest.approx(CURVES["default"].of(np.array([3.0]), np.array([4.0]))[0])
    assert np.isnan(stated[1:]).all()
    assert np.isnan(say_confidence(found, set())).all()


def test_evaluate_says_of_own_labels_how_far_off_confidence_is_and_nothing_of_few_or_of_other_options(tmp_path) -> None:
    ts, values = spiked({700: 80.0, 800: 80.0, 900: 60.0})
    labels = np.isin(np.arange(len(ts)), [700, 800, 900])
    few, many = [Labelled("a", ts, values, labels)], [Labelled(str(n), ts, values, labels) for n in range(40)]

    said = [
        evaluate_series(series, ["zscore"], tmp_path, options=options, plots=False).set_index("detector").loc["zscore"]
        for series, options in ((few, {}), (many, {}), (many, {"zscore": {"alert_deviations": 4}}))
    ]

    assert 1 <= said[0]["incidents"] < LEAST_INCIDENTS
    assert np.isnan(said[0]["calibration_error"])
    assert 0 <= said[1]["calibration_error"] <= 1
    assert said[1]["incidents"] == 40 * said[0]["incidents"]
    assert np.isnan(said[2][["incidents", "calibration_error"]].to_numpy(dtype=np.float64)).all()


def test_a_curve_is_even_at_no_odds() -> None:
    assert Curve(0.0, 1.0, 1.0).of(np.array([1.0]), np.array([1.0])).tolist() == [0.5]
