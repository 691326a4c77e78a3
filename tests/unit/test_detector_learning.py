"""What labels of incidents change of the vote, and what they do not."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from pipeline.anomalies.detection import Detection, Detector
from pipeline.anomalies.learning import LEAST_LABELS, SHARES, Evidence, anomalous, gather, learn, measure, search
from pipeline.anomalies.vote import vote
from pipeline.anomalies.voters import Voters, from_threshold, parse_voters
from pipeline.errors import DataError
from pipeline.interval import Interval

START = datetime(2026, 1, 1)
HOURS, FIRST = 24 * 120, 24
TRUE, FALSE = 9.0, 5.0
Floats = npt.NDArray[np.float64]


def above(level: float) -> Detector:
    """A detector that expects 0 and flags what is as high as a level and more."""

    def detect(ts: npt.NDArray[np.datetime64], values: Floats) -> Detection:
        nothing = np.zeros(len(values))
        return Detection(values / level, nothing, nothing - level, nothing + level, np.ones(len(values), dtype=np.bool_))

    return detect


def useless(ts: npt.NDArray[np.datetime64], values: Floats) -> Detection:
    """One that flags what is neither high nor low, and nothing else."""
    nothing = np.full(len(values), np.nan)
    odd = np.where((values > 4) & (values < 6), 4.0, 0.0)
    return Detection(odd, nothing, nothing, nothing, np.ones(len(values), dtype=np.bool_))


def voters(*names: str) -> Voters:
    ones = dict.fromkeys(names, 1.0)
    return Voters({name: {} for name in names}, ones, ones, ones, 1.0)


def estate(labels: list[str], heights: list[float]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One metric with a lone high hour every other day, each of them labelled."""
    values = np.full(HOURS, 0.1)
    at = [FIRST + 48 + 24 * number for number in range(len(labels))]
    values[at] = heights
    moments = [START + timedelta(hours=hour) for hour in range(HOURS)]
    points = pd.DataFrame({"ts": moments, "value": values}).assign(
        series_id="s", account="a", region="r", resource_id="i-1", metric="cpu_utilization", unit="percent"
    )
    begun = [moments[hour] for hour in at]
    rows = pd.DataFrame({"started_at": begun, "label": labels}).assign(
        ended_at=lambda rows: rows["started_at"] + timedelta(hours=1),
        anomaly_id=[f"{number:016x}" for number in range(len(labels))],
        account="a", region="r", resource_id="i-1", metrics="cpu_utilization,memory_utilization",
    )  # fmt: skip
    return points, rows


def planted(count: int) -> tuple[list[str], list[float]]:
    """Two true incidents, that are high, and one that is neither high nor low and refuted, again and again."""
    labels = ["refuted" if number % 3 == 2 else "confirmed" for number in range(count)]
    return labels, [FALSE if label == "refuted" else TRUE for label in labels]


def asked(labels: list[str], heights: list[float], detectors: dict[str, Detector]) -> Evidence:
    return gather(*estate(labels, heights), detectors, FIRST)


TWO: dict[str, Detector] = {"good": above(8.0), "useless": useless}


def test_a_member_that_finds_only_what_people_refute_loses_weight_and_the_others_keep_theirs() -> None:
    evidence, shipped = asked(*planted(60), TWO), voters("good", "useless")

    found = learn(shipped, shipped, evidence)

    assert found.passes
    assert found.reason.startswith("60 labels: of 36 labels told by what was learned before them 12 are right now and 0 no more")
    assert found.proposed.weights["good"] == found.proposed.thresholds["good"] == 1
    assert found.proposed.weights["useless"] < 1
    before, after = measure(shipped, evidence), measure(found.proposed, evidence)
    assert (before.confirmed_found, before.refuted_found, after.confirmed_found, after.refuted_found) == (40, 20, 40, 0)
    assert after.precision == after.recall == after.f1 == 1


def test_a_threshold_rises_no_further_than_it_must() -> None:
    evidence, shipped = asked(*planted(60), {"one": above(4.0)}), voters("one")

    found = learn(shipped, shipped, evidence)

    assert found.passes
    assert found.proposed.thresholds == {"one": 1.5}
    assert found.proposed.weights == {"one": 1.0}


def test_labels_below_the_least_change_nothing_and_it_says_so() -> None:
    evidence, shipped = asked(*planted(LEAST_LABELS - 1), TWO), voters("good", "useless")

    found = learn(shipped, shipped, evidence)

    assert (found.proposed, found.passes) == (shipped, False)
    assert found.reason == "29 labels of the 30 that are needed"


