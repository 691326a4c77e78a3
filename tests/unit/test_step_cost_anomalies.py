"""Cost anomalies from the lake's bills: complete days alone, names that stay, and no restatement among them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline import settings as settings_module
from pipeline.errors import ConfigError
from pipeline.inputs import read
from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake, sql
from pipeline.quality.conform import conform
from pipeline.settings import Settings
from pipeline.steps.cost_anomalies import cost_anomalies
from pipeline.tables.columns import COST_ANSWERS
from pipeline.tables.cost_anomaly import COST_ANOMALY, COST_JUDGED
from pipeline.tables.money import BILL, CHARGE_DAILY, TAG_SET
from pipeline.tables.schema import Table
from tests.unit.test_cli import invoke

FIRST, DAYS = datetime(2026, 1, 5), 80
LAST = FIRST + timedelta(days=DAYS - 1)
SPIKE = (70, 71, 72)
TAGS = "a" * 16
COSTS = ("billed_cost", "effective_cost", "list_cost", "contracted_cost")
Amount = Callable[[str, int], float]


def usual(resource: str, day: int) -> float:
    """Machines cost 100 a day with a weekend, a bucket 20; on three days the bucket costs ten times as much."""
    if resource == "i-1":
        return 60.0 if (FIRST + timedelta(days=day)).weekday() >= 5 else 100.0
    return 200.0 if day in SPIKE else 20.0


def charge(resource: str, day: int, amount: float, **more: Any) -> dict[str, Any]:
    ts = FIRST + timedelta(days=day)
    service, usage_type = ("EC2", "Box") if resource == "i-1" else ("S3", "Requests")
    return {
        "billing_period": ts.replace(day=1), "source": "billing", "provider": "AWS", "payer": "9", "currency": "EUR", "ts": ts,
        "account": "1", "service": service, "region": "r", "usage_type": usage_type, "resource_id": resource,
        "charge_category": "Usage", "charge_class": "none", "pricing_category": "none", "commitment_id": "none", "tag_set": TAGS,
        "unit": "Hrs", "lines": 1, **dict.fromkeys(COSTS, Decimal(str(round(amount, 6)))),
    } | more  # fmt: skip


def put(lake: Lake, table: Table, rows: list[dict[str, Any]]) -> None:
    whole = Interval(FIRST, LAST + timedelta(days=1)).whole_months()
    schema = pa.schema([table.arrow_schema.field(name) for name in table.names])
    lake.replace(table, conform(pa.Table.from_pylist(rows, schema=schema), table, whole), table.scope(whole))


def give(
    settings: Settings, amount: Amount = usual, more: tuple[dict[str, Any], ...] = (), landed: timedelta = timedelta(days=30)
) -> None:
    """The bills of all days, landed so long after the last of them began."""
    lake = open_lake(settings)
    rows = [charge(resource, day, amount(resource, day)) for day in range(DAYS) for resource in ("i-1", "bucket")]
    put(lake, CHARGE_DAILY, [*rows, *more])
    months = sorted({row["billing_period"] for row in rows})
    known = {
        "source": "billing",
        "export": "e",
        "provider": "AWS",
        "payer": "9",
        "format": "focus_1_2",
        "execution": "x",
        "files": 1,
    }
    known |= {"load_id": "0" * 64, "ingested_at": LAST + landed, "schema_hash": "0", "lines": 1}
    known |= {
        "lines_refused": 0,
        "refused_cost": Decimal(0),
        "uninvoiced_lines": 0,
        "complete_through": LAST,
    }
    put(lake, BILL, [known | {"billing_period": month} for month in months])
    put(
        lake, TAG_SET, [{"billing_period": m, "source": "billing", "tag_set": TAGS, "tags_json": '{"team": "a"}'} for m in months]
    )


def run(settings: Settings, day: int) -> list[dict[str, Any]]:
    """The events as of the end of a day."""
    cost_anomalies(interval_of(day), open_lake(settings), settings)
    found: list[dict[str, Any]] = open_lake(settings).read(COST_ANOMALY, COST_ANOMALY.scope(interval_of(day))).to_pylist()
    return found


def interval_of(day: int) -> Interval:
    return Interval.day(f"{FIRST + timedelta(days=day):%Y-%m-%d}")


def judged(settings: Settings, day: int) -> dict[str, Any]:
    """What the run of a day judged."""
    row: dict[str, Any]
    [row] = open_lake(settings).read(COST_JUDGED, COST_JUDGED.scope(interval_of(day))).to_pylist()
    return row


@pytest.fixture(scope="module")
def billed(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home with the usual bills, whose runs are told apart by their days."""
    settings = settings_module.load({}, home=tmp_path_factory.mktemp("billed"))
    give(settings)
    return settings


