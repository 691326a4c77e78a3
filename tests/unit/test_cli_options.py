"""Options of commands that stand for settings: each says its default, and does what the setting does."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from pipeline import cli, plugs
from pipeline.cli import monitor as monitor_command
from pipeline.errors import ConfigError
from pipeline.interval import Interval
from pipeline.registry import training
from pipeline.settings import Settings

PROPHET = plugs.check_options("detectors", "prophet_interval", {})
#: What help says is the default, by command and option.
OPTIONS: dict[str, dict[str, Any]] = {
    "monitor": {"--monitoring-interval": Settings.model_fields["monitor_period_s"].default},
    "train": {
        "--no-plots": "plots",
        "--no-eda": "no-eda",
        "--prophet-uncertainty-samples": plugs.check_options("forecasters", "prophet", {}).uncertainty_samples,
    },
    "evaluate": {
        "--threshold-multiplier": PROPHET.threshold_multiplier,
        "--no-plots": "plots",
        "--prophet-uncertainty-samples": PROPHET.uncertainty_samples,
    },
    "detect": {"--threshold-multiplier": PROPHET.threshold_multiplier},
}


def invoke(*arguments: str) -> str:
    result = CliRunner().invoke(cli.app, list(arguments))
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADROOM_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("command", OPTIONS)
def test_help_says_each_options_default_and_has_an_example_that_the_command_takes(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")

    shown = re.sub(r"[│\s]+", " ", invoke(command, "--help"))

    for option, default in OPTIONS[command].items():
        # Of this option, and neither of one after it nor of the example.
        said = shown.partition("─ Options ─")[2]
        assert re.search(rf"{option} (?:(?! --).)*\[default: \(?{default}\)?\]", said), option
    assert f"As in: python -m pipeline {command} " in shown


def test_the_monitor_makes_periods_of_the_length_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[Interval, int]] = []
    monkeypatch.setattr(monitor_command, "monitor_period", lambda period, chosen: made.append((period, chosen.monitor_period_s)))
    hour = ("monitor", "--from", "2026-03-02T10:00", "--to", "2026-03-02T10:20")

    invoke(*hour, "--monitoring-interval", "600")

    assert made == [
        (Interval.between("2026-03-02T10:00", "2026-03-02T10:10"), 600),
        (Interval.between("2026-03-02T10:10", "2026-03-02T10:20"), 600),
    ]
    with pytest.raises(ConfigError, match="monitor_period_s=.*300"):
        invoke(*hour, "--monitoring-interval", "30")


def test_a_training_is_told_of_plots_and_of_prophets_samples_and_explores_first_where_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[Settings] = []
    steps: list[str] = []
    explored: list[dict[str, Any]] = []

    def perform(step: str, *_: Any, settings: Settings, **__: Any) -> int:
        steps.append(step)
        told.extend([settings] if step == "train" else [])
        return 0

    monkeypatch.setattr("pipeline.steps.perform", perform)
    monkeypatch.setattr("pipeline.cli.steps.explore", lambda **asked: explored.append(asked))

    invoke("train", "--day", "2026-04-15", "--no-plots", "--prophet-uncertainty-samples", "300", "--eda")
    invoke("train", "--day", "2026-04-15", "--no-eda")

    assert steps == ["train", "train_detectors"] * 2
    assert [each.plots for each in told] == [False, True]
    assert told[0].options["forecasters"]["prophet"] == {"uncertainty_samples": 300}
    assert "forecasters" not in told[1].options
    assert explored == [{"day": "2026-04-15", "start": None, "end": None}]


def test_an_evaluation_is_told_of_the_threshold_the_samples_and_the_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []
    shown = ("f1", "precision", "recall", "false_per_day", "pr_auc", "roc_auc", "vus_pr", "delay_hours", "events")
    shown = (*shown, "calibration_error")

    def evaluate(*_: Any, **given: Any) -> pd.DataFrame:
        asked.append(given)
        return pd.DataFrame({"detector": ["prophet_interval"], **{name: [0.5] for name in shown}})

    monkeypatch.setattr("pipeline.own_files.evaluate.evaluate_series", evaluate)
    monkeypatch.setattr("pipeline.own_files.evaluate.read_files", lambda *_: [])

    asking = ("evaluate", "--threshold-multiplier", "1.5", "--prophet-uncertainty-samples", "50", "--no-plots")
    invoke(*asking, "--detectors", "prophet_interval")
    invoke("--profile", "low_resource", "evaluate", "--plots")

    assert asked[0]["options"]["prophet_interval"] == {"threshold_multiplier": 1.5, "uncertainty_samples": 50}
    assert [each["plots"] for each in asked] == [False, True], "what is said by name is stronger than the profile"
    assert asked[1]["options"]["prophet_interval"] == {"uncertainty_samples": 100}
    with pytest.raises(ConfigError, match="threshold_multiplier is an option of prophet_interval, which is not among"):
        invoke(*asking)


def test_without_plots_a_training_keeps_its_figures_and_draws_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = pd.DataFrame({"value": [1.0], "model": ["ridge"], "series_id": ["s"], "scaled_pinball": [0.5], "reason": [""]})
    found = SimpleNamespace(result=None, scored=frame, summary=frame, proposed="ridge", described=frame, leads=frame)
    drawn: list[str] = []
    for name, answer in (("forecast_frame", frame), ("actual_frame", frame)):
        monkeypatch.setattr(training, name, lambda _, answer=answer: answer)
    for name in ("plot_training", "plot_model"):
        monkeypatch.setattr(training, name, lambda file, *_: drawn.append(Path(file).name))

    for plots in (False, True):
        training.write_files(tmp_path / str(plots), "cpu by day", found, plots=plots)  # type: ignore[arg-type]

    assert drawn == ["accuracy_and_coverage.png", "ridge.png"]
    kept = [
        "actuals.parquet",
        "diagnostics.csv",
        "forecasts.parquet",
        "models",
        "scores.parquet",
        "summary.csv",
        "worst_series.csv",
    ]
    assert sorted(path.name for path in (tmp_path / "False").iterdir()) == kept
