from __future__ import annotations

import numpy as np
import pytest

from deepchem_density.structures.readers import structure_from
from deepchem_density.tables.smiles_table import SmilesTable

SMILES = ["CCO", "c1ccncc1", "[Na+].[Cl-]", "[2H]C([2H])([2H])Br"]
TABLE = SmilesTable(list("abcd"), SMILES, np.arange(8.0).reshape(4, 2), ("y", "z (x)"))


def test_elements_are_those_of_the_structures_that_are_made_of_the_smiles():
    expected = [structure_from(one).numbers for one in SMILES]
    assert TABLE.elements == tuple(np.unique(np.concatenate(expected)).tolist())
    counts = TABLE.element_counts(TABLE.elements)
    assert counts.tolist() == [[int((numbers == z).sum()) for z in TABLE.elements] for numbers in expected]
    np.testing.assert_array_equal(TABLE.baseline_features()["linear in element counts"], counts)


def test_a_subset_keeps_rows_together():
    part = TABLE.subset([2, 0])
    assert (part.ids.tolist(), part.datapoints()) == (["c", "a"], ["[Na+].[Cl-]", "CCO"])
    assert part.columns(["z (x)"]).tolist() == [[5.0], [1.0]]
    assert len(TABLE.subset(np.array([True, False, False, False]))) == 1


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"ids": ["a", "b", "c"]}, "smiles has shape"),
        ({"ids": ["a", "a", "c", "d"]}, "The id 'a' arrived 2 times"),
        ({"labels": np.zeros((4, 1))}, "labels has shape"),
        ({"labels": np.full((4, 2), np.inf)}, "infinite"),
    ],
)
def test_fields_that_do_not_fit_are_refused(changed, message):
    fields = {"ids": list("abcd"), "smiles": SMILES, "labels": np.zeros((4, 2)), "tasks": ("y", "z")}
    with pytest.raises(ValueError, match=message):
        SmilesTable(**{**fields, **changed})


def test_a_smiles_that_is_none_is_named():
    with pytest.raises(ValueError, match="RDKit cannot read 'C1C' as SMILES"):
        SmilesTable(["a"], ["C1C"], np.zeros((1, 0)), ()).element_counts([6])
