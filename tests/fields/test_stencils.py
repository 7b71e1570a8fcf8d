"""Compiled stencils against the same sums written as one line of NumPy over the whole grid."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepchem_density.fields.stencils import (
    N_TERMS,
    add_form_factor_gradients,
    add_form_factors,
    add_gaussians,
    fill_spheres,
)

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
def test_gaussians_are_added_to_their_channel(sub_points: int, dtype: type, tolerance: float) -> None:
    lines = axes(sub_points)
    positions = atoms(0)[0]
    channels = np.arange(N_ATOMS) % 3
    values = np.ones((9, 14, 11, 3), dtype=dtype)
    add_gaussians(values[None], *lines, positions, channels, ALL, 0.7, 1.3, 1e-10, False)
    expected = np.ones((9, 14, 11, 3))
    for position, channel in zip(positions, channels, strict=True):
        expected[..., channel] += 0.7 * gaussians(lines, position, 1.3)
    np.testing.assert_allclose(values, expected, atol=tolerance)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), sub_points=st.integers(1, 3), spread=st.floats(0.1, 8.0))
def test_form_factors_sum_all_terms(seed: int, sub_points: int, spread: float) -> None:
    lines = axes(sub_points)
    positions, amplitudes, exponents = atoms(seed, spread)
    values = np.zeros((9, 14, 11))
    add_form_factors(values[None], *lines, positions, amplitudes, exponents, ALL, np.array([1e-9]), False)
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
    values = np.zeros((3, 9, 14, 11))
    add_form_factor_gradients(values, *lines, positions, amplitudes, exponents, 1e-12)
    for direction in range(3):
        ends = []
        for sign in (1, -1):
            moved = positions.copy()
            moved[:, direction] -= sign * step
            ends.append(np.zeros((9, 14, 11)))
            add_form_factors(ends[-1][None], *lines, moved, amplitudes, exponents, ALL, np.array([1e-12]), False)
        np.testing.assert_allclose(values[direction], (ends[0] - ends[1]) / (2 * step), atol=1e-7)


def test_gradients_average_over_sub_points() -> None:
    positions, amplitudes, exponents = atoms(4)
    coarse, fine = axes(2), [line.reshape(-1, 1) for line in axes(2)]
    values, points = np.zeros((3, 9, 14, 11)), np.zeros((3, 18, 28, 22))
    add_form_factor_gradients(values, *coarse, positions, amplitudes, exponents, 1e-12)
    add_form_factor_gradients(points, *fine, positions, amplitudes, exponents, 1e-12)
    np.testing.assert_allclose(values, points.reshape(3, 9, 2, 14, 2, 11, 2).mean(axis=(2, 4, 6)), atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), spread=st.floats(0.1, 8.0))
def test_spheres_hold_the_points_within_their_radius(seed: int, spread: float) -> None:
    lines = axes(1)
    positions = atoms(seed, spread)[0]
    radii = np.random.default_rng(seed).uniform(0.3, 2.5, N_ATOMS)
    values = np.zeros((9, 14, 11), dtype=np.uint8)
    fill_spheres(values[None], *lines, positions, radii, ALL, False)
    points = np.stack(np.meshgrid(*(line[:, 0] for line in lines), indexing="ij"), axis=-1)
    distances = np.linalg.norm(points[..., None, :] - positions, axis=-1)
    clear = (abs(distances - radii) > 1e-9).all(axis=-1)
    np.testing.assert_array_equal(values[clear], (distances < radii).any(axis=-1)[clear])


def test_what_lies_far_outside_or_below_the_cutoff_changes_nothing() -> None:
    lines = axes(1)
    values, far = np.zeros((9, 14, 11)), np.full((1, 3), 1e6)
    cutoffs, ones = np.array([1e-8]), np.ones((1, N_TERMS))
    add_gaussians(values[None, ..., None], *lines, far, np.zeros(1, dtype=np.int64), ONE, 1.0, 1.0, 1e-8, False)
    add_form_factors(values[None], *lines, far, ones, ones, ONE, cutoffs, False)
    add_form_factors(values[None], *lines, np.zeros((1, 3)), 1e-9 * ones, ones, ONE, cutoffs, False)
    fill_spheres(values[None], *lines, far, np.ones(1), ONE, False)
    assert not values.any()


def test_a_grid_of_one_voxel_works() -> None:
    lines = axes(2, (1, 1, 1))
    values = np.zeros((1, 1, 1))
    ones = np.ones((1, N_TERMS))
    add_form_factors(values[None], *lines, np.zeros((1, 3)), 0.2 * ones, ones, ONE, np.array([1e-9]), False)
    assert values[0, 0, 0] == pytest.approx(np.exp(-3 * 0.15**2))
