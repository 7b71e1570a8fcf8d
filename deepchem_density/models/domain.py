"""The molecules that a model may be asked about: such as it was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from rdkit import Chem

from deepchem_density.errors import FeaturizationError
from deepchem_density.structures.structure import Structure, symbol

__all__ = ["Domain"]


@dataclass(frozen=True)
class Domain:
    """What a molecule may be like.

    Parameters
    ----------
    elements : tuple of str
        Of its atoms.
    heavy_atoms : tuple of int
        The least and the most atoms beside hydrogen.
    charges : tuple of int
        In all.

    Raises
    ------
    ValueError
        One of them is empty or of another type.
    """

    elements: tuple[str, ...]
    heavy_atoms: tuple[int, int]
    charges: tuple[int, ...] = (0,)

    def __post_init__(self) -> None:
        words = bool(self.elements) and all(isinstance(one, str) and one for one in self.elements)
        numbers = bool(self.charges) and all(type(one) is int for one in (*self.charges, *self.heavy_atoms))
        if not (words and numbers and len(self.heavy_atoms) == 2 and 0 <= self.heavy_atoms[0] <= self.heavy_atoms[1]):
            raise ValueError(
                f"elements={self.elements!r}, heavy_atoms={self.heavy_atoms!r} and charges={self.charges!r} arrived; symbols, "
                "the least and the most heavy atoms and whole numbers are accepted."
            )

    def check(self, molecule: Structure) -> None:
        """Refuse a molecule that is not like this.

        Raises
        ------
        FeaturizationError
            Naming what the model was never shown.
        """
        charge = "" if molecule.charge in self.charges else f"the charge {molecule.charge:+d}"
        self._refuse(molecule.label, molecule.numbers, charge)

    def check_bonds(self, molecule: Chem.Mol, name: str) -> None:
        """Refuse, by its elements and size alone, a molecule whose conformer would be dear; as `check` does."""
        self._refuse(f"'{name}'", np.array([atom.GetAtomicNum() for atom in molecule.GetAtoms()], dtype=np.int64))

    def _refuse(self, label: str, numbers: np.ndarray, charge: str = "") -> None:
        others = sorted({symbol(number) for number in numbers.tolist()} - set(self.elements))
        n_heavy, (least, most) = int((numbers > 1).sum()), self.heavy_atoms
        size = "" if least <= n_heavy <= most else f"{n_heavy} heavy atom{'' if n_heavy == 1 else 's'}"
        told = " and ".join(reason for reason in (", ".join(others), size, charge) if reason)
        if told:
            charges = " or ".join(f"{charge:+d}" if charge else "0" for charge in self.charges)
            raise FeaturizationError(
                f"{label} has {told}; the model was trained on molecules of {', '.join(self.elements)} with {least} "
                f"to {most} heavy atoms and charge {charges}, and knows nothing of others: leave it out, or train a model on "
                "molecules like it."
            )

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {
            "elements": list(self.elements),
            "heavy_atoms": list(self.heavy_atoms),
            "charges": list(self.charges),
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Domain:
        """Read what `to_dict` gave."""
        return cls(tuple(stored["elements"]), tuple(stored["heavy_atoms"]), tuple(stored["charges"]))
