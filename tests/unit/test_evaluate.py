from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import ConfigError, DataError
from pipeline.own_files.backtest import describe, evaluate_series, read_series
from pipeline.reading.options import Reading


def series(name: str, start: str, freq: str, values: np.ndarray, metric: str = "cpu_utilization") -> pd.DataFrame:
    when = pd.date_range(start, periods=len(values), freq=freq)
    return pd.DataFrame({"series_id": name, "metric": metric, "ts": when, "value": values, "note": "ignored"})


def wave(n: int, seed: int = 0) -> np.ndarray:
    return 30 + 10 * np.sin(np.arange(n) / 24 * 2 * np.pi) + np.random.default_rng(seed).normal(0, 1, n)


def evaluate(frame: pd.DataFrame, folder: Path, horizon: int = 24, windows: int = 3) -> tuple[pd.DataFrame, ...]:
    frame.to_parquet(folder / "in.parquet")
    evaluate_series(read_series(folder / "in.parquet"), horizon, windows, ("seasonal_naive", "default"), folder / "out")
    out = folder / "out"
    return (
        pd.read_parquet(out / "forecasts.parquet"),
        pd.read_parquet(out / "scores.parquet"),
        pd.read_csv(out / "skipped.csv"),
    )


def test_hourly_and_daily_series_in_one_file_are_forecast_on_their_own_grids(tmp_path):
    frame = pd.concat([series("h", "2026-01-01 00:30", "h", wave(200)), series("d", "2025-06-01", "D", wave(120), metric="cost")])

    forecasts, scored, skipped = evaluate(frame, tmp_path)

    ends = forecasts.groupby("series_id")["ts"].max()
    assert ends["h"] == frame.loc[frame["series_id"] == "h", "ts"].max()
    assert ends["d"] == frame.loc[frame["series_id"] == "d", "ts"].max()
    assert forecasts.groupby("series_id")["cutoff"].nunique().to_dict() == {"d": 3, "h": 3}
    assert set(scored["granularity"]) == {"hour", "day"}
    assert scored[["mase", "rmsse", "wape", "smape", "scaled_pinball", "coverage_90", "cpu_s"]].notna().all().all()
    assert list(forecasts.columns) == ["series_id", "metric", "cutoff", "ts", "model", "quantile", "value"]
    assert skipped.empty


def test_awkward_series_are_answered_or_skipped_with_a_reason_and_never_crash(tmp_path):
    gaps = series("gappy", "2026-01-01", "h", wave(200))
    twice = series("twice", "2026-01-01", "h", wave(200))
    frame = pd.concat(
        [
            series("flat", "2026-01-01", "h", np.full(200, 7.0)),
            series("zero", "2026-01-01", "h", np.zeros(200)),
            series("short", "2026-01-01", "h", wave(30)),
            series("tiny", "2026-01-01", "h", wave(10)),
            series("one", "2026-01-01", "h", wave(1)),
            series("five", "2026-01-01", "5min", wave(2400)),
            series("weekly", "2024-01-01", "7D", wave(100)),
            series("nothing", "2026-01-01", "h", np.full(50, np.nan)),
            gaps.loc[np.random.default_rng(1).random(200) < 0.4],
            pd.concat([twice, twice.iloc[50:60]]),
        ]
    )

    forecasts, scored, skipped = evaluate(frame, tmp_path)

    assert np.isfinite(forecasts["value"]).all()
    assert set(scored["series_id"]) | set(skipped["series_id"]) == set(frame["series_id"])
    reasons = scored.loc[scored["model"] == "default"].set_index("series_id")["reason"]
    assert reasons["flat"].startswith("constant")
    assert "no scale" in reasons["zero"]
    assert "1 of 3 windows" in reasons["short"]
    assert "resampled to hourly means (typical gap 5.0 min)" in reasons["five"]
    assert "coarser than daily (typical gap 7 days)" in reasons["weekly"]
    assert "10 repeated timestamps merged" in reasons["twice"]
    assert skipped.set_index("series_id")["reason"].str.len().gt(10).all()
    assert set(skipped["series_id"]) == {"tiny", "one", "nothing"}


def test_a_csv_reads_as_parquet_does_and_what_is_no_number_or_moment_is_refused(tmp_path):
    frame = series("7", "2026-01-01", "h", wave(200))
    frame.to_csv(tmp_path / "in.csv", index=False)

    read = read_series(tmp_path / "in.csv")

    pd.testing.assert_frame_equal(read, frame[["series_id", "metric", "ts", "value"]].astype({"ts": "datetime64[us]"}))
    (tmp_path / "gap.csv").write_text("series_id,metric,ts,value\na,m,2026-01-01T00:00:00Z,n/a\na,m,2026-01-01,3\n")
    assert read_series(tmp_path / "gap.csv")["value"].isna().tolist() == [True, False]
    for wrong, place in (("yesterday,3", "line 2, column 'ts'"), ("2026-01-01,high", "line 2, column 'value'")):
        (tmp_path / "bad.csv").write_text(f"series_id,metric,ts,value\na,m,{wrong}\n")
        with pytest.raises(DataError, match=place):
            read_series(tmp_path / "bad.csv")


