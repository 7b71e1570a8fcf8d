"""What is known of a representation, in one record."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepchem_density.fields.field import Field
    from deepchem_density.voxels.settings import VoxelSettings
    from deepchem_density.voxels.subject import Subject

__all__ = ["Representation", "names_in"]


@dataclass(frozen=True)
class Representation:
    """A way to look at a molecule.

    Parameters
    ----------
    name : str
        As users write it.
    words : str
        What it is called in figures and tables.
    field : callable
        What is looked at, of a `Subject`: atoms with what surrounds them.
    settings : tuple of str
        Names of its settings. One that no representation names matters for all.
    channels : callable
        Name of each channel, of the settings.
    needs_density : callable
        Whether a density has to be made, of the settings.
    color : str
        Of its curves in figures.
    unit : str
        Of its values.
    transformed : bool
        Whether ``transform`` acts on it.
    binned : bool
        Whether all there is to see is magnitude, which a network reads off soft bins.
    only_zero_and_one : callable
        Whether whole numbers hold its values, of the settings.
    knobs : mapping of str to mapping
        What a search tries where one knob turns several settings: name -> label of a possibility -> settings; one may leave
        alone what does not matter for it. Settings say themselves what is to be tried of each.
    """

    name: str
    words: str
    field: Callable[[Subject], Field]
    settings: tuple[str, ...]
    color: str
    unit: str
    channels: Callable[[VoxelSettings], tuple[str, ...]]
    needs_density: Callable[[VoxelSettings], bool] = lambda _: True
    transformed: bool = False
    binned: bool = True
    only_zero_and_one: Callable[[VoxelSettings], bool] = lambda _: False
    knobs: Mapping[str, Mapping[str, dict[str, Any]]] = dataclasses.field(default_factory=dict)


def names_in(*declaring: type) -> tuple[str, ...]:
    """Return the names of the settings that dataclasses declare, in order."""
    return tuple(one.name for cls in declaring for one in dataclasses.fields(cls))
