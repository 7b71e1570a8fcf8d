from __future__ import annotations

import pytest
from rdkit import Chem
from rdkit.Chem import AllChem

from deepchem_density.errors import FeaturizationError
from deepchem_density.structures.readers import structure_from
from deepchem_density.structures.sdf import SdfRecord, sdf_records

METHANE, WATER = (Chem.MolToMolBlock(Chem.AddHs(Chem.MolFromSmiles(smiles))) for smiles in ("C", "O"))


def conformer(smiles: str, v3000: bool = False) -> str:
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    assert AllChem.EmbedMolecule(mol, randomSeed=1) == 0
    return Chem.MolToMolBlock(mol, forceV3000=v3000)


def n_atoms(record: SdfRecord) -> int | None:
    try:
        return record.mol("a.sdf").GetNumAtoms()
    except FeaturizationError:
        return None


def test_every_record_keeps_its_place_whatever_is_in_it():
    text = f"first{METHANE}> <a>\n1\n\n$$$$\nbroken\n\n\nnonsense\n$$$$\n$$$$\n{WATER}$$$$\n\n"
    records = sdf_records(text)
    assert [record.name for record in records] == ["first", "broken", "", ""]
    assert [record.place for record in records] == [0, 1, 2, 3]
    assert [n_atoms(record) for record in records] == [5, None, None, 3]
    lines = text.split("\n")
    assert [lines[record.line - 1] for record in records] == ["first", "broken", "$$$$", ""]
    assert lines[records[3].line - 1 + 3] == WATER.split("\n")[3]


def test_the_last_line_may_be_missing():
    assert [record.text for record in sdf_records(METHANE)] == [METHANE]
    assert sdf_records("") == sdf_records("\n \n") == []


def test_what_cannot_be_sanitized_comes_as_it_is():
    five_bonds = Chem.MolToMolBlock(Chem.MolFromSmiles("CC(C)(C)(C)C", sanitize=False), kekulize=False)
    (record,) = sdf_records(five_bonds)
    assert record.mol("a").GetNumAtoms() == record.mol("a", sanitize=False).GetNumAtoms() == 6


@pytest.mark.parametrize("v3000", [False, True])
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (".", ",", "Line {} of 'a.sdf' has '.*,.*' as its [xyz], with a decimal comma; decimal points are accepted"),
        (".", "_", "Line {} of 'a.sdf' has '.*_.*' as its [xyz]; a finite number with nothing behind it"),
    ],
)
def test_numbers_are_read_whole(v3000, old, new, message, tmp_path):
    lines = conformer("CO", v3000).split("\n")
    at = next(i for i, line in enumerate(lines) if " C " in line)
    lines[at] = lines[at].replace(old, new, 1)
    text = "\n".join([*WATER.split("\n")[:-1], "$$$$", *lines])
    with pytest.raises(FeaturizationError, match=message.format(at + 1 + len(WATER.split("\n")))):
        sdf_records(text)[1].mol("a.sdf")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("M  CHG  1   1  -x", "has '  -x' as its CHG; a whole number"),
        ("M  CHG  1   1 1.5", "has ' 1.5' as its CHG; a whole number"),
        ("M  CHG  1   1  99", r"Atom 0 of 'a.sdf', C, has the charge \+99; charges from -9 to 9 are accepted"),
        ("M  CHG  1   1 -15", "Atom 0 of 'a.sdf', C, has the charge -15"),
        ("M  CHG  1   2   9", r"Atom 1 of 'a.sdf', O, has the charge \+9; .* none above the atomic number"),
    ],
)
def test_charges_that_no_atom_has(line, message, tmp_path):
    path = tmp_path / "a.sdf"
    path.write_text(conformer("CO").replace("M  END", f"{line}\nM  END"))
    with pytest.raises(FeaturizationError, match=message):
        structure_from(path)


def test_the_character_nul_is_refused_with_its_line():
    (record,) = sdf_records("na\0me" + conformer("CO"))
    with pytest.raises(FeaturizationError, match=r"Line 1 of 'a.sdf' holds the character NUL; text is accepted"):
        record.mol("a.sdf")


@pytest.mark.parametrize(("rad", "unpaired"), [(1, 0), (2, 1), (3, 2)])
@pytest.mark.parametrize("v3000", [False, True])
def test_singlets_have_no_unpaired_electrons(rad, unpaired, v3000, tmp_path):
    """As for carbenes; RDKit counts two radical electrons for singlets and triplets alike."""
    smiles = "[CH3]" if rad == 2 else "[CH2]"
    lines = conformer(smiles, v3000).split("\n")
    for i, line in enumerate(lines):
        if line.startswith("M  RAD"):
            lines[i] = f"M  RAD  1   1   {rad}"
        elif "RAD=" in line:
            lines[i] = line.replace(line.split("RAD=")[1].split()[0], str(rad))
            lines[i] = line.split("RAD=")[0] + f"RAD={rad}"
    path = tmp_path / "a.sdf"
    path.write_text("\n".join(lines))
    assert f"RAD={rad}" in path.read_text() or f"   {rad}\n" in path.read_text()
    assert structure_from(path).unpaired == unpaired


@pytest.mark.parametrize("word", ["1.-822", "0.5-12", "1.5D2"])
def test_numbers_of_the_newer_form_that_rdkit_reads_otherwise_are_refused(word):
    atoms = [f"M  V30 1 C {word} 0 0 0", "M  V30 2 O 0 1.2 0 0"]
    head = ["", "", "", "  0  0  0     0  0            999 V3000", "M  V30 BEGIN CTAB", "M  V30 COUNTS 2 0 0 0 0"]
    text = "\n".join([*head, "M  V30 BEGIN ATOM", *atoms, "M  V30 END ATOM", "M  V30 END CTAB", "M  END", ""])
    with pytest.raises(FeaturizationError, match=f"Line 8 of 'a.sdf' has '{word}' as its x"):
        sdf_records(text)[0].mol("a.sdf")
