"""What is said of recommendations about resources that no bill has."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from pipeline import plugs
from pipeline.advice.followed import NOT_FOLLOWED
from pipeline.advice.ledger import Known, write_ledger

KEY = ("1", "r", "i-1")
FIRST, CHANGED, AS_OF = (pd.Timestamp(day) for day in ("2026-01-01", "2026-03-10", "2026-04-10"))
ALL = pd.date_range(FIRST, AS_OF, freq="D", inclusive="left")
NIGHTLY = np.where(ALL < CHANGED, 24.0, np.where(ALL.dayofweek < 5, 10.0, 0.0))


def advised(group: str = "schedule", action: str = "schedule", name: str = "a", **more: Any) -> pd.DataFrame:
    row = {
        "recommendation_id": name * 16, "rule_id": "off_hours", "account": "1", "region": "r",
        "service": "ec2", "resource_id": "i-1", "action": action,
        "exclusive_group": group, "current_config": "m5.large", "target_config": None, "status": "open",
        "first_seen_at": CHANGED - pd.Timedelta(days=9), "monthly_cost_usd": 70.0, "savings_monthly_usd": 40.0,
        "portfolio_savings_usd": 40.0, "off_hours_of_week": 118.0 if group == "schedule" else None,
    }  # fmt: skip
    days = pd.date_range(CHANGED - pd.Timedelta(days=9), CHANGED, freq="D")
    return pd.DataFrame([row | more | {"as_of": day} for day in days])


def known(hours: pd.Series, states: Any = "running", said: pd.DataFrame | None = None) -> Known:
    """A machine without a bill: the hours of its metrics, and its state on each day."""
    rows = pd.DataFrame({"ts": ALL, "service": "ec2", "instance_type": "m5.large", "state": states, "tags_json": "{}"})
    return Known(
        as_of=AS_OF.to_pydatetime(),
        said=advised() if said is None else said,
        inventory={KEY: rows},
        listed={("1", "r", "ec2"): list(ALL)},
        hours={KEY: pd.DataFrame({"ts": hours.index, "hours": hours.to_numpy(), "saturated_hours": 0})},
        bills={},
        prices={},
        list_prices={"r": {"m5.large": (np.array(["2025-01-01"], "datetime64[D]"), np.array([0.1]))}},
        present={},
        teams={},
    )


def test_a_resource_that_is_listed_under_another_service_than_it_was_recommended_for_has_no_list_price() -> None:
    became = np.where(ALL < CHANGED, "m5.large", "m5.small")
    said = advised("size", "rightsize", target_config="m5.small", service="compute")
    lake = known(samples(), said=said)
    lake.inventory[KEY]["instance_type"] = became

    (row,), days = write_ledger(lake)

    assert (row["status"], row["days"], days) == ("implemented", 0, [])


def test_a_desktop_that_stops_by_itself_is_not_followed() -> None:
    said = advised("end", "stop", rule_id="idle_desktop", target_config="AUTO_STOP")

    (row,), days = write_ledger(known(samples(), np.where(CHANGED <= ALL, "stopped", "running"), said))

    assert (row.get("status"), days) == (None, [])


def test_the_rules_that_are_not_followed_are_rules() -> None:
    assert set(NOT_FOLLOWED) <= set(plugs.names("recommenders"))


def samples(hours: Any = NIGHTLY) -> pd.Series:
    """Hours with a sample; a day without any has no row."""
    told = pd.Series(hours, index=ALL)
    return told[told > 0]


def test_metrics_that_stop_are_no_schedule_while_the_inventory_lists_the_machine_as_running() -> None:
    (row,), days = write_ledger(known(samples(np.where(ALL < CHANGED, 24.0, 0.0))))

    assert row.get("status") is None
    assert days == []


def test_a_machine_without_a_bill_is_off_where_the_inventory_lists_it_as_stopped() -> None:
    states = np.where(NIGHTLY > 0, "running", "stopped")

    (row,), days = write_ledger(known(samples(), states))

    assert (row["status"], row["shown_by"], row["changed_on"]) == ("verified", "hours", CHANGED)
    assert len(days) == row["days"]


def test_days_without_a_sample_after_a_change_save_nothing() -> None:
    lost = pd.Timestamp("2026-04-01")
    states = np.where((NIGHTLY > 0) | (lost <= ALL), "running", "stopped")

    (row,), days = write_ledger(known(samples(np.where(lost > ALL, NIGHTLY, 0.0)), states))

    assert row["changed_on"] == CHANGED
    assert row["measured_through"] == lost - pd.Timedelta(days=1)
    assert max(day["ts"] for day in days) == lost - pd.Timedelta(days=1)


def test_days_without_a_sample_before_a_change_are_not_days_without_use() -> None:
    gap = (CHANGED - pd.Timedelta(days=45) <= ALL) & (CHANGED - pd.Timedelta(days=30) > ALL)
    states = np.where((NIGHTLY > 0) | gap, "running", "stopped")

    (whole,), _ = write_ledger(known(samples(), states))
    (with_gap,), _ = write_ledger(known(samples(np.where(gap, 0.0, NIGHTLY)), states))

    assert with_gap["expected_cost"] == whole["expected_cost"]
