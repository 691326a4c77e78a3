"""The report of one run: frames in, self-contained HTML pages out.

No lake, no clock, no files but its own templates, style and script.
"""

from pipeline.report.export import recommendations_csv, recommendations_xlsx
from pipeline.report.findings import Findings
from pipeline.report.page import render, render_owners

__all__ = ["Findings", "recommendations_csv", "recommendations_xlsx", "render", "render_owners"]
