from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from deepchem_density.fields import field as fields
from deepchem_density.fields.derived import GradientMagnitude
from deepchem_density.fields.xtb import xtb_density
from deepchem_density.structures.structure import Structure
from deepchem_density.voxels.grid import VoxelGrid, random_rotation, voxelize, voxels_per_edge
from deepchem_density.voxels.recipe import Recipe

QUATERNIONS = st.lists(st.floats(-1, 1), min_size=4, max_size=4).filter(lambda q: np.linalg.norm(q) > 0.1)
ROTATION = np.array([[2, -1, 2], [2, 2, -1], [-1, 2, 2]]) / 3
CENTER = np.array([0.7, -0.4, 0.2])
RECIPES = {
    "atom": Recipe("atom", elements=("O", "P"), other=True),
    "density": Recipe("density"),
    "gradient": Recipe("gradient"),
    "occupancy": Recipe("occupancy"),
    "density occupancy": Recipe("occupancy", shape="density"),
}


# ---- where voxels are


def test_voxel_centres_are_the_formula():
    grid = VoxelGrid(CENTER, box_width=3.0, voxel_width=0.5, rotation=ROTATION)
    assert grid.voxels_per_edge == 6
    points = grid.points()
    assert points.shape == (6, 6, 6, 3)
    for i, j, k in ((0, 0, 0), (5, 5, 5), (1, 3, 4)):
        local = (np.array([i, j, k]) + 0.5) * 0.5 - 1.5
        np.testing.assert_allclose(points[i, j, k], CENTER + ROTATION @ local, atol=1e-12)
        np.testing.assert_allclose(grid.to_local(points[i, j, k][None])[0], local, atol=1e-12)
    np.testing.assert_allclose(points.mean(axis=(0, 1, 2)), CENTER, atol=1e-12)


@pytest.mark.parametrize("oversampling", [1, 2, 3])
def test_sub_points_are_evenly_spaced_and_centred_in_their_cells(oversampling):
    axis = VoxelGrid(box_width=4.0, voxel_width=0.8).axis(oversampling)
    assert axis.shape == (5, oversampling)
    np.testing.assert_allclose(axis.mean(axis=1), [-1.6, -0.8, 0.0, 0.8, 1.6], atol=1e-12)
    np.testing.assert_allclose(np.diff(axis.reshape(-1)), 0.8 / oversampling)
    np.testing.assert_allclose(axis, -axis[::-1, ::-1], atol=1e-12)


@pytest.mark.parametrize(
    ("box_width", "voxel_width", "n"),
    [(16.0, 0.5, 32), (16, 1, 16), (9.6, 0.4, 24), (10.0, 1 / 3, 30), (0.3, 0.1, 3), (1, 1, 1)],
)
def test_quotients_that_are_whole_but_for_rounding_are_accepted(box_width, voxel_width, n):
    assert voxels_per_edge(box_width, voxel_width) == n
    assert VoxelGrid(box_width=box_width, voxel_width=voxel_width).axis().shape == (n, 1)


# ---- what is refused


@pytest.mark.parametrize(
    ("box_width", "voxel_width", "message"),
    [
        (16.0, 0.3, r"box_width=16 is 53.33 voxels of 0.3 Å; .* box_width=15.9 or voxel_width=0.301887\."),
        (1.0, 3.0, r"box_width=1 is 0.3333 voxels of 3 Å; .* box_width=3 or voxel_width=1\."),
        (0.0, 0.5, "box_width=0.0 and voxel_width=0.5 arrived; positive"),
        (16.0, -0.5, "voxel_width=-0.5 arrived; positive"),
        (float("nan"), 0.5, "box_width=nan"),
        (float("inf"), 0.5, "box_width=inf"),
    ],
)
def test_widths_that_do_not_fit_are_named(box_width, voxel_width, message):
    with pytest.raises(ValueError, match=message):
        VoxelGrid(box_width=box_width, voxel_width=voxel_width)


@pytest.mark.parametrize(
    "rotation", [np.diag([1, 1, -1]), 2 * np.eye(3), np.eye(2), np.ones((3, 3)), np.full((3, 3), np.nan)]
)
def test_what_is_no_rotation_is_refused(rotation):
    with pytest.raises(ValueError, match="rotation is no proper rotation matrix"):
        VoxelGrid(rotation=rotation)


@pytest.mark.parametrize("center", [[0, 0], [[0, 0, 0]], [0, np.nan, 0], 1.0])
def test_what_is_no_point_is_refused(center):
    with pytest.raises(ValueError, match=r"center=.* is no point"):
        VoxelGrid(center=center)


def test_a_box_that_no_memory_holds_is_refused_before_anything_is_allocated():
    with pytest.raises(ValueError, match=r"A box of 10000 x 10000 x 10000 voxels .* GiB is accepted"):
        VoxelGrid(box_width=1000.0, voxel_width=0.1)


@pytest.mark.parametrize("oversampling", [0, -1, 1.5, 65, float("nan")])
def test_oversampling_must_be_a_positive_whole_number(oversampling, molecules):
    field = RECIPES["occupancy"].field(molecules["water"])
    with pytest.raises(ValueError, match=f"oversampling={oversampling} arrived; 1 "):
        voxelize(field, VoxelGrid(), oversampling)


# ---- what voxels hold


@pytest.mark.parametrize("name", RECIPES)
def test_a_voxel_is_the_field_at_its_centre(name, molecules):
    field = RECIPES[name].field(molecules["phosphoric acid"])
    grid = VoxelGrid(CENTER, 6.0, 0.75, ROTATION)
    voxels = voxelize(field, grid, dtype=torch.float64)
    assert voxels.shape == (8, 8, 8, field.n_channels)
    values = field.at(torch.as_tensor(grid.points().reshape(-1, 3))).reshape(voxels.shape)
    torch.testing.assert_close(voxels, values, rtol=0, atol=1e-6)
    assert voxels.any()


