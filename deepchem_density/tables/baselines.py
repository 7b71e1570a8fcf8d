"""What a model must beat: a constant, and lines in the number of atoms, of all or of each element, or their logistic kin."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

__all__ = ["fit_line", "predict_baselines", "predict_constant", "predict_linear", "predict_logistic", "predict_share"]


def predict_baselines(
    features: Mapping[str, np.ndarray], y: np.ndarray, train: np.ndarray, test: np.ndarray, task: str = "regression"
) -> dict[str, np.ndarray]:
    """Predict a test set by a constant and by a line in each kind of features, fitted to a training set.

    In classification the constant is the share of positive molecules, and the lines are logistic and called so.

    Parameters
    ----------
    features : mapping of str to np.ndarray
        Name -> (n, k) counts, such as ``ComplexTable.baseline_features()``: ligand heavy atoms, and atoms of each element.
    y : np.ndarray
        (n,) or (n, n_tasks) labels.
    train, test : np.ndarray
        Places of the two sets.
    task : {"regression", "classification"}
        What labels are.

    Returns
    -------
    dict of str to np.ndarray
        The names of `features` and "constant", each with (n_test,) or (n_test, n_tasks) predictions.

    Raises
    ------
    ValueError
        As `predict_linear` and `predict_constant` do.
    """
    if task == "classification":
        kin = {name.replace("linear", "logistic"): table for name, table in features.items()}
        lines = {name: predict_logistic(table[train], y[train], table[test]) for name, table in kin.items()}
        return {**lines, "constant": predict_share(y[train], len(test))}
    lines = {name: predict_linear(table[train], y[train], table[test]) for name, table in features.items()}
    return {**lines, "constant": predict_constant(y[train], len(test))}


def predict_constant(y_train: np.ndarray, n: int) -> np.ndarray:
    """Predict the median of the training labels for each of `n` molecules.

    The median, not the mean, is the constant with the least mean absolute error.

    Parameters
    ----------
    y_train : np.ndarray
        (n_train,) or (n_train, n_tasks) labels, NaN where not known.
    n : int
        Number of predictions.

    Returns
    -------
    np.ndarray
        (n,) or (n, n_tasks) float64.

    Raises
    ------
    ValueError
        If a task has no known label.
    """
    y_train = np.asarray(y_train, dtype=np.float64)
    if y_train.ndim not in (1, 2) or not np.isfinite(y_train).any(axis=0).all():
        raise ValueError(
            f"y_train of shape {y_train.shape} arrived; (n_train,) or (n_train, n_tasks) with at least one known label for each "
            "task is accepted."
        )
    return np.broadcast_to(np.nanmedian(y_train, axis=0), (n, *y_train.shape[1:])).copy()


def predict_linear(counts_train: np.ndarray, y_train: np.ndarray, counts_test: np.ndarray) -> np.ndarray:
    """Predict labels by least squares on element counts, with an intercept; one column of all atoms does as well.

    Only elements that the training molecules hold get a coefficient; atoms of others add nothing to a prediction. With
    fewer molecules than coefficients, or counts that depend on each other, the smallest coefficients that fit best are
    taken.

    Parameters
    ----------
    counts_train : np.ndarray
        (n_train, n_elements) atoms of each element, or (n_train, 1) of all, such as a ligand's heavy atoms.
    y_train : np.ndarray
        (n_train,) or (n_train, n_tasks) labels, all known.
    counts_test : np.ndarray
        (n_test, n_elements), columns as in `counts_train`.

    Returns
    -------
    np.ndarray
        (n_test,) or (n_test, n_tasks) float64.

    Raises
    ------
    ValueError
        If shapes do not fit together, or a label or a count is not finite.
    """
    counts_train, counts_test = (np.asarray(counts, dtype=np.float64) for counts in (counts_train, counts_test))
    y_train = np.asarray(y_train, dtype=np.float64)
    if counts_train.ndim != 2 or counts_test.ndim != 2 or counts_train.shape[1] != counts_test.shape[1]:
        raise ValueError(
            f"Element counts of shapes {counts_train.shape} and {counts_test.shape} arrived; two dimensions with the same "
            "elements in the columns are accepted."
        )
    if y_train.ndim not in (1, 2) or len(y_train) != len(counts_train) or len(y_train) == 0:
        raise ValueError(f"y_train of shape {y_train.shape} does not fit {len(counts_train)} training molecules")
    if not np.isfinite(y_train).all():
        raise ValueError("y_train holds labels that are NaN or infinite; leave these molecules out")
    unread = np.count_nonzero(~np.isfinite(np.concatenate([counts_train, counts_test])).all(axis=1))
    if unread:
        raise ValueError(
            f"{unread} molecules have counts that are NaN or infinite, as of files that cannot be read; leave them out"
        )
    slopes, intercept = fit_line(counts_train, y_train)
    return counts_test @ slopes + intercept


def predict_share(y_train: np.ndarray, n: int) -> np.ndarray:
    """Predict the share of positive training molecules of each task, (n, n_tasks); a half where no label is known."""
    known = np.isfinite(y_train)
    share = np.where(known, y_train, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return np.broadcast_to(np.where(known.any(axis=0), share, 0.5), (n, y_train.shape[1])).copy()


def predict_logistic(counts_train: np.ndarray, y_train: np.ndarray, counts_test: np.ndarray) -> np.ndarray:
    """Predict probabilities by a logistic regression on standardized counts, with scikit-learn's usual L2 penalty of 1.

    Parameters
    ----------
    counts_train, counts_test : np.ndarray
        As in `predict_linear`.
    y_train : np.ndarray
        (n_train, n_tasks) 0 or 1, NaN where not known.

    Returns
    -------
    np.ndarray
        (n_test, n_tasks); the share of positive training molecules for a task with one class alone.
    """
    # here, not above: worker processes that add a line to predictions never need it
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    predicted = predict_share(y_train, len(counts_test))
    for task, labels in enumerate(y_train.T):
        known = np.isfinite(labels)
        if len(np.unique(labels[known])) == 2:
            fitted = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
            fitted.fit(counts_train[known], labels[known])
            predicted[:, task] = fitted.predict_proba(counts_test)[:, 1]
    return predicted


def fit_line(counts: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the slopes, (n_elements,) or (n_elements, n_tasks), and the intercept that fit best.

    Of several that do, the smallest slopes: 0 for elements that no molecule holds.
    """
    # centred, so that the smallest-norm solution spares the intercept
    mean_counts, mean_y = counts.mean(axis=0), y.mean(axis=0)
    slopes, *_ = np.linalg.lstsq(counts - mean_counts, y - mean_y, rcond=None)
    slopes[~counts.any(axis=0)] = 0.0
    return slopes, mean_y - mean_counts @ slopes
