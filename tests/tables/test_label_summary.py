from __future__ import annotations

import numpy as np
import pytest

from deepchem_density.structures.structure import Structure
from deepchem_density.tables.label_summary import summarize_labels
from deepchem_density.tables.molecule_table import MoleculeTable


def table_with(labels):
    atoms = [Structure([1], [[0, 0, 0]])] * len(labels)
    return MoleculeTable.from_structures(atoms, labels[:, None], ["y"], np.arange(len(labels)), units={"y": "debye"})


def test_a_summary_says_where_labels_lie_and_how_many_are_missing():
    labels = np.append(np.random.default_rng(0).normal(5.0, 2.0, 1000), [np.nan] * 7)
    (found,) = summarize_labels(table_with(labels), ["y"])
    known = labels[:1000]
    assert (found.name, found.unit, found.known, found.missing, found.values) == ("y", "debye", 1000, 7, 1000)
    assert (found.low, found.high, found.median) == (known.min(), known.max(), np.median(known))
    assert (found.mean, found.deviation) == pytest.approx((known.mean(), known.std(ddof=1)))


def test_a_stray_label_does_not_press_the_others_into_one_bin():
    labels = np.append(np.random.default_rng(0).uniform(0, 1, 999), 1e6)
    (found,) = summarize_labels(table_with(labels), ["y"])
    assert sum(found.counts) == 1000
    assert max(found.counts) < 100
    assert 0 < found.first < found.last < 1.01


@pytest.mark.parametrize(("labels", "values", "counts"), [([np.nan, np.nan], 0, ()), ([2.0, 2.0, np.nan], 1, (2,))])
def test_labels_that_tell_nothing_are_no_error(labels, values, counts):
    (found,) = summarize_labels(table_with(np.array(labels)), ["y"])
    assert (found.values, found.counts) == (values, counts)


def test_a_column_that_is_not_there_is_named():
    with pytest.raises(ValueError, match="no labels for x"):
        summarize_labels(table_with(np.ones(2)), ["x"])
