"""Reads proteins, nucleic acids and what goes with them from PDB and mmCIF files, with gemmi."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, NamedTuple

import gemmi
import numpy as np
from scipy.spatial import cKDTree

from deepchem_density.errors import FeaturizationError
from deepchem_density.structures.altlocs import occupancy_with_alternatives, one_conformer
from deepchem_density.structures.pdb_lines import checked_pdb
from deepchem_density.structures.structure import CLOSEST_ATOMS, Structure, atomic_number
from deepchem_density.structures.text_files import format_suffix, read_text

__all__ = ["MACROMOLECULE_SUFFIXES", "read_macromolecule"]

logger = logging.getLogger(__name__)

_PDB = (".pdb", ".ent")
MACROMOLECULE_SUFFIXES = (*_PDB, ".cif", ".mmcif")
"""Suffixes of the files that are read here, each also followed by .gz."""

_SIMULATED_WATERS = ("SOL", "SPC", "T3P", "T4P", "TIP", "TIP3", "TIP4", "TP3", "TP4")
"""Names of waters in simulations, which are not those of the PDB."""

_UNKNOWN_RESIDUES = ("UNK", "N", "DN")
"""Standard names of residues that may hold anything."""

_POLYMER_LETTERS = ("H", "C", "N", "O", "P", "S")
_IN_POLYMERS = [atomic_number(letter) for letter in _POLYMER_LETTERS]
_HALOGENS = [atomic_number(halogen) for halogen in ("F", "Cl", "Br", "I")]

_DEUTERIUM = 119
"""gemmi's place for D, after the last element."""

_DECIMALS = 4
"""gemmi keeps B factors and occupancies in float32; this is what is exact in them."""

