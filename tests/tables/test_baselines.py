from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from deepchem_density.tables.baselines import (
    predict_baselines,
    predict_constant,
    predict_linear,
    predict_logistic,
    predict_share,
)
from deepchem_density.tables.qm9 import load_sample
from deepchem_density.tables.splits import fixed_split


def test_constant_is_the_median_and_no_constant_has_a_smaller_error() -> None:
    y = np.random.default_rng(0).gamma(1.0, size=501)
    prediction = predict_constant(y, 501)
    assert prediction.shape == (501,)
    assert (prediction == np.median(y)).all()
    error = np.abs(y - prediction).mean()
    for constant in (y.mean(), prediction[0] - 0.01, prediction[0] + 0.01):
        assert error < np.abs(y - constant).mean()


def test_constant_of_several_tasks_leaves_unknown_labels_out() -> None:
    y = np.array([[1.0, np.nan], [2.0, 5.0], [9.0, 7.0]])
    assert predict_constant(y, 2).tolist() == [[2.0, 6.0], [2.0, 6.0]]
    with pytest.raises(ValueError, match="at least one known label"):
        predict_constant(np.array([[1.0, np.nan]]), 1)
    with pytest.raises(ValueError, match="at least one known label"):
        predict_constant(np.empty(0), 1)


@pytest.mark.parametrize("n_tasks", [None, 1, 3])
def test_line_recovers_a_line_exactly(n_tasks: int | None) -> None:
    rng = np.random.default_rng(1)
    counts = rng.integers(0, 9, (60, 4))
    shape = () if n_tasks is None else (n_tasks,)
    y = counts @ rng.normal(size=(4, *shape)) + rng.normal(size=shape)
    prediction = predict_linear(counts[:40], y[:40], counts[40:])
    assert prediction.shape == (20, *shape)
    np.testing.assert_allclose(prediction, y[40:], atol=1e-10)


def test_elements_unseen_in_training_add_nothing() -> None:
    counts = np.array([[1, 0, 0], [2, 0, 0], [3, 0, 0]])
    test = np.array([[4, 0, 0], [4, 5, 0]])
    np.testing.assert_allclose(predict_linear(counts, np.array([1.0, 2.0, 3.0]), test), [4.0, 4.0])


def test_equal_formulas_and_no_elements_give_the_mean() -> None:
    same = np.tile([2, 6], (4, 1))
    np.testing.assert_allclose(predict_linear(same, np.arange(4.0), same), 1.5)
    nothing = np.zeros((4, 2))
    np.testing.assert_allclose(predict_linear(nothing, np.arange(4.0), np.ones((2, 2))), 1.5)


def test_one_training_molecule_predicts_its_label_everywhere() -> None:
    np.testing.assert_allclose(predict_linear(np.array([[4, 1]]), np.array([7.0]), np.array([[6, 2], [4, 1]])), 7.0)


def test_shift_of_the_labels_shifts_the_prediction_even_with_few_molecules() -> None:
    rng = np.random.default_rng(2)
    counts, test = rng.integers(0, 9, (3, 5)), rng.integers(0, 9, (10, 5))
    y = rng.normal(size=3)
    np.testing.assert_allclose(predict_linear(counts, y + 1000, test), predict_linear(counts, y, test) + 1000)


def test_all_baselines_at_once_are_those_one_by_one() -> None:
    rng = np.random.default_rng(3)
    features = {"heavy": rng.integers(5, 60, (30, 1)), "elements": rng.integers(0, 9, (30, 4))}
    y = rng.normal(size=(30, 2))
    train, test = np.arange(0, 20), np.arange(20, 30)
    predicted = predict_baselines(features, y, train, test)
    assert list(predicted) == ["heavy", "elements", "constant"]
    slope, intercept = np.polyfit(features["heavy"][train, 0], y[train, 1], 1)
    np.testing.assert_allclose(predicted["heavy"][:, 1], slope * features["heavy"][test, 0] + intercept, atol=1e-12)
    expected = predict_linear(features["elements"][train], y[train], features["elements"][test])
    np.testing.assert_array_equal(predicted["elements"], expected)
    np.testing.assert_array_equal(predicted["constant"], np.tile(np.median(y[train], axis=0), (10, 1)))


