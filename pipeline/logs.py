"""The log that a process keeps in a folder: one JSON object a line, begun anew at a size, what was before compressed."""

from __future__ import annotations

import fcntl
import gzip
import json
import logging
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pipeline.errors import ConfigError, redacted
from pipeline.settings import Settings

FILE = "headroom.jsonl"
_ROOT = logging.getLogger("pipeline")


class JsonLines(logging.Handler):
    """Writes each record as a line of JSON, whole, whichever other processes write to the same file.

    Args:
        folder: where the file `headroom.jsonl` lies, and `headroom.1.jsonl.gz`, the newest of those before, to the oldest.
        limit: bytes at which the file begins anew.
        keep: files of before that are kept.
        about: what each line says beside the record.
    """

    def __init__(self, folder: Path, limit: int, keep: int, about: Mapping[str, object]) -> None:
        super().__init__()
        self._file, self._limit, self._keep, self._about = folder / FILE, limit, keep, dict(about)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            # A name of a file may hold bytes that are no text.
            line = self._line(record).encode(errors="backslashreplace") + b"\n"
            # The file itself may be another one by now: the lock is of a file that stays.
            with self._file.with_suffix(".lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if self._file.exists() and self._file.stat().st_size + len(line) > self._limit:
                    self._begin_anew()
                with self._file.open("ab") as file:
                    file.write(line)
        except (OSError, TypeError, ValueError):
            # Neither a full disk nor a record that does not fit its arguments may stop what is logged about.
            self.handleError(record)

    def _line(self, record: logging.LogRecord) -> str:
        said: dict[str, object] = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "pid": os.getpid(),
            **self._about,
            "message": redacted(record.getMessage()),
        }
        if record.exc_info and record.exc_info[0]:
            said["error"] = record.exc_info[0].__name__
        return json.dumps(said, ensure_ascii=False, default=str)

    def _begin_anew(self) -> None:
        """Compress what there is and move what was before by one; the oldest goes."""
        old = [self._file.with_name(f"headroom.{number}.jsonl.gz") for number in range(1, self._keep + 1)]
        for newer, older in zip(reversed(old[:-1]), reversed(old[1:]), strict=True):
            if newer.exists():
                newer.replace(older)
        part = old[0].with_suffix(".part")
        with self._file.open("rb") as plain, gzip.open(part, "wb") as packed:
            shutil.copyfileobj(plain, packed)
        part.replace(old[0])
        self._file.unlink()


@contextmanager
def keep_log(settings: Settings, **about: object) -> Iterator[None]:
    """Log from `log_level` on meanwhile, into a file of `log_dir` where one is named; a failure is its last line.

    Args:
        settings: of the process.
        about: what each line says beside what is logged, such as step and interval.

    Raises:
        ConfigError: the folder cannot be made or written to.
    """
    before = _ROOT.level
    _ROOT.setLevel(settings.log_level)
    handler = _open(settings, about) if settings.log_dir else None
    if handler:
        _ROOT.addHandler(handler)
    try:
        yield
    except Exception as error:
        if handler:
            handler.handle(_ROOT.makeRecord(_ROOT.name, logging.ERROR, "", 0, str(error), (), (type(error), error, None)))
        raise
    finally:
        if handler:
            _ROOT.removeHandler(handler)
        _ROOT.setLevel(before)


def _open(settings: Settings, about: Mapping[str, object]) -> JsonLines:
    folder = Path(settings.log_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"log_dir={settings.log_dir!r}: {error.strerror}; expected a folder that may be written to") from None
    if not os.access(folder, os.W_OK):
        raise ConfigError(f"log_dir={settings.log_dir!r} may not be written to; expected a folder that may")
    return JsonLines(folder, settings.log_file_mib * 2**20, settings.log_files, about)
