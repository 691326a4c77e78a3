"""What every file in pipeline/forecasters promises, whatever model it holds."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from pipeline import plugs
from pipeline.forecasting.panel import STEP, Panel
from pipeline.tables.columns import QUANTILES, Granularity
from tests.support.options import answers, every_option
from tests.support.panels import awkward, panel_of, seasonal
from tests.support.plug_cases import cases_of

NAMES = plugs.names("forecasters")
HORIZON = {"hour": 30, "day": 10}


def forecast(name: str, panel: Panel, horizon: int) -> np.ndarray:
    """With the plug's `QUICK` options, where it brings some: the contract holds for any number of trees."""
    quick = getattr(cases_of("forecasters", name), "QUICK", {})
    with threadpool_limits(1):
        return plugs.bind("forecasters", name, plugs.check_options("forecasters", name, quick))(panel, horizon, QUANTILES)


def shuffled_future(panel: Panel) -> Panel:
    """The same history, with other values after it."""
    return panel_of(np.concatenate([panel.values, 100 - panel.values[:, :20]], axis=1), panel.step)


@pytest.fixture(params=["hour", "day"])
def step(request: pytest.FixtureRequest) -> Granularity:
    return request.param


@pytest.mark.parametrize("name", NAMES)
def test_every_series_gets_a_finite_answer_within_bounds_whose_quantiles_do_not_cross(name: str, step: Granularity):
    panel = awkward(step)

    answer = forecast(name, panel, HORIZON[step])

    assert answer.shape == (len(panel), HORIZON[step], len(QUANTILES))
    assert np.isfinite(answer).all()
    assert (np.diff(answer, axis=2) >= 0).all()
    assert (answer >= 0).all()
    assert (answer <= 100).all()


@pytest.mark.parametrize("name", NAMES)
def test_nothing_exceeds_one_and_a_half_times_the_historical_maximum(name: str):
    rng = np.random.default_rng(4)
    values = np.where(rng.random((4, 140)) < 0.9, 0.0, 1000.0) + rng.random((4, 140))
    values[1, -3:] = [10.0, 500.0, 4000.0]
    panel = panel_of(values, "day", "cost")

    answer = forecast(name, panel, 90)

    assert (answer <= 1.5 * values.max(axis=1)[:, None, None] + 1e-9).all()
    assert (answer >= 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_what_happens_after_the_cutoff_does_not_change_a_forecast(name: str, step: Granularity):
    past = panel_of(seasonal(step, 3), step)
    longer = shuffled_future(past)
    longer = Panel(longer.series_id, longer.metric, longer.end + 20 * STEP[step], step, longer.values, longer.upper)

    expected = forecast(name, past, 8)

    np.testing.assert_array_equal(forecast(name, longer.truncate(20), 8), expected)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_panel_gives_the_same_forecast(name: str):
    panel = panel_of(seasonal("day", 3), "day")

    first = forecast(name, panel, 8)
    np.random.default_rng().random()
    np.random.random(3)

    np.testing.assert_array_equal(forecast(name, panel, 8), first)


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_the_series_does_not_matter(name: str):
    panel = panel_of(seasonal("day", 4), "day")
    order = np.array([2, 0, 3, 1])

    answer = forecast(name, panel.take(order), 8)

    np.testing.assert_allclose(answer, forecast(name, panel, 8)[order], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_a_forecaster_leaves_its_panel_as_it_was(name: str):
    panel = awkward("day")
    before = panel.values.copy()

    forecast(name, panel, 3)

    np.testing.assert_array_equal(panel.values, before)


@pytest.mark.parametrize("name", NAMES)
def test_a_forecaster_says_what_it_is(name: str):
    assert plugs.load("forecasters", name).__doc__


@pytest.mark.parametrize(("name", "option"), every_option("forecasters"))
def test_every_option_changes_a_forecast(name: str, option: str):
    with threadpool_limits(1):
        by_default, changed = answers("forecasters", name, option, lambda forecast, panel: forecast(panel, 14, (0.1, 0.5, 0.9)))

    assert np.abs(changed - by_default).max() > 0.01
