"""What a training found about one segment, as files that can be handed over."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.forecasting.backtest import actual_frame, forecast_frame
from pipeline.forecasting.comparison import Comparison
from pipeline.forecasting.plots import WORST_SERIES, plot_model, plot_training
from pipeline.forecasting.spec import Spec, code_sha256, model_name
from pipeline.forecasting.tuning import Trial
from pipeline.tables.columns import Granularity

_FRAMES = ("summary", "leads", "reliability", "importance")


@dataclass(frozen=True)
class Dataset:
    """What a segment was trained on: the lake's table and snapshot, and a hash of the very values."""

    table: str
    snapshot_id: int | None
    digest: str
    series: int
    values: int


@dataclass(frozen=True)
class TrainedSegment:
    """What a training found about one segment, and the forecaster that it proposes.

    Attributes:
        fingerprint: hash of data, settings and code; segments with equal ones are trained to the same result.
        summary, leads, proposed, params, overrides, trials: as of `forecasting.comparison.Comparison`.
        folder: files to keep: forecasts, scores, plots; a model's own plot is `models/<model>.png`.
        diagnostics: what kind of series these are, from `diagnostics.summarise`.
        importance: what features told the forecasters that choose among them: model, feature, importance, mutual_information,
            importance_rank, chosen.
        reliability: the proposed forecaster's chances of crossing beside what happened, from `capacity.backtest.reliability`.
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
    importance: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def name(self) -> str:
        return f"{self.metric} by {self.granularity}"

    @property
    def model(self) -> str:
        """The registered model of the segment."""
        return model_name(self.metric, self.granularity)

    def save(self) -> None:
        """Write all but the files themselves beside them, for `load`."""
        plain = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in (*_FRAMES, "folder")}
        plain |= {"dataset": asdict(self.dataset), "trials": [asdict(trial) for trial in self.trials]}
        (self.folder / "training.json").write_text(json.dumps(plain, indent=1), encoding="utf-8")
        for name in _FRAMES:
            getattr(self, name).to_parquet(self.folder / f"{name}.parquet")
        if len(self.importance):
            self.importance.to_csv(self.folder / "feature_importance.csv", index=False, float_format="%.4f")

    @classmethod
    def load(cls, folder: Path) -> TrainedSegment:
        """What `save` wrote."""
        plain = json.loads((folder / "training.json").read_text(encoding="utf-8"))
        plain |= {"dataset": Dataset(**plain["dataset"]), "trials": [Trial(**trial) for trial in plain["trials"]]}
        plain |= {"quantiles": tuple(plain["quantiles"])}
        plain |= {name: pd.read_parquet(folder / f"{name}.parquet") for name in _FRAMES}
        return cls(**plain, folder=folder)

    def spec(self) -> Spec:
        """What the proposed version says."""
        params, overrides = self.params.get(self.proposed, {}), dict(self.overrides)
        return Spec(self.metric, self.granularity, self.proposed, self.horizon, self.quantiles, code_sha256(), params, overrides)


def write_files(folder: Path, title: str, found: Comparison, *, plots: bool = True) -> None:
    """The files that are kept with a trained segment: what was forecast and how good it was, to read, with plots to look at."""
    (folder / "models").mkdir(parents=True)
    forecasts = forecast_frame(found.result).astype({"value": "float32", "model": "category", "series_id": "category"})
    forecasts.to_parquet(folder / "forecasts.parquet", compression="zstd")
    actual_frame(found.result).to_parquet(folder / "actuals.parquet", compression="zstd")
    scored, summary = found.scored, found.summary
    scored.to_parquet(folder / "scores.parquet", compression="zstd")
    summary.to_csv(folder / "summary.csv", index=False, float_format="%.4f")
    worst = scored.loc[scored["model"] == found.proposed].nlargest(WORST_SERIES, "scaled_pinball")
    worst.drop(columns="reason").to_csv(folder / "worst_series.csv", index=False, float_format="%.4f")
    found.described.to_csv(folder / "diagnostics.csv", index=False, float_format="%.4f")
    if not plots:
        return
    plot_training(folder / "accuracy_and_coverage.png", title, summary, found.leads)
    for model in summary["model"]:
        plot_model(folder / "models" / f"{model}.png", f"{model}, {title}", model, scored, summary, found.leads)
