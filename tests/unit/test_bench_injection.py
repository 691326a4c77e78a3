"""The trouble that is put into made-up series, and that README gives the figures that come of it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from pipeline import plugs
from tools.bench_injection import KINDS, ROWS, STRENGTHS, ask, found_by_kind, inject, oracle, score

README = Path(__file__).resolve().parents[2] / "README.md"


@pytest.mark.parametrize("seed", [0, 100])
def test_what_is_altered_is_labelled_and_nothing_else_and_it_is_one_sample_in_twenty(seed: int) -> None:
    series = inject(seed, 4.0, 8.0)
    altered = series.values != series.clean

    assert not (altered & ~series.labels).any()
    assert (altered & series.labels).sum() >= 0.98 * series.labels.sum(), "a stuck value may be where it would have been"
    assert 0.055 <= series.labels.mean() < 0.055 + max(longest for _, longest in KINDS.values()) / ROWS
    assert not series.labels[: 14 * 48].any()
    assert {str(kind) for every in range(4) for kind in inject(every, 4.0, 8.0).kind} == {"", *KINDS}


def test_one_seed_is_one_series_and_another_seed_another() -> None:
    one, again, other = inject(1, 4.0, 8.0), inject(1, 4.0, 8.0), inject(2, 4.0, 8.0)

    assert np.array_equal(one.values, again.values)
    assert not np.array_equal(one.values, other.values)


def test_an_oracle_finds_every_event_and_flags_nothing_else() -> None:
    found = score(oracle, STRENGTHS["6–12"], range(100, 103))

    assert (found.events.f1, found.false) == (1.0, 0)
    assert 0.8 < found.point_f1 < 1.0, "the beginning of a drift is nothing yet"
    assert all(each.recall == 1.0 for each in found_by_kind(oracle, STRENGTHS["6–12"], range(100, 103)).values())


def test_nobody_who_flags_nothing_or_all_scores_well() -> None:
    nothing = score(lambda _: (np.zeros(ROWS, bool), np.zeros(ROWS, bool)), STRENGTHS["4–8"], range(100, 101))
    everything = score(lambda _: (np.ones(ROWS, bool), np.ones(ROWS, bool)), STRENGTHS["4–8"], range(100, 101))

    assert (nothing.events.f1, nothing.point_f1, nothing.false_ratio) == (0, 0, 0)
    assert everything.events.f1 < 0.15
    assert everything.false_ratio == 1


def test_readme_gives_the_figures_of_the_default() -> None:
    said = re.search(r"event F1 is ([.\d]+) and ([.\d]+) for `default`", " ".join(README.read_text().split()))
    assert said
    answer = ask(plugs.load("detectors", "default").detect)

    measured = [score(answer, bounds).events.f1 for bounds in STRENGTHS.values()]

    assert [float(figure) for figure in said.groups()] == pytest.approx(measured, abs=0.005)
