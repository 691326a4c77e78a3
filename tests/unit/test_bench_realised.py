"""What the benchmark of realised savings makes, and counts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.tables.columns import EXPECTED, OBSERVED
from tools import bench_realised as bench


@pytest.fixture(scope="module")
def estate() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bench, "SERVERS", 8)
        patch.setattr(bench, "CHANGES", 4)
        yield bench.make(301)


def test_an_estate_is_charged_alike_until_its_changes(estate: Any) -> None:
    made, _, (untouched, changed) = estate
    first = pd.Timestamp(bench.START) + pd.Timedelta(days=min(each.day for each in made))

    before = [lines[lines["ts"] < first].reset_index(drop=True) for lines in (untouched, changed)]

    assert len(made) == 4
    pd.testing.assert_frame_equal(*before)
    assert untouched["cost"].sum() != pytest.approx(changed["cost"].sum())


def test_what_a_resource_would_have_cost_is_its_charge_on_the_untouched_bill(estate: Any) -> None:
    made, streams, (untouched, _) = estate
    each = made[0]
    days = np.arange(np.datetime64(bench.START) + each.day, np.datetime64(bench.START) + each.day + 5)

    true = bench.true_cost(each, streams[each.places[0]], untouched, days, streams)

    mine = untouched[untouched["resource_id"] == streams[each.places[0]].resource_id]
    within = mine[mine["ts"].isin(pd.DatetimeIndex(days))]
    assert 0 < true.sum() <= within["cost"].sum() + 1e-9


def test_a_change_that_has_not_been_taken_back_yet_is_not_wrongly_verified() -> None:
    made = bench.Made("stop", (0,), 100, bench.BACK, 110, 1.0)
    dearer = bench.Made("rightsize", (0,), 100, bench.DEARER, bench.DAYS, 1.0)

    assert [bench._is_wrong_by_then(made, after) for after in (9, 10, 11)] == [False, False, True]
    assert bench._is_wrong_by_then(dearer, 5)
    assert not bench._is_wrong_by_then(bench.Made("stop", (0,), 100, "", bench.DAYS, 1.0), 30)


def test_bars_are_missed_by_intervals_that_hold_all_and_by_one_regressed_change_that_is_called_verified() -> None:
    row: dict[str, Any] = {"basis": EXPECTED, "width": 0.1, "fault": "", "share": 0.5, "verified": True, "regressed": False}
    row |= {"inside": True, "days_inside": 0.8, "wrongly_verified": False, "is_control": False}
    sure = row | {"basis": OBSERVED, "width": 0.0, "inside": False}
    wrong = row | {"fault": bench.DEARER, "verified": False, "regressed": True}
    rows = pd.DataFrame([row, sure, wrong, {"is_control": True, "found": False}])

    met = [each for _, _, each in bench.bars(rows)]
    missed = [each for _, _, each in bench.bars(rows.assign(wrongly_verified=rows["fault"] != ""))]

    said = [each for _, _, each in bench.bars(rows.assign(found=True))]
    assert met == [False, True, True, True, True, True]
    assert missed == [False, True, False, True, True, True]
    assert said == [False, True, True, True, True, False]


def test_what_nobody_followed_is_asked_about_by_bill_inventory_and_metrics(estate: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made, streams, (_, changed) = estate
    monkeypatch.setattr(bench, "CONTROLS", 1)

    rows = list(bench._never_made(301, made, streams, changed, bench.list_unit_prices(changed)))

    assert [row["kind"] for row in rows] == ["rightsize", "stop", "schedule", bench.LOST]
    assert not any(row["found"] for row in rows if row["kind"] != "schedule")
