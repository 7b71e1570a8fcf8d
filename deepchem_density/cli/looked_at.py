"""What a command looks at: an input, and what comes with it."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

from deepchem_density.cli.options import asked_for
from deepchem_density.settings import setting, with_defaults
from deepchem_density.voxels.settings import VoxelSettings

__all__ = ["INPUT_HELP", "LookedAtSettings", "VoxelOptions", "datapoint_of", "settings_given", "settings_to_look"]

INPUT_HELP = (
    "a SMILES, a file of a molecule or ligand (.sdf, .mol2, .pdb, .cif, ...), or a map alone (.ccp4, .mtz, .cube, ...)"
)


@dataclass
class LookedAtSettings:
    """Input."""

    rep: str = setting(
        "", "atom, density, gradient or occupancy, or several joined as in density+gradient; all where none is named"
    )
    protein: str = setting("", "file of what surrounds the ligand")
    map: str = setting("", "file of the map in which the molecule was seen")
    ligand: str = setting(
        "", "name of the residue that is the ligand, where input is an entry of the PDB that holds it, as D2Q"
    )


@dataclass(eq=False, repr=False)
@with_defaults("curves", only=("engine",))
class VoxelOptions(VoxelSettings):
    """The settings of voxels, of which a command chooses the solver by size as those that train do."""


def datapoint_of(text: str, asked: LookedAtSettings, options: argparse.Namespace) -> Any:
    """Return the datapoint that an input and its options stand for.

    Raises
    ------
    ValueError
        They contradict each other.
    FeaturizationError
        The entry cannot be read, or has no such ligand.
    """
    from deepchem_density.views.scene import is_map

    if is_map(text):
        if asked.protein or asked.map or asked.ligand:
            raise ValueError(
                f"'{text}' is a map, and arrived with a protein, a ligand or another map; pass the molecule as input, and the "
                "map with --map."
            )
        return text
    if not asked.ligand:
        return (text, asked.protein or None, asked.map or None) if asked.protein or asked.map else text
    if asked.protein:
        raise ValueError(
            f"ligand={asked.ligand!r} and protein={asked.protein!r} arrived; an entry of the PDB holds both: leave out the "
            "one or the other."
        )
    from deepchem_density.structures import split_ligand
    from deepchem_density.voxels import Complex
    from deepchem_density.voxels.datapoints import Reading

    given = settings_given(options)
    reading = Reading(**{name: value for name, value in given.items() if name in Reading.__dataclass_fields__})
    ligand, protein = split_ligand(text, asked.ligand, waters=reading.waters, ions=reading.ions)
    return Complex(ligand, protein, reading.density_map(asked.map) if asked.map else None)


def settings_given(options: argparse.Namespace) -> dict[str, Any]:
    """Return the settings of voxels that were given."""
    return asked_for(options, VoxelOptions)


def settings_to_look(options: argparse.Namespace) -> dict[str, Any]:
    """Return the settings of voxels where no model brings them: those given, and where this is a command's choice, its own."""
    return {"engine": VoxelOptions.engine, **settings_given(options)}
