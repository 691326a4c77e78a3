"""The search for parameters."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline import plugs
from pipeline.forecasting import tuning
from pipeline.forecasting.panel import Panel
from pipeline.forecasting.tuning import Trial

SEARCHABLE = [name for name in plugs.names("forecasters") if tuning.space(name)]


def panel(periods: int) -> Panel:
    names = np.array([f"a/r/i-{row}/cpu_utilization" for row in range(4)])
    end = np.full(4, np.datetime64("2026-03-27T00:00:00", "us"))
    when = np.arange(periods)
    values = 50 + 10 * np.sin(when * 2 * np.pi / 24) + np.random.default_rng(0).normal(0, 3, (4, periods))
    return Panel(names, np.full(4, "cpu_utilization"), end, "hour", values, np.full(4, 100.0))


def test_ridge_and_the_default_can_be_searched() -> None:
    assert {"ridge", "default"} <= set(SEARCHABLE)


@pytest.mark.parametrize("name", SEARCHABLE)
def test_a_search_space_holds_the_defaults_and_stays_within_what_the_options_allow(name: str) -> None:
    defaults = plugs.check_options("forecasters", name, {}).model_dump()
    for option, (low, high) in tuning.space(name).items():
        assert low <= defaults[option] <= high
        assert type(low) is type(high) is type(defaults[option])
        for edge in (low, high):
            plugs.check_options("forecasters", name, {option: edge})


def test_a_search_begins_with_the_defaults_and_repeats_itself_exactly() -> None:
    found = tuning.search(panel(240), "ridge", 24, 4)
    assert [trial.number for trial in found] == [0, 1, 2, 3]
    defaults = plugs.check_options("forecasters", "ridge", {}).model_dump()
    assert found[0].params == {name: defaults[name] for name in tuning.space("ridge")}
    assert len({trial.loss for trial in found}) == 4
    assert tuning.search(panel(240), "ridge", 24, 4) == found


def test_a_search_begins_with_what_is_given_even_where_it_would_not_go_that_far_itself() -> None:
    given = {"half_life": 5.0, "changepoints": 3}
    found = tuning.search(panel(240), "ridge", 24, 2, given)
    assert found[0].params["half_life"] == 5.0
    assert "changepoints" not in found[0].params
    assert found[0].loss != tuning.search(panel(240), "ridge", 24, 1, {"half_life": 5.0})[0].loss


def test_a_history_without_room_for_a_window_is_not_searched() -> None:
    assert tuning.search(panel(47), "ridge", 24, 4) == []
    assert tuning.best([]) == {}


def test_parameters_that_are_not_a_percent_better_than_the_defaults_are_not_taken() -> None:
    defaults = Trial("ridge", 0, {"damping": 0.5}, 0.200)
    assert tuning.best([defaults, Trial("ridge", 1, {"damping": 0.1}, 0.199)]) == {}
    assert tuning.best([defaults, Trial("ridge", 1, {"damping": 0.1}, 0.19), Trial("ridge", 2, {"damping": 0.2}, 0.18)]) == {
        "damping": 0.2
    }
    assert tuning.best([defaults]) == {}


class Asked:
    """Stands where a trial of the sampler stands, and keeps what was asked."""

    def __init__(self) -> None:
        self.log: bool | None = None

    def suggest_float(self, _: str, low: float, __: float, log: bool) -> float:
        self.log = log
        return low


@pytest.mark.parametrize(("low", "high", "log"), [(0.0, 1.0, False), (1.0, 9.5, False), (1.0, 32.0, True), (0.1, 1.0, True)])
def test_an_option_that_spans_ten_times_its_lowest_value_is_searched_by_its_logarithm(low: float, high: float, log: bool) -> None:
    asked = Asked()

    tuning._suggest(asked, "sharpness", low, high)

    assert asked.log is log
