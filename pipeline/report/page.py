"""The page: findings in, one self-contained HTML file out."""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from pipeline.report import charts, sections, words
from pipeline.report.findings import Findings

if TYPE_CHECKING:
    from jinja2 import Template

FOLDER = Path(__file__).parent

# Everything after this comment is telemetry: how the run went, not what it found. Before it, equal findings give equal bytes.
TELEMETRY = "<!-- telemetry -->"


def render(findings: Findings) -> str:
    """The report as HTML that loads nothing from anywhere: style, script and charts are in the page."""
    script = (FOLDER / "report.js").read_text(encoding="utf-8").strip()
    return _template().render(
        as_of=words.minute(findings.as_of),
        start=words.minute(findings.interval.start),
        end=words.minute(findings.interval.end),
        header=sections.header(findings),
        figures=sections.key_figures(findings),
        recommendations=sections.recommendations(findings),
        forecasts=sections.forecasts(findings),
        capacity=sections.capacity(findings),
        anomalies=sections.anomalies(findings),
        cost=sections.cost(findings),
        accuracy=sections.accuracy(findings),
        quality=sections.quality(findings),
        run_times=sections.run_times(findings),
        style=(FOLDER / "report.css").read_text(encoding="utf-8").strip(),
        script=script,
        # The browser runs this script and no other, whatever a name in the data looks like.
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        telemetry=TELEMETRY,
    )


@lru_cache(maxsize=1)
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["code"] = _code
    environment.globals["swatch"] = charts.legend_swatch
    environment.globals["plural"] = words.plural
    return environment.get_template("report.html.j2")


def _code(text: str) -> Markup:
    """What stands between backticks, as code."""
    parts = [escape(part) for part in text.split("`")]
    return Markup("").join(Markup("<code>{}</code>").format(part) if i % 2 else part for i, part in enumerate(parts))
