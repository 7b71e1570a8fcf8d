from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import AllChem

from deepchem_density import structure
from deepchem_density.errors import FeaturizationError
from deepchem_density.featurizers import DensityVoxel, OccupancyVoxel
from deepchem_density.structure import Structure, atomic_number, structure_from, symbol, vdw_radii

# Formula and formal charge of what can be read, or what the error says.
TORTURE = {
    "real/rdkit_FeCO5.mol": "is a flat drawing",
    "real/rdkit_CH.v3k.mol": ("C", 0),
    "real/rdkit_chebi_57262.v3k.mol": "Atom 18 of 'rdkit_chebi_57262.v3k.mol' has atomic number 0",
    "real/rdkit_AtomQuery1.mol": "is a flat drawing",
    "real/1OF6_vina_multipose.sdf": "holds 14 molecules",
    "real/7ZTL_bicine.sdf": ("C6NO4", 0),
    "real/1of6_8_ligands.sdf": "holds 8 molecules",
    "derived/whitespace.sdf": "holds 0 molecules",
    "derived/truncated_atoms.sdf": "RDKit cannot read 'truncated_atoms.sdf'",
    "derived/no_dollar.sdf": ("C23N3O6S", 0),
    "derived/crlf.sdf": ("C23N3O6S", 0),
    "derived/nan_coord.sdf": "RDKit cannot read 'nan_coord.sdf'",
    "derived/unknown_element.sdf": "RDKit cannot read 'unknown_element.sdf'",
    "derived/two_d.sdf": "Atoms 3 and 8 of 'two_d.sdf' are 0.059 Å apart",
    "derived/duplicate_atoms.sdf": "Atoms 0 and 1 of 'duplicate_atoms.sdf' are 0.000 Å apart",
    "derived/wrong_count.sdf": "RDKit cannot read 'wrong_count.sdf'",
    "derived/latin1_title.sdf": ("C23N3O6S", 0),
    "derived/utf8_bom.sdf": ("C23N3O6S", 0),
    "derived/html_error.sdf": "RDKit cannot read 'html_error.sdf'",
    "derived/zero_coords.sdf": "Atoms 0 and 1 of 'zero_coords.sdf' are 0.000 Å apart",
    "derived/methyl_radical.sdf": ("CH3", 0),
    "derived/tetramethylammonium.sdf": ("C4H12N", 1),
    "derived/glycine_zwitterion.sdf": ("C2H5NO2", 0),
    "derived/dihydrogen.sdf": ("H2", 0),
    "derived/helium.sdf": ("He", 0),
    "derived/methyl_iodide.sdf": ("CH3I", 0),
    "derived/dimethyl_selenide.sdf": ("C2H6Se", 0),
    "derived/methylboronic_acid.sdf": ("CH5BO2", 0),
    "derived/hypervalent_SP.sdf": ("H3O7PS", 0),
    "derived/triplet_oxygen.sdf": ("O2", 0),
    "derived/nitric_oxide_radical.sdf": ("NO", 0),
    "derived/hexacontane_182_atoms.sdf": ("C60H122", 0),
    "derived/maltotriose.sdf": ("C18H32O16", 0),
    "derived/iron_atom.sdf": ("Fe", 0),
    "derived/helix_ala30_peptide.sdf": ("C90H152N30O31", 0),
}
READABLE = [file for file, expected in TORTURE.items() if isinstance(expected, tuple)]
NO_DENSITY = {
    "real/rdkit_CH.v3k.mol": "lacks the positions of 1 hydrogens",
    "real/7ZTL_bicine.sdf": "lacks the positions of 13 hydrogens",
    "derived/no_dollar.sdf": "lacks the positions of 27 hydrogens",
    "derived/crlf.sdf": "lacks the positions of 27 hydrogens",
    "derived/latin1_title.sdf": "lacks the positions of 27 hydrogens",
    "derived/utf8_bom.sdf": "lacks the positions of 27 hydrogens",
    "derived/methyl_radical.sdf": "has 7 valence electrons, which does not go with 0 unpaired ones",
    "derived/nitric_oxide_radical.sdf": "has 11 valence electrons, which does not go with 0 unpaired ones",
    "derived/iron_atom.sdf": "'iron_atom.sdf' did not converge",
}


def embedded(smiles: str, hydrogens: bool = True) -> Chem.Mol:
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    assert AllChem.EmbedMolecule(mol, randomSeed=1) == 0
    return mol if hydrogens else Chem.RemoveHs(mol)