def test_an_event_says_where_when_how_much_and_what_of_it(billed: Settings) -> None:
    [event] = run(billed, 75)

    assert (event["level"], event["account"], event["service"], event["usage_type"]) == ("usage_type", "1", "S3", "Requests")
    assert (event["first_day"], event["last_day"]) == (FIRST + timedelta(days=70), FIRST + timedelta(days=72))
    assert (event["actual_cost"], event["expected_cost"], event["impact_cost"]) == pytest.approx((600, 60, 540))
    assert (event["currency"], event["is_open"], event["impact_share"]) == ("EUR", False, pytest.approx(0.9))
    assert event["seen_at"] == "total,account,service,usage_type"
    assert [day["actual"] for day in json.loads(event["days_json"])] == [200, 200, 200]
    [cause] = json.loads(event["causes_json"])
    assert cause == {
        "account": "1", "service": "S3", "region": "r", "usage_type": "Requests", "resource_id": "bucket",
        "tags": '{"team": "a"}', "actual": 600, "expected": 60, "impact": 540, "tagged": [],
    }  # fmt: skip


def test_resources_that_hide_each_other_in_a_usage_type_are_events_of_resources_with_themselves_as_causes(
    settings: Settings,
) -> None:
    def shifted(resource: str, day: int) -> float:
        return usual(resource, day % 7) + (-70 if day in SPIKE and resource == "i-1" else 0)

    beside = tuple(charge("i-2", day, 120.0 if day in SPIKE else 50.0, service="EC2", usage_type="Box") for day in range(DAYS))
    give(settings, shifted, beside)

    found = sorted(run(settings, 75), key=lambda event: event["impact_cost"])

    assert [(event["level"], event["usage_type"], event["resource_id"], event["seen_at"]) for event in found] == [
        ("resource", "Box", "i-1", "resource"),
        ("resource", "Box", "i-2", "resource"),
    ]
    assert [event["impact_cost"] for event in found] == pytest.approx([-210, 210])
    assert [[cause["resource_id"] for cause in json.loads(event["causes_json"])] for event in found] == [["i-1"], ["i-2"]]
    later = sorted(run(settings, 76), key=lambda event: event["impact_cost"])
    assert [event["anomaly_id"] for event in later] == [event["anomaly_id"] for event in found]


def test_an_event_is_seen_on_its_first_day_keeps_its_id_and_the_same_run_changes_nothing(billed: Settings) -> None:
    first, later = run(billed, 70), run(billed, 72)

    assert [len(first), len(later)] == [1, 1]
    assert first[0]["is_open"]
    assert first[0]["anomaly_id"] == later[0]["anomaly_id"]
    lake = open_lake(billed)
    cost_anomalies(interval_of(72), lake, billed)
    assert lake.changes == 0


def test_purchases_taxes_and_corrections_are_no_anomaly(settings: Settings) -> None:
    odd = ({"charge_category": "Purchase"}, {"charge_category": "Tax"}, {"charge_class": "Correction"})
    give(settings, lambda resource, day: usual(resource, day % 7), tuple(charge("i-1", 60, 5000, **each) for each in odd))

    assert run(settings, 75) == []
    assert judged(settings, 75)["nodes"] == 6


