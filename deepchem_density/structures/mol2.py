"""Reads Tripos mol2 files: RDKit's reader, made to tell implied hydrogens, and atoms alone where it gives up."""

from __future__ import annotations

import numpy as np
from rdkit import Chem, rdBase
from rdkit.Geometry import Point3D

from deepchem_density.errors import FeaturizationError
from deepchem_density.structures.structure import atomic_number

__all__ = ["mol_from_mol2"]


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
        Not one molecule, a type that is none of SYBYL's, a coordinate that is no number.

    Notes
    -----
    RDKit takes every hydrogen to be in the file: without any, its reader would call ethanol an oxide with five unpaired
    electrons. Where the file has none, the charges that stand for missing ones are taken back, and hydrogens are implied.
    """
    molecules = text.count("@<TRIPOS>MOLECULE")
    if molecules != 1:
        raise FeaturizationError(
            f"'{name}' holds {molecules} molecules (@<TRIPOS>MOLECULE); a mol2 file with one is accepted: split it, or pass "
            "RDKit molecules."
        )
    with rdBase.BlockLogs():
        mol = _read(text, sanitize=True) or _read(text, sanitize=False)
        if mol is None:
            return _atoms_alone(text, name)
        if any(atom.GetAtomicNum() == 1 for atom in mol.GetAtoms()):
            return mol
        return _with_implied_hydrogens(mol)


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


def _atoms_alone(text: str, name: str) -> Chem.Mol:
    """Return the atoms of a file whose bonds RDKit cannot use."""
    lines = text.split("\n")
    headings = [i for i, line in enumerate(lines) if line.startswith("@<TRIPOS>")] + [len(lines)]
    starts = [i for i in headings[:-1] if lines[i].startswith("@<TRIPOS>ATOM")]
    if len(starts) != 1:
        raise FeaturizationError(
            f"'{name}' has {len(starts)} sections @<TRIPOS>ATOM; a mol2 file with one is accepted."
        )
    last = next(i for i in headings if i > starts[0])
    mol, positions = Chem.RWMol(), []
    for i in range(starts[0] + 1, last):
        fields = lines[i].split()
        if not fields or fields[0].startswith("#"):
            continue
        element, position = _atom(fields, f"Line {i + 1} of '{name}'")
        if element != "LP":
            mol.AddAtom(Chem.Atom(0 if element == "Du" else atomic_number(element)))
            positions.append(position)
    conformer = Chem.Conformer(len(positions))
    for i, position in enumerate(positions):
        conformer.SetAtomPosition(i, Point3D(*position))
    mol.AddConformer(conformer)
    return mol.GetMol()


def _atom(fields: list[str], where: str) -> tuple[str, list[float]]:
    """Return element and position from the fields number, name, x, y, z, type."""
    try:
        position = [float(field) for field in fields[2:5]]
        element = fields[5].split(".")[0]
    except (ValueError, IndexError):
        position, element = [], ""
    if len(position) != 3 or not np.isfinite(position).all():
        raise FeaturizationError(f"{where} is '{' '.join(fields)}'; number, name, x, y, z in Å and type are accepted.")
    if element not in ("LP", "Du"):
        try:
            atomic_number(element)
        except ValueError:
            raise FeaturizationError(
                f"{where} has the atom type '{fields[5]}', which is none of SYBYL's, such as 'C.ar'; types of force fields do "
                "not tell the element: write the file with SYBYL types, or as SDF."
            ) from None
    return element, position
