"""Log a training in MLflow and register what it proposes."""

from __future__ import annotations

import json
import logging
import math
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import __version__
from pipeline.errors import DataError
from pipeline.forecasting import backtest
from pipeline.forecasting.panel import from_frame
from pipeline.forecasting.selection import BASELINE
from pipeline.forecasting.spec import Spec, code_sha256
from pipeline.forecasting.tuning import Trial
from pipeline.registry.mlflow import connect, open_experiment, third_party_warnings_off
from pipeline.registry.training import TrainedSegment
from pipeline.registry.trainings import FIGURES

if TYPE_CHECKING:
    from pipeline.settings import Settings

log = logging.getLogger(__name__)
_METRICS_PER_CALL = 1000
_SERVED_MODEL = Path(__file__).with_name("served_model.py")


def log_training(
    settings: Settings,
    as_of: datetime,
    fingerprint: str,
    segments: Sequence[TrainedSegment],
    config: Mapping[str, Any],
    figures: Mapping[str, pa.Table] | None = None,
) -> int:
    """Log one training and register each segment's proposed model.

    One parent run holds the configuration, the datasets and, per segment, forecasts, scores and plots; one child per model and
    segment holds figures that compare across trainings. A segment that was registered from the same fingerprint before keeps
    its version.

    Args:
        fingerprint: of all segments together, for `trainings.find_trained`.
        config: what the settings said.
        figures: table of gold → the rows that the training has for it, for `trainings.read_figures`.

    Returns:
        Versions newly registered.

    Raises:
        SourceError: MLflow does not answer. The parent run is marked failed and the training counts as not done.
    """
    with connect(settings) as client:
        experiment = open_experiment(client, settings)
        parent = client.create_run(
            experiment,
            run_name=f"training as of {as_of:%Y-%m-%d %H:%M}",
            tags={
                "as_of": as_of.isoformat(),
                "code_sha256": code_sha256(),
                "headroom.version": __version__,
                "kind": "training",
                "mlflow.source.name": "python -m pipeline train",
                "mlflow.source.type": "JOB",
                "mlflow.note.content": _overview(segments),
            },
        ).info.run_id
        try:
            _log(client, parent, {**config, "segments": len(segments)}, _outcome(segments))
            with tempfile.TemporaryDirectory() as folder:
                for name, rows in (figures or {}).items():
                    pq.write_table(rows, Path(folder) / f"{name}.parquet")
                client.log_artifacts(parent, folder, FIGURES)
            registered = sum(_log_segment(client, experiment, parent, as_of, segment) for segment in segments)
            client.set_tag(parent, "fingerprint", fingerprint)
        except BaseException:
            with suppress(Exception):
                client.set_terminated(parent, "FAILED")
            raise
        client.set_terminated(parent)
        return registered


def _overview(segments: Sequence[TrainedSegment]) -> str:
    """What came out, as the Markdown that MLflow shows on the parent run."""
    lines = [
        "| segment | series | proposed | scaled pinball | seasonal naive's | MASE | 90 % interval covers |",
        "|---|--:|---|--:|--:|--:|--:|",
    ]
    for segment in segments:
        rows = segment.summary.set_index("model")
        best, baseline = rows.loc[segment.proposed], rows.loc[BASELINE]
        lines.append(
            f"| {segment.name} | {segment.dataset.series} | {segment.proposed} | {best['scaled_pinball']:.3f} "
            f"| {baseline['scaled_pinball']:.3f} | {best['mase']:.3f} | {best['coverage_90']:.0%} |"
        )
    return "\n".join(lines)


def _outcome(segments: Sequence[TrainedSegment]) -> dict[str, float]:
    """Each segment's proposed model in three figures, and its kind of series: MLflow charts them from training to training."""
    figures = {}
    for segment in segments:
        best = _figures(segment.summary.set_index("model", drop=False).loc[segment.proposed])
        for name in ("skill", "mase", "coverage_90"):
            figures[f"{segment.model.removeprefix('headroom-')}/{name}"] = best[name]
        for name, value in segment.diagnostics.items():
            figures[f"{segment.model.removeprefix('headroom-')}/{name}"] = value
    return figures


