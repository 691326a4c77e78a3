"""The model registry: trainings and versions live in MLflow; who is champion is decided in the lake's ledger.

MLflow's aliases are last-writer-wins, so they decide nothing here. A decision is a row of `gold.promotion` whose fence is one
above the last; of two writers of one fence the lake lets the first through. The aliases `champion`, `challenger` and
`previous` then follow what the ledger says.
"""

from __future__ import annotations

import json
import logging
import math
import os
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import backtest, plugs
from pipeline.errors import ConfigError, DataError, SourceError
from pipeline.lock import alone
from pipeline.model_spec import Spec, code_sha256, model_name, parse_spec
from pipeline.panel import Granularity, from_frame
from pipeline.promotion_ledger import NONE, ROLLED_BACK, Row, decide, decided, ledger, previous
from pipeline.tuning import Trial

if TYPE_CHECKING:
    from pipeline.lake import Lake
    from pipeline.settings import Settings

log = logging.getLogger(__name__)

EXPERIMENT = "headroom-training"
#: The forecaster that every other must beat, and that serves where none does.
FLOOR = "seasonal_naive"
#: Longest time since the last decision that a champion serves while MLflow does not answer.
STALE_AFTER = timedelta(days=60)
_METRICS_PER_CALL = 1000
_FRAMES = ("summary", "leads", "reliability")
#: Folder of a training's run that holds its rows for the lake.
_FIGURES = "lake"
_SERVED_MODEL = Path(__file__).with_name("served_model.py")


# ---------------------------------------------------------------- logging a training


@dataclass(frozen=True)
class Dataset:
    """What a segment was trained on: the lake's table and snapshot, and a hash of the very values."""

    table: str
    snapshot_id: int | None
    digest: str
    series: int
    values: int


@dataclass(frozen=True)
class Training:
    """One segment's backtest and the forecaster that came out best.

    Attributes:
        fingerprint: hash of data, settings and code; equal ones are one and the same training.
        summary: one row per model, from `backtest.summary`, and `skill_typical`.
        leads: one row per model and lead time, from `backtest.lead_scores`.
        proposed: the forecaster to register as challenger.
        folder: files to keep with the training: forecasts, scores, plots; a model's own plot is `models/<model>.png`.
        params: forecaster → the parameters it was backtested with, where they are not its defaults.
        overrides: series → the forecaster that did so much better on it than the proposed one that it forecasts it instead.
        trials: what a search for parameters tried, best or not.
        diagnostics: what kind of series these are, from `diagnostics.summarise`.
        reliability: the proposed forecaster's chances of crossing beside what happened, from `risk_backtest.reliability`.
    """

    metric: str
    granularity: Granularity
    fingerprint: str
    dataset: Dataset
    horizon: int
    windows: int
    quantiles: tuple[float, ...]
    summary: pd.DataFrame
    leads: pd.DataFrame
    proposed: str
    folder: Path
    params: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    overrides: Mapping[str, str] = field(default_factory=dict)
    trials: Sequence[Trial] = ()
    diagnostics: Mapping[str, float] = field(default_factory=dict)
    reliability: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def model(self) -> str:
        return model_name(self.metric, self.granularity)

    def save(self) -> None:
        """Write all but the files themselves beside them, for `load`."""
        plain = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in (*_FRAMES, "folder")}
        plain |= {"dataset": asdict(self.dataset), "trials": [asdict(trial) for trial in self.trials]}
        (self.folder / "training.json").write_text(json.dumps(plain, indent=1), encoding="utf-8")
        for name in _FRAMES:
            getattr(self, name).to_parquet(self.folder / f"{name}.parquet")

    @classmethod
    def load(cls, folder: Path) -> Training:
        """What `save` wrote."""
        plain = json.loads((folder / "training.json").read_text(encoding="utf-8"))
        plain |= {"dataset": Dataset(**plain["dataset"]), "trials": [Trial(**trial) for trial in plain["trials"]]}
        plain |= {"quantiles": tuple(plain["quantiles"])}
        frames = {name: pd.read_parquet(folder / f"{name}.parquet") for name in _FRAMES}
        return cls(**plain, **frames, folder=folder)

    def spec(self) -> Spec:
        params, overrides = self.params.get(self.proposed, {}), dict(self.overrides)
        return Spec(self.metric, self.granularity, self.proposed, self.horizon, self.quantiles, code_sha256(), params, overrides)


