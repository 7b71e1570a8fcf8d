from __future__ import annotations

import gemmi
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from deepchem_density.errors import FeaturizationError
from deepchem_density.fields import independent_atoms as module
from deepchem_density.fields.derived import GradientMagnitude
from deepchem_density.fields.independent_atoms import IndependentAtoms, independent_atoms, voxelize_independent_atoms
from deepchem_density.structures.structure import Structure
from deepchem_density.voxels.grid import VoxelGrid, voxelize

ROTATION = np.array([[2, -1, 2], [2, 2, -1], [-1, 2, 2]]) / 3
CENTER = np.array([0.3, -0.4, 0.2])
QUATERNIONS = st.lists(st.floats(-1, 1), min_size=4, max_size=4).filter(lambda q: np.linalg.norm(q) > 0.1)
SHIFTS = st.lists(st.floats(-0.5, 0.5), min_size=3, max_size=3)
IONS = Structure(
    [8, 12, 19],
    [[0.4, 0.5, 0.3], [-1.1, -1.4, 0.6], [1.9, -0.8, -1.2]],
    formal_charges=np.array([-1, 2, 1]),
)
"""O- and K+ are made of large Gaussians of opposite signs."""


def mixture() -> Structure:
    """Elements, displacements and occupancies of all kinds, none unknown."""
    return Structure(
        [6, 1, 8, 16, 26],
        [[0.1, -0.7, 0.4], [1.0, -0.5, 0.9], [1.3, 0.6, -0.6], [-1.1, 0.9, 0.3], [0.4, 0.5, 1.9]],
        b_iso=np.array([12.0, 15.0, 30.0, 8.0, 50.0]),
        site_occupancy=np.array([1.0, 1.0, 0.5, 0.7, 0.25]),
        name="mixture",
    )


def axes() -> list[torch.Tensor]:
    return [
        torch.linspace(low, high, n, dtype=torch.float64) for low, high, n in ((-3, 4, 13), (-4, 2, 17), (-2, 5, 11))
    ]


def random_points(n: int = 300) -> torch.Tensor:
    return torch.as_tensor(np.random.default_rng(0).uniform(-3, 3, (n, 3)))


def b_of(field: IndependentAtoms) -> np.ndarray:
    """B of each atom, from the Gaussian of the constant."""
    return 4 * np.pi**2 / field.exponents[:, 4]


# ---- laws


def test_density_is_the_formula():
    structure, points = mixture(), random_points()
    expected = np.zeros(len(points))
    for number, position, b_iso, occupancy in zip(
        structure.numbers, structure.positions, structure.b_iso, structure.site_occupancy, strict=True
    ):
        row = gemmi.Element(int(number)).it92
        squares = ((points.numpy() - position) ** 2).sum(axis=1)
        for a, b in zip([*row.a, row.c], [*row.b, 0.0], strict=True):
            width = b + b_iso + 3.5
            expected += occupancy * a * (4 * np.pi / width) ** 1.5 * np.exp(-4 * np.pi**2 * squares / width)
    field = independent_atoms(structure, blur=3.5, cutoff=1e-14)
    np.testing.assert_allclose(field.at(points)[:, 0], expected, rtol=1e-9, atol=1e-12)


@given(SHIFTS, QUATERNIONS)
def test_electrons_are_kept(center, quaternion):
    field = independent_atoms(mixture())
    electrons = (mixture().numbers * mixture().site_occupancy).sum()
    assert field.n_electrons == pytest.approx(electrons, rel=1e-3)
    grid = VoxelGrid(center, 16.0, 0.5, Rotation.from_quat(quaternion).as_matrix())
    total = float(voxelize(field, grid, 2, torch.float64).sum()) * 0.5**3
    assert total == pytest.approx(field.n_electrons, rel=1e-3)


def test_a_molecule_needs_nothing_but_elements_and_positions(molecules):
    for name, structure in molecules.items():
        center = structure.positions.mean(axis=0)
        voxels = voxelize(independent_atoms(structure), VoxelGrid(center, 18.0, 0.5), dtype=torch.float64)
        assert float(voxels.sum()) * 0.5**3 == pytest.approx(structure.numbers.sum(), rel=3e-3), name


