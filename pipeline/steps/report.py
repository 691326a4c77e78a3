"""Write what a run found where people read it: one HTML page and the recommendations as a file for spreadsheets."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from pipeline.inputs.findings import gather
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.quality.data_docs import build_data_docs
from pipeline.report import recommendations_csv, render
from pipeline.settings import Settings
from pipeline.steps._declaration import Step

STEP = Step(role="publisher")


def report(interval: Interval, lake: Lake, settings: Settings) -> int:
    """Write `report.html` and `recommendations.csv` into the run's folder, each whole or not at all, and build its data docs.

    Returns:
        Rows in `recommendations.csv`.
    """
    findings = gather(interval, lake)
    folder = settings.run_folder(interval.as_of)
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "recommendations.csv", recommendations_csv(findings.recommendation))
    _write(folder / "report.html", render(findings))
    build_data_docs(folder, interval.as_of)
    return len(findings.recommendation)


def _write(path: Path, text: str) -> None:
    """Replace a file in one step: a reader sees the old one or the new one."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as out:
            out.write(text)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
