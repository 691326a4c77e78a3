"""What is installed: by locks that name each file by its hash; what only developers need is not in the image."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from base64 import urlsafe_b64encode
from hashlib import sha256
from pathlib import Path

import pytest

from tools.environment import ROOT

LOCKS = ("requirements.txt", "requirements-dev.txt", "infra/requirements.txt")
#: Linters, test tools, emulators and browsers.
TOOLS = {"pytest", "pytest-xdist", "hypothesis", "moto", "playwright", "ruff", "mypy", "pandas-stubs", "cfn-lint", "responses"}


def read_pins(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / lock).read_text(), re.MULTILINE))


def read_direct(lock: str) -> set[str]:
    lines = (ROOT / lock.replace(".txt", ".in")).read_text().splitlines()
    return {re.split(r"[\[<=>]", line)[0].strip() for line in lines if line and not line.startswith(("#", "-"))}


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_has_every_direct_package_and_of_each_the_hashes_and_names_no_registry(lock: str) -> None:
    text = (ROOT / lock).read_text()
    entries = re.split(r"\n(?=\S)", text.strip())

    assert read_direct(lock) <= set(read_pins(lock))
    assert len(entries) == len(read_pins(lock))
    odd = [each for each in entries if not re.fullmatch(r"\S+==\S+( ; [^\\]+)?( \\\n    --hash=sha256:[0-9a-f]{64})+", each)]
    assert odd == []
    assert "://" not in text


@pytest.mark.parametrize("lock", ["requirements.txt", "infra/requirements.txt"])
def test_no_test_tool_is_in_the_image(lock: str) -> None:
    assert TOOLS & set(read_pins(lock)) == set()
    assert set(read_pins("requirements-dev.txt")) >= TOOLS


def test_the_locks_do_not_contradict_each_other() -> None:
    project = read_pins("requirements.txt")
    for lock in LOCKS:
        pins = read_pins(lock)
        assert {name: version for name, version in pins.items() if project.get(name, version) != version} == {}, lock


def test_whoever_installs_them_insists_on_the_hashes() -> None:
    recipes = [(ROOT / name).read_text() for name in ("Makefile", "Dockerfile")]
    installing = [line for text in recipes for line in text.splitlines() if "pip install" in line and "-r " in line]

    assert len(installing) == 2
    assert all("--require-hashes" in line for line in installing)


@pytest.mark.parametrize("kept", [True, False])
def test_a_file_that_is_not_the_one_that_was_locked_is_not_installed(kept: bool, tmp_path: Path) -> None:
    wheel = write_wheel(tmp_path)
    (tmp_path / "lock.txt").write_text(f"locked==1.0 \\\n    --hash=sha256:{sha256(wheel.read_bytes()).hexdigest()}\n")
    if not kept:
        with zipfile.ZipFile(wheel, "a") as opened:
            opened.writestr("more.py", "")

    command = ["install", "--require-hashes", "--no-index", "--find-links", str(tmp_path), "--target", str(tmp_path / "to")]
    pip = [sys.executable, "-m", "pip", "--no-cache-dir", "--disable-pip-version-check"]
    done = subprocess.run([*pip, *command, "-r", str(tmp_path / "lock.txt")], capture_output=True, text=True, check=False)

    assert (done.returncode == 0) is kept, done.stderr
    assert kept or "DO NOT MATCH THE HASHES" in done.stderr


def write_wheel(folder: Path) -> Path:
    """A package of one module, as a wheel."""
    files = {
        "locked.py": "",
        "locked-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: locked\nVersion: 1.0\n",
        "locked-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(
        f"{name},sha256={urlsafe_b64encode(sha256(text.encode()).digest()).decode().rstrip('=')},{len(text)}\n"
        for name, text in files.items()
    )
    path = folder / "locked-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as opened:
        for name, text in (files | {"locked-1.0.dist-info/RECORD": f"{record}locked-1.0.dist-info/RECORD,,\n"}).items():
            opened.writestr(name, text)
    return path
