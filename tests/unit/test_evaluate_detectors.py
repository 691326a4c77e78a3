"""`evaluate`: what is written of detectors on labelled files, and which files are refused."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.errors import ConfigError, DataError
from pipeline.own_files.evaluate import CONTROL, MULTIPLES, evaluate_files
from pipeline.registry.evaluations import log_evaluation
from pipeline.registry.mlflow import connect, open_experiment
from pipeline.settings import Settings
from tests.support.series import spiked

SPIKES = {500: 60.0, 700: 80.0, 800: 80.0}


def labelled(folder: Path, name: str = "web.csv", **columns: object) -> Path:
    ts, values = spiked(SPIKES)
    frame = pd.DataFrame({"timestamp": ts, "value": values, "label": 0})
    frame.loc[list(SPIKES), "label"] = 1
    path = folder / name
    frame.assign(**columns).to_csv(path, index=False)
    return path


def test_a_spike_that_is_labelled_is_found_and_the_control_comes_last(tmp_path: Path) -> None:
    rows = evaluate_files([labelled(tmp_path)], ["default"], tmp_path / "out").set_index("detector")

    mine, control = rows.loc["default"], rows.loc[CONTROL]
    assert (mine["found"], mine["events"], mine["delay_hours"]) == (3, 3, 0.0)
    assert (mine["hit_samples"], mine["missed_samples"]) == (3, 0)
    assert mine["f1"] == 2 * 3 / (2 * 3 + mine["false"]) > 0.8
    assert mine["roc_auc"] > 0.99
    assert control["f1"] < 0.1
    assert control["roc_auc"] == 0.5
    assert list(rows.index)[-1] == CONTROL


def test_a_higher_threshold_finds_no_more_and_each_multiple_is_a_row(tmp_path: Path) -> None:
    evaluate_files([labelled(tmp_path)], ["seasonal_mad", "zscore"], tmp_path / "out")

    rows = pd.read_csv(tmp_path / "out" / "thresholds.csv")
    for _, one in rows.groupby("detector"):
        assert tuple(one["multiple"]) == MULTIPLES
        assert one["found"].is_monotonic_decreasing


def test_the_page_loads_nothing_and_has_charts_unless_none_are_wanted(tmp_path: Path) -> None:
    source = labelled(tmp_path)
    evaluate_files([source], ["zscore"], tmp_path / "with")
    evaluate_files([source], ["zscore"], tmp_path / "without", plots=False)

    page, bare = ((tmp_path / name / "evaluation.html").read_text() for name in ("with", "without"))
    assert page.count('class="chart"') == 4
    assert "ROC of raw scores" in page
    assert "://" not in page
    assert "<svg" not in bare
    assert "zscore" in bare


def test_windows_label_what_a_file_does_not(tmp_path: Path) -> None:
    source = labelled(tmp_path)
    ts, _ = spiked({})
    pd.read_csv(source).drop(columns="label").to_csv(source, index=False)
    windows = tmp_path / "windows.json"
    windows.write_text(json.dumps({"web.csv": [[str(ts[row - 1]), str(ts[row + 2])] for row in SPIKES]}))

    [mine, _] = evaluate_files([source], ["default"], tmp_path / "out", windows).to_dict("records")

    assert (mine["found"], mine["events"], mine["hit_samples"]) == (3, 3, 3)


def test_series_of_one_file_are_judged_apart(tmp_path: Path) -> None:
    first, second = pd.read_csv(labelled(tmp_path)), pd.read_csv(labelled(tmp_path))
    both = pd.concat([first.assign(series_id="a"), second.assign(series_id="b", value=second["value"] + 1000)])
    both.sample(frac=1, random_state=0).to_parquet(tmp_path / "both.parquet")

    [mine, _] = evaluate_files([tmp_path / "both.parquet"], ["default"], tmp_path / "out").to_dict("records")

    assert (mine["found"], mine["events"]) == (6, 6)
    assert mine["false"] <= 2


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"label": 2}, "row 1, label '2' is no label"),
        ({"label": 0}, "no sample is labelled"),
        ({"value": "much"}, "row 1, value 'much' is no number"),
        ({"timestamp": "then"}, "row 1, timestamp 'then' is no moment"),
    ],
)
def test_a_cell_that_says_nothing_is_named(tmp_path: Path, columns: dict[str, object], why: str) -> None:
    with pytest.raises(DataError, match=why):
        evaluate_files([labelled(tmp_path, **columns)], ["zscore"], tmp_path / "out")


def test_a_file_without_labels_or_that_is_not_there_is_refused(tmp_path: Path) -> None:
    source = labelled(tmp_path)
    pd.read_csv(source).drop(columns="label").to_csv(source, index=False)

    with pytest.raises(DataError, match="no column of labels; or name a file of windows"):
        evaluate_files([source], ["zscore"], tmp_path / "out")
    with pytest.raises(ConfigError, match="no file"):
        evaluate_files([tmp_path / "none.csv"], ["zscore"], tmp_path / "out")


def test_the_command_prints_the_figures_with_the_options_of_the_settings(tmp_path: Path) -> None:
    source, deaf = labelled(tmp_path), {"detectors": {"zscore": {"alert_deviations": 90}}}
    command = ["evaluate", str(source), "--detectors", "zscore,seasonal_mad", "--no-plots", "--out", str(tmp_path / "out")]

    done = CliRunner().invoke(app, command, env={"HEADROOM_OPTIONS": json.dumps(deaf)}, catch_exceptions=False)

    assert done.exit_code == 0
    assert "an alert at every sample" in done.output
    scores = pd.read_csv(tmp_path / "out" / "scores.csv").set_index("detector")
    assert scores["found"].tolist() == [0, 3, 3]


def test_an_evaluation_is_a_run_of_each_detector_with_its_options_figures_and_files(settings: Settings, tmp_path: Path) -> None:
    scores = evaluate_files([labelled(tmp_path)], ["zscore"], tmp_path / "out", plots=False)

    made = log_evaluation(settings, scores.head(1), {"zscore": {"alert_deviations": 4}}, tmp_path / "out")

    assert made == 1
    with connect(settings) as client:
        [run] = client.search_runs([open_experiment(client, settings)], "tags.kind = 'evaluation'")
        assert (run.data.params["alert_deviations"], run.data.params["history_days"]) == ("4.0", "7")
        assert run.data.metrics["f1"] == scores["f1"].iloc[0]
        assert {file.path for file in client.list_artifacts(run.info.run_id, "evaluation")} == {
            f"evaluation/{name}" for name in ("scores.csv", "thresholds.csv", "evaluation.html")
        }