_LARGEST_OCCUPANCY = 1.01
"""Refinement programs may round a sum of occupancies up."""


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
        Keep water molecules (residues HOH, DOD, WAT, H2O and the names of water in simulations).
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
    a rarer element (``CA`` one column to the left) is carbon, nitrogen, and so on. Residues that share a number but not the
    insertion code are different ones.
    """
    if hydrogens not in ("keep", "drop"):
        raise ValueError(f"hydrogens={hydrogens!r} arrived; 'keep' or 'drop' is accepted for macromolecules.")
    path = Path(path)
    atoms = _atoms_of(_parsed(path), model, path.name)
    numbers = _elements(atoms, path.name)
    _check_positions(atoms, path.name)
    runs = _runs(atoms)
    residues = _numbered(runs, atoms.residue_names)
    labels = (runs, atoms.residue_names, atoms.names, atoms.altlocs)
    conformer = one_conformer(*labels, atoms.occupancy)
    kept = conformer & _wanted(atoms, numbers, residues, conformer, waters, ions)
    if not kept.any():
        raise FeaturizationError(f"waters={waters} and ions={ions} leave no atom of '{path.name}'; keep more of it.")
    kept = _without_copies(atoms, numbers, runs, kept, path.name)
    b_iso, occupancy = _b_factors(atoms.b_iso), _occupancies(atoms.occupancy, path.name)
    if occupancy is not None:
        occupancy = occupancy_with_alternatives(conformer, *labels, occupancy).round(_DECIMALS)
    charges = atoms.charges[kept]
    structure = Structure(
        numbers[kept],
        atoms.positions[kept],
        name=path.name,
        b_iso=None if b_iso is None else b_iso[kept],
        site_occupancy=None if occupancy is None else occupancy[kept],
        formal_charges=charges if charges.any() else None,
        residues=_numbered(residues[kept]),
    )
    return structure.without_hydrogens() if hydrogens == "drop" else structure


def _parsed(path: Path) -> gemmi.Structure:
    suffix = format_suffix(path)
    if suffix not in MACROMOLECULE_SUFFIXES:
        raise FeaturizationError(
            f"'{path.name}' is no macromolecule's file; {', '.join(MACROMOLECULE_SUFFIXES)}, also followed by .gz, are accepted."
        )
    text = read_text(path)
    structure = _from_pdb(text, path.name) if suffix in _PDB else _from_cif(text, path.name)
    if len(structure) == 0 or structure[0].count_atom_sites() == 0:
        raise FeaturizationError(f"'{path.name}' holds no atoms; it begins with {text.lstrip()[:40]!r}.")
    return structure


def _from_pdb(text: str, name: str) -> gemmi.Structure:
    checked = checked_pdb(text, name)
    try:
        return gemmi.read_pdb_string(checked)
    except (RuntimeError, ValueError) as error:
        raise FeaturizationError(f"'{name}' cannot be read as a PDB file: {' '.join(str(error).split())}.") from error


def _from_cif(text: str, name: str) -> gemmi.Structure:
    try:
        document = gemmi.cif.read_string(text)  # kept by name: its blocks and columns are parts of it
        blocks = [block for block in document if block.find_values("_atom_site.Cartn_x")]
        if len(blocks) != 1:
            raise FeaturizationError(
                f"'{name}' has {len(blocks)} blocks with coordinates (_atom_site.Cartn_x), one is accepted; restraints and "
                "structure factors are no structures."
            )
        b_column = blocks[0].find_values("_atom_site.B_iso_or_equiv")
        for i in range(len(b_column)):
            if b_column[i] in ("?", "."):
                b_column[i] = "nan"
        structure = gemmi.make_structure_from_block(blocks[0])
    except FeaturizationError:
        raise
    except (RuntimeError, ValueError) as error:
        raise FeaturizationError(f"'{name}' cannot be read as mmCIF: {' '.join(str(error).split())}.") from error
    if not b_column:  # gemmi's default is 20 Å²
        for site in structure[0].all():
            site.atom.b_iso = np.nan
    return structure


class _Atoms(NamedTuple):
    """What the file says about each atom of a model, in arrays (n_atoms,)."""

    elements: np.ndarray
    positions: np.ndarray
    names: np.ndarray
    residue_names: np.ndarray
    chains: np.ndarray
    residue_numbers: np.ndarray
    insertion_codes: np.ndarray
    altlocs: np.ndarray
    occupancy: np.ndarray
    b_iso: np.ndarray
    charges: np.ndarray

    def describe(self, i: int) -> str:
        """Say which atom this is."""
        number = f"{self.residue_numbers[i]}{chr(self.insertion_codes[i])}".strip()
        chain = self.chains[i].decode().strip()
        shown = f"atom {self.names[i].decode()} of {self.residue_names[i].decode()} {number}"
        return f"{shown} in chain {chain}" if chain else shown


def _atoms_of(structure: gemmi.Structure, model: int, name: str) -> _Atoms:
    if not 0 <= model < len(structure):
        raise FeaturizationError(
            f"'{name}' has {len(structure)} models; model={model} arrived, 0 to {len(structure) - 1} are accepted."
        )
    for i in reversed([i for i in range(len(structure)) if i != model]):
        del structure[i]
    flat: Any = gemmi.FlatStructure(structure)
    in_file = np.argsort(flat.serials, kind="stable")
    return _Atoms(
        flat.elements[in_file].astype(np.int64),
        flat.pos[in_file],
        _words(flat.atom_names[in_file]),
        _words(flat.residue_names[in_file]),
        _words(flat.chain_ids[in_file]),
        flat.resnums[in_file],
        flat.icodes[in_file],
        flat.altlocs[in_file],
        flat.occ[in_file].astype(np.float64).round(_DECIMALS),
        flat.b_iso[in_file].astype(np.float64).round(_DECIMALS),
        flat.charge[in_file].astype(np.int64),
    )


def _words(characters: np.ndarray) -> np.ndarray:
    """Return words (n,) from gemmi's characters (n, 8)."""
    return np.ascontiguousarray(characters).view("S8").ravel()


