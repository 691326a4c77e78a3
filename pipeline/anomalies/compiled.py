"""Functions that work sample by sample, compiled when they are first called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """The function as machine code: kept beside its source, or made anew in each process where nothing can be written."""
    try:
        return cast(Function, njit(cache=True)(function))
    except RuntimeError:
        return cast(Function, njit(function))
