"""How much of what a source landed was refused: of its rows, series, resources and dollars."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from pipeline.quality.validate import Result
from pipeline.settings import LEAST_ROWS
from pipeline.tables.columns import LEFT_OUT

#: What counts and what was refused of a table of bronze, by the name of the query in `inputs`.
QUERIES = {
    "bronze.metric_sample": "left_out_samples",
    "bronze.focus_line": "left_out_lines",
    "bronze.cur_line": "left_out_lines",
    "bronze.resource_snapshot": "left_out_resources",
    "bronze.price": "left_out_prices",
}
# Of what each row stands alone: no total lacks it, and a type without a price is named by `recommend`.
_NO_LIMIT = ("bronze.price",)
# What a series of a table is called, where it is no series of measurements.
_SERIES = {"bronze.price": "prices"}
# Rules that a sentence names, the most frequent first.
_NAMED = 3


@dataclass(frozen=True)
class Part:
    """So much of so much."""

    refused: float
    of: float

    @property
    def share(self) -> float:
        return self.refused / self.of if self.of else 0.0


@dataclass(frozen=True)
class LeftOut:
    """What was refused of one source's rows of one table in one interval.

    Attributes:
        rows: that count or were refused; superseded ones are neither.
        series: of which no row counts, where rows have a series; of a price list, prices.
        resources: of which no row counts, where rows have a resource.
        dollars: of the lines of a bill, as billed.
        unread: refused lines of which nobody can tell the dollars.
        rules: rows by the rule that refused them, the most frequent first.
    """

    source: str
    table: str
    rows: Part
    series: Part
    resources: Part
    dollars: Part
    unread: int
    rules: dict[str, int]

    def exceeds(self, limit: float) -> bool:
        """Whether more than that share of rows or dollars was refused; never of fewer than `LEAST_ROWS` rows, nor of prices."""
        judged = self.table not in _NO_LIMIT and self.rows.of >= LEAST_ROWS
        return judged and max(self.rows.share, self.dollars.share) > limit

    @property
    def sentence(self) -> str:
        whole = [
            f"{part.refused:,.0f} of {part.of:,.0f} {what} whole"
            for what, part in ((_SERIES.get(self.table, "series"), self.series), ("resources", self.resources))
            if part.refused
        ]
        money = [f"{self.dollars.refused:,.2f} of {self.dollars.of:,.2f} dollars ({_percent(self.dollars)})"]
        money += (
            [f"{self.unread:,} {'line' if self.unread == 1 else 'lines'} whose dollars cannot be read"] if self.unread else []
        )
        with_them = [*(money if self.dollars.of or self.unread else []), *whole]
        rules = ", ".join(f"{rule} {rows:,}" for rule, rows in list(self.rules.items())[:_NAMED])
        return (
            f"Source {self.source}: {self.rows.refused:,.0f} of {self.rows.of:,.0f} rows of {self.table} ({_percent(self.rows)}) "
            f"were left out{', with them ' + ', '.join(with_them) if with_them else ''}: {rules}. "
            "silver.quarantine has each of them."
        )

    def result(self, limit: float) -> Result:
        """What is on record, and stands in the report's head."""
        return Result(
            subject="table",
            rule=f"{LEFT_OUT}({self.source})",
            severity="critical" if self.exceeds(limit) else "warning",
            success=False,
            rows=int(self.rows.of),
            failed_rows=int(self.rows.refused),
            note=f"{self.sentence} {_what_to_do(limit)}" if self.exceeds(limit) else self.sentence,
        )


def find_left_out(counted: pd.DataFrame, table: str) -> list[LeftOut]:
    """What was left out of each source of which anything was, in the order of their names.

    Args:
        counted: the answer of its query in QUERIES: source, resource, series, rule (null for what counts), rows, dollars,
            unread, and of which table where it is about several.
        table: its name.
    """
    if "table_name" in counted.columns:
        counted = counted[counted["table_name"] == table]
    return [left for source, rows in counted.groupby("source", sort=True) for left in _of_source(str(source), rows, table)]


def _of_source(source: str, rows: pd.DataFrame, table: str) -> Iterator[LeftOut]:
    refused = rows[rows["rule"].notna()]
    if refused.empty:
        return
    by_rule = refused.groupby("rule")["rows"].sum().reset_index().sort_values(["rows", "rule"], ascending=[False, True])
    yield LeftOut(
        source=source,
        table=table,
        rows=Part(int(refused["rows"].sum()), int(rows["rows"].sum())),
        series=_whole(rows, "series"),
        resources=_whole(rows, "resource"),
        dollars=Part(float(refused["dollars"].sum()), float(rows["dollars"].sum())),
        unread=int(refused["unread"].sum()),
        rules=dict(zip(by_rule["rule"], by_rule["rows"].astype(int), strict=True)),
    )


def _whole(rows: pd.DataFrame, what: str) -> Part:
    """How many series, or resources, have no row that counts."""
    known, good = (part[what].dropna().nunique() for part in (rows, rows[rows["rule"].isna()]))
    return Part(known - good, known)


def _what_to_do(limit: float) -> str:
    return (
        f"That is more than {limit:.3g} (quarantine_limit) of a source. Correct the source and ingest these days again, or, "
        "where the rest is good without these rows, set HEADROOM_QUARANTINE_LIMIT higher for this build."
    )


def _percent(part: Part) -> str:
    return f"{part.share:.1%}" if part.share >= 0.001 or not part.refused else "less than 0.1%"