class Version(NamedTuple):
    """A registered version of a segment's model."""

    version: str
    forecaster: str
    spec_sha256: str


def trained(settings: Settings, fingerprint: str) -> datetime | None:
    """The as-of of the finished training with this fingerprint, None where there is none."""
    with _mlflow(settings) as client:
        experiment = client.get_experiment_by_name(EXPERIMENT)
        if experiment is None:
            return None
        query = f"tags.fingerprint = '{fingerprint}' AND attributes.status = 'FINISHED'"
        runs = client.search_runs([experiment.experiment_id], query, max_results=1)
        return datetime.fromisoformat(runs[0].data.tags["as_of"]) if runs else None


def log_training(
    settings: Settings,
    as_of: datetime,
    fingerprint: str,
    trainings: Sequence[Training],
    config: Mapping[str, Any],
    figures: Mapping[str, pa.Table] | None = None,
) -> int:
    """Log one training and register each segment's proposed model.

    One parent run holds the configuration, the datasets and, per segment, forecasts, scores and plots; one child per model and
    segment holds figures that compare across trainings. A segment that was registered from the same fingerprint before keeps
    its version.

    Args:
        figures: table of gold → the rows that the training has for it, for `figures` to find.

    Returns:
        Versions newly registered.

    Raises:
        SourceError: MLflow does not answer. The parent run is marked failed and the training counts as not done.
    """
    with _mlflow(settings) as client:
        experiment = _experiment(client, settings)
        parent = client.create_run(
            experiment,
            run_name=f"training as of {as_of:%Y-%m-%d %H:%M}",
            tags={
                "as_of": as_of.isoformat(),
                "code_sha256": code_sha256(),
                "kind": "training",
                "mlflow.source.name": "python -m pipeline train",
                "mlflow.source.type": "JOB",
                "mlflow.note.content": _overview(trainings),
            },
        ).info.run_id
        try:
            _log(client, parent, {**config, "segments": len(trainings)}, _outcome(trainings))
            with tempfile.TemporaryDirectory() as folder:
                for name, rows in (figures or {}).items():
                    pq.write_table(rows, Path(folder) / f"{name}.parquet")
                client.log_artifacts(parent, folder, _FIGURES)
            registered = sum(_log_segment(client, experiment, parent, as_of, training) for training in trainings)
            client.set_tag(parent, "fingerprint", fingerprint)
        except BaseException:
            with suppress(Exception):
                client.set_terminated(parent, "FAILED")
            raise
        client.set_terminated(parent)
        return registered


# ---------------------------------------------------------------- a training in shards


def hand_over(settings: Settings, as_of: datetime, trainings: Sequence[Training], shard: int, shards: int) -> None:
    """Leave what one shard of a training found where `handed_over` finds it: in a run of its own.

    Raises:
        SourceError: MLflow does not answer.
    """
    with _mlflow(settings) as client:
        tags = {"as_of": as_of.isoformat(), "kind": "shard", "shard": str(shard), "shards": str(shards)}
        run = client.create_run(_experiment(client, settings), run_name=f"shard {shard} of {shards}", tags=tags).info.run_id
        for training in trainings:
            client.log_artifacts(run, str(training.folder), training.model)
        client.set_terminated(run)


