"""The registered model as MLflow sees it: one model of a segment forecasts a whole shard of series at once.

MLflow copies this file beside the model's `spec.json` and runs it wherever the model is loaded (models from code: nothing is
pickled). All it does is check the spec and call the forecaster that the spec names; the forecasters themselves come from the
installed `pipeline` package.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel

from pipeline.forecasting.panel import from_frame
from pipeline.forecasting.spec import forecast_frame, parse_spec


class ShardForecaster(PythonModel):
    """Long series in, long quantiles out."""

    def load_context(self, context: Any) -> None:
        """Read and check the spec that was logged with the model.

        Raises:
            DataError: the spec is not the one that was registered, or names what this installation does not have.
        """
        text, sha256 = (Path(context.artifacts[name]).read_text(encoding="utf-8") for name in ("spec", "sha256"))
        self.spec = parse_spec(text, sha256)

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:  # noqa: ARG002
        """Forecast every series of the input.

        Args:
            context: MLflow's; not used after loading.
            model_input: one row per observed period: series_id, ts (naive UTC), value, and optionally unit.
            params: `horizon`, periods ahead; the spec's by default.

        Returns:
            One row per series, future period and quantile: series_id, metric, ts, quantile, value.
        """
        spec = self.spec
        horizon = int((params or {}).get("horizon") or spec.horizon)
        block = from_frame(model_input.assign(metric=spec.metric), spec.granularity)
        return forecast_frame(block, spec.forecast(block, horizon), horizon, spec.quantiles)


set_model(ShardForecaster())