def drawn(smiles: str, hydrogens: bool = False) -> Chem.Mol:
    mol = Chem.MolFromSmiles(smiles)
    mol = Chem.AddHs(mol) if hydrogens else mol
    AllChem.Compute2DCoords(mol)
    return mol


def same(one: Structure, other: Structure, atol: float = 0.0) -> bool:
    return np.array_equal(one.numbers, other.numbers) and np.allclose(one.positions, other.positions, rtol=0, atol=atol)


# ---- the value


def test_types_names_and_formula():
    water = Structure([8, 1, 1], [[0, 0, 0], [0, 0, 1], [0, 1, 0]], name="water")
    assert water.numbers.dtype == np.int64
    assert water.positions.dtype == np.float64
    assert (water.charge, water.unpaired, water.implicit_hydrogens) == (0, 0, 0)
    assert water.label == "'water'"
    assert water.formula == "H2O"
    assert Structure([7, 6, 17, 1, 6], np.eye(5, 3) * 4 + np.arange(5)[:, None]).label == "the structure C2HClN"


@pytest.mark.parametrize(
    ("numbers", "positions", "message"),
    [
        ([], np.empty((0, 3)), "has no atoms; at least one is needed"),
        ([1, 1], np.zeros((3, 3)), r"numbers of shape \(2,\) and positions of shape \(3, 3\)"),
        ([1, 1], np.zeros((2, 2)), r"positions of shape \(2, 2\); \(n_atoms,\) and \(n_atoms, 3\) are accepted"),
        ([[1, 1]], np.zeros((1, 3)), r"numbers of shape \(1, 2\)"),
        ([6, 0], np.eye(2, 3), "Atom 1 of 'x' has atomic number 0, which is no element; remove dummy and query atoms"),
        ([-1, 6], np.eye(2, 3), "Atom 0 of 'x' has atomic number -1"),
        ([6, 119], np.eye(2, 3), "Atom 1 of 'x' has atomic number 119"),
        ([6, 6], [[0, 0, 0], [0, np.nan, 0]], r"Atom 1 of 'x' is at \[0.0, nan, 0.0\]; positions must be finite"),
        ([6, 6], [[np.inf, 0, 0], [0, 0, 0]], "Atom 0 of 'x' is at"),
        ([6, 6, 6], [[0, 0, 0], [5, 0, 0], [5, 0, 0.05]], "Atoms 1 and 2 of 'x' are 0.050 Å apart; give a conformer"),
    ],
)
def test_what_is_no_structure_is_refused(numbers, positions, message):
    with pytest.raises(FeaturizationError, match=message):
        Structure(numbers, positions, name="x")


def test_coincident_atoms_are_found_among_many(monkeypatch):
    positions = np.random.default_rng(0).permutation(np.mgrid[:7, :7, :7].reshape(3, -1).T.astype(float))
    positions[300] = positions[17] + [0, 0, 0.05]
    assert len(positions) > structure.LARGEST_BRUTE_FORCE
    with pytest.raises(FeaturizationError, match=r"Atoms 17 and 300 of .* are 0.050 Å apart"):
        Structure(np.ones(len(positions)), positions)
    assert len(Structure(np.ones(300), positions[:300]).numbers) == 300
    monkeypatch.setattr(structure, "LARGEST_BRUTE_FORCE", 1000)
    with pytest.raises(FeaturizationError, match=r"Atoms 17 and 300 of .* are 0.050 Å apart"):
        Structure(np.ones(len(positions)), positions)


def test_symbols_and_radii():
    assert [symbol(number) for number in (1, 6, 17, 118, 0, 119)] == ["H", "C", "Cl", "Og", "X", "X"]
    assert [atomic_number(element) for element in ("H", "Cl", "Og")] == [1, 17, 118]
    np.testing.assert_allclose(vdw_radii(np.array([6, 1, 8, 6])), [1.7, 1.2, 1.55, 1.7])


@pytest.mark.parametrize("element", ["Xx", "c", "", "CL", "carbon"])
def test_what_is_no_symbol_is_refused(element, capfd):
    with pytest.raises(ValueError, match=f"'{element}' is no element symbol"):
        atomic_number(element)
    assert capfd.readouterr().err == ""


# ---- molecules and SMILES


def test_a_structure_is_taken_as_it_is(molecules):
    assert structure_from(molecules["ammonium"], charge=0) is molecules["ammonium"]


