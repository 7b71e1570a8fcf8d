from __future__ import annotations

import numpy as np
import pytest

from deepchem_density.featurizers.drop_failed import DropFailed
from deepchem_density.quiet import deepchem as dc


def voxels(dtype: str, failed: list[int], n: int = 4) -> np.ndarray:
    rows = np.zeros((n, 2, 2, 2, 1), dtype=dtype)
    rows[:, 0] = 1
    rows[failed] = np.nan if dtype != "uint8" else 255
    return rows


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "uint8"])
@pytest.mark.parametrize("failed", [[], [0], [1, 3], [0, 1, 2]])
def test_rows_go_with_their_labels(dtype, failed, tmp_path):
    y = np.arange(4.0)
    kept = [i for i in range(4) if i not in failed]
    arrays = voxels(dtype, failed), y, y + 10, np.array(list("abcd"))
    for dataset in (
        dc.data.NumpyDataset(*arrays),
        dc.data.DiskDataset.from_numpy(*arrays, data_dir=str(tmp_path / "data")),
    ):
        left = DropFailed(dataset=dataset).transform(dataset, out_dir=str(tmp_path / "left") if failed else None)
        np.testing.assert_array_equal(np.squeeze(left.y), y[kept])
        np.testing.assert_array_equal(np.squeeze(left.w), y[kept] + 10)
        assert list(left.ids) == list(np.array(list("abcd"))[kept])
        assert left.X.dtype == dtype
        assert np.isfinite(left.X.astype(float)).all()


def test_arrays_are_cut_alike():
    rows, y, w, ids = DropFailed().transform_array(voxels("float32", [2]), np.arange(4), np.ones(4), np.arange(4))
    assert len(rows) == 3
    assert y.tolist() == ids.tolist() == [0, 1, 3]
    assert len(w) == 3


def test_some_missing_values_are_no_failure():
    rows = voxels("float32", [])
    rows[0, 0, 0, 0] = np.nan
    assert len(DropFailed().transform(dc.data.NumpyDataset(rows))) == 4


def test_nothing_left_is_an_error():
    with pytest.raises(ValueError, match=r"All 4 rows failed.*failures_"):
        DropFailed().transform(dc.data.NumpyDataset(voxels("float32", [0, 1, 2, 3])))
