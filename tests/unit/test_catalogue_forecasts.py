"""Forecasters that learn from the feature catalogue know at a cutoff what gold says of it, and nothing that came later."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from pipeline.features.matrix import lay_out, list_rows
from pipeline.features.selection import select
from pipeline.forecasters import _catalogue, _tabular, lightgbm
from pipeline.forecasting.panel import Panel
from pipeline.tables.columns import QUANTILES, Granularity

END = datetime(2026, 4, 10)
CHOOSING = lightgbm.Options(trees=10, rows=1_000, catalogue=6)


def panel(step: Granularity, periods: int, series: int = 5, seed: int = 1) -> Panel:
    """Series of one metric with a season, noise and gaps, of different sizes."""
    chance = np.random.default_rng(seed)
    season = 24 if step == "hour" else 7
    wave = 5 * np.sin(2 * np.pi * np.arange(periods) / season)
    values = (1 + np.arange(series))[:, None] * (20 + wave + chance.normal(0, 1, (series, periods)))
    values[chance.random(values.shape) < 0.05] = np.nan
    names = np.array([f"1/r/i-{number}/cpu_utilization" for number in range(series)])
    ends = np.full(series, np.datetime64(END, "us"))
    return Panel(names, np.full(series, "cpu_utilization"), ends, step, values, np.full(series, 1000.0))


@pytest.mark.parametrize(("step", "periods"), [("hour", 400), ("day", 200), ("day", 30)])
def test_what_is_known_at_a_cutoff_is_what_gold_has_of_its_period(step: Granularity, periods: int) -> None:
    given, back = panel(step, periods), 9
    long = timedelta(hours=1) if step == "hour" else timedelta(days=1)
    start = END - periods * long
    rows = pd.DataFrame(
        {"account": "1", "region": "r", "resource_id": f"i-{number}", "ts": start + place * long,
         "cpu": given.values[number, place], "memory": np.nan, "network": np.nan}
        for number in range(len(given)) for place in range(periods - back)
    )  # fmt: skip

    known = _catalogue.known_at(given, back)

    matrix = lay_out(rows, start, END - back * long, step)
    gold = pd.concat(list_rows(matrix, step, keep=1)).set_index("resource_id")
    assert len(known.names) == 107
    for number, resource in enumerate(f"i-{number}" for number in range(len(given))):
        # A period that was not observed has no row in gold.
        if resource in gold.index:
            expected = gold.loc[resource, [f"cpu_{name}" for name in known.names]].to_numpy(np.float64)
            np.testing.assert_array_equal(known.values[number], expected)
    assert len(gold) >= 3


@pytest.mark.parametrize("step", ["hour", "day"])
def test_a_row_of_training_has_the_features_that_a_forecast_from_its_cutoff_has(step: Granularity) -> None:
    given, back, horizon = panel(step, 300), 20, 10

    trained = _tabular._rows(given, back, np.arange(1, horizon + 1), catalogue=True)
    served = _tabular.future_rows(given.truncate(back), horizon, catalogue=True)

    np.testing.assert_array_equal(trained.features, served.features)
    assert trained.features.shape[1] == len(_tabular.FEATURES) + 107


def test_series_of_all_sizes_have_the_same_features_where_their_course_is_the_same() -> None:
    small = panel("day", 200)
    large = Panel(small.series_id, small.metric, small.end, small.step, small.values * 8, small.upper)

    rows = [_tabular.future_rows(each, 3, catalogue=True).features for each in (small, large)]

    np.testing.assert_allclose(rows[0], rows[1], rtol=1e-6, atol=1e-6)


def test_what_a_feature_tells_is_found_by_importance_and_mutual_information_and_the_first_are_kept_in_any_case() -> None:
    chance = np.random.default_rng(3)
    features = chance.normal(0, 1, (2_000, 5))
    target = features[:, 3] ** 2 + 0.1 * chance.normal(0, 1, 2_000)
    gain = np.array([0.0, 1.0, 2.0, 9.0, 3.0])

    kept, table = select(("own", "a", "b", "c", "d"), features, target, gain, always=1, most=1)

    assert kept.tolist() == [0, 3]
    assert table.set_index("feature").loc["c", ["importance_rank", "chosen"]].tolist() == [1, True]
    assert table["importance"].sum() == pytest.approx(1.0)
    assert table["mutual_information"].idxmax() == 3


def test_features_are_chosen_by_what_came_before_the_cutoff_alone() -> None:
    given, horizon = panel("day", 250), 7
    later = given.values.copy()
    later[:, -horizon:] = 3.0
    changed = Panel(given.series_id, given.metric, given.end, given.step, later, given.upper)

    chosen = [json.loads(lightgbm.train(each.truncate(horizon), horizon, QUANTILES, CHOOSING)) for each in (given, changed)]

    assert chosen[0] == chosen[1]
    assert len(chosen[0]["catalogue"]) == 6
    told = lightgbm.importance(given.truncate(horizon), horizon, CHOOSING)
    assert told.loc[told["chosen"], "feature"].tolist() == [*_tabular.FEATURES, *chosen[0]["catalogue"]]


def test_a_forecast_needs_no_other_choice_than_the_one_that_was_trained() -> None:
    given, horizon = panel("day", 250), 7

    at_once = lightgbm.forecast(given, horizon, QUANTILES, CHOOSING)
    served = lightgbm.forecast(given, horizon, QUANTILES, trained=lightgbm.train(given, horizon, QUANTILES, CHOOSING))

    np.testing.assert_array_equal(at_once, served)
    assert lightgbm.importance(given, horizon, lightgbm.DEFAULTS).empty


def test_boosters_that_were_registered_before_there_was_a_catalogue_serve_on() -> None:
    given, horizon = panel("day", 120), 3
    trained = json.loads(lightgbm.train(given, horizon, QUANTILES, lightgbm.Options(trees=10, rows=1_000)))
    of_before = {name: told for name, told in trained.items() if name != "catalogue"}

    served = [lightgbm.forecast(given, horizon, QUANTILES, trained=json.dumps(each)) for each in (of_before, trained)]

    assert np.array_equal(*served)


def test_without_a_feature_of_the_catalogue_no_rows_are_laid_out_to_say_that_there_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lightgbm, "training_rows", lambda *_, **__: pytest.fail("rows were laid out"))

    assert lightgbm.importance(panel("day", 120), 3, lightgbm.Options()).empty
