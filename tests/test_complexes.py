from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from complex_files import write_complex
from rdkit import Chem

from deepchem_density.complexes import Complex, Reading, fingerprint, is_complex, is_surrounding, read_complex
from deepchem_density.errors import FeaturizationError
from deepchem_density.fields import Density
from deepchem_density.fields.maps import GriddedDensity
from deepchem_density.readers import structure_from
from deepchem_density.structure import Structure

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


@pytest.mark.parametrize("nothing", [(None, "protein.pdb"), (None, None, "map.ccp4")])
def test_a_complex_needs_a_ligand(nothing):
    with pytest.raises(FeaturizationError, match="without a ligand"):
        read_complex(nothing, READING)


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
    ("changed", "message"), [({"hydrogens": "some"}, "hydrogens='some'"), ({"map_values": "e"}, "map_values='e'")]
)
def test_settings_that_cannot_be_are_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        Reading(**changed).check()


def test_a_fingerprint_is_that_of_the_content(files, tmp_path):
    copies = write_complex(tmp_path, "1abc")
    assert fingerprint(files) == fingerprint(copies)
    Path(copies[1]).write_text(Path(copies[1]).read_text().replace("GLY", "ALA"))
    assert fingerprint(files) != fingerprint(copies)
    structure = structure_from(files[0])
    moved = Structure(structure.numbers, structure.positions + 1e-9)
    assert fingerprint(structure) == fingerprint(structure_from(files[0]))
    assert fingerprint(structure) != fingerprint(moved)
    assert fingerprint("CCO") != fingerprint("CCN")


def test_a_fingerprint_of_a_map_is_that_of_its_values():
    def density_map(value):
        return GriddedDensity(np.full((4, 4, 4), value), np.zeros(3), np.eye(3), periodic=True)

    assert fingerprint(("CCO", None, density_map(1.0))) == fingerprint(("CCO", None, density_map(1.0)))
    assert fingerprint(("CCO", None, density_map(1.0))) != fingerprint(("CCO", None, density_map(2.0)))
    whole = Complex(structure_from("CCO"), None, density_map(1.0))
    assert fingerprint(whole) == fingerprint((structure_from("CCO"), None, density_map(1.0)))
    with pytest.raises(TypeError, match="Flat"):
        fingerprint(("CCO", Flat()))
