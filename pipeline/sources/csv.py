"""Bring your own metrics: CSV or Parquet files, long or wide, into `bronze.metric_sample`.

Long has one row per sample: resource, metric, time, value, and where they vary unit, statistic, account, region, period.
Wide has a column per metric (beside a column of resources, or of one resource_id), or a column per resource or series, as
Grafana, Datadog and CloudWatch's console export them. The unit is always stated, by a column, an option, or `%` in the cells:
whether 0.8 is a ratio or a percentage is never guessed. Values land as they are; silver converts them, and quarantines
what lies outside its unit's bounds.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.types import union_categoricals
from pydantic import Field

from pipeline.errors import ConfigError, DataError
from pipeline.interval import Interval
from pipeline.reading import cells
from pipeline.reading.names import METRIC, STATISTIC, Named
from pipeline.reading.options import Reading
from pipeline.reading.samples import Samples, read_samples
from pipeline.reading.sheet import SUFFIXES
from pipeline.sources import _bronze, _files, inventory_file
from pipeline.sources._batch import Batch
from pipeline.sources._bronze import IDENTIFIER, PLAIN_NAME, is_plain
from pipeline.sources._cloudwatch_metrics import METRICS, Metric
from pipeline.sources._periods import LONGEST_PERIOD_S, SERIES, commonest_steps
from pipeline.tables.columns import STATED_UNITS, StatedUnit

NAME = "csv"
TABLES = ("bronze.metric_sample",)
#: What a user types, for `sources show csv`.
EXAMPLE = """python -m pipeline run --source csv --path metrics.csv --option unit=percent
python -m pipeline run --source csv --path wide.csv --option 'units={"cpu_utilization": "ratio", "network_in": "bytes/second"}'
python -m pipeline run --source csv --path grafana.csv --option metric=cpu_utilization --option unit=%"""

log = logging.getLogger(__name__)

PLAIN_METRIC = "a plain name: letters, digits and . _ : / -, a letter first, no blanks, no '..'"


class Options(Reading, _files.Stored):
    """Where the file lies and how to read it."""

    path: _files.Location = Field(
        description=f"The file, .csv, .csv.gz, .tsv or .parquet: {_files.WHERE}, whose files are each read on its own; as in "
        f"s3://bucket/metrics/%Y/%m/%d/*.csv. {_files.DATED}."
    )
    units: dict[str, StatedUnit] = Field(
        default_factory=dict,
        max_length=200,
        description='Unit per metric, e.g. {"cpu_utilization": "ratio"}. Of a file with a column per metric only these are read.',
    )
    unit: StatedUnit | None = Field(
        default=None, description="Unit of every metric that `units` does not name, where the file states none."
    )
    statistic: str = Field(
        default="Average",
        pattern=f"^{STATISTIC}$",
        description="What a sample is of its period (Average, Maximum, p95 …), where the file does not say.",
    )
    account: str = Field(default="local", pattern=f"^{IDENTIFIER}$", description="Account, where the file has no account column.")
    region: str = Field(default="local", pattern=f"^{IDENTIFIER}$", description="Region, where the file has no region column.")
    inventory: _files.Location | None = Field(
        default=None,
        description="Inventory, as inventory_file reads it, that says which account and region a resource is in, where the file "
        "does not.",
    )
    period_s: int | None = Field(
        default=None,
        ge=1,
        le=LONGEST_PERIOD_S,
        description="Seconds a sample stands for. Unset: the file's period_s column, else its series' commonest step.",
    )


def fetch(interval: Interval, options: Options) -> Iterator[Batch]:
    """The files' samples of the interval, ordered by ts, resource and metric. An empty cell is no sample.

    Raises:
        SourceError: the file cannot be read.
        ConfigError: no unit is stated for a metric, or what a column means is not.
        DataError: a column is absent, or a row holds something that is not a moment, number, unit or plain identifier.
    """
    samples = _all_samples(options, interval)
    first, end = np.searchsorted(samples["ts"].to_numpy(), np.array([interval.start, interval.end], dtype="datetime64[us]"))
    chosen = samples.iloc[first:end]
    landed = _bronze.rows("bronze.metric_sample", {"source": NAME, **{name: chosen[name] for name in chosen.columns}})
    yield from _bronze.batch("bronze.metric_sample", _files.shard_of(options.path), landed)


def span(options: Options) -> Interval:
    """The days that the files have samples of; raises as `fetch` does."""
    moments = _all_samples(options, None)["ts"]
    return _bronze.days(options.path, *((moments.iloc[0], moments.iloc[-1]) if len(moments) else (None, None)))


def _all_samples(options: Options, interval: Interval | None) -> pd.DataFrame:
    stored = _files.stored_of(options)
    files = _files.find(NAME, options.path, stored, SUFFIXES, interval)
    inventory = _files.find(inventory_file.NAME, options.inventory, stored) if options.inventory else ()
    return _samples(options.model_dump_json(), files, inventory)


@lru_cache(maxsize=1)
def _samples(options_json: str, files: tuple[_files.File, ...], inventory: tuple[_files.File, ...]) -> pd.DataFrame:
    """All files, ordered. A backfill asks for one day after the other; a file is parsed once."""
    options = Options.model_validate_json(options_json)
    frames = [_samples_of(file, options) for file in files]
    samples = frames[0] if len(frames) == 1 else _joined(frames)
    again = int(samples.duplicated(["ts", *SERIES, "statistic"]).sum())
    if again:
        log.warning(
            "%s: %s samples stand beside another of their series and moment; silver keeps one", options.path, f"{again:,}"
        )
    if inventory:
        samples = _placed(samples, options)
    order = np.lexsort((_rank(samples["metric"]), _rank(samples["resource_id"]), samples["ts"].to_numpy()))
    return samples.iloc[order].reset_index(drop=True)


def _joined(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """The rows of all; words stay categories."""
    words = [str(name) for name in frames[0] if isinstance(frames[0][name].dtype, pd.CategoricalDtype)]
    joined = pd.concat([frame.drop(columns=words) for frame in frames], ignore_index=True)
    return joined.assign(**{name: union_categoricals([frame[name] for frame in frames]) for name in words})


def _samples_of(file: _files.File, options: Options) -> pd.DataFrame:
    """One file. What it does not say is told from it alone, whatever lies beside it."""
    read = read_samples(_files.read(NAME, file, _files.stored_of(options)), options, tuple(options.units))
    names = [_resolved(name) for name in read.names]
    _check_names(read, names, options)
    frame = pd.DataFrame(
        {
            "account": _beside(read, "account", [name.account for name in names], options.account),
            "region": _beside(read, "region", [name.region for name in names], options.region),
            "resource_id": _coded(read.series, [name.resource or "" for name in names]),
            "ts": read.ts,
            "metric": _coded(read.series, [name.metric or "" for name in names]),
            "statistic": _coded(read.series, [name.statistic or options.statistic for name in names]),
            "value": read.value,
            "unit": _units(options, read, names),
            **_periods(options, read, names),
        }
    )
    samples = frame[frame["value"].notna()]
    for remark in read.remarks:
        log.warning("%s: %s", file.name, remark)
    if "period_s" not in samples:
        samples = samples.assign(period_s=options.period_s or commonest_steps(file.name, samples))
    return samples


def _placed(samples: pd.DataFrame, options: Options) -> pd.DataFrame:
    """The samples in the account and region where the inventory says that their resource is, unless the file says where.

    Raises:
        DataError: the inventory has a resource of that id in several places.
    """
    stored = _files.stored_of(options).model_dump()
    asked = inventory_file.Options(path=options.inventory, account=options.account, region=options.region, **stored)
    places = inventory_file.read_places(asked, samples["resource_id"].cat.categories)
    unsaid = (samples["account"] == options.account) & (samples["region"] == options.region)
    listed = samples["resource_id"].isin(list(places)) & unsaid
    ids = samples["resource_id"].cat
    moved = {}
    for position, name in enumerate(("account", "region")):
        by_id = np.array([places.get(each, ("", ""))[position] for each in ids.categories], dtype=object)[ids.codes]
        moved[name] = pd.Categorical(np.where(listed, by_id, samples[name].astype("object")))
    return samples.assign(**moved)


def _resolved(name: Named) -> Named:
    """A CloudWatch metric's resource in the form that the source `cloudwatch` gives it."""
    known = _cloudwatch_metric(name)
    return name._replace(resource=known.resource.format(**dict(name.dimensions))) if known else name


