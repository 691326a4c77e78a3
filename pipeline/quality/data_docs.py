"""Great Expectations' data docs of a run."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pipeline.lake import Lake, reports

#: Folder of a run with what Great Expectations said of each table.
VALIDATIONS = "validations"


def collect_data_docs(lake: Lake, as_of: datetime) -> dict[str, bytes]:
    """The pages about every validation of one run, wherever its tasks ran: content by name; none where nothing was validated."""
    with TemporaryDirectory() as place:
        folder = Path(place)
        (folder / VALIDATIONS).mkdir()
        for name, content in reports.read_files(lake.storage, as_of, VALIDATIONS).items():
            (folder / VALIDATIONS / name).write_bytes(content)
        if build_data_docs(folder, as_of) is None:
            return {}
        pages = sorted(file for file in (folder / "data_docs").rglob("*") if file.is_file())
        return {file.relative_to(folder).as_posix(): file.read_bytes() for file in pages}


def build_data_docs(folder: Path, as_of: datetime) -> Path | None:
    """Great Expectations' own pages about every validation of one run; None where nothing was validated.

    Args:
        folder: the run's; holds `validations/` and gets `data_docs/`.
        as_of: when the pages say that the run was.

    Returns:
        The page to open first.
    """
    files = sorted((folder / VALIDATIONS).glob("*.json"))
    if not files:
        return None
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx
    from great_expectations.core import expectation_validation_result as outcomes
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.data_context.types import resource_identifiers as identifiers

    context: Any = gx.get_context(mode="ephemeral")
    store = {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder / "data_docs")}
    index = {"class_name": "DefaultSiteIndexBuilder"}
    context.add_data_docs_site("run", {"class_name": "SiteBuilder", "site_index_builder": index, "store_backend": store})
    for file in files:
        loaded: Any = outcomes.expectationSuiteValidationResultSchema.load(json.loads(file.read_text()))
        suite_result = outcomes.ExpectationSuiteValidationResult
        result = loaded if isinstance(loaded, suite_result) else suite_result(**loaded)
        run = RunIdentifier(run_name=file.stem, run_time=as_of.replace(tzinfo=UTC))
        suite = identifiers.ExpectationSuiteIdentifier(name=file.stem)
        context.validation_results_store.set(identifiers.ValidationResultIdentifier(suite, run, file.stem), result)
    context.build_data_docs(site_names=["run"])
    return folder / "data_docs" / "index.html"
