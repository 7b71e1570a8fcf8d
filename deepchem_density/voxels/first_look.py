"""What can be told of a datapoint before it is solved: its elements, its size against the box, and why it would fail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from deepchem_density.errors import FeaturizationError, reason_of
from deepchem_density.voxels.recipe import Recipe

__all__ = ["FirstLook", "Seen"]


@dataclass(frozen=True)
class Seen:
    """What a first look told.

    Parameters
    ----------
    elements : mapping of int to int
        Atomic number -> atoms, of what is looked at; empty for a datapoint that cannot be read.
    box_width : float
        Edge of the least box of whole voxels that holds the molecule, or the ligand of a complex, in Å; NaN as above.
    failure : str
        Why it has no voxels, "" where nothing is known against it.
    """

    elements: Mapping[int, int] = field(default_factory=dict)
    box_width: float = float("nan")
    failure: str = ""

    @property
    def n_atoms(self) -> int:
        """Atoms that are looked at."""
        return sum(self.elements.values())


@dataclass(frozen=True)
class FirstLook:
    """Reads datapoints and checks whatever does not take solving them.

    Parameters
    ----------
    recipe : Recipe
        How they will be looked at.
    any_orientation : bool
        Whether molecules shall fit the box however they are turned.
    """

    recipe: Recipe
    any_orientation: bool = False

    def __call__(self, datapoint: Any) -> Seen:
        """Look at a datapoint; what it cannot be read for is told, not raised."""
        try:
            whole, subjects = self.recipe.subjects(datapoint)
        except FeaturizationError as error:
            return Seen(failure=reason_of(error))
        numbers, counts = np.unique(np.concatenate([one.atoms.numbers for one in subjects]), return_counts=True)
        elements = dict(zip(numbers.tolist(), counts.tolist(), strict=True))
        width = self.recipe.needed_box_width(whole.ligand, self.any_orientation)
        try:
            self.recipe.refuse(whole, self.any_orientation, solve=False)
        except FeaturizationError as error:
            return Seen(elements, width, reason_of(error))
        return Seen(elements, width)
