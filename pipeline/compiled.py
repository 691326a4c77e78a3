"""Functions that work value by value, compiled when they are first called, and kept on disk for later processes."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., object])
_HERE = Path(__file__)


def compiled(function: F) -> F:
    """The function as machine code; kept where numba finds a folder for it, or made anew in each process."""
    return _compile(function, set())


def added(function: F) -> F:
    """The same of a sum, whose terms may be added in any order: several at a time."""
    return _compile(function, {"reassoc", "contract", "nsz"})


@cache
def hash_sources(folder: Path) -> str:
    """Of what the functions of a folder may be compiled from: its files, the catalogue of features, and how it is done."""
    files = [*sorted(folder.glob("*.py")), _HERE.parent / "tables" / "catalogue.py", _HERE]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _compile(function: F, fastmath: set[str]) -> F:
    try:
        made: Any = numba.njit(function, cache=True, error_model="numpy", fastmath=fastmath)
    except RuntimeError:  # neither beside the source nor at home may anything be written
        return cast(F, numba.njit(function, error_model="numpy", fastmath=fastmath))
    # By itself numba looks at the function's own file alone, but what it calls and the constants that it takes are compiled in.
    made._cache._cache_file._source_stamp = hash_sources(Path(inspect.getfile(function)).parent)
    return cast(F, made)
