"""From a datapoint to voxels: what is looked at, on which grid, in which numbers.

A `Recipe` is the complete, frozen description of that; it is what featurizers build from their arguments, what travels to
worker processes and what is saved with a trained model. No DeepChem here.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
import torch

from deepchem_density.errors import FeaturizationError
from deepchem_density.fields.derived import DensityAndGradient, GradientMagnitude
from deepchem_density.fields.field import Field
from deepchem_density.settings import Frozen, check_settings
from deepchem_density.structures.structure import Structure, is_symbol
from deepchem_density.voxels.datapoints import Complex, Reading, read_complex
from deepchem_density.voxels.grid import (
    NO_ROTATION,
    VoxelGrid,
    check_oversampling,
    random_rotation,
    voxelize,
    voxels_per_edge,
)
from deepchem_density.voxels.representations import Representation, canonical, records_of
from deepchem_density.voxels.settings import NumberSettings, VoxelSettings
from deepchem_density.voxels.solved import Solved
from deepchem_density.voxels.subject import Subject, check_alike, parts_of
from deepchem_density.voxels.transforms import TRANSFORMS

__all__ = ["ACCEPTED_VERSIONS", "FEATURE_VERSION", "Recipe"]

FEATURE_VERSION = 3
"""Raised whenever the same settings give other numbers, so that what was stored before is not taken for them.

