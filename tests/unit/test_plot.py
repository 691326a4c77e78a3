"""Series in characters."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from pipeline.cli.plot import draw_alerts, draw_hours
from pipeline.report.detected import Stretch

BEGUN = datetime(2026, 4, 1)


def drawn(values: list[float | None], lines: dict[str, float] | None = None, width: int = 70) -> list[str]:
    known = [(BEGUN + timedelta(hours=hour), value) for hour, value in enumerate(values) if value is not None]
    hours, seen = zip(*known, strict=True)
    return draw_hours(hours, seen, "cpu", lines or {}, width).splitlines()


def test_a_series_is_as_wide_as_the_terminal_and_says_when_it_begins_and_ends() -> None:
    shown = drawn([float(hour % 24) for hour in range(72)])

    assert max(map(len, shown)) <= 70
    assert shown[0].strip() == "cpu"
    assert "04-01 00h" in shown[-1]
    assert "04-03 23h" in shown[-1]


def test_hours_that_nobody_measured_are_not_drawn() -> None:
    whole, broken = drawn([1.0] * 72), drawn([1.0] * 24 + [None] * 24 + [1.0] * 24)

    dots = ["".join(shown).count("⠉") + "".join(shown).count("⠒") + "".join(shown).count("⣀") for shown in (whole, broken)]
    assert 0.5 * dots[0] < dots[1] < 0.75 * dots[0]


def test_a_line_that_lies_above_all_values_is_in_the_picture_and_named() -> None:
    shown = drawn([1.0, 2.0, 1.5] * 8, {"held to": 80.0})

    assert shown[-1] == "  ── 80: held to"
    assert sum("────────────────────" in line for line in shown[1:-3]) == 2, "the frame's top, and the line"


def test_one_hour_and_nothing_but_zeros_are_drawn_too() -> None:
    assert drawn([3.0])[0].strip() == "cpu"
    assert len(drawn([0.0] * 5)) == len(drawn([3.0]))


def test_an_alert_is_a_cross_where_it_is_and_what_was_expected_is_dotted() -> None:
    hours, value = np.arange(48), np.where(np.arange(48) == 40, 90.0, 10.0)
    ts = np.datetime64("2026-04-01T00", "us") + hours * np.timedelta64(1, "h")
    bounds, unknown = np.where(hours < 24, np.nan, 20.0), np.full(48, np.nan)
    alerts = value > 50

    shown = draw_alerts(Stretch("cpu", ts, value, unknown, unknown, bounds, alerts * 0.9, alerts), 70)
    plain = draw_alerts(Stretch("cpu", ts, value, unknown, unknown, unknown, alerts * 0.9, alerts), 70)

    *lines, legend = shown.splitlines()
    crosses = [(row, line.index("×")) for row, line in enumerate(lines) if "×" in line]
    assert len(crosses) == 1
    assert (crosses[0][0], crosses[0][1] > 45) == (2, True), "in the topmost row, at the end of the second day"
    assert all(line.index("·") > 34 for line in lines if "·" in line), "nothing was expected on the first day"
    assert legend == "  × alert, · as far as expected"
    assert plain.splitlines()[-1] == "  × alert"
