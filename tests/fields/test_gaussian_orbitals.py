from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from deepchem_density.fields import gaussian_orbitals
from deepchem_density.fields.gaussian_basis import GaussianBasis, GaussianShell
from deepchem_density.fields.gaussian_orbitals import OrbitalDensity
from deepchem_density.fields.slater_basis import slater_basis
from deepchem_density.fields.units import BOHR_PER_ANGSTROM
from deepchem_density.structures.structure import symbol

REFERENCES = (
    "C", "CBr", "CC(=O)[O-]", "CCl", "CO", "CS(=O)(=O)N", "C[NH3+]", "C[Si](C)(C)C", "FC(F)F", "N", "O", "OP(=O)(O)O",
    "c1ccccc1",
)  # fmt: skip
NORMALS = st.lists(st.floats(-1, 1), min_size=4, max_size=4).filter(lambda q: np.linalg.norm(q) > 0.1)
SHIFTS = st.lists(st.floats(-3, 3), min_size=3, max_size=3)
SPD = (("P", "C", "H"), np.array([[0.1, -0.3, 0.2], [2.9, 1.1, -0.8], [-1.4, 2.0, 1.6]]))
"""Elements and positions in bohr of a basis with s, p and d functions."""


def random_density(n_occupied: int = 4, seed: int = 0) -> OrbitalDensity:
    """A density with all products of s, p and d functions in it."""
    basis = slater_basis(*SPD, "GFN2-xTB")
    return OrbitalDensity(basis, np.random.default_rng(seed).normal(size=(basis.n_orbitals, n_occupied)))


def random_points(n: int = 200, seed: int = 1) -> torch.Tensor:
    return torch.as_tensor(np.random.default_rng(seed).uniform(-2.5, 2.5, (n, 3)))


def axes() -> list[torch.Tensor]:
    """Three different ascending axes."""
    return [torch.linspace(low, high, n, dtype=torch.float64) for low, high, n in ((-2, 3, 7), (-3, 2, 11), (-1, 4, 9))]