@given(QUATERNIONS)
def test_turning_the_grid_is_turning_the_atoms(quaternion):
    rotation = Rotation.from_quat(quaternion).as_matrix()
    structure = mixture()
    turned = Structure(
        structure.numbers,
        (structure.positions - CENTER) @ rotation,
        b_iso=structure.b_iso,
        site_occupancy=structure.site_occupancy,
    )
    seen = voxelize(independent_atoms(structure), VoxelGrid(CENTER, 8.0, 0.5, rotation), dtype=torch.float64)
    still = voxelize(independent_atoms(turned), VoxelGrid(np.zeros(3), 8.0, 0.5), dtype=torch.float64)
    torch.testing.assert_close(seen, still, rtol=0, atol=2e-5)  # an atom may end on either side of a voxel
    exact = [independent_atoms(s, cutoff=1e-12) for s in (structure, turned)]
    there = torch.as_tensor(CENTER) + random_points() @ torch.as_tensor(rotation.T)
    torch.testing.assert_close(exact[0].at(there), exact[1].at(random_points()), rtol=1e-9, atol=1e-11)


def test_axes_and_points_agree():
    for field in (independent_atoms(mixture()), independent_atoms(IONS)):
        crossings = torch.cartesian_prod(*axes())
        values, gradient = field.on_axes(*axes()), field.gradient_on_axes(*axes())
        assert values.shape == (13, 17, 11, 1)
        assert gradient.shape == (13, 17, 11, 3)
        torch.testing.assert_close(values.reshape(-1, 1), field.at(crossings), rtol=1e-9, atol=1e-10)
        torch.testing.assert_close(gradient.reshape(-1, 3), field.gradient_at(crossings), rtol=1e-9, atol=1e-10)


def test_uneven_and_single_coordinates_agree_with_points():
    field = independent_atoms(mixture())
    x, y, z = axes()
    for lines in ((x[[0, 1, 5, 6]], y, z), (x.flip(0), y, z[3:4]), (x[2:3], y[4:5], z[5:6])):
        crossings = torch.cartesian_prod(*lines)
        values, gradient = field.on_axes(*lines), field.gradient_on_axes(*lines)
        torch.testing.assert_close(values.reshape(-1, 1), field.at(crossings), rtol=1e-9, atol=1e-10)
        torch.testing.assert_close(gradient.reshape(-1, 3), field.gradient_at(crossings), rtol=1e-9, atol=1e-10)


def test_cell_means_are_means_of_points():
    grid, field = VoxelGrid(CENTER, 6.0, 1.0, ROTATION), independent_atoms(mixture())
    fine = voxelize(field, VoxelGrid(CENTER, 6.0, 0.25, ROTATION), dtype=torch.float64)
    means = fine.reshape(6, 4, 6, 4, 6, 4, 1).mean(dim=(1, 3, 5))
    # whole cells are kept: five atoms of five Gaussians, each below the cutoff of 1e-5
    torch.testing.assert_close(voxelize(field, grid, 4, torch.float64), means, rtol=0, atol=5e-5)
    fine_field = independent_atoms(mixture(), cutoff=1e-12)
    fine = voxelize(fine_field, VoxelGrid(CENTER, 6.0, 0.25, ROTATION), dtype=torch.float64)
    means = fine.reshape(6, 4, 6, 4, 6, 4, 1).mean(dim=(1, 3, 5))
    torch.testing.assert_close(voxelize(fine_field, grid, 4, torch.float64), means, rtol=0, atol=1e-10)


@pytest.mark.parametrize("oversampling", [1, 2])
def test_a_batch_is_its_molecules_one_at_a_time(oversampling):
    axis = torch.as_tensor(VoxelGrid(box_width=10.0).axis(oversampling).copy())
    densities = [independent_atoms(mixture(), cutoff=1e-3), independent_atoms(IONS), independent_atoms(mixture())]
    out = torch.full((3, 20, 20, 20, 1), 9.0, dtype=torch.float64)
    assert voxelize_independent_atoms(densities, axis, out) is out
    for voxels, density in zip(out, densities, strict=True):
        assert torch.equal(voxels, density.cell_means(axis))
    assert voxelize_independent_atoms([], axis).shape == (0, 20, 20, 20, 1)


def test_gradient_is_that_of_the_values():
    field = independent_atoms(mixture())
    points = random_points().requires_grad_()
    field.at(points).sum().backward()
    gradient = field.gradient_at(points.detach())
    torch.testing.assert_close(gradient, points.grad, rtol=1e-9, atol=1e-12)
    exact, h = independent_atoms(mixture(), cutoff=1e-14), 1e-4
    steps = h * torch.eye(3, dtype=torch.float64)
    differences = [(exact.at(random_points() + s) - exact.at(random_points() - s)) / (2 * h) for s in steps]
    torch.testing.assert_close(exact.gradient_at(random_points()), torch.cat(differences, dim=1), rtol=0, atol=1e-5)


