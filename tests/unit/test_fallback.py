"""What a series that no model can know is answered with, and the bounds of every answer."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline import plugs
from pipeline.forecasters._fallback import limits, settle
from pipeline.forecasting.tier import TIERS, tier
from pipeline.tables.columns import QUANTILES
from tests.support.panels import awkward, panel_of


def test_every_awkward_history_has_its_named_tier():
    panel = awkward("hour")

    assert tier(panel).tolist() == [
        "full",
        "constant",
        "new",
        "short",
        "constant",
        "constant",
        "dead",
        "gappy",
        "full",
        "empty",
        "full",
        "full",
    ]
    assert set(tier(panel)) <= set(TIERS)


@pytest.mark.parametrize(("flat_days", "expected"), [(2, "full"), (3, "dead")])
def test_a_short_history_is_dead_once_it_was_flat_for_three_seasons(flat_days: int, expected: str):
    # Six days: a quarter of them is a day and a half, which is too little to call a machine dead.
    hours = np.arange(6 * 24)
    busy = 40 + 10 * np.sin(hours * 2 * np.pi / 24) + hours % 5
    busy[-24 * flat_days :] = 7.0

    assert tier(panel_of(busy[None], "hour")).tolist() == [expected]


def test_a_series_that_is_almost_always_zero_is_intermittent_unless_the_rest_has_a_season():
    rng, hours = np.random.default_rng(3), 24 * 40
    nightly = np.where(np.arange(hours) % 24 == 2, 60.0, 0.0)
    now_and_then = np.zeros(hours)
    now_and_then[rng.choice(hours, 40, replace=False)] = rng.uniform(20, 90, 40)
    often = np.where(rng.random(hours) < 0.3, 50.0, 0.0)

    panel = panel_of(np.stack([nightly, now_and_then, often]), "hour")

    assert tier(panel).tolist() == ["full", "intermittent", "full"]
    nothing_known = np.full((3, 24, len(QUANTILES)), np.nan)
    answer = settle(panel, nothing_known, QUANTILES)
    assert (answer[1] == answer[1, 0]).all()
    assert answer[1, 0, QUANTILES.index(0.5)] == 0
    np.testing.assert_array_equal(plugs.bind("forecasters", "default")(panel, 24, QUANTILES)[1], answer[1])


@pytest.mark.parametrize("name", ["seasonal_naive", "prophet"])
def test_what_others_are_measured_against_answers_intermittent_series_itself(name: str):
    values = np.zeros((1, 24 * 14))
    values[0, [30, 101, 203, 290, 334]] = 50.0
    panel = panel_of(values, "hour")

    assert tier(panel).tolist() == ["intermittent"]
    nothing_known = np.full((1, 24, len(QUANTILES)), np.nan)
    answer = plugs.bind("forecasters", name)(panel, 24, QUANTILES)
    assert not np.array_equal(answer, settle(panel, nothing_known, QUANTILES))


def test_a_series_that_grows_season_by_season_may_grow_beyond_the_usual_ceiling():
    days = np.arange(140.0)
    panel = panel_of(np.stack([100 + 10 * days, 100 + 10 * days[::-1]]), "day", "cost")

    _, ceiling = limits(panel)

    assert ceiling.tolist() == [3 * 1490.0, 1.5 * 1490.0]


def test_a_series_that_went_negative_has_room_below_and_one_that_never_did_stops_at_zero():
    credits = np.tile([-10.0, 0.0, 10.0, 5.0], 20)
    panel = panel_of(np.stack([credits, np.abs(credits)]), "day", "cost")

    floor, ceiling = limits(panel)

    assert floor.tolist() == [-20.0, 0.0]
    assert ceiling.tolist() == [15.0, 15.0]
