"""Trainings of detectors in MLflow: a run each, with a run below it for each detector and vote, and versions of the vote."""

from __future__ import annotations

import json
import logging
import math
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import __version__
from pipeline.forecasting.spec import model_name
from pipeline.registry.mlflow import EXPERIMENT, connect, open_experiment

if TYPE_CHECKING:
    from pipeline.settings import Settings

log = logging.getLogger(__name__)
#: Kind of the run of a training, and what its versions are of, as the ledger too names it.
KIND, VOTE = "detector training", "vote"
_FILE, _FOLDER, _FIGURES = "proposal.json", "vote", "figures.parquet"


class Proposal(NamedTuple):
    """What a training of detectors proposes.

    Attributes:
        parameters: weights and thresholds of the vote as JSON.
        spec_sha256: its hash.
        compared_with: version of the vote that served then.
        passes: whether it may take over.
        reason: why, or why not.
        version: under which it is registered; empty before.
        shipped_version: under which the vote of the settings is; empty before.
    """

    parameters: str
    spec_sha256: str
    compared_with: str
    passes: bool
    reason: str
    version: str = ""
    shipped_version: str = ""


class Trained(NamedTuple):
    """A training of detectors, as it is logged.

    Attributes:
        segment: metric and granularity under which the ledger has its decisions.
        fingerprint: of labels, hours and settings.
        shipped: the vote of the settings as JSON, and its hash.
        params: what it was told.
        labels: where the labels lie: table and snapshot.
        runs: by detector or vote, its parameters and its figures.
        figures: rows for the lake.
    """

    segment: tuple[str, str]
    fingerprint: str
    shipped: tuple[str, str]
    params: Mapping[str, Any]
    labels: Mapping[str, Any]
    runs: Mapping[str, tuple[Mapping[str, Any], Mapping[str, float]]]
    figures: pa.Table


def log_detectors(settings: Settings, as_of: datetime, trained: Trained, proposal: Proposal) -> bool:
    """Log one training and register what it proposes, unless the very same is registered; whether a version is new.

    Raises:
        SourceError: MLflow does not answer. The run is marked failed and the training counts as not done.
    """
    with connect(settings) as client:
        from mlflow.entities import Param

        experiment = open_experiment(client, settings)
        tags = {"as_of": as_of.isoformat(), "asked_sha256": trained.shipped[1], "headroom.version": __version__, "kind": KIND}
        tags |= {"mlflow.source.name": "python -m pipeline train_detectors", "mlflow.source.type": "JOB"}
        tags |= {"mlflow.note.content": proposal.reason}
        run = client.create_run(experiment, run_name=f"detectors as of {as_of:%Y-%m-%d %H:%M}", tags=tags).info.run_id
        try:
            client.log_batch(run, params=[Param(name, str(value)) for name, value in trained.params.items()])
            client.log_inputs(run, [_dataset(as_of, trained)])
            for name, (params, figures) in trained.runs.items():
                _log_below(client, experiment, run, (as_of, name), params, figures)
            # What is shipped is registered first, so that it is the first version.
            said = trained.shipped, (proposal.parameters, proposal.spec_sha256)
            tags = {"as_of": as_of.isoformat(), "fingerprint": trained.fingerprint, "kind": VOTE}
            known = [_register(client, run, model_name(*trained.segment), each, tags) for each in said]
            (shipped, _), (version, _) = known
            with tempfile.TemporaryDirectory() as folder:
                Path(folder, _FILE).write_text(
                    json.dumps(proposal._replace(version=version, shipped_version=shipped)._asdict()), encoding="utf-8"
                )
                pq.write_table(trained.figures, Path(folder, _FIGURES))
                client.log_artifacts(run, folder)
            client.set_tag(run, "fingerprint", trained.fingerprint)
        except BaseException:
            with suppress(Exception):
                client.set_terminated(run, "FAILED")
            raise
        client.set_terminated(run)
    return any(new for _, new in known)


