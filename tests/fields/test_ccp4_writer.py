"""Maps are read back by gemmi, which takes no part in writing them."""

from __future__ import annotations

import gemmi
import numpy as np
import pytest
import torch
from linear_field import Linear
from scipy.spatial.transform import Rotation

from deepchem_density import PointGrid, VoxelGrid, read_map, voxelize, write_ccp4, xtb_density
from deepchem_density.errors import FeaturizationError
from deepchem_density.fields.ccp4_writer import map_nodes

TURN = Rotation.from_euler("xyz", [20, 40, 60], degrees=True).as_matrix()
TURNED = PointGrid([-3.3, 12.2, -3.1], TURN * [0.30, 0.25, 0.20], (20, 21, 25))
TRICLINIC = gemmi.UnitCell(8.1, 9.3, 7.4, 78.0, 96.0, 111.0)


def in_gemmi(path) -> gemmi.Ccp4Map:
    """Read a map, its nodes brought into the cell, where gemmi then finds them at their positions."""
    found = gemmi.read_ccp4_map(str(path))
    found.setup(float("nan"))
    return found


def interpolated(found: gemmi.Ccp4Map, positions: np.ndarray) -> np.ndarray:
    return np.array([found.grid.interpolate_value(gemmi.Position(*position)) for position in positions])


def test_the_field_of_a_turned_off_origin_grid_that_is_no_cube_is_right_at_a_hundred_points(tmp_path):
    found = in_gemmi(write_ccp4(tmp_path / "linear.ccp4", Linear(), TURNED))
    # anywhere between the turned grid's points: linear interpolation gives a linear field back
    places = np.random.default_rng(0).random((100, 3)) * (np.array(TURNED.shape) - 1)
    positions = TURNED.origin + places @ TURNED.steps.T
    expected = Linear().at(torch.from_numpy(positions))[:, 0].numpy()
    np.testing.assert_allclose(interpolated(found, positions), expected, rtol=2e-6)


def test_a_density_is_right_at_a_hundred_nodes(molecules, tmp_path):
    water = molecules["water"]
    density = xtb_density(water)
    grid = VoxelGrid(water.positions.mean(axis=0) - 0.1, 3.0, 0.25, TURN)
    path = write_ccp4(tmp_path / "water.map", density, grid, title="Wasser, ρ in e/Å³")
    found = in_gemmi(path)
    nodes = map_nodes(grid.point_grid)
    chosen = np.random.default_rng(0).integers(0, nodes.shape, (100, 3))
    positions = nodes.origin + chosen @ nodes.steps.T
    expected = density.at(torch.from_numpy(positions))[:, 0].numpy()
    assert expected.max() > 0.05
    np.testing.assert_allclose(interpolated(found, positions), expected, rtol=1e-5, atol=1e-7)
    assert found.header_str(57, 80).strip() == "Wasser, in e/A^3"
    assert "Values in e/A^3" in found.header_str(77, 80)
    read = read_map(path, values="file")
    points = torch.from_numpy(positions)
    torch.testing.assert_close(read.at(points)[:, 0], torch.from_numpy(expected), rtol=1e-5, atol=1e-6)


def test_the_nodes_cover_the_grid_and_little_more():
    nodes = map_nodes(TURNED)
    corners, of_nodes = TURNED.corners(), nodes.corners()
    assert (of_nodes.min(axis=0) <= corners.min(axis=0) + 1e-3).all()
    assert (of_nodes.max(axis=0) >= corners.max(axis=0) - 1e-3).all()
    assert (np.ptp(of_nodes, axis=0) <= np.ptp(corners, axis=0) + 0.4).all()
    np.testing.assert_allclose(nodes.lengths, 0.20)
    straight = PointGrid((0.05, 0, 0), np.diag([0.3, 0.25, 0.2]), (4, 5, 6))
    np.testing.assert_allclose(map_nodes(straight).lengths, [0.3, 0.25, 0.2])
    assert map_nodes(straight).shape == (5, 5, 6)


