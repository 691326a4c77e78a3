"""Which samples detectors flag, for how long, and what their vote makes of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.anomalies.detection import SILENCE, Detection, Silence, arrival_clock, judge
from pipeline.anomalies.state import hold
from pipeline.anomalies.vote import read_weights, vote
from pipeline.errors import ConfigError
from pipeline.interval import Interval

DAYS = 20
ROWS = DAYS * 24
TS = np.datetime64("2026-03-01T00:00", "us") + np.arange(ROWS) * np.timedelta64(1, "h")
ALL = Interval(datetime(2026, 3, 1), datetime(2026, 3, 21))


def surprised(*rows: int, excess: float = 4.0, silence: Silence = SILENCE) -> Any:
    """A detector that expects 20, and is surprised at some rows alone."""

    def detect(ts: np.ndarray, values: np.ndarray) -> Detection:
        excesses = np.isin(np.arange(len(values)), rows) * excess
        flat = np.full(len(values), 20.0)
        return judge(arrival_clock(ts), values, excesses, flat, (flat - 10, flat + 10), silence)

    return detect


def at_80(first: int, last: int) -> np.ndarray:
    values = np.full(ROWS, 20.0)
    values[first : last + 1] = 80.0
    return values


def held(values: np.ndarray, *rows: int) -> list[int]:
    return np.flatnonzero(hold(TS, values, surprised(*rows)(TS, values)) >= 1).tolist()


def voted(
    values: np.ndarray, wanted: float = 1, interval: Interval = ALL, weights: Mapping[str, float] | None = None, **detectors: Any
) -> pd.DataFrame:
    series = pd.DataFrame({"ts": TS, "value": values, "unit": "percent"})
    found: pd.DataFrame = vote(series, interval, detectors, wanted, 48, weights or {})
    return found


def test_a_flag_goes_on_while_half_of_its_deviation_is_left() -> None:
    values = at_80(100, 117)
    values[[118, 119]] = 50.0, 49.9

    assert held(values, 100) == list(range(100, 119))


def test_a_drop_goes_on_while_it_stays_down_and_a_missing_sample_ends_nothing_and_is_not_flagged() -> None:
    values = at_80(0, ROWS)
    values[:] = 20.0
    values[100:106] = 2.0
    values[102] = np.nan

    assert held(values, 100) == [100, 101, 103, 104, 105]


def test_what_goes_on_for_a_week_is_the_new_level() -> None:
    assert held(at_80(100, ROWS - 1), 100) == list(range(100, 100 + 7 * 24))


def test_a_deviation_to_the_other_side_is_not_held() -> None:
    values = at_80(100, 101)
    values[102:] = -40.0

    assert held(values, 100) == [100, 101]


def test_detectors_that_are_surprised_at_different_hours_of_one_incident_agree_from_the_last_of_them_on() -> None:
    values = at_80(100, 117)

    found = voted(values, 3, a=surprised(100), b=surprised(102), c=surprised(105)).set_index("ts")

    assert found.index[found["state"] == "anomalous"].tolist() == list(pd.DatetimeIndex(TS[105:118]))
    assert found.index[found["state"] == "flagged"].tolist() == list(pd.DatetimeIndex(TS[100:105]))
    assert found.index[found["is_alert"]].tolist() == [pd.Timestamp(TS[105])]
    assert found["votes"].to_numpy()[100 - 48 : 106 - 48].tolist() == [1, 1, 2, 2, 2, 3]
    assert found["detectors"].to_numpy()[100 - 48 : 106 - 48].tolist() == ["a", "a", "a,b", "a,b", "a,b", "a,b,c"]


def test_a_detector_of_twice_the_weight_decides_where_two_are_wanted_and_one_of_half_of_it_does_not() -> None:
    values = at_80(100, 102)

    def states(**weights: float) -> list[str]:
        found = voted(values, 2, weights=weights, a=surprised(100), b=surprised(102)).set_index("ts")
        return found["state"].loc[TS[100:104]].tolist()

    assert states() == ["flagged", "flagged", "anomalous", "normal"]
    assert states(a=2.0) == ["anomalous"] * 3 + ["normal"]
    assert states(a=0.5, b=2.0) == ["flagged", "flagged", "anomalous", "normal"]


def test_the_weight_of_those_that_flag_is_published_and_all_of_them_are_enough_where_they_have_less_than_is_wanted() -> None:
    weights = {"a": 0.1, "b": 0.2, "c": 0.0}

    found = voted(at_80(100, 117), 3, weights=weights, a=surprised(100), b=surprised(102), c=surprised(104)).set_index("ts")

    rows = found.loc[TS[[99, 100, 102, 104]]]
    assert rows["vote_weight"].tolist() == [0.0, 0.1, 0.3, 0.3]
    assert rows["votes"].tolist() == [0, 1, 2, 3]
    assert rows["state"].tolist() == ["normal", "flagged", "anomalous", "anomalous"]


def test_a_sample_that_a_detector_flags_says_all_and_the_others_their_score_and_state() -> None:
    found = voted(at_80(100, 117), a=surprised(100), b=surprised()).set_index("ts")
    first, second, calm = (found.loc[pd.Timestamp(TS[row])] for row in (100, 101, 60))

    assert len(found) == ROWS - 48, "every hour judged is a row"
    assert (first["score"], first["state"], first["severity"]) == (0.8, "anomalous", "critical")
    assert (first["value"], first["expected"], first["lower"], first["upper"], first["threshold"]) == (80, 20, 10, 30, 0.5)
    assert json.loads(first["scores_json"]) == {"a": 0.8, "b": 0.0}
    assert (second["score"], second["state"], second["severity"]) == (0.0, "anomalous", "critical")
    assert (calm["score"], calm["state"], calm["votes"], calm["is_alert"]) == (0.0, "normal", 0, False)
    details = ["value", "expected", "lower", "upper", "threshold", "detectors", "scores_json", "severity"]
    assert calm[details].isna().all()


def test_an_incident_is_announced_once_and_again_when_it_is_three_times_as_bad_or_after_six_quiet_hours() -> None:
    values = at_80(100, 117)
    values[[122, 130]] = 80.0

    def detect(ts: np.ndarray, seen: np.ndarray) -> Detection:
        excess = np.zeros(len(seen))
        excess[[100, 105, 110, 122, 130]] = 2.0, 5.0, 16.0, 2.0, 2.0
        return judge(arrival_clock(ts), seen, excess, np.full(len(seen), 20.0))

    found = voted(values, a=detect)

    assert found.loc[found["is_alert"], "ts"].tolist() == list(pd.DatetimeIndex(TS[[100, 110, 130]]))


def test_an_incident_that_goes_on_is_announced_again_only_when_it_is_three_times_as_bad_as_it_was_flagged() -> None:
    values = at_80(100, 130)

    def detect(ts: np.ndarray, seen: np.ndarray) -> Detection:
        excess = np.zeros(len(seen))
        excess[[100, 110, 120]] = 8.0, 7.0, 25.0
        return judge(arrival_clock(ts), seen, excess, np.full(len(seen), 20.0))

    found = voted(values, a=detect)

    assert found.loc[found["is_alert"], "ts"].tolist() == list(pd.DatetimeIndex(TS[[100, 120]]))


@pytest.mark.parametrize("silence", [Silence(hours=2), Silence(hours=48, worse_ratio=1.0)])
def test_a_vote_announces_as_the_detector_would(silence: Silence) -> None:
    values = at_80(100, 100)
    values[104] = 80.0

    found = voted(values, a=surprised(100, 104, silence=silence))

    assert found["is_alert"].sum() == (2 if silence.hours == 2 else 1)


def test_the_hours_of_an_interval_are_those_of_all_of_them() -> None:
    values = at_80(100, 117)
    day = Interval.day("2026-03-05")
    whole, part = (voted(values, interval=each, a=surprised(100)) for each in (ALL, day))

    inside = whole[(whole["ts"] >= day.start) & (whole["ts"] < day.end)]
    pd.testing.assert_frame_equal(part, inside, check_dtype=False)
    assert (part["state"] == "anomalous").sum() == 18


def test_what_is_off_by_little_of_the_capacity_is_low_however_unusual() -> None:
    values = np.full(ROWS, 20.0)
    values[100] = 24.0

    found = voted(values, a=surprised(100))

    assert found.loc[found["state"] == "anomalous", "severity"].tolist() == ["low"]


def test_a_detector_that_counts_nothing_is_published_beside_the_others_and_decides_nothing() -> None:
    values = at_80(100, 117)
    values[110] = 300.0
    mild = surprised(100, excess=1.2, silence=Silence(hours=24, worse_ratio=3.0))
    wild = surprised(100, 110, 200, excess=1e6, silence=Silence(hours=1, worse_ratio=1.0))

    alone, beside = (
        voted(values, weights={"wild": 0.0}, **detectors).set_index("ts")
        for detectors in ({"mild": mild}, {"mild": mild, "wild": wild})
    )

    anomalous = alone["state"] == "anomalous"
    assert anomalous.sum() == 18
    decided = ["score", "state", "is_alert", "expected", "lower", "upper", "severity", "vote_weight"]
    pd.testing.assert_frame_equal(beside.loc[anomalous, decided], alone.loc[anomalous, decided])
    assert (beside["is_alert"] == alone["is_alert"]).all()
    assert beside["votes"].loc[TS[100]] == 2
    assert beside["detectors"].loc[TS[100]] == "mild,wild"
    only = beside.loc[TS[200]]
    assert (only["state"], only["votes"], only["severity"], only["score"]) == ("flagged", 1, "low", 0.0)
    assert json.loads(only["scores_json"])["wild"] > 0.99


def test_a_detector_that_is_given_no_weight_counts_one() -> None:
    assert read_weights(("default", "ewma", "iqr"), ("default:2.5", "ewma:0")) == {"default": 2.5, "ewma": 0.0, "iqr": 1.0}


@pytest.mark.parametrize(
    ("weight", "why"),
    [
        ("default", "expected <detector>:<weight>"),
        ("default:-1", "the weight from 0 to 100"),
        ("default:101", "the weight from 0 to 100"),
        ("iqr:1", "'iqr' does not vote; the setting detectors has default"),
        ("default:0", "leaves no detector that counts"),
    ],
)
def test_a_weight_that_no_vote_could_be_cast_by_is_refused(weight: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        read_weights(("default",), (weight,))


def test_of_two_weights_of_one_detector_neither_is_taken() -> None:
    with pytest.raises(ConfigError, match="'default' has two weights"):
        read_weights(("default",), ("default:2", "default:0.5"))
