from __future__ import annotations

import numpy as np
import pytest
from complex_files import embedded
from rdkit import Chem

from deepchem_density.errors import FeaturizationError
from deepchem_density.structures.cofactors import with_cofactors
from deepchem_density.structures.macromolecule import read_macromolecule
from deepchem_density.structures.readers import structure_from

PROTEIN = Chem.MolToPDBBlock(embedded(Chem.MolFromSequence("GS")))


def sdf(*smiles: str, shift: float = 15.0) -> str:
    return "".join(
        f"{Chem.MolToMolBlock(embedded(Chem.MolFromSmiles(one), shift * (i + 1)))}$$$$\n"
        for i, one in enumerate(smiles)
    )


def read(tmp_path, text):
    (tmp_path / "with.pdb").write_text(text)
    return read_macromolecule(tmp_path / "with.pdb")


def test_cofactors_follow_the_protein_each_a_residue_of_its_own(tmp_path):
    whole = read(tmp_path, with_cofactors(PROTEIN, sdf("O=P([O-])([O-])O", "CCCl", "[NH4+]")))
    alone = read(tmp_path, PROTEIN)
    n = len(alone.numbers)
    np.testing.assert_array_equal(whole.positions[:n], alone.positions)
    numbers, positions, charges = [], [], []
    for one in sdf("O=P([O-])([O-])O", "CCCl", "[NH4+]").split("$$$$\n")[:-1]:
        (tmp_path / "one.sdf").write_text(f"{one}$$$$\n")
        part = structure_from(tmp_path / "one.sdf")
        numbers += part.numbers.tolist()
        positions += part.positions.tolist()
        charges.append(part.charge)
    assert whole.numbers[n:].tolist() == numbers
    np.testing.assert_allclose(whole.positions[n:], positions, atol=5.1e-4)
    residues = whole.residues[n:] - whole.residues[n]
    assert [int(whole.formal_charges[n:][residues == i].sum()) for i in range(3)] == charges == [-2, 0, 1]
    assert not set(whole.residues[n:]) & set(whole.residues[:n])


def test_lines_of_the_protein_stay_and_a_chain_is_free():
    text = with_cofactors(PROTEIN, sdf("CCO"))
    lines = text.splitlines()
    assert [line for line in lines if " UNL " not in line] == PROTEIN.splitlines()
    assert lines.index("END") > max(i for i, line in enumerate(lines) if " UNL " in line)
    assert {line[21] for line in lines if " UNL " in line} == {"B"}
    assert all(len(line) == 80 for line in lines if " UNL " in line)


def test_what_no_column_holds_is_refused():
    with pytest.raises(FeaturizationError, match=r"Record 1 of 'c\.sdf' has an atom at 1\d{4}.*from -999 to 9998"):
        with_cofactors(PROTEIN, sdf("CCO", shift=15_000.0), "c.sdf")
    with pytest.raises(FeaturizationError, match=r"RDKit cannot read 'c\.sdf'"):
        with_cofactors(PROTEIN, "x\n\n\nnonsense\n$$$$\n", "c.sdf")
