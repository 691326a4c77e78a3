"""How a step works segment by segment: one that fails keeps its last good rows, is named, and stops no other."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import ConflictError, DataError, PartialError, ResourceError, SourceError
from pipeline.quality.validate import Result
from pipeline.tables.arrow import TIMESTAMP
from pipeline.tables.columns import FAILED, Granularity
from pipeline.tables.schema import Scope, Table

if TYPE_CHECKING:
    from pipeline.interval import Interval
    from pipeline.lake import Lake

log = logging.getLogger(__name__)
# How long the last good rows of a segment that fails stand in for it.
KEPT = timedelta(days=7)
# It is not the segment that failed: the task is tried again.
_OF_THE_TASK = (ConflictError, MemoryError, ResourceError, SourceError)

T = TypeVar("T")


class SegmentName(NamedTuple):
    """One metric by the hour or by the day."""

    metric: str
    granularity: Granularity

    def __str__(self) -> str:
        return f"{self.metric} by the {self.granularity}"


class Failed(NamedTuple):
    """A segment of which a step failed.

    Attributes:
        trouble: what could not be done, and why.
        instead: what stands in for it, in words.
    """

    metric: str
    granularity: str
    trouble: str
    instead: str

    @property
    def sentence(self) -> str:
        return f"{self.metric} by the {self.granularity} {self.trouble}; {self.instead}."

    @property
    def result(self) -> Result:
        """What is on record, and stands in the head of the report."""
        rule = f"{FAILED}({self.metric}, {self.granularity})"
        return Result("table", rule, "warning", success=False, rows=0, failed_rows=0, note=self.sentence)


def try_each(
    segments: Iterable[SegmentName], work: Callable[[SegmentName], T], trouble: str, stand_in: Callable[[SegmentName], str]
) -> tuple[list[T], list[Failed]]:
    """What was done of each segment that can be worked on, and those that cannot.

    Args:
        segments: in the order in which they are worked on.
        work: raises where the segment fails, whatever the error.
        trouble: such as "could not be forecast".
        stand_in: takes care of what stands in for a segment that failed, and says what that is.

    Raises:
        HeadroomError: what is no segment's fault, as it is: conflicts, and sources and machines that are out of reach.
    """
    done: list[T] = []
    failed: list[Failed] = []
    for segment in segments:
        try:
            done.append(work(segment))
        except _OF_THE_TASK:
            raise
        except Exception as error:
            log.exception("%s %s", segment, trouble)
            said, _, _ = str(error).partition("\n")
            why = f"{type(error).__name__}: {said}"
            failed.append(Failed(*segment, f"{trouble} ({why})", stand_in(segment)))
    return done, failed


def refuse_if_all(failed: list[Failed], *, done: bool, where: str) -> None:
    """Raise where segments failed and none was done: then nothing is published.

    Raises:
        DataError: naming each segment.
    """
    if failed and not done:
        raise DataError(f"{where}: all segments failed: {'; '.join(each.sentence for each in failed)}")


def end_as_partial(failed: list[Failed], rows: int) -> int:
    """The rows, where nothing failed.

    Raises:
        PartialError: naming each segment that did.
    """
    if failed:
        raise PartialError("; ".join(each.sentence for each in failed), rows)
    return rows


def read_last_good(
    table: Table, segment: SegmentName, interval: Interval, lake: Lake, within: tuple[tuple[str, tuple[str | int, ...]], ...] = ()
) -> pa.Table:
    """What a table says of a segment as of the moments of the last week, the interval's end among them.

    Args:
        within: values by column that the rows are narrowed to.
    """
    end = interval.as_of
    narrowed = (*within, ("granularity", (segment.granularity,)), ("metric", (segment.metric,)))
    return lake.read(table, Scope("as_of", end - KEPT, end + timedelta(microseconds=1), narrowed))


def newest(rows: pa.Table) -> pa.Table:
    """Those rows that were known last."""
    return rows.filter(pc.equal(rows["as_of"], pc.max(rows["as_of"])))


def set_all(rows: pa.Table, **values: str | datetime) -> pa.Table:
    """The rows, with the same value in all of a column."""
    for name, value in values.items():
        same = pa.scalar(value, TIMESTAMP) if isinstance(value, datetime) else pa.scalar(value)
        rows = rows.set_column(rows.column_names.index(name), name, pa.repeat(same, rows.num_rows))
    return rows
