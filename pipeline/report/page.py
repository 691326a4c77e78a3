"""The page: findings in, one self-contained HTML file out."""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from pipeline import __version__
from pipeline.report import charts, words
from pipeline.report.findings import Findings
from pipeline.report.owners import FOLDERS, list_owners, sections_of
from pipeline.report.section import Empty, Section
from pipeline.report.sections import ORDER, load_section
from pipeline.report.sections.sources import caveats

if TYPE_CHECKING:
    from jinja2 import Environment, Template

FOLDER = Path(__file__).parent

# Everything after this comment is telemetry: how the run went, not what it found. Before it, equal findings give equal bytes.
TELEMETRY = "<!-- telemetry -->"


def render(findings: Findings) -> str:
    """The report as HTML that loads nothing from anywhere: style, script and charts are in the page."""
    return _page(findings, [_render_section(load_section(name), name, findings) for name in ORDER])


def render_owners(findings: Findings) -> dict[str, str]:
    """A page of each account and team that the report lists: HTML by its path beside the report."""
    pages = {}
    for kind in FOLDERS:
        for owner in list_owners(findings, kind)[: findings.most_pages]:
            shown = [_render_section(section, template, findings) for section, template in sections_of(owner)]
            pages[owner.page] = _page(findings, shown, f"{kind} {owner.name}")
    return pages


def _page(findings: Findings, shown: list[tuple[Section, Markup]], subject: str = "") -> str:
    """Sections as a page; `subject` is what it is about where that is not all."""
    script = (FOLDER / "report.js").read_text(encoding="utf-8").strip()
    return _template("page").render(
        subject=subject,
        as_of=words.minute(findings.as_of),
        start=words.minute(findings.interval.start),
        end=words.minute(findings.interval.end),
        caveats=caveats(findings),
        sections=shown,
        style=(FOLDER / "report.css").read_text(encoding="utf-8").strip(),
        script=script,
        # The browser runs this script and no other, whatever a name in the data looks like.
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        telemetry=TELEMETRY,
        version=__version__,
    )


def _render_section(section: Section, template: str, findings: Findings) -> tuple[Section, Markup]:
    """A section, and what stands below its heading: its own template filled with what was found."""
    content = section.content(findings)
    body = _template("empty").render(reason=content) if isinstance(content, Empty) else _template(template).render(content)
    return section, Markup(body)  # noqa: S704 the templates escape


def fill(template: str, **content: Any) -> str:
    """A page of another kind from its template, by the same rules."""
    return _template(template).render(**content)


def _template(name: str) -> Template:
    return _environment().get_template(f"{name}.html.j2")


@lru_cache(maxsize=1)
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["code"] = _code
    environment.globals["swatch"] = charts.legend_swatch
    environment.globals["plural"] = words.plural
    return environment


def _code(text: str) -> Markup:
    """What stands between backticks, as code."""
    parts = [escape(part) for part in text.split("`")]
    return Markup("").join(Markup("<code>{}</code>").format(part) if i % 2 else part for i, part in enumerate(parts))
