"""Atom types: the smoothed number density of the atoms, one channel an element."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from deepchem_density import fields, structures
from deepchem_density.errors import FeaturizationError
from deepchem_density.voxels.representations.record import Representation, names_in
from deepchem_density.voxels.settings import AtomSettings, VoxelSettings

if TYPE_CHECKING:
    from deepchem_density.voxels.subject import Subject

__all__ = ["RECORDS"]


def _field(subject: Subject) -> fields.Field:
    recipe, atoms = subject.recipe, subject.atoms
    channels = _channel_of_element(tuple(recipe.elements), recipe.other)[atoms.numbers]
    if channels.min() < 0:
        missing = sorted({structures.symbol(int(number)) for number in atoms.numbers[channels < 0]})
        raise FeaturizationError(
            f"{atoms.label} holds {', '.join(missing)}, for which there is no channel; pass elements= with them, or "
            "other=True for one channel of all other elements."
        )
    return fields.AtomTypes(atoms.positions, channels, len(recipe.elements) + recipe.other, recipe.sigma)


@lru_cache
def _channel_of_element(elements: tuple[str, ...], other: bool) -> np.ndarray:
    """Return the channel of each atomic number, -1 where there is none."""
    channels = np.full(119, len(elements) if other else -1)
    channels[[structures.atomic_number(element) for element in elements]] = np.arange(len(elements))
    return channels


def _channels(settings: VoxelSettings) -> tuple[str, ...]:
    return (*settings.elements, "other") if settings.other else tuple(settings.elements)


ATOM = Representation(
    name="atom",
    words="atom types",
    field=_field,
    settings=names_in(AtomSettings),
    color="#0072B2",
    unit="atoms/Å³",
    channels=_channels,
    needs_density=lambda _: False,
    binned=False,
)

RECORDS = (ATOM,)
