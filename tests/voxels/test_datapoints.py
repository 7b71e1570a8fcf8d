from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from complex_files import write_complex
from rdkit import Chem
from rdkit.Chem import AllChem

from deepchem_density.errors import FeaturizationError
from deepchem_density.fields.field import Density
from deepchem_density.fields.units import BOHR_PER_ANGSTROM
from deepchem_density.fields.xtb import energy_surface
from deepchem_density.structures.readers import structure_from
from deepchem_density.structures.structure import Structure
from deepchem_density.voxels.datapoints import (
    Complex,
    Reading,
    is_complex,
    is_surrounding,
    located,
    read_complex,
    row_of,
    surroundings,
)

READING = Reading()


class Flat(Density):
    """A density of 1 everywhere."""

    def at(self, points):
        return torch.ones((len(points), 1), dtype=points.dtype)

    def gradient_at(self, points):
        return torch.zeros_like(points)

    def in_frame(self, center, rotation):
        return self


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> tuple[str, str]:
    return write_complex(tmp_path_factory.mktemp("complexes"), "1abc")


def n_atoms(whole: Complex) -> tuple[int, int]:
    return len(whole.ligand.numbers), 0 if whole.protein is None else len(whole.protein.numbers)


def test_ligand_and_protein_are_told_apart_by_the_ending(files):
    ligand, protein = files
    expected = n_atoms(read_complex((ligand, protein), READING))
    assert expected == (9, 21)
    assert n_atoms(read_complex((protein, ligand), READING)) == expected
    assert n_atoms(read_complex([Path(ligand), Path(protein)], READING)) == expected
    assert n_atoms(read_complex(np.array([protein, ligand]), READING)) == expected
    assert n_atoms(read_complex((protein, ligand, None), READING)) == expected


def test_molecules_are_told_apart_by_their_size(files):
    ligand = Chem.MolFromMolFile(files[0], removeHs=False)
    protein = Chem.MolFromPDBFile(files[1], removeHs=False)
    for pair in ((ligand, protein), (protein, ligand), (structure_from(protein), structure_from(ligand))):
        assert n_atoms(read_complex(pair, READING)) == (9, 21)


def test_a_molecule_is_a_ligand_alone():
    whole = read_complex("CCO", READING)
    assert n_atoms(whole) == (9, 0)
    assert whole.density_map is None
    assert read_complex(whole, READING) is whole


def test_charge_belongs_to_the_ligand(files):
    whole = read_complex(files, Reading(charge=1, unpaired=1))
    assert (whole.ligand.charge, whole.ligand.unpaired) == (1, 1)
    assert whole.protein.charge == 0


def test_hydrogens_are_dropped_from_both(files):
    assert n_atoms(read_complex(files, Reading(hydrogens="drop"))) == (3, 11)


def test_a_map_is_taken_as_it_is_or_found_by_the_code_of_the_ligand(files, tmp_path):
    ligand, protein = files
    density_map = Flat()
    assert read_complex((ligand, protein, density_map), READING).density_map is density_map
    alone = read_complex((ligand, density_map), READING)
    assert n_atoms(alone) == (9, 0)
    assert alone.density_map is density_map
    with pytest.raises(FeaturizationError, match=r"1abc\.ccp4"):
        read_complex((ligand, protein), Reading(map_pattern=f"{tmp_path}/{{id}}.ccp4"))


@pytest.mark.parametrize("nothing", [(None, "protein.pdb"), ("", "protein.pdb"), (None, None, "map.ccp4"), ("", "")])
def test_a_complex_needs_a_ligand(nothing):
    with pytest.raises(FeaturizationError, match="without a ligand"):
        read_complex(nothing, READING)


@pytest.mark.parametrize("empty", [None, "", " ", float("nan"), np.nan])
def test_empty_cells_of_a_table_stand_for_nothing(empty, files):
    ligand, protein = files
    assert n_atoms(read_complex((ligand, empty, empty), READING)) == (9, 0)
    assert n_atoms(read_complex((ligand, protein, empty), READING)) == (9, 21)
    assert n_atoms(read_complex((empty, ligand), READING)) == (9, 0)
    assert surroundings((ligand, empty, empty), READING) == (False, False)
    assert is_surrounding(empty)


@pytest.mark.parametrize(
    "row", [("map.ccp4", "ligand.sdf"), ("l.sdf", "map.mtz", "p.pdb"), ("map.ccp4", "p.pdb", "l.sdf")]
)
def test_a_map_in_the_wrong_place_is_refused_with_the_order(row):
    with pytest.raises(FeaturizationError, match=r"'map.* is in the wrong place; \(ligand, protein\)"):
        row_of(row, READING)


@pytest.mark.parametrize("ligand", ["CCO", Chem.MolFromSmiles("CCO")])
def test_a_ligand_without_a_pose_has_no_place_in_a_protein_or_map(ligand, files):
    for row in ((ligand, files[1]), (files[1], ligand), (ligand, files[1], Flat()), (ligand, Flat())):
        with pytest.raises(FeaturizationError, match=r"CCO' has no positions.*pass its pose"):
            read_complex(row, READING)


def test_parts_of_different_complexes_are_refused(files):
    ligand = structure_from(files[0])
    far = Structure(ligand.numbers, ligand.positions + 40.0, name="far")
    with pytest.raises(FeaturizationError, match=r"nearest atom of '1abc_pocket.pdb' is \d+\.\d Å away from 'far'"):
        read_complex((far, files[1]), READING)


