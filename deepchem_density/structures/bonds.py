"""Bonds perceived from positions: neighbours by covalent radii, and the bonds of a cut pocket, also those across the cut."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
from scipy.spatial import cKDTree

from deepchem_density.structures.structure import Structure, all_covalent_radii, symbol

__all__ = [
    *("BONDING", "BOND_SLACK", "DOUBLE_BOND", "PocketBonds"),
    *("bonds_of", "covalent_radii", "neighbour_pairs", "pocket_bonds"),
]

BOND_SLACK = 1.25
"""Atoms nearer than this times the sum of their covalent radii are bonded."""

DOUBLE_BOND = 0.95
"""Bonds shorter than this times the sum of the covalent radii are not single (C-C 1.44, C-N 1.40, C-O 1.35 Å)."""

BONDING = (1, 5, 6, 7, 8, 9, 14, 15, 16, 17, 33, 34, 35, 53)
"""Elements that form covalent bonds here; metals and noble gases form none."""

_LOPSIDED = 0.4
"""Least length of the sum of the unit vectors to two or three neighbours of an atom with room for one more: 1 where they are
120° apart or corners of a tetrahedron, 0 in a line or in a plane with the atom."""

_H = 1


@lru_cache(maxsize=1)
def covalent_radii() -> np.ndarray:
    """Return covalent radii in Å by atomic number, 0 for what forms no covalent bonds here."""
    return np.where(np.isin(np.arange(119), BONDING), all_covalent_radii(), 0.0)


def neighbour_pairs(positions: np.ndarray, radii: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs of atoms nearer than ``BOND_SLACK`` times the sum of their radii, (m, 2), and their distances, (m,)."""
    pairs = cKDTree(positions).query_pairs(2 * BOND_SLACK * radii.max(), output_type="ndarray")
    distances = np.linalg.norm(positions[pairs[:, 0]] - positions[pairs[:, 1]], axis=1)
    near = distances < BOND_SLACK * radii[pairs].sum(axis=1)
    return pairs[near], distances[near]


def bonds_of(structure: Structure) -> np.ndarray:
    """Return the bonds of a structure, pairs of atoms (m, 2), as their distances tell them."""
    return _bonds(structure.numbers, structure.positions, np.zeros(len(structure.numbers), dtype=bool))


@dataclass(frozen=True, eq=False)
class PocketBonds:
    """The kept atoms, n of them, and their bonds.

    ``numbers`` and ``positions`` are those of the pocket, then of the protein's other atoms nearby (mask ``left_out``), then of
    the ligand; ``bonds`` are (m, 2) indices into them, each kept atom with each of its neighbours.
    """

    pocket: Structure
    numbers: np.ndarray
    positions: np.ndarray
    left_out: np.ndarray
    bonds: np.ndarray

    @cached_property
    def n_neighbours(self) -> np.ndarray:
        """Number of neighbours of each kept atom, (n,)."""
        return np.bincount(self.bonds[:, 0], minlength=len(self.pocket.numbers))

    @cached_property
    def lengths(self) -> np.ndarray:
        """Lengths of the bonds in Å, (m,)."""
        return np.linalg.norm(self.positions[self.bonds[:, 1]] - self.positions[self.bonds[:, 0]], axis=1)

    @cached_property
    def toward(self) -> np.ndarray:
        """Sum of the unit vectors to the neighbours of each kept atom, (n, 3)."""
        atoms, others = self.bonds.T
        units = (self.positions[others] - self.positions[atoms]) / self.lengths[:, None]
        return np.stack([np.bincount(atoms, axis, minlength=len(self.pocket.numbers)) for axis in units.T], axis=1)

    @cached_property
    def lopsided(self) -> np.ndarray:
        """Mask (n,) of the atoms whose neighbours leave room on one side."""
        return np.linalg.norm(self.toward, axis=1) > _LOPSIDED

    @cached_property
    def multiple(self) -> np.ndarray:
        """Mask (n,) of the atoms with a bond that is too short for a single one."""
        elements = self.numbers[self.bonds]
        short = (elements != _H).all(axis=1) & (self.lengths < DOUBLE_BOND * covalent_radii()[elements].sum(axis=1))
        return np.bincount(self.bonds[short, 0], minlength=len(self.pocket.numbers)) > 0

    def neighbours(self, atom: int) -> np.ndarray:
        """Return the neighbours of a kept atom, indices into ``numbers``."""
        return self.bonds[self.bonds[:, 0] == atom, 1]

    def description(self, atom: int | np.integer) -> str:
        """Name a kept atom for an error message."""
        return f"{symbol(self.numbers[atom])} at ({', '.join(f'{x:.3f}' for x in self.positions[atom])})"


def pocket_bonds(protein: Structure, ligand: Structure, kept: np.ndarray) -> PocketBonds:
    """Return the atoms that a mask (n_atoms,) of a protein keeps, bonded to each other, to the rest and to the ligand."""
    pocket = replace(protein.subset(kept), name=f"pocket of {protein.name or protein.formula}")
    reach = 2 * BOND_SLACK * covalent_radii()[protein.numbers].max()
    others = np.flatnonzero(~kept)
    distances, _ = cKDTree(pocket.positions).query(protein.positions[others], distance_upper_bound=reach)
    others = others[np.isfinite(distances)]
    numbers = np.concatenate([pocket.numbers, protein.numbers[others], ligand.numbers])
    positions = np.concatenate([pocket.positions, protein.positions[others], ligand.positions])
    part = np.repeat([0, 1, 2], [len(pocket.numbers), len(others), len(ligand.numbers)])
    bonds = _bonds(numbers, positions, part == 2)
    bonds = np.concatenate([bonds, bonds[:, ::-1]])
    return PocketBonds(pocket, numbers, positions, part == 1, bonds[part[bonds[:, 0]] == 0])


def _bonds(numbers: np.ndarray, positions: np.ndarray, ligand: np.ndarray) -> np.ndarray:
    """Return the pairs of bonded atoms, (m, 2); ``ligand`` masks those of the ligand."""
    radii = covalent_radii()[numbers]
    pairs, distances = neighbour_pairs(positions, radii)
    hydrogen = numbers[pairs] == _H
    bonded = radii[pairs].all(axis=1) & ~hydrogen.all(axis=1)
    # hydrogens of ligand and protein may clash where one of the two was placed without the other
    bonded &= ~hydrogen.any(axis=1) | (ligand[pairs[:, 0]] == ligand[pairs[:, 1]])
    pairs, distances, hydrogen = pairs[bonded], distances[bonded], hydrogen[bonded]
    with_hydrogen = hydrogen.any(axis=1)
    order = np.argsort(distances[with_hydrogen], kind="stable")
    to_hydrogen = pairs[with_hydrogen][order]
    _, nearest = np.unique(to_hydrogen[hydrogen[with_hydrogen][order]], return_index=True)
    return np.concatenate([pairs[~with_hydrogen], to_hydrogen[nearest]])
