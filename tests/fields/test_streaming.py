"""Streamed copies against NumPy's, at every alignment."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from deepchem_density.fields.streaming import finish_streams, stream


@njit
def streamed(target: np.ndarray, start: int, source: np.ndarray) -> None:
    stream(target, start, source)
    finish_streams()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [0, 1, 3, 7, 8, 9, 40, 1001])
def test_a_stream_is_a_copy(dtype: type, n: int) -> None:
    source = np.random.default_rng(n).normal(size=n).astype(dtype)
    for start in range(17):
        for offset in range(9):  # of the memory itself
            target = np.full(n + 40, 7, dtype=dtype)[offset:]
            expected = target.copy()
            expected[start : start + n] = source
            streamed(target, start, source)
            np.testing.assert_array_equal(target, expected)
