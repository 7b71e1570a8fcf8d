from __future__ import annotations

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import AllChem

from deepchem_density.errors import FeaturizationError
from deepchem_density.fields.xtb import xtb_density
from deepchem_density.structures.mol2 import mol_from_mol2
from deepchem_density.structures.readers import structure_from
from deepchem_density.structures.structure import symbol


def mol2(atoms: str, bonds: str = "", molecules: int = 1) -> str:
    """A mol2 file from lines 'name x y z type' and 'first second order'."""
    rows = [line.strip() for line in atoms.strip().split("\n")]
    links = [line.strip() for line in bonds.strip().split("\n") if line.strip()]
    block = [f"@<TRIPOS>MOLECULE\nm\n{len(rows)} {len(links)} 0 0 0\nSMALL\nNO_CHARGES\n", "@<TRIPOS>ATOM"]
    block += [f"{i + 1} {row} 1 LIG 0.0" for i, row in enumerate(rows)]
    block += ["@<TRIPOS>BOND"] + [f"{i + 1} {link}" for i, link in enumerate(links)]
    return ("\n".join(block) + "\n") * molecules


CHLOROETHANOL = """CA 0 0 0 C.3
CL 1.7 0.5 0 Cl
CB -0.9 1.2 0.1 C.3
O1 -2.2 0.8 0.3 O.3"""
CHAIN = "1 2 1\n1 3 1\n3 4 1"


def heavy_only(mol: Chem.Mol, text: str) -> str:
    """The file without its hydrogens."""
    kept = [atom.GetIdx() for atom in mol.GetAtoms() if atom.GetAtomicNum() > 1]
    place = {old: new + 1 for new, old in enumerate(kept)}
    rows = text.split("@<TRIPOS>ATOM")[1].split("@<TRIPOS>")[0].strip().split("\n")
    links = [line.split() for line in text.split("@<TRIPOS>BOND")[1].split("@<TRIPOS>")[0].strip().split("\n")]
    bonds = [(int(a) - 1, int(b) - 1, order) for _, a, b, order, *_ in links]
    return mol2(
        "\n".join(" ".join(rows[i].split()[1:6]) for i in kept),
        "\n".join(f"{place[a]} {place[b]} {order}" for a, b, order in bonds if a in place and b in place),
    )


def test_types_become_elements_and_positions_stay(tmp_path):
    (tmp_path / "a.mol2").write_text(mol2(CHLOROETHANOL, CHAIN))
    read = structure_from(tmp_path / "a.mol2", charge="formal")
    assert [symbol(number) for number in read.numbers] == ["C", "Cl", "C", "O"]
    assert read.positions.tolist() == [[0, 0, 0], [1.7, 0.5, 0], [-0.9, 1.2, 0.1], [-2.2, 0.8, 0.3]]


def test_hydrogens_that_are_not_in_the_file_are_implied(tmp_path):
    (tmp_path / "a.mol2").write_text(mol2(CHLOROETHANOL, CHAIN))
    read = structure_from(tmp_path / "a.mol2", charge="formal")
    assert (read.charge, read.implicit_hydrogens, read.formal_charges) == (0, 5, None)
    assert structure_from(tmp_path / "a.mol2", hydrogens="add").formula == "C2H5ClO"


def test_carboxylates_and_ammonium_keep_their_charges_without_hydrogens():
    glycine = "N 0 0 0 N.4\nCA 1.5 0 0 C.3\nC 2 1.4 0 C.2\nO 3.2 1.5 0 O.co2\nOXT 1.2 2.4 0 O.co2"
    mol = mol_from_mol2(mol2(glycine, "1 2 1\n2 3 1\n3 4 ar\n3 5 ar"), "glycine.mol2")
    assert sorted(atom.GetFormalCharge() for atom in mol.GetAtoms()) == [-1, 0, 0, 0, 1]
    assert sum(atom.GetTotalNumHs() for atom in mol.GetAtoms()) == 5


def test_charges_are_not_known_where_an_electron_is_left_over(tmp_path):
    """A methyl group that lacks a hydrogen: radical, anion or cation."""
    (tmp_path / "a.mol2").write_text(
        mol2("C 0 0 0 C.3\nH1 1 0 0.3 H\nH2 -0.5 0.9 0.3 H\nH3 -0.5 -0.9 0.3 H", "1 2 1\n1 3 1\n1 4 1")
    )
    assert structure_from(tmp_path / "a.mol2", charge=-1).charge == -1
    with pytest.raises(FeaturizationError, match=r"types of 'a.mol2' leave an electron over, so its formal"):
        structure_from(tmp_path / "a.mol2", charge="formal")


