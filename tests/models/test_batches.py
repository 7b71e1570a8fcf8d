from __future__ import annotations

import numpy as np
import pytest
from blobs import dataset, model, molecules

from deepchem_density.models.batches import some_batches
from deepchem_density.quiet import deepchem as dc


def failed_rows() -> np.ndarray:
    rows = np.empty(4, dtype=object)
    for row in range(4):
        rows[row] = np.array([]) if row == 1 else np.zeros((8, 8, 8, 2))
    return rows


def with_nan() -> np.ndarray:
    voxels, _ = molecules(4)
    voxels[2, 0, 0, 0, 0] = np.nan
    return voxels


@pytest.mark.parametrize(
    ("voxels", "message"),
    [
        (failed_rows(), "1 of 4 rows empty"),
        (np.zeros((4, 8, 8, 8, 3)), r"shape \(4, 8, 8, 8, 3\) arrived; \(batch, x, y, z, 2\)"),
        (np.zeros((4, 8, 8, 2)), r"shape \(4, 8, 8, 2\) arrived"),
        (np.zeros((4, 3, 3, 3, 2)), "at least 4 cells"),
        (with_nan(), "1 of 4 samples"),
    ],
)
def test_voxels_that_do_not_fit(voxels, message):
    with pytest.raises(ValueError, match=message):
        model().fit(dc.data.NumpyDataset(voxels, np.arange(4.0)), nb_epoch=1)
    with pytest.raises(ValueError, match=message):
        model().predict(dc.data.NumpyDataset(voxels, np.arange(4.0)))


@pytest.mark.parametrize(
    ("labels", "weights", "message"),
    [
        (np.array([1.0, np.nan, 2.0, 3.0]), None, "1 of 4 labels arrived NaN"),
        (np.array(["a", "b", "c", "d"]), None, "Other labels than numbers"),
        (np.zeros((4, 2)), None, r"Labels of shape \(4, 2\) arrived"),
        (np.zeros(4), np.array([1.0, -1, 1, 1]), "negative weight"),
        (np.zeros((4, 1)), np.ones((4, 3)), "Weights of shape"),
        (None, None, "without a label of nonzero weight"),
    ],
)
def test_labels_that_do_not_fit(labels, weights, message):
    data = dc.data.NumpyDataset(molecules(4)[0], labels, weights)
    with pytest.raises(ValueError, match=message):
        model().fit(data, nb_epoch=1)


def test_other_misuse():
    data = dataset(4)
    with pytest.raises(ValueError, match=r"The label 3.0 arrived"):
        model(mode="classification").fit(dc.data.NumpyDataset(data.X, np.array([0, 1, 3, 1])), nb_epoch=1)
    with pytest.raises(ValueError, match="cannot compute uncertainties"):
        model().predict_uncertainty(data)
    with pytest.raises(ValueError, match="a dataset as validation and a number as rate"):
        model().fit(data, patience=2)
    with pytest.raises(ValueError, match="without an end"):
        model().fit(data, nb_epoch=None)
    with pytest.raises(ValueError, match="dataset is empty"):
        model().predict(data.select([]))
    with pytest.raises(ValueError, match="to be turned"):
        model(augment=True).fit(dc.data.NumpyDataset(data.X[:, :6], data.y), nb_epoch=1)
    with pytest.raises(FloatingPointError, match="training loss is"):
        model(learning_rate=1e30, clip_norm=None, schedule="constant").fit(data, nb_epoch=4)


def test_some_batches_are_the_same_ones_whenever_they_are_asked_for():
    data = dc.data.NumpyDataset(np.arange(100.0)[:, None])
    np.random.seed(5)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first = [batch[:, 0].tolist() for batch in some_batches(data, 16, 40)]
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    assert [len(batch) for batch in first] == [15, 15, 15]
    drawn = [value for batch in first for value in batch]
    assert len(set(drawn)) == 45
    assert drawn != sorted(drawn)
    assert first == [batch[:, 0].tolist() for batch in some_batches(data, 16, 40)]
    assert len(list(some_batches(data, 16, 1000))) == 7
