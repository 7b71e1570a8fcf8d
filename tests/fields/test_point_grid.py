from __future__ import annotations

import numpy as np
import pytest
import torch
from linear_field import Linear
from scipy.spatial.transform import Rotation

from deepchem_density import PointGrid, VoxelGrid, voxelize, xtb_density
from deepchem_density.fields.point_grid import point_grid_of, values_on

TURN = Rotation.from_euler("xyz", [20, 40, 60], degrees=True).as_matrix()
SKEWED = PointGrid([1.0, -2.0, 3.0], TURN @ [[0.3, 0.1, 0.0], [0.0, 0.2, 0.0], [0.0, 0.0, 0.25]], (9, 5, 7))


def test_positions_come_in_the_order_of_the_points_however_many_at_a_time(monkeypatch):
    i, j, k = np.indices(SKEWED.shape)
    expected = SKEWED.origin + np.stack([i, j, k], axis=-1).reshape(-1, 3) @ SKEWED.steps.T
    np.testing.assert_allclose(np.concatenate(list(SKEWED.positions())), expected, atol=1e-12)
    monkeypatch.setattr("deepchem_density.fields.point_grid.POINTS_PER_CHUNK", 80)
    parts = list(SKEWED.positions())
    assert len(parts) == 5
    np.testing.assert_allclose(np.concatenate(parts), expected, atol=1e-12)


def test_the_points_of_a_voxel_grid_are_the_centres_of_its_voxels(molecules):
    grid = VoxelGrid((0.3, -1.0, 2.0), 4.0, 0.5, TURN)
    points = np.concatenate(list(grid.point_grid.positions()))
    np.testing.assert_allclose(points, grid.points().reshape(-1, 3), atol=1e-12)
    density = xtb_density(molecules["water"])
    looked = voxelize(density, grid, dtype=torch.float64)[..., 0].numpy()
    np.testing.assert_allclose(values_on(density, point_grid_of(grid), None), looked, atol=1e-9)


def test_a_grid_around_atoms_covers_them_with_their_margin_at_whole_multiples_of_its_step():
    positions = np.array([[0.1, 5.0, -3.2], [1.9, 7.2, -3.0]])
    grid = PointGrid.around(positions, 2.0, 0.3)
    corners = grid.corners()
    assert (corners.min(axis=0) <= positions.min(axis=0) - 2.0).all()
    assert (corners.max(axis=0) >= positions.max(axis=0) + 2.0).all()
    assert (np.ptp(corners, axis=0) < np.ptp(positions, axis=0) + 4.0 + 0.6).all()
    np.testing.assert_allclose(grid.origin / 0.3, np.rint(grid.origin / 0.3), atol=1e-9)


def test_channels_of_arrays_and_fields_are_chosen():
    field = Linear(3)
    of_field = values_on(field, SKEWED, 2)
    np.testing.assert_allclose(of_field, 3 * values_on(Linear(), SKEWED))
    array = torch.rand(*SKEWED.shape, 2)
    np.testing.assert_array_equal(values_on(array, SKEWED, 1), array[..., 1].double().numpy())
    np.testing.assert_array_equal(values_on(np.ones(SKEWED.shape, dtype=bool), SKEWED), 1.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((0, 0, np.nan), np.eye(3), (2, 2, 2)), "finite numbers in Å"),
        (((0, 0, 0), np.ones((3, 3)), (2, 2, 2)), "span a volume"),
        (((0, 0, 0), np.eye(3), (2, 0, 2)), "from 1 up"),
        (((0, 0, 0), np.eye(3), (9000, 9000, 9000)), "GiB"),
    ],
)
def test_what_is_no_grid_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        PointGrid(*arguments)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"shape \(9, 5, 8\) .* of shape \(9, 5, 7\)"):
        values_on(np.zeros((9, 5, 8)), SKEWED)
    with pytest.raises(ValueError, match="type complex128"):
        values_on(np.zeros(SKEWED.shape, dtype=complex), SKEWED)
    with pytest.raises(ValueError, match="channel=None arrived for 3 channels; a file holds one: a number from 0 to 2"):
        values_on(Linear(3), SKEWED)
    with pytest.raises(ValueError, match="channel=3 arrived"):
        values_on(Linear(3), SKEWED, 3)
    holed = np.zeros(SKEWED.shape)
    holed[1, 2, 3] = np.nan
    with pytest.raises(ValueError, match=r"The value at point \(1, 2, 3\) is nan"):
        values_on(holed, SKEWED)
    with pytest.raises(ValueError, match="grid of type tuple arrived; a VoxelGrid or a PointGrid is accepted"):
        point_grid_of((4, 4, 4))