def test_voxels_at_whole_multiples_of_their_width_are_written_as_they_are(molecules, tmp_path):
    density = xtb_density(molecules["water"])
    grid = VoxelGrid((0.125, -1.125, 0.625), 6.0, 0.25)
    voxels = voxelize(density, grid, oversampling=2)
    path = write_ccp4(tmp_path / "voxels.ccp4", voxels, grid)
    found = in_gemmi(path)
    chosen = np.random.default_rng(1).integers(0, 24, (100, 3))
    np.testing.assert_array_equal(
        interpolated(found, grid.points()[tuple(chosen.T)]).astype(np.float32), voxels[(*chosen.T, 0)].numpy()
    )


def test_voxels_of_a_triclinic_cell_keep_it(tmp_path):
    steps = np.array(TRICLINIC.orth.mat.tolist()) / [16, 18, 14]
    grid = PointGrid(steps @ [-3, 40, 7], steps, (10, 12, 9))
    points = np.concatenate(list(grid.positions()))
    values = Linear().at(torch.from_numpy(points)).reshape(grid.shape).numpy()
    found = in_gemmi(write_ccp4(tmp_path / "triclinic.ccp4", values, grid))
    assert found.grid.unit_cell.parameters[3:] == pytest.approx(TRICLINIC.parameters[3:], abs=1e-3)
    places = np.random.default_rng(0).random((100, 3)) * (np.array(grid.shape) - 1)
    positions = grid.origin + places @ steps.T
    expected = Linear().at(torch.from_numpy(positions))[:, 0].numpy()
    np.testing.assert_allclose(interpolated(found, positions), expected, rtol=3e-6)


def test_voxels_between_nodes_need_the_origin_of_mrc(molecules, tmp_path):
    density = xtb_density(molecules["water"])
    grid = VoxelGrid((0.1, -1.2, 0.3), 6.0, 0.25)
    voxels = voxelize(density, grid)
    with pytest.raises(ValueError, match=r"'a\.ccp4' was asked for voxels that lie between .* ends in \.mrc"):
        write_ccp4(tmp_path / "a.ccp4", voxels, grid)
    path = write_ccp4(tmp_path / "a.mrc", voxels, grid)
    header = gemmi.read_ccp4_map(str(path))
    origin = [header.header_float(word) for word in (50, 51, 52)]
    np.testing.assert_allclose(origin, grid.points()[0, 0, 0], rtol=1e-6)
    assert [header.header_i32(word) for word in (5, 6, 7)] == [0, 0, 0]
    read = read_map(path, values="file")
    assert not read.periodic
    points = torch.from_numpy(grid.points().reshape(-1, 3)[::31])
    torch.testing.assert_close(read.at(points), density.at(points), rtol=1e-5, atol=1e-5)


def test_what_cannot_be_written_is_refused_and_leaves_no_file(molecules, tmp_path):
    turned = VoxelGrid(box_width=4.0, voxel_width=1.0, rotation=TURN)
    path = tmp_path / "refused.ccp4"
    with pytest.raises(ValueError, match="Voxels of a turned grid arrived"):
        write_ccp4(path, np.zeros((4, 4, 4)), turned)
    with pytest.raises(ValueError, match="unit='eV' arrived"):
        write_ccp4(path, Linear(), turned, unit="eV")
    with pytest.raises(ValueError, match="single precision"):
        write_ccp4(path, np.full((4, 4, 4), 1e39), VoxelGrid((0.5, 0.5, 0.5), 4.0, 1.0))
    small = write_ccp4(
        tmp_path / "small.ccp4", xtb_density(molecules["water"]), VoxelGrid(box_width=4.0, voxel_width=0.5)
    )
    with pytest.raises(FeaturizationError, match="ends"):
        write_ccp4(path, read_map(small, periodic=False), VoxelGrid(box_width=6.0, voxel_width=0.5))
    assert [one.name for one in tmp_path.iterdir()] == ["small.ccp4"]