def test_a_day_that_is_not_complete_is_not_judged(settings: Settings) -> None:
    half: Amount = lambda resource, day: usual(resource, day % 7) * (0.1 if day == DAYS - 1 else 1)  # noqa: E731
    give(settings, half, landed=timedelta(hours=27))

    assert run(settings, DAYS - 1) == []
    assert judged(settings, DAYS - 1)["judged_through"] == LAST - timedelta(days=1)

    give(settings, half, landed=timedelta(days=3))
    run(settings, DAYS - 1)
    assert judged(settings, DAYS - 1)["judged_through"] == LAST


def test_what_a_bill_says_anew_of_days_that_were_usual_is_a_restatement(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    give(settings)
    known = run(settings, 75)
    give(settings, lambda resource, day: usual(resource, day) * (4 if resource == "i-1" and day in (60, 61, 62) else 1))

    again = run(settings, 76)

    assert [event["anomaly_id"] for event in again] == [event["anomaly_id"] for event in known]
    assert judged(settings, 76)["restated"] == 1
    assert "1 events of days judged before are restatements" in caplog.text


def beside(cost: Callable[[int], float]) -> tuple[dict[str, Any], ...]:
    """Another machine of the usage type of `i-1`, by the day."""
    return tuple(charge("i-2", day, cost(day), service="EC2", usage_type="Box") for day in range(DAYS))


def moved_aside(days: tuple[int, ...], usually: float, more: float) -> tuple[Amount, tuple[dict[str, Any], ...]]:
    """A machine that costs 100 a day gives some of it to another on some days; nothing else happens."""
    one: Amount = lambda resource, day: 20 if resource == "bucket" else 100 - (more if day in days else 0)  # noqa: E731
    return one, beside(lambda day: usually + (more if day in days else 0))


def levels(events: list[dict[str, Any]]) -> list[str]:
    return sorted(event["level"] for event in events)


def test_resources_that_a_run_before_an_upgrade_did_not_look_at_are_found_in_days_that_it_judged(settings: Settings) -> None:
    give(settings, *moved_aside(SPIKE, 50, 70))
    run(settings, 75)
    lake, interval = open_lake(settings), interval_of(75)
    old = {name: value for name, value in judged(settings, 75).items() if name in COST_JUDGED.names}
    old |= {"rule_version": None, "planned_json": None}
    for table, rows in ((COST_JUDGED, [old]), (COST_ANOMALY, [])):
        lake.replace(table, conform(table.frame(rows), table, interval), table.scope(interval))

    found = run(settings, 76)

    assert levels(found) == ["resource", "resource"]
    assert judged(settings, 76)["restated"] == 0
    assert {event["anomaly_id"] for event in run(settings, 77)} == {event["anomaly_id"] for event in found}


def test_resources_that_a_bill_tells_otherwise_of_days_that_a_run_looked_at_are_a_restatement(settings: Settings) -> None:
    give(settings, *moved_aside((), 50, 70))
    run(settings, 75)
    give(settings, *moved_aside(SPIKE, 50, 70))

    assert run(settings, 76) == []
    assert judged(settings, 76)["restated"] == 2
    run(settings, 77)
    assert judged(settings, 77)["restated"] == 2


def test_a_resource_that_mattered_too_little_to_be_looked_at_is_no_restatement_when_it_does(settings: Settings) -> None:
    february = (52, 53, 54)
    one, other = moved_aside(february, 0.2, 41)
    grown = tuple(charge("i-2", day, 39.8, service="EC2", usage_type="Box", tag_set="b" * 16) for day in range(74, DAYS))
    give(settings, one, other + grown)

    assert "resource" not in levels(run(settings, 75))
    found = run(settings, 76)

    assert [event["resource_id"] for event in found if event["first_day"] == FIRST + timedelta(days=52)] == ["i-1", "i-2"]
    assert judged(settings, 76)["restated"] == 0


def test_days_that_were_wrongly_announced_are_judged_when_they_are_not_any_more(settings: Settings, tmp_path: Path) -> None:
    give(settings)
    calendar = tmp_path / "planned.toml"
    calendar.write_text('[[planned]]\nname = "all of it"\nstart = 2026-03-16\nend = 2026-03-18\n')
    told = settings.model_copy(update={"planned_costs": str(calendar)})

    assert run(told, 75) == []
    calendar.write_text("")
    [event] = run(told, 76)

    assert (event["usage_type"], judged(settings, 76)["restated"]) == ("Requests", 0)


@pytest.mark.parametrize(("version", "told"), [("1", 0), ("2", 1)])
def test_what_was_judged_by_other_rules_is_no_restatement(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, version: str, told: int
) -> None:
    give(settings, lambda resource, day: usual(resource, day % 7))
    run(settings, 75)
    give(settings)
    monkeypatch.setattr("pipeline.steps.cost_anomalies.RULE_VERSION", version)

    assert len(run(settings, 76)) == told


def test_what_the_calendar_announces_is_no_anomaly_and_what_it_names_in_no_bill_is_said(
    billed: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    entries = (("load test", "2026-03-16", "S3"), ("typing", "2026-03-16", "s3"), ("launch", "2026-06-01", "Bedrock"))
    (tmp_path / "planned.toml").write_text(
        "".join(
            f'[[planned]]\nname = "{name}"\nstart = {start}\nend = {start[:8]}18\nservice = "{service}"\n'
            for name, start, service in entries
        )
    )

    assert run(billed.model_copy(update={"planned_costs": str(tmp_path / "planned.toml")}), DAYS - 1) == []
    [said] = [record.getMessage() for record in caplog.records if "planned" in record.getMessage()]
    assert "'typing' names no usage" in said
    assert "account *, service s3, usage_type *" in said
    with pytest.raises(ConfigError, match="planned_costs: .*absent.toml cannot be read"):
        run(billed.model_copy(update={"planned_costs": str(tmp_path / "absent.toml")}), DAYS - 1)


def test_a_bill_of_few_days_is_on_record_as_not_judged(billed: Settings) -> None:
    assert run(billed, 30) == []
    row = judged(billed, 30)
    assert (row["judged_from"], row["judged_through"], row["nodes"]) == (None, None, 6)


@pytest.mark.parametrize("verb", COST_ANSWERS)
def test_what_a_person_said_of_an_event_holds_in_later_runs_and_nobody_is_told_of_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    give(settings)
    monkeypatch.setenv("HEADROOM_HOME", str(settings.home))
    [first] = run(settings, 71)

    said = invoke("cost", "answer", first["anomaly_id"], verb, "--reason", "the yearly import")
    [later] = run(settings, 74)
    asked = {"start": interval_of(74).start, "as_of": interval_of(74).end, "alert_cost_impact": 1}
    lake = open_lake(settings)

    assert said.startswith(f"1/S3/Requests, +360.00 EUR from {first['first_day']:%Y-%m-%d} on, is now {verb}")
    assert (first["answer"], later["answer"], later["anomaly_id"]) == (None, verb, first["anomaly_id"])
    assert judged(settings, 74)["restated"] == 0
    assert lake.query(sql.text("alerts.cost_anomaly"), asked).num_rows == 0
    assert read(lake, "gravest_costs", as_of=asked["as_of"]).empty
    [event] = lake.query("SELECT actor AS actor, reason AS reason, verb AS verb FROM bronze.feedback_event").to_pylist()
    assert (event["reason"], event["verb"]) == ("the yearly import", verb)
    assert event["actor"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("0" * 16, "planned", "--reason", "x"), "no run found a cost anomaly '0000000000000000'"),
        (("0" * 16, "fine", "--reason", "x"), "ANSWER 'fine'; expected one of planned, not_an_issue"),
    ],
)
def test_an_answer_to_nothing_and_one_that_is_none_are_refused(
    billed: Settings, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    monkeypatch.setenv("HEADROOM_HOME", str(billed.home))
    with pytest.raises(ConfigError, match=said):
        invoke("cost", "answer", *arguments)
