"""What one training found about a segment, as files that can be handed over."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.forecasting.spec import Spec, code_sha256, model_name
from pipeline.forecasting.tuning import Trial
from pipeline.tables.columns import Granularity

_FRAMES = ("summary", "leads", "reliability")


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