3 changed what is read of sources that state charges or radicals, lack elements or hydrogens, or hold salts. Whatever version 2
read rightly has the same voxels, which is why models of it are accepted.
"""

ACCEPTED_VERSIONS = (2, 3)
"""Versions whose models predict from the voxels of today."""


@dataclass(eq=False, repr=False)
class _Looked:
    """What is looked at, which stands first in a recipe."""

    representation: str


@dataclass(unsafe_hash=True)
class Recipe(Frozen, NumberSettings, VoxelSettings, _Looked):
    """How a datapoint becomes voxels.

    The attributes are the arguments of the featurizers, where they are documented, and ``representation``: one name, or several
    joined as in "density+gradient", whose channels then stand side by side.
    """

    def __post_init__(self) -> None:
        object.__setattr__(self, "representation", canonical(self.representation))

    def check(self) -> None:
        """Refuse settings that no datapoint could satisfy.

        Raises
        ------
        ValueError
            Naming the argument, what arrived and what is accepted.
        """
        check_settings(self)
        voxels_per_edge(self.box_width, self.voxel_width)
        check_oversampling(self.oversampling)
        self.reading.check()
        if self.source == "map" and self.part != "complex":
            raise ValueError(
                f"part={self.part!r} arrived with source='map'; a map cannot be taken apart: part='complex' is accepted."
            )
        for element in self.elements:
            if not is_symbol(element):
                raise ValueError(
                    f"elements={self.elements} arrived; {element!r} is no element symbol, such as 'C', 'N', 'Cl': correct it."
                )
        if len(set(self.elements)) != len(self.elements) or not (self.elements or self.other):
            raise ValueError(f"elements={self.elements} arrived; at least one symbol, each once, is accepted.")
        if self.dtype == "uint8" and not all(record.only_zero_and_one(self) for record in self.records):
            raise ValueError(
                "dtype='uint8' arrived, which holds only 0 and 1; it is accepted for occupancy with oversampling=1. Use "
                "'float16' otherwise."
            )

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> Recipe:
        """Return the recipe that ``dataclasses.asdict`` took apart, also after a trip through JSON."""
        values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in settings.items()}
        return cls(**values)

    @property
    def records(self) -> tuple[Representation, ...]:
        """The representations that are looked at, in the order of their channels."""
        return records_of(self.representation)

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
        names = tuple(name for _, name in self._channels)
        return names if self.part != "separate" else tuple(f"{p} {c}" for p in ("ligand", "protein") for c in names)

    @property
    def binned(self) -> tuple[bool, ...]:
        """Whether a network reads the magnitude of each channel off soft bins."""
        of_part = tuple(record.binned for record, _ in self._channels)
        return of_part if self.part != "separate" else 2 * of_part

    @property
    def _channels(self) -> list[tuple[Representation, str]]:
        return [(record, name) for record in self.records for name in record.channels(self)]

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
        """Return the field that this representation looks at in a molecule.

        Raises
        ------
        ValueError
            There are several.
        """
        if len(self.records) > 1:
            raise ValueError(
                f"representation={self.representation!r} arrived, which is several fields; take a recipe for each."
            )
        return self.records[0].field(Subject(self, molecule, Complex(molecule)))

    def check_alike(self, datapoints: Sequence[Any]) -> None:
        """Refuse datapoints whose densities would mean different things; see `subject.check_alike`."""
        check_alike(self.representation, self, datapoints)

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
            needed = self._around(reach)
            raise FeaturizationError(
                f"{ligand.label} does not fit the box: an atom lies {reach:.2f} Å from the centre along an axis, the box "
                f"reaches {self.box_width / 2:g} Å; pass box_width={needed:.10g} or more."
            )
        return grid

    def subjects(self, datapoint: Any) -> tuple[Complex, list[Subject]]:
        """Read a datapoint, unless it is `Solved` already, and return it with the parts that are looked at."""
        solved = isinstance(datapoint, Solved)
        whole = datapoint.with_map(self.reading) if solved else self.read(datapoint)
        parts = parts_of(self.representation, self, whole)
        if not solved or not datapoint.orbitals:
            return whole, [Subject(self, part, whole) for part in parts]
        orbitals = zip(parts, datapoint.orbitals, strict=True)
        return whole, [Subject(self, part, whole, one.density(part, self.method)) for part, one in orbitals]

    def needed_box_width(self, ligand: Structure, any_orientation: bool = False) -> float:
        """Return the edge in Å, of whole voxels, of the least box that holds a molecule as it lies, or however it is turned."""
        centre = self._center(ligand)
        if any_orientation:
            return self._around(float(np.linalg.norm(ligand.positions - centre, axis=1).max()))
        return self._around(float(np.abs((ligand.positions - centre) @ self._rotation(ligand)).max()))

    def _around(self, reach: float) -> float:
        return float(np.ceil(2 * reach / self.voxel_width) * self.voxel_width)

    def refuse(self, datapoint: Any, any_orientation: bool = False, solve: bool = True) -> None:
        """Raise what making the voxels of a datapoint would raise, without making them.

        Parameters
        ----------
        datapoint
            What `read_complex` reads, or `Solved`.
        any_orientation : bool
            Whether the molecule shall fit the box however it is turned.
        solve : bool
            Whether a density of xTB that is not known is solved; where not, what only solving can tell is not told.

        Raises
        ------
        FeaturizationError
            Naming the datapoint, the reason and the remedy.
        """
        if isinstance(datapoint, Solved) and datapoint.map_path:
            self.voxels(datapoint)  # whether the box lies in the map is known when it is looked at
            return
        whole, subjects = self.subjects(datapoint)
        self.grid(whole.ligand)
        if any_orientation:
            self._check_sphere(whole.ligand)
        for subject in subjects:
            for record in self.records:
                if solve or not record.needs_density(self):
                    record.field(subject)
                else:
                    subject.check_density()

    def turned_grid(self, ligand: Structure, rotation: np.ndarray) -> VoxelGrid:
        """Return the grid around a molecule, turned by a rotation matrix; whether the molecule fits is not asked."""
        return VoxelGrid(self._center(ligand), self.box_width, self.voxel_width, rotation)

    def _check_sphere(self, ligand: Structure) -> None:
        reach = float(np.linalg.norm(ligand.positions - self._center(ligand), axis=1).max())
        if reach > self.box_width / 2:
            needed = self._around(reach)
            raise FeaturizationError(
                f"{ligand.label} does not fit the box in every orientation: an atom lies {reach:.2f} Å from the centre, the box "
                f"reaches {self.box_width / 2:g} Å; pass box_width={needed:.10g} or more, or another orientation than random."
            )

    def voxels(
        self, datapoint: Any, out: np.ndarray | None = None, grid_of: Callable[[Structure], VoxelGrid] | None = None
    ) -> np.ndarray:
        """Return the voxels of one datapoint, ``voxel_shape`` of ``dtype``.

        Parameters
        ----------
        datapoint
            What `read_complex` reads, or `Solved`.
        out : np.ndarray, optional
            Of that shape and dtype, to be overwritten and returned.
        grid_of : callable, optional
            The grid around a ligand, in place of the recipe's own `grid`; of its size.

        Raises
        ------
        FeaturizationError
            Naming the datapoint, the reason and the remedy.
        """
        whole, subjects = self.subjects(datapoint)
        grid, seen = (grid_of or self.grid)(whole.ligand), self._fields(subjects)
        if out is not None and len(seen) == 1 and self.dtype in ("float32", "float64") and self.transform == "none":
            voxelize(seen[0][1], grid, self.oversampling, self._work_dtype, out=torch.from_numpy(out))
            return _telling(out, whole.ligand.label)
        values = self._values(grid, seen, torch.device("cpu"))
        finished = (values.half() if self.dtype == "float16" else values).numpy().astype(self.dtype, copy=False)
        _telling(finished, whole.ligand.label)
        if out is None:
            return finished
        out[...] = finished
        return out

    def voxels_on(
        self,
        device: torch.device,
        datapoint: Any,
        grid_of: Callable[[Structure], VoxelGrid] | None = None,
    ) -> torch.Tensor:
        """Return the voxels of one datapoint on a device, as `voxels` does for arrays."""
        whole, subjects = self.subjects(datapoint)
        grid = (grid_of or self.grid)(whole.ligand)
        return self._values(grid, self._fields(subjects), device).to(getattr(torch, self.dtype))

    def _fields(self, subjects: Sequence[Subject]) -> list[tuple[bool, Field]]:
        """Return what is looked at, and whether ``transform`` acts on it; a density and its gradient are one field of both."""
        seen: list[tuple[bool, Field]] = []
        for one, field in ((one, one.field(subject)) for subject in subjects for one in self.records):
            if isinstance(field, GradientMagnitude) and seen and seen[-1][1] is field.density:
                seen[-1] = one.transformed, DensityAndGradient(field.density)
            else:
                seen.append((one.transformed, field))
        return seen

    def _values(self, grid: VoxelGrid, seen: Sequence[tuple[bool, Field]], device: torch.device) -> torch.Tensor:
        """Look, transform, and put the channels side by side."""
        transform = TRANSFORMS[self.transform][0]
        parts = [voxelize(field, grid, self.oversampling, self._work_dtype, device) for _, field in seen]
        shown = zip(seen, parts, strict=True)
        return torch.cat([transform(part) if acts else part for (acts, _), part in shown], dim=-1)

    @property
    def _work_dtype(self) -> torch.dtype:
        return torch.float64 if self.dtype == "float64" else torch.float32

    def voxels_into(self, pair: tuple[Any, np.ndarray]) -> np.ndarray:
        """Do ``voxels(*pair)``, for `map_in_order`."""
        return self.voxels(*pair)

    def _center(self, structure: Structure) -> np.ndarray:
        if isinstance(self.center, str):
            if self.center == "mean":
                return structure.positions.mean(axis=0)
            if self.center == "charge":
                return np.average(structure.positions, axis=0, weights=structure.numbers)
            return np.zeros(3)
        return np.asarray(self.center, dtype=np.float64)

    def _rotation(self, structure: Structure) -> np.ndarray:
        if self.rotation_seed is None:
            return NO_ROTATION
        # The structure itself is part of the seed: the same molecule turns the same way in any order, shard or process.
        digest = zlib.crc32(structure.numbers.tobytes() + structure.positions.astype(np.float32).tobytes())
        return random_rotation(np.random.default_rng([self.rotation_seed, digest]))


def _telling(voxels: np.ndarray, label: str) -> np.ndarray:
    """Return voxels, unless they are all zero or not all finite."""
    total = torch.from_numpy(voxels).sum(dtype=torch.float32).item()  # one pass, a tenth of NumPy's time for float16
    if np.isfinite(total) and total != 0:
        return voxels
    if not np.isfinite(voxels).all():
        raise FeaturizationError(
            f"The voxels of {label} are not all finite in {voxels.dtype}; pass dtype='float32' or 'float64', or look at its "
            "input."
        )
    if not voxels.any():
        raise FeaturizationError(
            f"The voxels of {label} are all zero: what is looked at lies outside the box or between the voxels' centres; pass "
            "a larger box_width, a smaller voxel_width, oversampling=2, or a larger sigma for atom types."
        )
    return voxels