def test_a_file_and_a_structure_are_told_apart_by_heavy_atoms(files, tmp_path):
    ligand = tmp_path / "ligand.pdb"
    Chem.MolToPDBFile(Chem.MolFromMolFile(files[0], removeHs=False), str(ligand))
    protein = structure_from(files[1])
    assert n_atoms(read_complex((str(ligand), protein), READING)) == (9, 21)
    assert n_atoms(read_complex((protein, str(ligand)), READING)) == (9, 21)


@pytest.mark.parametrize("changed", [{"waters": False}, {"ions": False}])
def test_waters_cannot_be_told_in_a_structure(changed, files):
    protein = structure_from(files[1])
    with pytest.raises(FeaturizationError, match=r"waters=.* cannot be told; they are for files"):
        read_complex((files[0], protein), Reading(**changed))
    assert n_atoms(read_complex(files, Reading(**changed))) == (9, 21)


def test_paths_hold_in_every_folder(files, tmp_path, monkeypatch):
    monkeypatch.chdir(Path(files[0]).parent)
    relative = tuple(Path(file).name for file in files)
    there = located(relative, Reading(map_pattern="maps/{id}.ccp4"))
    monkeypatch.chdir(tmp_path)
    assert [Path(part) for part in there[:2]] == [Path(file) for file in files]
    assert there[2] == Path(files[0]).parent / "maps/1abc.ccp4"
    assert located("CCO", READING) == "CCO"
    assert located(relative[0], READING) == tmp_path / relative[0]


def test_what_stands_around_is_known_without_reading():
    assert surroundings("CCO", READING) == (False, False)
    assert surroundings(("a.sdf", "b.pdb"), READING) == (True, False)
    assert surroundings(("a.sdf", None, "c.ccp4"), READING) == (False, True)
    assert surroundings(("a.sdf", "c.mtz"), READING) == (False, True)
    assert surroundings(("a.sdf", "b.pdb"), Reading(map_pattern="{id}.ccp4")) == (True, True)


def test_a_pattern_needs_a_name():
    nameless = Chem.AddHs(Chem.MolFromSmiles("C"))
    with pytest.raises(FeaturizationError, match="has no name, which map_pattern needs"):
        row_of(nameless, Reading(map_pattern="{id}.ccp4"))


@pytest.mark.parametrize(
    ("datapoint", "expected"),
    [
        (("a.sdf", "b.pdb"), True),
        (["a.sdf", "b.pdb", "c.mtz"], True),
        (np.array(["a.sdf", "b.pdb"]), True),
        (("a.sdf",), False),
        ("CC", False),
        (("a", "b", "c", "d"), False),
    ],
)
def test_a_row_of_two_or_three_is_a_complex(datapoint, expected):
    assert is_complex(datapoint) is expected


@pytest.mark.parametrize(
    "source", ["a.pdb", "A.PDB.GZ", "b.cif", "c.ccp4", "d.map.gz", "e.mtz", Path("f.cube"), None, Flat()]
)
def test_what_can_only_surround_a_ligand(source):
    assert is_surrounding(source)


@pytest.mark.parametrize("source", ["CCO", "a.sdf", "b.mol2", "c.xyz", Path("d.mol")])
def test_what_may_be_a_ligand(source):
    assert not is_surrounding(source)


@pytest.mark.parametrize(
    "changed",
    [
        {"hydrogens": "some"},
        {"map_values": "e"},
        {"map_periodic": "yes"},
        {"waters": "False"},
        {"ions": None},
        {"map_pattern": "maps/map.ccp4"},
        {"map_pattern": "maps/{ID}.ccp4"},
        {"map_pattern": "maps/{}.ccp4"},
    ],
)
def test_settings_that_cannot_be_are_refused(changed):
    ((name, value),) = changed.items()
    with pytest.raises(ValueError, match=re.escape(f"{name}={value!r} arrived")):
        Reading(**changed).check()


# ---- conformers made here


def test_conformers_made_here_are_relaxed_by_the_method_that_is_asked_for():
    """GFN2's forces are gone, below 5e-4 hartree/bohr or so; hydrogens are dropped afterwards only."""
    reading = Reading(optimize="GFN2-xTB")
    structure = reading.ligand("CC(=O)NC")
    _, gradient = energy_surface(structure)(structure.positions * BOHR_PER_ANGSTROM)
    assert np.linalg.norm(gradient, axis=1).max() < 6e-4
    bare = Reading(optimize="GFN2-xTB", hydrogens="drop").ligand("CC(=O)NC")
    heavy = structure.numbers > 1
    np.testing.assert_allclose(bare.positions, structure.positions[heavy], rtol=0, atol=1e-9)


def test_positions_that_come_with_a_molecule_are_not_relaxed(tmp_path):
    mol = Chem.AddHs(Chem.MolFromSmiles("CCO"))
    AllChem.EmbedMolecule(mol, randomSeed=1)
    path = tmp_path / "ethanol.sdf"
    path.write_text(Chem.MolToMolBlock(mol))
    for source in (mol, path, str(path), Reading().ligand(mol)):
        taken = Reading(optimize="GFN2-xTB").ligand(source)
        np.testing.assert_allclose(taken.positions, mol.GetConformer().GetPositions(), rtol=0, atol=1e-4)


def test_no_other_method_relaxes():
    with pytest.raises(
        ValueError, match=r"optimize='UFF' arrived; True or False or 'GFN2-xTB', 'GFN1-xTB' is accepted"
    ):
        Reading(optimize="UFF").check()
