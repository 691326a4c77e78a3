from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import DataError
from pipeline.forecasting.panel import Panel, from_frame


def rows(series: str, times: list[str], values: list[float], metric: str = "cpu_utilization") -> pd.DataFrame:
    return pd.DataFrame({"series_id": series, "metric": metric, "ts": pd.to_datetime(times), "value": values})


def test_series_of_different_length_and_end_are_aligned_at_their_own_last_period():
    frame = pd.concat(
        [
            rows("a", ["2026-01-01", "2026-01-02", "2026-01-03"], [1, 2, 3]),
            rows("b", ["2026-02-01", "2026-02-02"], [8, 9]),
        ]
    )

    panel = from_frame(frame, "day")

    np.testing.assert_array_equal(panel.values, [[1, 2, 3], [np.nan, 8, 9]])
    assert panel.end.astype("datetime64[D]").astype(str).tolist() == ["2026-01-03", "2026-02-02"]
    assert panel.future(2)[1].astype("datetime64[D]").astype(str).tolist() == ["2026-02-03", "2026-02-04"]
    assert panel.timestamps()[0, 0] == np.datetime64("2026-01-01")


def test_a_moment_delivered_twice_counts_once_and_a_finer_series_becomes_means():
    frame = rows(
        "a",
        ["2026-01-01 00:00", "2026-01-01 00:00", "2026-01-01 00:00", "2026-01-01 00:30", "2026-01-01 01:00"],
        [1, 2, 90, 4, 7],
    )

    panel = from_frame(frame, "hour")

    np.testing.assert_array_equal(panel.values, [[3, 7]])


def test_a_missing_period_stays_missing_and_a_row_without_a_value_is_a_missing_period():
    frame = rows("a", ["2026-01-01 00:00", "2026-01-01 01:00", "2026-01-01 03:00"], [1, np.inf, 4])

    panel = from_frame(frame, "hour")

    np.testing.assert_array_equal(panel.values, [[1, np.nan, np.nan, 4]])


def test_a_daily_series_stamped_at_five_keeps_its_hour():
    panel = from_frame(rows("a", ["2026-01-01 05:00", "2026-01-02 05:00"], [1, 2]), "day")

    assert panel.end[0] == np.datetime64("2026-01-02T05:00")
    assert panel.future(1)[0, 0] == np.datetime64("2026-01-03T05:00")


def test_two_metrics_of_one_resource_are_two_series():
    frame = pd.concat([rows("a", ["2026-01-01"], [1]), rows("a", ["2026-01-01"], [2], metric="network_in")])

    panel = from_frame(frame, "day")

    assert panel.metric.tolist() == ["cpu_utilization", "network_in"]
    assert panel.upper.tolist() == [100.0, np.inf]


def test_a_stated_unit_decides_the_bound_and_values_above_100_lift_it():
    frame = pd.concat(
        [
            rows("a", ["2026-01-01"], [1], metric="queue").assign(unit="Percent"),
            rows("b", ["2026-01-01"], [1]).assign(unit="count"),
            rows("c", ["2026-01-01"], [105]).assign(unit="percent"),
        ]
    )

    assert from_frame(frame, "day").upper.tolist() == [100.0, np.inf, np.inf]


def test_cutting_periods_moves_the_end_of_every_series():
    panel = from_frame(rows("a", ["2026-01-01", "2026-01-02", "2026-01-03"], [1, 2, 3]), "day")

    past = panel.truncate(2)

    np.testing.assert_array_equal(past.values, [[1]])
    assert past.end[0] == np.datetime64("2026-01-01")
    with pytest.raises(DataError, match="cannot cut 3"):
        panel.truncate(3)


def test_only_the_last_periods_are_kept_when_asked():
    panel = from_frame(rows("a", ["2026-01-01", "2026-01-02", "2026-01-03"], [1, 2, 3]), "day", periods=2)

    np.testing.assert_array_equal(panel.values, [[2, 3]])


def test_only_a_series_that_went_negative_may_go_below_zero():
    values = np.array([[1.0, 2.0], [-1.0, np.nan]])
    ends = np.full(2, np.datetime64("2026-01-01", "us"))

    panel = Panel(np.array(["a", "b"]), np.array(["cost", "cost"]), ends, "day", values, np.full(2, np.inf))

    assert panel.lower.tolist() == [0.0, -np.inf]


def test_a_frame_without_the_columns_or_without_values_is_refused():
    with pytest.raises(DataError, match="missing value"):
        from_frame(rows("a", ["2026-01-01"], [1]).drop(columns="value"), "day")
    with pytest.raises(DataError, match="none of 1 rows"):
        from_frame(rows("a", ["2026-01-01"], [np.nan]), "day")


def test_a_panel_whose_parts_disagree_is_refused():
    with pytest.raises(DataError, match="a panel of 2 series"):
        Panel(np.array(["a", "b"]), np.array(["m"]), np.array([], "M8[us]"), "day", np.zeros((2, 1)), np.zeros(2))
