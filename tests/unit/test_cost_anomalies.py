"""What is unusual in a bill: where it belongs, what it is made of, and what is no anomaly."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.anomalies import cost
from pipeline.anomalies.cost import Event, Tree
from pipeline.anomalies.cost_causes import BEFORE, rank_causes
from pipeline.anomalies.cost_hidden import find_hidden, plant_resources
from pipeline.anomalies.cost_names import drop_restated, keep_ids, name_event
from pipeline.anomalies.cost_planned import Planned, note_planned, parse_planned, recall_planned
from pipeline.errors import ConfigError

START, DAYS = date(2026, 1, 5), 120
WHEN = np.datetime64(START) + np.arange(DAYS)
WEEKEND = np.isin((WHEN.astype(np.int64) + 3) % 7, (5, 6))
Cells = dict[tuple[str, str, str], np.ndarray]


def noise(seed: int, share: float = 0.03) -> np.ndarray:
    return np.exp(share * np.random.Generator(np.random.PCG64(seed)).normal(size=DAYS))


def estate() -> Cells:
    """Two accounts, with a week, noise, and cost by the month in gigabytes."""
    months = WHEN.astype("datetime64[M]")
    long = ((months + 1).astype("datetime64[D]") - months.astype("datetime64[D]")).astype(np.int64)
    week = np.where(WEEKEND, 0.6, 1.0)
    return {
        ("1", "EC2", "Box"): 100 * week * noise(1),
        ("1", "EC2", "Bytes"): 30 * week * noise(2),
        ("1", "S3", "Requests"): 20 * noise(3),
        ("1", "S3", "Storage"): 600.0 / long,
        ("2", "EC2", "Box"): 50 * noise(4),
        ("2", "RDS", "Hours"): np.full(DAYS, 24.0),
    }


def grown(cells: Cells) -> Tree:
    parts = [
        pd.DataFrame(
            {"ts": WHEN.astype("datetime64[us]"), "account": account, "service": service, "usage_type": usage_type,
             "cost": values, "unit": "GB-Mo" if usage_type == "Storage" else "Hrs"}
        )
        for (account, service, usage_type), values in cells.items()
    ]  # fmt: skip
    whole = pd.concat(parts, ignore_index=True)
    return cost.grow_tree(whole[whole["cost"] != 0])


def found(cells: Cells, planned: tuple[Planned, ...] = (), quiet: tuple[int, ...] = ()) -> list[dict[str, Any]]:
    tree = grown(cells)
    return [said(tree, event) for event in cost.find_events(tree, planned, np.isin(np.arange(DAYS), quiet))]


def said(tree: Tree, event: Event) -> dict[str, Any]:
    node = "/".join(word for word in tree.nodes.loc[event.node] if word)
    return {"node": node, "days": (event.first, event.last), "impact": event.impact, "levels": sorted(event.levels)}


def changed(cells: Cells, key: tuple[str, str, str], days: range, factor: float) -> Cells:
    values = cells[key].copy()
    values[days.start : days.stop] *= factor
    return {**cells, key: values}


def test_an_estate_with_weeks_noise_and_months_of_other_lengths_has_nothing_unusual() -> None:
    assert found(estate()) == []


def test_what_one_usage_type_explains_is_its_own_and_those_above_list_it() -> None:
    [event] = found(changed(estate(), ("1", "S3", "Requests"), range(80, 84), 8))

    assert event["node"] == "1/S3/Requests"
    assert event["days"] == (80, 83)
    assert event["impact"] == pytest.approx(4 * 140, rel=0.1)
    assert event["levels"] == [0, 1, 2, 3]


def test_what_no_part_explains_belongs_to_the_whole_of_them() -> None:
    cells = estate()
    for key in cells:
        cells = changed(cells, key, range(80, 83), 1.6)

    nodes = {event["node"] for event in found(cells)}

    assert {"1/EC2/Box", "2/RDS/Hours"} <= nodes
    cells = {key: value * np.where(np.isin(np.arange(DAYS), (80, 81, 82)), 1.09, 1) for key, value in estate().items()}
    assert [event["node"] for event in found(cells)] == []


def test_two_movements_that_hide_each_other_are_both_found() -> None:
    cells = estate()
    cells[("1", "EC2", "Box")][80:85] -= 40
    cells[("2", "EC2", "Box")][80:85] += 40

    events = {event["node"]: round(event["impact"], -1) for event in found(cells)}

    assert set(events) == {"1/EC2/Box", "2/EC2/Box"}
    assert events["1/EC2/Box"] == pytest.approx(-200, abs=30)
    assert events["2/EC2/Box"] == pytest.approx(200, abs=30)
    total = sum(cells.values())
    assert abs(total[80:85] / sum(estate().values())[80:85] - 1).max() < 1e-9


def test_usage_types_of_one_service_that_hide_each_other_are_two_events_of_opposite_sign_and_none_of_the_service() -> None:
    cells = estate()
    cells[("1", "EC2", "Box")][80:85] -= 40
    cells[("1", "EC2", "Bytes")][80:85] += 40

    events = {event["node"]: event["impact"] for event in found(cells)}

    assert events == {"1/EC2/Box": pytest.approx(-200, abs=30), "1/EC2/Bytes": pytest.approx(200, abs=30)}
    service = cells[("1", "EC2", "Box")] + cells[("1", "EC2", "Bytes")]
    assert np.allclose(service, estate()[("1", "EC2", "Box")] + estate()[("1", "EC2", "Bytes")])


BOX = ("1", "EC2", "Box")


def hidden(resources: dict[str, np.ndarray], planned: tuple[Planned, ...] = ()) -> list[tuple[str, tuple[int, int], float]]:
    """What the resources of one usage type hide from it: resource, days and impact."""
    cells = {**estate(), BOX: np.asarray(sum(resources.values()))}
    tree, never = grown(cells), np.zeros(DAYS, dtype=bool)
    parts = [
        pd.DataFrame({"ts": WHEN.astype("datetime64[us]"), "resource_id": name, "cost": values, "unit": "Hrs"}).assign(
            account=BOX[0], service=BOX[1], usage_type=BOX[2]
        )
        for name, values in resources.items()
    ]
    whole = pd.concat(parts, ignore_index=True)
    planted = plant_resources(tree, whole[whole["cost"] != 0])
    told = cost.find_events(tree, planned, never)
    return [
        (planted.nodes.at[event.node, "resource_id"], (event.first, event.last), event.impact)
        for event in find_hidden(tree, planted, told, planned, never)
    ]


def test_two_resources_of_one_usage_type_that_hide_each_other_are_two_events_of_opposite_sign() -> None:
    first, second = 50 * noise(1), 50 * noise(2)
    first[80:88] -= 30
    second[80:88] += 30

    assert found({**estate(), BOX: first + second}) == []
    assert hidden({"i-1": first, "i-2": second, "i-3": 40 * noise(3)}) == [
        ("i-1", (80, 87), pytest.approx(-240, abs=20)),
        ("i-2", (80, 87), pytest.approx(240, abs=20)),
    ]


def test_one_resource_that_two_others_make_up_for_is_found_with_both_of_them() -> None:
    first, second, third = (60 * noise(seed) for seed in (1, 2, 3))
    first[80:90] -= 50
    second[80:90] += 25
    third[80:90] += 25

    assert [name for name, _, _ in hidden({"i-1": first, "i-2": second, "i-3": third})] == ["i-1", "i-2", "i-3"]


def test_a_machine_that_takes_the_place_of_another_hides_nothing() -> None:
    old, new = 50 * noise(1), 50 * noise(2)
    old[90:], new[:90] = 0, 0

    assert hidden({"i-1": old, "i-2": new, "i-3": 50 * noise(3)}) == []


def test_what_the_usage_type_shows_itself_is_not_told_again_of_its_resources() -> None:
    first, second = 50 * noise(1), 50 * noise(2)
    first[80:85] += 90

    assert hidden({"i-1": first, "i-2": second}) == []
    second[80:85] -= 40
    assert [name for name, _, _ in hidden({"i-1": first, "i-2": second})] == ["i-2"]


def test_what_others_hide_days_after_it_began_is_told_though_the_usage_type_showed_its_first_days() -> None:
    first, second = 100 * noise(1), 100 * noise(2)
    first[90:99] += 95
    second[93:99] -= 95
    resources = {"i-1": first, "i-2": second, "i-3": 40 * noise(3)}

    assert [event["node"] for event in found({**estate(), BOX: np.asarray(sum(resources.values()))})] == ["1/EC2/Box"]
    assert hidden(resources) == [("i-1", (90, 98), pytest.approx(855, abs=30)), ("i-2", (93, 98), pytest.approx(-570, abs=30))]


def test_what_was_announced_of_a_usage_type_is_no_hidden_movement_of_its_resources() -> None:
    first, second = 50 * noise(1), 50 * noise(2)
    first[80:85] -= 30
    second[80:85] += 30
    days = {"start": START + timedelta(days=79), "end": START + timedelta(days=84)}

    assert hidden({"i-1": first, "i-2": second}, (Planned(name="moved", usage_type="Box", **days),)) == []


def test_what_was_announced_and_pauses_for_a_day_is_still_what_was_announced() -> None:
    cells = changed(estate(), ("1", "S3", "Requests"), range(80, DAYS), 1.5)
    cells[("1", "S3", "Requests")][86] /= 1.5
    launch = Planned(name="launch", usage_type="Requests", start=START + timedelta(days=79), end=START + timedelta(days=84))

    assert found(cells, (launch,)) == []
    assert found(cells) != []


def test_a_new_usage_type_is_an_event_of_its_own_from_its_first_day() -> None:
    values = np.where(np.arange(DAYS) >= 112, 30.0, 0.0)

    [event] = found({**estate(), ("2", "EC2", "Gpu"): values})

    assert (event["node"], event["days"]) == ("2/EC2/Gpu", (112, 119))
    assert event["impact"] == pytest.approx(240)


def test_a_level_that_stays_is_the_usual_one_after_four_weeks() -> None:
    [event] = found(changed(estate(), ("2", "RDS", "Hours"), range(60, DAYS), 2))

    assert event["days"] == (60, 87)


def test_a_month_that_begins_or_ends_as_those_before_is_usual() -> None:
    months = WHEN.astype("datetime64[M]")
    first = months.astype("datetime64[D]") == WHEN
    values = estate()[("1", "S3", "Requests")] * np.where(first, 5, 1)

    events = found({**estate(), ("1", "S3", "Requests"): values})

    # The first month's first day that is judged has none to be held against.
    assert {event["days"][0] for event in events} <= {int(np.flatnonzero(first)[1])}


def test_a_holiday_may_cost_less_and_not_more() -> None:
    key = ("2", "EC2", "Box")
    assert found(changed(estate(), key, range(80, 83), 0.2)) != []
    assert found(changed(estate(), key, range(80, 83), 0.2), quiet=(80, 81, 82)) == []
    assert found(changed(estate(), key, range(80, 81), 3), quiet=(80,)) != []


def test_what_was_announced_is_no_anomaly_and_what_stays_of_it_is_the_new_level() -> None:
    plan = Planned(name="load test", start=START + timedelta(days=80), end=START + timedelta(days=84), account="1", service="S3")
    key = ("1", "S3", "Requests")
    assert found(changed(estate(), key, range(80, 85), 6), (plan,)) == []
    assert found(changed(estate(), key, range(80, DAYS), 6), (plan,)) == []
    other = plan.model_copy(update={"account": "2"})
    assert [event["node"] for event in found(changed(estate(), key, range(80, 85), 6), (other,))] == ["1/S3/Requests"]


def test_what_was_announced_of_nothing_in_a_bill_covers_nothing_of_it() -> None:
    plan = Planned(name="elsewhere", start=START, end=START + timedelta(days=DAYS), account="1", service="RDS")

    assert not cost.mask_planned(grown(estate()), [plan]).any()
    tree = grown(estate())
    covered = cost.mask_planned(tree, [plan.model_copy(update={"service": "S3"})]).any(axis=0)
    assert {"/".join(word for word in node if word) for node in tree.nodes[covered].itertuples(index=False)} == {
        *("", "1", "1/S3", "1/S3/Requests", "1/S3/Storage")
    }


def test_later_days_change_nothing_that_was_found_before() -> None:
    cells = changed(changed(estate(), ("1", "S3", "Requests"), range(80, 84), 8), ("2", "EC2", "Box"), range(100, 103), 4)
    early = {key: values[:95] for key, values in cells.items()}
    whole = [event for event in found(cells) if event["days"][1] < 95]
    padded = grown_of(early, 95)

    assert [said(padded, event) for event in cost.find_events(padded, (), np.zeros(95, dtype=bool))] == whole != []


def grown_of(cells: Cells, days: int) -> Tree:
    tree = grown({key: np.concatenate([values, np.zeros(DAYS - days)]) for key, values in cells.items()})
    return Tree(tree.days[:days], tree.nodes, tree.parent, tree.cost[:days], tree.even[:days])


def without(month: str, cells: Cells) -> Tree:
    """The bill without one of its months."""
    return grown({key: values * (WHEN.astype("datetime64[M]") != np.datetime64(month)) for key, values in cells.items()})


def test_a_month_of_which_there_is_no_bill_is_not_one_that_cost_nothing() -> None:
    cells = changed(estate(), ("1", "S3", "Requests"), range(100, 104), 8)
    february, march = without("2026-02", cells), without("2026-03", cells)

    assert (february.days[0], march.days[0]) == (np.datetime64("2026-03-01"), np.datetime64("2026-04-01"))
    [event] = cost.find_events(february, (), np.zeros(len(february.days), dtype=bool))
    assert february.days[event.first] == WHEN[100]
    assert cost.find_events(march, (), np.zeros(len(march.days), dtype=bool)) == []


def test_too_few_days_are_not_judged() -> None:
    tree = grown(changed(estate(), ("1", "S3", "Requests"), range(30, 34), 8))
    short = Tree(tree.days[:34], tree.nodes, tree.parent, tree.cost[:34], tree.even[:34])

    assert cost.find_events(short, (), np.zeros(34, dtype=bool)) == []


def charges(**amounts: dict[int, float]) -> pd.DataFrame:
    """Cost by resource and day before or after the 1st of March."""
    rows = [
        {"ts": pd.Timestamp(2026, 3, 1) + pd.Timedelta(days=day), "account": "1", "service": "EC2", "region": "r",
         "usage_type": "Box", "resource_id": name, "tags": "{}", "cost": amount}
        for name, days in amounts.items()
        for day, amount in days.items()
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_causes_are_ranked_by_what_they_cost_beyond_their_weekdays_and_new_ones_count_whole() -> None:
    usual = dict.fromkeys(range(-BEFORE, 3), 10.0)
    daily = charges(
        steady=usual, grown={**usual, 0: 40.0, 1: 40.0}, new={0: 25.0, 1: 25.0}, gone=dict.fromkeys(range(-BEFORE, 0), 5.0)
    )

    causes = rank_causes(daily, date(2026, 3, 1), date(2026, 3, 2), 100)

    assert [(each["resource_id"], each["actual"], each["expected"], each["impact"]) for each in causes] == [
        ("grown", 80, 20, 60),
        ("new", 50, 0, 50),
    ]
    assert [each["resource_id"] for each in rank_causes(daily, date(2026, 3, 1), date(2026, 3, 2), -10)] == ["gone"]
    assert rank_causes(daily.head(0), date(2026, 3, 1), date(2026, 3, 2), 1) == []


def test_a_resource_that_got_other_tags_is_no_cause_and_what_belongs_to_none_is_told_apart_by_them() -> None:
    retagged = charges(big=dict.fromkeys(range(-BEFORE, 0), 100.0)), charges(big={0: 100.0}).assign(tags='{"team": "a"}')
    grown = charges(small={**dict.fromkeys(range(-BEFORE, 0), 10.0), 0: 30.0}).assign(tags='{"team": "b"}')
    of_none = [charges(none={0: amount}).assign(tags=f'{{"team": "{team}"}}') for team, amount in (("c", 4.0), ("d", 2.0))]

    causes = rank_causes(pd.concat([*retagged, grown, *of_none]), date(2026, 3, 1), date(2026, 3, 1), 26)

    assert [(each["resource_id"], each["tags"], each["impact"]) for each in causes] == [
        ("small", '{"team": "b"}', 20),
        ("none", '{"team": "c"}', 4),
        ("none", '{"team": "d"}', 2),
    ]
    [big] = rank_causes(pd.concat(retagged).assign(cost=[10.0] * BEFORE + [90.0]), date(2026, 3, 1), date(2026, 3, 1), 80)
    assert (big["tags"], big["expected"], big["impact"]) == ('{"team": "a"}', 10, 80)
    assert [each["tagged"] for each in (*causes, big)] == [[]] * 4


def test_a_resource_that_passes_to_another_team_within_an_event_says_who_had_it_when_and_for_how_much() -> None:
    usual = charges(big=dict.fromkeys(range(-BEFORE, 0), 10.0)).assign(tags='{"team": "before"}')
    own = charges(big={0: 50.0, 1: 30.0, 3: 5.0}).assign(tags='{"team": "z"}')
    others = charges(big={1: 20.0, 2: 60.0}).assign(tags='{"team": "b"}')

    [cause] = rank_causes(pd.concat([usual, own, others]), date(2026, 3, 1), date(2026, 3, 4), 100)

    assert (cause["tags"], cause["actual"]) == ('{"team": "z"}', 165)
    assert cause["tagged"] == [
        {"tags": '{"team": "z"}', "first_day": "2026-03-01", "last_day": "2026-03-04", "cost": 85},
        {"tags": '{"team": "b"}', "first_day": "2026-03-02", "last_day": "2026-03-03", "cost": 80},
    ]
    turned = [
        charges(big={0: 9.0}).assign(tags='{"a": "1", "b": "2"}'),
        charges(big={1: 9.0}).assign(tags='{"b": "2", "a": "1"}'),
    ]
    [cause] = rank_causes(pd.concat(turned), date(2026, 3, 1), date(2026, 3, 2), 18)
    assert cause["tagged"] == []


def events(*rows: tuple[str, int, int]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"account": account, "service": "", "usage_type": "", "resource_id": "", "first_day": datetime(2026, 3, first),
             "last_day": datetime(2026, 3, last), "anomaly_id": f"{account}-{first}",
             "judged_from": datetime(2026, 3, 4), "judged_through": datetime(2026, 3, 20)}
            for account, first, last in rows
        ],
        columns=[
            *("account", "service", "usage_type", "resource_id", "first_day", "last_day", "anomaly_id"),
            *("judged_from", "judged_through"),
        ],
    )  # fmt: skip


def test_an_event_keeps_its_id_while_days_overlap_and_of_two_in_one_the_older_gives_it() -> None:
    before = events(("1", 5, 6), ("1", 9, 10), ("2", 5, 6))

    named = keep_ids(events(("1", 6, 12), ("2", 8, 9)).drop(columns="anomaly_id"), before, "bill")

    assert named["anomaly_id"].iloc[0] == "1-5"
    assert len(named["anomaly_id"].iloc[1]) == 16
    again = keep_ids(named.drop(columns="anomaly_id"), named, "bill")
    assert list(again["anomaly_id"]) == list(named["anomaly_id"])


def test_one_that_became_two_gives_its_id_to_the_older_alone() -> None:
    named = keep_ids(events(("1", 5, 6), ("1", 9, 12)).drop(columns="anomaly_id"), events(("1", 5, 12)), "bill")

    assert named["anomaly_id"].iloc[0] == "1-5"
    assert named["anomaly_id"].nunique() == 2


def test_an_event_whose_id_another_has_gets_one_of_its_own() -> None:
    node, day = ("1", "", ""), datetime(2026, 3, 9)
    own = name_event("bill", node, day)
    before = events(("1", 1, 2), ("1", 5, 6)).assign(anomaly_id=[own, name_event(own, node, day)])

    named = keep_ids(events(("1", 1, 2), ("1", 5, 6), ("1", 9, 10)).drop(columns="anomaly_id"), before, "bill")

    assert list(named["anomaly_id"][:2]) == list(before["anomaly_id"])
    assert named["anomaly_id"].nunique() == 3


def test_days_that_were_judged_and_usual_are_restated_where_they_are_unusual_now() -> None:
    now = events(("1", 5, 6), ("2", 5, 6), ("3", 18, 21))

    kept = drop_restated(now, events(("1", 6, 8)), lambda: now)

    assert list(kept["account"]) == ["1", "3"]
    older = events(("2", 1, 3), ("3", 3, 4))
    assert list(drop_restated(older, events(("1", 6, 8)), lambda: older)["account"]) == ["2", "3"]
    assert len(drop_restated(now, events(), lambda: now)) == 3


def test_what_the_run_before_would_not_have_found_either_is_no_restatement() -> None:
    now = events(("1", 5, 6), ("2", 5, 6), ("2", 12, 14))

    kept = drop_restated(now, events(("1", 6, 8)), lambda: events(("2", 13, 13), ("3", 5, 6)))

    assert list(kept["first_day"]) == [datetime(2026, 3, 5)] * 2
    assert len(drop_restated(now, events(("1", 6, 8)), events)) == 3


def test_what_was_announced_is_noted_from_a_day_on_and_recalled_as_it_was() -> None:
    over, now = (Planned(name=f"{end}", start=date(2026, 1, 1), end=end, service="S*") for end in (START, date(2026, 3, 2)))

    assert recall_planned(note_planned((over, now), START)) == (over, now)
    assert recall_planned(note_planned((over, now), START + timedelta(days=1))) == (now,)
    assert recall_planned(note_planned((), START)) == ()


def test_a_calendar_of_planned_cost_is_read_and_what_it_gets_wrong_is_named() -> None:
    [plan] = parse_planned('[[planned]]\nname = "x"\nstart = 2026-03-01\nend = 2026-03-02\nservice = "Amazon S*"', "plan.toml")
    assert plan.service == "Amazon S*"
    assert parse_planned("", "plan.toml") == ()
    for text, why in (
        ("[[planned]]\nname", "is not TOML"),
        ('[[planned]]\nname = "x"\nstart = 2026-03-02\nend = 2026-03-01', "before its start"),
        (
            '[[planned]]\nname = "x"\nstart = 2026-03-01\nend = 2026-03-02\nteam = "a"',
            "line 1, planned x, team: there is no such key; expected one of name, start, end",
        ),
    ):
        with pytest.raises(ConfigError, match=why):
            parse_planned(text, "plan.toml")
