"""A script in a process of its own, forked from one that has imported the lake: to import it costs more than most scripts do.

As with any process, it can be killed, race others, patch what it likes and run into limits; nothing of it is left behind.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
import warnings
from pathlib import Path

# What the process that is forked has imported.
import pyiceberg.catalog.sql
import pyiceberg.io.pyarrow  # noqa: F401

import pipeline.forecasting.calendars
import pipeline.lake.duckdb
import pipeline.steps.build  # noqa: F401

_processes = multiprocessing.get_context("forkserver")


class Forked:
    """A process that runs a script at once; `communicate` waits for its end."""

    def __init__(self, script: str, *arguments: str) -> None:
        self._said = tempfile.TemporaryDirectory()
        self._files = [Path(self._said.name, name) for name in ("stdout", "stderr")]
        _processes.set_forkserver_preload([__name__])
        self._process = _processes.Process(target=_run, args=(script, arguments, *map(str, self._files)))
        self._process.start()

    def communicate(self, timeout: float) -> tuple[str, str]:
        """What it printed, and what it said on the other stream.

        Raises:
            TimeoutError: it runs on; it is killed.
        """
        with self._said:
            self._process.join(timeout)
            if self.returncode is None:
                self._process.kill()
                raise TimeoutError(f"not done after {timeout:g} s: {self._files[1].read_text()}")
            said, complained = (file.read_text() if file.exists() else "" for file in self._files)
            return said, complained

    @property
    def returncode(self) -> int | None:
        """Negative where a signal ended it; None while it runs."""
        return self._process.exitcode


def _run(script: str, arguments: tuple[str, ...], *files: str) -> None:
    for stream, file in zip((sys.stdout, sys.stderr), files, strict=True):
        opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(opened, stream.fileno())
    sys.argv[1:] = arguments
    warnings.simplefilter("ignore")
    exec(script, {"__name__": "__main__"})  # noqa: S102 the tests' own