def with_hydrogens(smiles: str, keep) -> str:
    """A mol2 file of an embedded molecule with some of its hydrogens, from an atom that is asked about each of its own."""
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    assert AllChem.EmbedMolecule(mol, randomSeed=1) == 0
    Chem.Kekulize(mol, clearAromaticFlags=True)
    kept = [a.GetIdx() for a in mol.GetAtoms() if a.GetAtomicNum() > 1 or keep(a.GetNeighbors()[0], a.GetIdx())]
    place = {old: new + 1 for new, old in enumerate(kept)}
    suffixes = {"SP3": ".3", "SP2": ".2", "SP": ".1"}
    rows = []
    for i in kept:
        atom, position = mol.GetAtomWithIdx(i), mol.GetConformer().GetAtomPosition(i)
        suffix = suffixes.get(str(atom.GetHybridization()), "") if atom.GetSymbol() in "CNO" else ""
        rows.append(
            f"{atom.GetSymbol()}{i} {position.x:.4f} {position.y:.4f} {position.z:.4f} {atom.GetSymbol()}{suffix}"
        )
    links = [
        f"{place[b.GetBeginAtomIdx()]} {place[b.GetEndAtomIdx()]} {int(b.GetBondTypeAsDouble())}"
        for b in mol.GetBonds()
        if b.GetBeginAtomIdx() in place and b.GetEndAtomIdx() in place
    ]
    return mol2("\n".join(rows), "\n".join(links))


KEPT = {
    "polar": lambda atom, i: atom.GetAtomicNum() != 6,
    "some on carbon": lambda atom, i: atom.GetAtomicNum() != 6 or i % 3 == 0,
}


@pytest.mark.parametrize("kept", KEPT)
@pytest.mark.parametrize("smiles", ["CCO", "OCCc1ccccc1", "CC(N)C(=O)O", "C=CCO", "C#CCO", "OC(C(F)(F)F)C(F)(F)F"])
def test_hydrogens_that_are_in_the_file_do_not_stand_for_those_that_are_not(smiles, kept, tmp_path):
    path = tmp_path / "a.mol2"
    path.write_text(with_hydrogens(smiles, KEPT[kept]))
    whole, read = structure_from(smiles), structure_from(path)
    missing = int((whole.numbers == 1).sum() - (read.numbers == 1).sum())
    assert missing > 0
    assert (read.implicit_hydrogens, read.charge, read.unpaired) == (missing, 0, 0)
    added = structure_from(path, hydrogens="add")
    assert (added.formula, added.implicit_hydrogens) == (whole.formula, 0)
    with pytest.raises(FeaturizationError, match=rf"lacks the positions of {missing} hydrogens"):
        xtb_density(read)
    assert xtb_density(added).n_electrons == pytest.approx(xtb_density(whole).n_electrons, abs=1e-6)


@pytest.mark.parametrize("smiles", ["CCO", "OCCc1ccccc1", "C[N+](C)(C)C", "CC(=O)[O-]", "FC(F)F"])
def test_whole_files_lack_none(smiles, tmp_path):
    path = tmp_path / "a.mol2"
    path.write_text(with_hydrogens(smiles, lambda atom, i: True))
    read = structure_from(path)
    assert (read.implicit_hydrogens, read.charge) == (0, Chem.GetFormalCharge(Chem.MolFromSmiles(smiles)))


def test_charges_agree_with_those_of_sdf_files(shared_data):
    """Both files come from the same hand; where they differ it is by protons, a metal or what RDKit cannot sanitize."""
    agree = total = 0
    for file in sorted(shared_data.glob("pdbbind_core/*/*.mol2")):
        sdf = Chem.MolFromMolFile(str(file.with_suffix(".sdf")), removeHs=False)
        try:
            charge = structure_from(file, charge="formal").charge
        except FeaturizationError:
            continue
        if sdf is not None:
            agree, total = agree + (charge == Chem.GetFormalCharge(sdf)), total + 1
    assert total > 180
    assert agree >= total - 3


def test_molecules_without_hydrogens_stay_as_they_are():
    chloroform = "C 0 0 0 C.3\nCL1 1.7 0.5 0 Cl\nCL2 -1 1.4 0.3 Cl\nCL3 0 -1 1.4 Cl\nCL4 -0.3 -0.9 -1.5 Cl"
    mol = mol_from_mol2(mol2(chloroform, "1 2 1\n1 3 1\n1 4 1\n1 5 1"), "c.mol2")
    assert sum(atom.GetTotalNumHs() for atom in mol.GetAtoms()) == 0


