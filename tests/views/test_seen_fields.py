from __future__ import annotations

import numpy as np
import pytest
import torch
from linear_field import Linear
from scipy.spatial.transform import Rotation

from deepchem_density import PointGrid, VoxelGrid, read_map, voxelize, write_cube, xtb_density
from deepchem_density.errors import FeaturizationError
from deepchem_density.views.seen_fields import VoxelField, Within

TURN = Rotation.from_euler("xyz", [20, 40, 60], degrees=True).as_matrix()
GRID = VoxelGrid((1.0, -2.0, 0.5), 4.0, 0.5, TURN)
RANDOM = torch.from_numpy(np.random.default_rng(0).uniform(-1.5, 1.5, (200, 3)) @ TURN.T + GRID.center)


def test_voxels_are_cells_with_nothing_outside():
    voxels = np.random.default_rng(1).random((8, 8, 8, 2)).astype(np.float32)
    field = VoxelField(voxels, GRID.point_grid)
    cells = np.floor((GRID.to_local(RANDOM.numpy()) + 2.0) / 0.5).astype(int)
    np.testing.assert_allclose(field.at(RANDOM).numpy(), voxels[tuple(cells.T)], rtol=1e-6)
    outside = torch.from_numpy(GRID.center + np.array([[2.1, 0, 0], [0, -2.1, 0], [0, 0, 9.0]]) @ TURN.T)
    assert not field.at(outside).any()


def test_between_the_centres_of_voxels_smooth_ones_are_linear():
    points = np.concatenate(list(GRID.point_grid.positions()))
    values = Linear().at(torch.from_numpy(points)).reshape(8, 8, 8, 1).numpy()
    field = VoxelField(values, GRID.point_grid, smooth=True)
    torch.testing.assert_close(field.at(RANDOM), Linear().at(RANDOM), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("smooth", [False, True])
def test_they_are_the_same_from_another_frame(smooth):
    voxels = np.random.default_rng(1).random((8, 8, 8, 1)).astype(np.float32)
    field = VoxelField(voxels, GRID.point_grid, smooth)
    center, rotation = np.array([0.3, 0.2, -1.0]), TURN @ TURN
    local = (RANDOM.numpy() - center) @ rotation
    torch.testing.assert_close(field.in_frame(center, rotation).at(torch.from_numpy(local)), field.at(RANDOM))


def test_a_map_is_nothing_beyond_its_faces_and_itself_within(molecules, tmp_path):
    density = xtb_density(molecules["water"])
    grid = PointGrid.around(molecules["water"].positions, 1.5, 0.25)
    known = read_map(write_cube(tmp_path / "water.cube", density, grid), values="file")
    field = Within(known, grid)
    inside, outside = torch.tensor([[0.3, -0.2, 0.1]]).double(), torch.tensor([[9.0, 0.0, 0.0]]).double()
    with pytest.raises(FeaturizationError):
        known.at(torch.cat([inside, outside]))
    seen = field.at(torch.cat([inside, outside]))
    assert seen[0] == known.at(inside)[0]
    assert seen[1] == 0
    turned = field.in_frame(np.array([1.0, 0, 0]), TURN)
    local = (inside.numpy() - [1.0, 0, 0]) @ TURN
    torch.testing.assert_close(turned.at(torch.from_numpy(local)), known.at(inside))
    far = VoxelGrid(box_width=4.0, voxel_width=1.0, center=(50.0, 0, 0))
    assert not voxelize(field, far).any()
