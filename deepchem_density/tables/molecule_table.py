"""Many labelled molecules in a few flat arrays: quick to cut, small to save, exact in their labels."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from rdkit import Chem

from deepchem_density.errors import FeaturizationError
from deepchem_density.files import load_npz, save_npz
from deepchem_density.structures.readers import mol_from
from deepchem_density.structures.structure import Structure
from deepchem_density.tables.labelled_rows import LabelledRows

__all__ = ["MoleculeTable"]

_FORMAT = "deepchem_density molecule table, version 1"
_ARRAYS = ("numbers", "positions", "offsets", "labels", "ids", "smiles", "charges", "unpaired", "implicit_hydrogens")
_COUNTS = ("charges", "unpaired", "implicit_hydrogens")


@dataclass(frozen=True, eq=False)
class MoleculeTable(LabelledRows):
    """Molecules, one after another in flat arrays, with their labels.

    Parameters
    ----------
    numbers : np.ndarray
        (total_atoms,) uint8, atomic numbers of all molecules, end to end.
    positions : np.ndarray
        (total_atoms, 3) float32 or float64, Å.
    offsets : np.ndarray
        (n + 1,) int64; the atoms of molecule i are ``offsets[i]:offsets[i + 1]``.
    labels : np.ndarray
        (n, n_tasks) float64; NaN stands for a label that is not known.
    tasks : tuple of str
        The name of each column of `labels`.
    ids : np.ndarray
        (n,) integers or strings, unique in the source.
    units : mapping of str to str
        Task -> unit, for the tasks whose unit is known.
    smiles : np.ndarray, optional
        (n,) strings, "" where none is known.
    charges, unpaired, implicit_hydrogens : np.ndarray, optional
        (n,) int64, total charge, number of unpaired electrons, and hydrogens that the source implies but gives no
        positions for; zero by default.
    source : str
        Put before the id in the name of each structure, such as "qm9".

    Raises
    ------
    ValueError
        If the arrays do not fit together.

    Notes
    -----
    float32 positions differ from a source with ten decimals by less than 1e-6 Å in molecules below 16 Å, far under
    what a density or an SCF energy can show. Labels are never rounded.
    """

    numbers: np.ndarray
    positions: np.ndarray
    offsets: np.ndarray
    labels: np.ndarray
    tasks: tuple[str, ...]
    ids: np.ndarray
    units: Mapping[str, str] = field(default_factory=dict)
    smiles: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.str_))
    charges: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    unpaired: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    implicit_hydrogens: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    source: str = ""

    def __post_init__(self) -> None:
        n = len(self.ids)
        converted: dict[str, Any] = {
            "numbers": _elements(self.numbers),
            "offsets": np.asarray(self.offsets, dtype=np.int64),
            "labels": np.asarray(self.labels, dtype=np.float64),
            "ids": np.asarray(self.ids),
            "tasks": tuple(self.tasks),
            "units": dict(self.units),
            "smiles": np.asarray(self.smiles if len(self.smiles) else np.full(n, ""), dtype=np.str_),
        }
        for name in _COUNTS:
            converted[name] = np.asarray(getattr(self, name) if len(getattr(self, name)) else np.zeros(n), np.int64)
        for name, value in converted.items():
            object.__setattr__(self, name, value)
        self._check()

    def _check(self) -> None:
        n, total = len(self.ids), len(self.numbers)
        expected = {"positions": (total, 3), "offsets": (n + 1,), "labels": (n, len(self.tasks)), "ids": (n,)}
        expected |= {"numbers": (total,), "smiles": (n,)} | dict.fromkeys(_COUNTS, (n,))
        for name, shape in expected.items():
            if getattr(self, name).shape != shape:
                raise ValueError(
                    f"{name} has shape {getattr(self, name).shape}, but {n} ids, {total} atomic numbers and "
                    f"{len(self.tasks)} tasks need {shape}"
                )
        if self.ids.dtype.kind not in "iuU":
            raise ValueError(f"ids of dtype {self.ids.dtype} arrived; integers or strings are accepted: astype(str).")
        if self.offsets[0] != 0 or self.offsets[-1] != total or (np.diff(self.offsets) <= 0).any():
            raise ValueError(
                f"offsets must rise from 0 to the number of atoms, {total}, with at least one atom for each molecule"
            )
        if not np.isfinite(self.positions).all():
            raise ValueError("positions hold NaN or infinite values; leave such molecules out")
        self._check_labels()

    @classmethod
    def from_structures(
        cls,
        structures: Sequence[Structure],
        labels: np.ndarray,
        tasks: Sequence[str],
        ids: np.ndarray,
        **others: Any,
    ) -> MoleculeTable:
        """Pack structures, with `labels` (n, n_tasks), keeping positions in float64.

        `others` are the remaining fields: `units`, `smiles`, `source`. Charges, unpaired electrons and implicit
        hydrogens are those of the structures. Raises ValueError for an empty list.
        """
        if not structures:
            raise ValueError("a table needs at least one structure, none arrived")
        return cls(
            numbers=np.concatenate([s.numbers for s in structures]),
            positions=np.concatenate([s.positions for s in structures]),
            offsets=np.cumsum([0, *(len(s.numbers) for s in structures)]),
            labels=labels,
            tasks=tuple(tasks),
            ids=ids,
            charges=np.array([s.charge for s in structures]),
            unpaired=np.array([s.unpaired for s in structures]),
            implicit_hydrogens=np.array([s.implicit_hydrogens for s in structures]),
            **others,
        )

    def __repr__(self) -> str:
        return f"MoleculeTable({len(self)} molecules, {len(self.numbers)} atoms, tasks {', '.join(self.tasks)})"

    @property
    def n_atoms(self) -> np.ndarray:
        """(n,) number of atoms of each molecule."""
        return np.diff(self.offsets)

    @property
    def elements(self) -> tuple[int, ...]:
        """Atomic numbers that occur, in rising order."""
        return tuple(np.unique(self.numbers).tolist())

    def structure(self, i: int) -> Structure:
        """Molecule `i` as a Structure named after the source and its id, such as "qm9 1"."""
        if not -len(self) <= i < len(self):
            raise IndexError(f"molecule {i} of a table of {len(self)}")
        i %= len(self)
        atoms = slice(self.offsets[i], self.offsets[i + 1])
        return Structure(
            numbers=self.numbers[atoms].astype(np.int64),
            positions=self.positions[atoms].astype(np.float64),
            charge=int(self.charges[i]),
            unpaired=int(self.unpaired[i]),
            name=f"{self.source} {self.ids[i]}".strip(),
            implicit_hydrogens=int(self.implicit_hydrogens[i]),
        )

    def structures(self) -> list[Structure]:
        """All molecules, in order."""
        return [self.structure(i) for i in range(len(self))]

    def datapoints(self) -> list[Structure]:
        """Return what featurizers take: the structures."""
        return self.structures()

    def mols(self) -> list[Chem.Mol | Exception]:
        """Return the bonds of each molecule, from its SMILES, or why they are not known."""
        return [_mol(text, f"{self.source} {name}".strip()) for text, name in zip(self.smiles, self.ids, strict=True)]

    def baseline_features(self) -> dict[str, np.ndarray]:
        """Return what a model must beat, for ``tables.baselines.predict_linear``: (n, n_elements) counts."""
        return {"linear in element counts": self.element_counts(self.elements)}

    def subset(self, indices: np.ndarray | Sequence[int] | slice) -> MoleculeTable:
        """Molecules at `indices` (integers, a boolean mask or a slice), in that order, as a new table."""
        picked = np.arange(len(self))[indices]
        n_atoms = self.n_atoms[picked]
        offsets = np.concatenate([[0], np.cumsum(n_atoms)])
        atoms = np.repeat(self.offsets[picked] - offsets[:-1], n_atoms) + np.arange(offsets[-1])
        return replace(
            self,
            numbers=self.numbers[atoms],
            positions=self.positions[atoms],
            offsets=offsets,
            labels=self.labels[picked],
            ids=self.ids[picked],
            smiles=self.smiles[picked],
            **{name: getattr(self, name)[picked] for name in _COUNTS},
        )

    def element_counts(self, elements: Sequence[int]) -> np.ndarray:
        """Count the atoms of each element in each molecule.

        Parameters
        ----------
        elements : sequence of int
            Atomic numbers without repetition; atoms of other elements are not counted. `self.elements` counts all.

        Returns
        -------
        np.ndarray
            (n, len(elements)) int64.

        Raises
        ------
        ValueError
            If an element repeats or is no atomic number.
        """
        if len(set(elements)) < len(elements) or not all(1 <= z <= 118 for z in elements):
            raise ValueError(f"elements={list(elements)} arrived; different atomic numbers from 1 to 118 are accepted.")
        column = np.full(256, -1)
        column[list(elements)] = np.arange(len(elements))
        atom_column = column[self.numbers]
        atom_molecule = np.repeat(np.arange(len(self)), self.n_atoms)
        counted = atom_column >= 0
        flat = atom_molecule[counted] * len(elements) + atom_column[counted]
        return np.bincount(flat, minlength=len(self) * len(elements)).reshape(len(self), len(elements))

    def save(self, path: str | os.PathLike[str], compressed: bool = True) -> None:
        """Write one .npz file, complete or not at all: a reader never meets half of it.

        Uncompressed files are larger and quicker to read. No pickle is involved.
        """
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        about = {"format": _FORMAT, "tasks": self.tasks, "units": dict(self.units), "source": self.source}
        save_npz(Path(path), {"about": np.array(json.dumps(about)), **arrays}, compressed)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> MoleculeTable:
        """Read a file written by `save`.

        Raises
        ------
        OSError
            If there is no such file (FileNotFoundError) or it may not be read.
        ValueError
            If the file is damaged, not a molecule table or of another format version.
        """
        try:
            stored = load_npz(Path(path))
            about = json.loads(str(stored["about"]))
            if about["format"] != _FORMAT:
                raise ValueError(f"its format is {about['format']!r}, this version reads {_FORMAT!r}")
            arrays = {name: stored[name] for name in _ARRAYS}
            return cls(**arrays, tasks=tuple(about["tasks"]), units=about["units"], source=about["source"])
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ValueError(f"{path} cannot be read as a molecule table ({error}); make or fetch it again") from error


def _mol(smiles: str, name: str) -> Chem.Mol | Exception:
    try:
        return mol_from(smiles) if smiles else FeaturizationError(f"{name} has no SMILES.")
    except FeaturizationError as error:
        return error


def _elements(numbers: np.ndarray) -> np.ndarray:
    """Return atomic numbers as uint8; checked before, since 300 would become 44."""
    given = np.asarray(numbers)
    wrong = ~((given >= 1) & (given <= 118))
    if wrong.any():
        raise ValueError(f"The atomic number {given[wrong][0]} arrived; 1 to 118 are accepted.")
    return given.astype(np.uint8)
