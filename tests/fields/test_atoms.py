from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from deepchem_density.fields import atoms
from deepchem_density.fields.atoms import AtomTypes, VdwOccupancy, voxelize_atoms, voxelize_spheres
from deepchem_density.voxels.grid import VoxelGrid, voxelize

POSITIONS = np.array([[0.1, -0.7, 0.4], [1.3, 0.2, -0.6], [-1.1, 0.9, 0.3], [0.4, 0.5, 1.6]])
CHANNELS = np.array([1, 0, 1, 3])
RADII = np.array([1.7, 1.1, 1.52, 1.8])
ROTATION = np.array([[2, -1, 2], [2, 2, -1], [-1, 2, 2]]) / 3
CENTER = np.array([0.3, -0.4, 0.2])


def axes() -> list[torch.Tensor]:
    return [
        torch.linspace(low, high, n, dtype=torch.float64) for low, high, n in ((-3, 4, 13), (-4, 2, 17), (-2, 5, 11))
    ]


def random_points(n: int = 400) -> torch.Tensor:
    return torch.as_tensor(np.random.default_rng(0).uniform(-4, 4, (n, 3)))


def gaussians(points: np.ndarray, sigma: float) -> np.ndarray:
    """The docstring's formula, atom by atom, (n, 4 channels)."""
    values = np.zeros((len(points), 4))
    for position, channel in zip(POSITIONS, CHANNELS, strict=True):
        squares = ((points - position) ** 2).sum(axis=1)
        values[:, channel] += (2 * np.pi * sigma**2) ** -1.5 * np.exp(-squares / (2 * sigma**2))
    return values


# ---- atom types


@pytest.mark.parametrize("sigma", [0.3, 0.5, 1.1])
def test_atom_types_are_the_formula(sigma):
    field = AtomTypes(POSITIONS, CHANNELS, 4, sigma)
    points = random_points()
    height = (2 * np.pi * sigma**2) ** -1.5
    np.testing.assert_allclose(field.at(points), gaussians(points.numpy(), sigma), rtol=1e-9, atol=1e-12)
    crossings = torch.cartesian_prod(*axes()).numpy()
    on_axes = field.on_axes(*axes())
    assert on_axes.shape == (13, 17, 11, 4)
    # beyond six sigma it is zero: exp(-18) of the height
    np.testing.assert_allclose(on_axes.reshape(-1, 4), gaussians(crossings, sigma), rtol=0, atol=3e-6 * height)


@given(st.floats(0.25, 0.6), st.lists(st.floats(-0.5, 0.5), min_size=3, max_size=3))
def test_atoms_are_counted_by_the_sum_over_voxels(sigma, center):
    voxels = voxelize(AtomTypes(POSITIONS, CHANNELS, 4, sigma), VoxelGrid(center, 14.0, 0.25), dtype=torch.float64)
    np.testing.assert_allclose(voxels.sum(dim=(0, 1, 2)) * 0.25**3, [1, 2, 0, 1], rtol=0, atol=1e-3)


def test_cell_means_are_brute_force_means():
    grid = VoxelGrid(CENTER, 6.0, 1.0, ROTATION)
    field = AtomTypes(POSITIONS, CHANNELS, 4, 0.5)
    fine = voxelize(field, VoxelGrid(CENTER, 6.0, 0.25, ROTATION), dtype=torch.float64)
    means = fine.reshape(6, 4, 6, 4, 6, 4, 4).mean(dim=(1, 3, 5))
    torch.testing.assert_close(voxelize(field, grid, 4, torch.float64), means, rtol=0, atol=1e-6)


def test_a_turned_frame_sees_the_same_atoms():
    field, points = AtomTypes(POSITIONS, CHANNELS, 4, 0.5), random_points()
    there = torch.as_tensor(CENTER) + points @ torch.as_tensor(ROTATION.T)
    torch.testing.assert_close(field.in_frame(CENTER, ROTATION).at(points), field.at(there), rtol=1e-9, atol=1e-12)


def test_size_of_steps_does_not_matter(monkeypatch):
    field = AtomTypes(POSITIONS, CHANNELS, 4)
    whole = field.at(random_points())
    monkeypatch.setattr(atoms, "POINTS_TIMES_ATOMS", 4 * 7)
    torch.testing.assert_close(field.at(random_points()), whole, rtol=1e-12, atol=0)


def test_atoms_far_outside_leave_zeros():
    field = AtomTypes(POSITIONS + 100.0, CHANNELS, 4)
    assert not field.on_axes(*axes()).any()
    assert field.on_axes(*axes()).shape == (13, 17, 11, 4)


def test_single_precision_is_the_double_one_rounded():
    field = AtomTypes(POSITIONS, CHANNELS, 4, 0.5)
    single = field.on_axes(*(axis.float() for axis in axes()))
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), field.on_axes(*axes()), rtol=0, atol=1e-6)
    torch.testing.assert_close(field.at(random_points().float()).double(), field.at(random_points()), rtol=0, atol=1e-5)


@pytest.mark.parametrize("sigma", [0.0, -0.5, float("nan")])
def test_width_must_be_positive(sigma):
    with pytest.raises(ValueError, match=f"sigma={sigma} arrived; a positive width"):
        AtomTypes(POSITIONS, CHANNELS, 4, sigma)


