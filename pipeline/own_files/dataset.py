"""What somebody else's data set would bring, before it is landed: mapping, loss, range, periods, gaps, seasons and a score."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pipeline.errors import ConfigError, DataError
from pipeline.exploration.compatibility import PARTS, correlate, fits, gather, in_silver, rate
from pipeline.own_files._samples import make_folder
from pipeline.reading.sheet import SUFFIXES, Sheet, read_pieces
from pipeline.reading.trace import Mapping, Traced, read_trace
from pipeline.tables.columns import CANONICAL_METRICS

#: The tables of a report in their order, each with what it says.
TABLES = {
    "mapping": "what is read, and what it becomes",
    "loss": "what is lost",
    "metrics": "what was found, in silver's units; strengths of day and week 0 to 1, correlation with CPU by the day",
    "correlations": "how metrics move together: Pearson, over days of resources",
    "scores": "how well it fits: each part 0 to 1, the score 0 to 100",
}
_FACTS = ("metric", "unit", "resources", "rows", "period_s", "days", "span_days", "lowest", "highest")
_SEASONS = ("daily_strength", "weekly_strength", "correlation_cpu", "fits_documented")


@dataclass(frozen=True)
class Report:
    """What a data set is, in tables for people.

    Attributes:
        mapping: a row per column that is read: column, metric, statistic, stated unit, factor, silver's unit, and what the
            pipeline asks for under that name.
        loss: what is lost, in words, and how many rows or cells.
        metrics: a row per metric: what was found of it.
        scores: a row per metric: the parts of the score.
        correlations: a row and a column per metric; empty where there is one alone.
        score: of the data set, 0 to 100.
        coverage: share of a server's five metrics.
    """

    mapping: pd.DataFrame
    loss: pd.DataFrame
    metrics: pd.DataFrame
    scores: pd.DataFrame
    correlations: pd.DataFrame
    score: float
    coverage: float

    def write(self, out: Path) -> None:
        """Write each table as CSV into a folder."""
        make_folder(out)
        for name in TABLES:
            getattr(self, name).to_csv(out / f"{name}.csv", index=False)


def report_dataset(path: Path, mapping: Mapping, least_days: int) -> Report:
    """Read a file, or all of a folder, and say what it would bring.

    Args:
        path: the file or folder.
        mapping: what its columns mean.
        least_days: of history before a series is forecast by the day.

    Raises:
        ConfigError: no such file.
        DataError: a column of the mapping is absent, or no row is a sample.
    """
    traced = [piece for file in _files(path) for piece in _read(file, mapping)]
    samples = pd.concat([each.samples.astype({"resource": "object"}) for each in traced], ignore_index=True)
    if samples.empty:
        raise DataError(f"{path}: no row is a sample of {', '.join(mapping.metrics)}; look at its mapping")
    taken = in_silver(samples)
    correlations = correlate(taken)
    facts = gather(taken, path.name)
    cpu = correlations.get("cpu_utilization", pd.Series(dtype="float64")).drop("cpu_utilization", errors="ignore")
    facts["correlation_cpu"] = facts["metric"].map(cpu)
    facts["fits_documented"] = [fits(*pair) for pair in zip(facts["metric"], facts["correlation_cpu"], strict=True)]
    rated = rate(facts, least_days)
    return Report(
        mapping=_mapped(mapping, taken),
        loss=_lost(traced, taken),
        metrics=rated[[*_FACTS, *_SEASONS]],
        scores=rated[["metric", *PARTS, "score", "lacks"]],
        correlations=correlations.rename_axis("metric").reset_index() if len(correlations) > 1 else pd.DataFrame(),
        score=float(rated["dataset_score"].iloc[0]),
        coverage=float(rated["coverage_ratio"].iloc[0]),
    )


def _files(path: Path) -> list[Path]:
    found = sorted(file for file in path.rglob("*") if file.name.endswith(SUFFIXES)) if path.is_dir() else [path]
    if not found or not found[0].is_file():
        raise ConfigError(f"no file {path}, or none in it that ends in {', '.join(SUFFIXES)}")
    return found


def _read(file: Path, mapping: Mapping) -> list[Traced]:
    try:
        return [read_trace(sheet, mapping) for sheet in _pieces(file, mapping)]
    except (OSError, EOFError) as error:
        raise DataError(f"{file}: {error}") from error


def _pieces(file: Path, mapping: Mapping) -> Iterator[Sheet]:
    return read_pieces(str(file), lambda: file.open("rb"), mapping.choose, mapping.columns)


def _mapped(mapping: Mapping, taken: pd.DataFrame) -> pd.DataFrame:
    units = taken.drop_duplicates("metric").set_index("metric")["unit"].to_dict()
    rows = []
    for column, its in mapping.metrics.items():
        unit, meaning = CANONICAL_METRICS.get(its.metric, ("", "a name of its own: forecast and judged, asked for by no rule"))
        said = {"column": column, "metric": its.metric, "statistic": its.statistic, "stated": its.unit, "factor": its.factor}
        rows.append({**said, "in_silver": units.get(its.metric, ""), "asked_for": unit or "any", "meaning": meaning})
    return pd.DataFrame(rows)


def _lost(traced: list[Traced], taken: pd.DataFrame) -> pd.DataFrame:
    """What is lost of the file's rows, and of the cells of the rows that are read."""
    rows: Counter[str] = Counter()
    cells: Counter[tuple[str, str]] = Counter()
    for each in traced:
        rows.update(each.rows)
        cells.update(each.cells)
    said = {"not_asked": "other rows than the mapping asks for", "undated": "no moment", "unnamed": "no resource: quarantined"}
    lost = [("all", reason, rows[name], rows["rows"]) for name, reason in said.items()]
    words = {
        "not_finite": "no number: quarantined",
        "out_of_bounds": "outside the unit's bounds: quarantined",
        "bad_period": "no period of 1 s to a day: quarantined",
        "superseded": "another of the same series and moment: one counts",
    }
    for metric in sorted({metric for metric, _ in cells}):
        every = cells[metric, "cells"]
        lost.append((metric, "empty: no sample", cells[metric, "blank"], every))
        of_rule = taken.loc[taken["metric"] == metric, "rule"].value_counts()
        lost += [(metric, reason, int(of_rule.get(rule, 0)), every) for rule, reason in words.items()]
    found = pd.DataFrame(lost, columns=["metric", "what", "lost", "of"])
    return found[found["lost"] > 0].assign(pct=lambda each: 100 * each["lost"] / each["of"]).reset_index(drop=True)