def test_a_mol_with_a_conformer_is_taken_as_it_is():
    mol = embedded("CO")
    mol.SetProp("_Name", "methanol")
    read = structure_from(mol)
    assert read.numbers.tolist() == [6, 8, 1, 1, 1, 1]
    np.testing.assert_array_equal(read.positions, mol.GetConformer().GetPositions())
    assert (read.name, read.charge, read.unpaired, read.implicit_hydrogens) == ("methanol", 0, 0, 0)


def test_missing_hydrogens_are_counted_not_invented():
    read = structure_from(embedded("CO", hydrogens=False))
    assert read.formula == "CO"
    assert read.implicit_hydrogens == 4


def test_a_smiles_gets_hydrogens_and_a_conformer():
    read = structure_from("CCO")
    assert read.formula == "C2H6O"
    assert read.name == "CCO"
    distances = np.linalg.norm(read.positions[0] - read.positions[1:], axis=1)
    assert distances[0] == pytest.approx(1.52, abs=0.03)


def test_a_mol_without_conformer_is_treated_as_its_smiles():
    assert same(structure_from(Chem.MolFromSmiles("CCO")), structure_from("CCO"))


def test_conformers_depend_on_the_seed_only():
    assert same(structure_from("CC(O)CN"), structure_from("CC(O)CN"))
    assert not same(structure_from("CC(O)CN"), structure_from("CC(O)CN", conformer_seed=2), atol=0.01)
    assert not same(structure_from("CC(O)CN"), structure_from("CC(O)CN", optimize=False), atol=0.01)


def test_charge_and_unpaired_electrons():
    assert structure_from("CC(=O)[O-]").charge == 0
    assert structure_from("CC(=O)[O-]", charge="formal").charge == -1
    assert structure_from("[NH3+]CC(=O)[O-]", charge="formal").charge == 0
    assert structure_from("C[NH3+]", charge=np.int64(1)).charge == 1
    assert structure_from("[N]=O", unpaired=1, optimize=False).unpaired == 1


def test_isotopes_and_explicit_hydrogens_are_atoms_like_others():
    assert structure_from("[2H]C([2H])([2H])[2H]").formula == "CH4"
    assert structure_from("[13CH4]").formula == "CH4"
    assert structure_from("[H][H]", optimize=False).formula == "H2"


@pytest.mark.parametrize(
    ("datapoint", "message"),
    [
        ("C(C", r"RDKit cannot read 'C\(C' as SMILES; correct it, or pass a path that ends in \.mol, \.sd"),
        ("FC(F)(F)(F)F", "RDKit cannot read 'FC.* as SMILES"),
        ("", "A molecule without atoms arrived"),
        (None, "A datapoint of type NoneType arrived; an RDKit Mol, a SMILES, the path"),
        (1.5, "A datapoint of type float arrived"),
        (Chem.MolFromSmiles(""), "A molecule without atoms arrived"),
        ("C*", "MMFF94 has no parameters for 'C\\*'; pass optimize=False"),
        ("[Fe]", r"MMFF94 has no parameters for '\[Fe\]'"),
        (drawn("CCCO"), "is a flat drawing"),
        (
            drawn("C", hydrogens=True),
            "is a flat drawing .*; generate a conformer with rdkit.Chem.AllChem.EmbedMolecule",
        ),
    ],
)
def test_what_cannot_be_read_says_why(datapoint, message, capfd):
    with pytest.raises(FeaturizationError, match=message):
        structure_from(datapoint)
    assert capfd.readouterr().err == ""


def test_dummy_atoms_are_refused_whatever_their_conformer():
    with pytest.raises(FeaturizationError, match=r"Atom 1 of 'C\*' has atomic number 0"):
        structure_from("C*", optimize=False)


def test_no_conformer_names_the_seed():
    """The chirality of this bicycle would need a bridge that runs through the ring."""
    with pytest.raises(FeaturizationError, match=r"found no conformer for .* with seed 5; pass another conformer_seed"):
        structure_from("[C@H]12CC[C@@H](C1)C2", conformer_seed=5)


def test_a_flat_molecule_is_no_flat_drawing():
    benzene = embedded("c1ccccc1")
    positions = benzene.GetConformer().GetPositions()
    axes = np.linalg.svd(positions - positions.mean(axis=0))[2]
    flat = (positions - positions.mean(axis=0)) @ axes.T
    for i, (x, y, _) in enumerate(flat):
        benzene.GetConformer().SetAtomPosition(i, (x, y, 0.0))
    assert structure_from(benzene).formula == "C6H6"


# ---- files


