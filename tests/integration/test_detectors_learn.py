"""From labels to a version of the vote that serves, with a real MLflow on SQLite and a real lake."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pipeline import settings as settings_module
from pipeline.cli.feedback import land_feedback
from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake
from pipeline.registry.champion import roll_back
from pipeline.registry.mlflow import EXPERIMENT
from pipeline.settings import Settings
from pipeline.steps import train_detectors as train_step
from pipeline.steps.build import build
from pipeline.steps.detect import detect
from pipeline.steps.due import changed_vote
from pipeline.steps.incidents import incidents
from pipeline.steps.promote import promote
from pipeline.steps.train_detectors import train_detectors
from pipeline.tables.usage import METRIC_SAMPLE
from tests.support import golden

START = datetime(2026, 3, 1)
MACHINES, DAYS = 10, 60
#: What is known when people label; days after it are there to be judged.
KNOWN = Interval(START, START + timedelta(days=DAYS - 4))
HIGH = 40.0
MODEL = "headroom-detectors-hour"


def day(number: int) -> Interval:
    """The days after those that are known, from 0 on."""
    return Interval(KNOWN.end + timedelta(days=number), KNOWN.end + timedelta(days=number + 1))


def land(lake: Lake, little: float) -> None:
    """Machines with a daily wave, and each six days an hour that is far above it, or as little as is said."""
    hours = np.arange(24 * DAYS)
    for machine in range(MACHINES):
        noise = np.random.default_rng(machine).normal(0, 0.5, len(hours))
        values = 30 + 8 * np.sin(hours % 24 / 24 * 2 * np.pi) + noise
        for number, at in enumerate(range(24 * 10 + machine * 12 + 5, len(hours), 24 * 6)):
            values[at] += HIGH if (number + machine) % 2 else little
        rows = [
            {"resource_id": f"i-{machine}", "metric": "cpu_utilization", "ts": START + timedelta(hours=int(hour)), "value": value}
            for hour, value in zip(hours, values.tolist(), strict=True)
        ]
        lake.land(METRIC_SAMPLE, golden.payload(*rows), source="csv", shard=f"i-{machine}", ingested_at=datetime(2026, 6, 1))


def label(lake: Lake, settings: Settings, most: int) -> None:
    """What a person says of incidents: those a little above what is usual are none."""
    rows = lake.query("SELECT anomaly_id, value, expected FROM gold.anomaly ORDER BY started_at, anomaly_id").to_pylist()
    for row in rows[:most]:
        verb = "confirmed" if row["value"] - row["expected"] > HIGH / 2 else "refuted"
        land_feedback(lake, datetime(2026, 4, 1), ("anomaly", verb), row["anomaly_id"], "seen")
    incidents(KNOWN, lake, settings)


@dataclass(frozen=True)
class Estate:
    settings: Settings
    lake: Lake

    def client(self) -> Any:
        from mlflow import MlflowClient

        return MlflowClient(self.settings.mlflow_tracking_uri, self.settings.mlflow_tracking_uri)

    def runs(self, query: str) -> list[Any]:
        client = self.client()
        return list(client.search_runs([client.get_experiment_by_name(EXPERIMENT).experiment_id], query))

    def aliases(self) -> dict[str, str]:
        return {name: str(number) for name, number in self.client().get_registered_model(MODEL).aliases.items()}

    def decisions(self) -> list[dict[str, Any]]:
        asked = "SELECT fence, decision, champion_version, challenger_version, reason FROM gold.promotion ORDER BY fence"
        rows: list[dict[str, Any]] = self.lake.query(asked).to_pylist()
        return rows

    def judged(self, interval: Interval, but: tuple[str, ...] = ("model_version",)) -> pa.Table:
        asked = "SELECT * FROM gold.anomaly_point WHERE ts >= :start AND ts < :end ORDER BY series_id, ts"
        return self.lake.query(asked, {"start": interval.start, "end": interval.end}).drop_columns([*but])

    def versions(self, interval: Interval) -> set[str]:
        return set(self.judged(interval, ())["model_version"].to_pylist())

    def train(self, interval: Interval) -> tuple[int, int]:
        return train_detectors(interval, self.lake, self.settings), promote(interval, self.lake, self.settings)


@pytest.fixture(scope="module", params=[("seasonal_mad", 4.0), ("bounded", 8.0)], ids=["seasonal_mad", "bounded"])
def estate(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Estate:
    """Two months of ten machines, judged as the settings say."""
    detector, little = request.param
    settings = settings_module.load({}, home=tmp_path_factory.mktemp("home"), detectors=(detector,))
    lake = open_lake(settings)
    land(lake, little)
    everything = Interval(START, START + timedelta(days=DAYS))
    build(everything, lake, settings, target="silver.metric_hourly")
    detect(KNOWN, lake, settings)
    incidents(KNOWN, lake, settings)
    for number in range(4):
        detect(day(number), lake, settings)
    return Estate(settings, lake)


def test_from_no_labels_over_few_to_enough_and_back(estate: Estate, caplog: pytest.LogCaptureFixture) -> None:
    lake, settings = estate.lake, estate.settings
    before = [estate.judged(day(number)) for number in range(4)]
    assert estate.versions(day(1)) == {"none"}

    # Without labels what is shipped gets a name, and judges as it did.
    assert estate.train(KNOWN) == (1, 1)
    [first] = estate.decisions()
    assert (first["decision"], first["champion_version"]) == ("promoted", "1")
    assert first["reason"] == "0 labels of the 30 that are needed"
    assert estate.aliases() == {"champion": "1", "challenger": "1"}
    detect(day(0), lake, settings)
    detect(day(1), lake, settings)
    # A day that goes on while it is decided is judged as it began.
    assert (estate.versions(day(0)), estate.versions(day(1))) == ({"none"}, {"1"})
    assert [estate.judged(day(number)) for number in (0, 1)] == before[:2]
    assert lake.query("SELECT count(*) AS n FROM gold.detector_metric").to_pylist() == [{"n": 0}]
    assert estate.train(KNOWN) == (0, 0)

    # A few labels change nothing.
    label(lake, settings, 12)
    assert estate.train(KNOWN)[0] == 0
    assert {row["champion_version"] for row in estate.decisions()} == {"1"}
    newest = "(SELECT max(as_of) FROM gold.detector_metric)"
    measured = (
        f"SELECT model, labelled, confirmed_found, refuted_found, precision FROM gold.detector_metric WHERE as_of = {newest}"  # noqa: S608
    )
    assert {row["labelled"] for row in lake.query(measured).to_pylist()} == {12}

    # With enough of them the threshold rises above what people refute, and the next day is judged by that.
    label(lake, settings, 1000)
    assert estate.train(day(0)) == (1, 1)
    promoted = estate.decisions()[-1]
    assert (promoted["decision"], promoted["champion_version"]) == ("promoted", "2"), promoted["reason"]
    assert estate.aliases() == {"champion": "2", "challenger": "2", "previous": "1"}
    rows = {row["model"]: row for row in lake.query(measured).to_pylist()}
    now, then = rows["vote (serving)"], rows["vote (proposed)"]
    assert then["precision"] > now["precision"] + 0.05
    assert then["refuted_found"] < now["refuted_found"] - 6
    assert then["confirmed_found"] >= now["confirmed_found"] - 1
    for number in (1, 2, 3):
        detect(day(number), lake, settings)
    assert [estate.versions(day(number)) for number in (1, 2, 3)] == [{"1"}, {"2"}, {"2"}]
    assert estate.judged(day(1)) == before[1]
    flagged = [(table["votes"].to_numpy() > 0).sum() for table in (*before[2:], estate.judged(day(2)), estate.judged(day(3)))]
    assert sum(flagged[2:]) <= sum(flagged[:2])
    # A range is judged as its days are.
    detect(Interval(day(1).start, day(3).end), lake, settings)
    assert [estate.versions(day(number)) for number in (1, 2, 3)] == [{"1"}, {"2"}, {"2"}]
    # What confidence was measured with is not what judges now.
    incidents(day(3), lake, settings)
    stated = "SELECT model_version, max(confidence) AS confidence FROM gold.anomaly WHERE as_of = :at GROUP BY 1 ORDER BY 1"
    said = {row["model_version"]: row["confidence"] for row in lake.query(stated, {"at": day(3).end}).to_pylist()}
    assert said["none"] > 0
    assert said.get("2") is None

    # Of other settings nothing was learned, and a training is due.
    assert changed_vote(settings) == []
    others = settings.model_copy(update={"detectors": ("zscore",)})
    assert changed_vote(others) == ["the detectors"]
    with caplog.at_level(logging.INFO):
        detect(day(3), lake, others)
    assert estate.versions(day(3)) == {"none"}
    assert "version 2 of the detectors was learned for other settings" in caplog.text

    # A person takes it back, and the same labels do not bring it again.
    assert roll_back(settings, lake, "detectors", "hour")["champion_version"] == "1"
    detect(day(2), lake, settings)
    assert estate.versions(day(2)) == {"1"}
    assert estate.judged(day(2)) == before[2]
    estate.train(day(1))
    assert (estate.decisions()[-1]["decision"], estate.decisions()[-1]["champion_version"]) == ("rejected", "1")
    assert "a person took it back" in estate.decisions()[-1]["reason"]


def test_a_training_of_detectors_is_a_run_with_one_below_it_for_each_and_nothing_of_a_version_is_run(estate: Estate) -> None:
    trainings = estate.runs("tags.kind = 'detector training'")
    assert {run.info.status for run in trainings} == {"FINISHED"}
    below = estate.runs(f"tags.`mlflow.parentRunId` = '{trainings[0].info.run_id}'")
    assert {run.data.tags["detector"] for run in below} == {*estate.settings.detectors, "vote (serving)", "vote (proposed)"}
    assert all({"f1", "precision", "recall", "pr_auc", "others_per_day"} <= set(run.data.metrics) for run in below)
    version = estate.client().get_model_version(MODEL, "2")
    files = [path.name for path in Path(version.source.removeprefix("file://")).rglob("*") if path.is_file()]
    assert files == ["spec.json"]


def test_a_training_of_other_settings_than_those_now_decides_nothing_so_that_a_version_is_what_the_registry_says(
    tmp_path: Path,
) -> None:
    settings = settings_module.load({}, home=tmp_path)
    others = settings.model_copy(update={"detectors": ("zscore",)})
    empty = Estate(settings, open_lake(settings))
    assert train_detectors(KNOWN, empty.lake, settings) == 1

    assert promote(KNOWN, empty.lake, others) == 0
    assert empty.decisions() == []
    assert changed_vote(others) == ["the detectors"]


def test_an_empty_lake_has_a_first_version_and_the_same_again_is_no_other(tmp_path: Path) -> None:
    settings = settings_module.load({}, home=tmp_path)
    empty = Estate(settings, open_lake(settings))

    assert empty.train(KNOWN) == (1, 1)
    assert empty.train(KNOWN) == (0, 0)
    assert [row["champion_version"] for row in empty.decisions()] == ["1"]


def test_detectors_of_another_installation_are_measured_again_on_the_same_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_module.load({}, home=tmp_path)
    empty = Estate(settings, open_lake(settings))
    trainings = [len(empty.runs("tags.kind = 'detector training'")) for _ in range(3) if empty.train(KNOWN)]
    assert trainings == [1, 2, 2], "the second one knows of the first, the third of nothing else"

    monkeypatch.setattr(train_step, "code_sha256", lambda **_: "another")
    empty.train(KNOWN)

    assert {"anomalies", "detectors", "features"} == set(train_step.CODE)
    assert len({run.data.params["code_sha256"] for run in empty.runs("tags.kind = 'detector training'")}) == 2


def test_settings_that_come_back_are_what_was_asked_for_last_and_no_training_is_due(tmp_path: Path) -> None:
    settings = settings_module.load({}, home=tmp_path)
    others = settings.model_copy(update={"detectors": ("zscore",)})
    empty = Estate(settings, open_lake(settings))

    for number, asked in enumerate((settings, others, settings)):
        assert Estate(asked, empty.lake).train(day(number))[1] == 1
        assert changed_vote(asked) == []
    assert [row["champion_version"] for row in empty.decisions()] == ["1", "2", "1"]


def test_of_a_vote_with_a_detector_that_is_told_more_than_its_series_nothing_is_learned_and_it_says_so(tmp_path: Path) -> None:
    settings = settings_module.load({}, home=tmp_path, detectors=("default", "forecast_residual"))
    empty = Estate(settings, open_lake(settings))

    assert empty.train(KNOWN) == (1, 1)
    [first] = empty.decisions()
    assert first["reason"] == "0 labels; forecast_residual is told more than its series, so nothing is learned of the vote"
