"""From a structure to voxels: what each representation looks at, on which grid, in which numbers.

A `Recipe` is the complete, frozen description of that; it is what featurizers build from their arguments, what
travels to worker processes and what is saved with a trained model. No DeepChem here.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import torch

from deepchem_density.errors import FeaturizationError
from deepchem_density.fields.atoms import AtomTypes, VdwOccupancy
from deepchem_density.fields.derived import Above, GradientMagnitude
from deepchem_density.fields.field import Density, Field
from deepchem_density.fields.independent_atoms import independent_atoms
from deepchem_density.fields.xtb import xtb_density
from deepchem_density.models.cube_turns import random_rotation
from deepchem_density.settings import check_seed, one_of
from deepchem_density.structures.pocket import cut_pocket
from deepchem_density.structures.structure import Structure, atomic_number, check_apart, joined, symbol, vdw_radii
from deepchem_density.voxels.datapoints import Complex, Reading, read_complex, surroundings
from deepchem_density.voxels.grid import NO_ROTATION, VoxelGrid, voxelize, voxels_per_edge
from deepchem_density.voxels.settings import VoxelSettings
from deepchem_density.voxels.transforms import TRANSFORMS

__all__ = ["FEATURE_VERSION", "REPRESENTATIONS", "Recipe"]

FEATURE_VERSION = 2
"""Raised whenever the same settings give other numbers, so that what was stored before is not taken for them."""

MOLECULAR_SURFACE = 0.0135
"""0.002 e/bohr³ in e/Å³, a usual surface of molecules."""
ONE_SIGMA = 1.0

DTYPES = ("float32", "float16", "float64", "uint8")


@dataclass(frozen=True)
class Recipe(VoxelSettings):
    """How a datapoint becomes voxels.

    The attributes are the arguments of the featurizers, where they are documented.
    """

    representation: str
    unpaired: int = 0
    conformer_seed: int = 0
    optimize: bool = True
    dtype: str = "float32"

    def check(self) -> None:
        """Refuse settings that no datapoint could satisfy.

        Raises
        ------
        ValueError
            Naming the argument, what arrived and what is accepted.
        """
        one_of("representation", self.representation, tuple(REPRESENTATIONS))
        check_seed("conformer_seed", self.conformer_seed)
        one_of("dtype", self.dtype, DTYPES)
        super().check()
        self.reading.check()
        if self.dtype == "uint8" and (self.representation != "occupancy" or self.oversampling != 1):
            raise ValueError(
                "dtype='uint8' holds only 0 and 1; it is accepted for occupancy with oversampling=1. Use 'float16' otherwise."
            )

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> Recipe:
        """Return the recipe that ``dataclasses.asdict`` took apart, also after a trip through JSON."""
        values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in settings.items()}
        return cls(**values)

    @property
    def voxels_per_edge(self) -> int:
        """Number of voxels along each edge."""
        return voxels_per_edge(self.box_width, self.voxel_width)

    @property
    def n_channels(self) -> int:
        """Number of channels of the voxels."""
        return len(self.channels)

    @property
    def channels(self) -> tuple[str, ...]:
        """Name of each channel."""
        names: tuple[str, ...] = (self.representation,)
        if self.representation == "atom":
            names = (*self.elements, "other") if self.other else tuple(self.elements)
        return names if self.part != "separate" else tuple(f"{p} {c}" for p in ("ligand", "protein") for c in names)

    @property
    def voxel_shape(self) -> tuple[int, int, int, int]:
        """Shape of the voxels of one datapoint."""
        n = self.voxels_per_edge
        return (n, n, n, self.n_channels)

    @cached_property
    def reading(self) -> Reading:
        """How a datapoint is read."""
        return Reading(**{field.name: getattr(self, field.name) for field in fields(Reading)})

    def read(self, datapoint: Any) -> Complex:
        """Read a datapoint; see `read_complex`."""
        return read_complex(datapoint, self.reading)

    def field(self, molecule: Structure) -> Field:
        """Return the field that this representation looks at in a molecule."""
        return self._field(molecule, Complex(molecule))

    def _field(self, part: Structure, whole: Complex) -> Field:
        return REPRESENTATIONS[self.representation](self, part, whole)

    def parts(self, whole: Complex) -> list[Structure]:
        """Return the atoms that are looked at: of the ligand, of the protein, of both together, or of each.

        Raises
        ------
        FeaturizationError
            There is no protein where one is looked at, or the ligand is in its file too.
        """
        source = self.source_of(whole.protein is not None, whole.density_map is not None) if self._needs_density else ""
        if source == "xtb" and whole.protein is not None:
            _check_charge(whole.ligand)
        if self.part == "ligand" or (self.part == "complex" and (whole.protein is None or source == "map")):
            return [whole.ligand]  # a map holds what it holds, also where the protein's file has the ligand too
        if whole.protein is None:
            raise FeaturizationError(
                f"{whole.label} comes without a protein, which part='{self.part}' needs; pass (ligand, protein)."
            )
        protein = whole.protein
        if source == "xtb":
            protein = cut_pocket(protein, whole.ligand, self.pocket_radius)
        if self.part == "complex":
            return [joined(whole.ligand, protein)]
        check_apart(whole.ligand, protein)
        return [protein] if self.part == "protein" else [whole.ligand, protein]

    def source_of(self, has_protein: bool, has_map: bool) -> str:
        """Return where densities come from: what ``source`` says, or what suits the datapoint where it says "auto"."""
        if self.source != "auto":
            return self.source
        if has_map and self.part == "complex":
            return "map"
        return "independent_atoms" if has_protein else "xtb"

    def check_alike(self, datapoints: Sequence[Any]) -> None:
        """Refuse datapoints whose densities would mean different things.

        Raises
        ------
        ValueError
            "auto" would take xTB for some of them, independent atoms or maps for others.
        """
        if self.source != "auto" or not self._needs_density:
            return
        found: dict[str, int] = {}
        for index, datapoint in enumerate(datapoints):
            found.setdefault(self.source_of(*surroundings(datapoint, self.reading)), index)
        if len(found) > 1:
            examples = ", ".join(f"{source!r} for datapoint {index}" for source, index in found.items())
            raise ValueError(
                f"source='auto' would take {examples}, which are different quantities; pass source= to say which."
            )

    def density(self, part: Structure, whole: Complex) -> Density:
        """Return the electron density of a part.

        Raises
        ------
        FeaturizationError
            There is no map, or too many atoms to solve.
        """
        source = self.source_of(whole.protein is not None, whole.density_map is not None)
        if source == "independent_atoms":
            return independent_atoms(part, self.b_iso, self.d_min, self.blur, self.ionic)
        if source == "map":
            if whole.density_map is None:
                raise FeaturizationError(
                    f"{whole.label} comes without a map; pass (ligand, protein, map), (ligand, map) or map_pattern=."
                )
            return whole.density_map
        if len(part.numbers) > self.max_atoms:
            raise FeaturizationError(
                f"{part.label} has {len(part.numbers)} atoms, more than max_atoms={self.max_atoms}; the time to solve one "
                "grows with their cube, minutes for some hundred. Pass source='independent_atoms', part='ligand', a smaller "
                "pocket_radius, or a larger max_atoms."
            )
        return xtb_density(part, self.engine, self.method)

    @property
    def _needs_density(self) -> bool:
        return self.representation in ("density", "gradient") or (
            self.representation == "occupancy" and self.shape == "density"
        )

    def grid(self, ligand: Structure) -> VoxelGrid:
        """Return the grid around a molecule.

        Raises
        ------
        FeaturizationError
            An atom lies outside the box.
        """
        grid = VoxelGrid(self._center(ligand), self.box_width, self.voxel_width, self._rotation(ligand))
        reach = float(np.abs(grid.to_local(ligand.positions)).max())
        if reach > self.box_width / 2:
            needed = np.ceil(2 * reach / self.voxel_width) * self.voxel_width
            raise FeaturizationError(
                f"{ligand.label} does not fit the box: an atom lies {reach:.2f} Å from the centre along an axis, the box "
                f"reaches {self.box_width / 2:g} Å; pass box_width={needed:.10g} or more."
            )
        return grid

    def voxels(self, datapoint: Any, out: np.ndarray | None = None) -> np.ndarray:
        """Return the voxels of one datapoint, ``voxel_shape`` of ``dtype``.

        Parameters
        ----------
        datapoint
            What ``read_complex`` reads.
        out : np.ndarray, optional
            Of that shape and dtype, to be overwritten and returned.

        Raises
        ------
        FeaturizationError
            Naming the datapoint, the reason and the remedy.
        """
        whole = self.read(datapoint)
        grid = self.grid(whole.ligand)
        seen = [self._field(part, whole) for part in self.parts(whole)]
        work = torch.float64 if self.dtype == "float64" else torch.float32
        if out is not None and len(seen) == 1 and self.dtype in ("float32", "float64") and self.transform == "none":
            out.fill(0)  # here, so that new memory is met in order and is still in the cache when it is written to
            voxelize(seen[0], grid, self.oversampling, work, out=torch.from_numpy(out))
            return out
        values = torch.cat([voxelize(one, grid, self.oversampling, work) for one in seen], dim=-1)
        if self.representation in ("density", "gradient"):
            values = TRANSFORMS[self.transform][0](values)
        finished = values.numpy().astype(self.dtype, copy=False)
        if out is None:
            return finished
        out[...] = finished
        return out

    def voxels_into(self, pair: tuple[Any, np.ndarray]) -> np.ndarray:
        """Do ``voxels(*pair)``, for `map_in_order`."""
        return self.voxels(*pair)

    def _center(self, structure: Structure) -> np.ndarray:
        if self.center == "mean":
            return structure.positions.mean(axis=0)
        if self.center == "charge":
            return np.average(structure.positions, axis=0, weights=structure.numbers)
        return np.zeros(3) if self.center == "origin" else np.asarray(self.center, dtype=np.float64)

    def _rotation(self, structure: Structure) -> np.ndarray:
        if self.rotation_seed is None:
            return NO_ROTATION
        # The structure itself is part of the seed: the same molecule turns the same way in any order, shard or process.
        digest = zlib.crc32(structure.numbers.tobytes() + structure.positions.astype(np.float32).tobytes())
        return random_rotation(np.random.default_rng([self.rotation_seed, digest]))


def _atom_types(recipe: Recipe, part: Structure, whole: Complex) -> Field:
    channels = _channel_of_element(recipe.elements, recipe.other)[part.numbers]
    if channels.min() < 0:
        missing = sorted({symbol(int(number)) for number in part.numbers[channels < 0]})
        raise FeaturizationError(
            f"{part.label} holds {', '.join(missing)}, for which there is no channel; pass elements= with them, or "
            "other=True for one channel of all other elements."
        )
    return AtomTypes(part.positions, channels, len(recipe.elements) + recipe.other, recipe.sigma)


@lru_cache
def _channel_of_element(elements: tuple[str, ...], other: bool) -> np.ndarray:
    """Return the channel of each atomic number, -1 where there is none."""
    channels = np.full(119, len(elements) if other else -1)
    channels[[atomic_number(element) for element in elements]] = np.arange(len(elements))
    return channels


def _density(recipe: Recipe, part: Structure, whole: Complex) -> Density:
    return recipe.density(part, whole)


def _gradient(recipe: Recipe, part: Structure, whole: Complex) -> Field:
    return GradientMagnitude(recipe.density(part, whole))


def _occupancy(recipe: Recipe, part: Structure, whole: Complex) -> Field:
    if recipe.shape == "vdw":
        return VdwOccupancy(part.positions, vdw_radii(part.numbers))
    density = recipe.density(part, whole)
    in_sigma = density is whole.density_map and recipe.map_values == "sigma"
    return Above(density, recipe.threshold or (ONE_SIGMA if in_sigma else MOLECULAR_SURFACE))


def _check_charge(ligand: Structure) -> None:
    """Refuse the default charge for a ligand whose file gives another one: its density would be another ion's."""
    formal = 0 if ligand.formal_charges is None else int(ligand.formal_charges.sum())
    if formal != 0 and ligand.charge == 0:
        raise FeaturizationError(
            f"{ligand.label} has the charge {formal:+d} in its file, and charge=0 arrived; pass charge='formal', or a Structure "
            "with the charge that is right."
        )


REPRESENTATIONS: dict[str, Callable[[Recipe, Structure, Complex], Field]] = {
    "atom": _atom_types,
    "density": _density,
    "gradient": _gradient,
    "occupancy": _occupancy,
}
