"""Laws that voxels obey whatever the molecule: where it stands, in which order its atoms are given, and how many there are."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np

from fuzzing.cases import EITHER, Case, Reader
from fuzzing.molecules import Molecule, molecules

KINDS = ("AtomVoxel", "OccupancyVoxel", "independent atoms", "gradient of independent atoms")
TOLERANCE = 1e-5
"""1/Å³, e/Å³ and e/Å⁴, in single precision."""


def _featurizer(kind: str, **settings: Any) -> Any:
    from deepchem_density import AtomVoxel, DensityVoxel, GradientVoxel, OccupancyVoxel

    grid = {"box_width": 12.0, "voxel_width": 1.0, **settings}
    if kind == "AtomVoxel":
        return AtomVoxel(elements=("H", "C", "N", "O", "F", "S", "Cl", "Br"), **grid)
    if kind == "OccupancyVoxel":
        return OccupancyVoxel(**grid)
    return (DensityVoxel if kind == "independent atoms" else GradientVoxel)(source="independent_atoms", **grid)


def _structure(molecule: Molecule, shift: Any = 0.0) -> Any:
    from deepchem_density import Structure

    return Structure(molecule.numbers, molecule.positions + shift, molecule.charge, name=molecule.smiles)


def moved(rng: random.Random) -> Case:
    """Return a molecule somewhere else, with its atoms in another order: the same voxels."""
    molecule, kind = rng.choice(molecules()), rng.choice(KINDS)
    order = list(range(len(molecule.symbols)))
    rng.shuffle(order)
    shift = np.array([rng.choice((-1, 1)) * 10 ** rng.uniform(0, 4) for _ in range(3)])

    def read(_: Path) -> Any:
        featurizer = _featurizer(kind)
        return [
            featurizer.featurize([one])[0]
            for one in (_structure(molecule), _structure(molecule.reordered(order), shift))
        ]

    def verdict(found: Any) -> str:
        here, there = found
        if kind == "OccupancyVoxel":  # a centre on a sphere may fall to either side
            return "" if (here != there).sum() <= 2 else f"{int((here != there).sum())} voxels differ"
        worst = float(np.abs(here - there).max())
        return "" if worst < TOLERANCE else f"{kind} differs by {worst:.2g} at {shift.round(1).tolist()}"

    return Case("laws of voxels", "other place and order", {}, read, verdict, EITHER, (molecule.smiles,))


def narrow(rng: random.Random) -> Case:
    """Return Gaussians that may be too narrow for the grid: as many atoms as there are, or a refusal."""
    molecule, sigma = rng.choice(molecules()), 10 ** rng.uniform(-7, 0)
    settings = {"sigma": sigma, "oversampling": rng.choice((1, 2))}

    def read(_: Path) -> Any:
        return _featurizer("AtomVoxel", **settings).featurize([_structure(molecule)])[0]

    def verdict(voxels: Any) -> str:
        return (
            ""
            if np.isfinite(voxels).all() and voxels.any()
            else f"sigma={sigma:.2g} gives voxels that are all zero or no numbers"
        )

    return Case("laws of voxels", "narrow Gaussians", {}, read, verdict, EITHER, (molecule.smiles, "sigma"))


READERS = (Reader("laws of voxels", 1.5, (moved, narrow)),)
