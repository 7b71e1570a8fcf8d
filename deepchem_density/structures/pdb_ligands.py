"""A ligand and what surrounds it, from one file that holds both, as the entries of the Protein Data Bank do."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import gemmi
import numpy as np

from deepchem_density.errors import FeaturizationError
from deepchem_density.structures.atom_records import AtomRecords
from deepchem_density.structures.macromolecule import atoms_of_file, chosen_atoms
from deepchem_density.structures.residue_names import is_water
from deepchem_density.structures.structure import Structure

__all__ = ["ligand_names", "split_ligand"]


class Residue(NamedTuple):
    """A residue of a file: its name, its number as messages show it, and its atoms in the records."""

    name: str
    label: str
    atoms: np.ndarray
    hetero: bool


def ligand_names(path: str | os.PathLike[str]) -> dict[str, int]:
    """Return which residues of a file may be ligands, and how many copies there are of each, in the order of the file.

    All that are neither water nor part of a polymer, which includes ions, sugars and what crystals are grown from.

    Parameters
    ----------
    path : path
        A PDB or mmCIF file, also gzipped (.gz). Of several models the first counts.

    Raises
    ------
    FeaturizationError
        The file cannot be read.
    """
    return dict(
        Counter(
            residue.name for residue in _residues(atoms_of_file(Path(path)).together()) if _may_be_ligand(residue.name)
        )
    )


def split_ligand(
    path: str | os.PathLike[str], residue_name: str, copy: int = 0, waters: bool = True, ions: bool = True
) -> tuple[Structure, Structure]:
    """Take a ligand out of a PDB or mmCIF file.

    Parameters
    ----------
    path : path
        The file; see `read_macromolecule`, which reads it.
    residue_name : str
        Name of the ligand's residue, one to five letters or digits; `ligand_names` gives those in a file.
    copy : int
        Which residue of that name, from 0 in the order of the file. Where some are marked as hetero atoms, only these count,
        so that an amino acid can be a ligand.
    waters, ions : bool
        Keep water molecules and monatomic ions in the second part.

    Returns
    -------
    ligand : Structure
        That one residue, in the alternative location of highest occupancy. Its name is the file's up to the first dot or
        underscore, then "_" and the residue's: "3nzd_D2Q", of which the ``map_pattern`` of the featurizers takes "3nzd".
    protein : Structure
        All else of the first model, other copies of the ligand included.

    Raises
    ------
    FeaturizationError
        The file cannot be read, has no such residue or copy, has an alternative of higher occupancy in its place, or holds
        nothing else.

    Notes
    -----
    Such files tell elements and positions, which suffice for voxels, and no bonds: hydrogens can be dropped but not added.
    The total charge of both parts is 0. A ligand of several residues, such as a chain of sugars, is not joined.
    """
    path = Path(path)
    atoms = atoms_of_file(path).together()
    whole, kept = chosen_atoms(atoms, path.name, waters, ions)
    residues = list(_residues(atoms))
    copies = [residue for residue in residues if residue.name == residue_name]
    copies = [residue for residue in copies if residue.hetero] or copies
    if not 0 <= copy < len(copies):
        counts = Counter(residue.name for residue in residues if _may_be_ligand(residue.name))
        listed = ", ".join(f"{name} ({count})" for name, count in counts.items()) or "none"
        raise FeaturizationError(
            f"'{path.name}' has {len(copies)} residues {residue_name!r}; copy={copy} arrived. Its ligands, with the number of "
            f"copies, are: {listed}."
        )
    of_copy = np.zeros(len(kept), dtype=bool)
    of_copy[copies[copy].atoms] = True
    is_ligand = of_copy[kept]
    if not is_ligand.any():
        raise FeaturizationError(
            f"{f'{residue_name} {copies[copy].label}'.strip()} of '{path.name}' is not among the atoms that are read: an "
            "alternative of higher occupancy stands in its place, or waters= and ions= leave it out; take another copy."
        )
    if is_ligand.all():
        raise FeaturizationError(
            f"'{path.name}' holds nothing but one {residue_name}; pass the file itself as the ligand."
        )
    code = path.name.split(".")[0].split("_")[0]
    return (
        replace(whole.subset(is_ligand), name=f"{code}_{residue_name}"),
        replace(whole.subset(~is_ligand), name=path.name),
    )


def _residues(atoms: AtomRecords) -> Iterator[Residue]:
    """Yield the residues, whose atoms stand together, in the order of the file."""
    new = np.ones(len(atoms.names), dtype=bool)
    new[1:] = (np.diff(atoms.places()) != 0) | (atoms.residue_names[1:] != atoms.residue_names[:-1])
    for members in np.split(np.arange(len(new)), np.flatnonzero(new)[1:]):
        name, label = atoms.residue_names[members[0]].decode(), atoms.residue_label(members[0])
        yield Residue(name, label, members, bool(atoms.hetero[members].any()))


def _may_be_ligand(residue_name: str) -> bool:
    known = gemmi.find_tabulated_residue(residue_name)
    return not (is_water(residue_name) or known.is_amino_acid() or known.is_nucleic_acid())
