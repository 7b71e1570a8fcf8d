"""A structure is elements and positions; here it is read from RDKit molecules, SMILES, SDF and xyz."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from rdkit import Chem, rdBase
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers

from deepchem_density.errors import FeaturizationError

__all__ = ["Structure", "atomic_number", "structure_from", "symbol", "vdw_radii"]

CLOSEST_ATOMS = 0.1
"""Atoms nearer than this (Å) are taken for a broken file."""

LARGEST_BRUTE_FORCE = 256


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
        Number of unpaired electrons.
    name : str
        What error messages call it.
    implicit_hydrogens : int
        Hydrogens that the source implies but gives no positions for.

    Raises
    ------
    FeaturizationError
        No atoms, arrays that do not match, an atom that is no element, positions that are not finite, atoms closer than
        0.1 Å.
    """

    numbers: np.ndarray
    positions: np.ndarray
    charge: int = 0
    unpaired: int = 0
    name: str = ""
    implicit_hydrogens: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "numbers", np.asarray(self.numbers, dtype=np.int64))
        object.__setattr__(self, "positions", np.asarray(self.positions, dtype=np.float64))
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
        if not np.isfinite(self.positions).all():
            i = int(np.argmin(np.isfinite(self.positions).all(axis=1)))
            raise FeaturizationError(
                f"Atom {i} of {self.label} is at {self.positions[i].tolist()}; positions must be finite numbers in Å."
            )
        pair = _closest_pair(self.positions)
        if pair is not None:
            i, j = pair
            distance = np.linalg.norm(self.positions[i] - self.positions[j])
            raise FeaturizationError(
                f"Atoms {i} and {j} of {self.label} are {distance:.3f} Å apart; give a conformer with distinct atoms "
                f"(at least {CLOSEST_ATOMS} Å)."
            )

    @property
    def label(self) -> str:
        """The name in quotes, or the formula of an unnamed structure."""
        return f"'{self.name}'" if self.name else f"the structure {self.formula}"

    @property
    def formula(self) -> str:
        """Element counts, carbon and hydrogen first."""
        counts: dict[str, int] = {}
        for number in self.numbers:
            counts[symbol(int(number))] = counts.get(symbol(int(number)), 0) + 1
        order = sorted(counts, key=lambda s: (s != "C", s != "H", s))
        return "".join(s + (str(counts[s]) if counts[s] > 1 else "") for s in order)


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


@lru_cache(maxsize=1)
def _vdw_table() -> np.ndarray:
    table = Chem.GetPeriodicTable()
    return np.array([0.0] + [table.GetRvdw(number) for number in range(1, 119)])


def vdw_radii(numbers: np.ndarray) -> np.ndarray:
    """Return the van der Waals radii in Å (n_atoms,), RDKit's table (after Bondi 1964, doi:10.1021/j100785a001)."""
    return _vdw_table()[numbers]


def structure_from(
    datapoint: Any,
    charge: int | str = 0,
    unpaired: int = 0,
    conformer_seed: int = 0,
    optimize: bool = True,
) -> Structure:
    """Read one datapoint: a Structure, an RDKit Mol, a SMILES, or the path of an .sdf, .mol or .xyz file.

    A Mol with a conformer is taken as it comes, hydrogens and positions. A Mol without one and a SMILES get hydrogens
    and a seeded ETKDGv3 conformer (from random coordinates where the usual start finds none), relaxed with MMFF94.

    Parameters
    ----------
    charge : int or "formal"
        Total charge; "formal" takes the sum of RDKit's formal charges, which is wrong for molecules whose bonds were
        guessed from positions (as in QM9).
    unpaired : int
        Number of unpaired electrons.
    conformer_seed : int
        Seed of the embedding.
    optimize : bool
        Relax the embedded conformer.

    Raises
    ------
    FeaturizationError
        With the reason and the remedy.
    """
    if isinstance(datapoint, Structure):
        return datapoint
    if isinstance(datapoint, Chem.Mol):
        mol = datapoint
        name = mol.GetProp("_Name") if mol.HasProp("_Name") and mol.GetProp("_Name") else ""
    elif isinstance(datapoint, Path) or (isinstance(datapoint, str) and _is_path(datapoint)):
        mol, name = _read_file(Path(datapoint)), Path(datapoint).name
    elif isinstance(datapoint, str):
        mol, name = _read_smiles(datapoint), datapoint
    else:
        raise FeaturizationError(
            f"A datapoint of type {type(datapoint).__name__} arrived; an RDKit Mol, a SMILES, the path of an .sdf, .mol "
            "or .xyz file, or a Structure is accepted."
        )
    if mol.GetNumAtoms() == 0:
        raise FeaturizationError("A molecule without atoms arrived; at least one atom is needed.")
    if mol.GetNumConformers() == 0:
        mol = _embedded(mol, name, conformer_seed, optimize)
    return _from_conformer(mol, name, charge, unpaired)


def _from_conformer(mol: Chem.Mol, name: str, charge: int | str, unpaired: int) -> Structure:
    """Return the atoms of the first conformer."""
    atoms = list(mol.GetAtoms())
    implicit = sum(atom.GetTotalNumHs() for atom in atoms if not atom.NeedsUpdatePropertyCache())
    conformer = mol.GetConformer()
    structure = Structure(
        np.array([atom.GetAtomicNum() for atom in atoms], dtype=np.int64),
        conformer.GetPositions(),
        Chem.GetFormalCharge(mol) if charge == "formal" else int(charge),
        unpaired,
        name,
        implicit,
    )
    if not conformer.Is3D() and _cannot_be_flat(mol, structure):
        raise FeaturizationError(
            f"{structure.label} is a flat drawing (all z = 0 around a tetrahedral atom); generate a conformer with "
            "rdkit.Chem.AllChem.EmbedMolecule, or pass the SMILES."
        )
    return structure


