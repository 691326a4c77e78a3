"""The rivals that the default detector is held against, and the default without one of its parts."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.detectors import default
from tests.support.series import half_hourly
from tools.bench_rivals import PARTS, hour_and_level, hour_deviations, without


@pytest.mark.parametrize("part", PARTS)
def test_the_default_without_a_part_flags_otherwise_and_has_it_back_afterwards(part: str) -> None:
    ts, values = half_hourly(30)
    values[700::97] += np.linspace(-20, 20, len(values[700::97]))
    values[1000:1010] += 9
    whole = default.detect(ts, values).excess

    with without(part):
        less = default.detect(ts, values).excess

    assert not np.array_equal(less, whole)
    assert np.array_equal(default.detect(ts, values).excess, whole)


def test_a_rival_that_knows_usual_steps_is_not_surprised_by_what_is_mostly_nothing_and_now_and_then_five() -> None:
    ts, _ = half_hourly(30)
    values = np.where(np.arange(len(ts)) % 37 == 0, 5.0, 0.0)
    values[1400] = 50.0

    alone, gated = (np.flatnonzero(hour_deviations(ts, values, steps).excess >= 1) for steps in (0.0, 3.0))

    assert len(alone) > 20
    assert gated[-1] == 1400
    assert len(gated[gated > 500]) == 1


def test_rival_b_wants_a_sample_far_from_its_hour_and_from_the_level_and_counts_what_is_low_half() -> None:
    ts, values = half_hourly(30)
    hour = np.arange(len(ts)) % 48
    values[hour == 10] += 60.0
    noon = np.flatnonzero(hour == 10)[-1]
    # As high as each day at ten: far from the usual of three in the morning, and less from the level of a series that swings so.
    raised, lowered = values.copy(), values.copy()
    raised[noon + 20], lowered[noon + 20] = values[noon + 20] + 60, values[noon + 20] - 60

    excess = {name: hour_and_level(ts, some).excess[noon + 20] for name, some in (("raised", raised), ("lowered", lowered))}

    assert hour_deviations(ts, raised).excess[noon + 20] > excess["raised"] > 1
    assert excess["lowered"] < 0.7 * excess["raised"]