def test_what_rdkit_refuses_is_read_as_atoms(tmp_path, capfd):
    """An element among the types that RDKit's reader does not take with aromatic bonds."""
    path = tmp_path / "a.mol2"
    path.write_text(mol2(CHLOROETHANOL.replace(" Cl", " Xe") + "\nLP 9 9 9 LP", "1 2 ar\n1 9 7"))
    read = structure_from(path)
    assert read.formula == "C2OXe"
    assert read.positions[1].tolist() == [1.7, 0.5, 0]
    with pytest.raises(FeaturizationError, match=r"'a.mol2' has no bonds, which formal charges need"):
        structure_from(path, charge="formal")
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("number", ["1.7D+00", "0.17+1", "1.7e0", "+1.7"])
def test_numbers_of_other_programs_leave_the_bonds_as_they_are(number, tmp_path):
    path = tmp_path / "a.mol2"
    path.write_text(
        mol2(CHLOROETHANOL.replace("CL 1.7", f"CL {number}").replace("CA 0 0", "CA -1.2e-05 0.36124-109"), CHAIN)
    )
    read = structure_from(path)
    assert read.positions[:2].tolist() == [[-1.2e-05, 0.36124e-109, 0], [1.7, 0.5, 0]]
    assert read.implicit_hydrogens == 5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"'a.mol2' holds 0 molecules \(@<TRIPOS>MOLECULE\); a mol2 file with one"),
        ("<html>error</html>", "'a.mol2' holds 0 molecules"),
        (f"#{mol2(CHLOROETHANOL, CHAIN)}", "'a.mol2' holds 0 molecules"),
        (mol2(CHLOROETHANOL, CHAIN, molecules=2), "'a.mol2' holds 2 molecules"),
        (
            mol2("C1 0 0 0 ca\nC2 0 0 1.4 c3", "1 2 1"),
            "Line 8 of 'a.mol2' has the atom type 'ca', which is none of SYBYL's",
        ),
        (mol2("C1 0 0 0 C.ar\nC2 0 0 1.4 Hev", "1 2 1"), "Line 9 of 'a.mol2' has the atom type 'Hev'"),
        (
            mol2("C1 0 0 ******** C.ar\nC2 0 0 1.4 C.ar", "1 2 1"),
            r"Line 8 of 'a.mol2' has '\*{8}' as its z; a finite number",
        ),
        (mol2("C1 0 0 nan C.3\nC2 0 0 1.4 C.3", "1 2 1"), "Line 8 of 'a.mol2' has 'nan' as its z; a finite number"),
        (mol2("C1 0 0 1,4 C.3", ""), "Line 8 of 'a.mol2' has '1,4' as its z, with a decimal comma"),
        (mol2("C1 0 1_4 0 C.3", ""), "Line 8 of 'a.mol2' has '1_4' as its y; a finite number"),
        (mol2("C1 1e20 0 0 C.3", ""), "Line 8 of 'a.mol2' has '1e20' as its x; at most 1,000,000 Å"),
        (mol2("C1 1e200 0 0 C.3\nO1 1e200 0 3 O.3", "1 2 1"), "Line 8 of 'a.mol2' has '1e200' as its x; at most"),
        (
            mol2("C1 0 0 0 C.3").replace("\n1 0 0 0 0", "\n2 0 0 0 0"),
            "'a.mol2' announces 2 atoms and holds 1; it is cut",
        ),
        (mol2("C1 0 0"), "Line 8 of 'a.mol2' is '1 C1 0 0 1 LIG 0.0'; number|Line 8 of 'a.mol2' has"),
        (mol2("C1 0 0 0 C.3\nDU 0 0 1.4 Du", "1 2 1"), "Atom 1 of 'a.mol2' has atomic number 0, .* remove dummy"),
        ("@<TRIPOS>MOLECULE\nm\n1 0\nSMALL\n", "'a.mol2' holds no atoms|'a.mol2' has 0 sections @<TRIPOS>ATOM"),
    ],
)
def test_what_cannot_be_read_says_why(text, message, tmp_path, capfd):
    (tmp_path / "a.mol2").write_text(text)
    with pytest.raises(FeaturizationError, match=message):
        structure_from(tmp_path / "a.mol2")
    assert capfd.readouterr().err == ""


def test_every_mol2_file_has_its_elements_and_positions(shared_data):
    """Against a reading by words: the element is what stands before the point of the type."""
    files = sorted(shared_data.glob("pdbbind_*/*/*.mol2"))
    assert len(files) > 250
    for file in files:
        rows = file.read_text(errors="replace").split("@<TRIPOS>ATOM")[1].split("@<TRIPOS>")[0].strip().split("\n")
        words = [row.split() for row in rows]
        read = structure_from(file)
        assert [symbol(number) for number in read.numbers] == [word[5].split(".")[0] for word in words], file
        np.testing.assert_array_equal(
            read.positions, [[float(x) for x in word[2:5]] for word in words], err_msg=str(file)
        )


def test_hydrogens_implied_are_those_that_were_taken_out(shared_data):
    """Where the heavy atoms of a file alone are read, as many hydrogens are implied, up to the protons of charges."""
    same, total = 0, 0
    for file in sorted(shared_data.glob("pdbbind_core/*/*.mol2"))[:100]:
        text = file.read_text()
        with_hydrogens = mol_from_mol2(text, "with")
        if any(atom.NeedsUpdatePropertyCache() for atom in with_hydrogens.GetAtoms()):
            continue
        without = mol_from_mol2(heavy_only(with_hydrogens, text), "without")
        if any(atom.NeedsUpdatePropertyCache() for atom in without.GetAtoms()):
            continue
        implied = sum(atom.GetTotalNumHs() for atom in without.GetAtoms()) - Chem.GetFormalCharge(without)
        hydrogens = sum(atom.GetAtomicNum() == 1 for atom in with_hydrogens.GetAtoms()) - Chem.GetFormalCharge(
            with_hydrogens
        )
        same, total = same + (implied == hydrogens), total + 1
    assert total > 60
    assert same >= 0.9 * total
