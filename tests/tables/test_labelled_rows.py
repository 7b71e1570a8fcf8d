from __future__ import annotations

import numpy as np
import pytest

from deepchem_density.tables.complex_table import ComplexTable
from deepchem_density.tables.molecule_table import MoleculeTable

LABELS = [[5.0, np.nan], [6.0, 1.0], [7.0, 2.0]]


def molecules(labels=LABELS):
    """Three hydrogen atoms."""
    return MoleculeTable(np.ones(3), np.zeros((3, 3)), np.arange(4), labels, ("a", "b"), np.arange(3))


def complexes(labels=LABELS):
    return ComplexTable(["x", "y", "z"], ["l.sdf"] * 3, labels, ("a", "b"), ["p.pdb"] * 3)


@pytest.mark.parametrize("table", [molecules(), complexes()], ids=["molecules", "complexes"])
def test_labels_are_found_by_name(table):
    assert len(table) == 3
    np.testing.assert_array_equal(table.columns(["b", "a"]), [[np.nan, 5.0], [1.0, 6.0], [2.0, 7.0]])
    assert table.columns([]).shape == (3, 0)
    assert table.column("a").tolist() == [5, 6, 7]
    with pytest.raises(ValueError, match="no labels for c, d; this table has a, b"):
        table.columns(["c", "a", "d"])


@pytest.mark.parametrize("kind", [molecules, complexes])
def test_an_infinite_label_is_refused(kind):
    with pytest.raises(ValueError, match="labels hold infinite values; mark a label that is not known with NaN"):
        kind([[5.0, np.inf], [6.0, 1.0], [7.0, 2.0]])
