"""The registry with a real MLflow on SQLite and a real lake, both in a folder of their own."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pipeline import settings as settings_module
from pipeline.errors import ConfigError, ConflictError, DataError, PartialError, SourceError
from pipeline.forecasters._tabular import FEATURES
from pipeline.forecasting import comparison
from pipeline.forecasting import spec as model_spec
from pipeline.forecasting.panel import Panel, from_frame
from pipeline.inputs.checks import read_lacking
from pipeline.inputs.findings import gather
from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake, tags
from pipeline.quality.conform import conform
from pipeline.registry import ledger
from pipeline.registry.champion import STALE_AFTER, read_champion, roll_back, set_aliases
from pipeline.registry.log import log_training
from pipeline.registry.mlflow import EXPERIMENT
from pipeline.registry.shards import clear_shards, collect_shards
from pipeline.registry.training import Dataset, TrainedSegment
from pipeline.registry.trainings import read_proposed
from pipeline.report.sections.sources import caveats
from pipeline.settings import Settings
from pipeline.steps import train as train_step
from pipeline.steps.promote import promote
from pipeline.steps.record import record
from pipeline.steps.register import register
from pipeline.steps.train import train
from pipeline.tables.capacity import RISK_BACKTEST
from pipeline.tables.columns import QUANTILES, Granularity
from pipeline.tables.forecasts import FEATURE_IMPORTANCE, MODEL_METRIC, PROMOTION
from pipeline.tables.money import COST_DAILY
from pipeline.tables.operations import CHECK_RESULT
from tests.support import secrets
from tests.support.forked import Forked

ROOT = Path(__file__).resolve().parents[2]
DAY = Interval.day("2026-04-14")
MODELS = ("seasonal_naive", "ridge", "default")
SEGMENTS = [("cost", "day"), ("cpu_utilization", "hour")]


def read_metrics(lake: Lake, as_of: datetime, granularity: Granularity, settings: Settings) -> list[str]:
    return [metric for metric, step in SEGMENTS if step == granularity]


def demand(lake: Lake, as_of: datetime, granularity: Granularity, settings: Settings, *, metric: str) -> Panel:
    """Four series with a season, a level of their own and noise."""
    season, periods = (24, 14 * 24) if granularity == "hour" else (7, 150)
    rng, when = np.random.default_rng(7), np.arange(periods)
    level, wave = rng.uniform(30, 50, (4, 1)), 12 * np.sin(2 * np.pi * when / season)
    names = np.array([f"a/r/i-{row}/{metric}" for row in range(4)])
    end = np.full(4, np.datetime64(as_of, "us") - np.timedelta64(1, granularity[0].replace("d", "D")))
    values = np.clip(level + wave + rng.normal(0, 4, (4, periods)), 0, 100)
    return Panel(names, np.full(4, metric), end, granularity, values, np.full(4, 100.0))


@dataclass(frozen=True)
class Trained:
    settings: Settings
    lake: Lake
    versions: int
    decisions: int

    def client(self) -> Any:
        from mlflow import MlflowClient

        return MlflowClient(self.settings.mlflow_tracking_uri, self.settings.mlflow_tracking_uri)

    def runs(self, query: str) -> list[Any]:
        client = self.client()
        experiment = client.get_experiment_by_name(EXPERIMENT)
        return list(client.search_runs([experiment.experiment_id], query))

    def alias(self, name: str, metric: str = "cost", granularity: str = "day") -> str | None:
        aliases = self.client().get_registered_model(model_spec.model_name(metric, granularity)).aliases
        return str(aliases[name]) if name in aliases else None

    def model_file(self, metric: str, granularity: str, name: str) -> Path:
        version = self.client().get_model_version(model_spec.model_name(metric, granularity), "1")
        folder = self.settings.home / "mlflow" / "artifacts" / "models" / version.source.removeprefix("models:/")
        [file] = folder.rglob(name)
        return file


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    """One training and its promotion; the tests that use it only look, or put back what they change."""
    home = tmp_path_factory.mktemp("home")
    asked = {"sources": {"prometheus": {"url": "https://example.com", "token_env": "SHOP_TOKEN"}}}
    settings = settings_module.load({}, home=home, challengers=MODELS, backtest_windows=2, options=asked)
    lake = open_lake(settings)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in secrets.ENVIRONMENT.items():
            patch.setenv(name, value)
        patch.setattr(train_step, "read_panel", demand)
        patch.setattr(train_step, "read_metrics", read_metrics)
        versions = train(DAY, lake, settings)
        yield Trained(settings, lake, versions, promote(DAY, lake, settings))


@pytest.fixture
def fresh(trained: Trained, tmp_path: Path) -> Trained:
    """The same registry beside a lake without a ledger."""
    database = f"fresh_{crc32(str(tmp_path).encode())}"
    settings = trained.settings.model_copy(update={"lake": str(tmp_path / "lake"), "database": database})
    return replace(trained, settings=settings, lake=open_lake(settings))


@pytest.fixture(autouse=True)
def sketched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing is a third of a training: pictures are looked at in the shared one alone, which is begun before this."""
    for name in ("plot_training", "plot_model"):
        monkeypatch.setattr(f"pipeline.registry.training.{name}", lambda file, *_: file.write_bytes(b""))


# ---------------------------------------------------------------- what a training leaves behind


