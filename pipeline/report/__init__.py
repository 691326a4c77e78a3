"""The report of one run: frames in, one self-contained HTML page out. No lake, no clock, no files but its own templates."""

from pipeline.report.export import recommendations_csv
from pipeline.report.findings import Findings
from pipeline.report.page import render
from pipeline.report.selection import charted_series

__all__ = ["Findings", "charted_series", "recommendations_csv", "render"]
