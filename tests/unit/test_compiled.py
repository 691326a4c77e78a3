"""What is kept of compiled functions is taken again only where it would be compiled to the same, and need not be kept."""

from __future__ import annotations

import fcntl
import os
import signal
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numba
import numpy as np
import pytest
from numba.core.caching import CompileResultCacheImpl, IndexDataCacheFile
from numba.core.dispatcher import Dispatcher

from pipeline.anomalies import bounded, ordered, spans
from pipeline.compiled import _alone, added, compiled, hash_sources
from pipeline.features import change, joint, residual, rolling, shape, windows


def kernels(*modules: ModuleType) -> list[Dispatcher]:
    return [each for module in modules for each in vars(module).values() if isinstance(each, Dispatcher)]


@pytest.mark.parametrize(
    ("modules", "least"),
    [((bounded, ordered, spans), 18), ((change, joint, residual, rolling, shape, windows), 30)],
    ids=["anomalies", "features"],
)
def test_what_was_compiled_from_other_sources_is_not_taken(modules: tuple[ModuleType, ...], least: int) -> None:
    """A kernel has the functions that it calls in it, also those of another file."""
    found = kernels(*modules)
    stored = [IndexDataCacheFile(each._cache.cache_path, each._cache._impl.filename_base, "other") for each in found]

    assert len(found) > least
    room = Path(str(modules[0].__file__)).parent
    assert {each._cache._cache_file._source_stamp for each in found} == {hash_sources(room)}
    assert [file._load_index() for file in stored] == [{}] * len(found)


def test_a_file_of_the_room_that_changes_changes_what_its_functions_are_compiled_from(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("one = 1\n")
    before = hash_sources.__wrapped__(tmp_path)
    (tmp_path / "other.py").write_text("other = 2\n")

    assert hash_sources.__wrapped__(tmp_path) != before


def test_where_nothing_can_be_written_functions_are_compiled_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CompileResultCacheImpl, "_locator_classes", [])

    @compiled
    def share(a: float, b: float) -> float:
        return a / b

    @added
    def total(values: np.ndarray) -> float:
        found = 0.0
        for value in values:
            found += value
        return found

    assert np.isinf(share(1.0, 0.0))
    assert total(np.array([1.0, 2.0, 3.0])) == 6.0


def test_what_another_process_compiles_at_the_same_time_is_waited_for_and_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "doubling.py"
    file.write_text("from pipeline.compiled import compiled\n\n\n@compiled\ndef double(x):\n    return 2 * x\n")
    mine, others = load(file).double, load(file).double
    waits = []

    def wait(_lock: object, kind: int) -> None:
        waits.append(kind)
        if kind == fcntl.LOCK_EX:
            Dispatcher.compile(others, (numba.float64,))

    monkeypatch.setattr(fcntl, "flock", wait)
    assert mine(1.5) == 3.0

    assert waits == [fcntl.LOCK_EX, fcntl.LOCK_UN]
    assert (sum(mine.stats.cache_hits.values()), sum(mine.stats.cache_misses.values())) == (1, 0)


def test_a_process_that_was_forked_while_something_was_compiled_holds_nobody_up(tmp_path: Path) -> None:
    lock = tmp_path / "double.lock"

    with _alone(lock):
        child = os.fork()
        if child == 0:
            signal.pause()
    try:
        with lock.open("w") as other:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def load(file: Path) -> ModuleType:
    spec = spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
