"""The two errors a caller may want to catch; each is also a builtin."""

from __future__ import annotations

__all__ = ["ConvergenceError", "FeaturizationError"]


class FeaturizationError(ValueError):
    """A datapoint that cannot be turned into voxels; the message names it and the remedy."""


class ConvergenceError(FeaturizationError, RuntimeError):
    """A self-consistent field that did not converge."""