def handed_over(settings: Settings, as_of: datetime, folder: Path) -> list[Training] | None:
    """What the shards of the training as of that moment found, each as of its newest try; None where there are no shards.

    Args:
        folder: where their files are put.

    Raises:
        DataError: not all shards have handed over.
        SourceError: MLflow does not answer.
    """
    with _mlflow(settings) as client:
        finished = [run for run in _shards(client, as_of) if run.info.status == "FINISHED"]
        if not finished:
            return None
        count = int(finished[0].data.tags["shards"])
        newest = {int(run.data.tags["shard"]): run for run in reversed(finished) if run.data.tags["shards"] == str(count)}
        if missing := sorted(set(range(count)) - set(newest)):
            raise DataError(f"training as of {as_of}: of {count} shards, {missing} have not handed over; train them first")
        found = []
        for shard, run in sorted(newest.items()):
            target = folder / str(shard)
            target.mkdir()
            for item in client.list_artifacts(run.info.run_id):
                found.append(Training.load(Path(client.download_artifacts(run.info.run_id, item.path, str(target)))))
        return found


def clear_shards(settings: Settings, as_of: datetime) -> None:
    """Delete the runs in which shards handed over; the training has copies. Their files stay until `mlflow gc`.

    Raises:
        SourceError: MLflow does not answer.
    """
    with _mlflow(settings) as client:
        for run in _shards(client, as_of):
            client.delete_run(run.info.run_id)


def _shards(client: Any, as_of: datetime) -> list[Any]:
    """The runs in which shards of a training hand over, newest first."""
    experiment = client.get_experiment_by_name(EXPERIMENT)
    if experiment is None:
        return []
    query = f"tags.as_of = '{as_of.isoformat()}' AND tags.kind = 'shard'"
    return list(client.search_runs([experiment.experiment_id], query, order_by=["attributes.start_time DESC"]))


# ---------------------------------------------------------------- what a training proposed


def proposed(settings: Settings, as_of: datetime) -> dict[str, Version]:
    """Registered model → the version that the training as of that moment proposes as champion."""
    with _mlflow(settings) as client:
        run = _training(client, as_of)
        tags = run.data.tags if run else {}
        chosen = {key.removeprefix("proposed."): value for key, value in tags.items() if key.startswith("proposed.")}
        found = {model: _version(client, model, number) for model, number in sorted(chosen.items())}
        return {model: version for model, version in found.items() if version is not None}


def trained_on(settings: Settings, as_of: datetime) -> dict[str, int]:
    """Table of the lake → the snapshot of it that the training as of that moment read."""
    with _mlflow(settings) as client:
        run = _training(client, as_of)
        sources = [json.loads(entry.dataset.source) for entry in run.inputs.dataset_inputs] if run else []
        return {source["table"]: source["snapshot_id"] for source in sources if source["snapshot_id"] is not None}


def figures(settings: Settings, as_of: datetime) -> dict[str, pa.Table] | None:
    """Table of gold → the rows that the training as of that moment has for it; None where there is no such training.

    Raises:
        SourceError: MLflow does not answer.
    """
    with _mlflow(settings) as client, tempfile.TemporaryDirectory() as folder:
        run = _training(client, as_of)
        if run is None:
            return None
        kept = client.list_artifacts(run.info.run_id, _FIGURES)
        files = [Path(client.download_artifacts(run.info.run_id, item.path, folder)) for item in kept]
        return {file.stem: pq.read_table(file) for file in sorted(files)}


def _training(client: Any, as_of: datetime) -> Any:
    """The parent run of the newest finished training as of a moment, None where there is none."""
    experiment = client.get_experiment_by_name(EXPERIMENT)
    if experiment is None:
        return None
    query = f"tags.as_of = '{as_of.isoformat()}' AND tags.kind = 'training' AND attributes.status = 'FINISHED'"
    runs = client.search_runs([experiment.experiment_id], query, max_results=1, order_by=["attributes.start_time DESC"])
    return runs[0] if runs else None


def version(settings: Settings, model: str, number: str) -> Version | None:
    """One registered version, None where the registry does not know it."""
    with _mlflow(settings) as client:
        return _version(client, model, number)


def _version(client: Any, model: str, number: str) -> Version | None:
    from mlflow.exceptions import MlflowException

    try:
        tags = client.get_model_version(model, number).tags
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return None
        raise
    return Version(number, tags.get("forecaster", NONE), tags.get("spec_sha256", ""))


