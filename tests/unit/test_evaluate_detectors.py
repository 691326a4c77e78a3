"""`evaluate`: what is written of detectors on labelled files, and which files are refused."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.errors import ConfigError, DataError
from pipeline.own_files.evaluate import CONTROL, MULTIPLES, WRITTEN, evaluate_series, read_files
from pipeline.reading.options import Reading
from pipeline.registry.evaluations import log_evaluation
from pipeline.registry.mlflow import connect, open_experiment
from pipeline.report.evaluation import _thin
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


def evaluate_files(
    files: list[Path], detectors: list[str], out: Path, windows: Path | None = None, plots: bool = True, **said: str
) -> pd.DataFrame:
    return evaluate_series(read_files(files, windows, Reading(**said)), detectors, out, plots=plots)


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
    assert bare.count("<table>") == page.count("<table>") == 2
    assert "Other thresholds" in bare


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
        ({"label": 2}, "line 2, column 'label': expected 0 or 1, true or false, got '2'"),
        ({"label": ""}, "line 2, column 'label': expected 0 or 1, true or false, got"),
        ({"label": 0}, "no sample is labelled"),
        ({"value": "much"}, "line 2, column 'value': expected a finite number, got 'much'"),
        ({"timestamp": "then"}, "line 2, column 'timestamp': expected .* got 'then'"),
    ],
)
def test_a_cell_that_says_nothing_is_named(tmp_path: Path, columns: dict[str, object], why: str) -> None:
    with pytest.raises(DataError, match=why):
        evaluate_files([labelled(tmp_path, **columns)], ["zscore"], tmp_path / "out")


def test_a_file_without_labels_or_that_is_not_there_is_refused(tmp_path: Path) -> None:
    source = labelled(tmp_path)
    pd.read_csv(source).drop(columns="label").to_csv(source, index=False)

    with pytest.raises(
        DataError, match="no column of labels; expected one of label, is_anomaly, anomaly, or name a file of windows"
    ):
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

    (tmp_path / "out" / "customers.csv").write_text("somebody's own")

    made = log_evaluation(
        settings, scores.head(1), {"zscore": {"alert_deviations": 4}}, [tmp_path / "out" / name for name in WRITTEN]
    )

    assert made == 1
    with connect(settings) as client:
        [run] = client.search_runs([open_experiment(client, settings)], "tags.kind = 'evaluation'")
        assert (run.data.params["alert_deviations"], run.data.params["history_days"]) == ("4.0", "7")
        assert run.data.metrics["f1"] == scores["f1"].iloc[0]
        assert {file.path for file in client.list_artifacts(run.info.run_id, "evaluation")} == {
            f"evaluation/{name}" for name in WRITTEN
        }


def test_a_file_is_read_as_the_options_say_and_its_labels_are_no_series(tmp_path: Path) -> None:
    source = labelled(tmp_path)
    frame = pd.read_csv(source)
    when = pd.to_datetime(frame["timestamp"]).astype("datetime64[us]").astype("int64") // 10**6
    said = pd.DataFrame(
        {"at": when, "host": "web", "load": frame["value"].astype(str).str.replace(".", ","), "Label": frame["label"]}
    )
    said.to_csv(tmp_path / "german.csv", sep=";", index=False)
    wide = frame.rename(columns={"value": "cpu_usage"}).assign(memory=frame["value"].to_numpy() + 5)
    wide.to_csv(tmp_path / "wide.csv", index=False)
    options = {"time_column": "at", "time_format": "epoch_s", "resource_column": "host", "value_column": "load"}

    [plain, *_] = evaluate_files([source], ["zscore"], tmp_path / "plain").to_dict("records")
    [german, *_] = evaluate_files([tmp_path / "german.csv"], ["zscore"], tmp_path / "out", **options).to_dict("records")
    series = read_files([tmp_path / "wide.csv"])

    assert german == pytest.approx(plain, nan_ok=True)
    assert plain["found"] == 3
    assert [(one.name, int(one.labels.sum())) for one in series] == [("wide.csv cpu_usage", 3), ("wide.csv memory", 3)]


def test_two_series_whose_names_run_into_each_other_and_two_files_of_one_name_stay_apart(tmp_path: Path) -> None:
    for name in ("east", "west"):
        (tmp_path / name).mkdir()
        labelled(tmp_path / name)
    part = pd.read_csv(tmp_path / "east" / "web.csv")
    both = pd.concat(
        [part.assign(series_id="a b", metric="c"), part.assign(series_id="a", metric="b c", value=part["value"] + 1000)]
    )
    both.to_csv(tmp_path / "both.csv", index=False)

    series = read_files([tmp_path / "both.csv", tmp_path / "east" / "web.csv", tmp_path / "west" / "web.csv"])

    assert [len(one.ts) for one in series] == [len(part)] * 4
    assert {one.name for one in series[2:]} == {str(tmp_path / name / "web.csv") for name in ("east", "west")}


@pytest.mark.parametrize(
    ("windows", "why"),
    [
        ("[1]", "expected JSON of file"),
        ('{"web.csv": 5}', "expected JSON of file"),
        ('{"web.csv": [["2026-01-06"]]}', "is no .first, last."),
        ('{"web.csv": [[1, 2]]}', "is no .first, last."),
        ('{"web.csv": [["", "2026-01-06"]]}', "ends before it begins, or has no moment"),
        ('{"web.csv": [["2026-01-07", "2026-01-06"]]}', "ends before it begins"),
        ('{"web.csv": [["soon", "later"]]}', "soon"),
        ('{"web.csv": [["9999999-01-01", "2026-01-06"]]}', "expected JSON of file"),
    ],
)
def test_windows_that_are_none_are_refused_by_the_name_of_their_file(tmp_path: Path, windows: str, why: str) -> None:
    (tmp_path / "windows.json").write_text(windows)

    with pytest.raises(DataError, match=f"windows.json.*{why}"):
        read_files([labelled(tmp_path)], tmp_path / "windows.json")


def test_windows_with_a_zone_are_read_as_utc(tmp_path: Path) -> None:
    source, (ts, _) = labelled(tmp_path), spiked({})
    first = pd.Timestamp(ts[500]).tz_localize("UTC").tz_convert("Asia/Tokyo").isoformat()
    (tmp_path / "windows.json").write_text(json.dumps({"web.csv": [[first, first]]}))

    [series] = read_files([source], tmp_path / "windows.json")

    assert series.labels.nonzero()[0].tolist() == [500]


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    source = labelled(tmp_path)

    for out in (source, source / "below"):
        with pytest.raises(ConfigError, match=f"cannot write into {out}"):
            evaluate_files([source], ["zscore"], out)


def test_who_told_nothing_has_no_precision_in_the_table_and_a_dash_on_the_page(tmp_path: Path) -> None:
    series = read_files([labelled(tmp_path)])
    rows = evaluate_series(series, ["zscore"], tmp_path / "out", options={"zscore": {"alert_deviations": 90}})

    assert (rows["found"][0], rows["false"][0], rows["recall"][0]) == (0, 0, 0)
    assert np.isnan(rows["precision"][0])
    assert '<td class="num">–</td>' in (tmp_path / "out" / "evaluation.html").read_text()


def test_a_detector_that_knows_too_little_of_days_to_judge_any_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    days = pd.DataFrame({"timestamp": pd.date_range("2026-01-01", periods=90, freq="D"), "value": range(90), "label": 0})
    days.loc[60, "label"] = 1
    days.to_csv(tmp_path / "days.csv", index=False)

    evaluate_files([tmp_path / "days.csv"], ["local_outlier_factor", "zscore"], tmp_path / "out")

    said = "local_outlier_factor knows too little to judge any sample of 1 of 1 series"
    assert [record.getMessage() for record in caplog.records] == [said]


def test_the_curves_that_are_drawn_are_those_whose_areas_are_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    series, drawn = read_files([labelled(tmp_path)]), []
    monkeypatch.setattr("pipeline.report.evaluation.curve_chart", lambda title, curves, *_: drawn.append((title, curves)) or "")

    rows = evaluate_series(series, ["zscore"], tmp_path / "out")

    areas = {title: float(np.trapezoid(curve.y, curve.x)) for title, [curve] in drawn}
    assert areas["ROC of raw scores"] == pytest.approx(rows["roc_auc"][0], abs=0.002)
    steps = {title: curve for title, [curve] in drawn}["Precision over recall of raw scores"]
    assert float((np.diff(steps.x) * steps.y[1:]).sum()) == pytest.approx(rows["pr_auc"][0], abs=0.002)


def test_a_curve_keeps_its_corners_however_many_points_it_has() -> None:
    x = np.append(np.zeros(50_000), np.linspace(0, 1, 50_000))
    y = np.append(np.linspace(0, 0.9, 50_000), np.linspace(0.9, 1, 50_000))

    thin = _thin("one", x.tolist(), y.tolist(), 1.0)

    assert len(thin.x) < 1300
    assert np.abs(np.interp(x[50_000:], thin.x, thin.y) - y[50_000:]).max() < 1 / 300
    assert min(np.hypot(np.array(thin.x), np.array(thin.y) - 0.9)) < 1 / 300


def test_of_seven_detectors_no_line_looks_like_another_in_the_same_chart(tmp_path: Path) -> None:
    names = ["zscore", "ewma", "iqr", "seasonal_mad", "novelty", "rate_of_change", "default"]
    evaluate_files([labelled(tmp_path)], names, tmp_path / "out")

    charts = re.findall(r"<svg class=\"chart\".*?</svg>", (tmp_path / "out" / "evaluation.html").read_text(), re.DOTALL)
    styles = [re.findall(r"class=\"(curve curve-\d)\"", chart) for chart in charts]
    together = [each for each in styles if each]
    assert [len(each) for each in together] == [6, 6, 6, 1, 1, 1]
    assert all(len(set(each)) == len(each) for each in together)
