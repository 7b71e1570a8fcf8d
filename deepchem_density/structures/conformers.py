"""Positions for molecules that come without: seeded conformers of RDKit, relaxed, and the parts of salts side by side."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from rdkit import Chem, rdBase
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers
from rdkit.Geometry import Point3D
from scipy.spatial.distance import cdist

from deepchem_density.errors import FeaturizationError
from deepchem_density.structures.structure import vdw_radii

__all__ = ["check_parts_apart", "embedded"]

logger = logging.getLogger(__name__)

NEAREST_PARTS, OVERLAPPING_PARTS = 1.4, 0.9
"""Å between atoms of different parts, as made here and as accepted; the shortest hydrogen bonds of MMFF94 are 1.5 Å."""

_MAX_STEPS = 1000
_DIRECTIONS = 64


def embedded(mol: Chem.Mol, name: str, seed: int, optimize: bool) -> Chem.Mol:
    """Return a molecule with all its hydrogens and a conformer.

    Parameters
    ----------
    mol : Chem.Mol
        Sanitized.
    name : str
        What error messages call it; its SMILES where empty.
    seed : int
        Seed of the embedding.
    optimize : bool
        Relax the conformer.

    Raises
    ------
    FeaturizationError
        A dummy atom, no conformer, or no force field with parameters for the molecule.

    Notes
    -----
    Each part of a molecule in several parts (salts, co-crystals) is embedded with ETKDGv3 by itself, from random coordinates
    where the usual start finds nothing, and relaxed. The parts are then put side by side in van der Waals contact, atoms
    with charges of opposite sign towards each other, and relaxed together with the forces between them. The force field is
    MMFF94, or UFF where that lacks parameters (B, H2, some metals). What is not the usual way is logged as information.
    """
    shown = name or Chem.MolToSmiles(mol)
    dummies = [atom.GetIdx() for atom in mol.GetAtoms() if atom.GetAtomicNum() == 0]
    if dummies:
        raise FeaturizationError(
            f"Atom {dummies[0]} of '{shown}' has atomic number 0, which is no element; remove dummy and query atoms."
        )
    full = Chem.AddHs(mol)
    places = Chem.GetMolFrags(full)
    with rdBase.BlockLogs():
        if len(places) == 1:
            _embed(full, shown, seed, optimize)
            return full
        parts = list(Chem.GetMolFrags(full, asMols=True))
        for part in parts:
            _embed(part, shown, seed, optimize)
        return _side_by_side(full, parts, places, shown, optimize)


def check_parts_apart(mol: Chem.Mol, name: str) -> None:
    """Raise FeaturizationError if parts of a molecule that no bond holds together lie in each other.

    RDKit itself embeds the parts of salts so, and its MMFF94 does not push them apart.
    """
    places = Chem.GetMolFrags(mol)
    if mol.GetNumBonds() == 0 or len(places) == 1:
        return
    distance = _nearest(mol, places)
    if distance < OVERLAPPING_PARTS:
        raise FeaturizationError(
            f"The parts of '{name or Chem.MolToSmiles(mol)}' lie in each other, {distance:.2f} Å apart; at least "
            f"{OVERLAPPING_PARTS} Å are accepted: pass its SMILES, whose parts are put side by side, or one part alone."
        )


def _embed(part: Chem.Mol, shown: str, seed: int, optimize: bool) -> None:
    parameters = rdDistGeom.ETKDGv3()
    parameters.randomSeed = seed  # type: ignore[assignment]
    found = rdDistGeom.EmbedMolecule(part, parameters)
    if found != 0:  # as RDKit advises for cages and other crowded molecules
        parameters.useRandomCoords = True  # type: ignore[assignment]
        found = rdDistGeom.EmbedMolecule(part, parameters)
        if found == 0:
            logger.info("ETKDGv3 found the conformer of '%s' from random coordinates only.", shown)
    if found != 0:
        raise FeaturizationError(
            f"RDKit's ETKDGv3 found no conformer for '{shown}' with seed {seed}, from random coordinates neither; pass another "
            "conformer_seed, or a Mol with a conformer of your own."
        )
    if optimize:
        _relax(part, shown)


def _relax(mol: Chem.Mol, shown: str) -> None:
    """Relax a conformer, forces between parts included."""
    if mol.GetNumAtoms() == 1:
        return
    if rdForceFieldHelpers.MMFFHasAllMoleculeParams(mol):
        rdForceFieldHelpers.MMFFOptimizeMolecule(mol, maxIters=_MAX_STEPS, ignoreInterfragInteractions=False)
    elif rdForceFieldHelpers.UFFHasAllMoleculeParams(mol):
        logger.info("MMFF94 has no parameters for '%s'; it is relaxed with UFF.", shown)
        rdForceFieldHelpers.UFFOptimizeMolecule(mol, maxIters=_MAX_STEPS, ignoreInterfragInteractions=False)
    else:
        raise FeaturizationError(
            f"Neither MMFF94 nor UFF has parameters for '{shown}'; pass optimize=False to take the ETKDGv3 conformer as it is, "
            "or a Mol with a conformer of your own."
        )


def _side_by_side(
    full: Chem.Mol, parts: list[Chem.Mol], places: Sequence[tuple[int, ...]], shown: str, optimize: bool
) -> Chem.Mol:
    """Return the whole molecule, its parts in contact, the largest in the middle."""
    order = sorted(range(len(parts)), key=lambda k: -parts[k].GetNumAtoms())
    numbers, charges, positions = _about(parts[order[0]])
    for k in order[1:]:
        more_numbers, more_charges, more_positions = _about(parts[k])
        moved = _in_contact((numbers, charges, positions), (more_numbers, more_charges, more_positions))
        numbers = np.concatenate([numbers, more_numbers])
        charges = np.concatenate([charges, more_charges])
        positions = np.concatenate([positions, moved])
    conformer = Chem.Conformer(full.GetNumAtoms())
    conformer.Set3D(True)
    for place, position in zip([i for k in order for i in places[k]], positions.tolist(), strict=True):
        conformer.SetAtomPosition(place, Point3D(*position))
    full.AddConformer(conformer, assignId=True)
    if not optimize:
        return full
    contact = Chem.Mol(full)
    _relax(full, shown)
    if _nearest(full, places) < NEAREST_PARTS:
        logger.info("Relaxed together the parts of '%s' run into each other; they are left in contact.", shown)
        return contact
    return full


def _about(part: Chem.Mol) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    atoms = list(part.GetAtoms())
    numbers = np.array([atom.GetAtomicNum() for atom in atoms])
    charges = np.array([atom.GetFormalCharge() for atom in atoms])
    return numbers, charges, part.GetConformer().GetPositions()


Part = tuple[np.ndarray, np.ndarray, np.ndarray]


def _in_contact(fixed: Part, moving: Part) -> np.ndarray:
    """Return positions of the moving part where no atom is nearer to the others than the van der Waals radii.

    From the atom of strongest charge, or from the centre, it is pushed out along many directions; the one in which its own
    atom of opposite charge, or its centre, comes to rest nearest is taken.
    """
    sign = -np.sign(fixed[1].sum() or -moving[1].sum()) or 1
    start, own = _anchor(fixed, -sign), _anchor(moving, sign)
    contact = vdw_radii(fixed[0])[:, None] + vdw_radii(moving[0])[None, :]
    shape = moving[2] - own
    best, best_way = np.inf, np.zeros(3)
    for direction in _directions():
        # each pair of atoms allows any way but those between two roots; beyond the largest root all are apart
        offsets = start + shape[None, :] - fixed[2][:, None]
        along = offsets @ direction
        inside = along**2 - (offsets**2).sum(axis=-1) + contact**2
        way = float(np.max(np.where(inside > 0, np.sqrt(np.maximum(inside, 0)) - along, 0.0)))
        if way < best - 1e-9:
            best, best_way = way, way * direction
    return start + shape + best_way


def _anchor(part: Part, sign: float) -> np.ndarray:
    """Return the place of the atom with the strongest charge of a sign, or the centre where there is none."""
    strength = part[1] * sign
    if strength.max() > 0:
        return part[2][int(strength.argmax())]
    return part[2].mean(axis=0)


def _directions() -> np.ndarray:
    """Return unit vectors spread over the sphere, (n, 3), along a spiral of golden angles."""
    height = 1 - (2 * np.arange(_DIRECTIONS) + 1) / _DIRECTIONS
    angle = np.pi * (3 - 5**0.5) * np.arange(_DIRECTIONS)
    radius = np.sqrt(1 - height**2)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), height], axis=1)


def _nearest(mol: Chem.Mol, places: Sequence[tuple[int, ...]]) -> float:
    positions = mol.GetConformer().GetPositions()
    return min(
        float(cdist(positions[list(first)], positions[list(second)]).min())
        for k, first in enumerate(places)
        for second in places[k + 1 :]
    )