def test_a_training_is_one_run_with_a_child_per_model_and_segment(trained: Trained) -> None:
    [parent] = trained.runs("tags.kind = 'training'")
    children = trained.runs(f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'")
    assert parent.info.run_name == "training as of 2026-04-15 00:00"
    assert parent.info.status == "FINISHED"
    found = {(run.data.params["metric"], run.data.params["granularity"], run.data.params["forecaster"]) for run in children}
    assert found == {(*segment, model) for segment in SEGMENTS for model in MODELS}


def test_a_training_leaves_no_secret_in_mlflow_or_the_lake(trained: Trained) -> None:
    home = trained.settings.home

    assert secrets.found_in_database(home / "mlflow" / "mlflow.db") == set()
    assert secrets.found_below(home) == secrets.found_in_lake(trained.settings) == {}


def test_every_child_has_the_same_finite_figures_so_that_runs_compare(trained: Trained) -> None:
    for run in trained.runs("tags.kind = 'backtest'"):
        expected = {"mase", "rmsse", "wape", "smape", "scaled_pinball", "coverage_50", "coverage_80", "coverage_90"}
        assert expected | {"bias", "skill", "skill_mase", "skill_typical", "cpu_s_per_series"} <= set(run.data.metrics)
        assert np.isfinite(list(run.data.metrics.values())).all()


def test_accuracy_by_lead_time_is_a_curve_with_one_point_per_period_ahead(trained: Trained) -> None:
    run = trained.runs("tags.kind = 'backtest' AND params.metric = 'cost'")[0]
    curve = trained.client().get_metric_history(run.info.run_id, "by_lead/mase")
    assert [point.step for point in curve] == list(range(1, int(run.data.params["horizon"]) + 1))
    assert np.mean([point.value for point in curve]) == pytest.approx(run.data.metrics["mase"], rel=0.1)


def test_a_run_names_the_table_and_the_values_it_was_trained_on(trained: Trained) -> None:
    run = trained.runs("tags.kind = 'backtest' AND params.metric = 'cost'")[0]
    [entry] = run.inputs.dataset_inputs
    source = json.loads(entry.dataset.source)
    assert (source["table"], source["as_of"]) == ("silver.cost_daily", "2026-04-15T00:00:00")
    assert "snapshot_id" in source
    assert json.loads(entry.dataset.profile)["series"] == 4


def test_the_forecasts_behind_the_scores_are_kept_with_the_training(trained: Trained, tmp_path: Path) -> None:
    [parent] = trained.runs("tags.kind = 'training'")
    folder = Path(trained.client().download_artifacts(parent.info.run_id, "cost-day", str(tmp_path)))
    forecasts, actuals = (pd.read_parquet(folder / f"{name}.parquet") for name in ("forecasts", "actuals"))
    median = forecasts[(forecasts["quantile"] == 0.5) & (forecasts["model"] == "ridge")]
    both = median.merge(actuals, on=["series_id", "cutoff", "ts"], suffixes=("", "_actual"))
    wape = (both["value"] - both["value_actual"]).abs().sum() / both["value_actual"].abs().sum()
    [run] = trained.runs("tags.kind = 'backtest' AND params.metric = 'cost' AND params.forecaster = 'ridge'")
    assert wape == pytest.approx(run.data.metrics["wape"], rel=0.05)
    assert (folder / "accuracy_and_coverage.png").read_bytes().startswith(b"\x89PNG")
    assert len(pd.read_csv(folder / "worst_series.csv")) == 4


def test_the_lakes_table_says_what_mlflow_says(trained: Trained) -> None:
    rows = trained.lake.read(MODEL_METRIC, MODEL_METRIC.scope(DAY)).to_pylist()
    assert len(rows) == len(SEGMENTS) * len(MODELS)
    for row in rows:
        which = " AND ".join(f"params.{name} = '{row[name]}'" for name in ("metric", "granularity"))
        [run] = trained.runs(f"{which} AND params.forecaster = '{row['model']}'")
        for name in ("mase", "scaled_pinball", "coverage_90", "bias", "skill"):
            assert row[name] == pytest.approx(run.data.metrics[name])


def test_the_chances_that_the_backtest_would_have_stated_are_published_beside_what_happened(trained: Trained) -> None:
    rows = trained.lake.read(RISK_BACKTEST, RISK_BACKTEST.scope(DAY)).to_pandas()
    # The hourly forecasts of two weeks of history reach no week ahead.
    assert set(zip(rows["metric"], rows["granularity"], strict=True)) == {("cost", "day")}
    [parent] = trained.runs("tags.kind = 'training'")
    for (metric, granularity, model, _, days), bins in rows.groupby(
        ["metric", "granularity", "model", "threshold_pct", "horizon_days"]
    ):
        assert parent.data.tags[f"proposed.{model_spec.model_name(metric, granularity)}"]
        assert read_proposed(trained.settings, DAY.as_of)[model_spec.model_name(metric, granularity)].forecaster == model
        # Two windows of each series, where the forecasts reach that far.
        assert (
            0 < bins["forecasts"].sum() <= 2 * len(demand(trained.lake, DAY.as_of, granularity, trained.settings, metric=metric))
        )
        rate = np.average(bins["observed"], weights=bins["forecasts"])
        assert np.average(bins["base_rate_brier"], weights=bins["forecasts"]) == pytest.approx(rate * (1 - rate))
        assert days in (7, 30, 90)


def test_what_features_told_is_published_with_the_training_and_stands_in_mlflow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_step, "read_panel", demand)
    monkeypatch.setattr(train_step, "read_metrics", lambda *given: [m for m in read_metrics(*given) if m == "cost"])
    asked = {"forecasters": {"lightgbm": {"trees": 5, "rows": 500, "catalogue": 4}}}
    models = ("seasonal_naive", "lightgbm")
    settings = settings_module.load({}, home=tmp_path, challengers=models, backtest_windows=2, options=asked)
    ran = Trained(settings, open_lake(settings), train(DAY, open_lake(settings), settings), 0)

    record(DAY, ran.lake, settings)

    rows = ran.lake.read(FEATURE_IMPORTANCE, FEATURE_IMPORTANCE.scope(DAY)).to_pandas()
    assert set(rows["model"]) == {"lightgbm"}
    assert sorted(rows["importance_rank"]) == list(range(1, len(rows) + 1))
    own = rows["feature"].isin(FEATURES)
    assert (own.sum(), rows.loc[own, "chosen"].all(), rows.loc[~own, "chosen"].sum()) == (len(FEATURES), True, 4)
    [run] = ran.runs("tags.kind = 'backtest' AND params.forecaster = 'lightgbm'")
    logged = {name.removeprefix("importance/"): v for name, v in run.data.metrics.items() if name.startswith("importance/")}
    assert logged == pytest.approx(rows.loc[rows["chosen"]].set_index("feature")["importance"].to_dict())
    [parent] = ran.runs("tags.kind = 'training'")
    kept = {item.path for item in ran.client().list_artifacts(parent.info.run_id, "cost-day")}
    assert "cost-day/feature_importance.csv" in kept


