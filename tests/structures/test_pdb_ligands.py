"""A ligand and its surroundings out of one file, against gemmi's own selections and files written here."""

from __future__ import annotations

import gzip
from pathlib import Path

import gemmi
import numpy as np
import pytest
from scipy.spatial.distance import cdist

from deepchem_density.errors import FeaturizationError
from deepchem_density.structures.pdb_ligands import ligand_names, split_ligand
from deepchem_density.structures.structure import joined
from deepchem_density.voxels.datapoints import Reading, read_complex

ENTRIES = [
    ("3nzd/3nzd.cif", "D2Q", "C23N5O4"),
    ("3ek3/3ek3.cif", "FMN", "C17N4O9P"),
    ("5a3h/5a3h.pdb", "G2F", "C6FO4"),
    ("4ms6/4ms6.pdb", "28T", "C13N2O4"),
]

ATOMS = [
    # name, altloc, residue, number, x, occupancy, element, record
    ("CA", " ", "GLU", 1, 0.0, 1.0, "C", "ATOM"),
    ("N", " ", "GLU", 1, 1.5, 1.0, "N", "ATOM"),
    ("C1", "A", "LIG", 2, 5.0, 0.4, "C", "HETATM"),
    ("C1", "B", "LIG", 2, 5.5, 0.6, "C", "HETATM"),
    ("O1", " ", "LIG", 2, 6.8, 1.0, "O", "HETATM"),
    ("C1", " ", "LIG", 3, 9.0, 1.0, "C", "HETATM"),
    ("CA", " ", "GLU", 4, 12.0, 1.0, "C", "HETATM"),
    ("C1", "A", "ACT", 5, 15.0, 0.7, "C", "HETATM"),
    ("C1", "B", "EDO", 5, 15.0, 0.3, "C", "HETATM"),
    ("C2", "B", "EDO", 5, 16.5, 0.3, "C", "HETATM"),
    ("ZN", " ", "ZN", 6, 18.0, 1.0, "ZN", "HETATM"),
    ("O", " ", "HOH", 7, 21.0, 1.0, "O", "HETATM"),
]


def line(serial: int, atom: tuple) -> str:
    name, altloc, residue, number, x, occupancy, element, record = atom
    label = f"{name:<4}" if len(element) == 2 else f" {name:<3}"
    return (
        f"{record:<6}{serial:>5} {label}{altloc}{residue:>3} A{number:>4}    {x:8.3f}{0:8.3f}{0:8.3f}{occupancy:6.2f}{20:6.2f}"
        f"          {element:>2}"
    )


def write(path: Path, atoms: list[tuple]) -> Path:
    path.write_text("\n".join([line(i, atom) for i, atom in enumerate(atoms, 1)] + ["END", ""]))
    return path


@pytest.fixture
def entry(tmp_path: Path) -> Path:
    return write(tmp_path / "1abc_final.pdb", ATOMS)


def test_the_ligand_is_the_conformer_of_highest_occupancy_of_the_first_copy(entry):
    ligand, protein = split_ligand(entry, "LIG")
    assert ligand.name == "1abc_LIG"
    np.testing.assert_array_equal(ligand.numbers, [6, 8])
    np.testing.assert_allclose(ligand.positions[:, 0], [5.5, 6.8])
    np.testing.assert_allclose(ligand.site_occupancy, [1.0, 1.0])
    np.testing.assert_allclose(protein.positions[:, 0], [0, 1.5, 9, 12, 15, 18, 21])
    assert protein.name == entry.name


def test_another_copy_and_what_stays_out_of_the_protein(entry):
    ligand, protein = split_ligand(entry, "LIG", copy=1, waters=False, ions=False)
    np.testing.assert_allclose(ligand.positions, [[9, 0, 0]])
    np.testing.assert_allclose(protein.positions[:, 0], [0, 1.5, 5.5, 6.8, 12, 15])


def test_an_amino_acid_among_the_hetero_atoms_is_a_ligand(entry):
    np.testing.assert_allclose(split_ligand(entry, "GLU")[0].positions, [[12, 0, 0]])


def test_names_of_ligands(entry, tmp_path):
    assert ligand_names(entry) == {"LIG": 2, "ACT": 1, "EDO": 1, "ZN": 1}
    zipped = tmp_path / "1abc.pdb.gz"
    zipped.write_bytes(gzip.compress(entry.read_bytes()))
    assert ligand_names(zipped) == ligand_names(entry)


@pytest.mark.parametrize("name", ["EDO", "HOH", "ZN"])
def test_a_residue_that_is_not_read(name, entry):
    with pytest.raises(FeaturizationError, match=rf"{name} \d of '1abc_final.pdb' is not among the atoms"):
        split_ligand(entry, name, waters=False, ions=False)


