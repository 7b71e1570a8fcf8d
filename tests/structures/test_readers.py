from __future__ import annotations

import csv
import gzip
from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import AllChem

from deepchem_density.errors import FeaturizationError
from deepchem_density.structures.readers import mol_from, structure_from
from deepchem_density.structures.structure import Structure, symbol

WATER_PDB = (
    "HETATM    1  O   HOH A   1       1.000   2.000   3.000  1.00 15.00           O  \n"
    "HETATM    2 ZN    ZN A   2       4.000   2.000   3.000  0.50 11.00          ZN2+\n"
)


def embedded(smiles: str, hydrogens: bool = True) -> Chem.Mol:
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    assert AllChem.EmbedMolecule(mol, randomSeed=1) == 0
    return mol if hydrogens else Chem.RemoveHs(mol)


def test_bonds_come_from_whatever_holds_them(tmp_path):
    mol = embedded("CC(=O)[O-]")
    Chem.MolToMolFile(mol, str(tmp_path / "acetate.mol"))
    for source in ("CC(=O)[O-]", mol, tmp_path / "acetate.mol"):
        assert Chem.MolToSmiles(Chem.RemoveHs(mol_from(source))) == "CC(=O)[O-]"
    with pytest.raises(FeaturizationError, match="cannot read 'CC\\(' as SMILES"):
        mol_from("CC(")


def drawn(smiles: str, hydrogens: bool = False) -> Chem.Mol:
    mol = Chem.MolFromSmiles(smiles)
    mol = Chem.AddHs(mol) if hydrogens else mol
    AllChem.Compute2DCoords(mol)
    return mol


def same(one: Structure, other: Structure, atol: float = 0.0) -> bool:
    return np.array_equal(one.numbers, other.numbers) and np.allclose(one.positions, other.positions, rtol=0, atol=atol)


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
    assert structure_from("CC(=O)[O-]").charge == -1
    assert structure_from("CC(=O)[O-]", charge="formal").charge == -1
    assert structure_from("[NH3+]CC(=O)[O-]", charge="formal").charge == 0
    assert structure_from("C[NH3+]", charge=np.int64(1)).charge == 1
    assert structure_from("[N]=O", unpaired=1).unpaired == structure_from("[N]=O").unpaired == 1


def test_isotopes_and_explicit_hydrogens_are_atoms_like_others():
    assert structure_from("[2H]C([2H])([2H])[2H]").formula == "CH4"
    assert structure_from("[13CH4]").formula == "CH4"
    assert structure_from("[H][H]").formula == "H2"


