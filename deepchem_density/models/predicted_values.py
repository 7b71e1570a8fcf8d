"""One number for each target from what a network predicts: a label, or the probability that it is 1."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["predicted_values"]


def predicted_values(predicted: Any, n_targets: int) -> np.ndarray:
    """Return (n, n_targets) float64 of what ``VoxelCNNModel.predict`` or ``predict_uncertainty`` gave.

    Parameters
    ----------
    predicted : np.ndarray
        (n, n_targets) of a regression, or (n, n_targets, 2) of a classification, of which the second column stands for 1; the
        deviations of both columns over masks are the same.
    n_targets : int
        Of the network.
    """
    values = np.asarray(predicted, dtype=np.float64)
    if values.ndim == 3:
        values = values[..., 1]
    return values.reshape(-1, n_targets)
