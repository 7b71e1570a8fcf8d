"""Reads proteins, nucleic acids and what goes with them from PDB and mmCIF files, with gemmi."""

from __future__ import annotations

import logging
from functools import cache
from pathlib import Path

import gemmi
import numpy as np
from scipy.spatial import cKDTree

from deepchem_density.errors import FeaturizationError
from deepchem_density.structures.altlocs import occupancy_with_alternatives, one_conformer
from deepchem_density.structures.atom_records import AtomRecords, numbered
from deepchem_density.structures.mmcif_atoms import mmcif_atoms
from deepchem_density.structures.numbers import LARGEST_COORDINATE
from deepchem_density.structures.pdb_atoms import pdb_atoms
from deepchem_density.structures.residue_names import (
    EXTRA_SITES,
    holds_ions,
    ion_number,
    is_monatomic_ion,
    is_water,
    water_element,
)
from deepchem_density.structures.structure import CLOSEST_ATOMS, Structure, atomic_number, symbol
from deepchem_density.structures.text_files import format_suffix, read_text

__all__ = ["MACROMOLECULE_SUFFIXES", "atoms_of_file", "chosen_atoms", "read_macromolecule"]

logger = logging.getLogger(__name__)

_PDB = (".pdb", ".ent")
MACROMOLECULE_SUFFIXES = (*_PDB, ".cif", ".mmcif")
"""Suffixes of the files that are read here, each also followed by .gz."""

_UNKNOWN_RESIDUES = ("UNK", "N", "DN")
"""Standard names of residues that may hold anything."""

_POLYMER_LETTERS = ("H", "C", "N", "O", "P", "S")
_IN_POLYMERS = frozenset(atomic_number(letter) for letter in _POLYMER_LETTERS)
_RARE = np.array([number not in _IN_POLYMERS for number in range(119)])
_EXTRA_SITES = frozenset(name.encode() for name in EXTRA_SITES)

_DECIMALS = 4
"""gemmi keeps B factors and occupancies in float32; this is what is exact in them."""

_LARGEST_OCCUPANCY = 1.01
"""Refinement programs may round a sum of occupancies up."""

_LARGEST_B = 99_999.0
"""Å²; what the columns of a PDB file can hold."""


def read_macromolecule(
    path: str | Path,
    waters: bool = True,
    ions: bool = True,
    hydrogens: str = "keep",
    model: int = 0,
) -> Structure:
    """Read the atoms of a PDB (.pdb, .ent) or mmCIF (.cif, .mmcif) file, each also gzipped (.gz).

    Parameters
    ----------
    path : path
        The file.
    waters : bool
        Keep water molecules (residues HOH, DOD, WAT, H2O and the names of water in simulations). What models of water have
        besides atoms (M, EP, LP and so on) is left out.
    ions : bool
        Keep ions: residues of a single atom that is a metal or a halogen.
    hydrogens : {"keep", "drop"}
        Keep the hydrogens of the file, or drop them, then counted as implicit ones. Deuterium is hydrogen.
    model : int
        Which model of the file, counted from 0.

    Returns
    -------
    Structure
        Named after the file, with ``b_iso``, ``site_occupancy``, ``formal_charges`` and ``residues`` as far as the file
        gives them. The total charge is 0: a file without all its hydrogens does not tell it.

    Raises
    ------
    FeaturizationError
        With the file, the line or atom, and the remedy.
    ValueError
        No such setting of ``hydrogens``.

    Notes
    -----
    *Alternative locations.* Within a residue, conformers are taken from the highest mean occupancy down (blank, then
    alphabetical on a tie), each unless it shares an atom with one taken before. Where a residue number has several residues
    as alternatives (point mutations), the one of highest mean occupancy is taken whole, the first on a tie. What is taken
    stands for what is not: its occupancies are the sums over its alternatives, at most 1 (B factors stay its own). Where a
    file holds one conformer of several only, its occupancies are those of the file.

    *Atoms on the same point* (nearer than 0.1 Å). Of two in alternative locations, of the same element with the same residue
    number, or of which one has occupancy 0, that of higher occupancy stays, the first on a tie. Others are an error.

    *B factors and occupancies* are those of the file otherwise, with these exceptions: a B that is blank, overflown or
    negative is NaN (not known); a file in which all are 0 or not known gives none; occupancies that are all 0, or not all
    from 0 to 1 (some programs write charges there), are none (with a logged warning in the latter case); a blank one is 1.

    *Elements* come from their columns or else from the names of the atoms. In standard residues a name that only looks like
    a rarer element (``CA`` one column to the left) is carbon, nitrogen, and so on. An atom alone in its residue is the ion
    that both names are those of, in the PDB or in programs of simulation (``SOD``, ``CLA``, ``Na+``). Residues that share a
    number but not the insertion code are different ones.
    """
    if hydrogens not in ("keep", "drop"):
        raise ValueError(f"hydrogens={hydrogens!r} arrived; 'keep' or 'drop' is accepted for macromolecules.")
    path = Path(path)
    structure, _ = chosen_atoms(atoms_of_file(path, model), path.name, waters, ions)
    return structure.without_hydrogens() if hydrogens == "drop" else structure


