"""Many labelled molecules as SMILES: their positions are made when they are needed, and kept with what was solved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np
from rdkit import Chem

from deepchem_density.tables.labelled_rows import LabelledRows

__all__ = ["SmilesTable"]


@dataclass(frozen=True, eq=False)
class SmilesTable(LabelledRows):
    """Labelled molecules, each a SMILES that RDKit can read.

    Parameters
    ----------
    ids : np.ndarray
        (n,) strings, unique.
    smiles : np.ndarray
        (n,) strings.
    labels : np.ndarray
        (n, n_tasks) float64; NaN stands for a label that is not known.
    tasks : tuple of str
        The name of each column of `labels`.
    units : mapping of str to str
        Task -> unit, for the tasks whose unit is known.
    left_out : tuple of (str, str)
        (id, reason) of each row of the source that this table has not. `subset` keeps it as it is.
    source : str
        What messages call the table, such as the file it was read from.

    Raises
    ------
    ValueError
        If the fields do not fit together.

    Notes
    -----
    Conformers are not made here: settings of voxels say how (``conformer_seed``, ``optimize``), and several processes share
    that work. A molecule without one is left out then, with its reason.
    """

    ids: np.ndarray
    smiles: np.ndarray
    labels: np.ndarray
    tasks: tuple[str, ...]
    units: Mapping[str, str] = field(default_factory=dict)
    left_out: tuple[tuple[str, str], ...] = ()
    source: str = ""

    def __post_init__(self) -> None:
        converted: dict[str, Any] = {
            "ids": np.asarray(self.ids).astype(np.str_),
            "smiles": np.asarray(self.smiles).astype(np.str_),
            "labels": np.asarray(self.labels, dtype=np.float64),
            "tasks": tuple(self.tasks),
            "units": dict(self.units),
            "left_out": tuple(self.left_out),
        }
        for name, value in converted.items():
            object.__setattr__(self, name, value)
        n = len(self.ids)
        expected = {"ids": (n,), "smiles": (n,), "labels": (n, len(self.tasks))}
        for name, shape in expected.items():
            if getattr(self, name).shape != shape:
                raise ValueError(
                    f"{name} has shape {getattr(self, name).shape}, but {n} ids and {len(self.tasks)} tasks need {shape}"
                )
        self._check_ids()
        self._check_labels()

    def __repr__(self) -> str:
        return f"SmilesTable({len(self)} molecules, {len(self.left_out)} left out, tasks {', '.join(self.tasks)})"

    def subset(self, indices: np.ndarray | Sequence[int] | slice) -> SmilesTable:
        """Molecules at `indices` (integers, a boolean mask or a slice), in that order, as a new table."""
        picked = np.arange(len(self))[indices]
        return replace(self, ids=self.ids[picked], smiles=self.smiles[picked], labels=self.labels[picked])

    def datapoints(self) -> list[str]:
        """Return what featurizers take: the SMILES."""
        return self.smiles.tolist()

    @property
    def elements(self) -> tuple[int, ...]:
        """Atomic numbers that occur, hydrogen among them, in rising order."""
        return tuple(sorted({number for one in self.smiles.tolist() for number, _ in _atoms(one)}))

    def element_counts(self, elements: Sequence[int]) -> np.ndarray:
        """Count the atoms of each element in each molecule, hydrogens that the SMILES implies among them.

        Returns
        -------
        np.ndarray
            (n, len(elements)) int64.
        """
        rows = [dict(_atoms(one)) for one in self.smiles.tolist()]
        counts = np.array([[row.get(number, 0) for number in elements] for row in rows], dtype=np.int64)
        return counts.reshape(len(self), len(elements))

    def mols(self) -> list[Chem.Mol | Exception]:
        """Return the bonds of each molecule."""
        return [Chem.MolFromSmiles(one) for one in self.smiles.tolist()]

    def baseline_features(self) -> dict[str, np.ndarray]:
        """Return what a model must beat, for `deepchem_density.tables.baselines.predict_linear`: (n, n_elements) counts."""
        return {"linear in element counts": self.element_counts(self.elements)}


@lru_cache(maxsize=200_000)
def _atoms(smiles: str) -> tuple[tuple[int, int], ...]:
    """Return (element, atoms) of a molecule with all its hydrogens."""
    mol = Chem.MolFromSmiles(smiles)
    if mol is None:
        raise ValueError(f"RDKit cannot read '{smiles}' as SMILES; a table of molecules holds only those that it can.")
    numbers = [atom.GetAtomicNum() for atom in mol.GetAtoms()]
    numbers += [1] * sum(atom.GetTotalNumHs() for atom in mol.GetAtoms())
    elements, counts = np.unique(numbers, return_counts=True)
    return tuple(zip(elements.tolist(), counts.tolist(), strict=True))