def _overview(trainings: Sequence[Training]) -> str:
    """What came out, as the Markdown that MLflow shows on the parent run."""
    lines = [
        "| segment | series | proposed | scaled pinball | seasonal naive's | MASE | 90 % interval covers |",
        "|---|--:|---|--:|--:|--:|--:|",
    ]
    for training in trainings:
        rows = training.summary.set_index("model")
        best, floor = rows.loc[training.proposed], rows.loc[FLOOR]
        lines.append(
            f"| {training.metric} by {training.granularity} | {training.dataset.series} | {training.proposed} "
            f"| {best['scaled_pinball']:.3f} | {floor['scaled_pinball']:.3f} | {best['mase']:.3f} | {best['coverage_90']:.0%} |"
        )
    return "\n".join(lines)


def _outcome(trainings: Sequence[Training]) -> dict[str, float]:
    """Each segment's proposed model in three figures, and its kind of series: MLflow charts them from training to training."""
    figures = {}
    for training in trainings:
        best = _figures(training.summary.set_index("model", drop=False).loc[training.proposed])
        for name in ("skill", "mase", "coverage_90"):
            figures[f"{training.model.removeprefix('headroom-')}/{name}"] = best[name]
        for name, value in training.diagnostics.items():
            figures[f"{training.model.removeprefix('headroom-')}/{name}"] = value
    return figures


def _log_segment(client: Any, experiment: str, parent: str, as_of: datetime, training: Training) -> bool:
    """Children, dataset, files and version of one segment; whether a version was registered."""
    dataset = _dataset_input(as_of, training)
    known = _registered(client, training)
    registered = False
    client.log_inputs(parent, [dataset])
    for row in training.summary.to_dict("records"):
        child = client.create_run(
            experiment,
            run_name=f"{training.metric} by {training.granularity} · {row['model']}",
            tags={
                "mlflow.parentRunId": parent,
                "as_of": as_of.isoformat(),
                "kind": "backtest",
                "segment": f"{training.metric} by {training.granularity}",
                "forecaster": row["model"],
                "proposed": "yes" if row["model"] == training.proposed else "no",
            },
        ).info.run_id
        model_id = None
        if row["model"] == training.proposed and known is None:
            known, model_id = _register(client, child, as_of, training, row)
            registered = True
        client.log_inputs(child, [dataset])
        params = {
            "forecaster": row["model"],
            "metric": training.metric,
            "granularity": training.granularity,
            "horizon": training.horizon,
            "windows": training.windows,
            "series": training.dataset.series,
            **{f"param.{name}": value for name, value in training.params.get(row["model"], {}).items()},
        }
        leads = training.leads.loc[training.leads["model"] == row["model"]]
        _log(client, child, params, {**_figures(row), **training.diagnostics}, leads, model_id)
        plot = training.folder / "models" / f"{row['model']}.png"
        if plot.exists():
            client.log_artifact(child, str(plot), "plots")
        for trial in training.trials:
            if trial.forecaster == row["model"]:
                _log_trial(client, experiment, child, trial, training)
        client.set_terminated(child)
    client.log_artifacts(parent, str(training.folder), training.model.removeprefix("headroom-"))
    client.set_tag(parent, f"proposed.{training.model}", known)
    return registered


def _log_trial(client: Any, experiment: str, parent: str, trial: Trial, training: Training) -> None:
    """One set of parameters that a search tried, as a run below the forecaster's."""
    tags = {
        "mlflow.parentRunId": parent,
        "kind": "trial",
        "segment": f"{training.metric} by {training.granularity}",
        "forecaster": trial.forecaster,
        "chosen": "yes" if trial.params == training.params.get(trial.forecaster) else "no",
    }
    name = f"{trial.forecaster} · trial {trial.number}" + ("" if trial.number else ", its defaults")
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


def _dataset_input(as_of: datetime, training: Training) -> Any:
    from mlflow.entities import Dataset as MlflowDataset
    from mlflow.entities import DatasetInput, InputTag

    data = training.dataset
    source = {"table": data.table, "snapshot_id": data.snapshot_id, "as_of": as_of.isoformat(), "metric": training.metric}
    entity = MlflowDataset(
        name=f"{data.table} {training.metric}",
        digest=data.digest[:32],
        source_type="headroom lake",
        source=json.dumps(source),
        profile=json.dumps({"series": data.series, "values": data.values}),
    )
    return DatasetInput(entity, [InputTag("mlflow.data.context", "training")])


