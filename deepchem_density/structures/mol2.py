"""Reads Tripos mol2 files: RDKit's reader, made to tell implied hydrogens, and atoms alone where it gives up."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import NamedTuple

import numpy as np
from rdkit import Chem, rdBase
from rdkit.Geometry import Point3D

from deepchem_density.errors import FeaturizationError
from deepchem_density.structures.charges import STATED_CHARGE
from deepchem_density.structures.missing_hydrogens import carbons_with_room
from deepchem_density.structures.numbers import coordinates, real, whole
from deepchem_density.structures.structure import LARGEST_CHARGE, atomic_number
from deepchem_density.structures.text_files import guarded

__all__ = ["mol_from_mol2"]

_ATOM_FIELDS = 6
_MOLECULE = re.compile(r"^@<TRIPOS>MOLECULE", re.MULTILINE)
_RDKIT_READS = re.compile(r"[-+]?[0-9]*\.?[0-9]*(?:[eE][-+]?[0-9]+)?")
_FORMAL = re.compile(r"^@<TRIPOS>MOLECULE\n(?:.*\n){3,4}?FORMAL_CHARGES", re.MULTILINE)

_C, _VALENCE = 6, 4
_CHARGE = 8
"""Place of the charge among the fields of an atom."""

_ROUNDED = 1e-3


def mol_from_mol2(text: str, name: str) -> Chem.Mol:
    r"""Return the only molecule of a mol2 file with its conformer.

    It is sanitized where RDKit can, else has the charges that its reader infers from the SYBYL types, else is atoms without
    bonds. Lone pairs (LP) are left out; dummies (Du) have atomic number 0.

    Parameters
    ----------
    text : str
        The file, lines ended by ``\n``.
    name : str
        What error messages call it.

    Raises
    ------
    FeaturizationError
        Not one molecule, a type that is none of SYBYL's, a coordinate that is no number, or another number of atoms than is
        announced.

    Notes
    -----
    RDKit takes every hydrogen to be in the file: without any, its reader would call ethanol an oxide with five unpaired
    electrons. Where the file has none, the charges that stand for missing ones are taken back, and hydrogens are implied.
    Where it has some, as files with polar hydrogens only, they are implied on the carbons whose bonds leave a valence over
    and whose neighbours leave room; a single such carbon that lacks one, where others have hydrogens, may be an ion or a radical,
    and is left as it is.

    Where the charge type is FORMAL_CHARGES, the sum of the column is the total charge that the molecule states.
    """
    molecules = len(_MOLECULE.findall(text))
    if molecules != 1:
        raise FeaturizationError(
            f"'{name}' holds {molecules} molecules (@<TRIPOS>MOLECULE); a mol2 file with one is accepted: split it, or pass "
            "RDKit molecules."
        )
    rows = _atom_rows(text, name)
    positions = [coordinates(row.fields[2:5], row.where) for row in rows]
    text = _with_plain_numbers(text, rows, positions)
    with rdBase.BlockLogs(), guarded(name, "mol2"):
        mol = _read(text, sanitize=True) or _read(text, sanitize=False)
        if mol is None or mol.GetNumAtoms() == 0:
            mol = _atoms_alone(rows, positions)
        elif not any(atom.GetAtomicNum() == 1 for atom in mol.GetAtoms()):
            mol = _with_implied_hydrogens(mol)
        elif lacking := _carbons_that_lack_hydrogens(mol):
            mol = _with_hydrogens_on(mol, lacking)
    _state_charges(mol, text, rows, name)
    return mol


def _read(text: str, sanitize: bool) -> Chem.Mol | None:
    try:
        return Chem.MolFromMol2Block(text, sanitize=sanitize, removeHs=False)
    except (RuntimeError, ValueError):
        return None


def _with_implied_hydrogens(mol: Chem.Mol) -> Chem.Mol:
    """Return the molecule sanitized with room for hydrogens, or as it is where that fails."""
    implied = Chem.Mol(mol)
    try:
        Chem.Kekulize(implied, clearAromaticFlags=True)  # while the charges say which nitrogens are like pyrrole's
        for atom in implied.GetAtoms():
            sybyl_type = atom.GetProp("_TriposAtomType") if atom.HasProp("_TriposAtomType") else ""
            atom.SetNoImplicit(False)
            atom.SetNumRadicalElectrons(0)
            if atom.GetFormalCharge() < 0 and sybyl_type != "O.co2":
                atom.SetFormalCharge(0)
        Chem.SanitizeMol(implied)
    except ValueError:  # RDKit's MolSanitizeException is one
        return mol
    return implied


def _carbons_that_lack_hydrogens(mol: Chem.Mol) -> list[int]:
    """Return the carbons with room for hydrogens by their bonds and by their geometry."""
    plain = Chem.Mol(mol)
    with suppress(ValueError):  # RDKit's MolSanitizeException is one
        Chem.Kekulize(plain, clearAromaticFlags=True)
    numbers = np.array([atom.GetAtomicNum() for atom in plain.GetAtoms()])
    room = carbons_with_room(numbers, plain.GetConformer().GetPositions()).tolist()
    bonds = {i: sum(bond.GetBondTypeAsDouble() for bond in plain.GetAtomWithIdx(i).GetBonds()) for i in room}
    lacking = [i for i in room if bonds[i] < _VALENCE]
    others = any(
        atom.GetAtomicNum() == _C and any(near.GetAtomicNum() == 1 for near in atom.GetNeighbors())
        for atom in plain.GetAtoms()
    )
    ambiguous = others and [bonds[i] for i in lacking] == [_VALENCE - 1]
    return [] if ambiguous else lacking


def _with_hydrogens_on(mol: Chem.Mol, carbons: list[int]) -> Chem.Mol:
    """Return the molecule sanitized with hydrogens implied on some carbons, or as it is where that fails."""
    implied = Chem.Mol(mol)
    try:
        Chem.Kekulize(implied, clearAromaticFlags=True)
        for atom in map(implied.GetAtomWithIdx, carbons):
            atom.SetNoImplicit(False)
            atom.SetNumRadicalElectrons(0)
            atom.SetFormalCharge(0)
        Chem.SanitizeMol(implied)
    except ValueError:  # RDKit's MolSanitizeException is one
        return mol
    return implied


def _state_charges(mol: Chem.Mol, text: str, rows: list[AtomRow], name: str) -> None:
    """Note the total charge where the file has formal charges, and those of the atoms where each is a whole number."""
    if not _FORMAL.search(text):
        return
    short = next((row for row in rows if len(row.fields) <= _CHARGE), None)
    if short is not None:
        raise FeaturizationError(
            f"{short.where} has no charge, and the charge type of the file is FORMAL_CHARGES; add it, or correct the charge type."
        )
    charges = np.array([real(row.fields[_CHARGE], row.where, "formal charge") for row in rows])
    if np.abs(charges).max() > LARGEST_CHARGE:
        row = rows[int(np.abs(charges).argmax())]
        raise FeaturizationError(
            f"{row.where} has the formal charge {row.fields[_CHARGE]}; charges from {-LARGEST_CHARGE} to {LARGEST_CHARGE} are "
            "accepted: correct it."
        )
    total = float(charges.sum())
    if abs(total - round(total)) > _ROUNDED:
        raise FeaturizationError(
            f"The FORMAL_CHARGES of '{name}' add up to {total:g}; a whole number is accepted: pass charge= or correct them."
        )
    mol.SetIntProp(STATED_CHARGE, round(total))
    if len(rows) == mol.GetNumAtoms() and (charges == np.rint(charges)).all():
        for atom, charge in zip(mol.GetAtoms(), charges.astype(int).tolist(), strict=True):
            atom.SetFormalCharge(charge)


class AtomRow(NamedTuple):
    """The fields of an atom, the index of its line, and how messages call it."""

    fields: list[str]
    line: int
    where: str


def _atom_rows(text: str, name: str) -> list[AtomRow]:
    """Return the rows of the only section of atoms."""
    lines = text.split("\n")
    headings = [i for i, line in enumerate(lines) if line.startswith("@<TRIPOS>")] + [len(lines)]
    starts = [i for i in headings[:-1] if lines[i].startswith("@<TRIPOS>ATOM")]
    if len(starts) != 1:
        raise FeaturizationError(
            f"'{name}' has {len(starts)} sections @<TRIPOS>ATOM; a mol2 file with one is accepted."
        )
    last = next(i for i in headings if i > starts[0])
    rows = []
    for i in range(starts[0] + 1, last):
        fields = lines[i].split()
        if not fields or fields[0].startswith("#"):
            continue
        if len(fields) < _ATOM_FIELDS:
            raise FeaturizationError(
                f"Line {i + 1} of '{name}' is '{' '.join(fields)}'; number, name, x, y, z in Å and type are accepted."
            )
        rows.append(AtomRow(fields, i, f"Line {i + 1} of '{name}'"))
    _check_count(lines, len(rows), name)
    return rows


def _check_count(lines: list[str], n_rows: int, name: str) -> None:
    """Refuse another number of atoms than the third line of the molecule announces; some programs leave 0 there."""
    heading = next(i for i, line in enumerate(lines) if line.startswith("@<TRIPOS>MOLECULE"))
    counts = lines[heading + 2].split() if heading + 2 < len(lines) else []
    announced = whole(counts[0], f"Line {heading + 3} of '{name}'", "number of atoms") if counts else n_rows
    if announced not in (0, n_rows):
        raise FeaturizationError(
            f"'{name}' announces {announced} atoms and holds {n_rows}; it is cut or was changed: get it again, or correct the "
            "number."
        )


def _with_plain_numbers(text: str, rows: list[AtomRow], positions: list[np.ndarray]) -> str:
    """Return the file with Fortran's exponents, which RDKit does not read, written as others write them."""
    lines = text.split("\n")
    for row, position in zip(rows, positions, strict=True):
        if not all(map(_RDKIT_READS.fullmatch, row.fields[2:5])):
            lines[row.line] = " ".join([*row.fields[:2], *map(repr, position.tolist()), *row.fields[5:]])
    return "\n".join(lines)


def _atoms_alone(rows: list[AtomRow], positions: list[np.ndarray]) -> Chem.Mol:
    """Return the atoms of a file whose bonds RDKit cannot use."""
    mol, kept = Chem.RWMol(), []
    for row, position in zip(rows, positions, strict=True):
        element = _element(row.fields[5], row.where)
        if element != "LP":
            mol.AddAtom(Chem.Atom(0 if element == "Du" else atomic_number(element)))
            kept.append(position)
    conformer = Chem.Conformer(len(kept))
    for i, position in enumerate(kept):
        conformer.SetAtomPosition(i, Point3D(*position.tolist()))
    mol.AddConformer(conformer)
    return mol.GetMol()


def _element(sybyl_type: str, where: str) -> str:
    """Return the element's symbol in a SYBYL type, "LP" and "Du" as they are."""
    element = sybyl_type.split(".")[0]
    if element not in ("LP", "Du"):
        try:
            atomic_number(element)
        except ValueError:
            raise FeaturizationError(
                f"{where} has the atom type '{sybyl_type}', which is none of SYBYL's, such as 'C.ar'; types of force fields do "
                "not tell the element: write the file with SYBYL types, or as SDF."
            ) from None
    return element
