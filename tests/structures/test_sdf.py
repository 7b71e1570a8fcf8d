from __future__ import annotations

from rdkit import Chem

from deepchem_density.structures.sdf import mol_of_record, name_of_record, sdf_records

METHANE, WATER = (Chem.MolToMolBlock(Chem.AddHs(Chem.MolFromSmiles(smiles))) for smiles in ("C", "O"))


def test_every_record_keeps_its_place_whatever_is_in_it():
    text = f"first{METHANE}> <a>\n1\n\n$$$$\nbroken\n\n\nnonsense\n$$$$\n$$$$\n{WATER}$$$$\n\n"
    records = sdf_records(text)
    assert [name_of_record(record) for record in records] == ["first", "broken", "", ""]
    assert [mol and mol.GetNumAtoms() for mol in map(mol_of_record, records)] == [5, None, None, 3]


def test_the_last_line_may_be_missing():
    assert sdf_records(METHANE) == [METHANE]
    assert sdf_records("") == sdf_records("\n \n") == []


def test_what_cannot_be_sanitized_comes_as_it_is():
    five_bonds = Chem.MolToMolBlock(Chem.MolFromSmiles("CC(C)(C)(C)C", sanitize=False), kekulize=False)
    assert mol_of_record(five_bonds).GetNumAtoms() == mol_of_record(five_bonds, sanitize=False).GetNumAtoms() == 6
