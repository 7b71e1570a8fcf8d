from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from deepchem_density.curves.metrics import classification_metrics, log_losses, regression_metrics
from deepchem_density.quiet import deepchem as dc


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


def test_areas_and_losses_of_classes_follow_their_definitions():
    rng = np.random.default_rng(0)
    truth = (rng.random(300) < 0.2).astype(float)
    probability = np.clip(0.2 + 0.2 * truth + 0.2 * rng.normal(size=300), 0, 1).round(2)  # with ties
    found = classification_metrics(truth, probability)
    positive, negative = probability[truth == 1], probability[truth == 0]
    u = stats.mannwhitneyu(positive, negative).statistic
    assert found["roc_auc"] == pytest.approx(u / (len(positive) * len(negative)), abs=1e-12)
    # the mean over positive molecules of the precision among all that are ranked as high
    above = probability[:, None] <= probability[None, :]
    precision = (above & (truth[None, :] == 1)).sum(axis=1) / above.sum(axis=1)
    assert found["prc_auc"] == pytest.approx(precision[truth == 1].mean(), abs=1e-12)
    sure = np.clip(probability, 1e-7, 1 - 1e-7)
    loss = -(truth * np.log(sure) + (1 - truth) * np.log(1 - sure)).mean()
    assert found["log_loss"] == pytest.approx(loss, abs=1e-12)
    assert found["roc_auc"] == pytest.approx(dc.metrics.roc_auc_score(truth, probability), abs=1e-12)


def test_a_constant_probability_has_the_areas_of_chance_and_unknown_labels_do_not_count():
    truth = np.array([1, 0, 0, 0, np.nan])
    found = classification_metrics(truth, np.array([0.25, 0.25, 0.25, 0.25, 0.9]))
    assert (found["roc_auc"], found["prc_auc"]) == (0.5, 0.25)
    assert found["log_loss"] == pytest.approx(-0.25 * np.log(0.25) - 0.75 * np.log(0.75))
    alone = classification_metrics(np.array([1.0, 1.0]), np.array([1.0, 0.5]))
    assert np.isnan([alone["roc_auc"], alone["prc_auc"]]).all()
    assert np.isnan(log_losses(truth, np.full(5, 0.5))).tolist() == [False] * 4 + [True]


@pytest.mark.parametrize(
    ("truth", "probability", "message"),
    [
        ([0, 2], [0.5, 0.5], "0 and 1 are accepted"),
        ([np.nan], [0.5], "0 labels arrived"),
        ([0, 1], [0.5, 1.5], "outside of 0 to 1"),
        ([0, 1], [0.5, np.nan], "outside of 0 to 1"),
        ([0, 1], [0.5], "two of"),
    ],
)
def test_what_is_no_probability_or_class_is_refused(truth, probability, message):
    with pytest.raises(ValueError, match=message):
        classification_metrics(np.array(truth, dtype=float), np.array(probability))
