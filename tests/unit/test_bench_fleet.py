"""What `bench_fleet` counts: incidents of a server, planned work, and what else is told of it."""

from __future__ import annotations

import numpy as np

from pipeline.anomalies.detection import arrival_clock, judge
from tools.bench_fleet import LEARNED_DAYS, PLANNED, WANTED, Happened, Watched, fleet, score

HOURS, FIRST = 24 * (LEARNED_DAYS + 10), 24 * LEARNED_DAYS


def high(ts: np.ndarray, values: np.ndarray):  # type: ignore[no-untyped-def]
    """Flags what is above 50."""
    return judge(arrival_clock(ts), values, values / 50, np.zeros(len(values)))


def server(*told: int, happened: tuple[Happened, ...] = ()) -> Watched:
    values = np.zeros((HOURS, 2))
    values[list(told), 1] = 60.0
    return Watched(values, happened)


def test_an_incident_is_found_by_any_metric_near_it_and_one_that_began_while_it_was_learned_counts_nothing() -> None:
    leak = Happened("memory_leak", FIRST + 50, FIRST + 60)
    early = Happened("disk_exhaustion", FIRST - 5, FIRST + 5)

    before, after, late = (score(high, (server(hour, happened=(leak, early)),)) for hour in (FIRST + 48, FIRST + 62, FIRST + 63))

    assert [each.events[:3] for each in (before, after, late)] == [(1, 0, 0), (1, 0, 0), (0, 1, 1)]
    assert before.events.days == 10
    assert before.there == {"disk_exhaustion": 0, "memory_leak": 1}


def test_what_is_told_of_a_deploy_is_false_and_of_a_change_of_load_is_neither() -> None:
    planned, changed = Happened("deploy", FIRST + 30, FIRST + 31), Happened("level_shift", FIRST + 90, FIRST + 91)

    found = score(high, (server(FIRST + 30, FIRST + 90, FIRST + 150, FIRST + 155, happened=(planned, changed)),))

    assert found.events[:3] == (0, 0, 2), "the deploy, and one alarm of six hours"
    assert (found.told["deploy"], found.told["level_shift"]) == (1, 1)


def test_chance_finds_as_many_as_there_are_alerts_in_as_long_windows() -> None:
    window = Happened("backup", FIRST + 100, FIRST + 102)

    often = score(high, (server(*range(FIRST, HOURS, 8), happened=(window,)),))

    assert 0.8 < often.chance["backup"] < 0.95, "an alert each eight hours, of which silence takes none, and windows of seven"
    assert score(high, (server(happened=(window,)),)).chance["backup"] == 0


def test_the_fleet_has_incidents_and_planned_work_and_hours_that_nobody_reported() -> None:
    servers = fleet(12, 30)

    kinds = {each.kind for one in servers for each in one.happened}
    assert kinds & {*WANTED}
    assert {"deploy"} <= kinds & {*PLANNED}
    assert any(np.isnan(one.values).any() for one in servers)
