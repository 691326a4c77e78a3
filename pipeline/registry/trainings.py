"""Finished trainings, read from MLflow."""

from __future__ import annotations

import json
import tempfile
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.forecasting.spec import Version
from pipeline.registry.mlflow import EXPERIMENT, connect
from pipeline.registry.versions import find_version

if TYPE_CHECKING:
    from pipeline.settings import Settings

#: Folder of a training's run that holds its rows for the lake.
FIGURES = "lake"


def find_trained(settings: Settings, fingerprint: str) -> datetime | None:
    """The as-of of the finished training with this fingerprint, None where there is none."""
    with connect(settings) as client:
        experiment = client.get_experiment_by_name(EXPERIMENT)
        if experiment is None:
            return None
        query = f"tags.fingerprint = '{fingerprint}' AND attributes.status = 'FINISHED'"
        runs = client.search_runs([experiment.experiment_id], query, max_results=1)
        return datetime.fromisoformat(runs[0].data.tags["as_of"]) if runs else None


def read_proposed(settings: Settings, as_of: datetime) -> dict[str, Version]:
    """Registered model → the version that the training as of that moment proposes as champion."""
    with connect(settings) as client:
        run = _find_training(client, as_of)
        tags = run.data.tags if run else {}
        chosen = {key.removeprefix("proposed."): value for key, value in tags.items() if key.startswith("proposed.")}
        found = {model: find_version(client, model, number) for model, number in sorted(chosen.items())}
        return {model: version for model, version in found.items() if version is not None}


def read_snapshots(settings: Settings, as_of: datetime) -> dict[str, int]:
    """Table of the lake → the snapshot of it that the training as of that moment read."""
    with connect(settings) as client:
        run = _find_training(client, as_of)
        sources = [json.loads(entry.dataset.source) for entry in run.inputs.dataset_inputs] if run else []
        return {source["table"]: source["snapshot_id"] for source in sources if source["snapshot_id"] is not None}


def read_figures(settings: Settings, as_of: datetime) -> dict[str, pa.Table] | None:
    """Table of gold → the rows that the training as of that moment has for it; None where there is no such training.

    Raises:
        SourceError: MLflow does not answer.
    """
    with connect(settings) as client, tempfile.TemporaryDirectory() as folder:
        run = _find_training(client, as_of)
        if run is None:
            return None
        kept = client.list_artifacts(run.info.run_id, FIGURES)
        files = [Path(client.download_artifacts(run.info.run_id, item.path, folder)) for item in kept]
        return {file.stem: pq.read_table(file) for file in sorted(files)}


def read_options(settings: Settings, as_of: datetime) -> dict[str, Any] | None:
    """Forecaster → its options, as the training as of that moment was given them; None where there is no such training.

    Raises:
        SourceError: MLflow does not answer, or there is no registry.
    """
    with connect(settings, create=False) as client:
        run = _find_training(client, as_of)
        options: dict[str, Any] | None = json.loads(run.data.params.get("options", "{}")) if run else None
        return options


def _find_training(client: Any, as_of: datetime) -> Any:
    """The parent run of the newest finished training as of a moment, None where there is none."""
    experiment = client.get_experiment_by_name(EXPERIMENT)
    if experiment is None:
        return None
    query = f"tags.as_of = '{as_of.isoformat()}' AND tags.kind = 'training' AND attributes.status = 'FINISHED'"
    runs = client.search_runs([experiment.experiment_id], query, max_results=1, order_by=["attributes.start_time DESC"])
    return runs[0] if runs else None