def _cannot_be_flat(mol: Chem.Mol, structure: Structure) -> bool:
    crowded = any(atom.GetDegree() + atom.GetNumExplicitHs() >= 4 for atom in mol.GetAtoms())
    drawn = structure.implicit_hydrogens > 0 and len(structure.numbers) > 3
    return bool((structure.positions[:, 2] == 0).all()) and (crowded or drawn)


def _embedded(mol: Chem.Mol, name: str, seed: int, optimize: bool) -> Chem.Mol:
    """Return the molecule with hydrogens and a conformer."""
    shown = name or Chem.MolToSmiles(mol)
    full = Chem.AddHs(mol)
    parameters = rdDistGeom.ETKDGv3()
    parameters.randomSeed = seed  # type: ignore[assignment]
    with rdBase.BlockLogs():
        found = rdDistGeom.EmbedMolecule(full, parameters)
        if found != 0:  # as RDKit advises for cages and other crowded molecules
            parameters.useRandomCoords = True  # type: ignore[assignment]
            found = rdDistGeom.EmbedMolecule(full, parameters)
        if found != 0:
            raise FeaturizationError(
                f"RDKit's ETKDGv3 found no conformer for '{shown}' with seed {seed}; pass another conformer_seed, or a Mol "
                "with a conformer of your own."
            )
        if optimize:
            if not rdForceFieldHelpers.MMFFHasAllMoleculeParams(full):
                raise FeaturizationError(
                    f"MMFF94 has no parameters for '{shown}'; pass optimize=False to take the ETKDGv3 conformer as it is, or "
                    "a Mol with a conformer of your own."
                )
            rdForceFieldHelpers.MMFFOptimizeMolecule(full, maxIters=1000)
    return full


def _is_path(text: str) -> bool:
    return Path(text).suffix.lower() in _READERS


def _read_smiles(smiles: str) -> Chem.Mol:
    with rdBase.BlockLogs():
        mol = Chem.MolFromSmiles(smiles)
    if mol is None:
        raise FeaturizationError(
            f"RDKit cannot read '{smiles}' as SMILES; correct it, or pass a path that ends in {', '.join(sorted(_READERS))}."
        )
    return mol


def _read_file(path: Path) -> Chem.Mol:
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise FeaturizationError(
            f"'{path.name}' ends in '{path.suffix}'; files that end in {', '.join(sorted(_READERS))} are read."
        )
    if not path.is_file():
        raise FeaturizationError(f"There is no file '{path}'; check the path.")
    return reader(path)


def _read_sdf(path: Path) -> Chem.Mol:
    """Return the only record, sanitized where RDKit can, as it is otherwise."""
    text = path.read_bytes().decode("utf-8-sig", errors="replace").replace("\r\n", "\n")
    records = [record for record in re.split(r"^\$\$\$\$.*\n?", text, flags=re.MULTILINE) if record.strip()]
    if len(records) != 1:
        raise FeaturizationError(
            f"'{path.name}' holds {len(records)} molecules; a file with one is accepted. Read it with "
            "rdkit.Chem.SDMolSupplier or deepchem's SDFLoader and pass the molecules."
        )
    with rdBase.BlockLogs():
        mol = Chem.MolFromMolBlock(records[0], removeHs=False)
        if mol is None:
            mol = Chem.MolFromMolBlock(records[0], removeHs=False, sanitize=False)
    if mol is None:
        raise FeaturizationError(
            f"RDKit cannot read '{path.name}' as an SDF or mol file; its counts, atoms or bonds are broken."
        )
    return mol


def _read_xyz(path: Path) -> Chem.Mol:
    with rdBase.BlockLogs():
        mol = Chem.MolFromXYZBlock(path.read_text(encoding="utf-8-sig", errors="replace"))
    if mol is None:
        raise FeaturizationError(
            f"RDKit cannot read '{path.name}' as xyz; a line with the number of atoms, a comment, then 'symbol x y z' in Å "
            "for each atom is accepted."
        )
    return mol


_READERS = {".sdf": _read_sdf, ".mol": _read_sdf, ".sd": _read_sdf, ".xyz": _read_xyz}


def _closest_pair(positions: np.ndarray) -> tuple[int, int] | None:
    """Return two atoms nearer than ``CLOSEST_ATOMS``, or None."""
    if len(positions) <= LARGEST_BRUTE_FORCE:
        squares = ((positions[:, None] - positions[None]) ** 2).sum(axis=-1)
        squares[np.diag_indices(len(positions))] = np.inf
        i, j = np.unravel_index(int(squares.argmin()), squares.shape)
        return (int(i), int(j)) if squares[i, j] < CLOSEST_ATOMS**2 else None
    from scipy.spatial import cKDTree

    pairs = cKDTree(positions).query_pairs(CLOSEST_ATOMS, output_type="ndarray")
    return (int(pairs[0, 0]), int(pairs[0, 1])) if len(pairs) else None
