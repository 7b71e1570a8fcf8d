from __future__ import annotations

import gemmi
import numpy as np
import pytest

from deepchem_density.cli.command_line import parser
from deepchem_density.cli.looked_at import LookedAtSettings, datapoint_of, settings_given, settings_to_look
from deepchem_density.cli.options import values_of


def looked_at(*arguments):
    options = parser().parse_args(["view", *arguments])
    return datapoint_of(options.input, values_of(options, LookedAtSettings), options)


def test_inputs_become_datapoints():
    assert looked_at("CCO") == "CCO"
    assert looked_at("map.ccp4.gz") == "map.ccp4.gz"
    assert looked_at("a.sdf", "--protein", "a.pdb") == ("a.sdf", "a.pdb", None)
    assert looked_at("a.sdf", "--map", "a.mtz") == ("a.sdf", None, "a.mtz")


def test_settings_that_were_given_are_those_of_voxels():
    options = parser().parse_args(["view", "CCO", "--voxel-width", "0.25", "--rep", "density", "--elements", "C,H"])
    assert settings_given(options) == {"voxel_width": 0.25, "elements": ("C", "H")}


@pytest.mark.parametrize("command", [["view", "CCO"], ["export", "CCO", "ethanol.cube"]])
def test_the_solver_is_chosen_by_size_where_none_is_named(command):
    assert settings_to_look(parser().parse_args([*command, "--voxel-width", "1"])) == {
        "engine": "auto",
        "voxel_width": 1.0,
    }
    assert settings_to_look(parser().parse_args([*command, "--engine", "xtb"])) == {"engine": "xtb"}


def test_a_ligand_is_taken_out_of_its_entry(tmp_path):
    structure = gemmi.read_pdb_string(
        "HETATM    1  O   HOH A   1       5.000   0.000   0.000  1.00 20.00           O\n"
        "ATOM      2  N   GLY A   2       0.000   4.000   0.000  1.00 20.00           N\n"
        "ATOM      3  CA  GLY A   2       1.450   4.000   0.000  1.00 20.00           C\n"
        "HETATM    4  C1  LIG A   3       0.000   0.000   0.000  1.00 20.00           C\n"
        "HETATM    5  O1  LIG A   3       1.430   0.000   0.000  1.00 20.00           O\n"
    )
    path = tmp_path / "entry.pdb"
    structure.write_pdb(str(path))
    found = looked_at(str(path), "--ligand", "LIG", "--waters", "false")
    np.testing.assert_array_equal(found.ligand.numbers, [6, 8])
    np.testing.assert_array_equal(found.protein.numbers, [7, 6])
    assert found.density_map is None
    with pytest.raises(ValueError, match="XYZ"):
        looked_at(str(path), "--ligand", "XYZ")
