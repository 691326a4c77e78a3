"""Backtest on a user's own file: read it, put each series on its grid, score the models, write what was found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import ConfigError, DataError
from pipeline.forecasting.backtest import LEAST_HISTORY, Backtest, Forecast, Progress, backtest, forecast_frame, scores, summary
from pipeline.forecasting.panel import Panel, from_frame
from pipeline.forecasting.spec import bind
from pipeline.forecasting.tier import TIERS, tier
from pipeline.own_files._samples import label_series, make_folder, read_own
from pipeline.reading.options import Reading
from pipeline.steps import cpu_seconds
from pipeline.tables.columns import GRANULARITIES, QUANTILES, Granularity

MODELS = ("seasonal_naive", "default")
#: Columns of the table that is shown.
SHOWN = (
    *("metric", "granularity", "model", "series"),
    *("mase", "rmsse", "wape", "smape", "scaled_pinball"),
    *("coverage_50", "coverage_80", "coverage_90", "cpu_s"),
)
#: Series per backtest block: bounds memory, and is wide enough for what models pool over series.
SHARD = 2000
#: Of reading: nothing is stated.
DEFAULTS = Reading()
_HOUR, _DAY = np.timedelta64(1, "h"), np.timedelta64(1, "D")


def evaluate_series(
    frame: pd.DataFrame,
    horizon: int,
    windows: int,
    models: tuple[str, ...] = MODELS,
    out_dir: Path = Path("backtest"),
    progress: Progress | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
) -> pd.DataFrame:
    """Backtest models on a user's own series and write forecasts.parquet, scores.parquet and skipped.csv.

    Args:
        frame: as `read_series` gives it.
        horizon: periods per window, in steps of each series' own granularity (hours or days).
        windows: windows per series, counted back from its own end.
        models: names of forecasters; `default` is what the pipeline would use.
        out_dir: created where it is missing.
        progress: told after every window of every model within a block of series.
        options: forecaster → its options by name; the defaults where not given.

    Returns:
        Mean scores and CPU seconds per series, one row per metric, granularity and model, with the columns of SHOWN.

    Raises:
        ConfigError: no such forecaster or option, or horizon or windows below 1.
        DataError: not one of the series can be scored.
    """
    if horizon < 1 or windows < 1:
        raise ConfigError(f"a backtest needs a horizon and windows of at least 1, got {horizon} and {windows}")
    forecasts = {name: bind(name, (options or {}).get(name, {})) for name in dict.fromkeys(models)}
    kinds = describe(frame)
    make_folder(out_dir)
    found: list[pd.DataFrame] = []
    skipped = kinds.loc[kinds["granularity"] == "", ["series_id", "metric", "reason"]]
    skips = [skipped]
    target = out_dir / "forecasts.parquet"
    writer: pq.ParquetWriter | None = None
    try:
        for panel, notes in _panels(frame, kinds):
            result = measured(panel, forecasts, horizon, windows, progress)
            table = scores(result)
            reasons = _reasons(result, windows, notes)
            table["reason"] = [
                _join(reasons[key], reason)
                for *key_parts, reason in table[["series_id", "metric", "reason"]].itertuples(index=False)
                for key in [tuple(key_parts)]
            ]
            found.append(table)
            none = result.windows == 0
            skips.append(
                pd.DataFrame(
                    [(*key, reasons[key]) for key in zip(panel.series_id[none], panel.metric[none], strict=True)],
                    columns=["series_id", "metric", "reason"],
                )
            )
            block = pa.Table.from_pandas(forecast_frame(result), preserve_index=False)
            writer = writer or pq.ParquetWriter(target, block.schema)
            writer.write_table(block.cast(writer.schema))
    finally:
        if writer:
            writer.close()
    pd.concat(skips, ignore_index=True).to_csv(out_dir / "skipped.csv", index=False)
    scored = pd.concat(found, ignore_index=True) if found else pd.DataFrame()
    if scored.empty:
        raise DataError(f"none of {len(kinds)} series can be scored; {out_dir / 'skipped.csv'} says why")
    scored.to_parquet(out_dir / "scores.parquet", index=False)
    return summary(scored)[list(SHOWN)]


def measured(
    panel: Panel, forecasts: Mapping[str, Forecast], horizon: int, windows: int, progress: Progress | None = None
) -> Backtest:
    """A backtest whose CPU seconds are the models' own: imports are paid before, and BLAS spins no idle threads."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    with threadpool_limits(1):
        for forecast in forecasts.values():
            forecast(panel.take(np.array([0])).tail(8 * panel.season), 1, QUANTILES)
        return backtest(panel, forecasts, horizon, windows, QUANTILES, progress, cpu_seconds)


