"""The log in a folder: JSON a line, from a level on, begun anew at a size, without secrets."""

from __future__ import annotations

import gzip
import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline import settings, steps
from pipeline.errors import ConfigError, DataError
from pipeline.interval import Interval
from pipeline.logs import FILE, JsonLines, keep_log

log = logging.getLogger("pipeline.steps.test")


def unpacked(path: Path) -> str:
    return gzip.decompress(path.read_bytes()).decode()


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / FILE).read_text().splitlines()]


def test_a_record_is_one_line_of_json_with_its_step_and_nothing_below_the_level(tmp_path: Path) -> None:
    chosen = settings.load({}, log_dir=str(tmp_path / "logs"), log_level="WARNING")

    with keep_log(chosen, step="ingest", interval="[a, b)"):
        log.info("unheard")
        log.warning("two lines\nof one record")

    [said] = lines(tmp_path / "logs")
    assert (said["level"], said["step"], said["interval"]) == ("WARNING", "ingest", "[a, b)")
    assert said["message"] == "two lines\nof one record"
    assert said["ts"].endswith("+00:00")


def test_no_secret_is_in_the_log_be_it_in_a_sentence_or_in_a_failure(tmp_path: Path) -> None:
    chosen = settings.load({}, log_dir=str(tmp_path))

    def fail() -> None:
        with keep_log(chosen):
            log.info("asked https://me:hunter2@example.org with AKIAABCDEFGHIJKLMNOP")
            raise DataError("refused token=abc123secret")

    with pytest.raises(DataError):
        fail()

    written = (tmp_path / FILE).read_text()
    assert not any(secret in written for secret in ("hunter2", "AKIAABCDEFGHIJKLMNOP", "abc123secret"))
    assert (lines(tmp_path)[-1]["level"], lines(tmp_path)[-1]["error"]) == ("ERROR", "DataError")


def test_neither_a_name_that_is_no_text_nor_a_record_without_its_arguments_stops_what_is_logged_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    # By hand, for what collects the logs of tests cannot hand such a name on.
    handler = JsonLines(tmp_path, limit=10_000, keep=2, about={})
    for message, argument in (("read %s", b"caf\xe9.csv".decode(errors="surrogateescape")), ("%d rows", "many")):
        handler.emit(logging.makeLogRecord({"msg": message, "args": (argument,), "name": "pipeline", "levelname": "INFO"}))

    [said] = lines(tmp_path)
    assert said["message"].startswith("read caf")


def test_at_its_size_the_log_begins_anew_the_old_one_is_compressed_and_the_oldest_goes(tmp_path: Path) -> None:
    handler = JsonLines(tmp_path, limit=400, keep=2, about={})
    for number in range(12):
        handler.emit(logging.makeLogRecord({"msg": f"number {number}", "name": "pipeline", "levelname": "INFO"}))

    packed = sorted(path.name for path in tmp_path.glob("*.gz"))
    assert packed == ["headroom.1.jsonl.gz", "headroom.2.jsonl.gz"]
    kept = [
        json.loads(line)["message"]
        for text in (*(unpacked(tmp_path / name) for name in reversed(packed)), (tmp_path / FILE).read_text())
        for line in text.splitlines()
    ]
    assert kept == [f"number {number}" for number in range(12 - len(kept), 12)]
    assert (tmp_path / FILE).stat().st_size <= 400


def test_two_processes_that_log_at_once_lose_no_line(tmp_path: Path) -> None:
    script = (
        "import logging, sys; from pathlib import Path; from pipeline.logs import JsonLines\n"
        f"handler = JsonLines(Path({str(tmp_path)!r}), 3000, 100, {{}})\n"
        "for n in range(100): handler.emit(logging.makeLogRecord({'msg': f'{sys.argv[1]} {n}', 'name': 'pipeline'}))\n"
    )
    started = [subprocess.Popen([sys.executable, "-c", script, name]) for name in ("a", "b")]

    assert [process.wait(60) for process in started] == [0, 0]
    texts = [unpacked(path) for path in tmp_path.glob("*.gz")] + [(tmp_path / FILE).read_text()]
    said = [json.loads(line)["message"] for text in texts for line in text.splitlines()]
    assert sorted(said) == sorted(f"{name} {n}" for name in "ab" for n in range(100))


def test_a_step_logs_into_the_folder_and_afterwards_nothing_does(tmp_path: Path) -> None:
    home = settings.load({}, home=tmp_path / "home", log_dir=str(tmp_path / "logs"), log_level="DEBUG")

    steps.perform("status", Interval.day("2026-04-15"), settings=home)
    log.warning("later")

    said = lines(tmp_path / "logs")
    assert {each["step"] for each in said} == {"status"}
    assert any("status.html" in each["message"] for each in said)
    assert any("CPU s" in each["message"] and each["level"] == "DEBUG" for each in said)
    assert "later" not in [each["message"] for each in said]


def test_a_folder_that_may_not_be_written_to_is_refused_by_the_settings_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    chosen = settings.load({}, log_dir=str(tmp_path / "file" / "logs"))

    with pytest.raises(ConfigError, match="log_dir=.*expected a folder that may be written to"), keep_log(chosen):
        pass
    with pytest.raises(ConfigError, match="expected a folder of this machine"):
        settings.load({"HEADROOM_LOG_DIR": "s3://bucket/logs"})
    with pytest.raises(ConfigError, match="log_file_mib"):
        settings.load({"HEADROOM_LOG_FILE_MIB": "0"})