# ---- van der Waals occupancy


def union(points: np.ndarray) -> np.ndarray:
    return (np.linalg.norm(points[:, None] - POSITIONS, axis=2) <= RADII).any(axis=1)


def test_occupancy_is_the_union_of_spheres():
    field = VdwOccupancy(POSITIONS, RADII)
    points = random_points()
    inside = union(points.numpy())
    assert 20 < inside.sum() < 380
    np.testing.assert_array_equal(field.at(points)[:, 0], inside)
    on_axes = field.on_axes(*axes())
    assert on_axes.shape == (13, 17, 11, 1)
    np.testing.assert_array_equal(on_axes.flatten(), union(torch.cartesian_prod(*axes()).numpy()))


def test_volume_of_one_sphere():
    sphere = VdwOccupancy(np.array([[0.137, 0.211, -0.093]]), np.array([1.7]))
    voxels = voxelize(sphere, VoxelGrid(box_width=4.0, voxel_width=0.1), 2)
    assert float(voxels.sum()) * 0.1**3 == pytest.approx(4 / 3 * np.pi * 1.7**3, rel=2e-3)


def test_part_of_a_cell_that_is_inside():
    field, grid = VdwOccupancy(POSITIONS, RADII), VoxelGrid(CENTER, 8.0, 1.0, ROTATION)
    fine = voxelize(field, VoxelGrid(CENTER, 8.0, 0.25, ROTATION), dtype=torch.float64)
    means = fine.reshape(8, 4, 8, 4, 8, 4, 1).mean(dim=(1, 3, 5))
    parts = voxelize(field, grid, 4, torch.float64)
    torch.testing.assert_close(parts, means, rtol=0, atol=1e-12)
    assert ((parts > 0) & (parts < 1)).any()


def test_a_turned_frame_sees_the_same_spheres():
    field, points = VdwOccupancy(POSITIONS, RADII), random_points()
    there = torch.as_tensor(CENTER) + points @ torch.as_tensor(ROTATION.T)
    assert torch.equal(field.in_frame(CENTER, ROTATION).at(points), field.at(there))


# ---- uneven axes, and batches

BATCH = [POSITIONS, POSITIONS[:1] + 0.3, POSITIONS[:0], POSITIONS[::-1] * 2]
OF_BATCH = [slice(None), slice(0, 1), slice(0, 0), slice(None, None, -1)]


@pytest.mark.parametrize("field", [AtomTypes(POSITIONS, CHANNELS, 4), VdwOccupancy(POSITIONS, RADII)])
def test_uneven_axes_agree_with_points(field):
    x, y, z = axes()
    for lines in ((x[[0, 1, 5, 6]], y, z), (x.flip(0), y, z[3:4]), (x[2:3], y[4:5], z[5:6])):
        values = field.on_axes(*lines).reshape(-1, field.n_channels)
        torch.testing.assert_close(values, field.at(torch.cartesian_prod(*lines)), rtol=0, atol=1e-6)


@pytest.mark.parametrize("oversampling", [1, 2])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_batch_is_its_molecules_one_at_a_time(oversampling, dtype):
    positions = BATCH
    axis = torch.as_tensor(VoxelGrid(box_width=6.0).axis(oversampling).copy(), dtype=dtype)
    channels, radii = [CHANNELS[part] for part in OF_BATCH], [RADII[part] for part in OF_BATCH]
    types = voxelize_atoms(positions, channels, 4, axis, 0.4, out=torch.full((4, 12, 12, 12, 4), 9.0, dtype=dtype))
    spheres = voxelize_spheres(positions, radii, axis, out=torch.full((4, 12, 12, 12, 1), 9.0, dtype=dtype))
    assert types[0].any()
    assert spheres[0].any()
    for i in range(4):
        assert torch.equal(types[i], AtomTypes(positions[i], channels[i], 4, 0.4).cell_means(axis))
        assert torch.equal(spheres[i], VdwOccupancy(positions[i], radii[i]).cell_means(axis))
    assert torch.equal(voxelize_atoms(positions, channels, 4, axis, 0.4), types)
    assert torch.equal(voxelize_spheres(positions, radii, axis), spheres)
    assert voxelize_atoms([], [], 4, axis).shape == (0, 12, 12, 12, 4)


def test_batches_that_do_not_fit_are_refused():
    axis = torch.as_tensor(VoxelGrid(box_width=6.0).axis().copy())
    with pytest.raises(ValueError, match="channels from 0 to 3 arrived; those from 0 to 2 are accepted"):
        voxelize_atoms([POSITIONS], [CHANNELS], 3, axis)
    with pytest.raises(ValueError, match="1 molecules of 4 atoms arrived with 1 arrays of 2"):
        voxelize_atoms([POSITIONS], [CHANNELS[:2]], 4, axis)
    with pytest.raises(ValueError, match=r"out of shape \(1, 12, 12, 12, 4\) and torch.float32 on cpu arrived"):
        voxelize_atoms([POSITIONS], [CHANNELS], 4, axis, out=torch.zeros(1, 12, 12, 12, 4))
    with pytest.raises(ValueError, match=r"sigma=0.0 arrived"):
        voxelize_atoms([POSITIONS], [CHANNELS], 4, axis, 0.0)
