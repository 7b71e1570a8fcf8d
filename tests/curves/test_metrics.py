from __future__ import annotations

import numpy as np
import pytest

from deepchem_density.curves.metrics import regression_metrics


def test_metrics_follow_their_formulas():
    truth, predicted = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.5, 2.0, 2.0, 4.5])
    metrics = regression_metrics(truth, predicted)
    assert metrics["mae"] == pytest.approx((0.5 + 0 + 1 + 0.5) / 4)
    assert metrics["rmse"] == pytest.approx(((0.25 + 0 + 1 + 0.25) / 4) ** 0.5)
    assert metrics["r2"] == pytest.approx(1 - 1.5 / 5)
    assert metrics["pearson"] == pytest.approx(np.corrcoef(truth, predicted)[0, 1])
    assert metrics["spearman"] == pytest.approx(np.corrcoef([1, 2, 3, 4], [1, 2.5, 2.5, 4])[0, 1])


@pytest.mark.parametrize("noise", [0.0, 1e-15])
def test_a_constant_prediction_has_no_correlation(noise):
    """Rounding errors of a constant must not correlate; pytest turns scipy's warnings into errors."""
    predicted = 6.0 + noise * np.array([0.0, 1.0, 2.0])
    metrics = regression_metrics(np.array([5.0, 6.0, 7.0]), predicted)
    assert np.isnan(metrics["pearson"])
    assert np.isnan(metrics["spearman"])
    assert metrics["r2"] == pytest.approx(0)


def test_labels_that_are_all_alike_have_neither_correlation_nor_r2():
    metrics = regression_metrics(np.full(3, 2.0), np.array([1.0, 2.0, 3.0]))
    assert all(np.isnan(metrics[name]) for name in ("pearson", "spearman", "r2"))
    assert (metrics["mae"], metrics["rmse"]) == pytest.approx((2 / 3, (2 / 3) ** 0.5))
    nothing = regression_metrics(np.zeros(3), np.array([1.0, 2.0, 3.0]))
    assert np.isnan(nothing["pearson"])


@pytest.mark.parametrize(
    ("truth", "predicted", "message"),
    [
        (np.ones(3), np.ones(2), "shape"),
        (np.ones(1), np.ones(1), "n > 1"),
        (np.ones((2, 1)), np.ones((2, 1)), "shape"),
        (np.array([1.0, np.nan]), np.ones(2), "NaN"),
        (np.ones(2), np.array([1.0, np.inf]), "infinite"),
    ],
)
def test_arrays_that_cannot_be_compared_are_refused(truth, predicted, message):
    with pytest.raises(ValueError, match=message):
        regression_metrics(truth, predicted)
