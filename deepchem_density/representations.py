"""From a structure to voxels: what each representation looks at, on which grid, in which numbers.

A :class:`Recipe` is the complete, frozen description of that; it is what featurizers build from their arguments, what
travels to worker processes and what is saved with a trained model. No DeepChem here.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from deepchem_density.errors import FeaturizationError
from deepchem_density.fields import Density, Field
from deepchem_density.fields.atoms import AtomTypes, VdwOccupancy
from deepchem_density.fields.derived import Above, GradientMagnitude
from deepchem_density.fields.xtb import ENGINES, METHODS, xtb_density
from deepchem_density.grid import NO_ROTATION, VoxelGrid, check_oversampling, voxelize, voxels_per_edge
from deepchem_density.rotation import random_rotation
from deepchem_density.structure import Structure, atomic_number, structure_from, symbol, vdw_radii

__all__ = ["FEATURE_VERSION", "REPRESENTATIONS", "TRANSFORMS", "Recipe", "inverse_transform"]

FEATURE_VERSION = 1
"""Raised whenever the same settings give other numbers, so that what was stored before is not taken for them."""

LOG_UNIT = 1e-3
LARGEST_SEED = 2**31 - 1

# Values and their inverses; densities are in e/Å³ and gradients in e/Å⁴.
TRANSFORMS: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], Callable[[np.ndarray], np.ndarray]]] = {
    "none": (lambda v: v, lambda v: v),
    "sqrt": (torch.sqrt, np.square),
    "log": (lambda v: torch.log1p(v / LOG_UNIT), lambda v: np.expm1(v) * LOG_UNIT),
}

CENTERS = ("mean", "charge", "origin")
SHAPES = ("vdw", "density")
DTYPES = ("float32", "float16", "float64", "uint8")


def inverse_transform(voxels: np.ndarray, transform: str) -> np.ndarray:
    """Return the values before ``transform``: none, sqrt (v²) or log (10⁻³ (exp v - 1))."""
    return TRANSFORMS[_one_of("transform", transform, tuple(TRANSFORMS))][1](voxels)


@dataclass(frozen=True)
class Recipe:
    """How a datapoint becomes voxels.

    The attributes are the arguments of the featurizers, where they are documented.
    """

    representation: str
    box_width: float = 16.0
    voxel_width: float = 0.5
    oversampling: int = 1
    center: str | tuple[float, float, float] = "mean"
    rotation_seed: int | None = None
    charge: int | str = 0
    unpaired: int = 0
    conformer_seed: int = 0
    optimize: bool = True
    dtype: str = "float32"
    elements: tuple[str, ...] = ("H", "C", "N", "O", "F")
    other: bool = False
    sigma: float = 0.5
    transform: str = "none"
    shape: str = "vdw"
    threshold: float = 0.0135
    engine: str = "xtb"
    method: str = "GFN2-xTB"

    def check(self) -> None:
        """Refuse settings that no datapoint could satisfy.

        Raises
        ------
        ValueError
            Naming the argument, what arrived and what is accepted.
        """
        _one_of("representation", self.representation, tuple(REPRESENTATIONS))
        voxels_per_edge(self.box_width, self.voxel_width)
        check_oversampling(self.oversampling)
        self._check_numbers()
        if isinstance(self.center, str):
            _one_of("center", self.center, CENTERS)
        elif np.shape(self.center) != (3,):
            raise ValueError(
                f"center={self.center!r} arrived; {_listed(CENTERS)} or three coordinates in Å are accepted."
            )
        if isinstance(self.charge, str):
            _one_of("charge", self.charge, ("formal",))
        _one_of("dtype", self.dtype, DTYPES)
        _one_of("transform", self.transform, tuple(TRANSFORMS))
        _one_of("shape", self.shape, SHAPES)
        _one_of("engine", self.engine, tuple(ENGINES))
        _one_of("method", self.method, METHODS)
        if self.dtype == "uint8" and (self.representation != "occupancy" or self.oversampling != 1):
            raise ValueError(
                "dtype='uint8' holds only 0 and 1; it is accepted for occupancy with oversampling=1. Use 'float16' otherwise."
            )
        for element in self.elements:
            atomic_number(element)
        if len(set(self.elements)) != len(self.elements) or not (self.elements or self.other):
            raise ValueError(f"elements={self.elements} arrived; at least one symbol, each once, is accepted.")

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> Recipe:
        """Return the recipe that ``dataclasses.asdict`` took apart, also after a trip through JSON."""
        values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in settings.items()}
        return cls(**values)

    def _check_numbers(self) -> None:
        for name, meaning in (("sigma", "width in Å"), ("threshold", "density in e/Å³")):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}={getattr(self, name)} arrived; a positive {meaning} is accepted.")
        seeds = {"conformer_seed": self.conformer_seed, "rotation_seed": self.rotation_seed or 0}
        for name, seed in seeds.items():
            # RDKit takes a negative seed for "different each time"
            if not isinstance(seed, (int, np.integer)) or not 0 <= seed <= LARGEST_SEED:
                raise ValueError(f"{name}={seed} arrived; a whole number from 0 to {LARGEST_SEED} is accepted.")

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
        if self.representation != "atom":
            return (self.representation,)
        return (*self.elements, "other") if self.other else tuple(self.elements)

    @property
    def voxel_shape(self) -> tuple[int, int, int, int]:
        """Shape of the voxels of one datapoint."""
        n = self.voxels_per_edge
        return (n, n, n, self.n_channels)

    def structure(self, datapoint: Any) -> Structure:
        """Read a datapoint; see :func:`deepchem_density.structure.structure_from`."""
        return structure_from(datapoint, self.charge, self.unpaired, self.conformer_seed, self.optimize)

    def field(self, structure: Structure) -> Field:
        """Return the field that this representation looks at."""
        return REPRESENTATIONS[self.representation](self, structure)

    def grid(self, structure: Structure) -> VoxelGrid:
        """Return the grid around a structure.

        Raises
        ------
        FeaturizationError
            An atom lies outside the box.
        """
        grid = VoxelGrid(self._center(structure), self.box_width, self.voxel_width, self._rotation(structure))
        reach = float(np.abs(grid.to_local(structure.positions)).max())
        if reach > self.box_width / 2:
            needed = np.ceil(2 * reach / self.voxel_width) * self.voxel_width
            raise FeaturizationError(
                f"{structure.label} does not fit the box: an atom lies {reach:.2f} Å from the centre along an axis, the box "
                f"reaches {self.box_width / 2:g} Å; pass box_width={needed:.10g} or more."
            )
        return grid

    def voxels(self, datapoint: Any, out: np.ndarray | None = None) -> np.ndarray:
        """Return the voxels of one datapoint, ``voxel_shape`` of ``dtype``.

        Parameters
        ----------
        datapoint
            What ``structure_from`` reads.
        out : np.ndarray, optional
            Zeros of that shape and dtype, to be filled and returned.

        Raises
        ------
        FeaturizationError
            Naming the datapoint, the reason and the remedy.
        """
        structure = self.structure(datapoint)
        grid = self.grid(structure)
        work = torch.float64 if self.dtype == "float64" else torch.float32
        direct = self.dtype in ("float32", "float64") and self.transform == "none"
        target = torch.from_numpy(out) if out is not None and direct else None
        values = voxelize(self.field(structure), grid, self.oversampling, work, out=target)
        if self.representation in ("density", "gradient") and self.transform != "none":
            values = TRANSFORMS[self.transform][0](values)
        finished = values.numpy().astype(self.dtype, copy=False)
        if out is None:
            return finished
        if target is None:
            out[...] = finished
        return out

    def voxels_into(self, pair: tuple[Any, np.ndarray]) -> np.ndarray:
        """Do ``voxels(*pair)``, for :func:`~deepchem_density.workers.map_in_order`."""
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


def _atom_types(recipe: Recipe, structure: Structure) -> Field:
    channel = {atomic_number(element): i for i, element in enumerate(recipe.elements)}
    channels = np.array([channel.get(int(number), -1) for number in structure.numbers])
    if (channels < 0).any():
        if not recipe.other:
            missing = sorted({symbol(int(number)) for number in structure.numbers[channels < 0]})
            raise FeaturizationError(
                f"{structure.label} holds {', '.join(missing)}, for which there is no channel; pass elements= with them, or "
                "other=True for one channel of all other elements."
            )
        channels[channels < 0] = recipe.n_channels - 1
    return AtomTypes(structure.positions, channels, recipe.n_channels, recipe.sigma)


def _density(recipe: Recipe, structure: Structure) -> Density:
    return xtb_density(structure, recipe.engine, recipe.method)


def _gradient(recipe: Recipe, structure: Structure) -> Field:
    return GradientMagnitude(_density(recipe, structure))


def _occupancy(recipe: Recipe, structure: Structure) -> Field:
    if recipe.shape == "density":
        return Above(_density(recipe, structure), recipe.threshold)
    return VdwOccupancy(structure.positions, vdw_radii(structure.numbers))


REPRESENTATIONS: dict[str, Callable[[Recipe, Structure], Field]] = {
    "atom": _atom_types,
    "density": _density,
    "gradient": _gradient,
    "occupancy": _occupancy,
}


def _one_of(name: str, value: Any, accepted: tuple[str, ...]) -> Any:
    if value not in accepted:
        raise ValueError(f"{name}={value!r} arrived; {_listed(accepted)} are accepted.")
    return value


def _listed(values: tuple[str, ...]) -> str:
    return ", ".join(repr(value) for value in values)
