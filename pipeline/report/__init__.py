"""The report of one run: frames in, one self-contained HTML page out.

No lake, no clock, no files but its own templates, style and script.
"""

from pipeline.report.export import recommendations_csv
from pipeline.report.findings import Findings
from pipeline.report.page import render

__all__ = ["Findings", "recommendations_csv", "render"]
