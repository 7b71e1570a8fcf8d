from __future__ import annotations

import numpy as np

from deepchem_density.cli import main
from deepchem_density.files import load_npz
from deepchem_density.voxels.recipe import Recipe


def test_voxels_are_written(tmp_path, capsys):
    out = tmp_path / "ethanol.npz"
    settings = ["--rep", "occupancy", "--box-width", "12", "--voxel-width", "1.5", "--dtype", "float32"]
    assert main(["export", "CCO", str(out), *settings[:-2]]) == 0
    assert capsys.readouterr().out == f"Written: {out}\n"
    expected = Recipe("occupancy", box_width=12.0, voxel_width=1.5).voxels("CCO")
    np.testing.assert_array_equal(load_npz(out)["voxels"], expected)


def test_an_ending_that_is_not_known_is_one_line_and_status_2(capsys):
    assert main(["export", "CCO", "ethanol.vtk"]) == 2
    assert capsys.readouterr().err.startswith(
        "deepchem-density: 'ethanol.vtk' arrived to be written; a name that ends in .cube"
    )
