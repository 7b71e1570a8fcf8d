"""Checks of settings: each error names the setting, what arrived and what is accepted."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["check_positive", "check_seed", "is_number", "listed", "one_of"]

LARGEST_SEED = 2**31 - 1


def one_of(name: str, value: Any, accepted: tuple[str, ...]) -> None:
    """Raise ValueError if a setting is none of the words that it may be."""
    if value not in accepted:
        raise ValueError(f"{name}={value!r} arrived; {listed(accepted)} are accepted.")


def listed(values: tuple[str, ...]) -> str:
    """Return words as they stand in a message."""
    return ", ".join(repr(value) for value in values)


def is_number(value: Any) -> bool:
    """Return whether something is a number, which True and False are not."""
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def check_positive(name: str, value: Any, meaning: str) -> None:
    """Raise ValueError if a setting is no positive number."""
    if not (is_number(value) and value > 0):
        raise ValueError(f"{name}={value!r} arrived; a positive {meaning} is accepted.")


def check_seed(name: str, seed: Any) -> None:
    """Raise ValueError if a setting is no seed; RDKit takes a negative one for "different each time"."""
    if not isinstance(seed, (int, np.integer)) or not 0 <= seed <= LARGEST_SEED:
        raise ValueError(f"{name}={seed} arrived; a whole number from 0 to {LARGEST_SEED} is accepted.")
