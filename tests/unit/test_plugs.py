"""Options of plugs, as settings give them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from pipeline import plugs
from pipeline import settings as settings_module
from pipeline.errors import ConfigError
from pipeline.lake import Lake
from pipeline.registry.champion import read_champion
from pipeline.settings import Settings


def given(folder: str, name: str, **options: Any) -> Settings:
    return settings_module.load({"HEADROOM_OPTIONS": json.dumps({folder: {name: options}})})


def test_what_is_set_is_in_the_options_and_the_rest_has_its_default() -> None:
    settings = given("recommenders", "rightsize", cpu_headroom_pct=35)

    options = plugs.options("recommenders", "rightsize", settings)

    assert (options.cpu_headroom_pct, options.memory_headroom_pct) == (35, 20)
    assert plugs.options("recommenders", "idle", settings) == plugs.check_options("recommenders", "idle", {})


@pytest.mark.parametrize(
    ("folder", "name", "options", "complaint"),
    [
        ("recommenders", "rightsize", {"cpu_headroom": 3}, "did you mean 'cpu_headroom_pct'\\? Its options are "),
        ("recommenders", "idle", {"max_cpu_pct": 90}, "idle: max_cpu_pct=90: Input should be less than or equal to 20; its"),
        ("detectors", "zscore", {"history_days": "long"}, "history_days='long': Input should be a valid integer"),
        ("forecasters", "prophet", {"growth": "steep"}, "growth='steep': Input should be 'linear', 'flat' or 'logistic'"),
        ("forecasters", "seasonal_naive", {"season": 7}, "seasonal_naive: there is no option 'season'; it has no options"),
        ("sources", "billing", {}, "path: Field required; its options are .*, path"),
        ("sources", "fleet", {"preset": "reference", "truth": "day"}, "fleet: Value error, true quantiles"),
    ],
)
def test_what_a_plug_does_not_take_is_refused_with_the_name_of_plug_and_option(
    folder: str, name: str, options: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ConfigError, match=complaint) as failure:
        plugs.options(folder, name, given(folder, name, **options))

    assert str(failure.value).startswith(f"options.{folder}.{name}: ")


def test_a_value_that_may_be_secret_is_not_in_the_message() -> None:
    options = {"url": "https://someone:hunter2@example.org", "token": "hunter2", "period_s": 60}

    with pytest.raises(ConfigError, match="there is no option 'token'") as failure:
        plugs.options("sources", "http_json", given("sources", "http_json", **options))

    assert "hunter2" not in str(failure.value)
    with pytest.raises(ConfigError, match="valid dictionary") as failure:
        settings_module.load({"HEADROOM_OPTIONS": '{"sources": {"http_json": "hunter2"}}'})
    assert "hunter2" not in str(failure.value)


def test_a_plug_is_bound_to_its_options_and_one_without_any_to_none() -> None:
    ts = np.datetime64("2026-03-01") + np.arange(100) * np.timedelta64(1, "h")
    values = np.where(np.arange(100) == 90, 4.0, np.arange(100) % 3)
    strict = plugs.check_options("detectors", "zscore", {"alert_deviations": 0.5})

    assert (
        plugs.bind("detectors", "zscore")(ts, values).score[90] < plugs.bind("detectors", "zscore", strict)(ts, values).score[90]
    )
    assert plugs.bind("forecasters", "seasonal_naive") is plugs.load("forecasters", "seasonal_naive").forecast


@pytest.mark.parametrize("folder", plugs.FOLDERS)
def test_every_option_of_every_plug_is_described_and_numbers_have_bounds(folder: str) -> None:
    for name in plugs.names(folder):
        declared = plugs.declared_options(folder, name)
        assert declared.model_config.get("frozen")
        assert declared.model_config.get("extra") == "forbid"
        for option, schema in declared.model_json_schema().get("properties", {}).items():
            assert schema.get("description"), f"{name}.{option}"
            for kind in schema.get("anyOf", [schema]):
                if kind.get("type") in ("integer", "number"):
                    assert {"minimum", "exclusiveMinimum"} & set(kind), f"{name}.{option}"


def test_a_segment_without_champion_is_served_by_the_fallback_with_its_options(lake: Lake) -> None:
    settings = lake.settings.model_copy(update={"options": {"forecasters": {"default": {"sharpness": 3}}}})

    serves = read_champion(settings, lake, "cpu_utilization", "hour")
    assert serves == ("default", "none", {"sharpness": 3.0}, {}, "unjudged", None)
    assert read_champion(lake.settings, lake, "cpu_utilization", "hour").params == {}


@pytest.mark.parametrize("table", ["bronze.metric_sample", "bronze.resource_snapshot", "bronze.price"])
def test_which_sources_fill_a_table_is_known_without_importing_them(table: str) -> None:
    assert plugs.fillers(table) == tuple(name for name in plugs.names("sources") if table in plugs.load("sources", name).TABLES)
