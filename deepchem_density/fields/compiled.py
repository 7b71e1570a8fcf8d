"""Compilation of loops over cells and atoms, kept on disk for later processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit

__all__ = ["FAST", "compiled"]

FAST = {"contract", "reassoc", "nsz"}
"""Sums may be reordered and fused, so that loops along z use vector instructions; NaN and infinity keep their meaning."""


def compiled(**options: Any) -> Callable[[Callable], Callable]:
    """Return a decorator that compiles at the first call and keeps the result on disk for later processes."""

    def decorate(function: Callable) -> Callable:
        try:
            return njit(cache=True, nogil=True, **options)(function)
        except RuntimeError:  # neither the folder of the package nor the user's cache can be written
            return njit(nogil=True, **options)(function)

    return decorate
