"""Tells drawings from molecules: all atoms in one plane where chemistry puts them into space, or bonds of a drawing's length."""

from __future__ import annotations

import numpy as np
from rdkit import Chem, rdBase
from rdkit.Chem import rdDistGeom

from deepchem_density.errors import FeaturizationError
from deepchem_density.structures.structure import all_covalent_radii

__all__ = ["check_no_drawing"]

_STRETCHED, _STRETCHED_WHOLE, _STRETCHED_SMALL = 0.05, 0.08, 0.15
"""Bonds of drawings are longer or shorter than those of molecules, by this much at least on average (C-C 1.5 Å in RDKit's, C-H
1.5 Å too): of molecules without their hydrogens, of those that have none, and of those with hydrogens or three atoms. In the
planar molecules of QM9 the average is 0.06 at most."""

_IN_SPACE = (5, 6, 7, 14, 15, 16, 32, 33, 34)
"""Elements that never have four neighbours in a plane with them; metals and noble gases may (PtCl4, XeF4)."""

_TETRAHEDRAL, _IN_CHAIN, _SMALL = 4, 2, 3
_FLAT_RING = 4
"""Atoms in the largest rings of tetrahedral atoms that are flat."""

_WIDEST = np.cos(np.radians(117.0))
"""Angles at tetrahedral atoms are at most 116°, in drawings 120°."""


def check_no_drawing(mol: Chem.Mol, name: str) -> None:
    """Raise FeaturizationError if the first conformer of a molecule is a drawing, whatever its source says of dimensions.

    It is one if all atoms have the same z (or x, or y), and

    - an atom such as C, N, P, S that has four bonds, hydrogens without positions included, has three of them in the plane,
      or two in a ring of five atoms or more, or two more than 117° apart, or
    - the bonds differ from RDKit's expectation by more than 5 % on average, 8 % in molecules that have no hydrogens, 15 % where
      hydrogens are among the atoms and where there are three atoms or less.

    Planar molecules such as benzene are none.
    """
    if any(atom.GetAtomicNum() == 0 for atom in mol.GetAtoms()):  # no molecule at all, which others say
        return
    positions = mol.GetConformer().GetPositions()
    extents = np.ptp(positions, axis=0)
    if extents.any() and not extents.all() and (_has_atom_in_space(mol, positions) or _bonds_are_drawn(mol, positions)):
        raise FeaturizationError(
            f"{repr(name) if name else 'A molecule'} is a flat drawing (all z = 0 around a tetrahedral atom, or bonds of a "
            "length that no molecule has); generate a conformer with rdkit.Chem.AllChem.EmbedMolecule, or pass the SMILES."
        )


def _has_atom_in_space(mol: Chem.Mol, positions: np.ndarray) -> bool:
    with_rings = Chem.Mol(mol)
    Chem.FastFindRings(with_rings)
    for atom in with_rings.GetAtoms():
        hydrogens = atom.GetNumExplicitHs() if atom.NeedsUpdatePropertyCache() else atom.GetTotalNumHs()
        if atom.GetAtomicNum() not in _IN_SPACE or atom.GetDegree() + hydrogens < _TETRAHEDRAL:
            continue
        if atom.GetDegree() > _IN_CHAIN or (atom.GetDegree() == _IN_CHAIN and _is_bent_as_drawn(atom, positions)):
            return True
    return False


def _is_bent_as_drawn(atom: Chem.Atom, positions: np.ndarray) -> bool:
    """Return whether the two bonds of a tetrahedral atom are those of a drawing: in a flat ring, or too far apart."""
    rings = atom.GetOwningMol().GetRingInfo()
    if rings.NumAtomRings(atom.GetIdx()):
        return rings.MinAtomRingSize(atom.GetIdx()) > _FLAT_RING
    first, second = (positions[near.GetIdx()] - positions[atom.GetIdx()] for near in atom.GetNeighbors())
    cosine = first @ second / (np.linalg.norm(first) * np.linalg.norm(second) or 1.0)
    return bool(cosine < _WIDEST)


def _bonds_are_drawn(mol: Chem.Mol, positions: np.ndarray) -> bool:
    pairs = np.array([(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in mol.GetBonds()]).reshape(-1, 2)
    if len(pairs) == 0:
        return False
    numbers = np.array([atom.GetAtomicNum() for atom in mol.GetAtoms()])
    lengths = np.linalg.norm(positions[pairs[:, 0]] - positions[pairs[:, 1]], axis=1)
    stretched = np.abs(lengths / _expected_lengths(mol, numbers, pairs) - 1).mean()
    return bool(stretched > _tolerance(mol, numbers))


def _tolerance(mol: Chem.Mol, numbers: np.ndarray) -> float:
    if (numbers == 1).any() or len(numbers) <= _SMALL:
        return _STRETCHED_SMALL
    implied = sum(atom.GetTotalNumHs() for atom in mol.GetAtoms() if not atom.NeedsUpdatePropertyCache())
    return _STRETCHED if implied else _STRETCHED_WHOLE


def _expected_lengths(mol: Chem.Mol, numbers: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    try:
        with rdBase.BlockLogs():
            whole = Chem.Mol(mol)
            Chem.SanitizeMol(whole)
            # lower bounds below the diagonal, upper ones above it
            bounds = rdDistGeom.GetMoleculeBoundsMatrix(whole)
    except (ValueError, RuntimeError):  # RDKit's MolSanitizeException is a ValueError
        return all_covalent_radii()[numbers][pairs].sum(axis=1)
    return (bounds[tuple(pairs.T)] + bounds[tuple(pairs[:, ::-1].T)]) / 2