def test_every_segment_has_one_version_and_nothing_of_it_is_pickled(trained: Trained) -> None:
    assert trained.versions == trained.decisions == len(SEGMENTS)
    for segment in SEGMENTS:
        [version] = trained.client().search_model_versions(f"name = '{model_spec.model_name(*segment)}'")
        assert version.tags["fingerprint"]
        assert trained.alias("champion", *segment) == trained.alias("challenger", *segment) == "1"
    files = {file.suffix for file in (trained.settings.home / "mlflow" / "artifacts" / "models").rglob("*") if file.is_file()}
    # Bytecode beside the model's code is Python's own, written where a process imported it.
    assert files - {".pyc"} == {"", ".json", ".py", ".sha256", ".txt", ".yaml"}


LOAD_ELSEWHERE = """
import sys, mlflow, pandas
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model("models:/headroom-cpu_utilization-hour@champion")
found = model.predict(pandas.read_parquet(sys.argv[2]), params={"horizon": 30})
found.to_parquet(sys.argv[3])
"""


def elsewhere(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    # Another process knows nothing of the stores that this one has used.
    ours = {name: value for name, value in os.environ.items() if name not in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")}
    environment = {**ours, "PYTHONPATH": str(ROOT), "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_a_version_loaded_in_another_process_forecasts_what_its_forecaster_does(trained: Trained, tmp_path: Path) -> None:
    from pipeline import plugs

    block = demand(trained.lake, DAY.as_of, "hour", trained.settings, metric="cpu_utilization")
    ts, n = block.timestamps().ravel(), len(block)
    history = pd.DataFrame({"series_id": np.repeat(block.series_id, len(ts) // n), "ts": ts, "value": block.values.ravel()})
    history.to_parquet(tmp_path / "history.parquet")

    done = elsewhere(
        LOAD_ELSEWHERE, trained.settings.mlflow_tracking_uri, tmp_path / "history.parquet", tmp_path / "forecast.parquet"
    )

    assert done.returncode == 0, done.stderr
    found = pd.read_parquet(tmp_path / "forecast.parquet")
    name = read_champion(trained.settings, trained.lake, "cpu_utilization", "hour").forecaster
    panel = from_frame(history.assign(metric="cpu_utilization"), "hour")
    direct = plugs.load("forecasters", name).forecast(panel, 30, QUANTILES)
    np.testing.assert_allclose(found["value"].to_numpy().reshape(direct.shape), direct)
    assert found["ts"].min() == pd.Timestamp("2026-04-15")


def test_a_stored_spec_that_was_changed_is_served_by_nobody(trained: Trained) -> None:
    file = trained.model_file("cost", "day", "spec.json")
    text = file.read_text()
    file.write_text(text.replace('"ridge"', '"prophet"').replace('"default"', '"prophet"'))
    try:
        import mlflow.pyfunc

        mlflow.set_tracking_uri(trained.settings.mlflow_tracking_uri)
        with pytest.raises(DataError, match="changed after registration"):
            read_champion(trained.settings, trained.lake, "cost", "day")
        with pytest.raises(DataError, match="changed after registration"):
            mlflow.pyfunc.load_model("models:/headroom-cost-day/1")
    finally:
        file.write_text(text)


def test_choosing_a_champion_runs_no_code_that_is_stored_with_the_model(trained: Trained, tmp_path: Path) -> None:
    file = trained.model_file("cost", "day", "served_model.py")
    code, trace = file.read_text(), tmp_path / "ran"
    file.write_text(f"open({str(trace)!r}, 'w')\n" + code)
    try:
        assert read_champion(trained.settings, trained.lake, "cost", "day").version == "1"
        assert not trace.exists()
    finally:
        file.write_text(code)


def trained_segment(settings: Settings, fingerprint: str, forecaster: str, folder: Path, **figures: float) -> TrainedSegment:
    """A trained segment whose figures are given; only the proposed forecaster and the baseline were compared."""
    floor = dict.fromkeys(("mase", "rmsse", "wape", "smape", "scaled_pinball"), 1.0)
    floor |= {"coverage_50": 0.5, "coverage_80": 0.8, "coverage_90": 0.9, "bias": 0.0, "cpu_s": 0.01}
    floor |= {"skill_scaled_pinball": 0.0, "skill_mase": 0.0, "skill_typical": 0.0}
    summary = pd.DataFrame([{"model": "seasonal_naive", **floor}, {"model": forecaster, **floor, **figures}])
    leads = pd.DataFrame({"model": forecaster, "lead": [1, 2], "mase": [0.5, np.nan], "scaled_pinball": 0.2, "coverage_90": 0.9})
    return TrainedSegment(
        metric="memory_utilization",
        granularity="day",
        fingerprint=fingerprint,
        dataset=Dataset("silver.metric_daily", None, "d1", 3, 300),
        horizon=7,
        windows=2,
        quantiles=QUANTILES,
        summary=summary.drop_duplicates("model", keep="last"),
        leads=leads,
        proposed=forecaster,
        folder=folder,
    )


def test_a_figure_that_is_not_finite_is_left_out_and_said_so(trained: Trained, tmp_path: Path) -> None:
    given = trained_segment(trained.settings, "f-inf", "ridge", tmp_path, mase=float("inf"), rmsse=float("nan"), wape=0.1)
    log_training(trained.settings, datetime.fromisoformat("2026-01-01"), "all-inf", [given], {})
    [run] = trained.runs("params.metric = 'memory_utilization' AND params.forecaster = 'ridge'")
    assert run.data.metrics["wape"] == 0.1
    assert not {"mase", "rmsse"} & set(run.data.metrics)
    assert run.data.tags["left_out.mase"] == "inf: no series has a defined value"
    assert len(trained.client().get_metric_history(run.info.run_id, "by_lead/mase")) == 1


def test_every_child_shows_its_own_plot_and_what_kind_of_series_it_was_scored_on(trained: Trained, tmp_path: Path) -> None:
    for run in trained.runs("tags.kind = 'backtest' AND params.metric = 'cost'"):
        name = run.data.params["forecaster"]
        [plot] = trained.client().list_artifacts(run.info.run_id, "plots")
        assert plot.path == f"plots/{name}.png"
        file = Path(trained.client().download_artifacts(run.info.run_id, plot.path, str(tmp_path)))
        assert file.read_bytes().startswith(b"\x89PNG")
        assert run.data.metrics["seasonality_strength"] > 0.5
        assert {"stationary_adf", "stationary_kpss", "trend_strength"} <= set(run.data.metrics)
    [parent] = trained.runs("tags.kind = 'training' AND params.segments = '2'")
    assert parent.data.metrics["cost-day/seasonality_strength"] > 0.5


def test_a_search_is_logged_trial_by_trial_and_what_it_finds_is_registered_and_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {"log": False, "half_life": 0.9}
    monkeypatch.setattr(comparison.tuning, "best", lambda trials: found if {t.forecaster for t in trials} == {"ridge"} else {})
    monkeypatch.setattr(train_step, "read_panel", demand)
    monkeypatch.setattr(train_step, "read_metrics", read_metrics)
    monkeypatch.setattr(train_step, "GRANULARITIES", ("day",))
    named = {"challengers": ("seasonal_naive", "ridge"), "backtest_windows": 2, "search_trials": 2}
    settings = settings_module.load({}, home=tmp_path, **named)
    fresh = Trained(settings, open_lake(settings), train(DAY, open_lake(settings), settings), 0)
    assert promote(DAY, fresh.lake, settings) == fresh.versions == 1

    [run] = fresh.runs("tags.kind = 'backtest' AND params.metric = 'cost' AND params.`param.half_life` = '0.9'")
    trials = fresh.runs(f"tags.kind = 'trial' AND tags.`mlflow.parentRunId` = '{run.info.run_id}'")
    assert {"ridge · trial 0, as in the settings", "ridge · trial 1"} == {trial.info.run_name for trial in trials}
    assert all(np.isfinite(trial.data.metrics["scaled_pinball"]) for trial in trials)
    serving = read_champion(settings, fresh.lake, "cost", "day")
    assert (serving.forecaster, serving.params) == ("ridge", found)

    later = Interval.day("2026-04-21")
    without = settings.model_copy(update={"search_trials": 0})
    train(later, fresh.lake, without)
    record(later, fresh.lake, without)
    rows = fresh.lake.read(MODEL_METRIC, MODEL_METRIC.scope(later)).to_pylist()
    compared = {(row["model"], row["compared_with"], row["p_value"] is None) for row in rows if row["metric"] == "cost"}
    itself = "ridge (serving)"
    assert compared == {("ridge", itself, False), ("seasonal_naive", itself, False), (itself, itself, True)}
    promote(later, fresh.lake, without)
    reason = ledger.read_decisions(fresh.lake, "cost", "day")[-1]["reason"]
    assert "against the champion ridge (serving)" in reason


# ---------------------------------------------------------------- in shards


def test_options_count_when_a_forecaster_is_trained_and_its_version_keeps_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_step, "read_panel", demand)
    monkeypatch.setattr(train_step, "read_metrics", read_metrics)
    monkeypatch.setattr(train_step, "GRANULARITIES", ("day",))
    named = {"challengers": ("seasonal_naive", "ridge"), "backtest_windows": 2}
    options = {"forecasters": {"ridge": {"half_life": 0.9}}}
    settings = settings_module.load({}, home=tmp_path, options=options, **named)
    lake = open_lake(settings)
    assert train(DAY, lake, settings) == promote(DAY, lake, settings) == 1
    assert read_champion(settings, lake, "cost", "day").params == {"half_life": 0.9}

    changed = settings.model_copy(update={"options": {"forecasters": {"ridge": {"half_life": 0.8}}}})
    assert read_champion(changed, lake, "cost", "day").params == {"half_life": 0.9}
    assert train(DAY, lake, settings) == 0
    assert train(DAY, lake, changed) == 1


def told(trained: Trained) -> tuple[list[dict[str, Any]], dict[str, Any], dict[str, set[str]]]:
    """What a training left in the lake and in MLflow, but for clock readings and MLflow's own ids."""
    rows = trained.lake.read(MODEL_METRIC, MODEL_METRIC.scope(DAY)).to_pylist()
    client, runs = trained.client(), {}
    for run in trained.runs("tags.kind != 'shard' AND tags.as_of = '2026-04-15T00:00:00'"):
        tags = {name: value for name, value in run.data.tags.items() if name.split(".")[0] != "mlflow"}
        figures = {name: value for name, value in run.data.metrics.items() if name != "cpu_s_per_series"}
        digests = sorted(entry.dataset.digest for entry in run.inputs.dataset_inputs)
        runs[run.info.run_name] = (tags, run.data.params, figures, digests, "mlflow.parentRunId" in run.data.tags)
    [parent] = trained.runs("tags.kind = 'training' AND tags.as_of = '2026-04-15T00:00:00'")
    files = {folder.path: {file.path for file in client.list_artifacts(parent.info.run_id, folder.path)}
             for folder in client.list_artifacts(parent.info.run_id)}  # fmt: skip
    return [{**row, "cpu_s_per_series": None} for row in rows], runs, files


def test_a_training_in_shards_comes_to_what_one_process_comes_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_step, "read_panel", demand)
    monkeypatch.setattr(train_step, "read_metrics", read_metrics)
    found = []
    for name, shards in (("whole", 1), ("parts", 5)):
        named = {"challengers": ("seasonal_naive", "ridge"), "backtest_windows": 2}
        settings = settings_module.load({}, home=tmp_path / name, **named)
        each = Trained(settings, open_lake(settings), 0, 0)
        done = [train(DAY, each.lake, settings, shard=shard, shards=shards) for shard in range(shards)]
        assert sum(done) == len(SEGMENTS)
        if shards > 1:
            assert not each.lake.exists(MODEL_METRIC)
            assert register(DAY, each.lake, settings) == len(SEGMENTS)
            assert register(DAY, each.lake, settings) == 0
            assert each.runs("tags.kind = 'shard'") == []
        assert promote(DAY, each.lake, settings) == len(SEGMENTS)
        found.append((*told(each), each.lake.content(PROMOTION)))
    assert found[1] == found[0]


def break_segment(patch: pytest.MonkeyPatch, *metrics: str) -> None:
    """A comparison that cannot cope with some metrics."""
    works = train_step.compare

    def compare(segment: comparison.Segment, *more: Any) -> comparison.Comparison:
        if segment.metric in metrics:
            raise ZeroDivisionError("no window\nto divide by")
        return works(segment, *more)

    patch.setattr(train_step, "compare", compare)


@pytest.mark.parametrize("shards", [1, 2])
def test_a_segment_that_cannot_be_trained_stops_no_other_and_reports_name_it_until_the_next_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shards: int
) -> None:
    settings = settings_module.load({}, home=tmp_path, challengers=("seasonal_naive", "ridge"), backtest_windows=2)
    lake = open_lake(settings)
    # Both lie in one shard, so that the other has nothing to hand over.
    both = [("cost", "day"), ("memory_utilization", "day")]
    monkeypatch.setattr(sys.modules[__name__], "SEGMENTS", both)
    monkeypatch.setattr(train_step, "read_panel", demand)
    monkeypatch.setattr(train_step, "read_metrics", read_metrics)
    monkeypatch.setattr(train_step, "bucket_of", lambda _: 0)
    ended = []

    def trained_by_all() -> None:
        for shard in range(shards):
            with contextlib.suppress(PartialError):
                train(DAY, lake, settings, shard=shard, shards=shards)
                ended.append(shard)
        if shards > 1:
            register(DAY, lake, settings)
        record(DAY, lake, settings)

    with monkeypatch.context() as patch:
        break_segment(patch, "cost")
        trained_by_all()

    assert 0 not in ended, "the shard with the segment ends as partial"
    assert set(lake.read(MODEL_METRIC)["metric"].to_pylist()) == {"memory_utilization"}
    said = "cost by the day could not be trained (ZeroDivisionError: no window); what served it before goes on."
    for day in (DAY, Interval.day("2026-04-17")):
        assert [caveat["text"] for caveat in caveats(gather(day, lake))] == [said]
        assert read_lacking(lake, day.as_of) == [said]

    trained_by_all()

    assert set(lake.read(MODEL_METRIC)["metric"].to_pylist()) == {"cost", "memory_utilization"}
    assert read_lacking(lake, DAY.as_of) == []


def test_a_shard_of_which_all_segments_fail_stops_no_other_shard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_module.load({}, home=tmp_path, challengers=("seasonal_naive", "ridge"), backtest_windows=2)
    lake = open_lake(settings)
    monkeypatch.setattr(sys.modules[__name__], "SEGMENTS", [("cost", "day"), ("memory_utilization", "day")])
    monkeypatch.setattr(train_step, "read_panel", demand)
    monkeypatch.setattr(train_step, "read_metrics", read_metrics)
    monkeypatch.setattr(train_step, "bucket_of", lambda name: int(name.startswith("memory")))
    break_segment(monkeypatch, "cost")

    with pytest.raises(PartialError, match="cost by the day could not be trained"):
        train(DAY, lake, settings, shard=0, shards=2)
    train(DAY, lake, settings, shard=1, shards=2)

    assert register(DAY, lake, settings) == 1
    record(DAY, lake, settings)
    assert set(lake.read(MODEL_METRIC)["metric"].to_pylist()) == {"memory_utilization"}


def test_a_training_of_which_all_segments_fail_fails_and_registers_nothing(
    fresh: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_segment(monkeypatch, *(metric for metric, _ in SEGMENTS))
    monkeypatch.setattr(train_step, "is_known", lambda *_: False)

    with pytest.raises(DataError, match="all segments failed: .*cost by the day could not be trained"):
        train(DAY, fresh.lake, fresh.settings)


def test_a_training_is_not_registered_before_its_last_shard_has_handed_over(fresh: Trained) -> None:
    later = Interval.day("2026-04-15")
    with pytest.raises(DataError, match="no shard of a training as of 2026-04-16"):
        register(later, fresh.lake, fresh.settings)
    train(later, fresh.lake, fresh.settings, shard=0, shards=3)
    train(later, fresh.lake, fresh.settings, shard=2, shards=3)
    with pytest.raises(DataError, match=r"of 3 shards, \[1\] have not handed over"):
        register(later, fresh.lake, fresh.settings)
    clear_shards(fresh.settings, later.as_of)


# ---------------------------------------------------------------- once is enough


def test_the_same_data_settings_and_code_are_not_compared_registered_or_decided_again(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, changes = trained.lake.content(PROMOTION), trained.lake.changes
    monkeypatch.setattr(train_step, "compare", lambda *_: pytest.fail("compared again"))
    assert train(DAY, trained.lake, trained.settings) == 0
    assert promote(DAY, trained.lake, trained.settings) == 0
    assert trained.lake.content(PROMOTION) == before
    assert trained.lake.changes == changes
    assert len(trained.runs("tags.kind = 'training' AND params.segments = '2'")) == 1


def test_a_training_repeated_for_an_empty_lake_keeps_the_versions_it_registered(fresh: Trained) -> None:
    assert train(DAY, fresh.lake, fresh.settings) == 0
    assert promote(DAY, fresh.lake, fresh.settings) == len(SEGMENTS)
    assert read_champion(fresh.settings, fresh.lake, "cost", "day").version == "1"


def test_nothing_to_train_on_is_an_answer(fresh: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_step, "read_panel", lambda *_, **__: None)
    another = Interval.day("2026-01-14")
    for step in (train, record, promote):
        assert step(another, fresh.lake, fresh.settings) == 0
    assert not fresh.lake.exists(MODEL_METRIC)


def test_what_was_trained_on_is_tagged_and_older_trainings_tags_go(fresh: Trained) -> None:
    cost = COST_DAILY
    columns = {c.name: c for c in cost.columns}
    for week in range(3):
        day = DAY.start - timedelta(days=7 * (3 - week))
        row = {name: "x" if c.type == "string" else 1 for name, c in columns.items()}
        row |= {cost.time: day, cost.partition: day.date().replace(day=1)}
        row |= {name: c.values[0] for name, c in columns.items() if c.values}
        data = pa.table({name: pa.array([row[name]], type) for name, type in _types(cost)}, schema=cost.arrow_schema)
        interval = Interval(day, day + timedelta(days=1))
        fresh.lake.replace(cost, data, cost.scope(interval))
        tags.keep(fresh.lake, cost, fresh.lake.snapshot_id(cost), "training", interval.as_of, most=2)
    iceberg = fresh.lake.iceberg(cost)
    assert iceberg is not None
    kept = {name: ref.snapshot_id for name, ref in iceberg.refs().items() if name.startswith("training-")}
    assert sorted(kept) == ["training-2026-04-01T0000", "training-2026-04-08T0000"]
    assert kept["training-2026-04-08T0000"] == fresh.lake.snapshot_id(cost)


def _types(table: Any) -> list[tuple[str, Any]]:
    return [(field.name, field.type) for field in table.arrow_schema]


# ---------------------------------------------------------------- the ledger


def test_of_two_writers_of_one_fence_the_first_wins_and_the_second_is_told(fresh: Trained) -> None:
    decide(fresh.lake, None, "ridge", "1")
    with pytest.raises(ConflictError, match=r"gold\.promotion"):
        decide(fresh.lake, None, "default", "2")
    [row] = ledger.read_decisions(fresh.lake, "cost", "day")
    assert (row["fence"], row["champion"]) == (1, "ridge")


def decide(lake: Lake, last: dict[str, Any] | None, forecaster: str, version: str, as_of: datetime = DAY.as_of) -> bool:
    one = forecaster, version
    return ledger.record_decision(lake, last, ledger.Decision(as_of, "cost", "day", "promoted", one, one, "test"))


RACER = """
import sys, time
from datetime import datetime
from pathlib import Path
from pipeline import settings
from pipeline.registry import ledger
from pipeline.errors import ConflictError
from pipeline.lake import open_lake

home, name, version = sys.argv[1:]
lake = open_lake(settings.load({}, home=Path(home)))
assert ledger.read_decisions(lake, "cost", "day") == []
Path(home, f"ready-{version}").touch()
while len(list(Path(home).glob("ready-*"))) < 3:
    time.sleep(0.002)
try:
    one = name, version
    ledger.record_decision(lake, None, ledger.Decision(datetime(2026, 4, 15), "cost", "day", "promoted", one, one, "race"))
    print("won")
except ConflictError:
    print("lost")
"""


def test_of_processes_that_promote_at_the_same_moment_exactly_one_wins(tmp_path: Path) -> None:
    versions = (("ridge", "1"), ("default", "2"), ("prophet", "3"))
    racers = [Forked(RACER, str(tmp_path), name, version) for name, version in versions]
    said = [racer.communicate(timeout=120) for racer in racers]
    assert sorted(out.strip() for out, _ in said) == ["lost", "lost", "won"], said
    [row] = ledger.read_decisions(open_lake(settings_module.load({}, home=tmp_path)), "cost", "day")
    assert said[int(row["champion_version"]) - 1][0].strip() == "won"


FIRST_COMER = """
import sys
from datetime import datetime
from pathlib import Path

from pipeline import settings as settings_module
from pipeline.registry.shards import hand_over

settings = settings_module.load({}, home=Path(sys.argv[1]))
hand_over(settings, datetime(2026, 4, 15), [], int(sys.argv[2]), 3)
"""


def test_shards_that_find_no_registry_at_the_same_moment_make_one(tmp_path: Path) -> None:
    racers = [Forked(FIRST_COMER, str(tmp_path), str(shard)) for shard in range(3)]
    assert [racer.communicate(timeout=120)[1] for racer in racers] == ["", "", ""]
    settings = settings_module.load({}, home=tmp_path)
    assert collect_shards(settings, datetime(2026, 4, 15), tmp_path) == ([], [])


def test_a_registry_whose_making_was_killed_is_made_anew(tmp_path: Path) -> None:
    settings = settings_module.load({}, home=tmp_path)
    (tmp_path / "mlflow").mkdir()
    (tmp_path / "mlflow" / "mlflow.new").write_bytes(b"half a database")

    assert read_proposed(settings, datetime(2026, 4, 15)) == {}


def test_promotions_that_run_at_once_leave_one_decision_each_time(fresh: Trained) -> None:
    assert train(DAY, fresh.lake, fresh.settings) == 0
    decisions: list[int] = []

    def run() -> None:
        decisions.append(promote(DAY, open_lake(fresh.settings), fresh.settings))

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(decisions) == 3
    assert sum(decisions) == len(SEGMENTS)
    for segment in SEGMENTS:
        assert [row["fence"] for row in ledger.read_decisions(fresh.lake, *segment)] == [1]


def test_an_older_training_does_not_overrule_a_decision_on_newer_data(fresh: Trained) -> None:
    assert train(DAY, fresh.lake, fresh.settings) == 0
    decide(fresh.lake, None, "seasonal_naive", "none", DAY.as_of + timedelta(days=7))
    promote(DAY, fresh.lake, fresh.settings)
    assert len(ledger.read_decisions(fresh.lake, "cost", "day")) == 1


def test_a_version_that_is_worse_than_seasonal_naive_never_becomes_champion(fresh: Trained, tmp_path: Path) -> None:
    as_of = datetime.fromisoformat("2026-02-01")
    given = trained_segment(fresh.settings, "f-worse", "ridge", tmp_path, mase=1.4, scaled_pinball=1.3)
    rows = [
        {
            "as_of": as_of,
            "metric": "memory_utilization",
            "granularity": "day",
            "model": model,
            "series": 3,
            "windows": 2,
            "mase": loss,
            "scaled_pinball": loss,
            "skill": 1 - loss,
            "month": as_of.date(),
        }
        for model, loss in (("seasonal_naive", 1.0), ("ridge", 1.3))
    ]
    table = MODEL_METRIC
    interval = Interval(as_of - timedelta(days=1), as_of)
    figures = {table.name: pa.Table.from_pylist(rows, schema=table.arrow_schema)}
    log_training(fresh.settings, as_of, "all-worse", [given], {}, figures)

    assert promote(interval, fresh.lake, fresh.settings) == 1

    [row] = ledger.read_decisions(fresh.lake, "memory_utilization", "day")
    assert (row["decision"], row["champion"], row["challenger"]) == ("rejected", "none", "ridge")
    assert "Not better than seasonal_naive" in row["reason"]
    assert fresh.alias("champion", "memory_utilization", "day") is None
    serving = read_champion(fresh.settings, fresh.lake, "memory_utilization", "day")
    assert serving == ("seasonal_naive", "none", {}, {}, "unsound", None)


def test_a_training_of_a_version_that_told_no_figures_leaves_what_is_published(fresh: Trained, tmp_path: Path) -> None:
    as_of = datetime.fromisoformat("2026-02-08")
    interval, table = Interval(as_of - timedelta(days=1), as_of), MODEL_METRIC
    known = {"as_of": as_of, "metric": "cost", "granularity": "day", "model": "ridge", "series": 3, "windows": 2}
    rows = pa.Table.from_pylist([known | {"month": as_of.date().replace(day=1)}], schema=table.arrow_schema)
    fresh.lake.replace(table, rows, table.scope(interval))
    log_training(fresh.settings, as_of, "all-older", [trained_segment(fresh.settings, "f-older", "ridge", tmp_path)], {})

    assert record(interval, fresh.lake, fresh.settings) == 0

    assert fresh.lake.read(table).num_rows == 1


@pytest.mark.parametrize(
    ("day", "decision"), [("2026-04-10", "rejected"), ("2024-01-01", "promoted"), ("2026-04-15", "promoted")]
)
def test_a_failed_critical_expectation_holds_back_what_was_trained_on_its_days(fresh: Trained, day: str, decision: str) -> None:
    interval, table = Interval.day(day), CHECK_RESULT
    failed = {"as_of": interval.as_of, "table_name": "silver.cost_daily", "subject": "effective_cost", "rule": "not null"}
    shared = {"shard": 0, "severity": "critical", "rows": 10, "failed_rows": 1, "score": 0.9, "note": "no cost"}
    fine = {**failed, "rule": "at least 0", "severity": "warning"}
    rows = [{**shared, **failed, "success": False}, {**shared, **fine, "success": False}]
    data = conform(pa.Table.from_pylist(rows), table, interval)
    fresh.lake.replace(table, data, table.scope(interval))
    assert train(DAY, fresh.lake, fresh.settings) == 0

    promote(DAY, fresh.lake, fresh.settings)

    [row] = ledger.read_decisions(fresh.lake, "cost", "day")
    assert row["decision"] == decision
    said = "failed 1 critical expectations: silver.cost_daily effective_cost: not null, as of 2026-04-11 00:00"
    assert (said in row["reason"]) == (decision == "rejected")
    assert ledger.read_decisions(fresh.lake, "cpu_utilization", "hour")[0]["decision"] == "promoted"


def test_a_model_that_is_clearly_better_than_the_champion_takes_its_place_with_the_figures_on_record(fresh: Trained) -> None:
    assert train(DAY, fresh.lake, fresh.settings) == 0
    decide(fresh.lake, None, "seasonal_naive", registry_version(fresh, "seasonal_naive"), DAY.as_of - timedelta(days=7))
    promote(DAY, fresh.lake, fresh.settings)
    last = ledger.read_decisions(fresh.lake, "cost", "day")[-1]
    assert last["decision"] == "promoted"
    for figure in (
        "scaled pinball",
        "MASE",
        "skill",
        "90 % interval covers",
        "bias",
        "against the champion seasonal_naive",
        "p = 0.0",
    ):
        assert figure in last["reason"]


def test_an_alias_that_did_not_follow_or_was_moved_by_hand_is_set_to_what_the_ledger_says(trained: Trained) -> None:
    client = trained.client()
    client.delete_registered_model_alias("headroom-cost-day", "champion")
    assert promote(DAY, trained.lake, trained.settings) == 0
    assert trained.alias("champion") == "1"
    client.set_registered_model_alias("headroom-cost-day", "previous", "1")
    promote(DAY, trained.lake, trained.settings)
    assert trained.alias("previous") is None


def test_a_rollback_gives_the_segment_back_and_is_not_undone_by_the_next_run(fresh: Trained) -> None:
    assert train(DAY, fresh.lake, fresh.settings) == 0
    naive = registry_version(fresh, "seasonal_naive")
    decide(fresh.lake, None, "seasonal_naive", naive, DAY.as_of - timedelta(days=7))
    assert promote(DAY, fresh.lake, fresh.settings) == len(SEGMENTS)
    assert fresh.alias("champion") == "1"
    assert fresh.alias("previous") == naive

    row = roll_back(fresh.settings, fresh.lake, "cost", "day", "pages at night")

    assert row["reason"].startswith("rolled back from ")
    assert row["reason"].endswith(f"to seasonal_naive version {naive}: pages at night")
    assert read_champion(fresh.settings, fresh.lake, "cost", "day")[:2] == ("seasonal_naive", naive)
    assert (fresh.alias("champion"), fresh.alias("previous")) == (naive, "1")
    promote(DAY, fresh.lake, fresh.settings)
    assert read_champion(fresh.settings, fresh.lake, "cost", "day").version == naive

    roll_back(fresh.settings, fresh.lake, "cost", "day", "it was not the model")
    assert read_champion(fresh.settings, fresh.lake, "cost", "day").version == "1"
    assert [row["fence"] for row in ledger.read_decisions(fresh.lake, "cost", "day")] == [1, 2, 3, 4]


def registry_version(trained: Trained, forecaster: str, **overrides: str) -> str:
    """A registered version of the cost segment that holds another forecaster than the champion."""
    client, model = trained.client(), model_spec.model_name("cost", "day")
    spec = model_spec.Spec("cost", "day", forecaster, 7, QUANTILES, model_spec.code_sha256(), overrides=overrides)
    file = trained.settings.home / f"spec-{forecaster}{len(overrides)}" / "artifacts" / "spec.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(spec.text())
    tags = {"forecaster": forecaster, "spec_sha256": spec.sha256()}
    return str(client.create_model_version(model, file.parents[1].as_uri(), tags=tags).version)


def test_overrides_come_and_go_with_their_version_and_are_believed_then_as_they_were(fresh: Trained) -> None:
    by = {"i-2": "ridge"}
    week, later = timedelta(days=7), DAY.as_of + timedelta(days=1)
    decide(fresh.lake, None, "seasonal_naive", registry_version(fresh, "seasonal_naive", **by), DAY.as_of - 2 * week)
    [first] = ledger.read_decisions(fresh.lake, "cost", "day")
    decide(fresh.lake, first, "seasonal_naive", registry_version(fresh, "seasonal_naive"), DAY.as_of - week)

    def serving(as_of: datetime | None = None, settings: Settings = fresh.settings) -> dict[str, str]:
        return read_champion(settings, fresh.lake, "cost", "day", as_of).overrides

    assert (serving(DAY.as_of - week), serving(later)) == (by, {})
    roll_back(fresh.settings, fresh.lake, "cost", "day")
    assert serving() == by
    down = fresh.settings.model_copy(update={"mlflow_uri": "sqlite:////nowhere/at/all/mlflow.db"})
    assert serving(settings=down) == {}


def test_a_training_registers_the_overrides_it_found_and_the_champion_carries_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by = {"a/r/i-2/cost": "seasonal_naive"}
    monkeypatch.setattr(train_step, "read_panel", demand)
    monkeypatch.setattr(train_step, "read_metrics", read_metrics)
    monkeypatch.setattr(train_step, "GRANULARITIES", ("day",))
    monkeypatch.setattr(comparison, "overrides", lambda _, proposed, *__: by if proposed == "ridge" else {})
    named = {"challengers": ("seasonal_naive", "ridge"), "backtest_windows": 2, "override_margin": 0.1}
    settings = settings_module.load({}, home=tmp_path, **named)
    lake = open_lake(settings)

    train(DAY, lake, settings)
    promote(DAY, lake, settings)

    assert read_champion(settings, lake, "cost", "day")[:5] == ("ridge", "1", {}, by, "sound")
    [version] = Trained(settings, lake, 1, 1).client().search_model_versions("name = 'headroom-cost-day'")
    assert version.description.endswith("; seasonal_naive for a/r/i-2/cost")


def test_a_segment_with_one_champion_has_nothing_to_roll_back_to(trained: Trained) -> None:
    with pytest.raises(ConfigError, match="never had another champion"):
        roll_back(trained.settings, trained.lake, "cost", "day")
    with pytest.raises(ConfigError, match="no decision about a segment cots/day; there are cost/day, cpu_utilization/hour"):
        roll_back(trained.settings, trained.lake, "cots", "day")


# ---------------------------------------------------------------- who serves


def test_a_champion_serves_runs_after_its_decision_and_not_the_run_it_was_decided_on(trained: Trained) -> None:
    def serving(as_of: datetime | None) -> str:
        return read_champion(trained.settings, trained.lake, "cost", "day", as_of).version

    assert serving(None) == "1"
    assert serving(DAY.as_of + timedelta(days=1)) == "1"
    assert serving(DAY.as_of) == "none"


def test_a_segment_that_was_never_decided_is_served_by_the_fallback(trained: Trained) -> None:
    serves = read_champion(trained.settings, trained.lake, "disk_read", "hour")
    assert serves == ("default", "none", {}, {}, "unjudged", None)


@pytest.mark.parametrize("uri", ["sqlite:////nowhere/at/all/mlflow.db", "http://127.0.0.1:9"])
def test_while_the_registry_is_down_the_ledgers_champion_serves_and_is_called_stale(
    trained: Trained, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, uri: str
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    down = trained.settings.model_copy(update={"mlflow_uri": uri})
    known = read_champion(trained.settings, trained.lake, "cost", "day")
    with caplog.at_level(logging.WARNING, "pipeline.registry.champion"):
        found = read_champion(down, trained.lake, "cost", "day")
    assert found == (known.forecaster, f"{known.version} (stale)", {}, {}, "sound", known.coverage_90)
    assert "stale: the ledger's" in caplog.text


def test_a_champion_whose_last_decision_is_too_old_does_not_serve_while_the_registry_is_down(
    trained: Trained, caplog: pytest.LogCaptureFixture
) -> None:
    down = trained.settings.model_copy(update={"mlflow_uri": "sqlite:////nowhere/at/all/mlflow.db"})
    late = DAY.as_of + STALE_AFTER + timedelta(days=1)
    assert read_champion(down, trained.lake, "cost", "day", late).version == "none"
    assert "too old to trust" in caplog.text


def test_promotion_waits_for_a_registry_that_is_down(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    down = trained.settings.model_copy(update={"mlflow_uri": "http://127.0.0.1:9"})
    with pytest.raises(SourceError, match=r"http://127\.0\.0\.1:9 does not answer"):
        promote(DAY, trained.lake, down)


def test_a_decision_lost_to_another_writer_is_taken_again_on_what_that_one_wrote(
    fresh: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert train(DAY, fresh.lake, fresh.settings) == 0
    really = ledger.record_decision
    interfered: list[bool] = []

    def slow(lake: Lake, last: Any, made: ledger.Decision) -> bool:
        if made.metric == "cost" and not interfered:
            interfered.append(True)
            decide(lake, last, "seasonal_naive", registry_version(fresh, "seasonal_naive"), DAY.as_of - timedelta(days=1))
        return really(lake, last, made)

    monkeypatch.setattr(ledger, "record_decision", slow)
    promote(DAY, fresh.lake, fresh.settings)
    assert [row["fence"] for row in ledger.read_decisions(fresh.lake, "cost", "day")] == [1, 2]
    assert read_champion(fresh.settings, fresh.lake, "cost", "day").version == "1"


def test_after_the_registry_was_lost_the_ledger_serves_and_the_next_training_goes_on_from_it(
    fresh: Trained, caplog: pytest.LogCaptureFixture
) -> None:
    decide(fresh.lake, None, "seasonal_naive", "77", DAY.as_of - timedelta(days=7))
    assert read_champion(fresh.settings, fresh.lake, "cost", "day")[:2] == ("seasonal_naive", "77 (stale)")
    [first] = ledger.read_decisions(fresh.lake, "cost", "day")
    decide(fresh.lake, first, "seasonal_naive", "1", DAY.as_of - timedelta(days=6))
    assert read_champion(fresh.settings, fresh.lake, "cost", "day")[:2] == ("seasonal_naive", "1 (stale)")
    assert "the registry is not its own" in caplog.text
    set_aliases(fresh.settings, fresh.lake, "cost", "day")
    assert fresh.alias("champion") is None
    assert "was the registry rebuilt?" in caplog.text

    train(DAY, fresh.lake, fresh.settings)
    promote(DAY, fresh.lake, fresh.settings)

    last = ledger.read_decisions(fresh.lake, "cost", "day")[-1]
    assert (last["fence"], last["decision"], last["champion_version"]) == (3, "promoted", "1")
    assert last["champion"] != "seasonal_naive"
    assert fresh.alias("champion") == "1"
