from __future__ import annotations

import numpy as np
import pytest
import torch
from complex_files import write_complex

from deepchem_density import PointGrid, VoxelGrid, read_map, voxelize, write_cube, xtb_density
from deepchem_density.errors import FeaturizationError
from deepchem_density.views.scene import ALL, recipe_for, sampled_grid, scene_of
from deepchem_density.voxels.recipe import Recipe

SETTINGS = {"box_width": 12.0, "voxel_width": 1.0}


def test_a_molecule_has_a_panel_for_each_representation_in_the_order_asked_for(molecules):
    scene = scene_of(molecules["benzene"], "occupancy+density", SETTINGS)
    assert [panel.title for panel in scene.panels] == ["Occupancy", "Electron density"]
    assert [panel.unit for panel in scene.panels] == ["1", "e/Å³"]
    assert scene.panels[1].words == "valence electrons, GFN2-xTB"
    assert scene.title == "benzene"
    assert scene.facts == ("C6H6, 12 atoms", "voxels of 1 Å in a box of 12 Å")
    assert len(ALL.split("+")) == len(scene_of(molecules["hydrogen"], "", SETTINGS).panels)


def test_it_lies_flat_within_its_picture(molecules):
    scene = scene_of(molecules["benzene"], "occupancy", SETTINGS)
    local = scene.local(molecules["benzene"].positions)
    assert np.abs(local[:, 2]).max() < 1e-6
    assert (np.abs(local).max(axis=0) < scene.half).all()
    np.testing.assert_allclose(scene.axes @ scene.axes.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(scene.axes) == pytest.approx(1.0)
    low, high = scene.region
    assert (low < molecules["benzene"].positions.min(axis=0)).all()
    assert (high > molecules["benzene"].positions.max(axis=0)).all()


def test_voxels_are_those_of_the_field_on_a_grid_that_is_turned_with_the_picture(molecules):
    water = molecules["water"]
    scene = scene_of(water, "density", {**SETTINGS, "oversampling": 2})
    panel = scene.panels[0]
    grid = VoxelGrid(water.positions.mean(axis=0), 12.0, 1.0, scene.axes)
    expected = voxelize(xtb_density(water), grid, oversampling=2).numpy()
    np.testing.assert_allclose(panel.voxels.values, expected, atol=1e-6)
    points = torch.from_numpy(water.positions + 0.3)
    torch.testing.assert_close(panel.field.at(points), xtb_density(water).at(points))


def test_channels_without_an_atom_are_left_out(molecules):
    panel = scene_of(molecules["sulfuryl fluoride"], "atom", SETTINGS).panels[0]
    assert [channel.name for channel in panel.channels] == ["O", "F", "S"]
    recipe = Recipe("atom", **SETTINGS)
    assert [recipe.channels[channel.place] for channel in panel.channels] == ["O", "F", "S"]


def test_a_complex_takes_the_defaults_of_complexes_and_shows_what_is_near(tmp_path):
    ligand, pocket = write_complex(tmp_path, "1abc")
    scene = scene_of((ligand, pocket), "density", {"hydrogens": "keep"})
    assert scene.panels[0].words == "all electrons of independent atoms"
    assert scene.panels[0].voxel_width == 1.0
    assert scene.around is not None
    near = (np.abs(scene.local(scene.around.positions)) <= scene.half).all(axis=1)
    assert all(near[scene.around.residues == residue].any() for residue in set(scene.around.residues))
    assert scene.title.startswith("1abc")
    assert recipe_for("CCO", "density", {}).voxel_width == 0.5
    separate = scene_of((ligand, pocket), "occupancy", {"part": "separate"})
    assert [panel.title for panel in separate.panels] == ["Occupancy of the ligand", "Occupancy of the protein"]


def test_a_map_alone_is_looked_at_as_far_as_it_reaches(molecules, tmp_path):
    density = xtb_density(molecules["water"])
    grid = PointGrid.around(molecules["water"].positions, 2.0, 0.25)
    path = write_cube(tmp_path / "water.cube", density, grid)
    scene = scene_of(path, settings={"map_values": "file", "voxel_width": 0.5})
    assert [panel.title for panel in scene.panels] == ["Electron density", "Gradient of the density"]
    assert [panel.unit for panel in scene.panels] == ["e/Å³", "e/Å⁴"]
    assert scene.ligand is None
    low, high = scene.region
    corners = grid.corners()
    assert (low >= corners.min(axis=0) - 1e-4).all()
    assert (high <= corners.max(axis=0) + 1e-4).all()
    assert 2 * scene.half[0] > np.ptp(corners, axis=0).min() - 0.6
    known = read_map(path, values="file")
    point = torch.from_numpy(scene.center[None])
    torch.testing.assert_close(scene.panels[0].field.at(point), known.at(point))
    assert scene_of(known, "occupancy", {"threshold": 0.1}).panels[0].unit == "1"


def test_points_of_a_page_cover_the_scene_and_are_not_too_many(molecules):
    scene = scene_of(molecules["benzene"], "occupancy", SETTINGS)
    grid = sampled_grid(scene, 20**3, 0.2)
    low, high = scene.region
    corners = grid.corners()
    assert (corners.min(axis=0) <= low + 1e-9).all()
    assert (corners.max(axis=0) >= high - 1e-9).all()
    assert np.prod(grid.shape) < 23**3


def test_what_contradicts_itself_is_refused(molecules, tmp_path):
    with pytest.raises(ValueError, match="box=3 arrived; the settings of voxels are accepted: box_width"):
        scene_of("CCO", settings={"box": 3})
    with pytest.raises(ValueError, match="'orbital' arrived"):
        scene_of(molecules["water"], "orbital", SETTINGS)
    path = write_cube(
        tmp_path / "water.cube",
        xtb_density(molecules["water"]),
        PointGrid.around(molecules["water"].positions, 2.0, 0.25),
    )
    with pytest.raises(ValueError, match="representation='atom' arrived for a map alone"):
        scene_of(path, "atom")
    with pytest.raises(FeaturizationError, match="does not hold the point"):
        scene_of(path, settings={"center": (90.0, 0.0, 0.0)})