def test_gradient_at_a_nucleus_is_finite():
    field = independent_atoms(Structure([6], [[0.1, 0.2, 0.3]]))
    point = torch.tensor([[0.1, 0.2, 0.3]], dtype=torch.float64, requires_grad=True)
    field.at(point).sum().backward()
    assert torch.equal(point.grad, torch.zeros(1, 3, dtype=torch.float64))
    assert torch.equal(field.gradient_at(point.detach()), point.grad)


def test_length_of_the_gradient_in_voxels():
    voxels = voxelize(GradientMagnitude(independent_atoms(mixture())), VoxelGrid(CENTER, 6.0, 0.5), 2, torch.float64)
    points = torch.as_tensor(VoxelGrid(CENTER, 6.0, 0.25).points().reshape(-1, 3))
    lengths = independent_atoms(mixture()).gradient_at(points).norm(dim=1).reshape(12, 2, 12, 2, 12, 2)
    torch.testing.assert_close(voxels[..., 0], lengths.mean(dim=(1, 3, 5)), rtol=0, atol=1e-4)


def test_size_of_steps_does_not_matter(monkeypatch):
    field = independent_atoms(mixture())
    values, gradient = field.at(random_points()), field.gradient_at(random_points())
    monkeypatch.setattr(module, "POINTS_TIMES_ATOMS", 5 * 7)
    torch.testing.assert_close(field.at(random_points()), values, rtol=1e-12, atol=0)
    torch.testing.assert_close(field.gradient_at(random_points()), gradient, rtol=1e-12, atol=1e-15)


def test_atoms_far_outside_leave_zeros():
    far = independent_atoms(mixture()).in_frame(np.array([100.0, 0, 0]), np.eye(3))
    assert not far.on_axes(*axes()).any()
    assert not far.gradient_on_axes(*axes()).any()
    assert torch.equal(far.at(random_points()), torch.zeros(300, 1, dtype=torch.float64))
    assert torch.equal(far.gradient_at(random_points()), torch.zeros(300, 3, dtype=torch.float64))


def test_atoms_just_outside_are_seen():
    grid = VoxelGrid(np.zeros(3), 4.0, 0.5)
    voxels = voxelize(independent_atoms(Structure([8], [[3.0, 0.1, -0.2]])), grid, dtype=torch.float64)
    points = torch.as_tensor(grid.points().reshape(-1, 3))
    expected = independent_atoms(Structure([8], [[3.0, 0.1, -0.2]]), cutoff=1e-14).at(points)
    assert expected.max() > 0.05
    torch.testing.assert_close(voxels.reshape(-1, 1), expected, rtol=0, atol=2e-5)


def test_single_precision_is_the_double_one_rounded():
    for structure in (mixture(), IONS):
        field, grid = independent_atoms(structure), VoxelGrid(CENTER, 8.0, 0.5, ROTATION)
        single = voxelize(field, grid)
        assert single.dtype == torch.float32
        torch.testing.assert_close(single.double(), voxelize(field, grid, dtype=torch.float64), rtol=1e-5, atol=2e-5)
        values, gradient = field.at(random_points().float()), field.gradient_at(random_points().float())
        assert values.dtype == gradient.dtype == torch.float32
        torch.testing.assert_close(values.double(), field.at(random_points()), rtol=1e-4, atol=3e-5)
        torch.testing.assert_close(gradient.double(), field.gradient_at(random_points()), rtol=1e-4, atol=3e-4)


