"""How far predictions are from labels: plain functions of two arrays."""

from __future__ import annotations

import warnings

import numpy as np
from scipy import stats

__all__ = ["regression_metrics"]


def regression_metrics(truth: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Return mae, rmse, r2, pearson and spearman of one target.

    Parameters
    ----------
    truth, predicted : np.ndarray
        (n,) in the same unit.

    Notes
    -----
    A correlation with predictions that are all alike does not exist; it is returned as 0.

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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.ConstantInputWarning)
        pearson = float(stats.pearsonr(truth, predicted).statistic)
        spearman = float(stats.spearmanr(truth, predicted).statistic)
    return {
        "mae": float(np.abs(error).mean()),
        "rmse": float(np.sqrt((error**2).mean())),
        "r2": float(1 - (error**2).sum() / spread) if spread > 0 else 0.0,
        "pearson": pearson if np.isfinite(pearson) else 0.0,
        "spearman": spearman if np.isfinite(spearman) else 0.0,
    }