@pytest.mark.parametrize(
    ("datapoint", "message"),
    [
        (
            "C(C",
            r"RDKit cannot read 'C\(C' as SMILES; correct it, or pass a path that ends in \.cif, \.ent,",
        ),
        ("FC(F)(F)(F)F", "RDKit cannot read 'FC.* as SMILES"),
        ("", "A molecule without atoms arrived"),
        (None, "A datapoint of type NoneType arrived; an RDKit Mol, a SMILES, the path"),
        (1.5, "A datapoint of type float arrived"),
        (Chem.MolFromSmiles(""), "A molecule without atoms arrived"),
        ("C*", "Atom 1 of 'C\\*' has atomic number 0, which is no element"),
        ("CC\0O", r"'CC\\x00O' arrived; a SMILES or path without the character NUL is accepted"),
        (Path("a\0.sdf"), r"'a\\x00.sdf' arrived; a SMILES or path without"),
        ("[CH3+99]", "Atom 0 .*, C, has the charge .99; charges from -9 to 9 are accepted, and none above the atomic"),
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
    with pytest.raises(
        FeaturizationError, match=r"found no conformer for .* seed 5, from random .*; pass another conformer_seed"
    ):
        structure_from("[C@H]12CC[C@@H](C1)C2", conformer_seed=5)


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


def five_bonds() -> str:
    """A quaternary nitrogen without its charge."""
    mol = Chem.MolFromSmiles("CN(C)(C)C", sanitize=False)
    conformer = Chem.Conformer(5)
    for i, position in enumerate([[1.5, 0, 0], [0, 0, 0], [-0.5, 1.4, 0], [-0.5, -0.7, 1.2], [-0.5, -0.7, -1.2]]):
        conformer.SetAtomPosition(i, position)
    mol.AddConformer(conformer)
    return Chem.MolToMolBlock(mol, kekulize=False)


def test_a_molecule_that_rdkit_cannot_sanitize_is_read_all_the_same(tmp_path):
    (tmp_path / "five.sdf").write_text(five_bonds())
    assert structure_from(tmp_path / "five.sdf").formula == "C4N"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("missing.sdf", None, "There is no file '.*missing.sdf'; check the path"),
        ("broken.xyz", "three\n\nO 0 0 0\n", "'broken.xyz' cannot be read as xyz, its first line is 'three'; a line"),
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
        FeaturizationError, match=r"'pose.pdbqt' ends in '.pdbqt'; files that end in .cif, .ent, .mmcif, .mol,"
    ):
        structure_from(tmp_path / "pose.pdbqt")


def test_two_molecules_in_a_file_are_not_one(tmp_path):
    path = tmp_path / "two.sdf"
    block = Chem.MolToMolBlock(embedded("CO"))
    path.write_text(f"{block}$$$$\n{block}$$$$\n")
    with pytest.raises(FeaturizationError, match=r"'two\.sdf' holds 2 molecules; a file with one is accepted"):
        structure_from(path)


@pytest.mark.parametrize(
    ("smiles", "charges"),
    [
        ("C[NH3+]", [0, 1]),
        ("CC(=O)[O-]", [0, 0, 0, -1]),
        ("C[N+](C)(C)CC(=O)[O-]", [0, 1, 0, 0, 0, 0, 0, -1]),
        ("CCO", None),
    ],
)
def test_formal_charges_belong_to_their_atoms(smiles, charges, tmp_path):
    path = tmp_path / "ion.sdf"
    path.write_text(Chem.MolToMolBlock(embedded(smiles)))
    for datapoint in (path, embedded(smiles), smiles):
        read = structure_from(datapoint, charge="formal")
        heavy = read.numbers > 1
        if charges is None:
            assert read.formal_charges is None
        else:
            assert read.formal_charges[heavy].tolist() == charges
            assert not read.formal_charges[~heavy].any()
        assert read.charge == sum(charges or [])


def test_what_has_no_bonds_has_no_formal_charge(tmp_path):
    path = tmp_path / "acetate.xyz"
    path.write_text(Chem.MolToXYZBlock(embedded("CC(=O)[O-]")))
    assert structure_from(path, charge=-1).charge == -1
    with pytest.raises(
        FeaturizationError, match=r"'acetate.xyz' has no bonds, which formal charges need; pass its total"
    ):
        structure_from(path, charge="formal")
    path.write_text("1\n\nHe 0 0 0\n")
    assert structure_from(path, charge="formal").charge == 0


def test_gzipped_files_are_read(tmp_path):
    path = tmp_path / "methanol.sdf.gz"
    path.write_bytes(gzip.compress(Chem.MolToMolBlock(embedded("CO")).encode()))
    assert (structure_from(path).formula, structure_from(str(path)).name) == ("CH4O", "methanol.sdf.gz")


def test_macromolecules_are_handed_on(tmp_path):
    path = tmp_path / "site.pdb"
    path.write_text(WATER_PDB)
    read = structure_from(path, charge="formal", unpaired=1)
    assert (read.formula, read.charge, read.unpaired, read.name) == ("OZn", 2, 1, "site.pdb")
    assert (structure_from(path).charge, structure_from(path).unpaired) == (2, 0)
    assert read.b_iso.tolist() == [15, 11]
    with pytest.warns(UserWarning, match="charge=-3 arrived for 'site.pdb', whose source states 2; -3 is taken"):
        assert structure_from(str(path), charge=-3).charge == -3
    path.write_text(WATER_PDB[:81])
    assert structure_from(str(path), charge=-3).charge == -3
    assert structure_from(path, charge="formal").charge == 0


# ---- hydrogens


def test_hydrogens_are_kept_dropped_or_added(tmp_path):
    full, bare = embedded("CC(=O)[O-]"), embedded("CC(=O)[O-]", hydrogens=False)
    path = tmp_path / "acetate.sdf"
    path.write_text(Chem.MolToMolBlock(full))
    for datapoint in (full, path, structure_from(full)):
        dropped = structure_from(datapoint, hydrogens="drop")
        assert (dropped.formula, dropped.implicit_hydrogens) == ("C2O2", 3)
        np.testing.assert_allclose(dropped.positions, full.GetConformer().GetPositions()[:4], atol=1e-4)
    assert structure_from("CC(=O)[O-]", hydrogens="drop").implicit_hydrogens == 3
    added = structure_from(bare, charge="formal", hydrogens="add")
    assert (added.formula, added.charge, added.implicit_hydrogens) == ("C2H3O2", -1, 0)
    np.testing.assert_array_equal(added.positions[:4], bare.GetConformer().GetPositions())
    bonds = np.linalg.norm(added.positions[4:] - added.positions[0], axis=1)
    np.testing.assert_allclose(bonds, 1.09, atol=0.03)
    assert structure_from(full, hydrogens="add").formula == "C2H3O2"
    assert structure_from("CC(=O)[O-]", hydrogens="add").formula == "C2H3O2"


def test_hydrogens_cannot_be_added_without_bonds(tmp_path, capfd):
    (tmp_path / "carbons.xyz").write_text("2\n\nC 0 0 0\nC 0 0 1.5\n")
    (tmp_path / "site.pdb").write_text(WATER_PDB)
    (tmp_path / "five.sdf").write_text(five_bonds())
    with pytest.raises(
        FeaturizationError, match=r"Hydrogens cannot be added to 'carbons.xyz' \(it has no bonds\); correct"
    ):
        structure_from(tmp_path / "carbons.xyz", hydrogens="add")
    with pytest.raises(
        FeaturizationError, match=r"cannot be added to 'five.sdf' \(Explicit valence for atom # 1 N, 4, is"
    ):
        structure_from(tmp_path / "five.sdf", hydrogens="add")
    with pytest.raises(FeaturizationError, match=r"'site.pdb' has no bonds to which hydrogens='add' could add"):
        structure_from(tmp_path / "site.pdb", hydrogens="add")
    assert capfd.readouterr().err == ""


def test_hydrogens_are_kept_dropped_or_added_and_nothing_else():
    with pytest.raises(ValueError, match="hydrogens='remove' arrived; 'keep', 'drop' and 'add' are accepted"):
        structure_from("CO", hydrogens="remove")


# ---- the ligands of complexes


def test_every_ligand_of_the_complexes_is_read_as_in_its_file(shared_data):
    with (shared_data / "complexes.csv").open() as table:
        files = sorted({row["ligand"]: row["n_heavy"] for row in csv.DictReader(table)}.items())
    assert len(files) > 2000
    for file, n_heavy in files:
        if file.endswith("Hermite__FXR/ref_ligand.sdf"):  # a hydrogen 0.5 Å from a carbon
            with pytest.raises(FeaturizationError, match=r"are 0.516 Å apart"):
                structure_from(shared_data / file)
            continue
        read = structure_from(shared_data / file)
        assert not n_heavy or (read.numbers > 1).sum() == float(n_heavy), file
        if not file.endswith(".sdf"):
            continue
        lines = (shared_data / file).read_text(errors="replace").split("\n")
        atoms = lines[4 : 4 + int(lines[3][:3])]
        assert [symbol(number) for number in read.numbers] == [line[31:34].strip() for line in atoms], file
        positions = [[float(line[i : i + 10]) for i in (0, 10, 20)] for line in atoms]
        np.testing.assert_array_equal(read.positions, positions, err_msg=file)