@pytest.mark.parametrize("contiguous", [True, False])
def test_voxels_are_written_in_place(contiguous):
    field, grid = independent_atoms(mixture()), VoxelGrid(CENTER, 8.0, 0.5)
    out = torch.zeros((16, 16, 16, 1) if contiguous else (16, 16, 16, 3))[..., :1]
    found = voxelize(field, grid, out=out)
    assert found.data_ptr() == out.data_ptr()
    assert torch.equal(out, voxelize(field, grid))
    assert out.max() > 1


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_gives_the_same():
    field, points = independent_atoms(mixture()), random_points()
    torch.testing.assert_close(field.at(points.cuda()).cpu(), field.at(points), rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(field.gradient_at(points.cuda()).cpu(), field.gradient_at(points), rtol=1e-9, atol=1e-12)
    grid = VoxelGrid(CENTER, 8.0, 0.5)
    assert torch.equal(voxelize(field, grid, device="cuda").cpu(), voxelize(field, grid))


# ---- B


def with_b(values: list[float]) -> Structure:
    """A chain of carbons 3 Å apart."""
    positions = np.arange(len(values))[:, None] * np.array([3.0, 0, 0])
    return Structure([6] * len(values), positions, b_iso=np.array(values))


def test_unknown_and_too_small_displacements():
    np.testing.assert_allclose(b_of(independent_atoms(Structure([6], [[0.0, 0, 0]]))), 20)
    found = b_of(independent_atoms(with_b([33.0, 0.0, -5.0, np.nan, 0.5, 2.0, 999.99])))
    np.testing.assert_allclose(found, [33, 20, 20, 20, 2, 2, 999.99])
    np.testing.assert_allclose(b_of(independent_atoms(with_b([0.0, 0.0]))), 20)


def test_hydrogens_without_displacement_ride_on_their_atoms():
    structure = Structure(
        [6, 1, 8, 1, 1, 1],
        [[0, 0, 0], [1.09, 0, 0], [5, 0, 0], [5, 0.97, 0], [0, -1.09, 0], [20, 0, 0]],
        b_iso=np.array([40.0, 0.0, 25.0, np.nan, 31.0, 0.0]),
    )
    np.testing.assert_allclose(b_of(independent_atoms(structure)), [40, 40, 25, 25, 31, 20])
    unknown = Structure(structure.numbers, structure.positions, b_iso=np.zeros(6))
    np.testing.assert_allclose(b_of(independent_atoms(unknown)), 20)


def test_settings_of_displacements():
    structure = with_b([33.0, 0.0])
    np.testing.assert_allclose(b_of(independent_atoms(structure, b_iso=7.0)), 7)
    np.testing.assert_allclose(b_of(independent_atoms(structure, b_iso=0.0, blur=9.0)), 9)
    np.testing.assert_allclose(b_of(independent_atoms(structure, blur=9.0)), [42, 29])
    smooth = b_of(independent_atoms(structure, d_min=2.0, blur=1.0))
    np.testing.assert_allclose(smooth, np.array([34, 21]) + 4 * np.log(2) * 4)
    # at s = 1/d_min half of a coefficient is left
    assert np.exp(-(smooth[0] - 34) / 4 / 2.0**2) == pytest.approx(0.5)


# ---- errors


@pytest.mark.parametrize("setting", [-1.0, 0.0, 1.5, float("nan"), float("inf")])
def test_b_iso_must_be_possible(setting):
    with pytest.raises(ValueError, match=f"b_iso={setting} arrived; None .* at least 2 is accepted"):
        independent_atoms(mixture(), b_iso=setting)


@pytest.mark.parametrize("setting", [-1.0, 0.0, float("nan"), float("inf")])
def test_d_min_must_be_possible(setting):
    with pytest.raises(ValueError, match=f"d_min={setting} arrived; None or a positive resolution"):
        independent_atoms(mixture(), d_min=setting)


@pytest.mark.parametrize("setting", [-1.0, float("nan"), float("inf")])
def test_blur_must_be_possible(setting):
    with pytest.raises(ValueError, match=f"blur={setting} arrived; a B in Å² of zero or more"):
        independent_atoms(mixture(), blur=setting)


@pytest.mark.parametrize("setting", [-1e-5, 0.0, float("nan"), float("inf")])
def test_cutoff_must_be_possible(setting):
    with pytest.raises(ValueError, match=f"cutoff={setting} arrived; a positive density"):
        independent_atoms(mixture(), cutoff=setting)


def test_elements_beyond_the_table():
    with pytest.raises(FeaturizationError, match="Atom 1 of 'odd' is Es; there are X-ray form factors from H to Cf"):
        independent_atoms(Structure([6, 99], [[0, 0, 0], [0, 0, 2.0]], name="odd"))


def test_occupancies_must_be_possible():
    structure = Structure([6, 8], [[0, 0, 0], [0, 0, 1.2]], site_occupancy=np.array([1.0, -0.5]), name="odd")
    with pytest.raises(FeaturizationError, match=r"Atom 1 of 'odd' has the occupancy -0\.5; zero or more"):
        independent_atoms(structure)