def crossings(x: torch.Tensor, y: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
    return torch.cartesian_prod(x, y, z)


# ---- references


@pytest.mark.parametrize("name", REFERENCES)
def test_density_and_gradient_are_those_of_pyscf(name, reference_densities, tblite_rows):
    """The references are stored in float32, which is the tolerance."""
    reference = reference_densities[name]
    structure = reference.structure
    basis = slater_basis(tuple(map(symbol, structure.numbers)), structure.positions * BOHR_PER_ANGSTROM, "GFN2-xTB")
    rows = tblite_rows(basis.angular_momenta)
    density = OrbitalDensity.from_density_matrix(basis, reference.density_matrix[np.ix_(rows, rows)])
    assert density.n_electrons == pytest.approx(reference.electrons, abs=1e-8)
    axis = torch.as_tensor((np.arange(28) - 13.5) * 0.5)
    local = density.in_frame(reference.center, np.eye(3))
    values, gradient = local.on_axes(axis, axis, axis), local.gradient_on_axes(axis, axis, axis)
    assert values.shape == (28, 28, 28, 1)
    assert gradient.shape == (28, 28, 28, 3)
    np.testing.assert_allclose(values[..., 0], reference.density, rtol=0, atol=1e-6)
    np.testing.assert_allclose(gradient, reference.gradient, rtol=0, atol=1e-6)


def test_references_are_all_tested(reference_densities):
    assert set(REFERENCES) == set(reference_densities)


def test_density_is_the_sum_over_products_of_harmonics_written_out():
    """ρ = Σ P_mn χ_m χ_n with one s, p and d shell of one Gaussian each, term by term."""
    shells = [
        GaussianShell(momentum, np.array([a]), np.array([c]))
        for momentum, a, c in ((0, 0.9, 0.7), (1, 0.6, -0.4), (2, 0.5, 0.3))
    ]
    centers = np.array([[0.2, -0.1, 0.4], [-0.5, 0.3, 0.0], [0.1, 0.6, -0.7]])
    points = random_points()
    s, p, d = (points.numpy() * BOHR_PER_ANGSTROM - center for center in centers)
    x, y, z = d.T
    functions = [0.7 * np.exp(-0.9 * (s**2).sum(axis=1)), *(-0.4 * p.T * np.exp(-0.6 * (p**2).sum(axis=1)))]
    harmonics = (
        3**0.5 * x * y,
        3**0.5 * y * z,
        z * z - (x * x + y * y) / 2,
        3**0.5 * x * z,
        3**0.5 / 2 * (x * x - y * y),
    )
    functions += [0.3 * harmonic * np.exp(-0.5 * (d**2).sum(axis=1)) for harmonic in harmonics]
    root = np.random.default_rng(2).normal(size=(9, 9))
    matrix = root @ root.T
    expected = np.einsum("mn,mi,ni->i", matrix, functions, functions) * BOHR_PER_ANGSTROM**3
    density = OrbitalDensity.from_density_matrix(GaussianBasis.from_shells(shells, centers), matrix)
    np.testing.assert_allclose(density.at(points)[:, 0], expected, rtol=1e-10)


# ---- laws


def test_axes_equal_points():
    density = random_density()
    shape = tuple(len(axis) for axis in axes())
    values = density.at(crossings(*axes())).reshape(*shape, 1)
    gradient = density.gradient_at(crossings(*axes())).reshape(*shape, 3)
    torch.testing.assert_close(density.on_axes(*axes()), values, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(density.gradient_on_axes(*axes()), gradient, rtol=1e-9, atol=1e-12)


def test_gradient_is_the_finite_difference_of_the_density():
    density, points, step = random_density(), random_points(), 1e-4
    differences = [
        (density.at(points + shift) - density.at(points - shift))[:, 0] / (2 * step)
        for shift in step * torch.eye(3, dtype=torch.float64)
    ]
    torch.testing.assert_close(density.gradient_at(points), torch.stack(differences, dim=1), rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("block", [(1, 1), (3, 5), (8, 8)])
def test_size_of_blocks_does_not_matter(block, monkeypatch):
    density = random_density()
    whole = [density.on_axes(*axes()), density.gradient_on_axes(*axes())]
    monkeypatch.setattr(gaussian_orbitals, "BLOCK", block)
    parts = [density.on_axes(*axes()), density.gradient_on_axes(*axes())]
    for one, other in zip(whole, parts, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("n_sub", [1, 2, 3])
def test_means_over_cells_are_those_of_their_points(n_sub):
    density = random_density()
    axis = torch.linspace(-2.5, 3.0, 5 * n_sub, dtype=torch.float64)
    values, gradient = density.on_axes(axis, axis, axis), density.gradient_on_axes(axis, axis, axis)
    cells = (5, n_sub) * 3
    expected = values.reshape(*cells).mean(dim=(1, 3, 5))
    torch.testing.assert_close(density.cell_means(axis.reshape(5, n_sub))[..., 0], expected, rtol=1e-9, atol=1e-11)
    lengths = gradient.norm(dim=-1).reshape(*cells).mean(dim=(1, 3, 5))
    found = density.gradient_length_means(axis.reshape(5, n_sub))[..., 0]
    torch.testing.assert_close(found, lengths, rtol=1e-9, atol=1e-10)


def test_a_molecule_far_from_the_grid_leaves_nothing():
    density = random_density().in_frame(np.array([500.0, 0, 0]), np.eye(3))
    assert not density.on_axes(*axes()).any()
    assert not density.gradient_on_axes(*axes()).any()


def test_axes_need_not_ascend():
    density = random_density()
    x, y, z = axes()
    torch.testing.assert_close(density.on_axes(x.flip(0), y, z), density.on_axes(x, y, z).flip(0))


def test_primitives_out_of_reach_are_not_missed():
    """Far from every atom the density is still the sum over all functions, to the rounding of the largest value."""
    density = random_density()
    axis = torch.linspace(-12, 12, 49, dtype=torch.float64)
    direct = density.at(crossings(axis, axis, axis)).reshape(49, 49, 49, 1)
    torch.testing.assert_close(density.on_axes(axis, axis, axis), direct, rtol=1e-7, atol=1e-13)
    single = density.on_axes(*[axis.float()] * 3)
    torch.testing.assert_close(single.double(), direct, rtol=0, atol=2e-6 * float(direct.max()))


def test_single_precision_is_the_double_one_rounded():
    density, points = random_density(), random_points()
    for single, double in (
        (density.on_axes(*(axis.float() for axis in axes())), density.on_axes(*axes())),
        (density.gradient_on_axes(*(axis.float() for axis in axes())), density.gradient_on_axes(*axes())),
        (density.at(points.float()), density.at(points)),
        (density.gradient_at(points.float()), density.gradient_at(points)),
    ):
        assert single.dtype == torch.float32
        torch.testing.assert_close(single.double(), double, rtol=0, atol=3e-6 * float(double.abs().max()))


@given(quaternion=NORMALS, center=SHIFTS)
def test_a_turned_frame_sees_the_same_density(quaternion, center):
    """ρ'(u) = ρ(c + R u) and ∇ρ'(u) = Rᵀ ∇ρ(c + R u), d shells included."""
    density, local = random_density(), random_points(40)
    rotation = Rotation.from_quat(quaternion).as_matrix()
    seen = density.in_frame(np.array(center), rotation)
    R = torch.as_tensor(rotation)  # noqa: N806
    places = torch.as_tensor(center, dtype=torch.float64) + local @ R.T
    torch.testing.assert_close(seen.at(local), density.at(places), rtol=1e-8, atol=1e-10)
    torch.testing.assert_close(seen.gradient_at(local), density.gradient_at(places) @ R, rtol=1e-8, atol=1e-9)
    assert seen.n_electrons == pytest.approx(density.n_electrons, rel=1e-10)


@given(first=NORMALS, second=NORMALS)
@settings(max_examples=10)
def test_two_turns_are_one(first, second):
    density = random_density()
    one, other = (Rotation.from_quat(quaternion).as_matrix() for quaternion in (first, second))
    origin = np.zeros(3)
    turned = density.in_frame(origin, one).in_frame(origin, other)
    np.testing.assert_allclose(turned.orbitals, density.in_frame(origin, one @ other).orbitals, atol=1e-12)


@given(st.integers(0, 2**32 - 1))
def test_density_is_never_negative(seed):
    density = random_density(n_occupied=1, seed=seed)
    assert (density.at(random_points(50, seed).float()) >= 0).all()
    assert (density.on_axes(*(axis.float() for axis in axes())) >= 0).all()


# ---- matrices


def test_density_matrix_gives_its_orbitals_back():
    density = random_density()
    again = OrbitalDensity.from_density_matrix(density.basis, density.density_matrix)
    assert again.orbitals.shape == density.orbitals.shape
    np.testing.assert_allclose(again.density_matrix, density.density_matrix, atol=1e-12)
    torch.testing.assert_close(again.at(random_points()), density.at(random_points()), rtol=1e-9, atol=1e-12)


def test_number_of_electrons_is_the_trace_and_the_integral():
    density = random_density()
    assert density.n_electrons == pytest.approx(np.trace(density.density_matrix @ density.basis.overlap), rel=1e-12)
    axis = torch.arange(-15, 15, 0.25, dtype=torch.float64) + 0.125
    assert float(density.on_axes(axis, axis, axis).sum()) * 0.25**3 == pytest.approx(density.n_electrons, rel=2e-3)


def test_indefinite_matrix_is_refused():
    basis = slater_basis(*SPD, "GFN2-xTB")
    matrix = np.eye(basis.n_orbitals)
    matrix[0, 0] = -0.01
    with pytest.raises(
        ValueError, match=r"no negative eigenvalue, but this one has -0\.01; pass the sum of both spins"
    ):
        OrbitalDensity.from_density_matrix(basis, matrix)


def test_rounding_errors_of_a_matrix_are_forgiven():
    basis = slater_basis(*SPD, "GFN2-xTB")
    matrix = np.diag([2.0, *[-1e-9] * (basis.n_orbitals - 1)])
    assert OrbitalDensity.from_density_matrix(basis, matrix).orbitals.shape == (basis.n_orbitals, 1)