def _cloudwatch_metric(name: Named) -> Metric | None:
    said = (name.namespace, name.metric, {dimension for dimension, _ in name.dimensions})
    return next((each for each in METRICS if (each.namespace, each.name, set(each.dimensions)) == said), None)


def _check_names(read: Samples, names: list[Named], options: Options) -> None:
    """Raise unless every series has a plain resource and metric.

    Raises:
        ConfigError: nothing says which resource, or which metric.
        DataError: a name is not plain.
    """
    for name in names:
        if name.resource is None and read.sheet.dialect and read.sheet.dialect.labels:
            raise DataError(
                f"{read.sheet}: the label of column {name.raw!r} names no resource, metric, statistic and period, as an "
                "expression's does not; leave it out of the graph"
            )
        if name.resource is None and name.metric is None and name.raw:
            raise ConfigError(
                f"{read.sheet}: column {name.raw!r}: is that a metric or a resource? Where columns are metrics, state "
                'resource_id; where they are resources, metric; where they are both, series, as in series="{metric} {resource}"'
            )
        if name.resource is None:
            raise ConfigError(
                f"{read.sheet}: nothing names the resource of {name.raw or name.metric!r}; state resource_column or resource_id; "
                f"{read.sheet.contents}"
            )
        if name.metric is None:
            raise ConfigError(
                f"{read.sheet}: nothing names the metric of {name.resource!r}; state metric_column or metric; "
                f"{read.sheet.contents}"
            )
    several = "" if options.series else '; where it says more than that, state series, as in series="{metric} {resource}"'
    unsafe = [not is_plain(name.resource or "") for name in names]
    read.refuse_names(unsafe, read.resource_column, PLAIN_NAME + several)
    read.refuse_names([not is_plain(name.metric or "", METRIC) for name in names], read.metric_column, PLAIN_METRIC)
    stated = [name.statistic is not None and not is_plain(name.statistic, STATISTIC) for name in names]
    column = "statistic" if "statistic" in read.sheet.data.column_names else ""
    read.refuse_names(stated, column, "Average, Maximum, Minimum, Sum, SampleCount or a percentile as p95")