@pytest.mark.parametrize("name", RECIPES)
def test_an_oversampled_voxel_is_the_mean_over_a_finer_grid(name, molecules):
    field = RECIPES[name].field(molecules["phosphoric acid"])
    coarse = voxelize(field, VoxelGrid(CENTER, 6.0, 1.2, ROTATION), 3, torch.float64)
    fine = voxelize(field, VoxelGrid(CENTER, 6.0, 0.4, ROTATION), dtype=torch.float64)
    means = fine.reshape(5, 3, 5, 3, 5, 3, -1).mean(dim=(1, 3, 5))
    torch.testing.assert_close(coarse, means, rtol=0, atol=1e-6)


@pytest.mark.parametrize("chunk", [1, 700, 1 << 30])
@pytest.mark.parametrize("oversampling", [1, 2])
@pytest.mark.parametrize("name", RECIPES)
def test_size_of_chunks_does_not_matter(name, oversampling, chunk, molecules, monkeypatch):
    field, grid = RECIPES[name].field(molecules["water"]), VoxelGrid(CENTER, 6.0, 0.75, ROTATION)
    usual = voxelize(field, grid, oversampling, torch.float64)
    monkeypatch.setattr(fields, "POINTS_PER_CHUNK", chunk)
    torch.testing.assert_close(voxelize(field, grid, oversampling, torch.float64), usual, rtol=1e-9, atol=1e-11)


@given(quaternion=QUATERNIONS)
@settings(max_examples=8)
@pytest.mark.parametrize("name", ["atom", "density", "gradient"])
def test_turning_the_grid_is_turning_the_molecule(name, quaternion, molecules):
    """A grid turned by R sees in a molecule what an upright grid sees in the molecule turned by Rᵀ."""
    structure, recipe = molecules["phosphoric acid"], RECIPES[name]
    rotation = Rotation.from_quat(quaternion).as_matrix()
    turned = Structure(structure.numbers, (structure.positions - CENTER) @ rotation)
    of_grid = voxelize(recipe.field(structure), VoxelGrid(CENTER, 7.0, 0.7, rotation), dtype=torch.float64)
    of_molecule = voxelize(recipe.field(turned), VoxelGrid(np.zeros(3), 7.0, 0.7), dtype=torch.float64)
    # a density solved anew for the turned molecule differs by the convergence of the engine
    torch.testing.assert_close(of_grid, of_molecule, rtol=0, atol=1e-7 if name == "atom" else 1e-3)
    assert float(of_grid.max()) > 0.05


@given(quaternion=QUATERNIONS)
@settings(max_examples=8)
@pytest.mark.parametrize("name", ["occupancy", "density occupancy"])
def test_turning_the_grid_is_turning_the_molecule_for_shapes(name, quaternion, molecules):
    """As above; a voxel within rounding of the surface may fall on either side."""
    structure, recipe = molecules["phosphoric acid"], RECIPES[name]
    rotation = Rotation.from_quat(quaternion).as_matrix()
    turned = Structure(structure.numbers, (structure.positions - CENTER) @ rotation)
    of_grid = voxelize(recipe.field(structure), VoxelGrid(CENTER, 7.0, 0.7, rotation), dtype=torch.float64)
    of_molecule = voxelize(recipe.field(turned), VoxelGrid(np.zeros(3), 7.0, 0.7), dtype=torch.float64)
    assert (of_grid != of_molecule).sum() <= 2
    assert 50 < of_grid.sum() < 950


def test_electrons_are_conserved_by_oversampling_at_any_angle(molecules):
    density = xtb_density(molecules["water"])
    counts = {
        oversampling: [
            float(voxelize(density, VoxelGrid(center, 12.0, 0.5, rotation), oversampling).sum()) * 0.5**3
            for center, rotation in ((np.zeros(3), np.eye(3)), (CENTER, ROTATION), ([0.1, 0.2, 0.35], ROTATION.T))
        ]
        for oversampling in (1, 4)
    }
    np.testing.assert_allclose(counts[4], 8, rtol=0, atol=2e-3)
    assert np.ptp(counts[1]) > 0.01  # sampled at the centres alone the count depends on where the atoms fall


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_type_that_is_asked_for(dtype, molecules):
    field = GradientMagnitude(xtb_density(molecules["water"]))
    assert voxelize(field, VoxelGrid(box_width=4.0), dtype=dtype).dtype == dtype


def test_random_rotations_are_proper_uniform_and_repeatable():
    rng = np.random.default_rng(7)
    drawn = np.stack([random_rotation(rng) for _ in range(4000)])
    assert drawn.dtype == np.float64
    np.testing.assert_allclose(drawn @ drawn.transpose(0, 2, 1), np.broadcast_to(np.eye(3), drawn.shape), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(drawn), 1)
    # Over all rotations each element has mean 0 and mean square 1/3, and the mean trace is 0; 4000 draws give ±0.04.
    np.testing.assert_allclose(drawn.mean(axis=0), 0, atol=0.05)
    np.testing.assert_allclose((drawn**2).mean(axis=0), 1 / 3, atol=0.03)
    angles = np.arccos(np.clip((np.trace(drawn, axis1=1, axis2=2) - 1) / 2, -1, 1))
    # The angle's density is (1 - cos a)/pi, so its mean is pi/2 + 2/pi.
    assert angles.mean() == pytest.approx(np.pi / 2 + 2 / np.pi, abs=0.04)
    np.testing.assert_array_equal(random_rotation(np.random.default_rng(7)), drawn[0])
