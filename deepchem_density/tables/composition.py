"""The part of a label that is a line in the number of atoms of each element, fitted to training molecules alone.

Total energies, heat capacities or polarizabilities are almost sums over elements. A network that learns what such a line
leaves learns of bonds and shape; its predictions are the line and what it adds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from deepchem_density.errors import FeaturizationError
from deepchem_density.structures.structure import Structure, symbol
from deepchem_density.tables.baselines import fit_line

__all__ = ["CompositionLine"]

HYDROGEN = 1


class CountedTable(Protocol):
    """What a table of labelled molecules or complexes must tell."""

    @property
    def elements(self) -> tuple[int, ...]:
        """Atomic numbers that occur."""

    def element_counts(self, elements: Sequence[int]) -> np.ndarray:
        """(n, n_elements) atoms of each element."""

    def columns(self, tasks: Sequence[str]) -> np.ndarray:
        """(n, n_tasks) labels."""


@dataclass(frozen=True, eq=False)
class CompositionLine:
    """Labels as an intercept and so much for each atom of an element.

    Parameters
    ----------
    elements : tuple of int
        Atomic numbers.
    slopes : np.ndarray
        (n_elements, n_tasks), in the units of the labels. 0 for elements that no training molecule holds.
    intercept : np.ndarray
        (n_tasks,).
    """

    elements: tuple[int, ...]
    slopes: np.ndarray
    intercept: np.ndarray

    @classmethod
    def fitted(cls, elements: Sequence[int], counts: np.ndarray, labels: np.ndarray) -> CompositionLine:
        """Fit by least squares, as `fit_line` does.

        Parameters
        ----------
        elements : sequence of int
            Atomic number of each column of `counts`.
        counts : np.ndarray
            (n, n_elements) atoms of each element.
        labels : np.ndarray
            (n, n_tasks), all known.
        """
        slopes, intercept = fit_line(counts, labels)
        return cls(tuple(int(element) for element in elements), slopes, intercept)

    @classmethod
    def of_table(cls, table: CountedTable, tasks: Sequence[str], train: np.ndarray) -> CompositionLine:
        """Fit to the rows `train` of a table."""
        elements = table.elements
        return cls.fitted(elements, table.element_counts(elements)[train], table.columns(tasks)[train])

    def labels_of(self, table: CountedTable) -> np.ndarray:
        """Return (n, n_tasks) labels of all rows of a table."""
        return self.values(table.element_counts(self.elements))

    def values(self, counts: np.ndarray) -> np.ndarray:
        """Return (n, n_tasks) labels of molecules with (n, n_elements) atoms of each of `elements`."""
        return counts @ self.slopes + self.intercept

    def of_molecule(self, molecule: Structure) -> np.ndarray:
        """Return (n_tasks,) labels of a molecule. Hydrogens do not count where the line knows none, as for ligands.

        Raises
        ------
        FeaturizationError
            It holds another element that the line knows nothing of.
        """
        unknown = sorted(set(molecule.numbers.tolist()) - {*self.elements, HYDROGEN})
        if unknown:
            raise FeaturizationError(
                f"{molecule.label} holds {', '.join(symbol(z) for z in unknown)}; the line in element counts that the model "
                f"adds to its network knows {', '.join(symbol(z) for z in self.elements)}. Use a model trained on such elements."
            )
        counts = [np.count_nonzero(molecule.numbers == element) for element in self.elements]
        return self.values(np.array(counts)[None])[0]

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {
            "elements": list(self.elements),
            "slopes": self.slopes.tolist(),
            "intercept": self.intercept.tolist(),
        }

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> CompositionLine:
        """Read what `to_dict` gave.

        Raises
        ------
        ValueError
            Shapes that do not belong together.
        """
        elements = tuple(int(element) for element in stored["elements"])
        slopes, intercept = (np.array(stored[name], dtype=np.float64) for name in ("slopes", "intercept"))
        if slopes.ndim != 2 or slopes.shape[0] != len(elements) or intercept.shape != slopes.shape[1:]:
            raise ValueError(f"slopes {slopes.shape}, intercept {intercept.shape} for {len(elements)} elements")
        if not (np.isfinite(slopes).all() and np.isfinite(intercept).all()):
            raise ValueError("slopes or intercept are not finite")
        return cls(elements, slopes, intercept)