def _beside(read: Samples, column: str, said: list[str | None], default: str) -> pd.Categorical:
    """A column of plain names, or what the series' names say, or the default."""
    if column not in read.sheet.data.column_names:
        return _coded(read.series, [each or default for each in said])
    return _column_of_words(read, column, IDENTIFIER, PLAIN_NAME)[read.rows]


def _column_of_words(read: Samples, column: str, pattern: str, expected: str) -> pd.Categorical:
    found = cells.words(read.sheet, column)
    # The entry appended last stands for an empty cell.
    unsafe = np.array([not is_plain(word, pattern) for word in found.categories] + [True])
    read.sheet.refuse(column, unsafe[np.asarray(found.codes)], expected)
    return found


def _periods(options: Options, read: Samples, names: list[Named]) -> dict[str, Any]:
    """The column `period_s`, where option or file state it."""
    if options.period_s is not None:
        return {}
    if names and all(name.period_s for name in names):
        return {"period_s": np.array([name.period_s for name in names], dtype=np.int64)[read.series]}
    if "period_s" not in read.sheet.data.column_names:
        return {}
    period, _ = cells.numbers(read.sheet, "period_s", options)
    whole = (period >= 1) & (period <= LONGEST_PERIOD_S) & (period % 1 == 0)
    read.sheet.refuse("period_s", ~whole, f"whole seconds from 1 to {LONGEST_PERIOD_S}")
    return {"period_s": period.astype("int64")[read.rows]}


def _units(options: Options, read: Samples, names: list[Named]) -> pd.Categorical:
    if "unit" in read.sheet.data.column_names:
        pattern = f"(?i:{'|'.join(map(re.escape, STATED_UNITS))})"
        return _column_of_words(read, "unit", pattern, f"one of {', '.join(STATED_UNITS)}")[read.rows]
    return _coded(read.series, [_unit_of(options, name, percent) for name, percent in zip(names, read.percent, strict=True)])


def _unit_of(options: Options, name: Named, percent: bool) -> str:
    """What the cells, the options, or CloudWatch's own list say.

    Raises:
        ConfigError: nobody does, or the cells say another unit than the options.
    """
    stated = options.units.get(name.metric or "", options.unit)
    if percent:
        if stated not in (None, "%", "percent"):
            raise ConfigError(f"{options.path}: the values of {name.metric!r} have %, and their unit is said to be {stated}")
        return "percent"
    known = _cloudwatch_metric(name)
    unit = stated or (known.unit if known else None)
    if unit is None:
        raise ConfigError(
            f"{options.path}: the unit of metric {name.metric!r} is not stated; add a column `unit`, or the option unit or "
            f"units={{{json.dumps(name.metric)}: …}}, with one of {', '.join(STATED_UNITS)}"
        )
    return unit


def _coded(codes: npt.NDArray[np.int64], words: list[str]) -> pd.Categorical:
    """The word of each place; words may repeat."""
    same, kept = pd.factorize(pd.Series(words, dtype="object"))
    # Codes are an array, which pandas takes but its types do not know.
    every: Any = same[codes] if len(same) else codes
    return pd.Categorical.from_codes(every, categories=pd.Index(kept, dtype="object"))


def _rank(words: pd.Series) -> npt.NDArray[np.int64]:
    """Place of each row's word in alphabetical order."""
    rank = np.argsort(np.argsort(words.cat.categories.to_numpy(dtype=str), kind="stable"))
    ranks: npt.NDArray[np.int64] = rank[words.cat.codes.to_numpy()]
    return ranks
