"""The two errors a caller may want to catch, each also a builtin, and how any error is told."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

__all__ = ["ConvergenceError", "FeaturizationError", "counted_reasons", "reason_of"]


class FeaturizationError(ValueError):
    """A datapoint that cannot be turned into voxels; the message names it and the remedy."""


class ConvergenceError(FeaturizationError, RuntimeError):
    """A self-consistent field that did not converge."""


def reason_of(error: Exception) -> str:
    """Return the message of an error, with its type where the message was not written for readers of lists."""
    return str(error) if isinstance(error, FeaturizationError) else f"{type(error).__name__}: {error}"


def counted_reasons(failures: Sequence[tuple[object, str]]) -> list[tuple[int, str, object]]:
    """Return how often each kind of reason occurs, the most frequent first.

    Parameters
    ----------
    failures : sequence of (object, str)
        What failed, and why; reasons that differ in names and numbers alone are of one kind.

    Returns
    -------
    list of (int, str, object)
        Count, the reason with dots in place of names and numbers, and the first that failed for it.
    """
    kinds = [(what, _kind(reason)) for what, reason in failures]
    first: dict[str, object] = {}
    for what, kind in kinds:
        first.setdefault(kind, what)
    return [(count, kind, first[kind]) for kind, count in Counter(kind for _, kind in kinds).most_common()]


def _kind(reason: str) -> str:
    return re.sub(r"(?<![A-Za-z])[-+]?\d+(\.\d+)?", "…", re.sub(r"(?<!\w)'[^']*'", "'…'", reason))
