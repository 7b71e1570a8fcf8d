"""A ligand and what surrounds it, from one file that holds both, as the entries of the Protein Data Bank do."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import gemmi
import numpy as np
from scipy.spatial import cKDTree

from deepchem_density.errors import FeaturizationError
from deepchem_density.structures.altlocs import one_conformer
from deepchem_density.structures.macromolecule import read_macromolecule
from deepchem_density.structures.structure import Structure

__all__ = ["ligand_names", "split_ligand"]

SAME_POINT = 1e-3
"""Å; positions in these files have three decimals."""

DECIMALS = 4
"""Of occupancies, which gemmi keeps in single precision."""


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
    return dict(Counter(residue.name for _, residue in _residues(Path(path)) if _may_be_ligand(residue)))


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
    whole = read_macromolecule(path, waters=waters, ions=ions)
    residues = _residues(path)
    copies = [(place, residue) for place, residue in residues if residue.name == residue_name]
    copies = [(place, residue) for place, residue in copies if residue.het_flag == "H"] or copies
    if not 0 <= copy < len(copies):
        listed = ", ".join(f"{name} ({count})" for name, count in ligand_names(path).items()) or "none"
        raise FeaturizationError(
            f"'{path.name}' has {len(copies)} residues {residue_name!r}; copy={copy} arrived. Its ligands, with the number of "
            f"copies, are: {listed}."
        )
    wanted = copies[copy][0]
    is_ligand = _atoms_of(residue_name, [residue for place, residue in residues if place == wanted], whole)
    if not is_ligand.any():
        raise FeaturizationError(
            f"{residue_name} {wanted[1]} of '{path.name}' is not among the atoms that are read: an alternative of higher "
            "occupancy stands in its place, or waters= and ions= leave it out; take another copy."
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


def _residues(path: Path) -> list[tuple[tuple[str, str], gemmi.Residue]]:
    """Return the place, chain and number, of each residue of the first model, and the residue."""
    try:
        models = gemmi.read_structure(str(path))
    except (OSError, RuntimeError, ValueError) as error:
        raise FeaturizationError(
            f"'{path}' cannot be read ({' '.join(str(error).split())}); give a PDB or mmCIF file."
        ) from error
    chains: Iterable[gemmi.Chain] = models[0] if len(models) else []
    return [((chain.name, str(residue.seqid)), residue.clone()) for chain in chains for residue in chain]


def _may_be_ligand(residue: gemmi.Residue) -> bool:
    known = gemmi.find_tabulated_residue(residue.name)
    return not (known.is_water() or known.is_amino_acid() or known.is_nucleic_acid())


def _atoms_of(name: str, alternatives: list[gemmi.Residue], whole: Structure) -> np.ndarray:
    """Return a mask of the atoms of a structure that belong to one of the residues at a place of its file."""
    sites = [(residue.name, atom) for residue in alternatives for atom in residue]
    names = np.array([residue_name for residue_name, _ in sites])
    kept = one_conformer(
        np.zeros(len(sites), dtype=np.int64),
        names,
        np.array([atom.name for _, atom in sites]),
        np.array([ord(atom.altloc) for _, atom in sites]),
        np.array([atom.occ for _, atom in sites]).round(DECIMALS),
    )
    positions = np.array([atom.pos.tolist() for _, atom in sites])[kept & (names == name)]
    distances, nearest = cKDTree(whole.positions).query(positions.reshape(-1, 3), distance_upper_bound=SAME_POINT)
    is_ligand = np.zeros(len(whole.numbers), dtype=bool)
    is_ligand[nearest[np.isfinite(distances)]] = True
    return is_ligand
