"""What is looked at: some atoms, what surrounds them, and the density there, which is made once whoever asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from deepchem_density.errors import FeaturizationError
from deepchem_density.fields.field import Density
from deepchem_density.fields.gaussian_orbitals import OrbitalDensity
from deepchem_density.fields.independent_atoms import independent_atoms
from deepchem_density.fields.xtb import check_solvable, xtb_density
from deepchem_density.structures.pocket import cut_pocket
from deepchem_density.structures.structure import Structure, check_apart, joined
from deepchem_density.voxels.datapoints import Complex, surroundings
from deepchem_density.voxels.representations import records_of
from deepchem_density.voxels.settings import VoxelSettings

__all__ = ["Subject", "check_alike", "check_size", "needs_density", "parts_of", "source_of"]


@dataclass(frozen=True, eq=False)
class Subject:
    """Atoms that are looked at.

    Parameters
    ----------
    recipe : VoxelSettings
        How.
    atoms : Structure
        The molecule, or the part of a complex.
    whole : Complex
        The datapoint that they belong to.
    solved : OrbitalDensity, optional
        The density of xTB, where it is known already.
    """

    recipe: VoxelSettings
    atoms: Structure
    whole: Complex
    solved: OrbitalDensity | None = None

    @cached_property
    def density(self) -> Density:
        """The electron density, from the source that the recipe names.

        Raises
        ------
        FeaturizationError
            There is no map, or too many atoms to solve.
        """
        recipe, whole = self.recipe, self.whole
        source = source_of(recipe, whole.protein is not None, whole.density_map is not None)
        if source == "independent_atoms":
            return independent_atoms(self.atoms, recipe.b_iso, recipe.d_min, recipe.blur, recipe.ionic)
        if source == "map":
            if whole.density_map is None:
                raise FeaturizationError(
                    f"{whole.label} comes without a map; pass (ligand, protein, map), (ligand, map) or map_pattern=."
                )
            return whole.density_map
        if self.solved is not None:
            return self.solved
        check_size(self.atoms, recipe.max_atoms)
        return xtb_density(self.atoms, recipe.engine, recipe.method)

    def check_density(self) -> None:
        """Raise what `density` would raise, except what only solving can tell."""
        recipe, whole = self.recipe, self.whole
        if source_of(recipe, whole.protein is not None, whole.density_map is not None) != "xtb":
            _ = self.density
        else:
            check_size(self.atoms, recipe.max_atoms)
            check_solvable(self.atoms, recipe.method)


def check_size(atoms: Structure, max_atoms: int) -> None:
    """Raise FeaturizationError if there are more atoms than xTB shall solve."""
    if len(atoms.numbers) > max_atoms:
        raise FeaturizationError(
            f"{atoms.label} has {len(atoms.numbers)} atoms, more than max_atoms={max_atoms}; the time to solve one grows with "
            "their cube, minutes for some hundred. Pass source='independent_atoms', part='ligand', a smaller pocket_radius, or "
            "a larger max_atoms."
        )


def source_of(settings: VoxelSettings, has_protein: bool, has_map: bool) -> str:
    """Return where densities come from: what ``source`` says, or what suits the datapoint where it says "auto"."""
    if settings.source != "auto":
        return settings.source
    if has_map and settings.part == "complex":
        return "map"
    return "independent_atoms" if has_protein else "xtb"


def needs_density(representation: str, settings: VoxelSettings) -> bool:
    """Return whether any of the representations needs a density."""
    return any(record.needs_density(settings) for record in records_of(representation))


def parts_of(representation: str, settings: VoxelSettings, whole: Complex) -> list[Structure]:
    """Return the atoms that are looked at: of the ligand, of the protein, of both together, or of each.

    Raises
    ------
    FeaturizationError
        There is no protein where one is looked at, or the ligand is in its file too.
    """
    source = ""
    if needs_density(representation, settings):
        source = source_of(settings, whole.protein is not None, whole.density_map is not None)
    if settings.part == "ligand" or (settings.part == "complex" and (whole.protein is None or source == "map")):
        return [whole.ligand]  # a map holds what it holds, also where the protein's file has the ligand too
    if whole.protein is None:
        raise FeaturizationError(
            f"{whole.label} comes without a protein, which part='{settings.part}' needs; pass (ligand, protein)."
        )
    protein = whole.protein
    if source == "xtb":
        protein = cut_pocket(protein, whole.ligand, settings.pocket_radius)
    if settings.part == "complex":
        return [joined(whole.ligand, protein)]
    check_apart(whole.ligand, protein)
    return [protein] if settings.part == "protein" else [whole.ligand, protein]


def check_alike(representation: str, settings: Any, datapoints: Sequence[Any]) -> None:
    """Refuse datapoints whose densities would mean different things.

    Raises
    ------
    ValueError
        "auto" would take xTB for some of them, independent atoms or maps for others.
    """
    if settings.source != "auto" or not needs_density(representation, settings):
        return
    found: dict[str, int] = {}
    for index, datapoint in enumerate(datapoints):
        found.setdefault(source_of(settings, *surroundings(datapoint, settings.reading)), index)
    if len(found) > 1:
        examples = ", ".join(f"{source!r} for datapoint {index}" for source, index in found.items())
        raise ValueError(
            f"source='auto' would take {examples}, which are different quantities; pass source= to say which."
        )
