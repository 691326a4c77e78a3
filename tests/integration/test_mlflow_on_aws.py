"""Models of a training on S3, by settings alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pandas as pd
import pytest

from pipeline import settings as settings_module
from pipeline.registry.log import log_training
from pipeline.registry.training import Dataset, TrainedSegment
from pipeline.registry.trainings import read_proposed
from pipeline.registry.versions import read_spec
from pipeline.tables.columns import QUANTILES
from tests.support.aws_server import BUCKET, AwsServer, aws_for_tests, aws_server

AS_OF = datetime(2026, 4, 15)

pytestmark = [pytest.mark.server]


@pytest.fixture(scope="module")
def aws() -> Iterator[AwsServer]:
    with aws_for_tests() as server:
        yield server


def trained_segment(folder: Path) -> TrainedSegment:
    floor = dict.fromkeys(("mase", "rmsse", "wape", "smape", "scaled_pinball"), 1.0)
    floor |= {"coverage_50": 0.5, "coverage_80": 0.8, "coverage_90": 0.9, "bias": 0.0, "cpu_s": 0.01}
    floor |= {"skill_scaled_pinball": 0.0, "skill_mase": 0.0, "skill_typical": 0.0}
    better = floor | {"mase": 0.5, "scaled_pinball": 0.5, "skill_scaled_pinball": 0.5}
    return TrainedSegment(
        metric="cpu_utilization",
        granularity="day",
        fingerprint="f-aws",
        dataset=Dataset("silver.metric_daily", None, "d1", 3, 300),
        horizon=7,
        windows=2,
        quantiles=QUANTILES,
        summary=pd.DataFrame([{"model": "seasonal_naive", **floor}, {"model": "ridge", **better}]),
        leads=pd.DataFrame({"model": "ridge", "lead": [1, 2], "mase": 0.5, "scaled_pinball": 0.2, "coverage_90": 0.9}),
        proposed="ridge",
        folder=folder,
    )


def test_a_trainings_files_and_models_land_in_the_bucket_and_are_served_from_there(aws: AwsServer, tmp_path: Path) -> None:
    settings = settings_module.load({}, home=tmp_path / "home", mlflow_artifacts=f"s3://{BUCKET}/mlflow", **aws.settings())
    folder = tmp_path / "training"
    folder.mkdir()
    (folder / "scores.parquet").write_bytes(b"figures")

    assert log_training(settings, AS_OF, "f-aws", [trained_segment(folder)], {}) == 1

    listed = aws.client("s3").list_objects_v2(Bucket=BUCKET, Prefix="mlflow/")["Contents"]
    names = {entry["Key"].rpartition("/")[2] for entry in listed}
    assert {"scores.parquet", "spec.json", "MLmodel"} <= names
    assert not (settings.home / "mlflow" / "artifacts").exists()
    [(model, version)] = read_proposed(settings, AS_OF).items()
    assert version.forecaster == "ridge"
    assert read_spec(settings, model, version.version).forecaster == "ridge"


def test_two_lakes_in_one_process_each_keep_their_models_at_their_own_address(aws: AwsServer, tmp_path: Path) -> None:
    folder = tmp_path / "training"
    folder.mkdir()
    (folder / "scores.parquet").write_bytes(b"figures")
    with aws_server() as other:
        for name, server in (("first", other), ("second", aws)):
            own = server.settings(name) | {"mlflow_artifacts": f"s3://{BUCKET}/{name}"}
            settings = settings_module.load({}, home=tmp_path / name, **own)
            before = server.called("PutObject")
            assert log_training(settings, AS_OF, "f-aws", [trained_segment(folder)], {}) == 1
            assert server.called("PutObject") > before
    assert "MLFLOW_S3_ENDPOINT_URL" not in os.environ
