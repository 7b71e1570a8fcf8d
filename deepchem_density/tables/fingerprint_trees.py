"""What a model must beat that knows bonds and no positions: boosted trees on Morgan fingerprints (ECFP)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rdkit import Chem, rdBase
from rdkit.Chem import rdFingerprintGenerator
from sklearn.ensemble import HistGradientBoostingRegressor

from deepchem_density.progress import progress_of
from deepchem_density.tables.baselines import predict_linear

__all__ = ["morgan_fingerprints", "predict_trees"]

RADIUS, BITS = 2, 2048
"""Of ECFP4, as DeepChem's CircularFingerprint has them."""
TREES, LEAF = 100, 20
"""Trees of a model, and the fewest molecules in a leaf of one: the defaults of scikit-learn."""


def morgan_fingerprints(mols: Sequence[Chem.Mol | Exception]) -> tuple[np.ndarray, np.ndarray]:
    """Return the fingerprints of molecules.

    Parameters
    ----------
    mols : sequence of rdkit.Chem.Mol or Exception
        Hydrogens do not count, whether they are there or not. An exception stands for a molecule that could not be read.

    Returns
    -------
    fingerprints : np.ndarray
        (n, 2048) uint8 of 0 and 1; zeros where there is none.
    known : np.ndarray
        (n,) bool, whether there is one: a molecule that RDKit cannot sanitize has none.
    """
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=RADIUS, fpSize=BITS)
    found = np.zeros((len(mols), BITS), dtype=np.uint8)
    known = np.zeros(len(mols), dtype=bool)
    for place, mol in enumerate(mols):
        if isinstance(mol, Exception):
            continue
        try:
            with rdBase.BlockLogs():
                found[place] = generator.GetFingerprintAsNumPy(Chem.RemoveHs(mol))
        except (Chem.MolSanitizeException, RuntimeError):
            continue
        known[place] = True
    return found, known


def predict_trees(
    fingerprints: np.ndarray, counts: np.ndarray, y: np.ndarray, train: np.ndarray, test: np.ndarray
) -> np.ndarray:
    """Predict labels by the line in element counts, and by boosted trees what that line leaves of them.

    Trees alone know no sums: of energies they would leave several times what the line does.

    Parameters
    ----------
    fingerprints : np.ndarray
        (n, n_bits) of 0 and 1.
    counts : np.ndarray
        (n, n_elements), as for `predict_linear`; of molecules in neither set they may be NaN.
    y : np.ndarray
        (n, n_tasks) labels.
    train, test : np.ndarray
        Places of the two sets.

    Returns
    -------
    np.ndarray
        (n_test, n_tasks) float64. Below 40 training molecules no tree can have two leaves, and the line is all there is.

    Raises
    ------
    ValueError
        As `predict_linear` does.
    """
    line = np.full(y.shape, np.nan)
    used = np.union1d(train, test)
    line[used] = predict_linear(counts[train], y[train], counts[used])
    # a bit that parts off fewer molecules than a leaf must hold splits nothing
    n_set = fingerprints[train].sum(axis=0, dtype=np.int64)
    telling = np.flatnonzero(np.minimum(n_set, len(train) - n_set) >= LEAF)
    predicted = line[test]
    if len(telling) == 0:
        return predicted
    bits, left = fingerprints[:, telling], y - line
    for task in progress_of(range(y.shape[1]), doing="boosting trees on fingerprints", unit="labels", leave=False):
        trees = HistGradientBoostingRegressor(
            max_iter=TREES, min_samples_leaf=LEAF, early_stopping=False, random_state=0
        )
        predicted[:, task] += trees.fit(bits[train], left[train, task]).predict(bits[test])
    return predicted