def _log_below(
    client: Any, experiment: str, parent: str, what: tuple[datetime, str], params: Mapping[str, Any], figures: Mapping[str, float]
) -> None:
    """The run of one detector, or vote: all have the same figures, so that they compare."""
    from mlflow.entities import Metric, Param

    as_of, name = what
    tags = {"mlflow.parentRunId": parent, "as_of": as_of.isoformat(), "kind": "detector", "detector": name}
    run = client.create_run(experiment, run_name=f"detectors · {name}", tags=tags).info.run_id
    metrics = [Metric(figure, float(value), 0, 0) for figure, value in figures.items() if math.isfinite(value)]
    client.log_batch(run, params=[Param(key, str(value)) for key, value in params.items()], metrics=metrics)
    client.set_terminated(run)


def _dataset(as_of: datetime, trained: Trained) -> Any:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    entity = Dataset(
        name="labelled incidents",
        digest=trained.fingerprint[:32],
        source_type="headroom lake",
        source=json.dumps({**trained.labels, "as_of": as_of.isoformat()}),
        profile=json.dumps(dict(trained.params)),
    )
    return DatasetInput(entity, [InputTag("mlflow.data.context", "training")])


def _register(client: Any, run: str, model: str, said: tuple[str, str], tags: Mapping[str, str]) -> tuple[str, bool]:
    """The version of a vote, and whether it is new: JSON beside the run, nothing that is run or unpickled."""
    from mlflow.exceptions import MlflowException

    text, sha256 = said
    for found in client.search_model_versions(f"name = '{model}'"):
        if found.tags.get("spec_sha256") == sha256:
            return str(found.version), False
    folder = f"{_FOLDER}/{sha256[:12]}"
    client.log_text(run, text, f"{folder}/spec.json")
    try:
        client.create_registered_model(model, description="The vote of detectors: what each counts, and from where on it flags.")
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    source = f"{client.get_run(run).info.artifact_uri}/{folder}"
    made = client.create_model_version(model, source, run, tags={**tags, "spec_sha256": sha256}, description=text)
    log.info("registered %s version %s", model, made.version)
    return str(made.version), True


def read_trained_detectors(settings: Settings, as_of: datetime) -> tuple[Proposal, pa.Table] | None:
    """What the training of detectors as of a moment proposes, and its rows for the lake; None where there is none.

    Raises:
        SourceError: MLflow does not answer.
    """
    with connect(settings) as client, tempfile.TemporaryDirectory() as folder:
        run = _find(client, f"tags.as_of = '{as_of.isoformat()}'")
        if run is None:
            return None
        files = [Path(client.download_artifacts(run.info.run_id, name, folder)) for name in (_FILE, _FIGURES)]
        return Proposal(**json.loads(files[0].read_text(encoding="utf-8"))), pq.read_table(files[1])


def find_unchanged(settings: Settings, fingerprint: str) -> datetime | None:
    """The as-of of the newest training of detectors, where that is its fingerprint; before it others may have been asked for.

    Raises:
        SourceError: MLflow does not answer.
    """
    with connect(settings) as client:
        run = _find(client)
        same = run is not None and run.data.tags.get("fingerprint") == fingerprint
        return datetime.fromisoformat(run.data.tags["as_of"]) if same else None


def read_asked(settings: Settings) -> str | None:
    """Hash of the vote that the settings asked for in the newest training of detectors; None where there is none.

    Raises:
        SourceError: MLflow does not answer, or there is no registry.
    """
    with connect(settings, create=False) as client:
        run = _find(client)
        return None if run is None else str(run.data.tags["asked_sha256"])


def _find(client: Any, *conditions: str) -> Any:
    """The newest finished training of detectors for which all holds, None where there is none."""
    experiment = client.get_experiment_by_name(EXPERIMENT)
    if experiment is None:
        return None
    query = " AND ".join((*conditions, f"tags.kind = '{KIND}'", "attributes.status = 'FINISHED'"))
    runs = client.search_runs([experiment.experiment_id], query, max_results=1, order_by=["attributes.start_time DESC"])
    return runs[0] if runs else None
