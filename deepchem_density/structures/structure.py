"""A structure is elements and positions, and what the source says about each atom."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Any

import numpy as np
from rdkit import Chem, rdBase
from scipy.spatial import cKDTree

from deepchem_density.errors import FeaturizationError
from deepchem_density.structures.numbers import LARGEST_COORDINATE

__all__ = [
    "NOT_TOLD",
    "Structure",
    "all_covalent_radii",
    "atomic_number",
    "check_apart",
    "is_symbol",
    "joined",
    "symbol",
    "vdw_radii",
]

CLOSEST_ATOMS = 0.1
"""Atoms nearer than this (Å) are on one place, also where disorder puts parts of atoms side by side."""

SHORTEST_BOND, SHORTEST_IN_CRYSTALS = 0.6, 0.45
"""Atoms nearer than these times the sum of their covalent radii are a mistake: the shortest bonds are 0.73 (N-N 1.04 Å), those
between metals 0.60 (Cr-Cr 1.68 Å). Models of macromolecules are given more room, for their clashes."""

LARGEST_CHARGE = 9
"""Of one atom, of either sign, and never more than it has electrons."""

NOT_TOLD = -1
"""Number of unpaired electrons where the source does not tell it."""

_PER_ATOM = ("b_iso", "site_occupancy", "formal_charges", "residues")


@dataclass(frozen=True, eq=False)
class Structure:
    """Atoms in space.

    Parameters
    ----------
    numbers : np.ndarray
        Atomic numbers, (n_atoms,).
    positions : np.ndarray
        (n_atoms, 3) in Å.
    charge : int
        Total charge.
    unpaired : int
        Number of unpaired electrons; ``NOT_TOLD`` (-1) where the source leaves it open, as for most metals.
    name : str
        What error messages call it.
    implicit_hydrogens : int
        Hydrogens that the source implies but gives no positions for.
    b_iso : np.ndarray, optional
        Isotropic displacement parameters B, (n_atoms,) in Å²; NaN for atoms whose B is not known, None where the source
        gives none.
    site_occupancy : np.ndarray, optional
        Crystallographic occupancies, (n_atoms,); None stands for 1.
    formal_charges : np.ndarray, optional
        Charges of single atoms (ions, zwitterions), (n_atoms,) whole numbers; None where the source gives none. They
        choose ionic form factors; the total charge is ``charge``.
    residues : np.ndarray, optional
        Running number, from 0, of the residue that each atom belongs to, (n_atoms,) whole numbers; None where the source
        knows no residues.

    Raises
    ------
    FeaturizationError
        No atoms, arrays that do not match, an atom that is no element, positions that are not finite or beyond 1,000,000 Å, B
        factors or occupancies that are not finite, charges that no atom can have, a name with the character NUL, atoms that
        are too close.

    Notes
    -----
    Two atoms are too close if they are nearer than 0.6 times the sum of their covalent radii (C-C 0.91 Å, C-H 0.64 Å, H-H
    0.37 Å). Of 9,527 crystal ligands of PDBbind five are refused. Where ``residues`` are known 0.1 Å are enough: models of
    macromolecules hold disorder and clashes, of complexes too; what solves a density holds them to 0.6 as well.
    """

    numbers: np.ndarray
    positions: np.ndarray
    charge: int = 0
    unpaired: int = 0
    name: str = ""
    implicit_hydrogens: int = 0
    b_iso: np.ndarray | None = None
    site_occupancy: np.ndarray | None = None
    formal_charges: np.ndarray | None = None
    residues: np.ndarray | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "numbers", np.asarray(self.numbers, dtype=np.int64))
        object.__setattr__(self, "positions", np.asarray(self.positions, dtype=np.float64))
        self._check_atoms()
        for field in _PER_ATOM:
            if getattr(self, field) is not None:
                object.__setattr__(self, field, self._checked(field))
        self._check_charges()
        check_distances(self, SHORTEST_BOND if self.residues is None else 0.0)

    @classmethod
    def as_stored(cls, **fields: Any) -> Structure:
        """Return a structure of fields that were checked when they were stored, in their own types; nothing is checked."""
        structure = object.__new__(cls)
        for field in dataclasses.fields(cls):
            object.__setattr__(structure, field.name, fields.get(field.name, field.default))
        return structure

    def _check_atoms(self) -> None:
        n = self.numbers.size
        if self.numbers.ndim != 1 or self.positions.shape != (n, 3):
            raise FeaturizationError(
                f"{self.name or 'A structure'} has numbers of shape {self.numbers.shape} and positions of shape "
                f"{self.positions.shape}; (n_atoms,) and (n_atoms, 3) are accepted."
            )
        if n == 0:
            raise FeaturizationError(f"{self.label} has no atoms; at least one is needed.")
        if self.numbers.min() < 1 or self.numbers.max() > 118:
            i = int(np.argmax((self.numbers < 1) | (self.numbers > 118)))
            raise FeaturizationError(
                f"Atom {i} of {self.label} has atomic number {self.numbers[i]}, which is no element; "
                "remove dummy and query atoms."
            )
        near = np.abs(self.positions) <= LARGEST_COORDINATE  # which NaN is not
        if not near.all():
            i = int(np.argmin(near.all(axis=1)))
            raise FeaturizationError(
                f"Atom {i} of {self.label} is at {self.positions[i].tolist()}; positions must be finite numbers in Å, none "
                f"beyond {LARGEST_COORDINATE:,.0f} Å."
            )

    def _check_charges(self) -> None:
        if "\0" in self.name:
            raise FeaturizationError(f"The name {self.name!r} arrived; one without the character NUL is accepted.")
        charges = np.zeros(1) if self.formal_charges is None else self.formal_charges
        impossible = (np.abs(charges) > LARGEST_CHARGE) | (charges > self.numbers)
        if impossible.any():
            i = int(np.argmax(impossible))
            raise FeaturizationError(
                f"Atom {i} of {self.label}, {symbol(self.numbers[i])}, has the charge {int(charges[i]):+d}; charges from "
                f"{-LARGEST_CHARGE} to {LARGEST_CHARGE} are accepted, and none above the atomic number: correct its source."
            )
        if self.charge > self.numbers.sum():
            raise FeaturizationError(
                f"{self.label} has the charge {self.charge:+d}, but only {self.numbers.sum()} electrons to lose; correct it."
            )

    def _checked(self, field: str) -> np.ndarray:
        """Return a per-atom array in its own type."""
        values = np.asarray(getattr(self, field))
        if values.shape != self.numbers.shape:
            raise FeaturizationError(
                f"{field} of {self.label} has shape {values.shape}; one number for each of the {len(self.numbers)} atoms is "
                "accepted."
            )
        real = values.astype(np.float64)
        whole = field in ("formal_charges", "residues")
        bad = np.isinf(real) if field == "b_iso" else ~np.isfinite(real) | (whole & (real != np.rint(real)))
        if bad.any():
            i = int(np.argmax(bad))
            raise FeaturizationError(
                f"{field} of atom {i} of {self.label} is {real[i]:g}; {'a whole' if whole else 'a finite'} number is accepted."
            )
        return values.astype(np.int64) if whole else real

    @property
    def label(self) -> str:
        """The name in quotes, or the formula of an unnamed structure."""
        return f"'{self.name}'" if self.name else f"the structure {self.formula}"

    @property
    def formula(self) -> str:
        """Element counts, carbon and hydrogen first."""
        counts = {symbol(n): count for n, count in zip(*np.unique(self.numbers, return_counts=True), strict=True)}
        order = sorted(counts, key=lambda s: (s != "C", s != "H", s))
        return "".join(s + (str(counts[s]) if counts[s] > 1 else "") for s in order)

    def subset(self, atoms: np.ndarray) -> Structure:
        """Return the atoms that a mask (n_atoms,) or indices choose, in that order.

        Notes
        -----
        Charge, unpaired electrons and implicit hydrogens stay those of the whole, since which atoms carry them is not
        known; residues keep their numbers. Give a part others with ``dataclasses.replace``.
        """
        chosen = np.asarray(atoms)
        chosen = chosen if chosen.dtype == bool else chosen.astype(np.int64)
        parts = {field: values[chosen] for field in _PER_ATOM if (values := getattr(self, field)) is not None}
        return replace(self, numbers=self.numbers[chosen], positions=self.positions[chosen], **parts)

    def without_hydrogens(self) -> Structure:
        """Return the heavy atoms; the hydrogens left out count as implicit ones."""
        heavy = self.numbers != 1
        if heavy.all():
            return self
        if not heavy.any():
            raise FeaturizationError(f"{self.label} has only hydrogens; keep them with hydrogens='keep'.")
        missing = self.implicit_hydrogens + int((~heavy).sum())
        return replace(self.subset(heavy), implicit_hydrogens=missing)


def joined(first: Structure, second: Structure, name: str = "") -> Structure:
    """Return the atoms of ``first``, then those of ``second``.

    Charges, unpaired electrons and implicit hydrogens add up; where one part does not tell its unpaired electrons, those that
    the other has are taken for all, and if it has none the whole does not tell them. An array that only one part has is
    completed for the other: ``b_iso`` with NaN (not known), ``site_occupancy`` with 1, ``formal_charges`` with 0; its atoms form
    one residue. The residues of ``second`` are numbered after those of ``first``.

    Parameters
    ----------
    name : str
        What error messages call the whole; "first + second" where it is empty.

    Raises
    ------
    FeaturizationError
        An atom of one part lies on an atom of the other.
    """
    check_apart(first, second)
    arrays = {}
    for field, unknown in (("b_iso", np.nan), ("site_occupancy", 1.0), ("formal_charges", 0), ("residues", 0)):
        parts = [getattr(part, field) for part in (first, second)]
        if all(part is None for part in parts):
            continue
        filled = [
            np.full(len(whole.numbers), unknown) if part is None else part
            for part, whole in zip(parts, (first, second), strict=True)
        ]
        if field == "residues":
            filled[1] = filled[1] - filled[1].min() + filled[0].max() + 1
        arrays[field] = np.concatenate(filled)
    # with residues 0.1 Å are enough, which each part was checked for, and both together just now
    checked = Structure.as_stored if "residues" in arrays else Structure
    return checked(
        numbers=np.concatenate([first.numbers, second.numbers]),
        positions=np.concatenate([first.positions, second.positions]),
        charge=first.charge + second.charge,
        unpaired=_unpaired(first.unpaired, second.unpaired),
        name=name or f"{first.name or first.formula} + {second.name or second.formula}",
        implicit_hydrogens=first.implicit_hydrogens + second.implicit_hydrogens,
        **arrays,
    )


def _unpaired(first: int, second: int) -> int:
    if NOT_TOLD not in (first, second):
        return first + second
    return max(first, second) or NOT_TOLD


def check_apart(first: Structure, second: Structure) -> None:
    """Raise FeaturizationError if an atom of one part lies on an atom of the other."""
    large, small = (first, second) if len(first.numbers) >= len(second.numbers) else (second, first)
    distances, nearest = cKDTree(large.positions).query(small.positions, distance_upper_bound=CLOSEST_ATOMS)
    on_top = np.isfinite(distances)
    if on_top.any():
        i = int(np.argmin(distances))
        raise FeaturizationError(
            f"{int(on_top.sum())} atoms of {small.label} lie on atoms of {large.label}, for instance atom {i} on atom "
            f"{int(nearest[i])}, {distances[i]:.3f} Å apart; probably the protein's file holds the ligand too: take the ligand "
            "out of it."
        )


def check_distances(structure: Structure, shortest: float = SHORTEST_BOND) -> None:
    """Raise FeaturizationError if two atoms are nearer than ``shortest`` times the sum of their covalent radii.

    Atoms of which one is there in part only (``site_occupancy`` below 1) may be as near as 0.1 Å, the least for all.
    """
    pair = _closest_pair(structure, shortest)
    if pair is not None:
        i, j, distance, least = pair
        raise FeaturizationError(
            f"Atoms {i} and {j} of {structure.label} are {distance:.3f} Å apart; give a conformer in which "
            f"{symbol(structure.numbers[i])} and {symbol(structure.numbers[j])} are at least {least:.2f} Å apart, as in any bond."
        )


def symbol(number: int) -> str:
    """Return the symbol of an element; "X" for a number that is none."""
    return Chem.GetPeriodicTable().GetElementSymbol(int(number)) if 1 <= number <= 118 else "X"


@cache
def atomic_number(element: str) -> int:
    """Return the atomic number of a symbol.

    Raises
    ------
    ValueError
        No such element.
    """
    try:
        with rdBase.BlockLogs():
            return Chem.GetPeriodicTable().GetAtomicNumber(element)
    except RuntimeError:
        raise ValueError(f"'{element}' is no element symbol; write symbols such as 'C', 'N', 'Cl'.") from None


def is_symbol(element: str) -> bool:
    """Tell whether a text is the symbol of an element."""
    try:
        return atomic_number(element) > 0
    except ValueError:
        return False


@lru_cache(maxsize=1)
def _vdw_table() -> np.ndarray:
    table = Chem.GetPeriodicTable()
    return np.array([0.0] + [table.GetRvdw(number) for number in range(1, 119)])


def vdw_radii(numbers: np.ndarray) -> np.ndarray:
    """Return the van der Waals radii in Å (n_atoms,), RDKit's table (after Bondi 1964, doi:10.1021/j100785a001)."""
    return _vdw_table()[numbers]