def _log_segment(client: Any, experiment: str, parent: str, as_of: datetime, segment: TrainedSegment) -> bool:
    """Children, dataset, files and version of one segment; whether a version was registered."""
    dataset = _dataset_input(as_of, segment)
    known = _find_registered(client, segment)
    registered = False
    client.log_inputs(parent, [dataset])
    for row in segment.summary.to_dict("records"):
        child = client.create_run(
            experiment,
            run_name=f"{segment.name} · {row['model']}",
            tags={
                "mlflow.parentRunId": parent,
                "as_of": as_of.isoformat(),
                "kind": "backtest",
                "segment": segment.name,
                "forecaster": row["model"],
                "proposed": "yes" if row["model"] == segment.proposed else "no",
            },
        ).info.run_id
        model_id = None
        if row["model"] == segment.proposed and known is None:
            known, model_id = _register(client, child, as_of, segment, row)
            registered = True
        client.log_inputs(child, [dataset])
        params = {
            "forecaster": row["model"],
            "metric": segment.metric,
            "granularity": segment.granularity,
            "horizon": segment.horizon,
            "windows": segment.windows,
            "series": segment.dataset.series,
            **{f"param.{name}": value for name, value in segment.params.get(row["model"], {}).items()},
        }
        leads = segment.leads.loc[segment.leads["model"] == row["model"]]
        _log(client, child, params, {**_figures(row), **segment.diagnostics, **_told(segment, row["model"])}, leads, model_id)
        plot = segment.folder / "models" / f"{row['model']}.png"
        if plot.exists():
            client.log_artifact(child, str(plot), "plots")
        for trial in segment.trials:
            if trial.forecaster == row["model"]:
                _log_trial(client, experiment, child, trial, segment)
        client.set_terminated(child)
    client.log_artifacts(parent, str(segment.folder), segment.model.removeprefix("headroom-"))
    client.set_tag(parent, f"proposed.{segment.model}", known)
    return registered


def _log_trial(client: Any, experiment: str, parent: str, trial: Trial, segment: TrainedSegment) -> None:
    """One set of parameters that a search tried, as a run below the forecaster's."""
    chosen = trial.params.items() <= segment.params.get(trial.forecaster, {}).items()
    tags = {
        "mlflow.parentRunId": parent,
        "kind": "trial",
        "segment": segment.name,
        "forecaster": trial.forecaster,
        "chosen": "yes" if chosen else "no",
    }
    name = f"{trial.forecaster} · trial {trial.number}" + ("" if trial.number else ", as in the settings")
    run = client.create_run(experiment, run_name=name, tags=tags).info.run_id
    _log(client, run, {f"param.{key}": value for key, value in trial.params.items()}, {"scaled_pinball": trial.loss})
    client.set_terminated(run)


def _figures(row: Any) -> dict[str, float]:
    """The figures of one model on one segment, under the names that every training uses."""
    figures = {name: float(row[name]) for name in backtest.SCORES}
    figures |= {"skill": float(row["skill_scaled_pinball"])}
    figures |= {name: float(row[name]) for name in ("skill_mase", "skill_typical")}
    figures["cpu_s_per_series"] = float(row["cpu_s"])
    if math.isfinite(row.get("p_value", math.nan)):
        figures["p_value"] = float(row["p_value"])
    return figures


def _told(segment: TrainedSegment, model: str) -> dict[str, float]:
    """The importance and mutual information of each feature that a model has chosen."""
    if segment.importance.empty:
        return {}
    chosen = segment.importance.loc[(segment.importance["model"] == model) & segment.importance["chosen"].astype(bool)]
    return {
        f"{name}/{row['feature']}": float(row[name])
        for row in chosen.to_dict("records")
        for name in ("importance", "mutual_information")
    }


def _log(
    client: Any,
    run: str,
    params: Mapping[str, Any],
    figures: Mapping[str, float] | None = None,
    leads: pd.DataFrame | None = None,
    model_id: str | None = None,
) -> None:
    """Parameters, figures and curves over lead time of one run.

    A figure that is not finite is left out and a tag says so: MLflow stores infinity as 1.8e308 and finds NaN by no filter.
    """
    from mlflow.entities import Metric, Param, RunTag

    figures = figures or {}
    refused = {name: value for name, value in figures.items() if not math.isfinite(value)}
    metrics = [Metric(name, value, 0, 0, model_id) for name, value in figures.items() if name not in refused]
    for lead in leads.to_dict("records") if leads is not None else ():
        curve = {f"by_lead/{name}": lead[name] for name in ("mase", "scaled_pinball", "coverage_90")}
        metrics += [Metric(name, value, 0, lead["lead"]) for name, value in curve.items() if math.isfinite(value)]
    tags = [RunTag(f"left_out.{name}", f"{value}: no series has a defined value") for name, value in refused.items()]
    client.log_batch(run, params=[Param(name, str(value)) for name, value in params.items()], tags=tags)
    for start in range(0, len(metrics), _METRICS_PER_CALL):
        client.log_batch(run, metrics=metrics[start : start + _METRICS_PER_CALL])