@pytest.mark.parametrize("suffix", [".sdf", ".mol", ".SDF"])
@pytest.mark.parametrize("kind", [str, Path])
def test_a_path_is_read_with_its_hydrogens(kind, suffix, tmp_path):
    mol = embedded("C[NH3+]")
    path = tmp_path / f"methylammonium{suffix}"
    path.write_text(Chem.MolToMolBlock(mol) + ("$$$$\n" if suffix != ".mol" else ""))
    read = structure_from(kind(path), charge="formal")
    assert (read.formula, read.charge, read.name) == ("CH6N", 1, path.name)
    np.testing.assert_allclose(read.positions, mol.GetConformer().GetPositions(), atol=1e-4)


def test_xyz_is_read(tmp_path):
    path = tmp_path / "water.xyz"
    path.write_text("3\na comment\nO 0.0 0.0 0.117\nH 0.0 0.757 -0.467\nH 0.0 -0.757 -0.467\n")
    read = structure_from(path)
    assert read.numbers.tolist() == [8, 1, 1]
    np.testing.assert_allclose(read.positions[1], [0, 0.757, -0.467])
    assert (read.name, read.implicit_hydrogens) == ("water.xyz", 0)


def test_a_molecule_that_rdkit_cannot_sanitize_is_read_all_the_same(tmp_path):
    path = tmp_path / "five.sdf"
    mol = Chem.MolFromSmiles("CN(C)(C)C", sanitize=False)  # a quaternary nitrogen without its charge
    conformer = Chem.Conformer(5)
    for i, position in enumerate([[1.5, 0, 0], [0, 0, 0], [-0.5, 1.4, 0], [-0.5, -0.7, 1.2], [-0.5, -0.7, -1.2]]):
        conformer.SetAtomPosition(i, position)
    mol.AddConformer(conformer)
    path.write_text(Chem.MolToMolBlock(mol, kekulize=False))
    assert structure_from(path).formula == "C4N"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("missing.sdf", None, "There is no file '.*missing.sdf'; check the path"),
        ("broken.xyz", "three\n\nO 0 0 0\n", "RDKit cannot read 'broken.xyz' as xyz; a line with the number of atoms"),
        ("empty.sdf", "", "'empty.sdf' holds 0 molecules"),
        ("broken.mol", "nonsense\n\n\n", "RDKit cannot read 'broken.mol'"),
    ],
)
def test_files_that_cannot_be_read_say_why(name, text, message, tmp_path):
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(FeaturizationError, match=message):
        structure_from(str(tmp_path / name))


def test_other_suffixes_are_refused(tmp_path):
    with pytest.raises(
        FeaturizationError, match=r"'protein.pdb' ends in '.pdb'; files that end in .mol, .sd, .sdf, .xyz are"
    ):
        structure_from(tmp_path / "protein.pdb")


def test_two_molecules_in_a_file_are_not_one(tmp_path):
    path = tmp_path / "two.sdf"
    block = Chem.MolToMolBlock(embedded("CO"))
    path.write_text(f"{block}$$$$\n{block}$$$$\n")
    with pytest.raises(FeaturizationError, match=r"'two\.sdf' holds 2 molecules; a file with one is accepted"):
        structure_from(path)


# ---- odd and broken files


def test_every_odd_file_is_tested(shared_data):
    with (shared_data / "torture" / "manifest.csv").open() as manifest:
        listed = [row["file"] for row in csv.DictReader(manifest)]
    assert {file for file in listed if file.endswith((".sdf", ".mol"))} == set(TORTURE)


@pytest.mark.parametrize("file", TORTURE)
def test_odd_files_are_read_or_refused_with_a_reason(file, shared_data, capfd):
    path, expected = shared_data / "torture" / file, TORTURE[file]
    if isinstance(expected, tuple):
        read = structure_from(path, charge="formal")
        assert (read.formula, read.charge) == expected
        assert np.ptp(read.positions, axis=0).any() == (len(read.numbers) > 1)
    else:
        with pytest.raises(FeaturizationError, match=expected):
            structure_from(path)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("file", READABLE)
def test_odd_files_never_become_zeros(file, shared_data):
    path = shared_data / "torture" / file
    settings = {"box_width": 96.0, "voxel_width": 2.0, "charge": "formal"}
    occupied = OccupancyVoxel(**settings, oversampling=4).featurize([path])
    atoms = len(structure_from(path).numbers)
    assert 1 < occupied.sum() * 2.0**3 / atoms < 45  # Å³ for an atom
    if file in NO_DENSITY:
        with pytest.raises(FeaturizationError, match=NO_DENSITY[file]):
            DensityVoxel(**settings).featurize([path])
    elif atoms < 60:
        assert DensityVoxel(**settings).featurize([path]).max() > 0
