"""What people open: the report, the recommendations and the data docs of each run, below `reports/` in the lake's storage.

`reports/<as of>/` holds what one run found, `reports/latest/` the same of the newest run; `Settings.report_address` names both.
`reports/status.html`, `Settings.status_address`, is what is so now.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from pipeline.lake.storage import Storage
from pipeline.settings import NEWEST, REPORTS, STATUS, run_name

_AS_OF = re.compile(rb'<meta name="as-of" content="([0-9T:.-]+)">')


def publish(storage: Storage, as_of: datetime, files: Mapping[str, bytes]) -> None:
    """Write files of a run, each whole or not at all, in their order.

    Args:
        storage: the lake's.
        as_of: which run's.
        files: content by name, as in `data_docs/index.html`.
    """
    _write(storage, run_name(as_of), files)


def publish_newest(storage: Storage, as_of: datetime, files: Mapping[str, bytes]) -> bool:
    """Put a run's files to the stable address as well, in place of what is there.

    Returns:
        False, and nothing is written, where a later run has published its report: an old day that runs again is not the newest.
    """
    own = run_name(as_of)
    later = [run for run in storage.list_folders(storage.path(REPORTS)) if own < run != NEWEST]
    if any(storage.exists(storage.path(REPORTS, run, "report.html")) for run in later):
        return False
    _write(storage, NEWEST, files)
    kept = {_path(storage, NEWEST, name) for name in files}
    for path in storage.list_files(storage.path(REPORTS, NEWEST), ""):
        if path not in kept:
            storage.delete(path)
    return True


def publish_status(storage: Storage, as_of: datetime, page: str, now: datetime) -> bool:
    """Put the page of what is so now in place of the one that is there.

    Returns:
        False, and nothing is written, where the one that is there is of a later moment, as `<meta name="as-of">` says; but not
        where that moment is still to come, or nothing would be shown until then.
    """
    path = storage.path(REPORTS, STATUS)
    stated = _AS_OF.search(storage.read(path)) if storage.exists(path) else None
    if stated and as_of < datetime.fromisoformat(stated.group(1).decode()) <= now:
        return False
    storage.write(path, page.encode())
    return True


def read_files(storage: Storage, as_of: datetime, folder: str) -> dict[str, bytes]:
    """The files of a run that lie in one of its folders, by their names in there."""
    place = storage.path(REPORTS, run_name(as_of), folder)
    return {path.removeprefix(f"{place}/"): storage.read(path) for path in storage.list_files(place, "")}


def _write(storage: Storage, run: str, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        storage.write(_path(storage, run, name), content)


def _path(storage: Storage, run: str, name: str) -> str:
    return storage.path(REPORTS, run, *name.split("/"))
