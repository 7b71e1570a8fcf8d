"""What compiled code gives on grids, against formulas, sums without screening, and laws."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from deepchem_density.fields.derived import GradientMagnitude
from deepchem_density.fields.gaussian_basis import GaussianBasis, GaussianShell
from deepchem_density.fields.gaussian_orbitals import OrbitalDensity
from deepchem_density.fields.slater_basis import METHODS, slater_basis
from deepchem_density.fields.units import BOHR_PER_ANGSTROM
from deepchem_density.fields.xtb import xtb_density
from deepchem_density.voxels.grid import VoxelGrid, voxelize

DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
NORMALS = st.lists(st.floats(-1, 1), min_size=4, max_size=4).filter(lambda q: np.linalg.norm(q) > 0.1)
ATOMS = ("P", "C", "H", "O", "Zn")
POSITIONS = np.array([[0.1, -0.3, 0.2], [1.5, 0.6, -0.4], [-0.7, 1.1, 0.8], [0.4, -1.6, 0.9], [-1.9, -0.5, -0.6]])
"""In Å."""
EXACT = {torch.float32: 4e-6, torch.float64: 1e-9}
"""Largest error of the density of a molecule, in e/Å³: rounding, and functions that are left out of blocks."""
EXACT_GRADIENT = {torch.float32: 2e-5, torch.float64: 1e-9}
"""The same of its gradient, in e/Å⁴."""
SAME = {torch.float32: 1e-5, torch.float64: 1e-6}
"""Largest change of a density, in e/Å³, where nothing but the place or the order of its atoms changes."""


def density(positions: np.ndarray = POSITIONS, order: tuple[int, ...] = (0, 1, 2, 3, 4)) -> OrbitalDensity:
    """Orthonormal combinations of s, p and d functions; each function keeps its coefficients in any order of atoms."""
    rng = np.random.default_rng(0)
    sizes = [slater_basis((element,), np.zeros((1, 3)), "GFN2-xTB").n_orbitals for element in ATOMS]
    orbitals = np.linalg.qr(rng.normal(size=(sum(sizes), 9)))[0] * np.sqrt(2)
    by_atom = np.split(orbitals, np.cumsum(sizes)[:-1])
    basis = slater_basis(tuple(ATOMS[i] for i in order), positions[np.array(order)] * BOHR_PER_ANGSTROM, "GFN2-xTB")
    return OrbitalDensity(basis, np.concatenate([by_atom[i] for i in order]))


def lines(shape: tuple[int, int, int], dtype: torch.dtype) -> list[torch.Tensor]:
    starts, steps = (-2.1, -1.3, -2.9), (0.41, 0.23, 0.37)
    return [start + step * torch.arange(n, dtype=dtype) for start, step, n in zip(starts, steps, shape, strict=True)]


@DTYPES
@pytest.mark.parametrize("momentum", [0, 1, 2])
@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 9, 17), (13, 8, 7)], ids=str)
def test_one_shell_is_its_formula(momentum, shape, dtype):
    """ρ = Σ_m Y_m² R² for orbitals that are the functions themselves; ∇ρ by automatic differentiation of that line."""
    a, c, center = torch.tensor([0.9, 0.3]), torch.tensor([0.7, -0.2]), torch.tensor([0.5, -0.2, 0.3])
    shell = GaussianShell(momentum, a.double().numpy(), c.double().numpy())
    basis = GaussianBasis.from_shells([shell], center.double().numpy()[None])
    seen = OrbitalDensity(basis, np.eye(2 * momentum + 1))
    points = torch.cartesian_prod(*lines(shape, torch.float64)).requires_grad_()
    square = (points * BOHR_PER_ANGSTROM - center.double()).square().sum(dim=1)
    # by the addition theorem the squares of the harmonics of a shell add up to r^(2 l)
    expected = square**momentum * (c * torch.exp(-a * square[:, None])).sum(dim=1) ** 2 * BOHR_PER_ANGSTROM**3
    (slopes,) = torch.autograd.grad(expected.sum(), points)
    tolerance = {torch.float32: 2e-6, torch.float64: 1e-11}[dtype]
    values, gradient = seen.on_axes(*lines(shape, dtype)), seen.gradient_on_axes(*lines(shape, dtype))
    assert values.dtype == gradient.dtype == dtype
    torch.testing.assert_close(values.double(), expected.detach().reshape(*shape, 1), rtol=0, atol=tolerance)
    torch.testing.assert_close(gradient.double(), slopes.reshape(*shape, 3), rtol=0, atol=10 * tolerance)


@DTYPES
@given(quaternion=NORMALS)
@settings(max_examples=10)
def test_turned_grids_see_what_is_at_their_points(dtype, quaternion):
    """Without tables, blocks, screening or turned orbitals: the sum over all functions at each point in space."""
    grid = VoxelGrid(POSITIONS.mean(axis=0), 12.0, 0.8, Rotation.from_quat(quaternion).as_matrix())
    places = torch.as_tensor(grid.points().reshape(-1, 3))
    expected, slopes = density().at(places), density().gradient_at(places).norm(dim=1)
    found = voxelize(density(), grid, dtype=dtype).double()
    torch.testing.assert_close(found.reshape(-1, 1), expected, rtol=0, atol=EXACT[dtype])
    lengths = voxelize(GradientMagnitude(density()), grid, dtype=dtype).double()
    torch.testing.assert_close(lengths.reshape(-1), slopes, rtol=0, atol=EXACT_GRADIENT[dtype])


@DTYPES
@pytest.mark.parametrize("n_sub", [2, 3, 5])
def test_means_over_cells_are_those_of_their_points(dtype, n_sub):
    """Cells that blocks cut through, too."""
    grid = VoxelGrid(POSITIONS[0], 7.7, 1.1)
    fine = VoxelGrid(POSITIONS[0], 7.7, 1.1 / n_sub)
    cells = (7, n_sub) * 3
    for field, tolerance in ((density(), EXACT), (GradientMagnitude(density()), EXACT_GRADIENT)):
        expected = voxelize(field, fine, dtype=torch.float64).reshape(*cells).mean(dim=(1, 3, 5))
        found = voxelize(field, grid, n_sub, dtype)
        assert found.dtype == dtype
        torch.testing.assert_close(found[..., 0].double(), expected, rtol=0, atol=tolerance[dtype])


@DTYPES
@pytest.mark.parametrize("name", ["water", "benzene", "hexafluorophosphate", "phosphoric acid", "gold chloride"])
@pytest.mark.parametrize("method", METHODS)
def test_what_is_left_out_of_blocks_does_not_show(name, method, dtype, molecules):
    """Of solved molecules, on a grid that reaches far beyond them."""
    structure = molecules[name]
    solved = xtb_density(structure, method=method)
    grid = VoxelGrid(structure.positions.mean(axis=0), 20.0, 0.5)
    places = torch.as_tensor(grid.points().reshape(-1, 3))
    found = voxelize(solved, grid, dtype=dtype).double().reshape(-1, 1)
    torch.testing.assert_close(found, solved.at(places), rtol=0, atol=EXACT[dtype])
    assert (found >= 0).all()


@DTYPES
@pytest.mark.parametrize("far", [0.0, 1e4], ids=["near", "10,000 Å away"])
@pytest.mark.parametrize("order", [(0, 1, 2, 3, 4), (4, 2, 0, 3, 1)], ids=["same order", "other order"])
def test_neither_place_nor_order_of_the_atoms_matters(far, order, dtype):
    shift = np.array([far, -far, 0.5 * far])
    turned = Rotation.from_euler("xyz", [0.4, -1.0, 2.0]).as_matrix()
    center = POSITIONS.mean(axis=0)
    for field in (lambda one: one, GradientMagnitude):
        expected = voxelize(field(density()), VoxelGrid(center, 12.0, 0.5, turned), dtype=dtype)
        moved = density(POSITIONS + shift, order)
        found = voxelize(field(moved), VoxelGrid(center + shift, 12.0, 0.5, turned), dtype=dtype)
        scale = 1.0 if field is not GradientMagnitude else 10.0
        torch.testing.assert_close(found, expected, rtol=0, atol=scale * SAME[dtype])


@DTYPES
@pytest.mark.parametrize("n", [0, 1, 5])
def test_orbitals_that_are_empty_hold_nothing(n, dtype):
    empty = OrbitalDensity(density().basis, np.zeros((density().basis.n_orbitals, n)))
    axes = lines((3, 4, 5), dtype)
    assert torch.equal(empty.on_axes(*axes), torch.zeros(3, 4, 5, 1, dtype=dtype))
    assert torch.equal(empty.gradient_on_axes(*axes), torch.zeros(3, 4, 5, 3, dtype=dtype))


@DTYPES
def test_far_parts_of_a_grid_hold_nothing(dtype):
    """Exactly 0 beyond 20 Å, where no block is looked at, and the sum over all functions in the rest of the same grid."""
    grid = VoxelGrid(POSITIONS.mean(axis=0) + np.array([18.0, 0, 0]), 48.0, 1.5)
    places = torch.as_tensor(grid.points().reshape(-1, 3))
    nearest = torch.cdist(places, torch.as_tensor(POSITIONS)).amin(dim=1)
    found = voxelize(density(), grid, dtype=dtype).double().reshape(-1, 1)
    torch.testing.assert_close(found, density().at(places), rtol=0, atol=EXACT[dtype])
    lengths = voxelize(GradientMagnitude(density()), grid, dtype=dtype).reshape(-1)
    assert not found[nearest > 20].any()
    assert not lengths[nearest > 20].any()
    assert (found[nearest < 2] > 0).all()


def test_means_are_added_to_the_array_that_was_passed():
    channels = torch.zeros((6, 6, 6, 3))
    grid = VoxelGrid(POSITIONS[0], 6.0, 1.0)
    returned = voxelize(density(), grid, out=channels[..., 1:2])
    assert returned.data_ptr() == channels[..., 1:2].data_ptr()
    torch.testing.assert_close(channels[..., 1:2], voxelize(density(), grid))
    assert not channels[..., [0, 2]].any()
