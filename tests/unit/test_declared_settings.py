"""What Terraform may be told of the settings is what the pipeline declares."""

from __future__ import annotations

from pipeline import plugs
from pipeline.profiles import PROFILES
from pipeline.settings import Settings
from tools.declared_settings import DECIDED, declared, text
from tools.environment import ROOT


def test_terraforms_list_of_names_and_bounds_is_the_declarations() -> None:
    written = (ROOT / "infra" / "settings.json").read_text()

    assert written == text(), "run .venv/bin/python -m tools.declared_settings > infra/settings.json"


def test_every_setting_can_be_told_but_for_what_terraform_decides() -> None:
    named = {name for name in declared() if not name.startswith("options.")}

    assert named == set(Settings.model_fields) - DECIDED - {"options"}


def test_every_option_of_every_plug_can_be_told() -> None:
    named = {name for name in declared() if name.startswith("options.")}

    assert named == {
        f"options.{folder}.{plug}.{option}"
        for folder in plugs.FOLDERS
        for plug in plugs.names(folder)
        for option in plugs.declared_options(folder, plug).model_fields
    }


def test_what_a_profile_sets_is_said_so_that_an_alarm_of_the_monitor_counts_by_its_period() -> None:
    said = declared()

    periods = {name: sets["monitor_period_s"] for name, sets in PROFILES.items() if "monitor_period_s" in sets}
    assert said["monitor_period_s"]["set_by"] == periods
    assert said["options.detectors.prophet_interval.interval_width"]["set_by"] == {"high_accuracy": 0.99}
    assert "set_by" not in said["shards"]


def test_types_bounds_and_words_are_those_of_the_declarations() -> None:
    said = declared()

    assert said["shards"] == {"type": "number", "minimum": 1, "maximum": 64}
    assert said["promotion_approval"] == {"type": "boolean"}
    assert said["sources"] == {"type": "list", "words": list(plugs.names("sources"))}
    assert said["monitor_sources"] == {"type": "list", "words": list(plugs.fillers("bronze.metric_sample"))}
    assert said["fallback_forecaster"]["words"] == list(plugs.names("forecasters"))
    assert said["options.sources.inventory.services"]["words"][:2] == ["ec2", "ebs"]
    assert said["options.sources.prometheus.queries"] == {"type": "object"}
    assert said["options.sources.cloudwatch.external_id"] == {"type": "string"}
    assert said["options.forecasters.prophet.daily_seasonality"] == {"type": "any"}
