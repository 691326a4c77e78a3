"""The sections of the page: one module here and one template of the same name each."""

from __future__ import annotations

from importlib import import_module

from pipeline.report.section import Section

# As they stand on the page and in its navigation. Equal findings give equal bytes up to the first telemetry: it comes last.
ORDER = (
    "key_figures",
    "first",
    "recommendations",
    "forecasts",
    "capacity",
    "clusters",
    "anomalies",
    "cost",
    "owners",
    "accuracy",
    "quality",
    "alerts",
    "run_times",
)


def load_section(name: str) -> Section:
    """What the module of that name declares."""
    section: Section = import_module(f"{__name__}.{name}").SECTION
    return section
