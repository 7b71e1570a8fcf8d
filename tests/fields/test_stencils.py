"""Compiled stencils against the same sums written as one line of NumPy over the whole grid."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepchem_density.fields.stencils import (
    N_TERMS,
    fill_form_factor_gradients,
    fill_form_factors,
    fill_gaussians,
    fill_spheres,
)
from deepchem_density.fields.streaming import LARGER_THAN_CACHE

N_ATOMS = 7
ALL = np.array([0, N_ATOMS])
ONE = np.array([0, 1])


def axes(sub_points: int, shape: tuple[int, int, int] = (9, 14, 11), width: float = 0.6) -> list[np.ndarray]:
    return [
        ((np.arange(n * sub_points) + 0.5) * width / sub_points - n * width / 2).reshape(n, sub_points) for n in shape
    ]


def atoms(seed: int, spread: float = 3.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions, some of them outside the grid, amplitudes of both signs and exponents."""
    rng = np.random.default_rng(seed)
    return (
        rng.normal(size=(N_ATOMS, 3)) * spread,
        rng.uniform(-1, 1, (N_ATOMS, N_TERMS)),
        rng.uniform(0.2, 3, (N_ATOMS, N_TERMS)),
    )


def means(line: np.ndarray, position: float, exponent: float) -> np.ndarray:
    return np.exp(-exponent * (line - position) ** 2).mean(axis=1)


def gaussians(lines: list[np.ndarray], position: np.ndarray, exponent: float) -> np.ndarray:
    return np.einsum("i,j,k->ijk", *(means(a, p, exponent) for a, p in zip(lines, position, strict=True)))


@pytest.mark.parametrize("sub_points", [1, 3])
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-6), (np.float64, 1e-9)])
@pytest.mark.parametrize("streamed", [False, True])
def test_channels_hold_the_gaussians_of_their_atoms(
    sub_points: int, dtype: type, tolerance: float, streamed: bool
) -> None:
    copies = 1 + LARGER_THAN_CACHE // (9 * 14 * 11 * 3 * np.dtype(dtype).itemsize) if streamed else 2
    lines = axes(sub_points)
    positions = atoms(0)[0]
    channels = np.arange(N_ATOMS) % 3
    values = np.full((copies, 9, 14, 11, 3), 5, dtype=dtype)
    offsets = np.array([0, 3, N_ATOMS, *[N_ATOMS] * (copies - 2)])
    fill_gaussians(values, *lines, positions, channels, offsets, 0.7, 1.3, 1e-10)
    expected = np.zeros((2, 9, 14, 11, 3))
    for a, (position, channel) in enumerate(zip(positions, channels, strict=True)):
        expected[int(a >= 3), ..., channel] += 0.7 * gaussians(lines, position, 1.3)
    np.testing.assert_allclose(values[:2], expected, atol=tolerance)
    assert not values[2:].any()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), sub_points=st.integers(1, 3), spread=st.floats(0.1, 8.0))
def test_form_factors_sum_all_terms(seed: int, sub_points: int, spread: float) -> None:
    lines = axes(sub_points)
    positions, amplitudes, exponents = atoms(seed, spread)
    values = np.full((9, 14, 11), 5.0)
    fill_form_factors(values[None], *lines, positions, amplitudes, exponents, ALL, np.array([1e-9]))
    expected = sum(
        amplitudes[a, t] * gaussians(lines, positions[a], exponents[a, t])
        for a in range(N_ATOMS)
        for t in range(N_TERMS)
    )
    # each of 35 terms may be left out where it is below 1e-9
    np.testing.assert_allclose(values, expected, atol=4e-8)


def test_gradients_are_finite_differences_of_the_sums() -> None:
    positions, amplitudes, exponents = atoms(3)
    lines, step = axes(1), 1e-4
    values = np.full((3, 9, 14, 11), 5.0)
    fill_form_factor_gradients(values, *lines, positions, amplitudes, exponents, 1e-12)
    for direction in range(3):
        ends = []
        for sign in (1, -1):
            moved = positions.copy()
            moved[:, direction] -= sign * step
            ends.append(np.empty((9, 14, 11)))
            fill_form_factors(ends[-1][None], *lines, moved, amplitudes, exponents, ALL, np.array([1e-12]))
        np.testing.assert_allclose(values[direction], (ends[0] - ends[1]) / (2 * step), atol=1e-7)


def test_gradients_average_over_sub_points() -> None:
    positions, amplitudes, exponents = atoms(4)
    coarse, fine = axes(2), [line.reshape(-1, 1) for line in axes(2)]
    values, points = np.empty((3, 9, 14, 11)), np.empty((3, 18, 28, 22))
    fill_form_factor_gradients(values, *coarse, positions, amplitudes, exponents, 1e-12)
    fill_form_factor_gradients(points, *fine, positions, amplitudes, exponents, 1e-12)
    np.testing.assert_allclose(values, points.reshape(3, 9, 2, 14, 2, 11, 2).mean(axis=(2, 4, 6)), atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), spread=st.floats(0.1, 8.0))
def test_spheres_hold_the_points_within_their_radius(seed: int, spread: float) -> None:
    lines = axes(1)
    positions = atoms(seed, spread)[0]
    radii = np.random.default_rng(seed).uniform(0.3, 2.5, N_ATOMS)
    values = np.full((9, 14, 11), 5, dtype=np.uint8)
    fill_spheres(values[None], *lines, positions, radii, ALL)
    points = np.stack(np.meshgrid(*(line[:, 0] for line in lines), indexing="ij"), axis=-1)
    distances = np.linalg.norm(points[..., None, :] - positions, axis=-1)
    clear = (abs(distances - radii) > 1e-9).all(axis=-1)
    np.testing.assert_array_equal(values[clear], (distances < radii).any(axis=-1)[clear])


def test_what_lies_far_outside_or_below_the_cutoff_adds_nothing() -> None:
    lines, far, near = axes(1), np.full((1, 3), 1e6), np.zeros((1, 3))
    cutoffs, ones, channel = np.array([1e-8]), np.ones((1, N_TERMS)), np.zeros(1, dtype=np.int64)
    for fill in (
        lambda values: fill_gaussians(values[..., None], *lines, far, channel, ONE, 1.0, 1.0, 1e-8),
        lambda values: fill_form_factors(values, *lines, far, ones, ones, ONE, cutoffs),
        lambda values: fill_form_factors(values, *lines, near, 1e-9 * ones, ones, ONE, cutoffs),
        lambda values: fill_spheres(values, *lines, far, np.ones(1), ONE),
    ):
        values = np.full((1, 9, 14, 11), 5.0)
        fill(values)
        assert not values.any()


def test_a_grid_of_one_voxel_works() -> None:
    lines = axes(2, (1, 1, 1))
    values = np.zeros((1, 1, 1))
    ones = np.ones((1, N_TERMS))
    fill_form_factors(values[None], *lines, np.zeros((1, 3)), 0.2 * ones, ones, ONE, np.array([1e-9]))
    assert values[0, 0, 0] == pytest.approx(np.exp(-3 * 0.15**2))