def test_on_qm9_a_line_beats_a_constant() -> None:
    table = load_sample()
    train, _, test = fixed_split(len(table), 500, 0)
    counts, gap = table.element_counts(table.elements), table.column("gap")
    constant = np.abs(gap[test] - predict_constant(gap[train], len(test))).mean()
    line = np.abs(gap[test] - predict_linear(counts[train], gap[train], counts[test])).mean()
    assert 0.036 < constant < 0.044  # hartree; 0.0403 on all of QM9
    assert 0.025 < line < 0.034  # 0.030 on all of QM9


@pytest.mark.parametrize(
    ("counts", "y", "test", "message"),
    [
        (np.zeros((3, 2)), np.zeros(3), np.zeros((3, 1)), "same elements in the columns"),
        (np.zeros(3), np.zeros(3), np.zeros((3, 1)), "two dimensions"),
        (np.zeros((3, 2)), np.zeros(2), np.zeros((3, 2)), "does not fit 3 training molecules"),
        (np.zeros((0, 2)), np.zeros(0), np.zeros((3, 2)), "does not fit 0 training molecules"),
        (np.zeros((2, 2)), np.array([1, np.nan]), np.zeros((3, 2)), "labels that are NaN or infinite"),
        (np.array([[1.0], [np.nan]]), np.zeros(2), np.array([[np.inf]]), "2 molecules have counts that are NaN"),
    ],
)
def test_what_does_not_fit_is_refused(counts, y, test, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        predict_linear(counts, y, test)


def test_the_constant_of_classes_is_their_share_among_known_labels() -> None:
    y = np.array([[1.0, np.nan], [0.0, np.nan], [1.0, np.nan], [np.nan, np.nan]])
    np.testing.assert_allclose(predict_share(y, 2), [[2 / 3, 0.5]] * 2)


def test_the_logistic_line_is_at_the_minimum_of_its_own_loss() -> None:
    """An independent minimizer of the penalized likelihood finds the same probabilities to 1e-3."""
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 9, (80, 3)).astype(float)
    y = (counts @ [1.0, -1.0, 0.3] + rng.normal(size=80) > 1).astype(float)[:, None]
    y[5] = np.nan
    kept = np.isfinite(y[:60, 0])
    x = (counts - counts[:60][kept].mean(axis=0)) / counts[:60][kept].std(axis=0)

    def loss(parameters: np.ndarray) -> float:
        logits = x[:60][kept] @ parameters[:3] + parameters[3]
        return np.logaddexp(0, -(2 * y[:60][kept, 0] - 1) * logits).sum() + (parameters[:3] ** 2).sum() / 2

    best = minimize(loss, np.zeros(4)).x
    expected = 1 / (1 + np.exp(-(x[60:] @ best[:3] + best[3])))
    np.testing.assert_allclose(predict_logistic(counts[:60], y[:60], counts[60:])[:, 0], expected, atol=1e-3)


def test_baselines_of_classes_are_probabilities_also_where_training_has_one_class_alone() -> None:
    counts = np.arange(12).reshape(6, 2)
    y = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, np.nan], [0.0, 1.0], [1.0, 1.0], [0.0, 0.0]])
    found = predict_baselines(
        {"linear in element counts": counts}, y, np.arange(3), np.arange(3, 6), task="classification"
    )
    assert list(found) == ["logistic in element counts", "constant"]
    assert found["logistic in element counts"][:, 0].tolist() == [1, 1, 1]
    assert found["constant"].tolist() == [[1, 0.5]] * 3
    for values in found.values():
        assert ((values >= 0) & (values <= 1)).all()