@lru_cache(maxsize=1)
def all_covalent_radii() -> np.ndarray:
    """Return covalent radii in Å by atomic number, those of RDKit (after Cordero 2008, doi:10.1039/b801115j)."""
    table = Chem.GetPeriodicTable()
    return np.array([0.0] + [table.GetRcovalent(number) for number in range(1, 119)])


def _closest_pair(structure: Structure, factor: float) -> tuple[int, int, float, float] | None:
    """Return the two atoms nearest to each other among those that are too close, their distance and the least accepted."""
    radii = all_covalent_radii()[structure.numbers]
    reach = max(CLOSEST_ATOMS, 2 * factor * float(radii.max()))
    pairs = cKDTree(structure.positions).query_pairs(reach, output_type="ndarray")
    distances = np.linalg.norm(structure.positions[pairs[:, 0]] - structure.positions[pairs[:, 1]], axis=1)
    shortest = np.maximum(factor * radii[pairs].sum(axis=1), CLOSEST_ATOMS)
    if structure.site_occupancy is not None:
        shortest[(structure.site_occupancy[pairs] < 1).any(axis=1)] = CLOSEST_ATOMS
    close = np.flatnonzero(distances < shortest)
    if len(close) == 0:
        return None
    k = close[np.lexsort((pairs[close, 1], pairs[close, 0], distances[close]))[0]]
    return int(pairs[k, 0]), int(pairs[k, 1]), float(distances[k]), float(shortest[k])
