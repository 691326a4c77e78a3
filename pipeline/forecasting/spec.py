"""What a registered model is: a forecaster's name and parameters for one segment, checked before anything runs."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel

from pipeline import plugs
from pipeline.errors import ConfigError, DataError
from pipeline.forecasting.panel import Floats, Panel
from pipeline.tables.columns import GRANULARITIES, UNJUDGED, Granularity

Row = dict[str, Any]
Params = dict[str, Any]
#: In place of a version or champion where there is none.
NONE = "none"

#: Folders that decide what a training finds, beside data and settings; their hash is the version of the code.
CODE = ("forecasting", "forecasters", "features", "capacity")


@dataclass(frozen=True)
class Spec:
    """All that a registered version says: which forecaster, with which parameters, for which segment.

    `params` are the forecaster's options where they are not its defaults. `overrides` names the series that another forecaster,
    with its defaults, forecasts instead.
    """

    metric: str
    granularity: Granularity
    forecaster: str
    horizon: int
    quantiles: tuple[float, ...]
    code_sha256: str
    params: dict[str, Any] = field(default_factory=dict)
    overrides: dict[str, str] = field(default_factory=dict)

    def forecast(self, panel: Panel, horizon: int | None = None) -> Floats:
        """(n, horizon, q) what the forecaster says, or the one that overrides it."""
        return forecast(panel, horizon or self.horizon, self.quantiles, self.forecaster, self.params, self.overrides)[0]

    def text(self) -> str:
        return json.dumps(self.__dict__, sort_keys=True, indent=1)

    def sha256(self) -> str:
        return hashlib.sha256(self.text().encode()).hexdigest()


def forecast(
    panel: Panel,
    horizon: int,
    quantiles: tuple[float, ...],
    forecaster: str,
    params: Mapping[str, Any],
    overrides: Mapping[str, str],
) -> tuple[Floats, npt.NDArray[np.str_]]:
    """(n, horizon, q) what is forecast, and (n,) the forecaster of each series.

    The segment's own forecaster sees every series, so that an override changes no forecast but its own.
    """
    values = bind(forecaster, params)(panel, horizon, quantiles)
    who = np.array([overrides.get(name, forecaster) for name in panel.series_id.tolist()])
    others = sorted(set(who.tolist()) - {forecaster})
    values = values.copy() if others else values
    for name in others:
        rows = np.flatnonzero(who == name)
        values[rows] = bind(name, {})(panel.take(rows), horizon, quantiles)
    return values, who


def parse_spec(text: str, sha256: str) -> Spec:
    """The spec of a registered version, if it is the one that was registered and this installation can run it.

    Args:
        text: `spec.json` as stored.
        sha256: its hash, kept apart from it.

    Raises:
        DataError: another hash, unknown or missing keys, a forecaster that is not one of the installed files, an option it
            does not have, or values out of bounds.
    """
    found = hashlib.sha256(text.encode()).hexdigest()
    if found != sha256:
        raise DataError(f"spec.json has sha256 {found}, registered was {sha256}: it was changed after registration")
    try:
        given = json.loads(text)
        spec = Spec(**{**given, "quantiles": tuple(given["quantiles"])})
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(f"spec.json is not a spec: {error}") from error
    known = plugs.names("forecasters")
    if spec.forecaster not in known:
        raise DataError(f"spec.json names the forecaster {spec.forecaster!r}; there are {', '.join(known)}")
    levels = list(spec.quantiles)
    if not levels or not all(type(q) is float and 0 < q < 1 for q in levels) or levels != sorted(set(levels)):
        raise DataError(f"spec.json: quantiles are ascending levels between 0 and 1, got {levels}")
    if type(spec.horizon) is not int or not 1 <= spec.horizon <= 10_000:
        raise DataError(f"spec.json: horizon is 1 to 10000 periods, got {spec.horizon!r}")
    if spec.granularity not in GRANULARITIES:
        raise DataError(f"spec.json: granularity is one of {GRANULARITIES}, got {spec.granularity!r}")
    if not isinstance(spec.params, dict):
        raise DataError(f"spec.json: params is an object, got {spec.params!r}")
    named = spec.overrides
    if not isinstance(named, dict) or not all(isinstance(forecaster, str) for forecaster in named.values()):
        raise DataError(f"spec.json: overrides is an object from series to forecaster, got {named!r}")
    if unknown := sorted(set(named.values()) - set(known)):
        raise DataError(f"spec.json overrides by the forecasters {unknown}; there are {', '.join(known)}")
    try:
        plugs.check_options("forecasters", spec.forecaster, spec.params)
    except ConfigError as error:
        raise DataError(f"spec.json: {error}") from error
    return spec


def bind(forecaster: str, params: Mapping[str, Any]) -> Callable[[Panel, int, tuple[float, ...]], Floats]:
    """A forecaster with the options that a spec or a search gives by name.

    Raises:
        ConfigError: an option that the forecaster does not have, or a value out of bounds.
    """
    return plugs.bind("forecasters", forecaster, plugs.check_options("forecasters", forecaster, params))


def params_of(options: BaseModel) -> dict[str, Any]:
    """A forecaster's options as a spec keeps them: those that are not its defaults."""
    return options.model_dump(mode="json", exclude_defaults=True)


@cache
def code_sha256(root: Path = Path(__file__).parent.parent, folders: tuple[str, ...] = CODE) -> str:
    """A hash of every source file in some folders, by default what a forecast, its score or a training's choice depends on."""
    digest = hashlib.sha256()
    for file in sorted(file for folder in folders for file in (root / folder).rglob("*.py")):
        digest.update(f"{file.relative_to(root).as_posix()}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()


def model_name(metric: str, granularity: str) -> str:
    """The registered model of a segment. A metric's own characters survive where MLflow allows them."""
    safe = re.sub(r"[^A-Za-z0-9_.-]", "_", metric)
    suffix = "" if safe == metric else f"-{crc32(metric.encode()):08x}"
    return f"headroom-{safe}{suffix}-{granularity}"


def forecast_frame(panel: Panel, values: Floats, horizon: int, quantiles: tuple[float, ...]) -> pd.DataFrame:
    """One row per series, future period and quantile: series_id, metric, ts, quantile, value."""
    per_series = horizon * len(quantiles)
    return pd.DataFrame(
        {
            "series_id": np.repeat(panel.series_id, per_series),
            "metric": np.repeat(panel.metric, per_series),
            "ts": np.repeat(panel.future(horizon).ravel(), len(quantiles)),
            "quantile": np.tile(np.asarray(quantiles), len(panel) * horizon),
            "value": values.ravel(),
        }
    )


def serving(forecaster: str) -> str:
    """How a champion's figures are called where its parameters are other ones than the challenger's of the same forecaster."""
    return f"{forecaster} (serving)"


class Champion(NamedTuple):
    """What a segment is forecast with: the forecaster, its registered version (`none`: not registered) and parameters.

    `overrides` names the series that another forecaster forecasts by the same version; `soundness` says whether it passed the
    gates, and `coverage_90` what share of actuals lay in its 90 % interval in the training that measured it.
    """

    forecaster: str
    version: str = NONE
    params: Mapping[str, Any] = {}
    overrides: Mapping[str, str] = {}
    soundness: str = UNJUDGED
    coverage_90: float | None = None


class Version(NamedTuple):
    """A registered version of a segment's model."""

    version: str
    forecaster: str
    spec_sha256: str