def _registered(client: Any, training: Training) -> str | None:
    """The version that an equal training registered before."""
    for found in client.search_model_versions(f"name = '{training.model}'"):
        if found.tags.get("fingerprint") == training.fingerprint:
            return str(found.version)
    return None


def _register(client: Any, run: str, as_of: datetime, training: Training, row: Mapping[Any, Any]) -> tuple[str, str]:
    """Log the model as code and spec, and register it; version and MLflow's id of the model."""
    with _third_party_warnings_off():
        import mlflow.pyfunc
    from mlflow.exceptions import MlflowException

    spec, example = training.spec(), _input_example(training)
    answer = spec.forecast(from_frame(example.assign(metric=spec.metric), spec.granularity))
    if not np.isfinite(answer).all():
        raise DataError(f"{spec.forecaster} answers the input example of {training.model} with values that are not finite")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "spec.json"
        file.write_text(spec.text(), encoding="utf-8")
        hashed = Path(folder) / "spec.sha256"
        hashed.write_text(spec.sha256(), encoding="ascii")
        with mlflow.start_run(run_id=run):
            logged = mlflow.pyfunc.log_model(
                name=training.model,
                python_model=str(_SERVED_MODEL),
                artifacts={"spec": str(file), "sha256": str(hashed)},
                signature=_signature(spec),
                input_example=example,
                pip_requirements=[f"mlflow=={mlflow.__version__}"],
                metadata={"needs": "the `pipeline` package of Headroom on the import path"},
            )
    try:
        client.create_registered_model(
            training.model, description=f"Forecasts {training.metric} by {training.granularity}, a shard of series at once."
        )
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    created = client.create_model_version(
        training.model,
        logged.model_uri,
        run,
        tags={
            "as_of": as_of.isoformat(),
            "fingerprint": training.fingerprint,
            "forecaster": spec.forecaster,
            "spec_sha256": spec.sha256(),
            "code_sha256": spec.code_sha256,
        },
        description=_described(row, training),
        model_id=logged.model_id,
    )
    log.info("registered %s version %s: %s", training.model, created.version, spec.forecaster)
    return str(created.version), logged.model_id


def _described(row: Mapping[Any, Any], training: Training) -> str:
    return (
        f"{row['model']}: MASE {row['mase']:.3f}, scaled pinball {row['scaled_pinball']:.3f}, "
        f"90 % interval covers {row['coverage_90']:.0%}, skill against {FLOOR} {row['skill_scaled_pinball']:+.1%}"
    ) + "".join(f"; {name} for {series}" for series, name in sorted(training.overrides.items()))


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


def _input_example(training: Training) -> pd.DataFrame:
    """Three weeks of days, or three days of hours, of one made-up series."""
    periods, step = (21, "D") if training.granularity == "day" else (72, "h")
    ts = pd.date_range("2026-01-01", periods=periods, freq=step)
    wave = 50 + 20 * np.sin(2 * np.pi * np.arange(periods) / (periods / 3))
    return pd.DataFrame({"series_id": f"example/region/resource/{training.metric}", "ts": ts, "value": wave})


# ---------------------------------------------------------------- who is champion: the ledger, and the aliases that follow it


class Champion(NamedTuple):
    """What a segment is forecast with: the forecaster, its registered version (`none`: not registered) and parameters.

    `overrides` names the series that another forecaster forecasts by the same version.
    """

    forecaster: str
    version: str
    params: dict[str, Any]
    overrides: dict[str, str]


