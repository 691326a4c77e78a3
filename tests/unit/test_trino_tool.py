"""What puts a Trino on this machine takes the files that are pinned and no others."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tools import trino


def java(folder: Path, version: str) -> Path:
    """A home of Java that says it is of a version."""
    program = folder / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
    program.chmod(0o755)
    return folder


def release(folder: Path) -> Path:
    for part in trino.PARTS:
        (folder / part).mkdir(parents=True)
        (folder / part / "a.jar").write_text(part)
    return folder


def test_a_java_that_is_new_enough_is_taken_from_java_home(tmp_path: Path) -> None:
    home = java(tmp_path, "25.0.1")

    assert trino.find_java({"JAVA_HOME": str(home)}) == home / "bin" / "java"


def test_an_older_java_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trino, "JAVA", 1000)

    with pytest.raises(trino.MissingError, match="needs Java 1000 or newer, in JAVA_HOME or below /usr/lib/jvm"):
        trino.find_java({"JAVA_HOME": str(java(tmp_path, "17.0.15"))})


def test_a_machine_without_maven_a_release_or_a_cache_says_what_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(trino, "find_java", lambda: Path("java"))
    monkeypatch.setattr(trino, "cache_folder", lambda: tmp_path / "trino")
    monkeypatch.setattr(trino.shutil, "which", lambda _: None)
    monkeypatch.delenv("TRINO_HOME", raising=False)

    assert trino.main(["--check"]) == trino.LACKING
    assert "no mvn is installed to fetch Trino" in capsys.readouterr().err
    monkeypatch.setenv("TRINO_HOME", str(tmp_path))
    assert trino.main(["--check"]) == 0


def test_a_release_with_other_files_than_those_pinned_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", os.environ | {"TRINO_HOME": str(release(tmp_path / "given"))})
    monkeypatch.setattr(trino, "cache_folder", lambda: tmp_path / "cache" / "trino")
    monkeypatch.setattr(trino, "find_java", lambda: Path("java"))

    with pytest.raises(trino.MissingError, match=r"has the checksum [0-9a-f]{64}, not "):
        trino.install()
    assert list((tmp_path / "cache").iterdir()) == []


def test_the_pinned_release_is_kept_in_the_cache_and_taken_from_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = release(tmp_path / "given")
    (given / "plugin" / "mysql").mkdir()
    monkeypatch.setattr(os, "environ", os.environ | {"TRINO_HOME": str(given)})
    monkeypatch.setattr(trino, "SHA256", trino.checksum(given))
    monkeypatch.setattr(trino, "cache_folder", lambda: tmp_path / "cache" / "trino")
    monkeypatch.setattr(trino, "find_java", lambda: Path("java"))

    home = trino.install()
    assert sorted(each.name for each in (home / "plugin").iterdir()) == ["hive", "iceberg", "memory"]
    monkeypatch.setattr(os, "environ", {})
    assert trino.install() == home
