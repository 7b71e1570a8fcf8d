"""How far predictions are from labels, and how well probabilities tell classes: plain functions of two arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import stats
from sklearn.metrics import average_precision_score, roc_auc_score

__all__ = ["classification_metrics", "log_losses", "metrics_of", "regression_metrics"]

SURE = 1e-7
"""A probability is never taken to be nearer to 0 or 1, so that no single molecule makes a mean infinite; float32's last digit."""

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


def classification_metrics(truth: np.ndarray, probability: np.ndarray) -> dict[str, float]:
    """Return roc_auc, prc_auc and log_loss of one target; molecules without a label do not count.

    Parameters
    ----------
    truth : np.ndarray
        (n,) 0 or 1, NaN where not known.
    probability : np.ndarray
        (n,) that the label is 1.

    Notes
    -----
    prc_auc is the average precision, the mean of the precisions at each positive molecule: of a constant it is the share of
    positive molecules, where trapezoids would give more. Both areas are NaN where there is one class alone. log_loss is the mean
    of `log_losses`, in nats: 0.693 for a coin.

    Raises
    ------
    ValueError
        Shapes that differ, no label, labels other than 0 and 1, or probabilities outside of 0 to 1.
    """
    truth, probability = np.asarray(truth, dtype=np.float64), np.asarray(probability, dtype=np.float64)
    if truth.ndim != 1 or truth.shape != probability.shape:
        raise ValueError(f"Labels of shape {truth.shape} and probabilities of shape {probability.shape}; two of (n,).")
    known = np.isfinite(truth)
    truth, probability = truth[known], probability[known]
    if len(truth) == 0 or not np.isin(truth, (0.0, 1.0)).all():
        raise ValueError(f"{len(truth)} labels arrived, {sorted(set(truth.tolist()))[:5]}; 0 and 1 are accepted.")
    losses = log_losses(truth, probability)
    both = 0 < truth.mean() < 1
    return {
        "roc_auc": float(roc_auc_score(truth, probability)) if both else float("nan"),
        "prc_auc": float(average_precision_score(truth, probability)) if both else float("nan"),
        "log_loss": float(losses.mean()),
    }


def log_losses(truth: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """Return -ln of the probability given to what is true, (n,), NaN where that is not known.

    Raises
    ------
    ValueError
        A probability that is not from 0 to 1.
    """
    if not ((probability >= 0) & (probability <= 1)).all():
        raise ValueError("Probabilities outside of 0 to 1, or NaN, arrived; leave such molecules out.")
    sure = np.clip(probability, SURE, 1 - SURE)
    return -np.log(np.where(truth == 1, sure, 1 - sure)) + np.where(np.isfinite(truth), 0.0, np.nan)


def metrics_of(task: str) -> Callable[[np.ndarray, np.ndarray], dict[str, float]]:
    """Return what judges predictions of a task, "regression" or "classification"."""
    return classification_metrics if task == "classification" else regression_metrics


def _correlation(of: Callable[..., Any], truth: np.ndarray, predicted: np.ndarray) -> float:
    return float("nan") if _alike(truth) or _alike(predicted) else float(of(truth, predicted).statistic)


def _alike(values: np.ndarray) -> bool:
    return bool(np.ptp(values) <= ALIKE * np.abs(values).max())
