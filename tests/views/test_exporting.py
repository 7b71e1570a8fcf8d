from __future__ import annotations

import gemmi
import numpy as np
import pytest
import torch
from complex_files import write_complex

from deepchem_density import PointGrid, read_map, write_cube, xtb_density
from deepchem_density.fields.cube_files import read_cube
from deepchem_density.files import load_npz
from deepchem_density.views import export
from deepchem_density.voxels.recipe import Recipe

SETTINGS = {"box_width": 8.0, "voxel_width": 0.5}


def test_a_cube_has_the_voxels_of_the_recipe(molecules, tmp_path):
    (path,) = export(molecules["water"], tmp_path / "water.cube", settings={**SETTINGS, "oversampling": 2})
    read = read_map(path, values="file")
    expected = Recipe("density", oversampling=2, **SETTINGS).voxels(molecules["water"])[..., 0]
    np.testing.assert_allclose(read.values, expected, rtol=1e-5, atol=1e-9)


def test_channels_have_files_of_their_own(molecules, tmp_path):
    paths = export(
        molecules["water"],
        tmp_path / "water.cube",
        "occupancy+atom",
        {**SETTINGS, "elements": ("O", "H"), "other": False},
    )
    assert [path.name for path in paths] == ["water-O.cube", "water-H.cube", "water-occupancy.cube"]
    voxels = Recipe("atom", elements=("O", "H"), other=False, **SETTINGS).voxels(molecules["water"])
    for place in (0, 1):
        # read_cube takes any values for densities in e/bohr³, whose unit is that of atoms per volume
        np.testing.assert_allclose(read_cube(paths[place]).values[..., 0], voxels[..., place], rtol=1e-5, atol=1e-9)


def test_a_map_has_the_field_at_its_nodes(molecules, tmp_path):
    (path,) = export(molecules["water"], tmp_path / "water.ccp4", settings={**SETTINGS, "rotation_seed": 3})
    found = gemmi.read_ccp4_map(str(path))
    found.setup(float("nan"))
    points = molecules["water"].positions.round()
    values = [found.grid.interpolate_value(gemmi.Position(*point)) for point in points]
    expected = xtb_density(molecules["water"]).at(torch.from_numpy(points))[:, 0].numpy()
    np.testing.assert_allclose(values, expected, rtol=1e-5)


def test_arrays_hold_everything(tmp_path):
    ligand, pocket = write_complex(tmp_path, "1abc")
    settings = {"box_width": 24.0, "voxel_width": 2.0, "part": "separate"}
    (path,) = export((ligand, pocket), tmp_path / "complex.npz", "density+occupancy", settings)
    stored = load_npz(path)
    assert stored["voxels"].shape == (12, 12, 12, 4)
    assert list(stored["channels"]) == ["ligand density", "ligand occupancy", "protein density", "protein occupancy"]
    assert list(stored["units"]) == ["e/Å³", "1", "e/Å³", "1"]
    assert len(stored["numbers"]) == len(stored["positions"]) > 3
    np.testing.assert_allclose(stored["steps"], 2.0 * np.eye(3))
    recipe = Recipe("density+occupancy", **settings, hydrogens="drop", charge="formal", b_iso=20.0)
    np.testing.assert_allclose(stored["voxels"], recipe.voxels((ligand, pocket)), rtol=1e-5, atol=1e-6)


def test_a_map_alone_is_converted(molecules, tmp_path):
    density = xtb_density(molecules["water"])
    source = write_cube(tmp_path / "in.cube", density, PointGrid.around(molecules["water"].positions, 2.5, 0.2))
    (path,) = export(source, tmp_path / "out.npz", settings={"map_values": "file"})
    stored = load_npz(path)
    points = stored["origin"] + np.argwhere(np.ones(stored["voxels"].shape[:3])) @ stored["steps"].T
    expected = density.at(torch.from_numpy(points)).numpy().reshape(stored["voxels"].shape)
    assert expected.max() > 0.5
    np.testing.assert_allclose(stored["voxels"], expected, rtol=0.2, atol=0.05)  # cubic interpolation of steps of 0.2 Å
    assert len(stored["numbers"]) == 0


def test_what_a_file_cannot_hold_is_refused(molecules, tmp_path):
    with pytest.raises(ValueError, match=r"'out\.vtk' arrived to be written; a name that ends in \.cube"):
        export(molecules["water"], "out.vtk")
    with pytest.raises(ValueError, match=r"oversampling=2 arrived for 'a\.ccp4', which has the field itself"):
        export(molecules["water"], tmp_path / "a.ccp4", settings={**SETTINGS, "oversampling": 2})
    with pytest.raises(ValueError, match=r"'a\.cube' cannot hold values of transform='log'"):
        export(molecules["water"], tmp_path / "a.cube", settings={**SETTINGS, "transform": "log"})
    assert not list(tmp_path.iterdir())