def _elements(atoms: _Atoms, name: str) -> np.ndarray:
    numbers = np.where(atoms.elements == _DEUTERIUM, 1, atoms.elements)
    for i in np.flatnonzero(~np.isin(numbers, _IN_POLYMERS)):
        residue_name, atom = atoms.residue_names[i].decode(), atoms.names[i].decode()
        residue = gemmi.find_tabulated_residue(residue_name)
        letter = atom.lstrip("0123456789")[:1]
        misread = residue.is_standard() or (residue.is_amino_acid() and atom == "CA")
        if misread and letter in _POLYMER_LETTERS and residue_name not in _UNKNOWN_RESIDUES:
            numbers[i] = atomic_number(letter)
    unknown = numbers == 0
    if unknown.any():
        raise FeaturizationError(
            f"The element of {atoms.describe(int(np.argmax(unknown)))} of '{name}' is not known; write its symbol into "
            "columns 77-78 (_atom_site.type_symbol), or remove the atom."
        )
    return numbers


def _check_positions(atoms: _Atoms, name: str) -> None:
    finite = np.isfinite(atoms.positions).all(axis=1)
    if not finite.all():
        i = int(np.argmin(finite))
        raise FeaturizationError(
            f"In '{name}', {atoms.describe(i)} is at {atoms.positions[i].tolist()}; finite coordinates in Å are accepted."
        )
    if len(atoms.positions) > 1 and not atoms.positions.any():
        raise FeaturizationError(
            f"All {len(atoms.positions)} atoms of '{name}' are at 0, 0, 0; give a file with coordinates."
        )


def _b_factors(values: np.ndarray) -> np.ndarray | None:
    b_iso = np.where(values < 0, np.nan, values)
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


def _runs(atoms: _Atoms) -> np.ndarray:
    """Return the running number of the stretch of atoms with the same chain, residue number and insertion code."""
    new = np.zeros(len(atoms.chains), dtype=bool)
    for label in (atoms.chains, atoms.residue_numbers, atoms.insertion_codes):
        new[1:] |= label[1:] != label[:-1]
    return new.cumsum()


def _numbered(labels: np.ndarray, others: np.ndarray | None = None) -> np.ndarray:
    """Return the running number, from 0 in order of appearance, of each label, or pair of labels."""
    if others is not None:
        names, place = np.unique(others, return_inverse=True)
        labels = labels * len(names) + place
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse]


def _wanted(
    atoms: _Atoms, numbers: np.ndarray, residues: np.ndarray, kept: np.ndarray, waters: bool, ions: bool
) -> np.ndarray:
    """Return a mask of the atoms that are neither unwanted water nor an unwanted ion."""
    wanted = np.ones(len(numbers), dtype=bool)
    if not waters:
        names = atoms.residue_names
        wanted &= ~np.isin(names, [name for name in np.unique(names) if _is_water(name.decode())])
    if not ions:
        alone = np.bincount(residues[kept], minlength=residues.max() + 1)[residues] == 1
        charged = [n for n in np.unique(numbers).tolist() if n in _HALOGENS or gemmi.Element(n).is_metal]
        wanted &= ~(alone & np.isin(numbers, charged))
    return wanted


def _is_water(name: str) -> bool:
    return name in _SIMULATED_WATERS or gemmi.find_tabulated_residue(name).is_water()


def _without_copies(atoms: _Atoms, numbers: np.ndarray, runs: np.ndarray, kept: np.ndarray, name: str) -> np.ndarray:
    """Return the mask without the second of two atoms on the same point."""
    index = np.flatnonzero(kept)
    pairs = cKDTree(atoms.positions[index]).query_pairs(CLOSEST_ATOMS, output_type="ndarray")
    for i, j in index[pairs[np.lexsort(pairs.T[::-1])]]:
        if not (kept[i] and kept[j]):
            continue
        same = runs[i] == runs[j] and numbers[i] == numbers[j]
        if not (same or atoms.altlocs[i] != atoms.altlocs[j] or min(atoms.occupancy[i], atoms.occupancy[j]) == 0):
            raise FeaturizationError(
                f"In '{name}', {atoms.describe(i)} and {atoms.describe(j)} are on the same point; remove one of them, or "
                "tell them apart by alternative locations or occupancies."
            )
        kept[j if atoms.occupancy[i] >= atoms.occupancy[j] else i] = False
    return kept