def chosen_atoms(atoms: AtomRecords, name: str, waters: bool = True, ions: bool = True) -> tuple[Structure, np.ndarray]:
    """Return the structure of one conformer of each residue, and which of the atoms (n_atoms,) it is made of, as a mask.

    Parameters
    ----------
    atoms : AtomRecords
        From `atoms_of_file`.
    name : str
        What error messages call the file.
    waters, ions : bool
        As in `read_macromolecule`.

    Raises
    ------
    FeaturizationError
        As in `read_macromolecule`.
    """
    _check_positions(atoms, name)
    runs = atoms.places()
    residues = numbered(runs, atoms.residue_names)
    labels = (runs, atoms.residue_names, atoms.names, atoms.altlocs)
    conformer = one_conformer(*labels, atoms.occupancy)
    kept = conformer & _wanted(atoms, waters, ions)
    if not kept.any():
        raise FeaturizationError(f"waters={waters} and ions={ions} leave no atom of '{name}'; keep more of it.")
    _check_elements(atoms, kept, name)
    kept = _without_copies(atoms, runs, kept, name)
    b_iso, occupancy = _b_factors(atoms, name), _occupancies(atoms.occupancy, name)
    if occupancy is not None:
        occupancy = occupancy_with_alternatives(conformer, *labels, occupancy).round(_DECIMALS)
    charges = atoms.charges[kept]
    structure = Structure(
        atoms.elements[kept],
        atoms.positions[kept],
        name=name,
        b_iso=None if b_iso is None else b_iso[kept],
        site_occupancy=None if occupancy is None else occupancy[kept],
        formal_charges=charges if charges.any() else None,
        residues=numbered(residues[kept]),
    )
    return structure, kept


def atoms_of_file(path: Path, model: int = 0) -> AtomRecords:
    """Return what a file says about each atom of a model, the elements as far as they are known.

    Raises
    ------
    FeaturizationError
        As in `read_macromolecule`.
    """
    suffix = format_suffix(path)
    if suffix not in MACROMOLECULE_SUFFIXES:
        raise FeaturizationError(
            f"'{path.name}' is no macromolecule's file; {', '.join(MACROMOLECULE_SUFFIXES)}, also followed by .gz, are accepted."
        )
    atoms = (pdb_atoms if suffix in _PDB else mmcif_atoms)(read_text(path), path.name, model)
    if atoms.altlocs.any():
        atoms = atoms.together()
    return atoms._replace(elements=_elements(atoms))


def _elements(atoms: AtomRecords) -> np.ndarray:
    """Return the atomic numbers that names and residues tell, or 0."""
    numbers = atoms.elements.copy()
    ions = _may_be_ions(atoms)
    for i in np.flatnonzero(ions | _RARE[numbers]):
        number, residue_name, atom = int(numbers[i]), atoms.residue_names[i].decode(), atoms.names[i].decode()
        ion = ion_number(residue_name, atom) if ions[i] else 0
        if ion and (not is_monatomic_ion(number) or _spells(atom, number)):
            numbers[i] = ion
        elif number not in _IN_POLYMERS:
            numbers[i] = (water_element(atom) if is_water(residue_name) else _in_polymer(residue_name, atom)) or number
    return numbers


def _spells(atom: str, number: int) -> bool:
    """Tell whether an element may have been guessed from the first letters of a name, as polonium from POT."""
    return atom.upper().startswith(symbol(number).upper())


def _may_be_ions(atoms: AtomRecords) -> np.ndarray:
    """Return a mask of the atoms alone in a residue with the name of an ion."""
    named = _in_residues(atoms, [name for name in set(atoms.residue_names.tolist()) if holds_ions(name.decode())])
    return named & _alone(atoms) if named.any() else named


def _in_residues(atoms: AtomRecords, residue_names: list[bytes]) -> np.ndarray:
    """Return a mask of the atoms in residues of some names."""
    found = np.zeros(len(atoms.names), dtype=bool)
    for name in residue_names:
        found |= atoms.residue_names == name
    return found


def _alone(atoms: AtomRecords) -> np.ndarray:
    """Return a mask of the atoms whose name is the only one in their residue."""
    residues = numbered(atoms.places(), atoms.residue_names)
    first_name = np.empty(residues.max() + 1, dtype=atoms.names.dtype)
    first_name[residues[::-1]] = atoms.names[::-1]
    return np.bincount(residues, weights=atoms.names != first_name[residues])[residues] == 0