def read_series(path: Path, reading: Reading = DEFAULTS) -> pd.DataFrame:
    """The samples of a file, read as the source `csv` reads it, as series_id, metric, ts, value.

    Timestamps are naive UTC, values float, NaN where a cell says nothing.

    Raises:
        ConfigError: no such file, or what a column means has to be stated.
        DataError: a column is missing, a cell is no moment or number, or there are no rows.
    """
    samples = read_own(path, reading)
    if not len(samples.rows):
        raise DataError(f"{path}: no rows")
    series_id, metric = (np.array(each, dtype=object) for each in zip(*label_series(samples, path), strict=True))
    return pd.DataFrame(
        {"series_id": series_id[samples.series], "metric": metric[samples.series], "ts": samples.ts, "value": samples.value}
    )


def describe(frame: pd.DataFrame) -> pd.DataFrame:
    """One row per series: its granularity by the typical gap between its moments, and what was done to its rows.

    Up to 90 minutes is hourly (finer series become hourly means), up to 36 hours daily (finer ones become daily
    means); coarser series stand on a daily grid with gaps. Granularity "" means that there is nothing to forecast.
    """
    described = []
    for (series_id, metric), rows in frame.groupby(["series_id", "metric"], sort=True):
        usable = np.isfinite(rows["value"].to_numpy()) & rows["ts"].notna().to_numpy()
        moments = np.sort(rows["ts"].to_numpy(dtype="datetime64[us]")[usable])
        distinct = np.unique(moments)
        granularity, reason = _granularity(distinct)
        notes = [reason]
        if not usable.all():
            notes.append(f"{int((~usable).sum())} rows without a value or timestamp dropped")
        if len(distinct) < len(moments):
            notes.append(f"{len(moments) - len(distinct)} repeated timestamps merged by median")
        described.append((series_id, metric, granularity, "; ".join(note for note in notes if note)))
    return pd.DataFrame(described, columns=["series_id", "metric", "granularity", "reason"])


def _granularity(moments: npt.NDArray[np.datetime64]) -> tuple[Granularity | str, str]:
    if len(moments) < 2:
        return "", f"{len(moments)} distinct timestamps with a value: nothing to forecast from"
    if moments[0].astype("datetime64[h]") == moments[-1].astype("datetime64[h]"):
        return (
            "",
            f"all {len(moments)} timestamps lie in the hour from {moments[0].astype('datetime64[h]')}: nothing to forecast from",
        )
    # The lower quartile, not the median: more than half of a gappy series' gaps span several periods.
    gap = np.quantile(np.diff(moments).astype(np.int64), 0.25).astype("timedelta64[us]")
    if gap <= 1.5 * _HOUR.astype("timedelta64[us]"):
        even = (np.diff(moments) % _HOUR == np.timedelta64(0, "us")).all()
        return "hour", "" if even else f"resampled to hourly means (typical gap {_minutes(gap)} min)"
    even = (np.diff(moments) % _DAY == np.timedelta64(0, "us")).all()
    if gap <= 1.5 * _DAY.astype("timedelta64[us]"):
        return "day", "" if even else f"resampled to daily means (typical gap {_minutes(gap)} min)"
    return "day", f"coarser than daily (typical gap {_minutes(gap) / 1440:g} days): a daily grid with gaps"


def _minutes(gap: np.timedelta64) -> float:
    return round(float(gap / np.timedelta64(1, "m")), 1)


def _panels(frame: pd.DataFrame, kinds: pd.DataFrame) -> Iterator[tuple[Panel, dict[tuple[str, str], str]]]:
    """Blocks of series of one granularity, with each series' notes."""
    for granularity in GRANULARITIES:
        is_of_it = kinds["granularity"].eq(granularity)
        chosen = kinds.loc[is_of_it]
        for start in range(0, len(chosen), SHARD):
            block = chosen.iloc[start : start + SHARD]
            keys = list(zip(block["series_id"], block["metric"], strict=True))
            rows = frame.merge(block[["series_id", "metric"]], on=["series_id", "metric"])
            yield from_frame(rows, granularity), dict(zip(keys, block["reason"], strict=True))


def _reasons(result: Backtest, windows: int, notes: dict[tuple[str, str], str]) -> dict[tuple[str, str], str]:
    """Per series: notes on its rows, its tier unless it is full, and which windows are missing."""
    kinds = tier(result.panel)
    reasons = {}
    for row, key in enumerate(zip(result.panel.series_id, result.panel.metric, strict=True)):
        done = int(result.windows[row])
        short = (
            f"{done} of {windows} windows: a window needs {LEAST_HISTORY} values before it and one within"
            if done < windows
            else ""
        )
        kind = "" if kinds[row] == "full" else f"{kinds[row]}: {TIERS[str(kinds[row])]}"
        reasons[str(key[0]), str(key[1])] = _join(notes[str(key[0]), str(key[1])], kind, short)
    return reasons


def _join(*parts: str) -> str:
    return "; ".join(part for part in parts if part)
