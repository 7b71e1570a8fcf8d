"""The total charge and the unpaired electrons of a molecule: what its source states, and what the caller says instead."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

import numpy as np
from rdkit import Chem

from deepchem_density.errors import FeaturizationError
from deepchem_density.structures.bonds import BONDING
from deepchem_density.structures.pocket_charges import unpaired_atoms
from deepchem_density.structures.structure import NOT_TOLD

__all__ = ["OPEN_SHELLS", "SINGLET", "STATED_CHARGE", "Stated", "charge_and_unpaired", "settled", "stated_by"]

STATED_CHARGE, SINGLET = "_StatedCharge", "_Singlet"
"""Properties of molecules and of atoms whose file tells more than the charges and radicals of RDKit's atoms."""

OPEN_SHELLS = frozenset((*range(21, 30), *range(39, 48), *range(57, 80)))
"""Transition metals, Sc to Cu, Y to Ag, La to Au: their unpaired electrons depend on what is around them, and bonds do not
tell them. Zn, Cd and Hg are closed shells."""

_CHALCOGENS = (8, 16, 34)


class Stated(NamedTuple):
    """What a source says: charge and unpaired electrons, None where it says nothing, and why that is so."""

    charge: int | None = None
    unpaired: int | None = None
    doubt: str = ""
    contradicts_itself: bool = False


def stated_by(mol: Chem.Mol, name: str, is_smiles: bool = False) -> Stated:
    """Return what a molecule says: formal charges and radical electrons as RDKit has them.

    A molecule without bonds (xyz files) says nothing, unless it is a single atom; one without any charge says nothing of it
    either, for files that were made without charges look so, but a SMILES always does.
    """
    atoms = list(mol.GetAtoms())
    charges = [atom.GetFormalCharge() for atom in atoms]
    radicals = sum(atom.GetNumRadicalElectrons() for atom in atoms)
    bare = len(atoms) > 1 and mol.GetNumBonds() == 0 and not any(charges) and not is_smiles
    if mol.HasProp(STATED_CHARGE):
        return Stated(mol.GetIntProp(STATED_CHARGE))
    if bare:
        return Stated(doubt=f"'{name or 'A molecule'}' has no bonds, which formal charges need")
    if radicals and any(atom.HasProp("_TriposAtomType") for atom in atoms):
        # RDKit infers the charges of mol2 files from bonds and types, and leaves electrons over where these do not go together
        doubt = f"The bonds and types of '{name}' leave an electron over, so its formal charges are not known"
        return Stated(doubt=doubt, contradicts_itself=True)
    return Stated(sum(charges) if any(charges) or is_smiles else None, _unpaired(mol) if radicals else None)


def _unpaired(mol: Chem.Mol) -> int:
    """Return the radical electrons that no double bond can take up.

    Programs that guess bonds from positions leave radicals where they found no double bond, in QM9's SDF in one record of
    eleven: neighbours are paired, also along conjugated bonds. O2 and its like are the exception.
    """
    atoms = list(mol.GetAtoms())
    radicals = [0 if a.HasProp(SINGLET) or _is_metal_in_complex(a) else a.GetNumRadicalElectrons() for a in atoms]
    is_like_oxygen = len(atoms) == 2 and all(atom.GetAtomicNum() in _CHALCOGENS for atom in atoms)
    return sum(radicals) if is_like_oxygen else _left_over(mol, radicals)


def _is_metal_in_complex(atom: Chem.Atom) -> bool:
    return atom.GetAtomicNum() not in BONDING and atom.GetDegree() > 0


def _left_over(mol: Chem.Mol, radicals: list[int]) -> int:
    plain = Chem.Mol(mol)
    with suppress(ValueError):  # RDKit's KekulizeException is one
        Chem.Kekulize(plain, clearAromaticFlags=True)
    spare, bonded = np.array(radicals), np.zeros((len(radicals), len(radicals)), dtype=bool)
    for bond in plain.GetBonds():
        ends = [bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()]
        spare[ends] += max(0, int(bond.GetBondTypeAsDouble()) - 1)
        bonded[ends, ends[::-1]] = True
    return len(unpaired_atoms(bonded, spare, [0] * len(spare)))


def charge_and_unpaired(
    mol: Chem.Mol, name: str, charge: int | str | None, unpaired: int | None, is_smiles: bool = False
) -> tuple[int, int]:
    """Return both for a molecule of RDKit; see `structure_from` for the arguments."""
    stated = stated_by(mol, name, is_smiles)
    if charge == "formal" and stated.doubt:
        raise FeaturizationError(f"{stated.doubt}; pass its total charge as a number, charge=0 for instance.")
    if stated.contradicts_itself and charge is None and unpaired is None:
        return Chem.GetFormalCharge(mol), NOT_TOLD
    atoms = list(mol.GetAtoms())
    total, left_over = settled(stated, [atom.GetAtomicNum() for atom in atoms], name, charge, unpaired)
    hydrogens = sum(atom.GetTotalNumHs() for atom in atoms if not atom.NeedsUpdatePropertyCache())
    electrons = sum(atom.GetAtomicNum() for atom in atoms) + hydrogens - total
    if unpaired is None and left_over > 0 and (electrons - left_over) % 2:
        return total, 0  # the methyl cation; bonds that were guessed
    return total, left_over


def settled(
    stated: Stated, numbers: Iterable[int], name: str, charge: int | str | None, unpaired: int | None
) -> tuple[int, int]:
    """Return charge and unpaired electrons: what the caller says, else what the source states, else 0.

    Where nobody tells the unpaired electrons of a transition metal they are ``NOT_TOLD``.

    Warns
    -----
    UserWarning
        The caller says something else than the source.
    """
    total = stated.charge or 0 if charge is None or charge == "formal" else _whole("charge", charge)
    if unpaired is not None:
        electrons = _whole("unpaired", unpaired)
    elif stated.unpaired is None and not OPEN_SHELLS.isdisjoint(numbers):
        electrons = NOT_TOLD
    else:
        electrons = stated.unpaired or 0
    for what, given, taken, said in (
        ("charge", charge, total, stated.charge),
        ("unpaired", unpaired, electrons, stated.unpaired),
    ):
        if given is not None and said is not None and taken != said:
            warnings.warn(
                f"{what}={taken} arrived for '{name or 'a molecule'}', whose source states {said}; {taken} is taken. Leave "
                f"{what}= out to follow the source.",
                stacklevel=5,
            )
    return total, electrons


def _whole(what: str, value: object) -> int:
    try:
        number = int(value)  # type: ignore[call-overload]
    except (TypeError, ValueError, OverflowError):
        number = None
    if number is None or number != value or isinstance(value, bool):
        raise ValueError(f"{what}={value!r} arrived; a whole number, or None for what the source states, is accepted.")
    return number