def champion(settings: Settings, lake: Lake, metric: str, granularity: str, as_of: datetime | None = None) -> Champion:
    """The forecaster that serves a segment.

    The ledger says who, the registry with which parameters and overrides. While MLflow does not answer, the ledger's word alone
    is served, for at most STALE_AFTER since its last decision, and the version is marked stale. A segment without champion is
    served by the fallback of the settings.

    Args:
        as_of: what was known then; only decisions before it count, so that a run repeated later chooses the same.

    Raises:
        DataError: the stored spec is not the one that was registered.
    """
    fallback = Champion(settings.fallback_forecaster, NONE, {}, {})
    decisions = [row for row in ledger(lake, metric, granularity) if as_of is None or row["as_of"] < as_of]
    if not decisions or decisions[-1]["champion_version"] == NONE:
        return fallback
    last = decisions[-1]
    name, number = last["champion"], last["champion_version"]
    if name not in plugs.names("forecasters"):
        log.warning("%s by %s: champion %s is no longer installed; %s serves", metric, granularity, name, fallback[0])
        return fallback
    try:
        spec = _read_spec(settings, model_name(metric, granularity), number)
        if spec.forecaster != name:
            raise SourceError(
                f"version {number} holds {spec.forecaster}, the ledger promoted {name}; the registry is not its own"
            )
    except SourceError as error:
        age = (as_of or last["as_of"]) - last["as_of"]
        if age > STALE_AFTER:
            log.warning(
                "%s by %s: %s; the last decision is %d days old, too old to trust; %s serves",
                metric, granularity, error, age.days, fallback[0],
            )  # fmt: skip
            return fallback
        log.warning("%s by %s: %s; stale: the ledger's %s version %s serves", metric, granularity, error, name, number)
        return Champion(name, f"{number} (stale)", {}, {})
    return Champion(name, number, spec.params, spec.overrides)


def rollback(settings: Settings, lake: Lake, metric: str, granularity: str, why: str = "by hand") -> Row:
    """Give a segment back to the champion before the present one; doing it again undoes it.

    Returns:
        The decision. The model that was rolled back is not promoted again by itself.

    Raises:
        ConfigError: no such segment, or there was no other champion.
        ConflictError: another decision was made meanwhile.
    """
    rows = ledger(lake, metric, granularity)
    if not rows:
        raise ConfigError(f"no decision about a segment {metric}/{granularity}; there are {', '.join(decided(lake)) or 'none'}")
    before = previous(rows)
    if before is None:
        raise ConfigError(f"{metric} by {granularity} never had another champion to go back to")
    last = rows[-1]
    gone = last["champion"], last["champion_version"]
    decide(
        lake,
        last,
        as_of=last["as_of"],
        metric=metric,
        granularity=granularity,
        decision="rejected",
        serves=before,
        challenger=gone,
        reason=f"{ROLLED_BACK} from {gone[0]} version {gone[1]} to {before[0]} version {before[1]}: {why}",
    )
    try:
        follow(settings, lake, metric, granularity)
    except SourceError as error:
        log.warning("%s; the aliases follow with the next promotion", error)
    return ledger(lake, metric, granularity)[-1]


def follow(settings: Settings, lake: Lake, metric: str, granularity: str) -> None:
    """Set the aliases of a segment's model to what the ledger says. Repeating it changes nothing.

    Raises:
        SourceError: MLflow does not answer.
    """
    model = model_name(metric, granularity)
    with _mlflow(settings) as client:
        rows = ledger(lake, metric, granularity)
        while rows:
            last = rows[-1]
            _set_alias(client, model, "champion", (last["champion"], last["champion_version"]))
            _set_alias(client, model, "challenger", (last["challenger"], last["challenger_version"]))
            _set_alias(client, model, "previous", previous(rows))
            # Whoever sets an alias last has looked at the ledger after setting it, so a slow writer cannot leave an old answer.
            rows = ledger(lake, metric, granularity)
            if rows[-1]["fence"] == last["fence"]:
                return


def _set_alias(client: Any, model: str, alias: str, wanted: tuple[str, str] | None) -> None:
    """Point an alias at the version that the ledger names, or at none."""
    present = {name: str(number) for name, number in client.get_registered_model(model).aliases.items()}.get(alias)
    forecaster, number = wanted or (NONE, NONE)
    known = _version(client, model, number) if number != NONE else None
    if number != NONE and (known is None or known.forecaster != forecaster):
        log.warning(
            "%s has no version %s of %s, which the ledger calls %s: was the registry rebuilt?", model, number, forecaster, alias
        )
        number = NONE
    if number == NONE and present is not None:
        client.delete_registered_model_alias(model, alias)
    elif number not in (NONE, present):
        client.set_registered_model_alias(model, alias, number)


