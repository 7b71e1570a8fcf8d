"""The two errors a caller may want to catch, each also a builtin, and how any error is told."""

from __future__ import annotations

__all__ = ["ConvergenceError", "FeaturizationError", "reason_of"]


class FeaturizationError(ValueError):
    """A datapoint that cannot be turned into voxels; the message names it and the remedy."""


class ConvergenceError(FeaturizationError, RuntimeError):
    """A self-consistent field that did not converge."""


def reason_of(error: Exception) -> str:
    """Return the message of an error, with its type where the message was not written for readers of lists."""
    return str(error) if isinstance(error, FeaturizationError) else f"{type(error).__name__}: {error}"
