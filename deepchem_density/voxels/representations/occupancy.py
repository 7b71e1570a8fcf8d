"""Occupancy: inside or outside, of van der Waals spheres or of a surface of equal density."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepchem_density import fields, structures
from deepchem_density.voxels.representations.record import Representation, names_in
from deepchem_density.voxels.settings import DensitySettings, MapSettings, SurfaceSettings

if TYPE_CHECKING:
    from deepchem_density.voxels.subject import Subject

__all__ = ["RECORDS"]

MOLECULAR_SURFACE = 0.0135
"""0.002 e/bohr³ in e/Å³, a usual surface of molecules."""
ONE_SIGMA = 1.0


def _field(subject: Subject) -> fields.Field:
    recipe, atoms = subject.recipe, subject.atoms
    if recipe.shape == "vdw":
        return fields.VdwOccupancy(atoms.positions, structures.vdw_radii(atoms.numbers))
    in_sigma = subject.density is subject.whole.density_map and recipe.map_values == "sigma"
    return fields.Above(subject.density, recipe.threshold or (ONE_SIGMA if in_sigma else MOLECULAR_SURFACE))


# 0.002 and 0.01 e/bohr³; the first is what R. F. W. Bader et al. take for a molecule's surface, doi 10.1021/ja00260a006.
_SURFACES: dict[str, dict[str, Any]] = {
    "vdw": {"shape": "vdw"},
    "density above 0.0135": {"shape": "density", "threshold": 0.0135},
    "density above 0.0675": {"shape": "density", "threshold": 0.0675},
}

OCCUPANCY = Representation(
    name="occupancy",
    words="occupancy",
    field=_field,
    settings=names_in(SurfaceSettings, DensitySettings, MapSettings),
    color="#CC79A7",
    unit="1",
    channels=lambda _: ("occupancy",),
    needs_density=lambda settings: settings.shape == "density",
    only_zero_and_one=lambda settings: settings.oversampling == 1,
    knobs={"surface": _SURFACES},
)

RECORDS = (OCCUPANCY,)
