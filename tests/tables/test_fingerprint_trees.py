from __future__ import annotations

import numpy as np
import pytest
from rdkit import Chem
from sklearn.ensemble import HistGradientBoostingRegressor

from deepchem_density.errors import FeaturizationError
from deepchem_density.quiet import deepchem as dc
from deepchem_density.tables import fingerprint_trees
from deepchem_density.tables.baselines import predict_linear
from deepchem_density.tables.fingerprint_trees import morgan_fingerprints, predict_trees
from deepchem_density.tables.qm9 import load_sample

TASKS = ("gap", "u0_atom")


@pytest.fixture(scope="module")
def data():
    table = load_sample().subset(slice(300))
    fingerprints, known = morgan_fingerprints(table.mols())
    assert known.all()
    return fingerprints, table.element_counts(table.elements), table.columns(TASKS)


def test_fingerprints_are_those_of_deepchem():
    smiles = ["CCO", "c1ccccc1C(=O)N", "C[N+](C)(C)CC([O-])=O", "OC1CC2CC1C2"]
    found, known = morgan_fingerprints([Chem.MolFromSmiles(one) for one in smiles])
    expected = dc.feat.CircularFingerprint(radius=2, size=2048).featurize(smiles)
    assert known.all()
    np.testing.assert_array_equal(found, expected)


def test_hydrogens_do_not_count():
    mol = Chem.MolFromSmiles("CC(N)=O")
    (bare, full), _ = morgan_fingerprints([mol, Chem.AddHs(mol)])
    np.testing.assert_array_equal(bare, full)


def test_what_cannot_be_read_or_sanitized_is_not_known():
    five_bonds = Chem.MolFromSmiles("C(C)(C)(C)(C)C", sanitize=False)
    found, known = morgan_fingerprints([FeaturizationError("no SMILES"), five_bonds, Chem.MolFromSmiles("C")])
    assert known.tolist() == [False, False, True]
    assert not found[:2].any()


def test_predictions_are_the_line_and_trees_on_all_bits(data, monkeypatch):
    """Bits that split nothing are left out, which changes nothing: scikit-learn on all of them says the same."""
    monkeypatch.setattr(fingerprint_trees, "TREES", 8)
    fingerprints, counts, y = data
    train, test = np.arange(200), np.arange(200, 300)
    found = predict_trees(fingerprints, counts, y, train, test)
    line = predict_linear(counts[train], y[train], counts)
    for task in range(2):
        trees = HistGradientBoostingRegressor(max_iter=8, min_samples_leaf=20, early_stopping=False)
        trees.fit(fingerprints[train], (y - line)[train, task])
        np.testing.assert_allclose(found[:, task], line[test, task] + trees.predict(fingerprints[test]), rtol=1e-9)


def test_a_molecule_of_neither_set_may_have_no_counts(data, monkeypatch):
    monkeypatch.setattr(fingerprint_trees, "TREES", 2)
    fingerprints, counts, y = data
    train, test = np.arange(200), np.arange(201, 300)
    unread = counts.astype(float)
    unread[200] = np.nan
    expected = predict_trees(fingerprints, counts, y, train, test)
    np.testing.assert_array_equal(predict_trees(fingerprints, unread, y, train, test), expected)
    with pytest.raises(ValueError, match="1 molecules have counts that are NaN"):
        predict_trees(fingerprints, unread, y, train, np.arange(200, 300))


def test_trees_learn_more_than_the_line_and_nothing_from_test_labels(data):
    fingerprints, counts, y = data
    train, test = np.arange(200), np.arange(200, 300)
    found = predict_trees(fingerprints, counts, y[:, :1], train, test)
    line = predict_linear(counts[train], y[train, :1], counts[test])
    assert np.abs(found - y[test, :1]).mean() < 0.8 * np.abs(line - y[test, :1]).mean()
    hidden = y[:, :1].copy()
    hidden[test] = 0
    np.testing.assert_array_equal(predict_trees(fingerprints, counts, hidden, train, test), found)


def test_few_molecules_have_the_line_alone(data):
    fingerprints, counts, y = data
    train, test = np.arange(39), np.arange(200, 300)
    expected = predict_linear(counts[train], y[train], counts[test])
    np.testing.assert_array_equal(predict_trees(fingerprints, counts, y, train, test), expected)