@pytest.mark.parametrize("count", [LEAST_LABELS, 40, 80])
def test_labels_that_are_chance_change_nothing(count: int) -> None:
    shipped, passed = voters("good", "useless"), 0
    for seed in range(20):
        chance = np.random.default_rng(seed)
        labels = [str(each) for each in chance.choice(["confirmed", "refuted"], count)]
        heights = [float(each) for each in chance.choice([TRUE, FALSE], count)]
        passed += learn(shipped, shipped, asked(labels, heights, TWO)).passes

    assert passed == 0


def test_what_was_learned_is_told_on_labels_that_came_later() -> None:
    labels, heights = planted(60)
    turned = [label if place < 24 else "confirmed" for place, label in enumerate(labels)]
    shipped = voters("good", "useless")

    found = learn(shipped, shipped, asked(turned, heights, TWO))

    assert not found.passes


def test_what_would_tell_people_more_of_what_nobody_confirmed_does_not_serve() -> None:
    labels, heights = ["confirmed"] * 60, [3.0] * 60
    points, rows = estate(labels, heights)
    shipped = voters("one")
    alone = gather(points, rows, {"one": above(4.0)}, FIRST)
    # As high, every other day, where nobody said anything.
    points.loc[points.index % 24 == 12, "value"] = 3.0
    beside = gather(points, rows, {"one": above(4.0)}, FIRST)

    assert learn(shipped, shipped, alone).passes
    assert learn(shipped, shipped, alone).proposed.thresholds == {"one": 0.75}
    assert not learn(shipped, shipped, beside).passes


def test_a_search_finds_again_what_it_found_and_sets_beside_the_grid_are_tried_too() -> None:
    evidence, shipped = asked(*planted(60), {"one": above(4.0)}).of_incidents(), voters("one")
    known = np.arange(60)

    sampled = [search(shipped, evidence, known, trials=25) for _ in range(2)]

    assert sampled[0] == sampled[1]
    # What is refuted reaches 1.25 times the threshold, and the grid has nothing between that and 1.5.
    assert 1.25 < sampled[0].thresholds["one"] < search(shipped, evidence, known).thresholds["one"] == 1.5


def test_the_vote_that_is_learned_with_is_the_vote_that_judges() -> None:
    labels, heights = planted(60)
    points, rows = estate(labels, heights)
    points["value"] += np.random.default_rng(3).gamma(1, 2, HOURS)
    detectors = {"good": above(8.0), "useless": useless}
    evidence = gather(points, rows, detectors, FIRST)
    moved = replace(voters("good", "useless"), weights={"good": 1.0, "useless": 0.5}, thresholds={"good": 1.25, "useless": 2.0})

    scaled = {name: from_threshold(detect, moved.thresholds[name]) for name, detect in detectors.items()}
    days = Interval(START, START + timedelta(hours=HOURS))
    judged = vote(points, days, scaled, moved.votes, FIRST, moved.weights)

    assert anomalous(moved, evidence).tolist() == (judged["state"] == "anomalous").tolist()
    assert 0 < anomalous(moved, evidence).sum() < anomalous(voters("good", "useless"), evidence).sum()


def test_a_detector_at_its_own_threshold_is_itself_and_at_twice_that_its_band_is_twice_as_wide() -> None:
    detect = above(4.0)
    ts, values = np.array([START], dtype="datetime64[us]"), np.array([6.0])

    assert from_threshold(detect, 1.0) is detect
    found = from_threshold(detect, 2.0)(ts, values)
    assert (found.excess.tolist(), found.lower.tolist(), found.upper.tolist()) == ([0.75], [-8.0], [8.0])


def test_every_weight_that_may_be_learned_may_serve() -> None:
    given = {"good": 100.0, "useless": 1.0}
    shipped = replace(voters("good", "useless"), given=given, weights=given)
    twice = replace(shipped, weights={"good": SHARES[-1] * 100.0, "useless": 1.0})

    assert SHARES[-1] == max(SHARES)
    assert parse_voters(twice.text(), "3") == replace(twice, version="3")


def test_a_version_is_what_its_text_says_and_nothing_else_is_one() -> None:
    moved = replace(voters("good", "useless"), weights={"good": 1.0, "useless": 0.5}, thresholds={"good": 1.25, "useless": 2.0})

    assert parse_voters(moved.text(), "3") == replace(moved, version="3")
    assert parse_voters(moved.text(), "3").shipped == voters("good", "useless")
    for text in ("", "[]", "{}", moved.text().replace("1.25", "-1"), moved.text().replace('"votes"', '"vote"')):
        with pytest.raises(DataError, match="version 3 of the detectors"):
            parse_voters(text, "3")
