from __future__ import annotations

import pytest
from rdkit import Chem

from deepchem_density.structures.bonds import bonds_of
from deepchem_density.structures.readers import structure_from


@pytest.mark.parametrize("smiles", ["CC(=O)Nc1ccc(O)cc1", "CS(=O)(=O)N1CCOCC1", "C#CCBr", "[Na+].CC(=O)[O-]", "O.O"])
def test_bonds_are_those_of_the_molecule(smiles):
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    expected = {frozenset((bond.GetBeginAtomIdx(), bond.GetEndAtomIdx())) for bond in mol.GetBonds()}
    structure = structure_from(smiles)
    assert [atom.GetAtomicNum() for atom in mol.GetAtoms()] == structure.numbers.tolist()
    assert {frozenset(pair) for pair in bonds_of(structure).tolist()} == expected
