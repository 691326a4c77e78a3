"""The command `allocation`, as whoever asks why a cost is theirs meets it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import ConfigError, DataError
from pipeline.settings import Settings
from tests.unit.test_cli import invoke
from tests.unit.test_step_build_allocation import FILE, LINES, build, land

RULES = FILE.replace(
    "[[shared]]", '[[rule]]\nname = "moved"\nmatch = { resource_id = "i-9" }\nassign = { team = "x" }\n[[shared]]'
)


@pytest.fixture(autouse=True)
def ruled(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    file = tmp_path / "allocation.toml"
    file.write_text(RULES)
    monkeypatch.setenv("HEADROOM_HOME", str(settings.home))
    monkeypatch.setenv("HEADROOM_ALLOCATION", str(file))
    return settings.model_copy(update={"allocation": str(file)})


def words(text: str) -> list[str]:
    return [" ".join(row.split()) for row in text.splitlines() if row.strip()]


def test_it_says_of_a_resource_which_rule_sent_it_where_and_why(ruled: Settings) -> None:
    arn = {"resource_id": "arn:aws:ec2:r:1:instance/i-9"}
    rows = [LINES[0] | arn, LINES[1] | arn, {"day": 3, "resource_id": "i-9"}, {"day": 3, **arn}, LINES[2]]
    land(ruled, "x", *rows)
    build(ruled)

    shown = words(invoke("allocation", "--explain", "i-9"))

    assert shown[0] == "arn:aws:ec2:r:1:instance/i-9 in 2026-03"
    assert "team Platform account 2 its account 2 is mapped USD 3 03-02…03-02" in shown
    assert "team shop tag Team its tag Team says shop USD 1 03-02…03-02" in shown
    nothing = "it has no tag team, its account is not mapped, and no rule is about it"
    assert f"team unallocated unallocated none {nothing} USD 1 03-03…03-03" in shown
    assert "team x rule moved resource_id like i-9 USD 1 03-03…03-03" in shown
    assert "team among several proportional support shared: service like Support USD 1 03-02…03-02" in words(
        invoke("allocation", "--explain", "s", "--month", "2026-03")
    )


def test_it_shows_whose_cost_a_month_is_and_what_belongs_to_nobody(ruled: Settings) -> None:
    land(ruled, "x", *LINES, {"day": 4}, {"day": 4, "billing_currency": "EUR", "billing_account_id": "8", "effective_cost": None})
    build(ruled)

    shown = words(invoke("allocation"))

    assert shown[0].endswith("allocation.toml: dimensions team; rules: 1, shared costs: 1")
    assert shown[1] == "whose cost 2026-03 is"
    assert "team Platform USD 3.75 0.625" in shown
    assert "team unallocated USD 1 0.167" in shown
    assert "team unallocated EUR 1 1" in shown


def test_what_is_not_there_is_said(ruled: Settings) -> None:
    with pytest.raises(ConfigError, match="there is no bill in the lake"):
        invoke("allocation")
    land(ruled, "x", *LINES)
    build(ruled)

    with pytest.raises(DataError, match="no bill of 2026-03 that counts charges 'i-7'; --month names another"):
        invoke("allocation", "--explain", "i-7")
    with pytest.raises(DataError, match="gold.cost_allocation has nothing of 2026-02"):
        invoke("allocation", "--month", "2026-02")
    with pytest.raises(ConfigError, match="--month 'march' is no month"):
        invoke("allocation", "--month", "march")
