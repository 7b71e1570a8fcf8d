"""Reads xyz files, which hold elements and positions and nothing about bonds."""

from __future__ import annotations

import re

from rdkit import Chem
from rdkit.Geometry import Point3D

from deepchem_density.errors import FeaturizationError
from deepchem_density.structures.numbers import coordinates, is_real, whole
from deepchem_density.structures.structure import atomic_number

__all__ = ["atoms_alone", "mol_from_xyz"]

_ACCEPTED = "a line with the number of atoms, a comment, then 'symbol x y z' in Å for each atom is accepted"
_SYMBOL = re.compile(r"[A-Za-z]{1,2}")
_DEUTERIUM = ("D", "T")
_COLUMNS = 4


def mol_from_xyz(text: str, name: str) -> Chem.Mol:
    r"""Return the atoms of an xyz file with their positions.

    Parameters
    ----------
    text : str
        The file, lines ended by ``\n``.
    name : str
        What error messages call it.

    Raises
    ------
    FeaturizationError
        Naming the line: no number of atoms, more or fewer atoms than that, another molecule behind them, no element, what is
        no number, columns behind z that are no numbers.

    Notes
    -----
    Elements are symbols in any case or atomic numbers. What stands behind x, y and z (charges, velocities, forces) is
    left out if it is numbers; words there mean that the columns are others.
    """
    lines = text.rstrip().split("\n")
    first = lines[0].split()
    if len(first) != 1 or not first[0].isascii() or not first[0].isdigit():
        raise FeaturizationError(f"'{name}' cannot be read as xyz, its first line is '{lines[0][:40]}'; {_ACCEPTED}.")
    n_atoms = whole(first[0], f"Line 1 of '{name}'", "number of atoms")
    if len(lines) != n_atoms + 2:
        more = "" if len(lines) < n_atoms + 2 else ": split the file if it holds several molecules"
        raise FeaturizationError(
            f"'{name}' says {n_atoms} atoms and has {max(len(lines) - 2, 0)} lines behind its comment; {_ACCEPTED}{more}."
        )
    rows = [_atom(line, f"Line {i} of '{name}'") for i, line in enumerate(lines[2:], start=3)]
    return atoms_alone([number for number, _ in rows], [position for _, position in rows])


def atoms_alone(numbers: list[int], positions: list[list[float]]) -> Chem.Mol:
    """Return a molecule of RDKit without bonds."""
    mol, conformer = Chem.RWMol(), Chem.Conformer(len(numbers))
    conformer.Set3D(True)
    for number, position in zip(numbers, positions, strict=True):
        atom = Chem.Atom(number)
        atom.SetNoImplicit(True)
        conformer.SetAtomPosition(mol.AddAtom(atom), Point3D(*position))
    mol.AddConformer(conformer)
    return mol.GetMol()


def _atom(line: str, where: str) -> tuple[int, list[float]]:
    words = line.split()
    if len(words) < _COLUMNS:
        raise FeaturizationError(f"{where} is '{line.strip()[:60]}'; symbol, x, y and z in Å are accepted.")
    odd = [word for word in words[_COLUMNS:] if not is_real(word)]
    if odd:
        raise FeaturizationError(
            f"{where} has '{odd[0][:40]}' behind symbol, x, y and z; numbers are accepted there: remove the extra columns."
        )
    return _element(words[0], where), coordinates(words[1:_COLUMNS], where).tolist()


def _element(word: str, where: str) -> int:
    if word.isascii() and word.isdigit():
        return whole(word, where, "atomic number")
    if word.upper() in _DEUTERIUM:
        return 1
    try:
        return atomic_number(word.capitalize() if _SYMBOL.fullmatch(word) else word)
    except ValueError:
        raise FeaturizationError(
            f"{where} has '{word[:40]}' as its element; a symbol such as 'C' or an atomic number is accepted."
        ) from None
