"""Make views from what steps read as of a moment: `python -m tools.kpi_view`.

Such a view says what the input of the same name says as of the end of the newest run, or of the newest sample. A test holds the
files to what is made here.
"""

from __future__ import annotations

from itertools import takewhile

from pipeline.lake import sql

#: The views that are made, and the table whose newest `as_of` is the newest run: one that each run writes to.
MADE = {"executive_kpis": "gold.quality_result", "capacity_next": "gold.capacity_risk", "status_course": "", "status_now": ""}
#: What only some are asked for, a view has of all: lines of the head and of the query that name it are left out.
_SOME = ":series"
#: What is so now is of no run: its moment is the end of the newest period that was observed.
_OBSERVED = """max(until_at) AS as_of
  FROM (
    SELECT max(date_add('minute', 5, ts)) AS until_at FROM silver.metric_5min
    UNION ALL SELECT max(date_add('hour', 1, hour)) FROM silver.metric_hourly WHERE quality_flag <> 1
  ) AS seen"""

#: Made from what compares any two periods.
DRIVERS = "cost_drivers_monthly"
# Where its parts begin, in both files: the charges, what is compared, and what that comes to.
_CHARGES, _MONTHS, _SIDES, _PARTS = (f"{name} AS (\n" for name in ("WITH charges", "monthly", "sides", "compared"))

_HEADER = {"-- inputs.": "-- views.", "as of a moment": "as of the newest {}"}


def make_view(name: str) -> str:
    """The SQL of a view: the input's, with a query for its moment."""
    lines = [line for line in sql.text(f"inputs.{name}").splitlines(keepends=True) if _SOME not in line]
    header = list(takewhile(lambda line: line.startswith("--"), lines))
    said = "".join(line for line in header if not line.startswith(("-- Params", "-- Window")))
    table = MADE[name]
    for words, others in _HEADER.items():
        said = said.replace(words, others.format("run's end" if table else "sample"))
    query = "".join(lines[len(header) :]).replace(":as_of", "(SELECT as_of FROM newest)")
    made = f"-- Made by `python -m tools.kpi_view` from inputs.{name}: change that file, not this one.\n"
    moment = f"max(as_of) AS as_of\n  FROM {table}" if table else _OBSERVED
    newest = f"WITH newest AS (\n  SELECT {moment}\n),\n"
    return f"{said}{made}{newest}{query.removeprefix('WITH ')}"


def make_drivers() -> str:
    """The SQL of `views.cost_drivers_monthly`: which months are compared it says itself, all else the input that compares two."""
    own, asked = (sql.text(name) for name in (f"views.{DRIVERS}", "inputs.cost_drivers"))
    head, _, rest = own.partition(_CHARGES)
    months = rest[rest.index(_MONTHS) : rest.index(_PARTS)]
    charges = asked[asked.index(_CHARGES) : asked.index(_SIDES)]
    parts = asked[asked.index(_PARTS) : asked.index("\nORDER BY ") + 1]
    return f"{head}{charges}{months}{parts}"


if __name__ == "__main__":
    for each in MADE:
        (sql.SQL / "views" / f"{each}.sql").write_text(make_view(each))
    (sql.SQL / "views" / f"{DRIVERS}.sql").write_text(make_drivers())
