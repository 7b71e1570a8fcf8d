from __future__ import annotations

import numpy as np
import pytest
from rdkit.Chem.Scaffolds.MurckoScaffold import MurckoScaffoldSmiles

from deepchem_density.quiet import deepchem as dc
from deepchem_density.tables.qm9 import load_sample
from deepchem_density.tables.scaffolds import split_by_scaffold


@pytest.mark.parametrize(("n", "n_test", "n_valid"), [(400, 80, 40), (1000, 100, 100), (300, 60, 0)])
def test_the_sets_are_those_of_deepchem(n, n_test, n_valid):
    smiles = load_sample().smiles[:n].tolist()
    dataset = dc.data.NumpyDataset(np.zeros((n, 1)), ids=smiles)
    fractions = {"frac_train": (n - n_test - n_valid) / n, "frac_valid": n_valid / n, "frac_test": n_test / n}
    expected = dc.splits.ScaffoldSplitter().split(dataset, **fractions)
    found = split_by_scaffold(smiles, n_test, n_valid)
    for part, other in zip(found, expected, strict=True):
        assert part.tolist() == sorted(other)


def test_no_scaffold_stands_in_two_sets():
    smiles = load_sample().smiles[:300].tolist()
    parts = split_by_scaffold(smiles, 60, 30)
    assert sorted(np.concatenate(parts).tolist()) == list(range(300))
    train, valid, test = ({MurckoScaffoldSmiles(smiles[place]) for place in part} for part in parts)
    assert train.isdisjoint(valid | test)
    assert valid.isdisjoint(test)
    assert len(parts[2]) >= 60


@pytest.mark.parametrize(
    ("smiles", "sizes", "message"),
    [
        (["CC", "CO", "CN", "C1CC1"], (1, 1), "3 of 4 molecules have no ring, more than the 2 for training"),
        (["C1CC1", "CC1CC1", "C", "C1CCC1"], (1, 2), "2 of 4 molecules share the scaffold C1CC1"),
        (["C", ""], (1, 0), "Molecule 1 arrived with '' as its SMILES"),
        (["C", "CC"], (1, 1), "2 molecules cannot be split"),
    ],
)
def test_what_scaffolds_cannot_split_is_refused(smiles, sizes, message):
    with pytest.raises(ValueError, match=message):
        split_by_scaffold(smiles, *sizes)
