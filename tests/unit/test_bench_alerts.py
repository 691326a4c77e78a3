"""What `make bench-alerts` counts: messages about what was put in, about what is explained, and false ones."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline import settings as settings_module
from tools import bench_alerts
from tools.bench_alerts import attribute, find_crossed, name_rules
from tools.planted import LABELS, draw_numenta, plant

DAY = datetime(2026, 3, 15)
HOUR = timedelta(hours=1)
NOTHING = pd.DataFrame({"resource_id": pd.Series(dtype="str"), "ts": pd.Series(dtype="datetime64[us]")})


def message(resource: str, as_of: datetime = DAY, **other: object) -> dict[str, object]:
    return {"as_of": as_of, "resource_id": resource, "since": as_of - 5 * HOUR, "kind": "firing", "repeats": False, **other}


def test_a_message_is_about_what_was_put_in_else_a_window_else_a_threshold_else_false() -> None:
    leak = ("i-1", DAY - 9 * HOUR, DAY - 2 * HOUR, "memory_leak", True)
    labels = pd.DataFrame(
        [leak, ("i-1", DAY - 9 * HOUR, DAY, "deploy", False), ("i-2", DAY - 5 * HOUR, DAY - 4 * HOUR, "deploy", False)],
        columns=LABELS,
    )
    crossed = pd.DataFrame({"resource_id": ["i-2", "i-3"], "ts": [DAY - HOUR, DAY - HOUR]})
    messages = pd.DataFrame([message(f"i-{each}") for each in (1, 2, 3, 4)])

    found, known = attribute(messages, labels, crossed)

    assert found["why"].tolist() == ["incident", "window", "threshold", "false"]
    assert known["messages"].tolist() == [1, 0, 0]


def test_what_repeats_and_that_it_is_over_are_no_new_messages_about_an_incident() -> None:
    labels = pd.DataFrame([("i-1", DAY - 9 * HOUR, DAY + 30 * HOUR, "disk_exhaustion", True)], columns=LABELS)
    again = [message("i-1", DAY + 24 * HOUR, repeats=True), message("i-1", DAY + 48 * HOUR, kind="resolved")]

    found, known = attribute(pd.DataFrame([message("i-1"), *again]), labels, NOTHING)

    assert found["why"].tolist() == ["incident"] * 3
    assert known["messages"].tolist() == [1]


def test_a_message_long_after_an_incident_is_not_about_it() -> None:
    labels = pd.DataFrame([("i-1", DAY - 80 * HOUR, DAY - 75 * HOUR, "memory_leak", True)], columns=LABELS)

    found, known = attribute(pd.DataFrame([message("i-1")]), labels, NOTHING)

    assert found["why"].tolist() == ["false"]
    assert known["messages"].tolist() == [0]


def test_a_message_is_of_the_gravest_rule_of_its_group_and_repeats_what_was_told_and_is_not_over() -> None:
    alert = {"group_id": "g", "subject": "1/r/i-1", "since": DAY - HOUR, "as_of": DAY}
    alerts = pd.DataFrame(
        [
            alert | {"alert_id": "a", "rule": "incident", "severity": "info", "state": "firing"},
            alert | {"alert_id": "b", "rule": "threshold", "severity": "warning", "state": "firing"},
            alert | {"alert_id": "a", "rule": "incident", "severity": "info", "state": "resolved", "as_of": DAY + 48 * HOUR},
            alert | {"alert_id": "b", "rule": "threshold", "severity": "warning", "state": "resolved", "as_of": DAY + 48 * HOUR},
        ]
    )
    told = [(0, "firing"), (24, "firing"), (48, "resolved")]
    said = pd.DataFrame([{"as_of": DAY + n * HOUR, "message_id": f"{n}", "group_id": "g", "kind": kind} for n, kind in told])

    found = name_rules(said, alerts)

    assert found["rule"].tolist() == ["threshold"] * 3
    assert found["repeats"].tolist() == [False, True, False]
    assert set(found["resource_id"]) == {"i-1"}


def test_a_threshold_is_crossed_where_samples_reach_it_for_as_long_as_is_set(tmp_path: Path) -> None:
    settings = settings_module.load({}, home=tmp_path)
    values = {"i-1": [81.0, 82.0, 10.0, 90.0], "i-2": [10.0, 10.0, 85.0, 10.0]}
    hours = pd.DataFrame(
        [
            {"series_id": f"{name}/cpu", "resource_id": name, "metric": "cpu_utilization", "mean": mean, "quality_flag": 0}
            | {"hour": DAY + place * HOUR}
            for name, means in values.items()
            for place, mean in enumerate(means)
        ]
    )
    days = pd.DataFrame({"resource_id": ["i-3", "i-4"], "ts": [DAY, DAY], "samples": [20, 24], "expected_samples": [24, 24]})

    crossed = find_crossed(hours, days, settings)

    assert sorted(crossed.itertuples(index=False, name=None)) == [("i-1", DAY), ("i-1", DAY + HOUR), ("i-3", DAY)]


def test_incidents_are_put_in_where_labels_say_so_and_equal_seeds_put_in_the_same() -> None:
    moments = pd.date_range(bench_alerts.START, periods=24 * 20, freq="h")
    quiet = pd.concat(
        pd.DataFrame({"resource_id": name, "metric": "cpu_utilization", "unit": "percent", "ts": moments, "value": 20.0})
        for name in ("i-1", "i-2", "i-3")
    )
    known = pd.DataFrame(columns=LABELS[:4])
    made = [plant("quiet", quiet, known, 7, days=(10, 10), rate=0.2, period_s=3600) for _ in range(2)]

    labels = made[0].labels
    assert len(labels) > 1
    assert labels.equals(made[1].labels)
    assert set(labels["kind"]) == {"cpu_throttling"}
    assert (labels["start"] >= made[0].span.start).all()
    assert np.all(quiet["value"] == 20.0), "what was given stays as it was"


def test_the_benchmarks_real_series_lie_in_the_days_that_are_told_of_with_their_windows() -> None:
    drawn = draw_numenta(301)

    inside = drawn.labels[(drawn.labels["end"] > drawn.span.start) & (drawn.labels["start"] < drawn.span.end)]
    assert drawn.servers == 9
    assert {"labelled", "cpu_throttling"} <= set(inside["kind"])
    assert not inside.loc[inside["kind"] == "labelled", "planted"].any()
