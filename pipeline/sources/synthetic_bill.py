"""A synthetic estate's bill as FOCUS lines. Simulation is a source one asks for: every row says `synthetic_bill`.

The estate stands around the realistic `fleet` of the same servers, days and seed: its machines are that fleet's, at list prices;
beside them are disks, snapshots, balancers, gateways, databases, buckets and functions, a Savings Plan, reservations, support,
tax and credits. Usage has weeks, month ends, holidays, growth, launches, and labelled trouble (`draw_estate` knows the labels and
what was to be expected). A bill lists what was used before the day of its export, and after a month was closed some bills change.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from functools import lru_cache
from io import BytesIO
from typing import NamedTuple

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from pipeline.interval import Interval
from pipeline.reading.sheet import Sheet
from pipeline.sources import _bill_charges, _bill_estate, _bill_usage, _bronze
from pipeline.sources._batch import Load
from pipeline.sources._bill_charges import Bill
from pipeline.sources._bill_estate import Application, Stream
from pipeline.sources._bill_exports import Execution
from pipeline.sources._bill_formats import FOCUS, detect
from pipeline.sources._bill_lines import lines_of
from pipeline.sources._bill_usage import Event, Restatement
from pipeline.sources._files import File
from pipeline.sources._realistic_demand import Floats

NAME = "synthetic_bill"
TABLES = (FOCUS,)


class Options(BaseModel):
    """Whose bill, and as of which day."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    servers: int = Field(default=120, ge=1, le=10_000, description="Number of servers, as of the realistic fleet.")
    start: date = Field(
        default=date(2025, 4, 1), ge=date(2000, 1, 1), le=date(2100, 1, 1), description="First day of the estate's life."
    )
    days: int = Field(default=548, ge=1, le=7305, description="Days that the estate lives.")
    seed: int = Field(default=42, ge=0, le=2**32 - 1, description="Equal seeds give equal bills, in every process.")
    exported: date | None = Field(
        default=None,
        description="Day of the exports, which know the days before it; by default long after, when every month is closed.",
    )


class Estate(NamedTuple):
    """All that is known of an estate, its bill among it.

    Attributes:
        apps, streams: what is used for whom.
        events: what was unusual, the planned among it; `_bill_usage.label` says what each cost.
        expected: units per day and stream, (T, S), that were to be expected, without what was unusual unless it was planned.
        bill: what there is to charge for.
        restated: what bills said wrongly until they were changed.
    """

    apps: list[Application]
    streams: list[Stream]
    events: list[Event]
    expected: Floats
    bill: Bill
    restated: list[Restatement]


def fetch(interval: Interval, options: Options) -> Iterator[Load]:
    """The bill of each month of the estate's life that the interval touches, whole."""
    for period in _months(interval, options):
        changed = _changed(period, options)
        if changed is None:
            continue
        export = f"estate-{options.servers}-{options.start}-{options.days}-{options.seed}"
        execution = Execution(export, (File(export, (f"{changed}", 0)),), period, f"{changed}")
        yield Load(
            table=FOCUS,
            shard=f"{export}-{period:%Y-%m}",
            fingerprint=execution.fingerprint,
            period=period,
            pieces=lambda period=period, execution=execution: _pieces(options, period, execution),  # type: ignore[misc]
        )


def span(options: Options) -> Interval:
    """The days of the estate's life that an export knows."""
    last = options.start + timedelta(days=options.days)
    return Interval.days(f"{options.start}", f"{max(min(last, options.exported or last), options.start + timedelta(days=1))}")


def draw_estate(options: Options) -> Estate:
    """The estate behind a bill, with the labels and true expectations that an evaluation needs."""
    return _drawn(options.servers, options.start, options.days, options.seed)


@lru_cache(maxsize=2)
def _drawn(servers: int, start: date, days: int, seed: int) -> Estate:
    apps, streams = _bill_estate.estate(servers, days, seed)
    streams, events = _bill_usage.draw_events(streams, days, seed)
    expected, used = _bill_usage.quantities(apps, streams, events, start, days, seed)
    restated = _bill_usage.draw_restatements(streams, start, days, seed)
    return Estate(apps, streams, events, expected, _bill_charges.open_bill(start, streams, used), restated)


def _months(interval: Interval, options: Options) -> Iterator[date]:
    end = options.start + timedelta(days=options.days)
    period = max(interval.start.date(), options.start).replace(day=1)
    while period < min(interval.whole_months().end.date(), end):
        yield period
        period = _bill_charges.next_month(period)


def _exported(options: Options) -> date:
    return options.exported or options.start + timedelta(days=options.days + 366)


def _changed(period: date, options: Options) -> date | None:
    """The day of the last export that says something new of a month; None where none has a line yet."""
    exported, end = _exported(options), _bill_charges.next_month(period)
    if exported <= max(period, options.start):
        return None
    known = draw_estate(options).restated if exported > end else []
    published = [each.published for each in known if each.period == period and each.published <= exported]
    return max([min(exported, end), *published])


def _pieces(options: Options, period: date, execution: Execution) -> Iterator[pa.Table]:
    """The lines of a month as its export has them."""
    estate = draw_estate(options)
    said = _bill_usage.as_said(estate.bill.used, estate.restated, _exported(options))
    lines = _bill_charges.lines(replace(estate.bill, used=said), period, _exported(options))
    sheet = Sheet(execution.name, lines, None, BytesIO)
    found = detect(execution.name, lines.column_names)
    yield _bronze.within(lines_of(sheet, found, execution, NAME, 1), Interval.day(period).whole_months(), "billing_period")