@pytest.mark.parametrize("factor", [1, 1_000, 1_000_000])
def test_counts_since_1970_are_refused_until_their_unit_is_stated(tmp_path, factor):
    form = {1: "epoch_s", 1_000: "epoch_ms", 1_000_000: "epoch_us"}[factor]
    frame = series("a", "2026-01-01", "h", wave(200))
    counted = frame.assign(ts=(frame["ts"].astype("datetime64[us]").astype("int64") // 1_000_000 * factor))
    counted.to_csv(tmp_path / "in.csv", index=False)

    with pytest.raises(DataError, match=f"line 2, column 'ts': .* state time_format={form}"):
        evaluate_series(read_series(tmp_path / "in.csv"), 24, 3, out_dir=tmp_path / "out")

    read = read_series(tmp_path / "in.csv", Reading(time_format=form))
    assert read["ts"].tolist() == frame["ts"].tolist()


def test_thousands_separators_are_refused_by_line_instead_of_dropping_their_rows(tmp_path):
    frame = series("a", "2026-01-01", "h", 990 + np.arange(48.0)).assign(value=lambda rows: rows["value"].map("{:,.1f}".format))
    frame.to_csv(tmp_path / "in.csv", index=False)

    with pytest.raises(DataError, match=r"line 12, column 'value': .* got '1,000.0' .*thousands separators.* \(38 such rows\)"):
        evaluate_series(read_series(tmp_path / "in.csv"), 24, 3, out_dir=tmp_path / "out")


def test_a_series_within_one_hour_is_skipped_for_that_and_not_for_being_constant(tmp_path):
    fine, one = series("fine", "2026-01-01", "5s", wave(100)), series("one", "2026-01-01", "h", wave(1))

    _, _, skipped = evaluate(pd.concat([fine, one, series("long", "2026-01-01", "h", wave(200))]), tmp_path)

    reasons = skipped.set_index("series_id")["reason"]
    assert reasons["fine"] == "all 100 timestamps lie in the hour from 2026-01-01T00: nothing to forecast from"
    assert reasons["one"] == "1 distinct timestamps with a value: nothing to forecast from"


def test_a_column_per_series_is_backtested_as_rows_of_series_are(tmp_path):
    pd.DataFrame({"Time": pd.date_range("2026-01-01", periods=3, freq="h"), "web 1": [1, 2, 3], "web 2": [4, 5, 6]}).to_csv(
        tmp_path / "in.csv", index=False
    )

    read = read_series(tmp_path / "in.csv")

    assert read.groupby("series_id")["value"].apply(list).to_dict() == {"web 1": [1, 2, 3], "web 2": [4, 5, 6]}
    assert set(read["metric"]) == {"value"}


def test_moments_with_a_zone_become_utc(tmp_path):
    frame = series("a", "2026-01-01", "h", wave(5))
    frame["ts"] = frame["ts"].dt.tz_localize("America/New_York")
    frame.to_parquet(tmp_path / "in.parquet")

    assert read_series(tmp_path / "in.parquet")["ts"].iloc[0] == pd.Timestamp("2026-01-01 05:00")


def test_an_irregular_series_is_told_by_its_typical_gap():
    frame = series("a", "2026-01-01", "6h", wave(40))

    [row] = describe(frame).itertuples()

    assert (row.granularity, row.reason) == ("day", "resampled to daily means (typical gap 360.0 min)")


def test_a_file_that_cannot_be_used_is_refused_with_what_was_expected(tmp_path):
    with pytest.raises(ConfigError, match="no file"):
        evaluate_series(read_series(tmp_path / "none.parquet"), 24, 3)
    (tmp_path / "in.txt").write_text("")
    with pytest.raises(DataError, match=r"expected a file ending in \.csv"):
        evaluate_series(read_series(tmp_path / "in.txt"), 24, 3)
    pd.DataFrame({"series_id": ["a"], "ts": ["2026-01-01"]}).to_csv(tmp_path / "in.csv", index=False)
    with pytest.raises(DataError, match=r"no column of samples beside .*'series_id', 'ts'"):
        evaluate_series(read_series(tmp_path / "in.csv"), 24, 3)
    (tmp_path / "empty.csv").write_text("series_id,metric,ts,value\n")
    with pytest.raises(DataError, match="no rows"):
        evaluate_series(read_series(tmp_path / "empty.csv"), 24, 3)
    series("tiny", "2026-01-01", "h", wave(10)).to_parquet(tmp_path / "tiny.parquet")
    with pytest.raises(DataError, match="none of 1 series"):
        evaluate_series(read_series(tmp_path / "tiny.parquet"), 24, 3, out_dir=tmp_path / "out")
    with pytest.raises(ConfigError, match="no forecaster named 'oracle'"):
        evaluate_series(read_series(tmp_path / "tiny.parquet"), 24, 3, ("oracle",))
    with pytest.raises(ConfigError, match="at least 1"):
        evaluate_series(read_series(tmp_path / "tiny.parquet"), 0, 3)
