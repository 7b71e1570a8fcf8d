"""How far predictions are from labels: plain functions of two arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import stats

__all__ = ["regression_metrics"]

ALIKE = 1e-12
"""Values that differ by less than this part of the largest are rounding errors of a constant."""


def regression_metrics(truth: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Return mae, rmse, r2, pearson and spearman of one target, such as pK, a gap or a dipole.

    Parameters
    ----------
    truth, predicted : np.ndarray
        (n,) in the same unit.

    Notes
    -----
    r2 is 1 - sum of squared errors / sum of squared deviations of the labels from their mean (of the test set). What does not
    exist is NaN: a correlation with predictions or labels that are all alike, and r2 of labels that are. Such predictions
    of a baseline differ by rounding errors, whose correlation would be noise.

    Raises
    ------
    ValueError
        Shapes that differ, fewer than two values, or values that are not finite.
    """
    truth, predicted = np.asarray(truth, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    if truth.ndim != 1 or truth.shape != predicted.shape or len(truth) < 2:
        raise ValueError(
            f"Labels of shape {truth.shape} and predictions of shape {predicted.shape}; two of (n,), n > 1."
        )
    if not (np.isfinite(truth).all() and np.isfinite(predicted).all()):
        raise ValueError("Labels or predictions hold NaN or infinite values; leave such molecules out.")
    error = predicted - truth
    spread = ((truth - truth.mean()) ** 2).sum()
    return {
        "mae": float(np.abs(error).mean()),
        "rmse": float(np.sqrt((error**2).mean())),
        "r2": float("nan") if _alike(truth) else float(1 - (error**2).sum() / spread),
        "pearson": _correlation(stats.pearsonr, truth, predicted),
        "spearman": _correlation(stats.spearmanr, truth, predicted),
    }


def _correlation(of: Callable[..., Any], truth: np.ndarray, predicted: np.ndarray) -> float:
    return float("nan") if _alike(truth) or _alike(predicted) else float(of(truth, predicted).statistic)


def _alike(values: np.ndarray) -> bool:
    return bool(np.ptp(values) <= ALIKE * np.abs(values).max())
