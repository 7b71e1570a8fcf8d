"""Tells from positions alone whether hydrogens of a molecule were left out, as crystallographers and some programs do."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from deepchem_density.structures.bonds import DOUBLE_BOND, neighbour_pairs
from deepchem_density.structures.structure import Structure, all_covalent_radii

__all__ = ["carbons_with_room", "carbons_without_hydrogens"]

TRIPLE_BOND = 0.82
"""Bonds shorter than this times the sum of the covalent radii are triple (C-O 1.16 Å)."""

LOPSIDED = 0.6
"""Least length of the sum of the unit vectors to two or three neighbours of an atom with room for one more: 1 where they are
120° apart or corners of a tetrahedron, 0 in a line or in a plane with the atom."""

LARGEST_LINK = 1.2
"""Covalent radius in Å; larger atoms are metals, which hold molecules together that are not one, and iodine, which ends
chains."""

_H, _C = 1, 6
_FULL = 4
_SEVERAL = 2


def carbons_with_room(numbers: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Return the carbons that have room for hydrogens, indices in ascending order, from atomic numbers (n,) and positions (n, 3).

    Notes
    -----
    A carbon has room unless it has

    - four neighbours or more,
    - three, in a plane with it or one of them at the distance of a multiple bond (curved sheets such as C60),
    - two in a line with it,
    - one that is no carbon, at the distance of a triple bond (CO, cyanides, isocyanides).

    Carbenes, C2 and pyramidal carbanions and radicals have room too. Of QM9's 130,831 molecules two, both zwitterions, have
    one carbon with room each.
    """
    radii = all_covalent_radii()[numbers]
    return _with_room(numbers, positions, *neighbour_pairs(positions, radii))


def _with_room(numbers: np.ndarray, positions: np.ndarray, pairs: np.ndarray, distances: np.ndarray) -> np.ndarray:
    lengths = distances / all_covalent_radii()[numbers[pairs]].sum(axis=1)
    return np.flatnonzero(_have_room(numbers, positions, pairs, lengths) & (numbers == _C))


def carbons_without_hydrogens(structure: Structure) -> np.ndarray:
    """Return the carbons that lack hydrogens, as far as geometry tells, indices in ascending order.

    Notes
    -----
    They are those with room for some (`carbons_with_room`), in molecules in which no carbon has a hydrogen, or in which two
    or more have room: a single one may be a radical, an ion, or what a torn bond leaves; hydrogens that are bonded to nothing
    are taken for torn off. Molecules are atoms joined by neighbours, not through metals: a ligand without hydrogens in a
    pocket with them is found. Hydrogens that only N, O or S lack are not noticed.

    Of QM9's 130,831 molecules none is taken for one without hydrogens; with all hydrogens removed 19
    that had some on carbon pass for whole (HCN, cages), and 1 of 9,498 ligands of PDBbind.
    """
    numbers, n = structure.numbers, len(structure.numbers)
    radii = all_covalent_radii()[numbers]
    pairs, distances = neighbour_pairs(structure.positions, radii)
    has_room = _with_room(numbers, structure.positions, pairs, distances)
    if len(has_room) == 0:
        return has_room
    links = pairs[(radii[pairs] <= LARGEST_LINK).all(axis=1)]
    _, molecule = connected_components(coo_array((np.ones(len(links)), links.T), shape=(n, n)), directed=False)
    hydrogen, carbon = numbers == _H, numbers == _C
    bonded = (carbon[pairs] & hydrogen[pairs[:, ::-1]]).any(axis=1)
    torn_off = int(hydrogen.sum()) - len(np.unique(pairs[hydrogen[pairs]]))
    with_hydrogens = np.isin(molecule[has_room], molecule[pairs[bonded, 0]])
    several = np.bincount(molecule[has_room])[molecule[has_room]] >= _SEVERAL + torn_off
    return has_room[~with_hydrogens | several]


def _have_room(numbers: np.ndarray, positions: np.ndarray, pairs: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return a mask of the atoms with room for more neighbours, if they are carbon; lengths are in sums of the radii."""
    n = len(numbers)
    atoms, others = np.concatenate([pairs, pairs[:, ::-1]]).T
    lengths = np.concatenate([lengths, lengths])
    vectors = positions[others] - positions[atoms]
    units = vectors / np.linalg.norm(vectors, axis=1)[:, None]
    toward = np.stack([np.bincount(atoms, axis, minlength=n) for axis in units.T], axis=1)
    count = np.bincount(atoms, minlength=n)
    multiple = np.bincount(atoms[lengths < DOUBLE_BOND], minlength=n) > 0
    to_others = numbers[others] != _C
    triple = np.bincount(atoms[(lengths < TRIPLE_BOND) & to_others], minlength=n) > 0
    lopsided = np.linalg.norm(toward, axis=1) > LOPSIDED
    kinds = [count == 0, count == 1, count == 2, count < _FULL]
    return np.select(kinds, [np.ones(n, dtype=bool), ~triple, lopsided, lopsided & ~multiple], default=False)