@cache
def _in_polymer(residue_name: str, atom: str) -> int:
    """Return the atomic number of an atom in a standard residue, whose name may look like a rarer element; 0 elsewhere."""
    residue = gemmi.find_tabulated_residue(residue_name)
    letter = atom.lstrip("0123456789")[:1]
    standard = residue.is_standard() or (residue.is_amino_acid() and atom == "CA")
    return (
        atomic_number(letter)
        if standard and letter in _POLYMER_LETTERS and residue_name not in _UNKNOWN_RESIDUES
        else 0
    )


def _check_elements(atoms: AtomRecords, kept: np.ndarray, name: str) -> None:
    unknown = kept & (atoms.elements == 0)
    if unknown.any():
        raise FeaturizationError(
            f"The element of {atoms.describe(int(np.argmax(unknown)))} of '{name}' is not known; write its symbol into "
            "columns 77-78 (_atom_site.type_symbol), or remove the atom."
        )


def _check_positions(atoms: AtomRecords, name: str) -> None:
    if not np.abs(atoms.positions).max() <= LARGEST_COORDINATE:  # NaN is not
        i = int(np.argmin((np.abs(atoms.positions) <= LARGEST_COORDINATE).all(axis=1)))
        raise FeaturizationError(
            f"In '{name}', {atoms.describe(i)} is at {atoms.positions[i].tolist()}; finite coordinates in Å, at most "
            f"{LARGEST_COORDINATE:,.0f} from the origin, are accepted: correct it."
        )
    if len(atoms.positions) > 1 and not atoms.positions.any():
        raise FeaturizationError(
            f"All {len(atoms.positions)} atoms of '{name}' are at 0, 0, 0; give a file with coordinates."
        )


def _b_factors(atoms: AtomRecords, name: str) -> np.ndarray | None:
    if np.nanmax(atoms.b_iso, initial=0) > _LARGEST_B:
        i = int(np.nanargmax(atoms.b_iso))
        raise FeaturizationError(
            f"In '{name}', {atoms.describe(i)} has a B factor of {atoms.b_iso[i]:g} Å²; at most {_LARGEST_B:,.0f} is accepted."
        )
    b_iso = np.where(atoms.b_iso < 0, np.nan, atoms.b_iso)
    return b_iso if np.nan_to_num(b_iso).any() else None


def _occupancies(values: np.ndarray, name: str) -> np.ndarray | None:
    if values.min() < 0 or values.max() > _LARGEST_OCCUPANCY:
        logger.warning(
            "The occupancies of '%s' reach from %g to %g, so they are something else; 1 is taken for every atom.",
            name,
            values.min(),
            values.max(),
        )
        return None
    return values if values.any() else None


def _wanted(atoms: AtomRecords, waters: bool, ions: bool) -> np.ndarray:
    """Return a mask of the atoms that are neither unwanted water, nor an unwanted ion, nor a site of water without an atom."""
    water = _in_residues(atoms, [name for name in set(atoms.residue_names.tolist()) if is_water(name.decode())])
    if waters and not _EXTRA_SITES.isdisjoint(atoms.names[water].tolist()):
        water[water] = np.isin(atoms.names[water], list(_EXTRA_SITES))
    elif waters:
        water[:] = False
    wanted = ~water
    if not ions:
        numbers = [number for number in np.unique(atoms.elements).tolist() if is_monatomic_ion(number)]
        wanted &= ~(_alone(atoms) & np.isin(atoms.elements, numbers))
    return wanted


def _without_copies(atoms: AtomRecords, runs: np.ndarray, kept: np.ndarray, name: str) -> np.ndarray:
    """Return the mask without the second of two atoms on the same point."""
    index = np.flatnonzero(kept)
    pairs = cKDTree(atoms.positions[index]).query_pairs(CLOSEST_ATOMS, output_type="ndarray")
    for i, j in index[pairs[np.lexsort(pairs.T[::-1])]]:
        if not (kept[i] and kept[j]):
            continue
        same = runs[i] == runs[j] and atoms.elements[i] == atoms.elements[j]
        if not (same or atoms.altlocs[i] != atoms.altlocs[j] or min(atoms.occupancy[i], atoms.occupancy[j]) == 0):
            raise FeaturizationError(
                f"In '{name}', {atoms.describe(i)} and {atoms.describe(j)} are on the same point; remove one of them, or "
                "tell them apart by alternative locations or occupancies."
            )
        kept[j if atoms.occupancy[i] >= atoms.occupancy[j] else i] = False
    return kept