def test_no_such_residue_or_copy(entry):
    with pytest.raises(FeaturizationError, match=r"'1abc_final.pdb' has 0 residues 'XYZ'.*LIG \(2\), ACT \(1\)"):
        split_ligand(entry, "XYZ")
    for copy in (2, -1):
        with pytest.raises(FeaturizationError, match=f"has 2 residues 'LIG'; copy={copy} arrived"):
            split_ligand(entry, "LIG", copy)


def test_a_file_without_anything_else_and_no_file(tmp_path):
    alone = write(tmp_path / "1abc.pdb", ATOMS[2:5])
    with pytest.raises(FeaturizationError, match="nothing but one LIG"):
        split_ligand(alone, "LIG")
    with pytest.raises(FeaturizationError, match="no file"):
        split_ligand(tmp_path / "2abc.pdb", "LIG")
    with pytest.raises(FeaturizationError, match="no file"):
        ligand_names(tmp_path / "2abc.pdb")


@pytest.mark.parametrize(("file", "name", "formula"), ENTRIES)
def test_entries_agree_with_selections_of_gemmi(file, name, formula, shared_data):
    path = shared_data / "maps" / file
    ligand, protein = split_ligand(path, name)
    assert ligand.formula == formula
    model = gemmi.read_structure(str(path))[0]
    expected = [site.atom for site in model.all() if site.residue.name == name]
    known = np.array([atom.pos.tolist() for atom in expected])
    assert cdist(ligand.positions, known).min(axis=1).max() < 1e-9
    others = np.array([site.atom.pos.tolist() for site in model.all() if site.residue.name != name])
    assert cdist(protein.positions, others).min(axis=1).max() < 1e-9
    joined(ligand, protein)


def test_the_parts_are_a_datapoint(shared_data):
    path = shared_data / "maps" / "3nzd" / "3nzd.cif"
    pattern = str(shared_data / "maps" / "{id}" / "{id}.ccp4.gz")
    whole = read_complex(split_ligand(path, "D2Q"), Reading(map_pattern=pattern))
    assert whole.ligand.name == "3nzd_D2Q"
    assert whole.density_map is not None


def test_a_ligand_whose_alternatives_stand_apart_is_whole(tmp_path):
    """Other residues between the two locations, as programs of refinement may write them."""
    apart = [ATOMS[0], ATOMS[4], ATOMS[2], ATOMS[5], ATOMS[3]]
    ligand, protein = split_ligand(write(tmp_path / "1abc.pdb", apart), "LIG")
    np.testing.assert_allclose(ligand.positions[:, 0], [6.8, 5.5])
    np.testing.assert_allclose(protein.positions[:, 0], [0, 9])


@pytest.mark.parametrize("number", ["A000", "-5", "", "9999"])
def test_odd_numbers_of_residues_are_numbers(number, tmp_path):
    text = "\n".join(line(i, atom) for i, atom in enumerate([*ATOMS[:2], ATOMS[4], ATOMS[5]]))
    path = tmp_path / "1abc.pdb"
    path.write_text(text.replace("A   2 ", f"A{number:>4} "))
    ligand, protein = split_ligand(path, "LIG")
    assert (ligand.formula, protein.formula) == ("O", "C2N")


def test_an_ion_without_an_element_is_the_ligand(tmp_path):
    """The ligand has the elements that the readers give."""
    text = "\n".join([line(1, ATOMS[0]), line(2, ("SOD", " ", "SOD", 2, 9.0, 1.0, "X", "HETATM"))[:76]])
    path = tmp_path / "1abc.pdb"
    path.write_text(text)
    assert ligand_names(path) == {"SOD": 1}
    ligand, protein = split_ligand(path, "SOD")
    assert (ligand.formula, protein.formula) == ("Na", "C")
    with pytest.raises(FeaturizationError, match=r"SOD 2 of '1abc.pdb' is not among the atoms"):
        split_ligand(path, "SOD", ions=False)


@pytest.mark.parametrize(
    "before", ["\ufeff", "data_comp_list\nloop_\n_chem_comp.id\n_chem_comp.name\nLIG 'a ligand'\n"]
)
def test_a_ligand_is_found_in_whatever_file_is_read(before, tmp_path):
    """A byte order mark, and the list of components as the first block."""
    tags = (
        "group_PDB",
        "type_symbol",
        "label_atom_id",
        "label_comp_id",
        "label_asym_id",
        "Cartn_x",
        "Cartn_y",
        "Cartn_z",
    )
    rows = ("ATOM N N ALA A 0 0 1", "ATOM C CA ALA A 1.45 0 1", "HETATM C C1 LIG B 4 0 1", "HETATM O O1 LIG B 5.2 0 1")
    text = f"{before}data_model\nloop_\n" + "".join(f"_atom_site.{tag}\n" for tag in tags) + "\n".join(rows)
    path = tmp_path / "1abc.cif"
    path.write_text(text, encoding="utf-8")
    ligand, protein = split_ligand(path, "LIG")
    assert (ligand.formula, protein.formula) == ("CO", "CN")
    assert ligand_names(path) == {"LIG": 1}
