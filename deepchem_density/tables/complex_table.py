"""Many labelled complexes as paths: quick to cut, nothing read before it is needed, exact in their labels."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from rdkit import Chem

from deepchem_density.errors import FeaturizationError
from deepchem_density.structures.readers import mol_from, structure_from
from deepchem_density.tables.labelled_rows import LabelledRows

__all__ = ["ComplexTable"]

logger = logging.getLogger(__name__)

HYDROGEN = 1
SHOWN = 5
_PATHS = ("ligands", "proteins", "maps")


@dataclass(frozen=True, eq=False)
class ComplexTable(LabelledRows):
    """Labelled protein-ligand complexes, each a ligand file with a protein file, a density map, or both.

    Parameters
    ----------
    ids : np.ndarray
        (n,) strings, unique.
    ligands : sequence of path
        (n,) one for each complex.
    proteins, maps : sequence of path or None, optional
        (n,) protein or pocket files, and map files; None or "" for a complex that has none. Kept as "".
    labels : np.ndarray
        (n, n_tasks) float64; NaN stands for a label that is not known.
    tasks : tuple of str
        The name of each column of `labels`.
    units : mapping of str to str
        Task -> unit, for the tasks whose unit is known.
    groups : mapping of str to np.ndarray
        Name -> (n,) values to split or filter by: "set", "pdb", "year", a target or sequence cluster.
    left_out : tuple of (str, str)
        (id, reason) of each complex that the source lists and this table has not. `subset` keeps it as it is.
    source : str
        What messages call the table, such as the file it was read from.

    Raises
    ------
    ValueError
        If the fields do not fit together.
    """

    ids: np.ndarray
    ligands: np.ndarray
    labels: np.ndarray
    tasks: tuple[str, ...]
    proteins: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.str_))
    maps: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.str_))
    units: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, np.ndarray] = field(default_factory=dict)
    left_out: tuple[tuple[str, str], ...] = ()
    source: str = ""

    def __post_init__(self) -> None:
        n = len(self.ids)
        converted: dict[str, Any] = {
            "ids": np.asarray(self.ids).astype(np.str_),
            "labels": np.asarray(self.labels, dtype=np.float64),
            "tasks": tuple(self.tasks),
            "units": dict(self.units),
            "groups": {name: np.asarray(values) for name, values in self.groups.items()},
            "left_out": tuple(self.left_out),
        }
        for name in _PATHS:
            paths = getattr(self, name)
            converted[name] = np.array([_text(path) for path in paths] if len(paths) else [""] * n, dtype=np.str_)
        for name, value in converted.items():
            object.__setattr__(self, name, value)
        self._check()

    def _check(self) -> None:
        n = len(self.ids)
        shapes: dict[str, tuple[tuple[int, ...], tuple[int, ...]]]
        shapes = {name: (getattr(self, name).shape, (n,)) for name in ("ids", *_PATHS)}
        shapes |= {f"groups[{name!r}]": (values.shape, (n,)) for name, values in self.groups.items()}
        shapes["labels"] = (self.labels.shape, (n, len(self.tasks)))
        for name, (shape, expected) in shapes.items():
            if shape != expected:
                raise ValueError(f"{name} has shape {shape}, but {n} ids and {len(self.tasks)} tasks need {expected}")
        self._check_ids()
        self._check_labels()
        alone = (self.ligands == "") | ((self.proteins == "") & (self.maps == ""))
        if alone.any():
            raise ValueError(
                f"complex '{self.ids[alone.argmax()]}' is not complete; each needs a ligand and a protein, a map or both"
            )

    def __repr__(self) -> str:
        return f"ComplexTable({len(self)} complexes, {len(self.left_out)} left out, tasks {', '.join(self.tasks)})"

    def subset(self, indices: np.ndarray | Sequence[int] | slice) -> ComplexTable:
        """Complexes at `indices` (integers, a boolean mask or a slice), in that order, as a new table."""
        picked = np.arange(len(self))[indices]
        rows = {name: getattr(self, name)[picked] for name in ("ids", "labels", *_PATHS)}
        return replace(self, groups={name: values[picked] for name, values in self.groups.items()}, **rows)

    def group(self, name: str) -> np.ndarray:
        """(n,) values of one group. Raises ValueError if the table has no such group."""
        if name not in self.groups:
            raise ValueError(f"no group {name!r}; this table has {', '.join(sorted(self.groups)) or 'none'}")
        return self.groups[name]

    def datapoints(self) -> list[tuple[str, ...]]:
        """Return the files of each complex: (ligand, protein), (ligand, protein, map) or (ligand, map)."""
        rows = zip(self.ligands.tolist(), self.proteins.tolist(), self.maps.tolist(), strict=True)
        return [tuple(path for path in row if path) for row in rows]

    @property
    def elements(self) -> tuple[int, ...]:
        """Atomic numbers of the elements other than hydrogen that occur in the ligands, in rising order."""
        return tuple(sorted({number for row in self._ligand_counts() if isinstance(row, dict) for number in row}))

    def element_counts(self, elements: Sequence[int]) -> np.ndarray:
        """Count the atoms of each element in each ligand.

        Parameters
        ----------
        elements : sequence of int
            Atomic numbers without repetition, none of them hydrogen; `self.elements` counts all.

        Returns
        -------
        np.ndarray
            (n, len(elements)) float64; NaN in the row of a ligand that cannot be read; their number is logged.

        Raises
        ------
        ValueError
            If an element repeats, is no atomic number, or is hydrogen.

        Notes
        -----
        Hydrogens are not counted: half of the ligand files of usual sets hold them and half do not, so that their number
        would tell the origin of a file and not the molecule. Ligands only: how many atoms of a protein lie in a file
        depends on how the pocket was cut.
        """
        if len(set(elements)) < len(elements) or not all(HYDROGEN < z <= 118 for z in elements):
            raise ValueError(
                f"elements={list(elements)} arrived; different atomic numbers from 2 to 118 are accepted (many ligand files "
                "lack hydrogens)."
            )
        blank = dict.fromkeys(elements, np.nan)
        rows = self._ligand_counts()
        unread = [f"{name}: {row}" for name, row in zip(self.ids, rows, strict=True) if isinstance(row, Exception)]
        if unread:
            logger.warning("%d ligands have no element counts (%s)", len(unread), "; ".join(unread[:SHOWN]))
        known = [blank if isinstance(row, Exception) else row for row in rows]
        counted = np.array([[row.get(z, 0) for z in elements] for row in known], dtype=np.float64)
        return counted.reshape(len(self), len(elements))

    def mols(self) -> list[Chem.Mol | Exception]:
        """Return the bonds of each ligand, or why they cannot be read."""
        return [_mol(path) for path in self.ligands.tolist()]

    def baseline_features(self) -> dict[str, np.ndarray]:
        """Return what a model of the complex must beat, for `deepchem_density.tables.baselines.predict_linear`.

        Returns
        -------
        dict of str to np.ndarray
            "ligand heavy atoms" (n, 1) and "linear in element counts" (n, n_elements), as in `element_counts`: NaN rows
            for ligands that cannot be read.
        """
        counts = self.element_counts(self.elements)
        return {"ligand heavy atoms": counts.sum(axis=1, keepdims=True), "linear in element counts": counts}

    def _ligand_counts(self) -> list[dict[int, int] | Exception]:
        """Return element -> atoms of each ligand, or why it cannot be read. Each file is read once."""
        rows: list[dict[int, int] | Exception] = []
        for path in self.ligands.tolist():
            try:
                rows.append(dict(_heavy_atoms(path, Path(path).stat().st_mtime_ns)))
            except (FeaturizationError, OSError) as error:
                rows.append(error)
        return rows


@lru_cache(maxsize=100_000)
def _heavy_atoms(path: str, _changed: int) -> tuple[tuple[int, int], ...]:
    """Return (element, atoms) of a ligand file without its hydrogens; `_changed` makes a rewritten file be read again."""
    numbers = structure_from(path).numbers
    elements, counts = np.unique(numbers[numbers != HYDROGEN], return_counts=True)
    return tuple(zip(elements.tolist(), counts.tolist(), strict=True))


def _mol(path: str) -> Chem.Mol | Exception:
    try:
        return mol_from(path)
    except (FeaturizationError, OSError) as error:
        return error


def _text(path: Any) -> str:
    return "" if path is None else str(path)
