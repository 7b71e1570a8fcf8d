"""Tables made by recurrence against the exponential itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from deepchem_density.fields.axis_tables import N_TERMS, decay, fill_table, fill_tables, is_even, scale, window


def axis(n: int, sub_points: int, width: float) -> np.ndarray:
    return ((np.arange(n * sub_points) + 0.5) * width / sub_points - n * width / 2).reshape(n, sub_points)


def exact(line: np.ndarray, position: float, exponent: float) -> tuple[np.ndarray, np.ndarray]:
    """The mean of a Gaussian over the sub-points of each cell, and of its derivative."""
    u = line - position
    values = np.exp(-exponent * u**2)
    return values.mean(axis=1), (-2 * exponent * u * values).mean(axis=1)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-5), (np.float64, 1e-10)])
@settings(max_examples=50, deadline=None)
@given(
    sub_points=st.integers(1, 4),
    width=st.floats(0.05, 3.0),
    exponent=st.floats(1e-4, 1e3),
    position=st.floats(-40, 40),
    ends=st.tuples(st.integers(0, 299), st.integers(1, 300)).filter(lambda ends: ends[0] < ends[1]),
)
def test_recurrences_are_the_exponential(dtype, tolerance, sub_points, width, exponent, position, ends) -> None:
    line, chosen = axis(300, sub_points, width), slice(*ends)
    values, slopes = exact(line, position, exponent)
    rows = np.full((3, 300), 7.0, dtype=dtype)
    fill_table(rows, 1, line, ends, position, exponent, 2.5, decay(line, exponent))
    np.testing.assert_allclose(rows[1, chosen], 2.5 * values[chosen], rtol=0, atol=2.5 * tolerance)
    rows[1, chosen] = 7.0
    assert (rows == 7.0).all()
    all_values, all_slopes = np.empty((N_TERMS, 300), dtype=dtype), np.empty((N_TERMS, 300), dtype=dtype)
    heights = np.arange(1.0, 1 + N_TERMS)
    fill_tables(all_values, all_slopes, line, ends, position, np.full(N_TERMS, exponent), heights)
    steepest = np.sqrt(2 * exponent / np.e)
    for t, height in enumerate(heights):
        np.testing.assert_allclose(all_values[t, chosen], height * values[chosen], rtol=0, atol=height * tolerance)
        np.testing.assert_allclose(
            all_slopes[t, chosen], height * slopes[chosen], rtol=0, atol=height * steepest * tolerance
        )


def test_long_walks_start_anew() -> None:
    line = axis(20_000, 1, 1e-3)
    table = np.empty((1, 20_000))
    fill_table(table, 0, line, (0, 20_000), 0.0, 0.02, 1.0, decay(line, 0.02))
    np.testing.assert_allclose(table[0], exact(line, 0.0, 0.02)[0], rtol=0, atol=1e-12)


@given(position=st.floats(-9, 9), reach=st.floats(0.01, 9))
def test_windows_hold_the_cells_within_reach(position, reach) -> None:
    line = axis(17, 2, 0.7)
    first, last = window(scale(line), position, reach)
    distances = abs(line.mean(axis=1) - position)
    clear = abs(distances - reach) > 1e-9
    inside = (np.arange(17) >= first) & (np.arange(17) < last)
    np.testing.assert_array_equal(inside[clear], (distances <= reach)[clear])


def test_even_axes_are_told_from_others() -> None:
    even = torch.linspace(-7.75, 7.75, 32, dtype=torch.float64)
    assert is_even(even)
    assert is_even(even.float() / 3)
    assert is_even(even[:1])
    assert not is_even(even.flip(0))
    assert not is_even(even[[0, 1, 3]])
    assert not is_even(even + 1e-8 * torch.rand(32, dtype=torch.float64, generator=torch.Generator().manual_seed(0)))
