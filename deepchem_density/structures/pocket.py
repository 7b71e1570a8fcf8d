"""Cuts the part of a protein around a ligand that a quantum-chemical density of both needs."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from deepchem_density.errors import FeaturizationError
from deepchem_density.structures.bonds import PocketBonds, covalent_radii, pocket_bonds
from deepchem_density.structures.charges import OPEN_SHELLS
from deepchem_density.structures.pocket_charges import valence_charges
from deepchem_density.structures.structure import CLOSEST_ATOMS, NOT_TOLD, Structure

__all__ = ["cut_pocket"]

HYDROGEN_DISTANCES = {6: 1.09, 7: 1.01, 8: 0.96, 16: 1.34}
"""Bond lengths of the caps in Å; for other elements the sum of the covalent radii."""

_ADD_HYDROGENS = (
    "Without hydrogens its atoms would be radicals: add them with a program such as reduce or PDBFixer and keep them "
    "(hydrogens='keep'), or pass source='independent_atoms'."
)

_H, _C, _O = 1, 6, 8


def cut_pocket(protein: Structure, ligand: Structure, radius: float) -> Structure:
    """Return the whole residues of a protein near a ligand, with hydrogens where bonds are cut, and their charge.

    Parameters
    ----------
    protein : Structure
        With residues and all hydrogens, also those of waters near the ligand.
    ligand : Structure
        What the pocket is cut around; its atoms are not part of it.
    radius : float
        Residues with an atom within this distance in Å of an atom of the ligand are kept.

    Returns
    -------
    Structure
        The kept atoms in their order, then the caps, which take residue, B factor and occupancy of the atom they cap. The
        ``charge`` is that of the whole pocket; ``unpaired`` is 0, or ``NOT_TOLD`` if it holds ions such as Mn, Fe, Co, Ni, Cu.

    Raises
    ------
    FeaturizationError
        Naming the protein: no residues, hydrogens missing, nothing within the radius, a metal in a residue with other atoms
        or of unknown charge, an atom whose neighbours make no chemical sense.
    ValueError
        A radius that is not positive.

    Notes
    -----
    *Bonds.* Two atoms are bonded if nearer than 1.25 times the sum of their covalent radii (RDKit's table, after Cordero 2008,
    doi:10.1039/b801115j); a hydrogen only to the heavy atom nearest to it, metals and noble gases to none. A bond to a
    residue left out is capped with a hydrogen along it. So is the end of a chain that is open in the file itself (pockets of
    PDBbind, chains with gaps): a carbonyl C with one neighbour beside its O, an N with two that forms only single bonds. A
    bond between protein and ligand counts for the protein's atom.

    *Charge.* Valences that the neighbours of an atom leave unused pair up to double bonds with those of bonded atoms, as many
    as can. What remains is a charge: -1 for O, S, Se with one neighbour (carboxylates, phosphates, sulfates, thiolates,
    phenolates), for N with two neighbours in a ring or on S or P (imidazolates, sulfonamides), for single halogens; +1 for C
    beside N with three neighbours, not O (guanidinium, imidazolium, pyridinium), for S, Se with three and P, As with four.
    N with four neighbours is +1, B with four -1. Single metal ions have the charge of ``formal_charges`` where it is not 0,
    else +1 (Li, Na, K, Rb, Cs) or +2 (Mg, Ca, Sr, Ba, Mn, Fe, Co, Ni, Cu, Zn, Cd, Hg). By these rules waters are neutral.
    ``protein.charge`` is not used.

    *Limits.* A protonation state that is wrong in the file is wrong here. CO, NO, CN⁻, N₃⁻ and clusters or haems with their
    metals are refused. The unpaired electrons of Mn²⁺, Fe²⁺, Co²⁺, Ni²⁺ and Cu²⁺ are not told: give ``unpaired`` to the ligand.
    """
    if not 0 < radius < np.inf:
        raise ValueError(f"radius={radius!r} arrived; a positive distance in Å is accepted.")
    cut = pocket_bonds(protein, ligand, _near(protein, ligand, radius))
    _check_hydrogens(cut)
    charges, chain_ends = valence_charges(cut)
    owners, left_out = cut.bonds[cut.left_out[cut.bonds[:, 1]]].T
    along = np.concatenate([cut.positions[left_out] - cut.positions[owners], -cut.toward[chain_ends]])
    return _capped(cut.pocket, np.concatenate([owners, chain_ends]), along, int(charges.sum()))


def _near(protein: Structure, ligand: Structure, radius: float) -> np.ndarray:
    """Return a mask (n_atoms,) of the residues within the radius."""
    if protein.residues is None:
        raise FeaturizationError(
            f"{protein.label} has no residues, and a pocket is made of whole ones; read it from a .pdb or .cif file, or pass "
            "Structure(..., residues=...)."
        )
    if protein.implicit_hydrogens or not (protein.numbers == _H).any():
        raise FeaturizationError(f"{protein.label} has no hydrogens. {_ADD_HYDROGENS}")
    distances, nearest = cKDTree(ligand.positions).query(protein.positions, distance_upper_bound=radius)
    i = int(distances.argmin())
    if np.isinf(distances[i]):
        closest = cKDTree(protein.positions).query(ligand.positions)[0].min()
        raise FeaturizationError(
            f"No residue of {protein.label} is within {radius:g} Å of {ligand.label}, the nearest atom is {closest:.1f} Å away; "
            "pass a larger pocket_radius, or files of the same complex in the same frame."
        )
    if distances[i] < CLOSEST_ATOMS:
        raise FeaturizationError(
            f"Atom {i} of {protein.label} lies on atom {nearest[i]} of {ligand.label}; probably the protein's file holds the "
            "ligand too: take the ligand out of it."
        )
    return np.isin(protein.residues, protein.residues[np.isfinite(distances)])


def _check_hydrogens(cut: PocketBonds) -> None:
    lone = np.flatnonzero((cut.pocket.numbers == _O) & (cut.n_neighbours == 0))
    if len(lone):
        raise FeaturizationError(
            f"{len(lone)} water oxygens of the {cut.pocket.name} have no hydrogens, the first is {cut.description(lone[0])}; "
            "pass waters=False, or add their hydrogens with a program such as reduce or PDBFixer."
        )
    carbon = cut.pocket.numbers == _C
    if carbon.any() and not (cut.numbers[cut.bonds[carbon[cut.bonds[:, 0]], 1]] == _H).any():
        raise FeaturizationError(f"No carbon of the {cut.pocket.name} has a hydrogen. {_ADD_HYDROGENS}")


def _capped(pocket: Structure, owners: np.ndarray, along: np.ndarray, charge: int) -> Structure:
    """Return the pocket with hydrogens on some of its atoms."""
    lengths = [
        HYDROGEN_DISTANCES.get(n, covalent_radii()[n] + covalent_radii()[_H]) for n in pocket.numbers[owners].tolist()
    ]
    caps = pocket.positions[owners] + (lengths / np.linalg.norm(along, axis=1))[:, None] * along
    arrays: dict[str, Any] = {}
    for name in ("b_iso", "site_occupancy", "formal_charges", "residues"):
        values = getattr(pocket, name)
        if values is not None:
            taken = values[owners]
            arrays[name] = np.concatenate([values, np.zeros_like(taken) if name == "formal_charges" else taken])
    numbers = np.concatenate([pocket.numbers, np.full(len(owners), _H)])
    unpaired = 0 if OPEN_SHELLS.isdisjoint(numbers.tolist()) else NOT_TOLD
    return Structure(numbers, np.concatenate([pocket.positions, caps]), charge, unpaired, pocket.name, **arrays)
