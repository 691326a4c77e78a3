"""Make `sql/views/executive_kpis.sql` from `sql/inputs/executive_kpis.sql`: `python -m tools.kpi_view`.

The view says what the input says as of the end of the newest run that checked anything. A test holds the file to what is made
here.
"""

from __future__ import annotations

from itertools import takewhile

from pipeline.lake import sql

VIEW = sql.SQL / "views" / "executive_kpis.sql"
HEADER = {"-- inputs.": "-- views.", "as of a moment": "as of the newest run's end"}
MADE = "-- Made by `python -m tools.kpi_view` from inputs.executive_kpis: change that file, not this one."
NEWEST = "WITH newest AS (\n  SELECT max(as_of) AS as_of\n  FROM gold.quality_result\n),\n"


def make_view() -> str:
    """The SQL of the view: the input's, with a query for its moment."""
    lines = sql.text("inputs.executive_kpis").splitlines(keepends=True)
    header = list(takewhile(lambda line: line.startswith("--"), lines))
    said = "".join(line for line in header if not line.startswith("-- Params"))
    for words, others in HEADER.items():
        said = said.replace(words, others)
    query = "".join(lines[len(header) :]).replace(":as_of", "(SELECT as_of FROM newest)")
    return f"{said}{MADE}\n{NEWEST}{query.removeprefix('WITH ')}"


if __name__ == "__main__":
    VIEW.write_text(make_view())
