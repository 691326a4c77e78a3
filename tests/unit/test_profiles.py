"""Named profiles: settings that go together, below whatever is set by name."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline import plugs, settings
from pipeline.cli import app, output
from pipeline.cli.options import lay_option
from pipeline.errors import ConfigError
from pipeline.profiles import PROFILES, find_set


def test_a_profile_sets_what_nobody_set_by_name(tmp_path: Path) -> None:
    file = tmp_path / "headroom.toml"
    file.write_text('profile = "high_accuracy"\n[options.detectors.prophet_interval]\nthreshold_multiplier = 1.2\nseed = 3\n')

    read = settings.load({"HEADROOM_CONFIG": str(file), "HEADROOM_LOG_LEVEL": "ERROR"})

    assert (read.profile, read.log_level) == ("high_accuracy", "ERROR")
    chosen = plugs.options("detectors", "prophet_interval", read)
    assert (chosen.threshold_multiplier, chosen.interval_width, chosen.changepoint_prior_scale, chosen.seed) == (
        1.2,
        0.99,
        0.01,
        3,
    )  # type: ignore[attr-defined]


def test_an_environment_variable_is_stronger_than_the_profile_that_another_names() -> None:
    assert settings.load({"HEADROOM_PROFILE": "high_frequency"}).log_level == "WARNING"
    assert settings.load({"HEADROOM_PROFILE": "high_frequency", "HEADROOM_LOG_LEVEL": "INFO"}).log_level == "INFO"


def test_an_unknown_profile_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match="no profile named 'low_resources'; did you mean 'low_resource'"):
        settings.load({"HEADROOM_PROFILE": "low_resources"})
    with pytest.raises(ConfigError, match="there are high_frequency, low_resource, high_accuracy, debug"):
        settings.load({"HEADROOM_PROFILE": "fast"})


@pytest.mark.parametrize("name", PROFILES)
def test_what_a_profile_sets_are_settings_and_options_within_their_bounds(name: str) -> None:
    read = settings.load({"HEADROOM_PROFILE": name})

    for place, value in find_set(name).items():
        parts = place.split(".")
        found = getattr(plugs.options(parts[1], parts[2], read), parts[3]) if len(parts) > 1 else getattr(read, place)
        assert found == value, place


def test_settings_say_which_value_came_from_the_profile_and_which_did_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output.console, "_width", 240)
    monkeypatch.setenv("HEADROOM_PLOTS", "true")

    shown = CliRunner().invoke(app, ["--profile", "low_resource", "settings"]).stdout

    lines = {line.split("│")[1].strip(): line.split("│")[2].strip() for line in shown.splitlines() if line.count("│") > 3}
    assert lines["profile"] == "low_resource"
    assert lines["plots"] == "True", "set by name"
    assert lines["prophet_interval.uncertainty_samples"] == "100 (default 1000) (profile low_resource)"
    assert lines["log_level"] == "INFO"
    assert "plots = False" in shown.splitlines()[0], "what it sets is said first"


def test_without_the_option_no_profile_of_an_earlier_command_holds() -> None:
    CliRunner().invoke(app, ["--profile", "low_resource", "settings"])

    assert "(profile" not in CliRunner().invoke(app, ["settings"]).stdout


def test_an_option_of_the_command_line_is_laid_over_what_is_set_and_held_to_its_bounds() -> None:
    read = settings.load({"HEADROOM_PROFILE": "high_accuracy"})

    lay = partial(lay_option, read, "detectors", "prophet_interval", "threshold_multiplier", used=["prophet_interval"])

    over = lay(value=3.0)

    chosen = over.options["detectors"]["prophet_interval"]
    assert (chosen["threshold_multiplier"], chosen["interval_width"]) == (3.0, 0.99)
    assert lay(value=None) is read
    with pytest.raises(ConfigError, match="threshold_multiplier"):
        lay(value=0.0)
