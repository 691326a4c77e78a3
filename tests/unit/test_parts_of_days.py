"""What takes a part of a day, what says that it cannot, and what becomes of a part when the whole day comes."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline import settings as settings_module
from pipeline import steps
from pipeline.cli import app
from pipeline.cli.options import read_interval
from pipeline.errors import ConfigError
from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake
from pipeline.settings import Settings
from pipeline.steps.build import build
from pipeline.steps.ingest import ingest
from pipeline.tables.usage import METRIC_HOURLY, METRIC_SAMPLE, RESOURCE_SNAPSHOT

DAY = Interval.day("2026-04-15")
PART = Interval.between("2026-04-15T10:05", "2026-04-15T10:10")
TAKES_PARTS = ("alert", "build", "detect", "incidents", "ingest", "maintain", "status")


@pytest.mark.parametrize("step", [name for name in steps.STEPS if name not in TAKES_PARTS])
def test_a_step_that_works_on_whole_days_refuses_a_part_of_one_by_name_and_says_what_it_needs(
    step: str, settings: Settings
) -> None:
    with pytest.raises(
        ConfigError,
        match=rf"^{step} works on whole UTC days, got \[2026-04-15T10:05:00, .*say --from 2026-04-15 --to 2026-04-16$",
    ):
        steps.perform(step, PART, settings=settings)


def test_a_table_of_whole_days_refuses_a_part_of_one_and_nothing_is_recorded(settings: Settings, lake: Lake) -> None:
    with pytest.raises(ConfigError, match=r"silver\.metric_hourly works on whole UTC days"):
        steps.perform("build", PART, target="silver.metric_hourly", settings=settings)
    assert not (settings.home / "lake" / "bronze").exists()


def test_a_source_without_samples_of_metrics_refuses_a_part_of_a_day(settings: Settings, lake: Lake) -> None:
    with pytest.raises(ConfigError, match=r"ingest of prices needs whole UTC days, got .* bronze\.price is of days"):
        ingest(PART, lake, settings, target="prices")


@pytest.mark.parametrize(("day", "start", "end"), [("2026-04-15T10:05", None, None)])
def test_a_day_has_no_time_and_the_message_says_where_times_go(day: str, start: str | None, end: str | None) -> None:
    with pytest.raises(ConfigError, match="--day is a whole UTC day, .* times go into --from and --to"):
        read_interval(day, start, end)


def test_a_run_of_a_part_of_a_day_is_refused_before_anything_is_landed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADROOM_HOME", str(tmp_path / "home"))
    done = CliRunner().invoke(app, ["run", "--source", "samples", "--from", "2026-04-15T10:05", "--to", "2026-04-15T10:10"])

    assert done.exit_code != 0
    assert "run makes whole UTC days" in str(done.exception) + done.output
    assert not (tmp_path / "home" / "lake").exists()


CSV = "ts,resource_id,metric,value,unit\n"


def samples(folder: Path, values: dict[str, float]) -> dict[str, object]:
    """A file of one series of CPU, and the options of its source."""
    file = folder / "samples.csv"
    file.write_text(CSV + "".join(f"2026-04-15T{at}:00,i-1,cpu_utilization,{value},percent\n" for at, value in values.items()))
    return {"csv": {"path": str(file), "period_s": 300}}


def settings_for(folder: Path, values: dict[str, float]) -> Settings:
    return settings_module.load({}, home=folder / "home", sources=("csv",), options={"sources": samples(folder, values)})


DELIVERED = {"09:55": 5.0, "10:00": 10.0, "10:05": 20.0, "10:10": 30.0}


def hours(settings: Settings) -> list[tuple[str, float, int]]:
    lake = open_lake(settings)
    build(DAY, lake, settings, target="silver.metric_hourly")
    found = lake.read(METRIC_HOURLY, METRIC_HOURLY.scope(DAY)).to_pylist()
    return sorted((f"{row['hour']:%H}", row["mean"], row["samples"]) for row in found if row["quality_flag"] != 1)


def test_of_a_part_of_a_day_what_lies_in_it_is_landed_and_nothing_else(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, DELIVERED)

    assert ingest(PART, open_lake(settings), settings, target="csv") == 1
    assert [f"{ts:%H:%M}" for ts in open_lake(settings).read(METRIC_SAMPLE)["ts"].to_pylist()] == ["10:05"]


def test_parts_in_any_order_and_again_and_the_whole_day_after_them_say_what_the_day_alone_says(tmp_path: Path) -> None:
    for folder in ("alone", "parts"):
        (tmp_path / folder).mkdir()
    alone, parts = (settings_for(tmp_path / folder, DELIVERED) for folder in ("alone", "parts"))
    ingest(DAY, open_lake(alone), alone, target="csv")
    early = Interval(PART.start - timedelta(minutes=10), PART.start)
    for interval in (PART, early, PART, DAY, PART):
        ingest(interval, open_lake(parts), parts, target="csv")

    assert hours(parts) == hours(alone) == [("09", 5.0, 1), ("10", 20.0, 3)]


def test_a_later_day_restates_the_samples_of_a_part_and_leaves_those_that_it_does_not_name(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, DELIVERED)
    ingest(PART, open_lake(settings), settings, target="csv")
    later = settings_for(tmp_path, {"10:00": 10.0, "10:05": 40.0})
    ingest(DAY, open_lake(later), later, target="csv")

    assert hours(later) == [("10", 25.0, 2)]


def test_of_a_part_of_a_day_that_begins_at_midnight_no_inventory_of_a_day_is_landed(settings: Settings, lake: Lake) -> None:
    first = Interval(Interval.day("2014-04-01").start, Interval.day("2014-04-01").start + timedelta(minutes=30))
    ingest(first, lake, settings, target="samples")

    assert lake.read(RESOURCE_SNAPSHOT).num_rows == 0
    assert set(lake.did) <= {METRIC_SAMPLE.name}
