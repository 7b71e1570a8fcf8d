"""From a table of molecules to a DeepChem dataset."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from deepchem_density.errors import FeaturizationError
from deepchem_density.quiet import deepchem as dc
from deepchem_density.structures.structure import Structure
from deepchem_density.tables.molecule_table import MoleculeTable

__all__ = ["to_dataset"]

_SHOWN = 10


class _Featurizer(Protocol):
    def featurize(self, datapoints: Sequence[Structure]) -> np.ndarray: ...


def to_dataset(
    table: MoleculeTable, featurizer: _Featurizer, tasks: Sequence[str] | None = None
) -> dc.data.NumpyDataset:
    """Featurize a table and put its labels beside the features, in memory.

    Parameters
    ----------
    table : MoleculeTable
        Molecules and labels.
    featurizer : object with ``featurize``
        Takes a list of Structure and gives an (n, ...) array, or a 1-D object array with an empty entry for each
        molecule that failed.
    tasks : sequence of str, optional
        Labels to use, in this order; by default all of the table.

    Returns
    -------
    deepchem.data.NumpyDataset
        X as the featurizer made it, its type kept; y (n, n_tasks) float64, 0 where a label is not known; w the same
        shape, 0 there and 1 elsewhere; ids those of the table.

    Raises
    ------
    ValueError
        If a task is unknown, or the featurizer does not give one entry for each molecule.
    FeaturizationError
        If every molecule failed.

    Warns
    -----
    UserWarning
        Counts and names the molecules that failed; they are left out with their labels.
    """
    tasks = table.tasks if tasks is None else tuple(tasks)
    labels = table.columns(tasks)
    structures = table.structures()
    features = featurizer.featurize(structures)
    if len(features) != len(table):
        raise ValueError(
            f"{type(featurizer).__name__}.featurize gave {len(features)} entries for {len(table)} molecules; it must "
            "give one for each, empty where a molecule failed"
        )
    kept = np.array([np.size(entry) > 0 for entry in features], dtype=bool)
    if not kept.any():
        raise FeaturizationError(
            f"{type(featurizer).__name__} failed for all {len(table)} molecules; featurize {structures[0].name!r} "
            "alone to see why"
        )
    if not kept.all():
        failed = [structures[i].name for i in np.flatnonzero(~kept)]
        more = f" and {len(failed) - _SHOWN} more" if len(failed) > _SHOWN else ""
        warnings.warn(
            f"{len(failed)} of {len(table)} molecules could not be featurized and are left out, their labels with "
            f"them: {', '.join(failed[:_SHOWN])}{more}",
            stacklevel=2,
        )
    if features.dtype == object or not kept.all():
        features = np.stack([features[i] for i in np.flatnonzero(kept)])
    known = np.isfinite(labels[kept])
    return dc.data.NumpyDataset(
        X=features,
        y=np.where(known, labels[kept], 0.0),
        w=known.astype(np.float32),
        ids=table.ids[kept],
    )