def _dataset_input(as_of: datetime, segment: TrainedSegment) -> Any:
    from mlflow.entities import Dataset as MlflowDataset
    from mlflow.entities import DatasetInput, InputTag

    data = segment.dataset
    source = {"table": data.table, "snapshot_id": data.snapshot_id, "as_of": as_of.isoformat(), "metric": segment.metric}
    entity = MlflowDataset(
        name=f"{data.table} {segment.metric}",
        digest=data.digest[:32],
        source_type="headroom lake",
        source=json.dumps(source),
        profile=json.dumps({"series": data.series, "values": data.values}),
    )
    return DatasetInput(entity, [InputTag("mlflow.data.context", "training")])


def _find_registered(client: Any, segment: TrainedSegment) -> str | None:
    """The version that was registered from the same data, settings and code before."""
    for found in client.search_model_versions(f"name = '{segment.model}'"):
        if found.tags.get("fingerprint") == segment.fingerprint:
            return str(found.version)
    return None


def _register(client: Any, run: str, as_of: datetime, segment: TrainedSegment, row: Mapping[Any, Any]) -> tuple[str, str]:
    """Log the model as code and spec, and register it; version and MLflow's id of the model."""
    with third_party_warnings_off():
        import mlflow.pyfunc
    from mlflow.exceptions import MlflowException

    spec, example = segment.spec(), _input_example(segment)
    answer = spec.forecast(from_frame(example.assign(metric=spec.metric), spec.granularity))
    if not np.isfinite(answer).all():
        raise DataError(f"{spec.forecaster} answers the input example of {segment.model} with values that are not finite")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "spec.json"
        file.write_text(spec.text(), encoding="utf-8")
        hashed = Path(folder) / "spec.sha256"
        hashed.write_text(spec.sha256(), encoding="ascii")
        with mlflow.start_run(run_id=run):
            logged = mlflow.pyfunc.log_model(
                name=segment.model,
                python_model=str(_SERVED_MODEL),
                artifacts={"spec": str(file), "sha256": str(hashed)},
                signature=_signature(spec),
                input_example=example,
                pip_requirements=[f"mlflow=={mlflow.__version__}"],
                metadata={"needs": "the `pipeline` package of Headroom on the import path"},
            )
    try:
        client.create_registered_model(segment.model, description=f"Forecasts {segment.name}, a shard of series at once.")
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    created = client.create_model_version(
        segment.model,
        logged.model_uri,
        run,
        tags={
            "as_of": as_of.isoformat(),
            "fingerprint": segment.fingerprint,
            "forecaster": spec.forecaster,
            "spec_sha256": spec.sha256(),
            "code_sha256": spec.code_sha256,
        },
        description=_describe(row, segment),
        model_id=logged.model_id,
    )
    log.info("registered %s version %s: %s", segment.model, created.version, spec.forecaster)
    return str(created.version), logged.model_id


def _describe(row: Mapping[Any, Any], segment: TrainedSegment) -> str:
    return (
        f"{row['model']}: MASE {row['mase']:.3f}, scaled pinball {row['scaled_pinball']:.3f}, "
        f"90 % interval covers {row['coverage_90']:.0%}, skill against {BASELINE} {row['skill_scaled_pinball']:+.1%}"
    ) + "".join(f"; {name} for {series}" for series, name in sorted(segment.overrides.items()))


def _signature(spec: Spec) -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types.schema import ColSpec, ParamSchema, ParamSpec, Schema

    return ModelSignature(
        inputs=Schema([ColSpec("string", "series_id"), ColSpec("datetime", "ts"), ColSpec("double", "value")]),
        outputs=Schema(
            [
                ColSpec("string", "series_id"),
                ColSpec("string", "metric"),
                ColSpec("datetime", "ts"),
                ColSpec("double", "quantile"),
                ColSpec("double", "value"),
            ]
        ),
        params=ParamSchema([ParamSpec("horizon", "long", spec.horizon)]),
    )


def _input_example(segment: TrainedSegment) -> pd.DataFrame:
    """Three weeks of days, or three days of hours, of one made-up series."""
    periods, step = (21, "D") if segment.granularity == "day" else (72, "h")
    ts = pd.date_range("2026-01-01", periods=periods, freq=step)
    wave = 50 + 20 * np.sin(2 * np.pi * np.arange(periods) / (periods / 3))
    return pd.DataFrame({"series_id": f"example/region/resource/{segment.metric}", "ts": ts, "value": wave})