def _read_spec(settings: Settings, model: str, number: str) -> Spec:
    """The checked spec of a version; nothing else of the stored model is read, and none of it is run."""
    with _mlflow(settings, create=False) as client:
        import mlflow

        tags = client.get_model_version(model, number).tags
        text = mlflow.artifacts.load_text(f"models:/{model}/{number}/artifacts/spec.json")
    return parse_spec(text, tags.get("spec_sha256", ""))


# ---------------------------------------------------------------- reaching MLflow


@contextmanager
def _mlflow(settings: Settings, *, create: bool = True) -> Iterator[Any]:
    """A client of the settings' MLflow, with telemetry and unpickling off.

    Args:
        create: make the SQLite database where there is none; otherwise its absence is an answer.

    Raises:
        SourceError: MLflow does not answer.
    """
    uri = settings.mlflow_tracking_uri
    database = Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:") else None
    missing = database is not None and not database.exists()
    if missing and not create:
        raise SourceError(f"the registry {uri} does not exist")
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    # A registry that is down must not hold up a daily run for the minutes that MLflow would retry.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "15")
    # MLflow knows the address of S3 by this variable only; it is put back, as another lake may be opened in this process.
    addressed = bool(settings.aws_endpoint_url) and "MLFLOW_S3_ENDPOINT_URL" not in os.environ
    if addressed:
        os.environ["MLFLOW_S3_ENDPOINT_URL"] = settings.aws_endpoint_url
    with _third_party_warnings_off():
        import mlflow

        if not uri.startswith("http"):
            import mlflow.store.tracking.sqlalchemy_store
    from requests import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    logging.getLogger("mlflow").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        if database is not None and missing:
            _make_database(database)
        mlflow.set_tracking_uri(uri)
        mlflow.set_registry_uri(uri)
        yield mlflow.MlflowClient(uri, uri)
    except (mlflow.MlflowException, RequestException, SQLAlchemyError, OSError) as error:
        raise SourceError(f"the registry {uri} does not answer: {str(error).splitlines()[0]}") from error
    finally:
        if addressed:
            os.environ.pop("MLFLOW_S3_ENDPOINT_URL", None)


def _make_database(database: Path) -> None:
    """Make MLflow's database whole or not at all: two processes that migrate one file at once, as shards may, would spoil it."""
    import mlflow

    with alone(database.with_suffix(".lock")):
        if database.exists():
            return
        begun = database.with_suffix(".new")
        begun.unlink(missing_ok=True)
        # Any question makes it.
        mlflow.MlflowClient(f"sqlite:///{begun}").search_experiments(max_results=1)
        begun.rename(database)


@contextmanager
def _third_party_warnings_off() -> Iterator[None]:
    """MLflow warns of its own type hints and of its own use of SQLAlchemy while it is imported; nothing to act on."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*Any type hint is inferred as AnyType", category=UserWarning)
        warnings.filterwarnings("ignore", message="The ``noload`` loader strategy is deprecated")
        yield


def _experiment(client: Any, settings: Settings) -> str:
    """The id of the experiment that trainings are logged to."""
    from mlflow.exceptions import MlflowException

    # A server keeps artefacts where it was told to, unless the settings say otherwise.
    remote = settings.mlflow_uri.startswith("http") and not settings.mlflow_artifacts
    location = None if remote else settings.mlflow_artifact_uri
    found = client.get_experiment_by_name(EXPERIMENT)
    if found is None:
        try:
            # The kind opens the experiment on its runs and charts instead of on traces.
            tags = {"mlflow.experimentKind": "custom_model_development"}
            return str(client.create_experiment(EXPERIMENT, artifact_location=location, tags=tags))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            found = client.get_experiment_by_name(EXPERIMENT)
    return str(found.experiment_id)
