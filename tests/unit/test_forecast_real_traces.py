"""The benchmark's bars on the real traces that ship with the tests: the default against the floor, without Prophet."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from pipeline.own_files.backtest import evaluate_series, read_series

TRACES = Path(__file__).parents[1] / "data" / "traces"


@pytest.mark.parametrize(("name", "horizon", "windows"), [("aws_cloudwatch", 24, 3), ("ms_cloud", 24, 3), ("cloud_cost", 30, 5)])
def test_on_real_traces_the_default_is_better_than_the_seasonal_naive_and_covers(name, horizon, windows, tmp_path):
    evaluate_series(read_series(TRACES / f"{name}.parquet"), horizon, windows, ("seasonal_naive", "default"), tmp_path)

    scored = pd.read_parquet(tmp_path / "scores.parquet").groupby("model")[["mase", "scaled_pinball", "coverage_90"]].mean()

    assert (scored.loc["default", ["mase", "scaled_pinball"]] < scored.loc["seasonal_naive", ["mase", "scaled_pinball"]]).all()
    assert 0.87 <= scored.loc["default", "coverage_90"] <= 0.93
