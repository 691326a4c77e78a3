"""Replay sizing rules on a user's own trace: what each would have saved on the price list, and what it would have broken."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline import plugs
from pipeline.advice.instance_types import catalogue
from pipeline.advice.ladder import make_ladder
from pipeline.capacity.replay import Machine, Replay, decisions, replay
from pipeline.capacity.replay_score import brier, equal_risk, reliability, summarise
from pipeline.capacity.sizing import CPU, MEMORY
from pipeline.errors import ConfigError, DataError
from pipeline.own_files._replay_page import draw_page
from pipeline.own_files._samples import label_series, make_folder, read_own
from pipeline.reading import cells
from pipeline.reading.options import Reading
from pipeline.reading.sheet import read_sheet

log = logging.getLogger(__name__)

#: What a column or metric of each dimension is called, without `_percent`, `_pct` or `_utilization` at its end, in lower case.
_NAMES = {"cpu": CPU, "cpuutilization": CPU, "cpu_p95": CPU, "memory": MEMORY, "mem": MEMORY, "mem_used": MEMORY}
_ENDINGS = re.compile(r"_(percent|pct|utilization|utilisation)$")
#: A share of a capacity above this is no percentage of it.
_MOST_PCT = 1000
#: The machine that every resource is taken to be.
INSTANCE_TYPE = "m5.4xlarge"
#: Of reading: nothing is stated.
DEFAULTS = Reading()
_MOST_LOOKBACK, _MOST_HORIZON = 14, 7


@dataclass(frozen=True)
class Replayed:
    """What a replay found, as it is written: one frame per file."""

    found: Replay
    rules: pd.DataFrame
    equal: pd.DataFrame
    reliability: pd.DataFrame
    brier: tuple[float, float]


def replay_file(
    path: Path,
    out_dir: Path,
    prices: Path | None = None,
    instance_type: str = INSTANCE_TYPE,
    days: tuple[int | None, int | None] = (None, None),
    reading: Reading = DEFAULTS,
) -> Replayed:
    """Replay every sizing rule over a trace, and write rules.csv, equal_risk.csv, reliability.csv, decisions.csv and replay.html.

    Args:
        path: a trace, long or with a column per metric: resource, time, and CPU in percent, with memory in percent or without.
        out_dir: created where it is missing.
        prices: a list of instance_type, price_usd, vcpu, memory_gib, and what else is known of a type; None for the shipped one.
        instance_type: what every resource is taken to be.
        days: before and after each cutoff; None for what the length of the trace allows, 14 and 7 at most.
        reading: what is said about the file.

    Raises:
        ConfigError: no such file or type.
        DataError: what cannot be read, or no resource has days enough.
    """
    machines = read_machines(path, reading)
    dimensions = tuple(machines[0].p95)
    ladder = make_ladder(read_prices(prices), instance_type, MEMORY in dimensions)
    lookback, horizon = choose_days(machines, *days)
    try:
        found = replay(machines, ladder, lookback, horizon)
    except ValueError as error:
        raise DataError(f"{path}: of {len(machines)} resources {error}") from error
    result = score(found)
    make_folder(out_dir)
    for name, frame in (("rules", result.rules), ("equal_risk", result.equal), ("reliability", result.reliability)):
        frame.round(6).to_csv(out_dir / f"{name}.csv", index=False)
    decisions(found).round(6).to_csv(out_dir / "decisions.csv", index=False)
    page = draw_page(path.name, found, result.rules, result.equal, result.reliability, result.brier)
    (out_dir / "replay.html").write_text(page, encoding="utf-8")
    return result


def score(found: Replay) -> Replayed:
    """All that is said of a replay."""
    equal = [equal_risk(found).assign(risk="CO default's own"), equal_risk(found, 5.0).assign(risk="5 % of windows")]
    return Replayed(found, summarise(found), pd.concat(equal, ignore_index=True), reliability(found), brier(found))


def read_machines(path: Path, reading: Reading = DEFAULTS) -> list[Machine]:
    """The hours of each resource of a trace: P95 and maximum of the samples in each, as shares of capacity.

    Memory counts where the file has it; a resource without it is left out then, and named in a warning.

    Raises:
        ConfigError: no such file, or a column has to be stated.
        DataError: no CPU in it, or a value that is no percentage.
    """
    samples = read_own(path, reading)
    labels = label_series(samples, path)
    kinds = [_NAMES.get(_ENDINGS.sub("", metric.lower())) for _, metric in labels]
    if CPU not in kinds:
        named = sorted({metric for _, metric in labels})
        raise DataError(f"{path}: no CPU utilization: expected a column or metric cpu_percent, got {named}")
    if others := sorted({metric for (_, metric), kind in zip(labels, kinds, strict=True) if kind is None}):
        log.warning("%s: not looked at: %s", path, ", ".join(others))
    kind = np.array([each or "" for each in kinds], dtype=object)[samples.series]
    known = np.isfinite(samples.value) & (kind != "")
    wrong = known & ((samples.value < 0) | (samples.value > _MOST_PCT))
    if wrong.any():
        place = int(np.flatnonzero(wrong)[0])
        where = f"{path}: {samples.sheet.place(int(samples.rows[place]))}"
        raise DataError(f"{where}: expected a percentage of 0 to {_MOST_PCT}, got {samples.value[place]:g}")
    if known.any() and samples.value[known & (kind == CPU)].max(initial=0) <= 1:
        log.warning("%s: no CPU above 1 %%: is it in percent, and not a share?", path)
    hours = pd.DataFrame(
        {
            "series_id": np.array([name for name, _ in labels], dtype=object)[samples.series][known],
            "kind": kind[known],
            "hour": samples.ts[known].astype("datetime64[h]").astype("datetime64[us]"),
            "value": samples.value[known] / 100,
        }
    )
    by_hour = hours.groupby(["series_id", "kind", "hour"], sort=True)["value"]
    both = pd.DataFrame({"p95": by_hour.quantile(0.95), "peak": by_hour.max()}).reset_index()
    table = both.pivot(index=["series_id", "hour"], columns="kind", values=["p95", "peak"]).sort_index()
    wanted = [each for each in (CPU, MEMORY) if each in set(hours["kind"])]
    complete = table.dropna(subset=[("p95", each) for each in wanted])
    found = list(_machines(complete, wanted))
    if left := sorted(set(hours["series_id"]) - {one.series_id for one in found}):
        log.warning("%s: left out, for they have no hour with %s: %s", path, " and ".join(wanted), ", ".join(left[:5]))
    if not found:
        raise DataError(f"{path}: no resource has an hour with {' and '.join(wanted)}")
    return found


def _machines(table: pd.DataFrame, wanted: list[str]) -> Iterator[Machine]:
    for series_id, rows in table.groupby(level="series_id", sort=True):
        ts = rows.index.get_level_values("hour").to_numpy("datetime64[us]")
        p95, peak = ({each: rows[(which, each)].to_numpy(np.float64) for each in wanted} for which in ("p95", "peak"))
        yield Machine(str(series_id), ts, p95, peak)


def choose_days(machines: list[Machine], lookback: int | None = None, horizon: int | None = None) -> tuple[int, int]:
    """Days before and after a cutoff: five eighths of what half of the resources have, and half of the rest.

    Never more than 14 and 7, nor less than 2 and 1.
    """
    median = float(np.median([len(np.unique(one.ts.astype("datetime64[D]"))) for one in machines]))
    before = lookback or int(np.clip(np.floor(median * 5 / 8), 2, _MOST_LOOKBACK))
    after = horizon or int(np.clip(np.ceil((median - before) / 2), 1, _MOST_HORIZON))
    return before, after


def read_prices(path: Path | None) -> pd.DataFrame:
    """A catalogue of instance types: the newest prices that are shipped, or those of a file.

    Raises:
        ConfigError: no such file.
        DataError: a column is missing, or a price or size is no number.
    """
    if path is None:
        listed = plugs.load("sources", "prices").price_list().to_pandas()
        listed = listed.loc[(listed["service"] == "ec2") & (listed["unit"] == "hour")]
        newest = listed.sort_values("ts", kind="stable").drop_duplicates("item", keep="last")
        return catalogue(newest.assign(price_as_of=newest["ts"]).set_index("item"))
    if not path.is_file():
        raise ConfigError(f"no file {path}")
    try:
        sheet = read_sheet(str(path), lambda: path.open("rb"))
    except (OSError, EOFError) as error:
        raise DataError(f"{path}: {error}") from error
    sheet.require(["instance_type", "price_usd", "vcpu", "memory_gib"])
    numbers = [name for name in ("price_usd", "vcpu", "memory_gib", "coremark", "gpu") if name in sheet.data.column_names]
    read = {name: cells.numbers(sheet, name, DEFAULTS)[0] for name in numbers}
    for name in ("price_usd", "vcpu", "memory_gib"):
        sheet.refuse(name, ~(read[name] > 0), "a number above 0")
    names = pd.Index(np.asarray(cells.words(sheet, "instance_type")), dtype=object)
    if twice := sorted(set(names[names.duplicated()])):
        raise DataError(f"{path}: column 'instance_type': expected each type once, got {twice[0]!r} twice")
    words = {name: np.asarray(cells.words(sheet, name)) for name in ("arch", "hypervisor") if name in sheet.data.column_names}
    return catalogue(pd.DataFrame({**read, **words}, index=names))
