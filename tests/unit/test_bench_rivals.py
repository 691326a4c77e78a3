"""The rivals that the default detector is held against, and the default without one of its parts."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.detectors import default
from tests.support.series import half_hourly
from tools.bench_rivals import PARTS, hour_deviations, without


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
