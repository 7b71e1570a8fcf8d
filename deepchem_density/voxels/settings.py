"""What a recipe for one datapoint and a whole learning curve both say about voxels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepchem_density.fields.xtb import ENGINES, METHODS
from deepchem_density.settings import check_positive, check_seed, is_number, listed, one_of
from deepchem_density.structures.structure import atomic_number
from deepchem_density.voxels.datapoints import FileSettings
from deepchem_density.voxels.grid import check_oversampling, voxels_per_edge
from deepchem_density.voxels.transforms import TRANSFORMS

__all__ = ["VoxelSettings"]

POSITIVE = {
    "sigma": "width in Å",
    "threshold": "density",
    "pocket_radius": "distance in Å",
    "max_atoms": "number",
    "b_iso": "B in Å²",
    "d_min": "resolution in Å",
}
OPTIONAL = ("threshold", "b_iso", "d_min")
CENTERS = ("mean", "charge", "origin")
PARTS = ("complex", "ligand", "protein", "separate")
SHAPES = ("vdw", "density")
SOURCES = ("auto", "xtb", "independent_atoms", "map")


@dataclass(frozen=True, kw_only=True)
class VoxelSettings(FileSettings):
    """The settings that mean the same for one datapoint and for a whole learning curve, which has another grid by default.

    The attributes are the arguments of the featurizers, where they are documented.
    """

    box_width: float = 16.0
    voxel_width: float = 0.5
    oversampling: int = 1
    center: str | tuple[float, float, float] = "mean"
    rotation_seed: int | None = None
    part: str = "complex"
    elements: tuple[str, ...] = ("H", "C", "N", "O", "F")
    other: bool = False
    sigma: float = 0.5
    transform: str = "none"
    shape: str = "vdw"
    threshold: float | None = None
    source: str = "auto"
    engine: str = "xtb"
    method: str = "GFN2-xTB"
    pocket_radius: float = 5.0
    max_atoms: int = 500
    b_iso: float | None = None
    d_min: float | None = None
    blur: float = 0.0
    ionic: bool = False

    def check(self) -> None:
        """Refuse settings that no datapoint could satisfy.

        Raises
        ------
        ValueError
            Naming the argument, what arrived and what is accepted.
        """
        voxels_per_edge(self.box_width, self.voxel_width)
        check_oversampling(self.oversampling)
        self._check_numbers()
        if isinstance(self.center, str):
            one_of("center", self.center, CENTERS)
        elif np.shape(self.center) != (3,) or not np.isfinite(self.center).all():
            raise ValueError(
                f"center={self.center!r} arrived; {listed(CENTERS)} or three coordinates in Å are accepted."
            )
        if isinstance(self.charge, str):
            one_of("charge", self.charge, ("formal",))
        one_of("transform", self.transform, tuple(TRANSFORMS))
        one_of("shape", self.shape, SHAPES)
        one_of("engine", self.engine, tuple(ENGINES))
        one_of("method", self.method, METHODS)
        one_of("part", self.part, PARTS)
        one_of("source", self.source, SOURCES)
        if self.source == "map" and self.part != "complex":
            raise ValueError(
                f"part={self.part!r} arrived with source='map'; a map cannot be taken apart: part='complex'."
            )
        for element in self.elements:
            atomic_number(element)
        if len(set(self.elements)) != len(self.elements) or not (self.elements or self.other):
            raise ValueError(f"elements={self.elements} arrived; at least one symbol, each once, is accepted.")

    def _check_numbers(self) -> None:
        for name, meaning in POSITIVE.items():
            value = getattr(self, name)
            if value is not None or name not in OPTIONAL:
                check_positive(name, value, meaning)
        if not (is_number(self.blur) and np.isfinite(self.blur)):
            raise ValueError(f"blur={self.blur!r} arrived; a finite B in Å² is accepted.")
        check_seed("rotation_seed", self.rotation_seed or 0)
