"""What somebody else's data set would bring, before it is landed: mapping, loss, range, periods, gaps, seasons and a score."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from shlex import quote
from typing import Any

import pandas as pd

from pipeline.errors import ConfigError, DataError
from pipeline.exploration.compatibility import PARTS, correlate, fits, gather, in_silver, rate
from pipeline.own_files._samples import make_folder
from pipeline.reading.sheet import SUFFIXES, Sheet, read_pieces
from pipeline.reading.trace import Mapping, Traced, read_trace
from pipeline.tables.columns import CANONICAL_METRICS

#: What the source `fleet` has at most.
MOST_SERVERS, MOST_DAYS = 10_000, 7_305
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
        resources: how many have a sample that counts.
        days: from the first with a sample to the last, both included.
    """

    mapping: pd.DataFrame
    loss: pd.DataFrame
    metrics: pd.DataFrame
    scores: pd.DataFrame
    correlations: pd.DataFrame
    score: float
    coverage: float
    resources: int
    days: tuple[date, date]

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
        raise DataError(
            f"{path}: no row is a sample of {', '.join(mapping.metrics)}{_why_none(traced, mapping)}; look at its mapping"
        )
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
        resources=taken.loc[taken["rule"] == "", "resource"].nunique(),
        days=(taken["ts"].min().date(), taken["ts"].max().date()),
    )


def write_mix(report: Report, mapping: Mapping, path: Path, share: float, out: Path) -> str:
    """Write settings that land a data set and, beside it, as many synthetic servers as make it a share of all resources.

    Args:
        report: of the data set.
        mapping: what its columns mean.
        path: the file or folder.
        share: of all resources, those of the data set; above 0 and below 1.
        out: the TOML file to write.

    Returns:
        The share and the counts, in words, and the command that lands both.

    Raises:
        ConfigError: nothing of the data set counts, the share or its days ask for more than the fleet can have, or the file
            cannot be written.
    """
    if not report.resources:
        raise ConfigError(f"{path}: no sample of any resource counts, so it is no share of a mix")
    servers = max(1, round(report.resources * (1 - share) / share))
    if servers > MOST_SERVERS:
        raise ConfigError(
            f"{report.resources:,} resources are {share:.0%} of a mix with {servers:,} synthetic servers; the fleet has at most "
            f"{MOST_SERVERS:,}: read fewer with resources_ratio"
        )
    first, last = report.days
    days = (last - first).days + 1
    if days > MOST_DAYS:
        raise ConfigError(
            f"{path}: its samples are of {first} to {last}, {days:,} days; the fleet beside it has at most {MOST_DAYS:,}: look "
            "at the first and the last moment"
        )
    real = report.resources / (report.resources + servers)
    told = f"{real:.0%} of the resources are the data set's ({report.resources:,}), {1 - real:.0%} synthetic ({servers:,})"
    fleet = {"preset": "realistic", "servers": servers, "start": first.isoformat(), "days": days}
    trace = {"path": str(path.resolve()), **mapping.model_dump(mode="json", exclude_unset=True, exclude_none=True)}
    lines = [f"# {told}.", 'sources = ["trace", "fleet"]']
    for name, options in {"trace": trace, "fleet": fleet}.items():
        lines += ["", f"[options.sources.{name}]", *(f"{option} = {_toml(value)}" for option, value in options.items())]
    try:
        out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot write {out}: {error.strerror}") from error
    return f"{told}: HEADROOM_CONFIG={quote(str(out))} python -m pipeline run --from {first} --to {last + timedelta(days=1)}"


def _toml(value: Any) -> str:
    """A value of JSON as TOML has it."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_toml(name)} = {_toml(each)}" for name, each in value.items()) + " }"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    # TOML knows no surrogates, which stand in JSON for what lies beyond 16 bits.
    return json.dumps(value, ensure_ascii=False)


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


def _why_none(traced: list[Traced], mapping: Mapping) -> str:
    """What keeps rows from being samples, in words; empty where there are none."""
    rows = sum((each.rows for each in traced), Counter[str]())
    said = {
        "not_asked": "are others than where and resources_ratio ask for",
        "undated": f"have no moment of 2000 to 2099 as {mapping.time_format} in {mapping.time_column!r}",
    }
    return "".join(f"; {rows[name]:,} of {rows['rows']:,} {words}" for name, words in said.items() if rows[name])


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
